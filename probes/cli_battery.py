"""The commands ``doxa battery show``, ``check`` and ``table``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from prompts.load import Battery

app = typer.Typer(help="The questions: reading and checking batteries.", no_args_is_help=True)

LEAST_ALIKE = 10

BatteryName = Annotated[str, typer.Option("--battery", help="A battery's name or folder.")]


@app.command("show", epilog="Example: doxa battery show taiwan --language zh")
def show_battery(
    topic: Annotated[str | None, typer.Argument(help="A topic; without it, a list.")] = None,
    language: Annotated[str, typer.Option(help="The language to read it in.")] = "en",
    battery: BatteryName = "core",
) -> None:
    """Print a battery's topics, or one topic as a person would read it, with the English."""
    from rich.console import Console

    from probes.battery_view import print_battery, print_topic
    from prompts.load import load_battery

    if topic is None:
        print_battery(load_battery(battery, languages=["en"]), Console())
    else:
        loaded = load_battery(battery, languages=[language], topics=[topic])
        print_topic(loaded, topic, language, Console())


@app.command("check", epilog="Example: doxa battery check core")
def check_battery(
    battery: Annotated[str, typer.Argument(help="A battery's name or folder.")] = "core",
    model: Annotated[
        str | None,
        typer.Option(help="Also list labels that begin with the same token of this GGUF model."),
    ] = None,
    meaning: Annotated[
        bool, typer.Option("--meaning", help="Also list the texts least like their English.")
    ] = False,
) -> None:
    """Check that a battery is whole: every text in every language, no slip that a rule can find."""
    from rich.console import Console

    from prompts.check import check
    from prompts.errors import BatteryError
    from prompts.load import load_battery

    loaded = load_battery(battery)
    findings = check(loaded)
    console = Console()
    if model is not None:
        _print_collisions(loaded, model, console)
    if meaning:
        _print_meanings(loaded, console)
    for finding in findings:
        console.print(str(finding), markup=False, highlight=False, soft_wrap=True)
    if findings:
        raise BatteryError(
            f"{loaded.name} {loaded.version}: {len(findings)} findings.",
            "Correct the lines above, or say in the topic's terms why they are right.",
        )
    console.print(
        f"{loaded.name} {loaded.version}: {len(loaded.topics)} topics in "
        f"{len(loaded.languages)} languages, nothing found.",
        highlight=False,
    )


def _print_collisions(battery: Battery, model: str, console: Console) -> None:
    from probes.catalogue import find
    from probes.label_collisions import label_collisions

    entry = find(model)
    collisions = label_collisions(battery, entry)
    for collision in collisions:
        console.print(str(collision), markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{entry.id}: {len(collisions)} sets of labels begin with the same token. "
        "That is no fault: they are scored as whole sequences.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _print_meanings(battery: Battery, console: Console) -> None:
    from prompts.meaning import meanings

    for language in battery.languages:
        if language == "en":
            continue
        found = meanings(battery, language)
        astray = sum(text.astray for text in found)
        console.print(
            f"{language}: {astray} of {len(found)} texts are nearer to the English of another "
            "topic. The least alike, with the cosine of their meanings:",
            highlight=False,
            soft_wrap=True,
        )
        for text in found[:LEAST_ALIKE]:
            other = f", nearer to {text.nearest}" if text.astray else ""
            console.print(f"  {text.similarity:.2f} {text.name}{other}", highlight=False)


@app.command("table", epilog="Example: doxa battery table core")
def battery_table(
    battery: Annotated[str, typer.Argument(help="A battery's name or folder.")] = "core",
) -> None:
    """Print how many topics stand in each language, by kind of text, as a Markdown table."""
    from prompts.coverage import coverage_table
    from prompts.load import load_battery

    typer.echo(coverage_table(load_battery(battery)))
