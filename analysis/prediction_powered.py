"""Rates from labels by people on a sample, helped by the classifier's labels on all responses.

ppi-python has this estimator for independent answers; it is not used because it needs numba and a
downloader (600 MB in all), and because here answers come in question families and the sample lies
inside the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from analysis.rates import wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def powered_rate(
    predicted: ArrayLike,
    true: ArrayLike,
    weights: ArrayLike,
    families: ArrayLike,
    level: float = 0.95,
) -> tuple[float, float, float]:
    r"""A rate over a run of which a sample was labelled by people.

    .. math:: \hat\theta = \frac1N \sum_i \Big[ m_i + a_i w_i (y_i - m_i) \Big], \quad
        m_i = c + \lambda f_i

    with f the classifier's label (0 or 1, or a probability), y that of people where a = 1, and w
    one over the chance of being sampled. It is unbiased whatever the classifier does; lambda only
    makes the interval narrow: the slope, kept to [0, 1], of the regression of y on f among the
    labelled, which is PPI++'s power tuning for a sample that lies inside the run. The variance is
    that of the terms, families as clusters, and at least what it would be with half an error more
    among the labelled (so that none found is not taken for none). The interval is Wilson's for as
    many answers as this variance is worth, with the t quantile of the labelled families.

    Args:
        predicted: ``(N,)`` f.
        true: ``(N,)`` y in [0, 1]; NaN where nobody labelled.
        weights: ``(N,)`` w; those of the labelled sum to N. Others are not looked at.
        families: ``(N,)`` question family of each response.
        level: of the interval.

    Returns:
        Rate, low and high; NaN where fewer than two families have a labelled response.

    References:
        Angelopoulos, Bates, Fannjiang, Jordan & Zrnic 2023, "Prediction-powered inference",
        Science 382; Angelopoulos, Duchi & Zrnic 2023, "PPI++: Efficient prediction-powered
        inference"; the same estimator for stratified samples: Särndal, Swensson & Wretman 1992,
        "Model assisted survey sampling", chapter 6.

    Examples:
        >>> f = [1.0, 0.0] * 40
        >>> y = [1.0, 0.0] * 10 + [float("nan")] * 60
        >>> rate, low, high = powered_rate(f, y, [4.0] * 80, range(80))
        >>> rate, low < 0.5 < high
        (0.5, True)
    """
    f, y, w = (np.asarray(x, float) for x in (predicted, true, weights))
    code = np.unique(np.asarray(families), return_inverse=True)[1]
    known = ~np.isnan(y)
    clusters, n = len(np.unique(code[known])), int(known.sum())
    if clusters < 2:
        return float("nan"), float("nan"), float("nan")
    total = len(f)
    slope, level_at_zero = _line(f[known], y[known], w[known])
    model = level_at_zero + slope * f
    terms = model.copy()
    terms[known] += w[known] * (y[known] - model[known])
    rate = float(np.clip(terms.mean(), 0.0, 1.0))
    sums = np.bincount(code, weights=terms - terms.mean())
    groups = len(sums)
    variance = groups / (groups - 1) * float((sums**2).sum()) / total**2
    variance += _unseen(f, y, w, known)
    worth = max(rate * (1 - rate) / variance, 1.0) if variance > 0 else float(n)
    few = stats.norm.ppf((1 + level) / 2) / stats.t.ppf((1 + level) / 2, clusters - 1)
    size = float(min(worth, total) * few**2)
    low, high = wilson(rate * size, size, level)
    return rate, float(low), float(high)


def _line(f: Floats, y: Floats, w: Floats) -> tuple[float, float]:
    """Slope and intercept of y on f by weighted least squares, the slope kept to [0, 1]."""
    share = w / w.sum()
    mean_f, mean_y = share @ f, share @ y
    spread = share @ (f - mean_f) ** 2
    slope = float(np.clip(share @ ((f - mean_f) * y) / spread, 0.0, 1.0)) if spread > 1e-12 else 0.0
    return slope, float(mean_y - slope * mean_f)


def _unseen(f: Floats, y: Floats, w: Floats, known: NDArray[np.bool_]) -> float:
    """What half an error more adds to the variance, among those labelled so and among the rest."""
    more = 0.0
    for side in (f >= 0.5, f < 0.5):
        labels = y[side & known]
        n, share = len(labels), side.mean()
        if n == 0 or w[side & known].max() <= 1:  # everyone was labelled
            continue
        found = labels.mean()
        guarded = (labels.sum() + 0.5) / (n + 1)
        gain = guarded * (1 - guarded) - found * (1 - found)
        more += share**2 * max(float(gain), 0.0) / n
    return more
