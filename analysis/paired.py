"""The paired test of differences between two sides, family by family, for many columns at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from analysis.inference import sign_flip_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analysis.intervals import Means

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

LEAST_FOR_FLIPS = 10
"""With fewer families no pattern of signs is rare enough to pass a correction; t is used."""


def paired_test(
    differences: Floats, topics: Codes, means: Means, *, seed: Sequence[int], draws: int = 2000
) -> Floats:
    """Test of a mean difference of zero, two-sided, whole families being swapped.

    `inference.sign_flip_test` from ``LEAST_FOR_FLIPS`` families on, below that the t test on family
    means. Columns with the same families share the draws, and a column's p does not depend on the
    columns beside it.

    Args:
        differences: ``(n, m)``, one row per family; NaN are gaps.
        topics: ``(n,)`` codes.
        means: of the same columns, from `intervals.family_means`.
        seed: of the draws.
        draws: number of swaps where not all are used.

    Returns:
        ``(m,)`` p-values; NaN where there are fewer than two families.
    """
    p = np.full(differences.shape[1], np.nan)
    by_t = (means.families > 1) & (means.families < LEAST_FOR_FLIPS) & (means.se > 0)
    p[by_t] = 2 * stats.t.sf(np.abs(means.value[by_t]) / means.se[by_t], means.df[by_t])
    flipped = np.flatnonzero((means.families > 1) & ~by_t)
    if not len(flipped):
        return p
    patterns, code = np.unique(~np.isnan(differences[:, flipped]), axis=1, return_inverse=True)
    for j in range(patterns.shape[1]):
        columns, there = flipped[code == j], np.flatnonzero(patterns[:, j])
        kept = np.unique(topics[there], return_inverse=True)[1]
        size = np.bincount(kept)
        p[columns] = sign_flip_test(
            differences[np.ix_(there, columns)],
            1 / (size[kept] * len(size)),
            rng=np.random.default_rng(seed),
            draws=draws,
        )
    return p
