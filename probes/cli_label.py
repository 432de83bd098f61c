"""Whose labels responses get: the classifier that comes with doxa, or models as judges."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prompts.errors import UsageError

if TYPE_CHECKING:
    from analysis.classify.judge_panel import Judges
    from probes.catalogue import ModelEntry


class Classifier(StrEnum):
    """What ``--classifier`` may be."""

    trained = "trained"
    judge = "judge"


RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="A run file, such as runs/x.sqlite.")]
Which = Annotated[
    Classifier, typer.Option(help="The one that comes with doxa, or models as judges.")
]
Names = Annotated[
    str | None,
    typer.Option("--judge", help="Ids from `doxa models list`, or GGUF files; the majority says."),
]


def label(run_file: RunFile, classifier: Which = Classifier.trained, judge: Names = None) -> None:
    """Label the open responses of a run, and let these labels count in its reports.

    What was labelled before by the same classifier or judge is not labelled again.
    """
    entries = judges(classifier, judge)
    if not entries:
        from analysis.labelling import choose_trained

        labelled = choose_trained(run_file)
        typer.echo(f"Labelled {labelled:,} responses; the trained classifier’s labels count.")
        return
    from rich.console import Console

    from analysis.classify.judge import Unjudged
    from analysis.judging import judge_run
    from probes.progress import watch
    from reports.judge_table import print_judges

    panel = judge_run(run_file, entries, watch(Console(stderr=True)))
    unjudged = [one for one in panel.labels if isinstance(one, Unjudged)]
    typer.echo(
        f"{len(panel.labels) - len(unjudged):,} responses have labels of {panel.name} "
        f"{panel.version}; these count."
    )
    if unjudged:
        typer.echo(f"{len(unjudged):,} have none: {unjudged[0].error}")
    print_judges(panel.figures, Console())


def judges(classifier: Classifier, names: str | None) -> list[ModelEntry]:
    """The models that are to judge; none where the trained classifier labels.

    Raises:
        UsageError: a judge is named without need, or none where one is needed.
        ModelError: a model is unknown.
    """
    from probes.catalogue import find

    if classifier is Classifier.trained:
        if names is not None:
            raise UsageError(
                "--judge names a model, and the classifier is the trained one.",
                "Give --classifier judge too, or leave --judge out.",
            )
        return []
    asked = [name.strip() for name in (names or "").split(",") if name.strip()]
    if not asked:
        raise UsageError(
            "--classifier judge needs a model.",
            "Name one or several with --judge; `doxa models list` shows the models.",
        )
    return list({entry.id: entry for entry in map(find, asked)}.values())


def classify_file(source: Path, target: Path, entries: list[ModelEntry]) -> None:
    """Label a file of responses, and say how it went; with judges, also how far they agree.

    Raises:
        UsageError, AnalysisError, ModelError: as the classifiers say.
    """
    from rich.console import Console

    from analysis.classify import jsonl

    panel = _panel(entries) if entries else None
    summary = jsonl.classify_file(source, target, *([panel] if panel else []))
    outcomes = ", ".join(f"{count:,} {name}" for name, count in summary.outcomes.items())
    typer.echo(f"Labelled {summary.labelled:,} responses ({outcomes or 'none'}).")
    if summary.abstained:
        typer.echo(f"Of these labels {summary.abstained:,} abstain: they are too uncertain to use.")
    if summary.failed:
        typer.echo(f"{summary.failed:,} lines have no label; {target} says why, line by line.")
    if panel and panel.seated:
        from reports.judge_table import print_judges

        path = target.with_name(f"{target.stem}.agreement.csv")
        panel.seated.figures.to_csv(path, index=False)
        typer.echo(f"The judges: {panel.seated.name} {panel.seated.version}; figures in {path}.")
        print_judges(panel.seated.figures, Console())


def evaluate(names: str, entries: list[ModelEntry]) -> None:
    """Measure the classifier, or judges, on test answers.

    Raises:
        UsageError, BatteryError, AnalysisError, ModelError: as the parts say.
    """
    from rich.console import Console

    from analysis.classify.answer_files import answer_files
    from analysis.classify.evaluate import evaluate as measure
    from reports.score_table import print_evaluation

    found = answer_files(names)
    print_evaluation(measure(found, _panel(entries).sure) if entries else measure(found), Console())


def _panel(entries: list[ModelEntry]) -> Judges:
    from rich.console import Console

    from analysis.classify.judge_panel import Judges
    from probes.progress import watch

    return Judges(entries, watch(Console(stderr=True)))
