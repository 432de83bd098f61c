"""The command ``doxa plan power``."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

app = typer.Typer(help="How much to ask, before asking.", no_args_is_help=True)

RunFile = Annotated[
    Path | None,
    typer.Option("--from", metavar="RUN", help="Take variance components from a run file."),
]


@app.callback()
def plan() -> None:
    """How much to ask, before asking."""


@app.command("power", epilog="Example: doxa plan power --models 2 --topics 20 --difference 0.1")
def plan_power(
    models: Annotated[int, typer.Option(help="Models to be compared, every pair of them.")],
    topics: Annotated[int, typer.Option(help="Topics of the battery.")],
    difference: Annotated[
        float, typer.Option(help="To be found: of stance, and of excess divergence in bits.")
    ],
    frames: Annotated[str, typer.Option(help="Numbers of frames to try.")] = "4,8",
    samples: Annotated[
        str, typer.Option(help="Answers drawn of each prompt; 0: probabilities are read off.")
    ] = "0,1,10",
    run_file: RunFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Find how many question families, frames and samples show a difference of a given size.

    Power is simulated on models whose differences are known: 80 % at 5 %, after Holm.
    """
    from dataclasses import replace

    from rich.console import Console

    from analysis import power
    from reports.power_table import plan_json, print_plan

    asked = power.Question(
        models, topics, difference, _numbers("--frames", frames), _numbers("--samples", samples)
    )
    components, notes = None, []
    if run_file is not None:
        from analysis.components import estimate
        from analysis.tables import load

        found = estimate(load(run_file))
        components, notes = found.components, found.notes
    with _progress() as progress:
        result = power.plan_power(asked, components=components, seed=seed, progress=progress)
    result = replace(result, notes=[*notes, *result.notes])
    if as_json:
        typer.echo(plan_json(result))
    else:
        print_plan(result, Console())


def _numbers(option: str, text: str) -> tuple[int, ...]:
    from prompts.errors import UsageError

    try:
        return tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        raise UsageError(
            f"{option} {text} is not a list of numbers.", f"Write it as {option} 4,8."
        ) from None


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on the error stream that goes away when all is done; nothing without a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Simulating")
        yield lambda done, total: bar.update(task, completed=done, total=total)
