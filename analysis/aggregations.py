r"""Ways to average the differences of two models over cells, each with an interval and a test.

Every way takes a table of families by columns, a column per specification, NaN where a family has
no cell. The family is the sampled unit in all of them. Intervals and tests of all columns are
matrix products of draws with what each family adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.intervals import family_means
from analysis.paired import LEAST_FOR_FLIPS, paired_test
from analysis.resampling import family_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

AGGREGATIONS = ("levels equally", "cells equally", "topic median")
_BOUNDS = (-2.0, 2.0)


@dataclass(frozen=True)
class Sums:
    """Differences by family; arrays are ``(families, m)`` unless said otherwise.

    Attributes:
        mean: of each family, level by level; NaN without a cell.
        total: sum over its cells.
        cells: their number.
        topics: ``(families,)`` ascending codes.
    """

    mean: Floats
    total: Floats
    cells: Floats
    topics: Codes


@dataclass(frozen=True)
class Aggregated:
    """Estimates with interval and two-sided p, ``(m,)``; NaN where there is none.

    ``swapped`` is ``(draws, m)``: the estimates if the models had been swapped in some families.
    """

    value: Floats
    low: Floats
    high: Floats
    p: Floats
    families: NDArray[np.int64]
    swapped: Floats


def aggregate(
    how: str, sums: Sums, signs: Floats, *, seeds: tuple[Sequence[int], Sequence[int]]
) -> Aggregated:
    """Average families in one of the `AGGREGATIONS`.

    *Levels equally* is that of every table: families in a topic, topics. *Cells equally* is a
    ratio of sums over families, with the variance of its linear part (Woodruff 1971). *Topic
    median* is the median of the topics' means, with a percentile interval of the rescaled
    bootstrap (Rao & Wu 1988). All are tested by swapping the models in whole families; below
    ``paired.LEAST_FOR_FLIPS`` families by t, and the median not at all.

    Args:
        how: one of `AGGREGATIONS`.
        sums: the differences.
        signs: ``(draws, families)`` of 1 and -1.
        seeds: of the resamples and of the swaps of the first two.
    """
    drawn = swapped(how, sums, signs)
    draws = len(signs)
    if how == "topic median":
        return _median(sums, drawn, seeds[0])
    values = sums.mean if how == "levels equally" else _linear(sums)
    means = family_means(values, sums.topics, seed=seeds[0], draws=draws, bounds=_BOUNDS)
    tested = values if how == "levels equally" else _scaled(sums)
    p = paired_test(tested, sums.topics, means, seed=seeds[1], draws=draws)
    return Aggregated(means.value, means.low, means.high, p, means.families, drawn)


def swapped(how: str, sums: Sums, signs: Floats) -> Floats:
    """The estimates if the models had been swapped in some families.

    Args:
        how: one of `AGGREGATIONS`.
        sums: the differences.
        signs: ``(draws, families)`` of 1 and -1.

    Returns:
        ``(draws, m)``.
    """
    if how == "topic median":
        values = np.nan_to_num(sums.mean)
        there = (~np.isnan(sums.mean)).astype(float)
        columns = [
            _medians(signs, values[:, j], there[:, j], sums.topics) for j in range(values.shape[1])
        ]
        return np.column_stack(columns)
    if how == "cells equally":
        return np.asarray(signs @ np.nan_to_num(sums.total / _all(sums)))
    there = (~np.isnan(sums.mean)).astype(float)
    begin = np.flatnonzero(np.diff(sums.topics, prepend=-1))
    size = np.add.reduceat(there, begin, axis=0)
    weight = 1 / (np.maximum(size, 1)[sums.topics] * np.maximum((size > 0).sum(0), 1))
    return np.asarray(signs @ (np.nan_to_num(sums.mean) * weight))


def _all(sums: Sums) -> Floats:
    total = sums.cells.sum(0)
    return np.where(total > 0, total, np.nan)


def _sizes(sums: Sums) -> Floats:
    """Families of each family's topic times topics, by column."""
    begin = np.flatnonzero(np.diff(sums.topics, prepend=-1))
    size = np.add.reduceat((sums.cells > 0).astype(float), begin, axis=0)
    return np.asarray(size[sums.topics] * (size > 0).sum(0))


def _linear(sums: Sums) -> Floats:
    """One value a family whose mean, topics and families alike, is the mean over cells."""
    mean = sums.total.sum(0) / _all(sums)
    part = (sums.total - mean * sums.cells) / _all(sums)
    return np.where(sums.cells > 0, mean + _sizes(sums) * part, np.nan)


def _scaled(sums: Sums) -> Floats:
    """One value a family whose mean is the mean over cells, and stays so when families swap."""
    return np.where(sums.cells > 0, _sizes(sums) * sums.total / _all(sums), np.nan)


def _median(sums: Sums, drawn: Floats, seed: Sequence[int]) -> Aggregated:
    there = ~np.isnan(sums.mean)
    families = there.sum(0)
    value, low, high, p = (np.full(len(families), np.nan) for _ in range(4))
    patterns, code = np.unique(there, axis=1, return_inverse=True)
    for i in range(patterns.shape[1]):
        rows = np.flatnonzero(patterns[:, i])
        if not len(rows):
            continue
        topics = np.unique(sums.topics[rows], return_inverse=True)[1]
        rng = np.random.default_rng(seed)
        weights = family_weights(topics, rng=rng, draws=len(drawn))
        alone = int((np.bincount(topics) == 1).sum())
        picks = rng.integers(0, max(alone, 1), (len(drawn), alone))
        for j in np.flatnonzero(code == i):
            values = sums.mean[rows, j]
            value[j] = np.median(values @ _shares(topics))
            if len(rows) > 1:
                medians = _resampled_medians(weights, picks, values, topics)
                ends = np.quantile(medians, [0.025, 0.975])
                low[j], high[j] = np.clip(ends, *_BOUNDS)
            if len(rows) >= LEAST_FOR_FLIPS:
                reached = (np.abs(drawn[:, j]) >= abs(value[j]) * (1 - 1e-9)).sum()
                p[j] = (1 + reached) / (1 + len(drawn))
    return Aggregated(value, low, high, p, families, drawn)


def _shares(topics: Codes) -> Floats:
    """``(n, topics)``: what each family is of its topic's mean."""
    member = (topics[:, None] == np.arange(topics.max() + 1)).astype(float)
    return np.asarray(member / member.sum(0))


def _medians(signs: Floats, values: Floats, there: Floats, topics: Codes) -> Floats:
    """Medians over topics of the means of swapped families, ``(draws,)``."""
    rows = np.flatnonzero(there)
    if not len(rows):
        return np.zeros(len(signs))
    kept = np.unique(topics[rows], return_inverse=True)[1]
    means = signs[:, rows] @ (values[rows, None] * _shares(kept))
    return np.asarray(np.median(means, axis=1))


def _resampled_medians(weights: Floats, picks: Codes, values: Floats, topics: Codes) -> Floats:
    """Medians over topics: families weighted within topics, those alone drawn from each other."""
    shares = _shares(topics)
    means = values @ shares
    drawn = means + (weights - 1) @ ((values - means[topics])[:, None] * shares)
    alone = np.flatnonzero(np.bincount(topics)[topics] == 1)
    drawn[:, topics[alone]] = values[alone][picks]
    return np.asarray(np.median(drawn, axis=1))
