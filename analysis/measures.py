"""Distances between outcome distributions, and stance.

Every function takes distributions along the last axis, broadcasts over the axes before it, and
returns NaN where the value is undefined; none warns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_TINY = np.finfo(float).tiny


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
    return np.asarray(-(p * np.log2(np.maximum(p, _TINY))).sum(-1))


def jensen_shannon_divergence(p: ArrayLike, q: ArrayLike) -> Floats:
    r"""Jensen-Shannon divergence, base 2.

    .. math:: D(p, q) = H\big(\tfrac{p + q}{2}\big) - \tfrac12 H(p) - \tfrac12 H(q),
        \quad H(p) = -\sum_k p_k \log_2 p_k

    It is the square of the Jensen-Shannon *distance*; published tables name either "JSD", and
    often in natural units: divide by ``log(2)`` to compare.

    Args:
        p: ``(..., C)`` distributions.
        q: ``(..., C)`` distributions.

    Returns:
        ``(...)`` in [0, 1] (bits): 0 if and only if equal, 1 if no outcome is shared; NaN where a
        probability is NaN.

    References:
        Lin 1991, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37.

    Examples:
        >>> jensen_shannon_divergence([1, 0], [0.5, 0.5]).round(4)
        np.float64(0.3113)
    """
    p, q = np.asarray(p, float), np.asarray(q, float)
    bits = entropy(0.5 * (p + q)) - 0.5 * (entropy(p) + entropy(q))
    return _scalar(np.clip(bits, 0.0, 1.0))


def jensen_shannon_distance(p: ArrayLike, q: ArrayLike) -> Floats:
    """Jensen-Shannon distance, base 2: the square root of the divergence, and a metric.

    Args:
        p: ``(..., C)`` distributions.
        q: ``(..., C)`` distributions.

    Returns:
        ``(...)`` in [0, 1]; NaN where a probability is NaN.

    References:
        Endres & Schindelin 2003, "A new metric for probability distributions", IEEE Trans. Inf.
        Theory 49.

    Examples:
        >>> jensen_shannon_distance([1, 0], [0, 1])
        np.float64(1.0)
    """
    return np.sqrt(jensen_shannon_divergence(p, q))


def wasserstein(p: ArrayLike, q: ArrayLike) -> Floats:
    r"""Wasserstein-1 distance between ordered options, divided by K - 1.

    .. math:: W(p, q) = \frac{1}{K - 1} \sum_{k=1}^{K-1} \big| F_p(k) - F_q(k) \big|

    with the options one step apart and :math:`F` the cumulative distributions: the share of the
    scale's length that the average answer must be moved by.

    Args:
        p: ``(..., K)`` probabilities in the order of the scale; scaled to sum to one,
            so that what was declined does not count.
        q: ``(..., K)`` likewise.

    Returns:
        ``(...)`` in [0, 1]; NaN where one side has no answers or a NaN, or K is 1.

    References:
        Vallender 1974, "Calculation of the Wasserstein distance between probability distributions
        on the line"; Santurkar et al. 2023 (OpinionQA) for the normalisation.

    Examples:
        >>> wasserstein([1, 0, 0, 0], [0, 0, 1, 0]).round(3)
        np.float64(0.667)
    """
    p, q = _conditional(np.asarray(p, float)), _conditional(np.asarray(q, float))
    moved = np.abs(np.cumsum(p - q, axis=-1)[..., :-1]).sum(-1)
    steps = p.shape[-1] - 1
    return _scalar(moved / steps if steps else np.full(moved.shape, np.nan))


def total_variation(p: ArrayLike, q: ArrayLike) -> Floats:
    r"""Total variation distance.

    .. math:: T(p, q) = \tfrac12 \sum_k |p_k - q_k|

    Args:
        p: ``(..., C)`` distributions.
        q: ``(..., C)`` distributions.

    Returns:
        ``(...)`` in [0, 1]: the largest difference in probability of any set of outcomes; NaN
        where a probability is NaN.

    References:
        Levin, Peres & Wilmer 2009, "Markov chains and mixing times", chapter 4.

    Examples:
        >>> total_variation([0.75, 0.25], [0.5, 0.5])
        np.float64(0.25)
    """
    return _scalar(0.5 * np.abs(np.asarray(p, float) - np.asarray(q, float)).sum(-1))


def _scalar(values: ArrayLike) -> Floats:
    """Numbers rather than arrays without dimensions, as numpy's own functions return."""
    result: Floats = np.asarray(values, float)[()]
    return result


def _conditional(p: Floats) -> Floats:
    total = p.sum(-1, keepdims=True)
    shares: Floats = np.divide(p, total, where=total > 0, out=np.full(p.shape, np.nan))
    return shares
