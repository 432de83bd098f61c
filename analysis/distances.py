"""Distances between models' distributions of outcomes, from any table of answers.

    import math
    from analysis.distances import distance_matrix, distance_table
    distance_matrix(answers, "jensen-shannon distance", base=math.e)
    distance_table(answers, "wasserstein", baseline="model-a", order=[1, 2, 3, 4, 5])

A distance is *pooled* (of the models' distributions over all items) or *item by item* (the mean
over items of the distance on each). Published tables have either; they are not the same number.
Two models that each say yes to another half of the items are at no distance pooled, and as far
apart as can be item by item.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from analysis import verdicts
from analysis.inference import swaps
from analysis.intervals import cluster_bootstrap, family_mean, resamples
from analysis.items import Columns, arrange, groups, listed, long_table, names, numbers
from analysis.measures import (
    TOLERANCE,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    total_variation,
    wasserstein,
)
from analysis.pairwise import UNMATCHED, adjusted, check_baseline, sides
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

    from analysis.items import Arranged
    from analysis.pairwise import Correction

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Measure = Literal[
        "jensen-shannon divergence", "jensen-shannon distance", "wasserstein", "total variation"
    ]
    Over = Literal["pooled", "items"]

MEASURES = (
    "jensen-shannon divergence",
    "jensen-shannon distance",
    "wasserstein",
    "total variation",
)
DISTANCE = [
    *("a", "b", "n", "clusters", "unmatched", "distance", "low", "high", "floor", "p"),
    *("p_adjusted", "detectable", "verdict", "measurable", "reason"),
]

NORMAL_80, NORMAL_975 = 0.8416, 1.9600
"""Points of the normal distribution below which 80 and 97.5 % lie."""

ONE_CLUSTER = "one item or cluster only: there is no interval from one"
NO_SPREAD = "the items do not differ: no interval can be drawn from them"


@dataclass(frozen=True)
class _Distance:
    """A measure with its settings; ``positions`` of the outcomes for Wasserstein."""

    name: str
    base: float
    normalised: bool
    positions: Floats

    def __call__(self, p: Floats, q: Floats) -> Floats:
        if self.name == "jensen-shannon divergence":
            return jensen_shannon_divergence(p, q, base=self.base)
        if self.name == "jensen-shannon distance":
            return jensen_shannon_distance(p, q, base=self.base)
        if self.name == "total variation":
            return total_variation(p, q)
        return wasserstein(p, q, self.positions, normalised=self.normalised)

    @property
    def most(self) -> float:
        """The greatest value."""
        if self.name == "wasserstein":
            return 1.0 if self.normalised else float(np.ptp(self.positions))
        ends = np.eye(2)
        return float(self(ends[0], ends[1]))


@dataclass
class _Chance:
    """The draws, kept for the next pair: most pairs have as many clusters as the one before."""

    seed: int
    draws: int
    _kept: tuple[int, Floats, tuple[Floats, bool]] | None = None

    def _of(self, clusters: int) -> tuple[int, Floats, tuple[Floats, bool]]:
        if self._kept is None or self._kept[0] != clusters:
            rng = np.random.default_rng(self.seed)
            self._kept = (
                clusters,
                resamples(clusters, rng=rng, draws=self.draws),
                swaps(clusters, rng=rng, draws=self.draws),
            )
        return self._kept

    def resamples(self, clusters: int) -> Floats:
        """As `intervals.resamples`."""
        return self._of(clusters)[1]

    def swaps(self, clusters: int) -> tuple[Floats, bool]:
        """As `inference.swaps`."""
        return self._of(clusters)[2]


def distance_table(
    data: Any,
    measure: Measure,
    baseline: Hashable | None = None,
    *,
    over: Over = "pooled",
    base: float = 2.0,
    normalised: bool = True,
    order: Sequence[Hashable] | Mapping[Hashable, float] | None = None,
    model: str = "model",
    item: str | Sequence[str] = "item",
    outcome: str | Sequence[str] = "outcome",
    cluster: str | Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    correction: Correction = "holm",
    draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Distances of pairs of models on the items that both answered, with intervals and tests.

    Args:
        data: a long table with a row per answer, or a wide one with a row per item and a column
            per model; a DataFrame or what makes one. Several answers of a model to an item count
            with their shares.
        measure: one of `MEASURES`.
        baseline: the model that the others are held against (side ``b``); None for all pairs.
        over: ``pooled`` or ``items``, as above.
        base: of the logarithm in the Jensen-Shannon measures; ``math.e`` for nats.
        normalised: Wasserstein as a share of the length of the scale, else in its units.
        order: for Wasserstein, the whole scale in order, or the position of each outcome. Numbers
            and ordered categories have their own, but only as far as they occur: name the scale
            where its ends may not.
        model: column of what is compared.
        item: column or columns that two answers share if they are a pair.
        outcome: column of labels or numbers, or the columns that hold a distribution, in the order
            of the scale. A row with anything missing is unanswered.
        cluster: column or columns of what items belong to; they are drawn and swapped whole.
        by: a row of its own for each value of these columns; the correction is over all rows.
        correction: of p over all rows.
        draws: resamples, and swaps of labels where not all are used.
        seed: of both.

    Returns:
        `DISTANCE`, after the columns of ``by``. The interval of a pooled distance is BCa over
        clusters, that of a mean over items the bootstrap-t. A pooled distance is never zero by
        chance alone, so its interval does not tell whether there is a difference: ``floor`` is
        what it would be on average if it were chance which of the two models gave which answer,
        and ``p`` the permutation test of that (labels swapped by item or cluster, one-sided).
        ``detectable`` is the distance, floor and all, that the test would find in four runs of
        five: the 95 % point of the swapped distances and 0.84 standard errors, those that the
        interval has. Item by item a swap changes nothing, so that all three are NaN: it takes
        several answers a model and item to tell (`noise.excess_divergence`).

    Raises:
        AnalysisError: columns are missing, there is no such measure or baseline, the outcomes
            have no order, or a row is no distribution.

    Examples:
        >>> wide = pd.DataFrame({"a": list("yynyynyyyy"), "b": list("nnnnynnnnn")})
        >>> distance_table(wide, "total variation")[["a", "b", "distance", "p"]].round(4)
           a  b  distance       p
        0  a  b       0.7  0.0156
    """
    columns = Columns(model, names(item), names(outcome), names(cluster), names(by))
    table = long_table(data, columns)
    check_baseline(table, model, baseline)
    shares, positions = _outcomes(table, columns, order, measure)
    distance = _Distance(measure, base, normalised, positions)
    place = table.assign(_row=np.arange(len(table)))
    chance = _Chance(seed, draws)
    lines = []
    for group, part in groups(place, columns.by):
        arranged = arrange(part, shares[part["_row"].to_numpy()], columns, once=False)
        for a, b in sides(arranged.models, baseline):
            lines.append(group | _line(arranged, a, b, distance, over, chance))
    found = pd.DataFrame(lines, columns=[*columns.by, *DISTANCE])
    found = found.astype({"n": int, "clusters": int, "unmatched": int, "measurable": bool})
    found["p_adjusted"] = adjusted(found["p"].astype(float), correction)
    found["verdict"] = [
        verdicts.distance(
            str(row["a"]),
            str(row["b"]),
            measure,
            **{key: row[key] for key in ("distance", "low", "high", "floor", "p_adjusted")},
        )
        if row["measurable"]
        else f"Not measurable: {row['reason']}."
        for row in found.to_dict("records")
    ]
    return found


def distance_matrix(
    data: Any,
    measure: Measure,
    *,
    over: Over = "pooled",
    base: float = 2.0,
    normalised: bool = True,
    order: Sequence[Hashable] | Mapping[Hashable, float] | None = None,
    model: str = "model",
    item: str | Sequence[str] = "item",
    outcome: str | Sequence[str] = "outcome",
) -> pd.DataFrame:
    """The distances of all pairs as a square, without intervals: see `distance_table` for those.

    Args:
        data: as in `distance_table`, like the other arguments.
        measure: one of `MEASURES`.
        over: ``pooled`` or ``items``.
        base: of the logarithm in the Jensen-Shannon measures.
        normalised: Wasserstein as a share of the length of the scale, else in its units.
        order: for Wasserstein, the scale.
        model: column of what is compared.
        item: column or columns that two answers share if they are a pair.
        outcome: column or columns of what came back.

    Returns:
        Models × models, in order of appearance; each pair on the items that both answered, and
        NaN where there is none.

    Raises:
        AnalysisError: as in `distance_table`.

    Examples:
        >>> wide = pd.DataFrame({"a": list("yyyy"), "b": list("nnnn"), "c": list("yynn")})
        >>> distance_matrix(wide, "jensen-shannon distance", base=np.e).round(4)
                a       b       c
        a  0.0000  0.8326  0.4645
        b  0.8326  0.0000  0.4645
        c  0.4645  0.4645  0.0000
    """
    columns = Columns(model, names(item), names(outcome))
    table = long_table(data, columns)
    shares, positions = _outcomes(table, columns, order, measure)
    distance = _Distance(measure, base, normalised, positions)
    arranged = arrange(table, shares, columns, once=False)
    square = np.full((len(arranged.models),) * 2, np.nan)
    for a, b in sides(arranged.models, None):
        one, two, _ = _common(arranged, a, b)
        if len(one):
            square[a, b] = square[b, a] = _value(distance, over, one, two)
    square[np.diag_indices(len(square))] = np.where(
        np.isnan(arranged.answers[:, :, 0]).all(1), np.nan, 0.0
    )
    return pd.DataFrame(square, index=arranged.models, columns=arranged.models)


def _line(
    arranged: Arranged,
    a: int,
    b: int,
    distance: _Distance,
    over: Over,
    chance: _Chance,
) -> dict[str, Any]:
    one, two, clusters = _common(arranged, a, b)
    nan = float("nan")
    answered = ~np.isnan(arranged.answers[[a, b], :, 0]).all(0)
    line: dict[str, Any] = {
        "a": arranged.models[a],
        "b": arranged.models[b],
        "n": len(one),
        "clusters": int(clusters.max(initial=-1)) + 1,
        "unmatched": int(answered.sum()) - len(one),
        **dict.fromkeys(("distance", "low", "high", "floor", "p", "detectable"), nan),
        "measurable": len(one) > 0,
        "reason": "" if len(one) else UNMATCHED,
    }
    if not len(one):
        return line
    line["distance"] = _value(distance, over, one, two)
    size = line["clusters"]
    if over == "items":
        each = distance(one, two)
        mean = each.mean()
        off = np.bincount(clusters, each) - mean * np.bincount(clusters)
        values = mean + size / len(each) * off  # one per cluster; their mean is that of the items
        found = family_mean(
            values,
            rng=np.random.default_rng(chance.seed),
            draws=chance.draws,
            bounds=(0.0, distance.most),
        )
        line |= {"low": found.low[0], "high": found.high[0]}
    else:
        sums = np.hstack([_by_cluster(side, clusters) for side in (one, two)])

        def statistic(total: Floats) -> Floats:
            p, q = np.split(total / (total.sum(-1, keepdims=True) / 2), 2, axis=-1)
            return distance(p, q)

        low, high = cluster_bootstrap(sums, statistic, chance.resamples(size))[1:]
        line |= {"low": low[0], "high": high[0]}
        line |= _swapped(sums, statistic, *chance.swaps(size))
        critical = line.pop("critical")
        line["detectable"] = critical + NORMAL_80 * (high[0] - low[0]) / (2 * NORMAL_975)
    if np.isnan(line["low"]):
        line["reason"] = ONE_CLUSTER if size < 2 else NO_SPREAD
    return line


def _swapped(
    sums: Floats, statistic: Callable[[Floats], Floats], signs: Floats, exact: bool
) -> dict[str, float]:
    """Permutation test of a pooled distance; mean and 95 % point of it over swaps of labels."""
    one, two = np.split(sums, 2, axis=1)
    apart = signs @ (one - two) / 2
    middle = (one + two).sum(0) / 2
    drawn = statistic(np.hstack([middle + apart, middle - apart]))
    observed = float(statistic(sums.sum(0, keepdims=True))[0])
    reached = int((drawn >= observed * (1 - 1e-9) - 1e-12).sum())
    p = reached / len(signs) if exact else (1 + reached) / (1 + len(signs))
    return {"p": p, "floor": float(drawn.mean()), "critical": float(np.quantile(drawn, 0.95))}


def _value(distance: _Distance, over: Over, one: Floats, two: Floats) -> float:
    if over == "items":
        return float(distance(one, two).mean())
    if over == "pooled":
        return float(distance(one.mean(0), two.mean(0)))
    raise AnalysisError(f"There is no distance over {over}.", "Use 'pooled' or 'items'.")


def _common(arranged: Arranged, a: int, b: int) -> tuple[Floats, Floats, Codes]:
    one, two = arranged.answers[a], arranged.answers[b]
    there = ~np.isnan(one[:, 0]) & ~np.isnan(two[:, 0])
    clusters = np.unique(arranged.clusters[there], return_inverse=True)[1]
    return one[there], two[there], clusters


def _by_cluster(values: Floats, clusters: Codes) -> Floats:
    return np.column_stack([np.bincount(clusters, column) for column in values.T])


def _outcomes(
    table: pd.DataFrame,
    columns: Columns,
    order: Sequence[Hashable] | Mapping[Hashable, float] | None,
    measure: str,
) -> tuple[Floats, Floats]:
    """What each row answered as a distribution ``(rows, C)``, and where each outcome lies."""
    if measure not in MEASURES:
        raise AnalysisError(f"There is no measure {measure}.", f"Use {listed(MEASURES)}.")
    if len(columns.outcome) > 1:
        shares = np.column_stack([numbers(table[name]) for name in columns.outcome])
        _check(shares, table, columns)
        return shares, np.arange(shares.shape[1], dtype=float)
    outcome = table[columns.outcome[0]]
    scale, positions = _scale(outcome, order, needed=measure == "wasserstein")
    code = pd.Index(scale).get_indexer(pd.Index(outcome.astype(object)))
    missing = outcome.isna().to_numpy(bool)
    strange = (code < 0) & ~missing
    if strange.any():
        raise AnalysisError(
            f"The outcomes {listed(outcome[strange].unique())} are not in the order given.",
            "Name the whole scale in `order`.",
        )
    shares = np.zeros((len(table), len(scale)))
    shares[np.arange(len(table)), code] = 1.0
    shares[missing] = np.nan
    return shares, positions


def _scale(
    outcome: pd.Series[Any],
    order: Sequence[Hashable] | Mapping[Hashable, float] | None,
    *,
    needed: bool,
) -> tuple[list[Any], Floats]:
    if order is not None:
        if isinstance(order, Mapping):
            placed = sorted(order.items(), key=lambda pair: pair[1])
            return [name for name, _ in placed], np.array([x for _, x in placed], float)
        scale: list[Any] = list(order)
    elif isinstance(outcome.dtype, pd.CategoricalDtype) and outcome.dtype.ordered:
        scale = list(outcome.dtype.categories)
        return scale, np.arange(len(scale), dtype=float)
    else:
        found = outcome.dropna().astype(object).unique()
        if not all(isinstance(x, (int, float, np.number, np.bool_)) for x in found):
            if needed:
                raise AnalysisError(
                    f"The outcomes {listed(found)} have no order.",
                    "Give it as order=[first, second, ...].",
                )
            scale = list(found)
            return scale, np.arange(len(scale), dtype=float)
        scale = sorted(found)
    if all(isinstance(x, (int, float, np.number)) for x in scale):
        scale = sorted(scale)
        return scale, np.array(scale, float)
    return scale, np.arange(len(scale), dtype=float)


def _check(shares: Floats, table: pd.DataFrame, columns: Columns) -> None:
    answered = ~np.isnan(shares).any(axis=1)
    off = np.abs(shares.sum(1) - 1) > TOLERANCE
    wrong = answered & (off | (shares < -TOLERANCE).any(axis=1))
    if wrong.any():
        row = table.iloc[int(np.argmax(wrong))]
        raise AnalysisError(
            f"{int(wrong.sum())} rows have probabilities that are negative or do not sum to one;"
            f" the first is item {listed(row[list(columns.item)])} of {row[columns.model]}.",
            f"Scale each row so that {listed(columns.outcome)} sum to one.",
        )
