"""Holds the classifier against answers that readers have labelled, and keeps what came out.

    python -m analysis.classify.evaluate

writes the counts of true and predicted outcomes (`confusion.MEASURED`) and the other figures
(`measured.MEASURED`) of the classifier that is here now, over the test half of every file in
``answers/``. Run it after every change of the classifier or of a test answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analysis import confusion
from analysis.classify import measured
from analysis.classify.answer_files import EVERY, answer_files, known_answers
from analysis.classify.classify import classify
from analysis.classify.labels import NAME, VERSION
from analysis.classify.scores import calibrated_error, calibration_error, scores
from analysis.confusion import ANSWERS
from analysis.rows import ALL
from analysis.tables import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from analysis.classify.answer_files import Known
    from analysis.classify.labels import Answer, Label

    Classifier = Callable[[Iterable[Answer]], Iterator[Label]]

LONG = 20
"""Characters that a response must exceed for its language to be counted."""

OTHER, SWITCHED = "other-language", "switch-half-way"


@dataclass(frozen=True)
class Evaluation:
    """What a classifier makes of labelled answers.

    Attributes:
        counts: by language, a row per true and a column per predicted outcome.
        figures: a row by language, and ``all`` where there are several: ``language``,
            `scores.SCORES`, ``told, told_right`` (responses over 20 characters whose language is
            known, and those of them whose language was seen), ``kept, kept_right`` (labels that
            do not abstain, and those of them that are right), ``strategies, strategies_right``
            (responses of a known strategy that were seen to deflect or refuse, and those whose
            strategy was seen), ``calibration_error`` and ``calibrated_error``, which a classifier
            with exact probabilities would show.
    """

    counts: dict[str, pd.DataFrame]
    figures: pd.DataFrame


def evaluate(paths: Sequence[Path], classifier: Classifier = classify) -> Evaluation:
    """Classify the test half of files of answers, and count what is right.

    A response counts as one in the asked language, but ``other-language`` as one in any other;
    degenerate ones, and those that switch half way, count in neither.

    Args:
        paths: from `answer_files`.
        classifier: gives a label for each answer, in order.

    Raises:
        BatteryError: a file is malformed.
    """
    known = known_answers(paths)
    labels = list(classifier(one.answer for one in known))
    rows = pd.DataFrame(
        [_row(one, label) for one, label in zip(known, labels, strict=True)],
    )
    names = [*OUTCOMES, ANSWERS]
    parts = {str(language): part for language, part in rows.groupby("language", sort=False)}
    counts = {
        language: pd.crosstab(part["true"], part["said"])
        .reindex(index=names, columns=names, fill_value=0)
        .rename_axis(index=None, columns=None)
        for language, part in parts.items()
    }
    every = {**parts, ALL: rows} if len(parts) > 1 else parts
    figures = [
        scores(counts[language] if language in counts else _sum(counts)) | _more(part)
        for language, part in every.items()
    ]
    table = pd.DataFrame(figures)
    table.insert(0, "language", list(every))
    return Evaluation(counts, table)


def _sum(counts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    first, *rest = counts.values()
    return sum(rest, start=first)


def _row(one: Known, label: Label) -> dict[str, object]:
    written = one.answer.language
    seen = label.response_language
    told = len(one.answer.response) > LONG and one.outcome != "degenerate" and one.hard != SWITCHED
    right = seen not in {None, written} if one.hard == OTHER else seen == written
    return {
        "language": written,
        "true": one.outcome,
        "said": label.outcome,
        "probability": label.probabilities[label.outcome],
        "told": told,
        "told_right": told and right,
        "kept": not label.abstains,
        "strategies": bool(one.strategy and label.strategy),
        "strategies_right": bool(one.strategy) and one.strategy == label.strategy,
    }


def _more(part: pd.DataFrame) -> dict[str, float]:
    probability = part["probability"].to_numpy(float)
    right = (part["true"] == part["said"]).to_numpy(bool)
    return {
        "told": int(part["told"].sum()),
        "told_right": int(part["told_right"].sum()),
        "kept": int(part["kept"].sum()),
        "kept_right": int((right & part["kept"].to_numpy(bool)).sum()),
        "strategies": int(part["strategies"].sum()),
        "strategies_right": int(part["strategies_right"].sum()),
        "calibration_error": calibration_error(probability, right),
        "calibrated_error": calibrated_error(probability),
    }


def write(evaluation: Evaluation, counts: Path, figures: Path) -> None:
    """Keep an evaluation of the classifier that comes with doxa beside it, as JSON.

    Args:
        evaluation: of the test halves of all languages.
        counts: the file for `confusion.load_confusion`; zeros are left out.
        figures: the file for `measured.load`.
    """
    tables = {
        language: {
            str(true): {str(said): int(n) for said, n in row.items() if n}
            for true, row in table.iterrows()
            if row.any()
        }
        for language, table in evaluation.counts.items()
    }
    rows = evaluation.figures[evaluation.figures["language"] != ALL].set_index("language")
    content = {
        "classifier": NAME,
        "version": VERSION,
        "languages": {
            str(language): {name: _rounded(value) for name, value in row.items()}
            for language, row in rows[list(measured.KEPT)].iterrows()
        },
    }
    for path, kept in ((counts, tables), (figures, content)):
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _rounded(value: float) -> float:
    return int(value) if float(value).is_integer() else round(float(value), 4)


if __name__ == "__main__":
    found = evaluate(answer_files(EVERY))
    write(found, confusion.MEASURED, measured.MEASURED)
    print(found.figures.round(3).to_string(index=False))  # noqa: T201
