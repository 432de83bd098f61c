"""Several judges of the same responses: each is loaded once, and how far they agree is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from analysis.agreement import COLUMNS as MEASURES
from analysis.agreement import agreement
from analysis.classify.classify import classify
from analysis.classify.judge import BATCH, Unjudged, Verdict, ask, labelled, name_of, readable
from analysis.classify.labels import NAME, Label
from analysis.rates import wilson
from analysis.rows import ALL
from probes.backends.opening import open_backend
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analysis.classify.labels import Answer
    from probes.catalogue import ModelEntry
    from probes.cell import ModelDescription
    from probes.engine import Watch

COLUMNS = ["language", "a", "b", *MEASURES]

MAJORITY = "majority"
SAME_IN_BOTH = "same in both orders"
COVERED = "coverage over 0.5"
HALF = 0.5


class Memory(Protocol):
    """What keeps the labels of single judges, so that no judge is asked twice."""

    def known(self, name: str, version: str) -> dict[str, Verdict]:
        """What a judge said before, by id of the answer."""

    def keep(self, name: str, version: str, labels: Sequence[Label]) -> None:
        """Keep some labels of a judge."""


class Forgetful:
    """A memory that keeps nothing."""

    def known(self, name: str, version: str) -> dict[str, Verdict]:
        """Nothing."""
        del name, version
        return {}

    def keep(self, name: str, version: str, labels: Sequence[Label]) -> None:
        """Nothing is kept."""


@dataclass(frozen=True)
class Panel:
    """What judges made of some responses.

    Attributes:
        labels: of each response, in order.
        name, version: of the judges together, as a classifier.
        figures: how far they can be relied on, by language: columns `COLUMNS`. Rows with a
            ``b`` are `agreement` of two raters on the responses that have a letter or digit; the
            others are shares of the responses that a judge was asked about now: with the same
            outcome in both orders of the options, and with a coverage over one half.
    """

    labels: list[Label | Unjudged]
    name: str
    version: str
    figures: pd.DataFrame


class Judges:
    """Judges as a classifier of answers.

    Attributes:
        seated: what they made of the answers that were labelled last; None before.
    """

    def __init__(self, entries: Sequence[ModelEntry], watch: Watch) -> None:
        """Name the models; they are loaded when there is something to label."""
        self._entries = entries
        self._watch = watch
        self.seated: Panel | None = None

    def __call__(self, answers: Iterable[Answer]) -> Iterator[Label | Unjudged]:
        """Label answers, in order; all of them are in memory.

        Raises:
            DoxaError: a judge cannot be opened, or cannot go on.
        """
        numbered = [replace(answer, id=str(at)) for at, answer in enumerate(answers)]
        if numbered:
            self.seated = sit(self._entries, numbered, self._watch)
            yield from self.seated.labels

    def sure(self, answers: Iterable[Answer]) -> Iterator[Label]:
        """The same, where a label is needed for every answer.

        Raises:
            AnalysisError: there is none.
            DoxaError: as above.
        """
        for label in self(answers):
            if isinstance(label, Unjudged):
                raise AnalysisError(label.error, "Name another judge.")
            yield label


def sit(
    entries: Sequence[ModelEntry],
    answers: Sequence[Answer],
    watch: Watch,
    memory: Memory | None = None,
) -> Panel:
    """Let models judge responses, one model after the other, so that one at a time is loaded.

    Args:
        entries: of the judges, at least one.
        answers: at least one, with ids that differ.
        watch: is told how it goes.
        memory: of what judges said before.

    Raises:
        DoxaError: a judge cannot be opened, or cannot go on.
    """
    models: list[ModelDescription] = []
    verdicts: list[list[Verdict]] = []
    for entry in entries:
        model, found = _sitting(entry, answers, watch, memory or Forgetful())
        models.append(model)
        verdicts.append(found)
    labels = [labelled(*one) for one in zip(answers, zip(*verdicts, strict=True), strict=True)]
    names = [name_of([model])[0] for model in models]
    raters = pd.DataFrame(
        {"language": [answer.language for answer in answers]}
        | {
            name: [verdict.outcome for verdict in found]
            for name, found in zip(names, verdicts, strict=True)
        }
        | {MAJORITY: [label.outcome if isinstance(label, Label) else None for label in labels]}
        | {NAME: [label.outcome for label in classify(answers)]}
    )
    if len(models) == 1:
        raters = raters.drop(columns=MAJORITY)
    read = [readable(answer) for answer in answers]
    parts = [
        _reliance(
            name, raters["language"][read], [v for v, r in zip(found, read, strict=True) if r]
        )
        for name, found in zip(names, verdicts, strict=True)
    ]
    figures = _joined([*parts, agreements(raters[read])])
    return Panel(labels, *name_of(models), figures)


def _sitting(
    entry: ModelEntry, answers: Sequence[Answer], watch: Watch, memory: Memory
) -> tuple[ModelDescription, list[Verdict]]:
    backend = open_backend(entry)
    try:
        model = backend.description
        name = name_of([model])
        found = memory.known(*name)
        left = [answer for answer in answers if answer.id not in found]
        watch.start(f"judge {entry.id}", len(answers) - len(left), len(answers))
        try:
            for begin in range(0, len(left), BATCH):
                batch = left[begin : begin + BATCH]
                said = dict(zip(batch, ask(backend, batch), strict=True))
                found |= {answer.id: verdict for answer, verdict in said.items()}
                labels = (labelled(answer, [verdict]) for answer, verdict in said.items())
                memory.keep(*name, [label for label in labels if isinstance(label, Label)])
                watch.advance(len(batch))
        finally:
            watch.finish()
    finally:
        backend.close()
    return model, [found[answer.id] for answer in answers]


def _reliance(judge: str, language: pd.Series[str], verdicts: Sequence[Verdict]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "language": language.to_numpy(),
            "coverage": [verdict.coverage for verdict in verdicts],
            SAME_IN_BOTH: [verdict.steady for verdict in verdicts],
        }
    ).dropna()
    table[COVERED] = table["coverage"] > HALF
    rows = []
    for code, part in by_language(table):
        for measure in (SAME_IN_BOTH, COVERED):
            n, held = len(part), int(part[measure].sum())
            low, high = wilson(held, n)
            rows.append([code, judge, "", measure, held / n, float(low), float(high), n, ""])
    return pd.DataFrame(rows, columns=COLUMNS)


def agreements(raters: pd.DataFrame) -> pd.DataFrame:
    """How far raters agree, by language.

    Args:
        raters: columns ``language`` and one per rater with its outcomes, None where it gave none.
            All are held against the trained classifier, and the judges against each other.

    Returns:
        Columns `COLUMNS`, for each language and, where there are several, for `ALL` of them.
    """
    names = [name for name in raters.columns if name not in {"language", MAJORITY, NAME}]
    against = [*names, *([MAJORITY] if MAJORITY in raters.columns else [])]
    pairs = [*combinations(names, 2), *((name, NAME) for name in against)]
    parts = [
        agreement(part[[a, b]]).assign(language=language, a=a, b=b)
        for language, part in by_language(raters)
        for a, b in pairs
    ]
    return _joined(parts)


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True)[COLUMNS] if full else pd.DataFrame(columns=COLUMNS)


def by_language(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each language in the order of its name, then all where there are several."""
    languages = sorted(table["language"].unique())
    for language in languages:
        yield language, table[table["language"] == language]
    if len(languages) > 1:
        yield ALL, table
