"""The errors of the classifier that comes with doxa, as they were measured on test answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis import confusion
from analysis.classify.labels import LEAST_PROBABILITY
from analysis.classify.scores import SCORES, outcome_scores, scores
from analysis.tables import OUTCOMES
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASURED = Path(__file__).parent / "measured.json"

KEPT = (
    *("told", "told_right", "kept", "kept_right", "strategies", "strategies_right"),
    *("calibration_error", "calibrated_error"),
)
"""Figures that counts of outcomes do not hold, see `evaluate.Evaluation`."""

UNMEASURED = "errors were not measured"

COLUMNS = [
    *("language", *SCORES, *KEPT),
    *(f"{name}_{what}" for name in OUTCOMES for what in ("n", "recall", "precision")),
    "reason",
]


@dataclass(frozen=True)
class Measured:
    """What is known of the classifier that comes with doxa.

    Attributes:
        classifier: its name and version, as ``Tables.classifier``; empty where nothing was kept.
        counts: by language, a row per true and a column per predicted outcome.
        figures: a row by language, with the columns `KEPT`.
    """

    classifier: str
    counts: dict[str, pd.DataFrame]
    figures: pd.DataFrame


def load(counts: Path = confusion.MEASURED, figures: Path = MEASURED) -> Measured:
    """Read what `evaluate.write` kept; empty where a file is missing.

    Raises:
        AnalysisError: a file holds something else.
    """
    if not (counts.is_file() and figures.is_file()):
        return Measured("", {}, pd.DataFrame(columns=list(KEPT)))
    try:
        content = json.loads(figures.read_text("utf-8"))
        rows = pd.DataFrame.from_dict(content["languages"], orient="index")[list(KEPT)]
        name = f"{content['classifier']} {content['version']}"
        return Measured(name, confusion.load_confusion(counts), rows.astype(float))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AnalysisError(
            f"{figures} holds no figures of the classifier ({error!r}).",
            "Restore it: install doxa again, or run python -m analysis.classify.evaluate.",
        ) from error


def counts_for(classifier: str, known: Measured) -> dict[str, pd.DataFrame]:
    """The counts by language that hold for a classifier; empty where it is another one."""
    return known.counts if classifier and classifier == known.classifier else {}


def classifier_table(classifier: str, languages: Sequence[str], known: Measured) -> pd.DataFrame:
    """What is known of a classifier's errors in the languages of a run; columns `COLUMNS`.

    Args:
        classifier: ``Tables.classifier``.
        languages: of the run's open responses.
        known: from `load`.

    Returns:
        A row a language. Where errors were not measured (another classifier, or no test answers)
        the numbers are NaN and ``reason`` says why.
    """
    counts = counts_for(classifier, known)
    rows = [
        {"language": language} | (_row(language, counts, known) if counts else {"n": 0.0})
        for language in languages
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    missing = table["n"] == 0
    table["reason"] = [
        "" if not gone else (f"no test answers in {code}" if counts else UNMEASURED)
        for gone, code in zip(missing, table["language"], strict=True)
    ]
    return table


def abstentions(opened: pd.DataFrame) -> pd.DataFrame:
    """How many labels of a run abstain, because their outcome has little probability.

    Args:
        opened: ``Tables.opened``.

    Returns:
        ``language, labelled, abstained``, a row a language with labels.
    """
    columns = ["language", "labelled", "abstained"]
    if "outcome" not in opened:
        return pd.DataFrame(columns=columns)
    rows = opened[opened["outcome"].notna()]
    chance = pd.Series(np.nan, index=rows.index)
    for outcome in rows["outcome"].unique():
        if (column := f"prob_{outcome}") in rows:
            chance = chance.mask(rows["outcome"] == outcome, rows[column])
    counted = (chance < LEAST_PROBABILITY).groupby(rows["language"]).agg(["size", "sum"])
    return counted.reset_index().set_axis(columns, axis=1)


def _row(language: str, counts: dict[str, pd.DataFrame], known: Measured) -> dict[str, float]:
    if language not in counts:
        return {"n": 0.0}
    each = outcome_scores(counts[language]).set_index("outcome")
    kept = known.figures.reindex([language]).iloc[0]
    return (
        scores(counts[language])
        | {name: float(kept[name]) for name in KEPT}
        | {
            f"{name}_{what}": float(each[what].get(name, float("nan")))
            for name in OUTCOMES
            for what in ("n", "recall", "precision")
        }
    )
