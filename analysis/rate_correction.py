"""Rates of outcomes that carry the classifier's own error, by people's labels or by test answers.

Where people labelled enough of a row's responses, its rates rest on them (`prediction_powered`).
Elsewhere they are corrected by how often the classifier mistook each outcome on test answers in
the language (`confusion`), and where that says too little, a rate stays as labelled, with the
bounds that the classifier's worst error leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.confusion import ANSWERS, STANCES
from analysis.confusion_correction import (
    CORRECTED,
    RAW,
    UNCORRECTABLE,
    by_confusion,
    known_errors,
)
from analysis.outcomes import outcome_table
from analysis.prediction_powered import powered_rate
from analysis.rows import ALL
from analysis.tables import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

POWERED = "prediction-powered"

COLUMNS = [
    *("model", "language", "kind", "outcome", "n", "total", "rate"),
    *("corrected", "low", "high", "method", "reason"),
]

LEAST_LABELLED = 20
"""Labels by people that a row needs before its rates rest on them."""

UNCLEAR = "unclear"
NO_SUCH = "these questions have no such outcome"

_GROUP = ["model", "language", "kind"]


def corrected_outcomes(
    opened: pd.DataFrame,
    audit: pd.DataFrame,
    confusion: Mapping[str, pd.DataFrame],
    *,
    draws: int = 2000,
    seed: int | Sequence[int] = 0,
) -> pd.DataFrame:
    """How often each model's responses have each outcome, the classifier's errors considered.

    Args:
        opened: ``Tables.opened``.
        audit: ``Tables.audit``; labels ``unclear`` are left out, and where several people
            labelled a response each counts in part.
        confusion: counts by language, from `confusion.load_confusion`; empty where the labels are
            from a classifier whose errors were not measured, such as a model as judge.
        draws: from what run and test answers leave open.
        seed: of the draws.

    Returns:
        A row by model, language (``all`` too), kind and outcome, with `COLUMNS`: ``n`` labels of
        ``total``, ``rate`` as labelled, ``corrected`` with its 95 % interval ``low`` to ``high``,
        ``method`` (``prediction-powered``, ``confusion-corrected`` or ``raw``). Where the method
        is ``raw``, ``corrected`` is NaN, ``reason`` says why, and ``low`` to ``high`` is the
        sampling interval of ``rate`` widened by the classifier's worst error
        (`confusion.bounds`): 0 to 1 where that is not known. Stances may be ``raw`` where the
        other outcomes are corrected (`confusion_correction.by_confusion`).
    """
    table = outcome_table(opened)
    if not len(table):
        return pd.DataFrame(columns=COLUMNS)
    labelled = opened[opened["outcome"].notna()]
    labelled = labelled.assign(poles=_poles(labelled))
    truth = _truth(audit)
    known = known_errors(confusion, labelled["language"].unique())
    parts = []
    for (model, language, kind), raw in table.groupby(_GROUP, sort=False):
        mine = (labelled["model"] == model) & (labelled["kind"] == kind)
        if language != ALL:
            mine &= labelled["language"] == language
        part = labelled[mine]
        people, few = _powered(part, truth)
        found = people
        if found is None:
            found = by_confusion(part, raw, known, draws=draws, seed=seed)
            found["reason"] = ["; ".join(filter(None, (why, few))) for why in found["reason"]]
        rows = raw.drop(columns=["low", "high"]).join(found, on="outcome")
        absent = ~rows["outcome"].isin(_possible(part))
        rows.loc[absent, ["corrected", "low", "high"]] = np.nan
        rows.loc[absent, ["method", "reason"]] = RAW, NO_SUCH
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def notes(table: pd.DataFrame) -> list[str]:
    """Sentences that must stand under a table of `corrected_outcomes`."""
    shown = table[(table["reason"] != NO_SUCH) & (table["language"] != ALL)]
    if not len(shown):
        return []
    # whether refusing is corrected says it of deflecting and degenerate, too
    groups = shown[shown["outcome"] == "refuses"]
    count = groups["method"].value_counts()
    poles = shown[shown["outcome"] == STANCES[0]].set_index(_GROUP)["method"]
    apart = groups[groups["method"] == CORRECTED].set_index(_GROUP).index
    stanceless = poles[poles.index.isin(apart) & (poles == RAW)]
    sentences = []
    if count.get(POWERED):
        sentences.append(
            f"In {count[POWERED]} of {len(groups)} combinations of model, language and kind, rates"
            " rest on people's labels of a sample of the run (prediction-powered inference): they"
            " are right on average whatever the classifier does, and the interval covers its"
            " errors."
        )
    if count.get(CORRECTED):
        sentences.append(
            f"In {count[CORRECTED]} of {len(groups)} combinations of model, language and kind,"
            " rates are corrected by how the classifier labelled test answers in that language;"
            " this takes its errors on this run to be those on the test answers. The interval"
            " carries the sampling of the run and of the test answers."
        )
    if len(stanceless):
        codes = ", ".join(sorted(set(stanceless.index.get_level_values("language"))))
        sentences.append(
            f"In {codes}, stances are mistaken for each other too often to be corrected; only"
            " deflecting, refusing and degenerate are."
        )
    if count.get(RAW):
        sentences.append(
            f"In {count[RAW]} of {len(groups)} combinations of model, language and kind, rates are"
            f" as labelled, not correctable ({_why(groups[groups['method'] == RAW])}); low and high"
            " are the worst case of the classifier's errors."
        )
        if count[RAW] < len(groups):
            sentences.append("Rates over all languages are corrected where those of each are.")
    return sentences


def _why(raw: pd.DataFrame) -> str:
    """Each reason once, with the languages that it holds for."""
    languages: dict[str, list[str]] = {}
    for language, reason in zip(raw["language"], raw["reason"], strict=True):
        first = reason.removeprefix(UNCORRECTABLE).split(";")[0].split(" (")[0]
        held = languages.setdefault(first.removesuffix(f" in {language}"), [])
        if first.endswith(f" in {language}") and language not in held:
            held.append(language)
    return "; ".join(
        f"{why} in {', '.join(held)}" if held else why for why, held in languages.items()
    )


def _poles(labelled: pd.DataFrame) -> pd.Series[bool]:
    """Whether a response's question has poles: a classifier then weighs the stances."""
    if "prob_pro" in labelled.columns:
        return labelled["prob_pro"].notna()
    return pd.Series(not (labelled["outcome"] == ANSWERS).any(), index=labelled.index)


def _possible(part: pd.DataFrame) -> set[str]:
    possible = set(OUTCOMES) - set(STANCES)
    if part["poles"].any():
        possible |= set(STANCES)
    return possible if part["poles"].all() else possible | {ANSWERS}


def _truth(audit: pd.DataFrame) -> pd.DataFrame:
    """By probe, the share of the people that gave each outcome."""
    if not len(audit):
        return pd.DataFrame()
    clear = audit[audit["outcome"] != UNCLEAR]
    return pd.crosstab(clear["probe"], clear["outcome"], normalize="index")


def _powered(part: pd.DataFrame, truth: pd.DataFrame) -> tuple[pd.DataFrame | None, str]:
    """Rates by people's labels, or why they cannot be had; no reason where nobody labelled."""
    if not len(truth):
        return None, ""
    known = part["probe"].isin(truth.index)
    if known.sum() < LEAST_LABELLED:
        return (
            None,
            f"people labelled {known.sum()} of these responses, {LEAST_LABELLED} are needed",
        )
    weights = _weights(part, known)
    lines = {}
    for outcome in sorted(_possible(part)):
        given = truth[outcome] if outcome in truth else pd.Series(0.0, index=truth.index)
        # a probability says more than the label, which the sample is stratified by
        chance = part.get(f"prob_{outcome}", pd.Series(np.nan, index=part.index))
        predicted = chance.fillna((part["outcome"] == outcome).astype(float))
        lines[outcome] = powered_rate(
            predicted, part["probe"].map(given), weights, part["family"].to_numpy()
        )
    rates = pd.DataFrame.from_dict(lines, orient="index", columns=["corrected", "low", "high"])
    if rates["corrected"].isna().any():
        return None, "people labelled responses to one question family only"
    return rates.assign(method=POWERED, reason=""), ""


def _weights(part: pd.DataFrame, known: pd.Series[bool]) -> Floats:
    """How many responses each labelled one stands for: those of its stratum, shared out.

    A stratum (language and predicted outcome) that nobody labelled joins the largest labelled one
    of the same predicted outcome, else the largest of all.
    """
    sizes = part.groupby(["language", "outcome"]).size()
    labelled = part[known].groupby(["language", "outcome"]).size()
    largest = sizes[labelled.index].sort_values(ascending=False).index.tolist()
    home = {}
    for key in sizes.index:
        alike = [other for other in largest if other[1] == key[1]]
        home[key] = largest.index(key if key in largest else (alike or largest)[0])
    own = np.array([home[key] for key in zip(part["language"], part["outcome"], strict=True)])
    people = np.bincount(own[known.to_numpy()], minlength=len(largest))
    weights: Floats = (np.bincount(own, minlength=len(largest)) / people)[own]
    return weights
