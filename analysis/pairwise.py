"""Two models, item by item, from any table of answers: McNemar and permutation tables.

    from analysis.pairwise import mcnemar_table
    mcnemar_table(answers, baseline="model-a", positive="refuses")

Pairs are always on the items that both answered, and ``unmatched`` counts the others. Every row
has the effect with its interval, p, p corrected over all rows of the table, the smallest
difference that would have been found, and a sentence.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from analysis import verdicts
from analysis.inference import (
    benjamini_hochberg,
    detectable,
    equivalence_test,
    holm,
    mcnemar_clustered,
    mcnemar_detectable,
    mcnemar_exact,
    rates_equivalence_test,
    sign_flip_test,
)
from analysis.intervals import family_mean
from analysis.items import Columns, arrange, groups, listed, long_table, names, numbers, yes_no
from analysis.rates import effective_size, paired_difference
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from numpy.typing import NDArray

    from analysis.items import Arranged

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Correction = Literal["holm", "benjamini-hochberg", "none"]

UNMATCHED = "no item was answered by both"
TOO_FEW = "too few items for any difference to be found"
LEAST_CLUSTERS = 6
"""With fewer, no p of 0.05 can come out."""

MCNEMAR = [
    *("a", "b", "n", "clusters", "unmatched", "rate_a", "rate_b", "difference", "low", "high"),
    *("both", "only_a", "only_b", "neither", "p", "p_adjusted", "p_equivalent", "detectable"),
    *("verdict", "measurable", "reason"),
]
PERMUTATION = [
    *("a", "b", "n", "clusters", "unmatched", "mean_a", "mean_b", "difference", "low", "high"),
    *("p", "p_adjusted", "p_equivalent", "detectable", "verdict", "measurable", "reason"),
]


def mcnemar_table(
    data: Any,
    baseline: Hashable | None = None,
    *,
    model: str = "model",
    item: str | Sequence[str] = "item",
    outcome: str = "outcome",
    positive: object = None,
    cluster: str | Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    correction: Correction = "holm",
    margin: float = 0.05,
) -> pd.DataFrame:
    """Paired exact McNemar tests of many models against one, or of all pairs, corrected together.

    Args:
        data: a long table with a row per answer, or a wide one of 0 and 1 with a row per item and
            a column per model; a DataFrame or what makes one.
        baseline: the model that the others are held against (side ``b``); None for all pairs.
        model: column of what is compared. To hold languages against each other within each
            model: ``model="language", by="model"``.
        item: column or columns that two answers share if they are a pair.
        outcome: column of 0 and 1, or of anything if ``positive`` is given. Missing is unanswered.
        positive: the outcome that counts as 1, or a list of such.
        cluster: column or columns of what items belong to, such as the question that they are
            wordings of. Clusters then swap whole (`inference.mcnemar_clustered`) and the interval
            is on the effective number of items.
        by: a row of its own for each value of these columns; the correction is over all rows.
        correction: of p over all rows.
        margin: difference in rates that counts as none.

    Returns:
        `MCNEMAR`, after the columns of ``by``. ``difference`` is a minus b; its interval is
        Newcombe's for paired rates (`rates.paired_difference`), ``p_equivalent`` is by Tango's test
        (`inference.rates_equivalence_test`) and ``detectable`` by the power of the exact test
        (`inference.mcnemar_detectable`). Where no item was answered by both numbers are NaN,
        ``measurable`` is False and ``reason`` says so.

    Raises:
        AnalysisError: columns are missing, outcomes are not 0 and 1, answers of one model to one
            item differ, or there is no such baseline.

    Examples:
        >>> wide = pd.DataFrame({"a": [1] * 9 + [0], "b": [0] * 8 + [1, 1], "c": [0] * 10})
        >>> mcnemar_table(wide, "c")[["a", "b", "only_a", "only_b", "p", "p_adjusted"]].round(4)
           a  b  only_a  only_b       p  p_adjusted
        0  a  c       9       0  0.0039      0.0078
        1  b  c       2       0  0.5000      0.5000
    """
    columns = Columns(model, names(item), (outcome,), names(cluster), names(by))
    table = long_table(data, columns)
    answers = yes_no(table[outcome], positive)

    def line(a: Floats, b: Floats, clusters: Codes) -> dict[str, Any]:
        found = paired_rates(a == 1, b == 1, clusters, margin=margin)
        return found | {"reason": TOO_FEW if np.isnan(found["detectable"]) else ""}

    found = _lines(table, answers, columns, baseline, line, MCNEMAR)
    found["p_adjusted"] = adjusted(found["p"], correction)
    name = "1" if positive is None else listed(_several(positive))
    found["verdict"] = [
        _not_measurable(row)
        or verdicts.outcome(
            str(row["a"]),
            str(row["b"]),
            name,
            margin=margin,
            **{key: row[key] for key in (*_JUDGED, "only_a", "only_b")},
        )
        for row in found.to_dict("records")
    ]
    return found


def permutation_table(
    data: Any,
    baseline: Hashable | None = None,
    *,
    model: str = "model",
    item: str | Sequence[str] = "item",
    outcome: str = "outcome",
    cluster: str | Sequence[str] | None = None,
    by: str | Sequence[str] | None = None,
    correction: Correction = "holm",
    margin: float = 0.05,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Paired permutation tests of mean outcomes, such as stances or scores.

    The labels of the two models are swapped per item, or per cluster with all its items; every
    pattern is used up to 12 clusters, else random ones (`inference.sign_flip_test`). The interval
    is the bootstrap-t over clusters (`intervals.family_mean`); items count alike.

    Args:
        data: as in `mcnemar_table`, outcomes being numbers.
        baseline: the model that the others are held against (side ``b``); None for all pairs.
        model: column of what is compared.
        item: column or columns that two answers share if they are a pair.
        outcome: column of numbers. Missing is unanswered.
        cluster: column or columns of what items belong to.
        by: a row of its own for each value of these columns.
        correction: of p over all rows.
        margin: difference that counts as none.
        bounds: the least and the greatest value of an outcome; with them the interval has a width
            even where all items agree.
        draws: resamples, and permutations where not all are used.
        seed: of both.

    Returns:
        `PERMUTATION`, after the columns of ``by``. ``difference`` is a minus b.

    Raises:
        AnalysisError: as in `mcnemar_table`.

    Examples:
        >>> wide = pd.DataFrame({"a": [0.9, 0.8, 0.7, 0.6, 0.9, 0.8], "b": [0.1] * 6})
        >>> permutation_table(wide, "b")[["difference", "p"]].round(4)
           difference       p
        0      0.6833  0.0312
    """
    columns = Columns(model, names(item), (outcome,), names(cluster), names(by))
    table = long_table(data, columns)
    width = bounds[1] - bounds[0]

    def line(a: Floats, b: Floats, clusters: Codes) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        d = a - b
        sums, sizes = np.bincount(clusters, d), np.bincount(clusters)
        mean = d.mean()
        # one value per cluster, such that their mean is that of the items
        values = mean + len(sums) / len(d) * (sums - mean * sizes)
        found = family_mean(values, rng=rng, draws=draws, bounds=(-width, width))
        one = {name: float(getattr(found, name)[0]) for name in ("se", "low", "high")}
        return {
            "n": len(d),
            "clusters": len(sums),
            "mean_a": a.mean(),
            "mean_b": b.mean(),
            "difference": mean,
            "low": one["low"],
            "high": one["high"],
            "p": sign_flip_test(
                sums[:, None], np.full(len(sums), 1 / len(d)), rng=rng, draws=draws
            )[0],
            "p_equivalent": equivalence_test(mean, one["se"], found.df, margin),
            "detectable": detectable(one["se"], found.df),
            "reason": "" if len(sums) > 1 else "one cluster only: there is no interval from one",
        }

    found = _lines(table, numbers(table[outcome]), columns, baseline, line, PERMUTATION)
    found["p_adjusted"] = adjusted(found["p"], correction)
    found["verdict"] = [
        _not_measurable(row)
        or verdicts.mean(
            str(row["a"]), str(row["b"]), margin=margin, **{key: row[key] for key in _JUDGED}
        )
        for row in found.to_dict("records")
    ]
    return found


def paired_rates(
    a: NDArray[np.bool_], b: NDArray[np.bool_], clusters: Codes, *, margin: float = 0.05
) -> dict[str, Any]:
    """Two yes/no outcomes on the same items.

    Args:
        a: ``(n,)`` outcome of one model, n above 0.
        b: ``(n,)`` of the other.
        clusters: ``(n,)`` codes from 0 on.
        margin: difference in rates that counts as none.

    Returns:
        ``n, clusters, rate_a, rate_b, difference, low, high, both, only_a, only_b, neither, p,
        p_equivalent, detectable``.
    """
    n = len(a)
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
    table = np.array([both, only_a, only_b, n - both - only_a - only_b], float)
    d = a.astype(float) - b
    in_cluster = np.bincount(clusters)
    alone = in_cluster.max() == 1
    size = float(
        n
        if alone
        else effective_size(
            np.bincount(clusters, d), in_cluster, squares=np.bincount(clusters, np.abs(d))
        )
    )
    low, high = paired_difference(*(table * size / n))
    worth_a, worth_b = table[1:3] * size / n
    return {
        "n": n,
        "clusters": len(in_cluster),
        "rate_a": a.mean(),
        "rate_b": b.mean(),
        "difference": d.mean(),
        "low": low,
        "high": high,
        "both": both,
        "only_a": only_a,
        "only_b": only_b,
        "neither": int(table[3]),
        "p": float(mcnemar_exact(only_a, only_b))
        if alone
        else mcnemar_clustered(np.bincount(clusters, a & ~b), np.bincount(clusters, ~a & b)),
        "p_equivalent": float(rates_equivalence_test(worth_a, worth_b, size, margin)),
        # no p below 2^(1 - clusters) comes of swapping them whole
        "detectable": mcnemar_detectable(worth_a, worth_b, size)
        if len(in_cluster) >= LEAST_CLUSTERS
        else float("nan"),
    }


def adjusted(p: pd.Series[float], correction: Correction) -> Floats:
    """P-values corrected over all rows; NaN are tests that were not made.

    Raises:
        AnalysisError: there is no such correction.
    """
    known: dict[str, Callable[[Floats], Floats]] = {
        "holm": holm,
        "benjamini-hochberg": benjamini_hochberg,
        "none": np.array,
    }
    if correction not in known:
        raise AnalysisError(f"There is no correction {correction}.", f"Use {listed(known)}.")
    return known[correction](np.asarray(p, float))


def sides(models: Sequence[Hashable], baseline: Hashable | None) -> Iterator[tuple[int, int]]:
    """Indices of the pairs: each against the baseline, or each with each after it."""
    if baseline is None:
        yield from itertools.combinations(range(len(models)), 2)
    elif baseline in models:
        b = list(models).index(baseline)
        yield from ((a, b) for a in range(len(models)) if a != b)


def check_baseline(table: pd.DataFrame, column: str, baseline: Hashable | None) -> None:
    """Refuse a baseline that is not in the table.

    Raises:
        AnalysisError: there is no such model.
    """
    known = table[column].unique()
    if baseline is not None and baseline not in set(known):
        raise AnalysisError(
            f"There is no {column} {baseline} in the table.", f"It holds {listed(known)}."
        )


_JUDGED = ["difference", "low", "high", "p_adjusted", "p_equivalent", "detectable"]


def _lines(
    table: pd.DataFrame,
    values: Floats,
    columns: Columns,
    baseline: Hashable | None,
    measure: Callable[[Floats, Floats, Codes], dict[str, Any]],
    wanted: list[str],
) -> pd.DataFrame:
    """A row for each pair in each group, with what was measured on their common items."""
    check_baseline(table, columns.model, baseline)
    place = table.assign(_row=np.arange(len(table)))
    lines = []
    for group, part in groups(place, columns.by):
        arranged = arrange(part, values[part["_row"].to_numpy()][:, None], columns, once=True)
        for a, b in sides(arranged.models, baseline):
            lines.append(group | _line(arranged, a, b, measure))
    found = pd.DataFrame(lines, columns=[*columns.by, *wanted])
    counts = [name for name in _COUNTS if name in wanted]
    return found.astype({**dict.fromkeys(counts, int), "measurable": bool})


_COUNTS = ["n", "clusters", "unmatched", "both", "only_a", "only_b", "neither"]


def _line(
    arranged: Arranged,
    a: int,
    b: int,
    measure: Callable[[Floats, Floats, Codes], dict[str, Any]],
) -> dict[str, Any]:
    one, two = arranged.answers[a, :, 0], arranged.answers[b, :, 0]
    there = ~np.isnan(one) & ~np.isnan(two)
    answered = int((~np.isnan(one) | ~np.isnan(two)).sum())
    line: dict[str, Any] = {
        **dict.fromkeys(_COUNTS, 0),
        "a": arranged.models[a],
        "b": arranged.models[b],
        "unmatched": answered - int(there.sum()),
        "measurable": bool(there.any()),
        "reason": "" if there.any() else UNMATCHED,
    }
    if not there.any():
        return line
    clusters = np.unique(arranged.clusters[there], return_inverse=True)[1]
    return line | measure(one[there], two[there], clusters)


def _not_measurable(row: dict[Hashable, Any]) -> str:
    return "" if row["measurable"] else f"Not measurable: {row['reason']}."


def _several(positive: object) -> list[object]:
    return list(positive) if isinstance(positive, list | tuple | set) else [positive]
