"""Distances between outcome distributions, and stance.

Every function takes distributions along the last axis, broadcasts over the axes before it, and
returns NaN where the value is undefined; none warns. What is no distribution (a negative number,
a NaN, a sum other than one) has no distance from anything, so the answer is NaN there too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_TINY = np.finfo(float).tiny

TOLERANCE = 1e-6
"""How far from one the sum of a distribution may be."""


def stance(p: ArrayLike, values: ArrayLike) -> Floats:
    r"""Stance: the expected value of an answer, given that there is one.

    .. math:: s = \sum_k v_k p_k \Big/ \sum_k p_k

    Args:
        p: ``(..., K)`` probabilities of the options that have a value; need not sum to one, the
            rest being what was declined.
        values: ``(K,)`` or ``(..., K)`` stance of each option in [-1, 1], +1 the ``pro`` pole.

    Returns:
        ``(...)`` in [-1, 1]; NaN where all probability declines or a probability is NaN.

    References:
        Ceron et al. 2024, "Beyond prompt brittleness" (ProbVAA); Moore et al. 2024, "Are large
        language models consistent over value-laden questions?" (ValueConsistency).

    Examples:
        >>> stance([0.5, 0.25, 0.0, 0.05], [1, 1 / 3, -1 / 3, -1]).round(3)
        np.float64(0.667)
    """
    p, values = np.asarray(p, float), np.asarray(values, float)
    answered = p.sum(-1)
    lean = (p * values).sum(-1)
    return _scalar(np.divide(lean, answered, where=answered > 0, out=np.full(lean.shape, np.nan)))


def entropy(p: Floats) -> Floats:
    r"""Shannon entropy in bits, :math:`-\sum_k p_k \log_2 p_k` with :math:`0 \log 0 = 0`.

    Args:
        p: ``(..., C)`` distributions.

    Returns:
        ``(...)`` in [0, log2 C]; NaN where a probability is NaN.
    """
    logs = np.maximum(p, _TINY)
    np.log2(logs, out=logs)
    return np.asarray(-np.einsum("...k,...k->...", p, logs))


def stance_bounds(p: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    r"""Worst and best case of a stance: all that was declined goes to one end or to the other.

    .. math:: \Big[ \sum_k v_k p_k + d \min_k v_k, \; \sum_k v_k p_k + d \max_k v_k \Big],
        \quad d = 1 - \sum_k p_k

    Nothing is assumed on what a model would have said; the bounds hold whatever it is.

    Args:
        p: ``(..., K)`` probabilities of the options that have a value; the rest was declined.
        values: ``(K,)`` or ``(..., K)`` stance of each option in [-1, 1].

    Returns:
        Worst and best, ``(...)`` in [-1, 1], equal where nothing was declined; NaN where a
        probability is NaN or negative or they sum to more than one.

    References:
        Manski 2003, "Partial identification of probability distributions", chapter 1.

    Examples:
        >>> worst, best = stance_bounds([0.5, 0.25, 0.0, 0.05], [1, 1 / 3, -1 / 3, -1])
        >>> float(worst.round(3)), float(best.round(3))
        (0.333, 0.733)
    """
    p, values = np.asarray(p, float), np.asarray(values, float)
    declined = 1 - p.sum(-1)
    fine = (p >= -TOLERANCE).all(-1) & (declined >= -TOLERANCE)
    declined = np.where(fine, np.maximum(declined, 0.0), np.nan)
    lean = (p * values).sum(-1)
    return _scalar(lean + declined * values.min(-1)), _scalar(lean + declined * values.max(-1))


def jensen_shannon_divergence(p: ArrayLike, q: ArrayLike, *, base: float = 2.0) -> Floats:
    r"""Jensen-Shannon divergence, base 2 unless another is named.

    .. math:: D(p, q) = H\big(\tfrac{p + q}{2}\big) - \tfrac12 H(p) - \tfrac12 H(q),
        \quad H(p) = -\sum_k p_k \log_2 p_k

    It is the square of the Jensen-Shannon *distance*; published tables name either "JSD", and
    often in natural units: ``base=math.e`` gives those.

    Args:
        p: ``(..., C)`` distributions.
        q: ``(..., C)`` distributions.
        base: of the logarithm.

    Returns:
        ``(...)`` in [0, log_base 2], which is [0, 1] in bits: 0 if and only if equal, the most if
        no outcome is shared; NaN where a side is no distribution.

    References:
        Lin 1991, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37.

    Examples:
        >>> jensen_shannon_divergence([1, 0], [0.5, 0.5]).round(4)
        np.float64(0.3113)
    """
    p, q = _distribution(p), _distribution(q)
    bits = entropy(0.5 * (p + q)) - 0.5 * (entropy(p) + entropy(q))
    return _scalar(np.clip(bits, 0.0, 1.0) * math.log(2, base))


def jensen_shannon_distance(p: ArrayLike, q: ArrayLike, *, base: float = 2.0) -> Floats:
    """Jensen-Shannon distance: the square root of the divergence, and a metric.

    ``scipy.spatial.distance.jensenshannon`` is this distance, with ``base=math.e`` unless told.

    Args:
        p: ``(..., C)`` distributions.
        q: ``(..., C)`` distributions.
        base: of the logarithm, 2 unless another is named.

    Returns:
        ``(...)`` in [0, 1] in base 2, [0, 0.833] in base e; NaN where a side is no distribution.

    References:
        Endres & Schindelin 2003, "A new metric for probability distributions", IEEE Trans. Inf.
        Theory 49.

    Examples:
        >>> jensen_shannon_distance([1, 0], [0, 1])
        np.float64(1.0)
        >>> jensen_shannon_distance([1, 0], [0, 1], base=math.e).round(4)
        np.float64(0.8326)
    """
    return np.sqrt(jensen_shannon_divergence(p, q, base=base))


def wasserstein(
    p: ArrayLike, q: ArrayLike, positions: ArrayLike | None = None, *, normalised: bool = True
) -> Floats:
    r"""Wasserstein-1 distance between ordered options, as a share of the scale's length.

    .. math:: W(p, q) = \frac{1}{x_K - x_1} \sum_{k=1}^{K-1} (x_{k+1} - x_k)
        \big| F_p(k) - F_q(k) \big|

    with options at :math:`x_k`, one step apart unless given (the divisor is then K - 1), and
    :math:`F` the cumulative distributions: how far the average answer must be moved.

    Args:
        p: ``(..., K)`` probabilities in the order of the scale; scaled to sum to one,
            so that what was declined does not count.
        q: ``(..., K)`` likewise.
        positions: ``(K,)`` ascending; None for options one step apart.
        normalised: False for a distance in the units of ``positions`` (steps, if None).

    Returns:
        ``(...)`` in [0, 1] if normalised; NaN where one side has no answers, a NaN or a negative
        number, or K is 1.

    Raises:
        ValueError: positions do not ascend, or are not K.

    References:
        Vallender 1974, "Calculation of the Wasserstein distance between probability distributions
        on the line"; Santurkar et al. 2023 (OpinionQA) for the normalisation.

    Examples:
        >>> wasserstein([1, 0, 0, 0], [0, 0, 1, 0]).round(3)
        np.float64(0.667)
        >>> wasserstein([1, 0, 0, 0], [0, 0, 1, 0], normalised=False)
        np.float64(2.0)
    """
    p, q = _conditional(np.asarray(p, float)), _conditional(np.asarray(q, float))
    apart = np.abs(np.cumsum(p - q, axis=-1)[..., :-1])
    if p.shape[-1] < 2:
        return _scalar(np.full(apart.shape[:-1], np.nan))
    if positions is None:
        moved, length = apart.sum(-1), p.shape[-1] - 1.0
    else:
        steps = np.diff(np.asarray(positions, float))
        if steps.shape != apart.shape[-1:] or not (steps > 0).all():
            raise ValueError("positions must ascend, one for each option")
        moved, length = apart @ steps, steps.sum()
    return _scalar(moved / length if normalised else moved)


def total_variation(p: ArrayLike, q: ArrayLike) -> Floats:
    r"""Total variation distance.

    .. math:: T(p, q) = \tfrac12 \sum_k |p_k - q_k|

    Args:
        p: ``(..., C)`` distributions.
        q: ``(..., C)`` distributions.

    Returns:
        ``(...)`` in [0, 1]: the largest difference in probability of any set of outcomes; NaN
        where a side is no distribution.

    References:
        Levin, Peres & Wilmer 2009, "Markov chains and mixing times", chapter 4.

    Examples:
        >>> total_variation([0.75, 0.25], [0.5, 0.5])
        np.float64(0.25)
    """
    return _scalar(0.5 * np.abs(_distribution(p) - _distribution(q)).sum(-1))


def energy_distance(x: ArrayLike, y: ArrayLike, *, paired: bool = False) -> float:
    r"""Energy distance between two samples of texts, as embeddings; unbiased.

    .. math:: E = \frac{2}{nm} \sum_{i,j} |x_i - y_j| - \frac{1}{n(n-1)} \sum_{i \ne j} |x_i - x_j|
        - \frac{1}{m(m-1)} \sum_{i \ne j} |y_i - y_j|

    with Euclidean distances. It is to open text what excess divergence is to scored answers: how
    much farther the two models' texts are from each other than each model's are among
    themselves. The mean over :math:`i \ne j` makes it zero in expectation for two samples of one
    distribution, so a single value may be negative; the usual version with n² in the place of
    n(n-1) is biased upwards. For an interval take it per question (several responses of each model
    to each) and give the values to `intervals.family_mean`.

    Args:
        x: ``(n, d)`` embeddings of one model's texts.
        y: ``(m, d)`` of the other's, by the same encoder.
        paired: text i of both answers the same prompt. These pairs are then left out of the first
            mean (n(n-1) in the place of nm), which would be too small with them.

    Returns:
        In the units of the embeddings, at most twice their greatest distance; NaN where a side
        has fewer than two texts or an embedding is not finite.

    Raises:
        ValueError: dimensions differ, or the samples are paired and of different size.

    References:
        Székely & Rizzo 2013, "Energy statistics: a class of statistics based on distances",
        J. Stat. Plan. Inference 143.

    Examples:
        >>> energy_distance([[0.0], [2.0]], [[1.0], [3.0]])
        -1.0
    """
    x, y = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(y, float))
    if x.shape[1] != y.shape[1] or (paired and len(x) != len(y)):
        raise ValueError(f"embeddings of shape {x.shape} and {y.shape} cannot be compared")
    if min(len(x), len(y)) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    across = cdist(x, y)
    if paired:
        np.fill_diagonal(across, 0.0)
    pairs = len(x) * (len(y) - paired)
    inside = sum(cdist(z, z).sum() / (len(z) * (len(z) - 1)) for z in (x, y))
    return float(2 * across.sum() / pairs - inside)


def _scalar(values: ArrayLike) -> Floats:
    """Numbers rather than arrays without dimensions, as numpy's own functions return."""
    result: Floats = np.asarray(values, float)[()]
    return result


def _distribution(p: ArrayLike) -> Floats:
    """The same numbers, NaN in every row that is no distribution."""
    p = np.asarray(p, float)
    # written so that NaN does not pass
    fine = (p.min(-1, keepdims=True) >= -TOLERANCE) & (
        np.abs(p.sum(-1, keepdims=True) - 1) <= TOLERANCE
    )
    return p if fine.all() else np.where(fine, p, np.nan)


def _conditional(p: Floats) -> Floats:
    total = p.sum(-1, keepdims=True)
    fine = (total > 0) & (p.min(-1, keepdims=True) >= -TOLERANCE)
    shares: Floats = np.divide(p, total, where=fine, out=np.full(p.shape, np.nan))
    return shares
