"""Question families drawn anew as weights, so that a statistic of all draws is a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def family_weights(topics: ArrayLike, *, rng: np.random.Generator, draws: int) -> Floats:
    r"""What each family counts in each draw; 1 on average.

    Of the n families of a topic n - 1 are drawn with replacement, each counting n/(n - 1) times:
    the rescaled bootstrap, whose variance is that of the sample mean, :math:`s^2 / n`, where plain
    resampling gives :math:`s^2 (n - 1) / n^2`, a quarter less with four families. Families that are
    alone in their topic are drawn as one stratum (a single one joins the smallest), which errs
    wide.

    Args:
        topics: ``(n,)`` topic of each family.
        rng: draws.
        draws: number of draws.

    Returns:
        ``(draws, n)``; all ones with fewer than two families.

    References:
        Rao & Wu 1988, "Resampling inference with complex survey data", JASA 83.
    """
    code = np.unique(np.asarray(topics), return_inverse=True)[1]
    count = np.bincount(code)
    alone = np.flatnonzero(count == 1)
    home = np.arange(len(count))
    if len(alone) == 1 and len(count) > 1:
        home[alone] = np.argmin(np.where(count == 1, count.max() + 1, count))
    else:
        home[alone] = alone[:1]
    stratum = home[code]
    weights = np.ones((draws, len(code)))
    for h in np.unique(stratum):
        rows = np.flatnonzero(stratum == h)
        n = len(rows)
        if n > 1:
            times = rng.multinomial(n - 1, np.full(n, 1 / n), size=draws)
            weights[:, rows] = times * (n / (n - 1))
    return weights
