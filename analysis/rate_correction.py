"""Rates of outcomes that carry the classifier's own error, by people's labels or by test answers.

Where people labelled enough of a row's responses, its rates rest on them (`prediction_powered`).
Elsewhere they are corrected by how often the classifier mistook each outcome on test answers in
the language (`confusion`), and where that says too little, a rate stays as labelled, with the
bounds that the classifier's worst error leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis import confusion as mistakes
from analysis.confusion import ANSWERS, STANCES
from analysis.outcomes import outcome_table
from analysis.prediction_powered import powered_rate
from analysis.rates import effective_size
from analysis.rows import ALL
from analysis.tables import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

POWERED = "prediction-powered"
CORRECTED = "confusion-corrected"
RAW = "raw"

COLUMNS = [
    *("model", "language", "kind", "outcome", "n", "total", "rate"),
    *("corrected", "low", "high", "method", "reason"),
]

LEAST_LABELLED = 20
"""Labels by people that a row needs before its rates rest on them."""

UNCLEAR = "unclear"
NO_SUCH = "these questions have no such outcome"
UNMEASURED = "this classifier's errors were not measured"

_GROUP = ["model", "language", "kind"]


class _Found(NamedTuple):
    """Of each outcome: the corrected rate and its interval, and how they were got."""

    rates: pd.DataFrame  # index outcome; corrected, low, high
    method: str
    reason: str


def corrected_outcomes(
    opened: pd.DataFrame,
    audit: pd.DataFrame,
    confusion: Mapping[str, pd.DataFrame],
    *,
    draws: int = 2000,
    seed: int = 0,
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
        (`confusion.bounds`): 0 to 1 where that is not known.
    """
    table = outcome_table(opened)
    if not len(table):
        return pd.DataFrame(columns=COLUMNS)
    labelled = opened[opened["outcome"].notna()]
    labelled = labelled.assign(poles=_poles(labelled))
    truth = _truth(audit)
    parts = []
    for (model, language, kind), raw in table.groupby(_GROUP, sort=False):
        mine = (labelled["model"] == model) & (labelled["kind"] == kind)
        if language != ALL:
            mine &= labelled["language"] == language
        part = labelled[mine]
        people, few = _powered(part, truth)
        found = people or _by_confusion(part, raw, confusion, draws=draws, seed=seed)
        reasons = [found.reason, *([few] if found.method != POWERED else [])]
        rows = raw.drop(columns=["low", "high"]).join(found.rates, on="outcome")
        rows["method"], rows["reason"] = found.method, "; ".join(filter(None, reasons))
        absent = ~rows["outcome"].isin(_possible(part))
        rows.loc[absent, ["corrected", "low", "high"]] = np.nan
        rows.loc[absent, ["method", "reason"]] = RAW, NO_SUCH
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def notes(table: pd.DataFrame) -> list[str]:
    """Sentences that must stand under a table of `corrected_outcomes`."""
    shown = table[table["reason"] != NO_SUCH]
    if not len(shown):
        return []
    groups = shown.drop_duplicates(_GROUP)
    count = groups["method"].value_counts()
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
    if count.get(RAW):
        raw = groups[groups["method"] == RAW]
        why = ", ".join(sorted(set(raw["reason"].str.split(";").str[0]))[:3])
        sentences.append(
            f"In {count[RAW]} of {len(groups)} combinations of model, language and kind, rates are"
            f" as labelled, not correctable ({why}); low and high are the worst case of the"
            " classifier's errors."
        )
    return sentences


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


def _powered(part: pd.DataFrame, truth: pd.DataFrame) -> tuple[_Found | None, str]:
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
    return _Found(rates, POWERED, ""), ""


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


def _by_confusion(
    part: pd.DataFrame,
    rows: pd.DataFrame,
    confusion: Mapping[str, pd.DataFrame],
    *,
    draws: int,
    seed: int,
) -> _Found:
    """Rates by the matrix of each language, those with and without poles apart."""
    with_poles = list(OUTCOMES)
    without = [ANSWERS, *(outcome for outcome in OUTCOMES if outcome not in STANCES)]
    strata, found = [], []
    for (language, poles), group in part.groupby(["language", "poles"]):
        outcomes = with_poles if poles else without
        matrices = (
            confusion
            if poles
            else {name: mistakes.without_stance(table) for name, table in confusion.items()}
        )
        strata.append((group, outcomes))
        found.append(mistakes.errors(matrices, str(language), outcomes))
    if reasons := [one.reason for one in found if one.reason]:
        worst = max(one.worst for one in found)
        low, high = mistakes.bounds(rows["low"], rows["high"], worst)
        rates = pd.DataFrame({"corrected": np.nan, "low": low, "high": high}, index=rows["outcome"])
        why = reasons[0] if len(reasons) == 1 else f"{reasons[0]}, and {len(reasons) - 1} more"
        return _Found(rates, RAW, f"not correctable: {why}" if confusion else UNMEASURED)
    names = list(rows["outcome"])
    sizes = _sizes(part, strata)
    every = mistakes.drawn(sizes, found, rng=np.random.default_rng(seed), draws=draws)
    value, spread = np.zeros(len(names)), np.zeros((draws, len(names)))
    for (group, outcomes), (_, labelled), one, drawn in zip(
        strata, sizes, found, every, strict=True
    ):
        at = [names.index(outcome) for outcome in outcomes]
        share = len(group) / len(part)
        value[at] += share * mistakes.unmixed(labelled, one.rates)
        spread[:, at] += share * drawn
    value = mistakes.on_simplex(value)
    least, middle, most = np.quantile(spread, [0.025, 0.5, 0.975], axis=0)
    # a rate below 0 was moved to 0, and its interval must reach as far from there
    low = np.minimum(least, value - (middle - least))
    high = np.maximum(most, value + (most - middle))
    ends = {"low": np.clip(low, 0.0, 1.0), "high": np.clip(high, 0.0, 1.0)}
    rates = pd.DataFrame({"corrected": value, **ends}, index=names)
    return _Found(rates, CORRECTED, "")


def _sizes(
    part: pd.DataFrame, strata: list[tuple[pd.DataFrame, list[str]]]
) -> list[tuple[float, Floats]]:
    """Of each stratum, how many independent answers it is worth, and the rates of its labels.

    Question families are asked in several languages, so strata are not independent: all are
    scaled down to where the whole is worth what its families say.
    """
    sizes = [_worth(group, outcomes) for group, outcomes in strata]
    shares = np.array([len(group) / len(part) for group, _ in strata])
    alone = 1 / (shares**2 / np.array(sizes)).sum()
    whole = _worth(part, sorted(set(part["outcome"])))
    scale = min(1.0, whole / alone)
    return [
        (
            size * scale,
            np.array([(group["outcome"] == outcome).mean() for outcome in outcomes], float),
        )
        for size, (group, outcomes) in zip(sizes, strata, strict=True)
    ]


def _worth(part: pd.DataFrame, outcomes: list[str]) -> float:
    """Rao and Scott's (1981) mean design effect, each outcome by 1 minus its rate."""
    code, names = pd.factorize(part["family"])
    totals = np.bincount(code, minlength=len(names)).astype(float)
    hits = np.stack([(part["outcome"] == outcome).to_numpy(float) for outcome in outcomes], 1)
    rates = hits.mean(0)
    sums = np.stack([np.bincount(code, hit, len(names)) for hit in hits.T], 1)
    each = np.asarray(effective_size(sums, np.broadcast_to(totals[:, None], sums.shape)))
    seen = rates > 0
    if seen.sum() < 2:
        return float(len(names))
    weight = 1 - rates[seen]
    return float(weight.sum() / (weight / each[seen]).sum())
