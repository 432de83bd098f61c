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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

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
from analysis.verdicts import ALPHA
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

    from analysis.pairwise import Correction

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Masks = NDArray[np.bool_]
    Over = Literal["pooled", "items"]

MEASURES = (
    "jensen-shannon divergence",
    "jensen-shannon distance",
    "wasserstein",
    "total variation",
)
ALIASES = {
    "w1": "wasserstein",
    "wasserstein 1": "wasserstein",
    "wasserstein distance": "wasserstein",
    "wasserstein 1 distance": "wasserstein",
    "earth mover's distance": "wasserstein",
    "total variation distance": "total variation",
}
"""Other names under which they are published."""

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
    """A measure with its settings.

    Attributes:
        name: of the measure.
        base: of the logarithm.
        positions: ``(C,)`` of the outcomes, ascending, for Wasserstein.
        length: of the whole scale; what Wasserstein is a share of, 1 for one in its units.
        reach: how far Wasserstein can be, from one end of the scale to the other.
    """

    name: str
    base: float
    positions: Floats
    length: float
    reach: float

    @property
    def most(self) -> float:
        """The greatest value."""
        if self.name == "wasserstein":
            return self.reach
        ends = np.eye(2)
        return float(self(ends[0], ends[1]))

    def __call__(self, p: Floats, q: Floats) -> Floats:
        if self.name == "jensen-shannon divergence":
            return jensen_shannon_divergence(p, q, base=self.base)
        if self.name == "jensen-shannon distance":
            return jensen_shannon_distance(p, q, base=self.base)
        if self.name == "total variation":
            return total_variation(p, q)
        if len(self.positions) == 1:  # the one answer that all gave
            return np.zeros(np.broadcast_shapes(p.shape, q.shape)[:-1])
        return wasserstein(p, q, self.positions, normalised=False) / self.length


@dataclass(frozen=True)
class _Answers:
    """What models answered, of the outcomes as few as occur.

    Attributes:
        models: in order of appearance.
        there: ``(models, items)``, whether there is an answer.
        shares: ``(models * items, C)`` of the outcomes in each answer, sparse: with numbers for
            outcomes there can be as many of them as answers.
        clusters: ``(items,)``.
    """

    models: list[Hashable]
    there: Masks
    shares: sparse.csr_array
    clusters: Codes


@dataclass(frozen=True)
class _Common:
    """Two models on the items that both answered, with the outcomes that occur there.

    Attributes:
        one, two: ``(n, C)`` shares of outcomes.
        clusters: ``(n,)`` codes from 0 on.
        distance: the measure on these outcomes.
        unmatched: items that one of them answered.
    """

    one: Floats
    two: Floats
    clusters: Codes
    distance: _Distance
    unmatched: int


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
    measure: str,
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
        measure: one of `MEASURES`, or another name of it (`ALIASES`).
        baseline: the model that the others are held against (side ``b``); None for all pairs.
        over: ``pooled`` or ``items``, as above.
        base: of the logarithm in the Jensen-Shannon measures; ``math.e`` for nats.
        normalised: Wasserstein as a share of the length of the scale, else in its units.
        order: for Wasserstein, the whole scale in order, or the position of each outcome (of each
            column, where columns hold a distribution). Numbers and ordered categories have their
            own, but only as far as they occur: name the scale where its ends may not.
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
        `DISTANCE`, after the columns of ``by``. The interval of a pooled distance is a bootstrap
        over clusters that allows for its bias, that of a mean over items the bootstrap-t. A pooled
        distance is never zero by chance alone: ``floor`` is what it would be on average if it were
        chance which of the two models gave which answer, and ``p`` the permutation test of that
        (labels swapped by item or cluster, one-sided). ``detectable`` is the distance, floor and
        all, that the test would find in four runs of five: the 95 % point of the swapped distances
        and 0.84 standard errors. Item by item a swap changes nothing, so that all three are NaN: it
        takes several answers a model and item to tell (`noise.excess_divergence`).

    Raises:
        AnalysisError: columns are missing, there is no such measure, baseline or base, the
            outcomes have no order, or a row is no distribution.

    Examples:
        >>> wide = pd.DataFrame({"a": list("yynyynyyyy"), "b": list("nnnnynnnnn")})
        >>> distance_table(wide, "total variation")[["a", "b", "distance", "p"]].round(4)
           a  b  distance       p
        0  a  b       0.7  0.0156
    """
    columns = Columns(model, names(item), names(outcome), names(cluster), names(by))
    table = long_table(data, columns)
    check_baseline(table, model, baseline)
    shares, distance = _outcomes(table, columns, order, measure, base=base, normalised=normalised)
    place = table.assign(_row=np.arange(len(table)))
    chance = _Chance(seed, draws)
    lines = []
    for group, part in groups(place, columns.by):
        answers = _arranged(part, shares[part["_row"].to_numpy()], columns)
        for a, b in sides(answers.models, baseline):
            lines.append(group | _line(answers, a, b, distance, over, chance))
    found = pd.DataFrame(lines, columns=[*columns.by, *DISTANCE])
    found = found.astype({"n": int, "clusters": int, "unmatched": int, "measurable": bool})
    found["p_adjusted"] = adjusted(found["p"].astype(float), correction)
    found["verdict"] = [
        verdicts.distance(
            str(row["a"]),
            str(row["b"]),
            distance.name,
            **{key: row[key] for key in ("distance", "low", "high", "floor", "p_adjusted")},
        )
        if row["measurable"]
        else f"Not measurable: {row['reason']}."
        for row in found.to_dict("records")
    ]
    return found


def distance_matrix(
    data: Any,
    measure: str,
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
    shares, distance = _outcomes(table, columns, order, measure, base=base, normalised=normalised)
    answers = _arranged(table, shares, columns)
    square = np.full((len(answers.models),) * 2, np.nan)
    for a, b in sides(answers.models, None):
        both = _common(answers, a, b, distance)
        if len(both.one):
            square[a, b] = square[b, a] = _value(both, over)
    square[np.diag_indices(len(square))] = np.where(answers.there.any(1), 0.0, np.nan)
    return pd.DataFrame(square, index=answers.models, columns=answers.models)


def _line(
    answers: _Answers,
    a: int,
    b: int,
    distance: _Distance,
    over: Over,
    chance: _Chance,
) -> dict[str, Any]:
    both = _common(answers, a, b, distance)
    one, two, clusters, distance = both.one, both.two, both.clusters, both.distance
    nan = float("nan")
    line: dict[str, Any] = {
        "a": answers.models[a],
        "b": answers.models[b],
        "n": len(one),
        "clusters": int(clusters.max(initial=-1)) + 1,
        "unmatched": both.unmatched,
        **dict.fromkeys(("distance", "low", "high", "floor", "p", "detectable"), nan),
        "measurable": len(one) > 0,
        "reason": "" if len(one) else UNMATCHED,
    }
    if not len(one):
        return line
    line["distance"] = _value(both, over)
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

        line |= _swapped(sums, statistic, *chance.swaps(size))
        line |= _interval(sums, statistic, chance.resamples(size), line["distance"], line["p"])
        critical, se = line.pop("critical"), line.pop("se")
        line["detectable"] = critical + NORMAL_80 * se
    if np.isnan(line["low"]):
        line["reason"] = ONE_CLUSTER if size < 2 else NO_SPREAD
    return line


def _interval(
    sums: Floats, statistic: Callable[[Floats], Floats], times: Floats, value: float, p: float
) -> dict[str, float]:
    """Both ends for a pooled distance, and its standard error; NaN where the items do not differ.

    A distance of samples is too long, and that of resamples too long once more. No one bootstrap
    interval serves: near zero BCa and the percentile interval never hold the truth. So the upper
    end is the percentile interval's, the lower one the lesser of BCa's and the basic bootstrap's,
    and zero where the permutation test finds no difference. Simulated coverage (Wasserstein and
    Jensen-Shannon distances of five options from 0 to 0.26, 20 to 300 items, 300 runs each): 91 to
    98 %, against 0 to 96 of BCa.
    """
    low = cluster_bootstrap(sums, statistic, times)[1][0]
    ends = [end[0] for end in cluster_bootstrap(sums, statistic, times, method="percentile")[1:]]
    if np.isnan(low):
        return dict.fromkeys(("low", "high", "se"), float("nan"))
    low = 0.0 if p > ALPHA else max(min(low, 2 * value - ends[1]), 0.0)
    se = (ends[1] - ends[0]) / (2 * NORMAL_975)
    return {"low": low, "high": max(ends[1], value), "se": se}


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


def _value(both: _Common, over: Over) -> float:
    if over == "items":
        return float(both.distance(both.one, both.two).mean())
    if over == "pooled":
        return float(both.distance(both.one.mean(0), both.two.mean(0)))
    raise AnalysisError(f"There is no distance over {over}.", "Use 'pooled' or 'items'.")


def _arranged(table: pd.DataFrame, shares: sparse.csr_array, columns: Columns) -> _Answers:
    """Answers by model and item; several of a model to an item count with their shares.

    Args:
        table: from `items.long_table`.
        shares: ``(rows, C)``; a row without any is unanswered.
        columns: of the table.
    """
    answered = np.diff(shares.indptr) > 0
    found = arrange(table, np.where(answered, 0.0, np.nan)[:, None], columns, once=False)
    there = ~np.isnan(found.answers[:, :, 0])
    rows = np.flatnonzero(answered)
    cells = found.cells[rows]
    times = np.bincount(cells, minlength=there.size)
    averaging = sparse.csr_array((1 / times[cells], (cells, rows)), shape=(there.size, len(table)))
    return _Answers(found.models, there, sparse.csr_array(averaging @ shares), found.clusters)


def _common(answers: _Answers, a: int, b: int, distance: _Distance) -> _Common:
    there = answers.there[a] & answers.there[b]
    items = np.flatnonzero(there)
    width = answers.there.shape[1]
    one, two = (answers.shares[model * width + items] for model in (a, b))
    occurs = np.unique(np.concatenate([one.indices, two.indices]))
    return _Common(
        one=one[:, occurs].toarray(),
        two=two[:, occurs].toarray(),
        clusters=np.unique(answers.clusters[there], return_inverse=True)[1],
        distance=replace(distance, positions=distance.positions[occurs]),
        unmatched=int((answers.there[a] ^ answers.there[b]).sum()),
    )


def _by_cluster(values: Floats, clusters: Codes) -> Floats:
    return np.column_stack([np.bincount(clusters, column) for column in values.T])


def _outcomes(
    table: pd.DataFrame,
    columns: Columns,
    order: Sequence[Hashable] | Mapping[Hashable, float] | None,
    measure: str,
    *,
    base: float,
    normalised: bool,
) -> tuple[sparse.csr_array, _Distance]:
    """What each row answered as shares ``(rows, C)``, none where missing, and the measure."""
    name = _measure(measure)
    if not (base > 0 and base != 1 and np.isfinite(base)):
        raise AnalysisError(f"There is no logarithm of base {base:g}.", "Use 2 or math.e.")
    if len(columns.outcome) > 1:
        shares = np.column_stack([numbers(table[column]) for column in columns.outcome])
        _check(shares, table, columns)
        positions = _column_positions(columns.outcome, order)
        ascending = np.argsort(positions, kind="stable")
        shares, positions = shares[:, ascending], positions[ascending]
        missing = np.asarray(np.isnan(shares).any(axis=1))
        found = sparse.csr_array(np.where(missing[:, None], 0.0, shares))
    else:
        outcome = table[columns.outcome[0]]
        scale, positions = _scale(outcome, order, needed=name == "wasserstein")
        code = pd.Index(scale).get_indexer(pd.Index(outcome.astype(object)))
        missing = outcome.isna().to_numpy(bool)
        strange = (code < 0) & ~missing
        if strange.any():
            raise AnalysisError(
                f"The outcomes {listed(outcome[strange].unique())} are not in the order given.",
                "Name the whole scale in `order`.",
            )
        rows = np.flatnonzero(~missing)
        found = sparse.csr_array(
            (np.ones(len(rows)), (rows, code[rows])), shape=(len(table), len(scale))
        )
    if name == "wasserstein" and (np.diff(positions) <= 0).any():
        raise AnalysisError(
            "Two outcomes have the same position in the order given.",
            "Give each outcome a position of its own, or the same name to both.",
        )
    span = float(np.ptp(positions)) if len(positions) else 0.0
    length = span if normalised and span > 0 else 1.0
    return found, _Distance(name, base, positions, length, 1.0 if normalised else span)


def _measure(name: str) -> str:
    """The measure of that name, however it is spelt."""
    spelt = {known.replace("-", " "): known for known in MEASURES} | ALIASES
    found = spelt.get(name.casefold().replace("-", " ").replace("_", " ").strip())
    if found is None:
        both = " JSD is short for two of them." if name.casefold() in {"js", "jsd"} else ""
        raise AnalysisError(f"There is no measure {name}.{both}", f"Use {listed(MEASURES)}.")
    return found


def _column_positions(
    columns: Sequence[str], order: Sequence[Hashable] | Mapping[Hashable, float] | None
) -> Floats:
    """Where the outcomes that columns stand for lie."""
    if order is None:
        return np.arange(len(columns), dtype=float)
    placed = order if isinstance(order, Mapping) else {name: i for i, name in enumerate(order)}
    if set(placed) == set(columns):
        return np.array([placed[name] for name in columns], float)
    given = list(order)
    if len(given) == len(columns) and all(map(_is_number, given)):
        return np.array(given, float)
    raise AnalysisError(
        f"The order {listed(given)} is not one of the columns {listed(columns)}.",
        "Name each column once, or give a position for each.",
    )


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.number | np.bool_) and bool(np.isfinite(x))


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
        if not all(map(_is_number, found)):
            if needed:
                raise AnalysisError(
                    f"The outcomes {listed(found)} have no order.",
                    "Give it as order=[first, second, ...].",
                )
            scale = list(found)
            return scale, np.arange(len(scale), dtype=float)
        scale = sorted(found)
    if all(map(_is_number, scale)):
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
