"""How well outcomes are told apart, from counts of true and predicted ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.confusion import STANCES, without_stance
from analysis.rates import wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

DRAWS = 1000
BINS = 10

SCORES = [
    *("n", "accuracy", "macro_f1", "low", "high", "manner_f1", "manner_low", "manner_high"),
    *("stance_n", "stance_accuracy", "stance_low", "stance_high"),
]

OUTCOME_SCORES = ["outcome", "n", "labelled", "precision", "recall", "low", "high", "f1"]


def scores(counts: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> dict[str, float]:
    """The figures of one language.

    The macro-F1 is over the outcomes that the answers have. Manner is answering (with any stance),
    deflecting, refusing or degenerate. Stance is judged on the answers that take one and are seen
    to answer, so that the two errors stand apart.

    Args:
        counts: a row per true and a column per predicted outcome, as `confusion.load_confusion`
            gives them.
        draws: of the bootstrap, see `f1_interval`.
        seed: of the draws.

    Returns:
        `SCORES`; intervals are 95 %, Wilson's for the stance. NaN where nothing was tested.
    """
    table = counts.to_numpy(float)
    n = table.sum()
    manner = without_stance(counts).to_numpy(float)
    stance = counts.loc[list(STANCES), list(STANCES)].to_numpy(float)
    taken, right = stance.sum(), np.trace(stance)
    low, high = f1_interval(table, draws=draws, seed=seed)
    manner_low, manner_high = f1_interval(manner, draws=draws, seed=seed)
    stance_low, stance_high = wilson(right, taken)
    values = (
        *(n, np.trace(table) / n if n else np.nan, float(macro_f1(table)), low, high),
        *(float(macro_f1(manner)), manner_low, manner_high),
        *(taken, right / taken if taken else np.nan, stance_low, stance_high),
    )
    return dict(zip(SCORES, map(float, values), strict=True))


def outcome_scores(counts: pd.DataFrame) -> pd.DataFrame:
    """Precision and recall of each outcome; columns `OUTCOME_SCORES`.

    Args:
        counts: as in `scores`.

    Returns:
        A row per outcome that occurs, true or predicted. ``low`` and ``high`` are Wilson's for the
        recall. Precision is NaN where nothing was labelled so, recall where there was no such
        answer.
    """
    table = counts.to_numpy(float)
    true, said, right = table.sum(1), table.sum(0), np.diag(table)
    recall = np.divide(right, true, out=np.full(len(true), np.nan), where=true > 0)
    precision = np.divide(right, said, out=np.full(len(true), np.nan), where=said > 0)
    low, high = wilson(right, true)
    rows = pd.DataFrame(
        {
            "outcome": counts.index,
            "n": true.astype(int),
            "labelled": said.astype(int),
            "precision": precision,
            "recall": recall,
            "low": low,
            "high": high,
            "f1": _f1(table),
        }
    )
    return rows[rows["n"] + rows["labelled"] > 0].reset_index(drop=True)


def macro_f1(table: Floats) -> Floats:
    """The mean F1 of the outcomes that have a test answer.

    Args:
        table: ``(..., K, K)``, row the true outcome.

    Returns:
        ``(...)``; NaN where no outcome has one.
    """
    tested = table.sum(-1) > 0
    total = np.where(tested, np.nan_to_num(_f1(table)), 0.0).sum(-1)
    size = tested.sum(-1)
    return np.asarray(
        np.divide(total, size, out=np.full(np.shape(size), np.nan), where=size > 0), np.float64
    )


def _f1(table: Floats) -> Floats:
    right = np.diagonal(table, axis1=-2, axis2=-1)
    both = table.sum(-1) + table.sum(-2)
    found: Floats = np.divide(2 * right, both, out=np.full(both.shape, np.nan), where=both > 0)
    return found


def f1_interval(table: Floats, *, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """A 95 % interval of the macro-F1.

    Percentiles of a bootstrap that draws test answers anew within each true outcome, because how
    many there are of each was chosen. Where draws do not differ (all answers right, or none), the
    open end is the exact binomial bound for none seen in n.

    Args:
        table: ``(K, K)`` counts, row the true outcome.
        draws: number of draws.
        seed: of the draws.
    """
    n = table.sum()
    if not n:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    true = table.sum(1)
    share = table / np.maximum(true, 1)[:, None]
    drawn = np.stack(
        [
            rng.multinomial(int(size), row, draws) if size else np.zeros((draws, len(table)))
            for size, row in zip(true, share, strict=True)
        ],
        axis=1,
    ).astype(np.float64)
    value = float(macro_f1(table))
    low, high = np.quantile(macro_f1(drawn), [0.025, 0.975])
    if low == high:
        never = 1 - 0.025 ** (1 / n)
        low, high = (low - never, high) if value > 0 else (low, high + never)
    return float(min(low, value)), float(max(high, value))


def clustered_f1_interval(
    tables: Floats, *, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """A 95 % interval of the macro-F1 where answers come in clusters, as those of a model do.

    Percentiles of a bootstrap that draws whole clusters.

    Args:
        tables: ``(clusters, K, K)`` counts, row the true outcome.
        draws: number of draws.
        seed: of the draws.

    Returns:
        NaN where there is no cluster.

    Examples:
        >>> always_right = np.tile(np.diag([3.0, 1.0]), (5, 1, 1))
        >>> clustered_f1_interval(always_right)
        (1.0, 1.0)
    """
    clusters = len(tables)
    if not clusters:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    times = rng.multinomial(clusters, np.full(clusters, 1 / clusters), draws)
    found = macro_f1(np.tensordot(times.astype(np.float64), tables, axes=1))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def calibration_error(probability: ArrayLike, right: ArrayLike) -> float:
    """Expected calibration error: how far stated probabilities are from how often they hold.

    Args:
        probability: ``(n,)`` that each label was given.
        right: ``(n,)`` whether it holds.

    Returns:
        In [0, 1], over ten bins of equal width; NaN without labels. It is never zero in a sample:
        hold it against `calibrated_error`.

    References:
        Guo et al. 2017, "On calibration of modern neural networks", equation 3.

    Examples:
        >>> calibration_error([0.8] * 5, [1, 1, 1, 1, 0])
        0.0
    """
    stated, held = np.asarray(probability, float), np.asarray(right, float)
    if not len(stated):
        return float("nan")
    place = np.minimum((stated * BINS).astype(int), BINS - 1)
    gap = np.bincount(place, held - stated, BINS)
    return float(np.abs(gap).sum().round(12) / len(stated))


def calibrated_error(probability: ArrayLike, *, draws: int = 200, seed: int = 0) -> float:
    """What `calibration_error` shows on average where every probability holds exactly.

    Args:
        probability: ``(n,)`` that each label was given.
        draws: of which labels hold.
        seed: of the draws.
    """
    stated = np.asarray(probability, float)
    held = np.random.default_rng(seed).random((draws, len(stated))) < stated
    return float(np.mean([calibration_error(stated, one) for one in held]))
