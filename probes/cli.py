"""The command line, ``doxa``. It sits on top of every layer and imports each only when asked."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from probes import cli_audit, cli_battery, cli_models, cli_plan
from prompts.errors import DoxaError, UsageError

app = typer.Typer(
    help="Measure which values language models carry, by topic and language.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_battery.app, name="battery")
app.add_typer(cli_plan.app, name="plan")
app.command("audit", epilog="Example: doxa audit runs/x.sqlite --sample 200")(cli_audit.audit)


STOPPED = 130  # by Ctrl-C, as shells count it


class Precision(StrEnum):
    """What ``--precision`` may be."""

    auto = "auto"
    native = "native"
    bf16 = "bf16"
    f32 = "f32"


RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="A run file, such as runs/x.sqlite.")]


def main() -> None:
    """Run a command; errors become one clear line and an exit status, never a traceback."""
    try:
        status = app(standalone_mode=False)
    except DoxaError as error:
        _complain(error.what, error.remedy)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        status = STOPPED
    except OSError as error:
        _complain(
            f"{error.filename or 'The output'} cannot be used ({error.strerror or error}).",
            "Check that it is there, that it is yours to use, and that the disk has room.",
        )
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last resort of a command line
        if hasattr(error, "exit_code") and hasattr(error, "format_message"):
            _complain(error.format_message(), "`--help` shows how it is used.")
            sys.exit(error.exit_code)
        _complain(*_bug(error))
        sys.exit(1)
    if status == STOPPED:  # Typer, too, turns Ctrl-C into this status, without a word
        _complain("Stopped.", "What was stored stays; the same command continues.")
    sys.exit(status or 0)


def _complain(what: str, remedy: str) -> None:
    from rich.console import Console

    from probes.plain_text import for_terminal

    Console(stderr=True, soft_wrap=True).print(
        f"doxa: {for_terminal(what)} {for_terminal(remedy)}", markup=False, highlight=False
    )


def _bug(error: Exception) -> tuple[str, str]:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="doxa-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write("".join(traceback.format_exception(error)))
    return (
        f"Something went wrong that doxa did not foresee ({type(error).__name__}: {error}).",
        f"Please report it with the details in {log.name}.",
    )


@app.command(
    epilog="Example: doxa run --battery core --languages en,zh,fr "
    "--models smollm2-135m-instruct,gemma-3-270m --out runs/x.sqlite"
)
def run(
    models: Annotated[str, typer.Option(help="Ids from `doxa models list`, or GGUF files.")],
    out: Annotated[Path | None, typer.Option(help="The run file to write or continue.")] = None,
    battery: Annotated[
        str, typer.Option(help="A battery's name or folder, or a .jsonl file of your own items.")
    ] = "core",
    slice_: Annotated[str | None, typer.Option("--slice", help="A slice of the battery.")] = None,
    languages: Annotated[str | None, typer.Option(help="Such as en,zh,fr; all by default.")] = None,
    topics: Annotated[str | None, typer.Option(help="Such as taiwan,abortion.")] = None,
    domains: Annotated[str | None, typer.Option(help="Such as sovereignty,economy.")] = None,
    kinds: Annotated[str | None, typer.Option(help="Of agree,choose,open,task.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Ask at most so many cells of a model.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="For sampled answers.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, max=5, help="0 is greedy.")] = 0.7,
    max_tokens: Annotated[int, typer.Option(min=1, max=8192, help="Of an open answer.")] = 128,
    precision: Annotated[
        Precision, typer.Option(help="Of the weights in memory; native is as the file is.")
    ] = Precision.auto,
    exact: Annotated[
        bool, typer.Option("--exact", help="Score each cell with a full prefill of its own; slow.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count, and time.")] = False,
) -> None:
    """Ask models the questions of a battery; the same command again continues the run."""
    from probes.asking import ask, parse_request, preview

    request = parse_request(
        models=models,
        battery=battery,
        part=slice_,
        languages=languages,
        topics=topics,
        domains=domains,
        kinds=kinds,
        limit=limit,
    )
    if dry_run:
        preview(request, max_tokens=max_tokens, precision=precision.value)
        return
    if out is None:
        raise UsageError("--out is missing.", "Name the run file, such as --out runs/x.sqlite.")
    from probes.cell import Sampling

    sampling = Sampling(max_tokens=max_tokens, temperature=temperature, top_p=0.95, seed=seed)
    failures = ask(request, out, sampling, precision.value, exact=exact)
    from analysis.labelling import label_run

    label_run(out)
    for failure in failures:
        _complain(failure.error.what, failure.error.remedy)
    if failures:
        raise typer.Exit(1)


@app.command(epilog="Example: doxa status runs/x.sqlite")
def status(run_file: RunFile) -> None:
    """Show how far a run is."""
    from probes.asking import show_status

    show_status(run_file)


@app.command(
    epilog="Example: doxa compare runs/x.sqlite smollm2-135m-instruct qwen2.5-coder-0.5b-instruct"
)
def compare(
    run_file: RunFile,
    a: Annotated[str, typer.Argument(metavar="A", help="A model of the run.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another model of the run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    draws: Annotated[int, typer.Option(min=200, help="Bootstrap and permutation draws.")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Compare two models, topic by topic, against their noise floor."""
    from rich.console import Console

    from analysis.labelling import label_run
    from analysis.study import compare as compare_models
    from analysis.tables import load
    from reports.terminal import comparison_json, print_comparison

    label_run(run_file)
    comparison = compare_models(load(run_file), a, b, draws=draws, seed=seed)
    if as_json:
        typer.echo(comparison_json(comparison))
    else:
        print_comparison(comparison, Console())


@app.command(epilog="Example: doxa report runs/x.sqlite --pdf report.pdf")
def report(
    run_file: RunFile,
    pdf: Annotated[Path, typer.Option(help="The PDF to write.")],
    draws: Annotated[int, typer.Option(min=200, help="Bootstrap and permutation draws.")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write the report of a run as a PDF."""
    from analysis.exploration import explore
    from analysis.labelling import label_run
    from analysis.study import study
    from analysis.tables import load
    from reports.pdf import write_pdf

    label_run(run_file)
    tables = load(run_file)
    found = study(tables, draws=draws, seed=seed)
    write_pdf(tables, found, explore(tables, draws=draws, seed=seed), pdf)
    typer.echo(f"Wrote {pdf}.")


@app.command(epilog="Example: doxa export runs/x.sqlite --to tables/")
def export(
    run_file: RunFile,
    to: Annotated[Path, typer.Option(help="The folder to write to.")],
) -> None:
    """Write the tables of a run as Parquet and CSV."""
    from analysis.exploration import explore
    from analysis.labelling import label_run
    from analysis.study import study
    from analysis.tables import load
    from reports.export import export as export_tables

    label_run(run_file)
    tables = load(run_file)
    for path in export_tables(tables, study(tables), explore(tables), to):
        typer.echo(str(path))


@app.command(epilog="Example: doxa classify --input responses.jsonl --output labels.jsonl")
def classify(
    input_: Annotated[
        Path | None, typer.Option("--input", help="One response a line, as JSON.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="The labels, one a line.")] = None,
    evaluate: Annotated[
        str | None,
        typer.Option(
            help="In place of both: how often the classifier is right on test answers, in "
            "languages such as fr,zh, in all, or in a file of your own, such as my/fr.yaml."
        ),
    ] = None,
) -> None:
    """Classify responses from elsewhere, or measure the classifier.

    A line of input is {"id", "language", "prompt", "response"} and, where known, "pro" and "con".
    """
    if evaluate is not None:
        if input_ or output:
            raise UsageError(
                "--evaluate measures on test answers and takes no --input and no --output.",
                "Leave either out.",
            )
        _evaluate(evaluate)
        return
    if input_ is None or output is None:
        raise UsageError(
            f"{'--output' if input_ else '--input'} is missing.",
            "Name both files, or measure the classifier with --evaluate all.",
        )
    from analysis.classify.jsonl import classify_file

    summary = classify_file(input_, output)
    outcomes = ", ".join(f"{count:,} {name}" for name, count in summary.outcomes.items())
    typer.echo(f"Labelled {summary.labelled:,} responses ({outcomes or 'none'}).")
    if summary.abstained:
        typer.echo(f"Of these labels {summary.abstained:,} abstain: they are too uncertain to use.")
    if summary.failed:
        typer.echo(f"{summary.failed:,} lines could not be read; {output} says why, line by line.")


def _evaluate(names: str) -> None:
    from rich.console import Console

    from analysis.classify.answer_files import answer_files
    from analysis.classify.evaluate import evaluate
    from reports.score_table import print_evaluation

    print_evaluation(evaluate(answer_files(names)), Console())
