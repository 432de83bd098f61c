"""Rates of outcomes corrected by how the classifier mistook them for each other on test answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis import confusion as mistakes
from analysis.confusion import ANSWERS, STANCES, Errors
from analysis.rates import effective_size
from analysis.tables import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Strata = list[tuple[pd.DataFrame, list[str]]]

CORRECTED = "confusion-corrected"
RAW = "raw"
UNCORRECTABLE = "not correctable: "
UNMEASURED = "this classifier's errors were not measured"

MANNERS = [ANSWERS, *(outcome for outcome in OUTCOMES if outcome not in STANCES)]
"""What responses are whose stance is not looked at."""


class _Matrices(NamedTuple):
    """Responses by language and whether they have poles, with what is known of their labels."""

    strata: Strata
    errors: list[Errors]

    @property
    def reason(self) -> str:
        """Why rates cannot be corrected by them; empty where they can."""
        reasons = [one.reason for one in self.errors if one.reason]
        return ", and ".join([*reasons[:1], *([f"{len(reasons) - 1} more"] if reasons[1:] else [])])


def known_errors(
    confusion: Mapping[str, pd.DataFrame], languages: Iterable[str]
) -> dict[tuple[str, bool], Errors]:
    """What is known of the labels of each language, with poles (True) and without.

    Args:
        confusion: counts by language; empty where the classifier's errors were not measured.
        languages: of the responses.

    Returns:
        By language and whether there are poles; empty where nothing was measured.
    """
    if not confusion:
        return {}
    merged = {name: mistakes.without_stance(table) for name, table in confusion.items()}
    return {
        (language, poles): mistakes.errors(
            confusion if poles else merged, language, list(OUTCOMES) if poles else MANNERS
        )
        for language in languages
        for poles in (True, False)
    }


def by_confusion(
    part: pd.DataFrame,
    rows: pd.DataFrame,
    known: Mapping[tuple[str, bool], Errors],
    *,
    draws: int,
    seed: int | Sequence[int],
) -> pd.DataFrame:
    """Rates of some responses by the matrix of each language, those with and without poles apart.

    Where stances are mistaken for each other too often, deflecting, refusing and degenerate are
    still corrected if they are told from answering: all stances are one outcome then. That takes
    the mix of stances to matter little for what they are mistaken for besides each other.

    Args:
        part: labelled responses with ``language, family, outcome, poles``.
        rows: their rates as labelled, ``outcome, low, high``.
        known: from `known_errors`.
        draws: from what run and test answers leave open.
        seed: of the draws.

    Returns:
        Index outcome, with ``corrected, low, high, method, reason``, as
        `rate_correction.corrected_outcomes` explains them.
    """
    names = list(rows["outcome"])
    if not known:
        ends = {"corrected": np.nan, "low": 0.0, "high": 1.0}
        return pd.DataFrame(ends, index=names).assign(method=RAW, reason=UNMEASURED)
    fine = _matrices(part, known)
    if not fine.reason:
        return _solved(part, names, fine, draws=draws, seed=seed)
    worst = max(one.worst for one in fine.errors)
    low, high = mistakes.bounds(rows["low"], rows["high"], worst)
    raw = pd.DataFrame({"corrected": np.nan, "low": low, "high": high}, index=names)
    raw = raw.assign(method=RAW, reason=f"{UNCORRECTABLE}{fine.reason}")
    if not part["poles"].any():
        return raw
    merged = part.assign(
        outcome=part["outcome"].where(~part["outcome"].isin(STANCES), ANSWERS), poles=False
    )
    coarse = _matrices(merged, known)
    if not coarse.reason:
        solved = _solved(merged, MANNERS, coarse, draws=draws, seed=seed)
        raw.loc[MANNERS[1:]] = solved.loc[MANNERS[1:], list(raw.columns)]
    return raw


def _matrices(part: pd.DataFrame, known: Mapping[tuple[str, bool], Errors]) -> _Matrices:
    strata, found = [], []
    for (language, poles), group in part.groupby(["language", "poles"]):
        strata.append((group, list(OUTCOMES) if poles else MANNERS))
        found.append(known[str(language), bool(poles)])
    return _Matrices(strata, found)


def _solved(
    part: pd.DataFrame,
    names: list[str],
    known: _Matrices,
    *,
    draws: int,
    seed: int | Sequence[int],
) -> pd.DataFrame:
    sizes = _sizes(part, known.strata)
    every = mistakes.drawn(sizes, known.errors, rng=np.random.default_rng(seed), draws=draws)
    value, spread = np.zeros(len(names)), np.zeros((draws, len(names)))
    for (group, outcomes), (_, labelled), one, drawn in zip(
        known.strata, sizes, known.errors, every, strict=True
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
    return rates.assign(method=CORRECTED, reason="")


def _sizes(part: pd.DataFrame, strata: Strata) -> list[tuple[float, Floats]]:
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
