"""Tests, always paired on equal cells, and what they can and cannot show."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

EXACT_BITS = 11
"""All 2^11 relabellings are enumerated up to here; beyond, they are drawn."""

_SURE = 10  # draws that must reach the observed value before their count is trusted
_LEAST = 1e-9  # no approximated tail is believed beyond
_CHUNK = 1 << 24  # numbers in one block of draws
_SLACK = 1e-5  # relative; ties in single precision


def sign_flip_test(
    differences: ArrayLike, weights: ArrayLike, *, rng: np.random.Generator, draws: int = 2000
) -> Floats:
    """Paired permutation test that a weighted mean of family differences is zero, two-sided.

    Swapping the model labels of a whole family turns the sign of its stance difference. Under the
    null hypothesis that the two models are exchangeable within each family, every pattern of signs
    is equally likely. All patterns are used where there are at most 2^11, else random ones,
    the observed counted among them (Phipson & Smyth 2010), so that p is never 0.

    With n families no p below 2^(1-n) can come out: fewer than six families cannot reach 0.05.

    Args:
        differences: ``(n, m)``, a minus b, one row per family; columns are separate tests.
        weights: ``(n,)`` weight of each family in the mean.
        rng: draws the patterns.
        draws: number of patterns where not all are used.

    Returns:
        ``(m,)`` p-values; NaN where there is no family or a difference is NaN.

    References:
        Fisher 1935; Phipson & Smyth 2010, "Permutation p-values should never be zero".

    Examples:
        >>> sign_flip_test(np.full((6, 1), 0.2), np.full(6, 1 / 6), rng=np.random.default_rng(0))
        array([0.03125])
    """
    d = np.asarray(differences, float) * np.asarray(weights, float)[:, None]
    if not len(d):
        return np.full(d.shape[1], np.nan)
    signs, exact = swaps(len(d), rng=rng, draws=draws)
    undefined = np.isnan(d).any(0)
    d[:, undefined] = 0.0
    reached = (np.abs(signs @ d) >= np.abs(d.sum(0)) * (1 - _SLACK)).sum(0)
    p = reached / len(signs) if exact else (1 + reached) / (1 + draws)
    return np.where(undefined, np.nan, p)


def swaps(n: int, *, rng: np.random.Generator, draws: int) -> tuple[Floats, bool]:
    """Ways to swap the labels of two models in n clusters, up to swapping all of them.

    Args:
        n: number of clusters, at least 1.
        rng: draws the patterns.
        draws: number of patterns where not all are used.

    Returns:
        ``(patterns, n)`` of signs, -1 where swapped, and whether these are all there are (up to
        2^11); the first is then the one that swaps nothing.
    """
    exact = n - 1 <= EXACT_BITS
    return (_all_signs(n) if exact else _random_signs((draws, n), rng).astype(float)), exact


def frame_swap_test(
    products: Floats, frames: Sequence[int], *, rng: np.random.Generator, draws: int = 2000
) -> Floats:
    r"""Permutation test that two models have the same outcome distributions up to wording noise.

    *What is swapped.* A swap of all of a family's cells leaves every divergence as it was, so it
    can test a mean stance but not a divergence. What the null hypothesis does make exchangeable
    are the two models' answers to one family in one frame: both scatter around the same
    distribution, so it is chance which of the two lies on which side. Labels are swapped
    per (language, family, frame), with all cells of that family in that frame (both statements,
    both orders) going together.

    *What is computed.* :math:`T = \sum_{f<g} w \langle x_f, x_g \rangle` with the products of
    `noise.frame_products`, which estimates the squared distance between mean distributions. A swap
    turns the sign of :math:`x_f`, so a draw is :math:`\sum w \langle x_f, x_g \rangle s_f s_g` and
    all draws are one matrix product. T is large when the models differ in the same direction in
    different frames; swaps destroy that and leave the sizes as they are. One-sided: a difference
    makes T larger.

    *What is assumed.* That under the null hypothesis the difference in one frame tells nothing on
    that in another, nor on other families. Where a frame moves one of the models in the same way
    in all families, the test speaks on the frames that were asked, not on frames in general.
    Simulated size at 0.05 (300 to 400 runs each, 1 to 100 families, 4 and 8 frames): 3 to 7 %,
    with skewed, heavy-tailed and common noise, with two statements a family that go together, and
    with one model up to forty times as noisy as the other.

    All relabellings are used where there are at most 2^11. Where fewer than ten of the draws reach
    the observed value, p is the tail of a Pearson type III distribution with the exact mean and
    variance and the draws' skewness (Winkler et al. 2016), never below one in the number of
    relabellings, so that a correction over many pairs is not stopped by the number of draws.

    Args:
        products: ``(c, m)`` weighted products, the pairs of frames of one unit (language, family)
            after those of another, each in the order of ``numpy.triu_indices``; a pair of
            models per column.
        frames: number of frames of each unit; ``c`` is the sum of F(F-1)/2.
        rng: draws the swaps.
        draws: number of relabellings where not all are used.

    Returns:
        ``(m,)`` p-values; NaN where there is no product or one is NaN.

    References:
        Székely & Rizzo 2013, "Energy statistics"; Gretton et al. 2012, "A kernel two-sample test";
        Winkler et al. 2016, "Faster permutation inference in brain imaging".
    """
    undefined = np.isnan(products).any(0) | (len(products) == 0)
    if undefined.any():
        p = np.full(products.shape[1], np.nan)
        if not undefined.all():
            p[~undefined] = frame_swap_test(products[:, ~undefined], frames, rng=rng, draws=draws)
        return p
    bits = sum(f - 1 for f in frames)  # turning all signs of a unit changes nothing
    if bits <= EXACT_BITS:
        patterns = _all_signs(bits + 1)[:, 1:].T
        edges = np.cumsum([0, *(f - 1 for f in frames)])
        plus = np.ones((1, patterns.shape[1]))
        units = [np.vstack([plus, patterns[i:j]]) for i, j in itertools.pairwise(edges)]
        values = products.T @ np.vstack([_sign_products(unit) for unit in units])
        observed = products.sum(0)
        least = observed - _SLACK * np.abs(observed) - 1e-15
        return np.asarray((values >= least[:, None]).mean(1))

    single = products.T.astype(np.float32)
    drawn = np.empty((products.shape[1], draws), np.float32)
    step = max(1, _CHUNK // max(1, len(products)))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        swaps = np.empty((len(products), size), np.float32)
        row = 0
        for f, run in itertools.groupby(frames):
            count = sum(1 for _ in run)
            wide = _sign_products(_random_signs((count, f, size), rng)).reshape(-1, size)
            swaps[row : row + len(wide)] = wide
            row += len(wide)
        drawn[:, start : start + size] = single @ swaps
    goal = single.sum(1)
    least = goal - _SLACK * np.abs(goal) - 1e-12
    reached = (drawn >= least[:, None]).sum(1)
    p = (1 + reached) / (1 + draws)
    rare = np.flatnonzero(reached < _SURE)
    tail = _pearson_tail(goal[rare], drawn[rare], single[rare])
    p[rare] = np.maximum(tail, max(2.0**-bits, _LEAST))
    return np.asarray(p)


def mcnemar_exact(only_a: ArrayLike, only_b: ArrayLike) -> Floats:
    """Exact McNemar test for yes/no outcomes of two models on equal cells, two-sided.

    Args:
        only_a: ``(...)`` cells where the outcome is a's only.
        only_b: ``(...)`` cells where it is b's only.

    Returns:
        ``(...)`` p-values: binomial, each side likely under the null; 1 where the two never
        differ, NaN where a count is NaN or negative.

    References:
        McNemar 1947; Fagerland, Lydersen & Laake 2013.

    Examples:
        >>> mcnemar_exact(8, 1).round(4)
        np.float64(0.0391)
    """
    one, two = np.asarray(only_a, float), np.asarray(only_b, float)
    fine = (one >= 0) & (two >= 0)
    tail = stats.binom.cdf(np.minimum(one, two), one + two, 0.5)
    p: Floats = np.where(fine, np.minimum(1.0, 2 * tail), np.nan)[()]
    return p


def mcnemar_clustered(only_a: ArrayLike, only_b: ArrayLike) -> float:
    r"""Exact McNemar test for items that come in clusters, two-sided.

    The labels of the two models are swapped for whole clusters: with
    :math:`d_g = a_g - b_g`, the excess of a's discordant items in cluster g,

    .. math:: p = P\Big( \Big| \sum_g S_g d_g \Big| \ge \Big| \sum_g d_g \Big| \Big),
        \quad S_g = \pm 1 \text{ with probability } \tfrac12

    computed by convolution, without drawing. With one item a cluster it is `mcnemar_exact`.
    That one takes discordant items for independent, and rejects too often where the wordings or
    languages of one question go together.

    Args:
        only_a: ``(G,)`` items of each cluster where the outcome is a's only.
        only_b: ``(G,)`` items where it is b's only.

    Returns:
        The p-value; 1 where no cluster tells the two apart, NaN where a count is NaN or negative.

    References:
        The randomisation version of Durkalski et al. 2003, "Analysis of clustered matched-pair
        data", Stat. Med. 22; Fisher 1935 for the principle.

    Examples:
        >>> mcnemar_clustered([1] * 8 + [0], [0] * 8 + [1])
        0.0390625
        >>> mcnemar_clustered([4, 4], [0, 0])
        0.5
    """
    one, two = np.asarray(only_a, float), np.asarray(only_b, float)
    if not ((one >= 0) & (two >= 0)).all():
        return float("nan")
    sizes = np.abs(one - two).astype(int)
    chance = np.ones(1)  # of each sum, from -S to S in steps of 2
    for size in sizes[sizes > 0]:
        wider = np.zeros(len(chance) + size)
        wider[size:] += 0.5 * chance
        wider[: len(chance)] += 0.5 * chance
        chance = wider
    total = int(sizes.sum())
    sums = 2 * np.arange(total + 1) - total
    observed = abs(int((one - two).sum()))
    return float(min(1.0, chance[np.abs(sums) >= observed].sum()))


def equivalence_test(estimate: ArrayLike, se: ArrayLike, df: ArrayLike, margin: float) -> Floats:
    """Two one-sided t tests that a difference lies within ``margin`` of zero.

    A small p shows that the difference is smaller than the margin. That is another statement than
    "no difference was found", which a small sample brings about as well.

    Args:
        estimate: ``(...)`` differences.
        se: ``(...)`` standard errors, families as clusters.
        df: ``(...)`` degrees of freedom of the standard errors.
        margin: the largest difference that counts as none, stated before looking.

    Returns:
        ``(...)`` the larger of the two one-sided p-values; NaN without a standard error, or where
        it is zero.

    Raises:
        ValueError: the margin is not above zero.

    References:
        Schuirmann 1987; Lakens 2017, "Equivalence tests".

    Examples:
        >>> equivalence_test(0.01, 0.01, 30, 0.05).round(4)
        np.float64(0.0002)
    """
    if not margin > 0:
        raise ValueError("the margin of an equivalence test must be above zero")
    estimate, se, df = np.asarray(estimate, float), np.asarray(se, float), np.asarray(df)
    usable = (se > 0) & (df > 0)
    steps = np.divide(
        margin - np.abs(estimate), se, where=usable, out=np.full(np.shape(usable), np.nan)
    )
    p: Floats = stats.t.sf(steps, np.maximum(df, 1))[()]
    return p


def detectable(se: ArrayLike, df: ArrayLike, power: float = 0.8, alpha: float = 0.05) -> Floats:
    r"""Smallest difference that a two-sided test finds with the given power.

    .. math:: \delta = (t_{1 - \alpha/2} + t_{\text{power}})\,\mathrm{se}

    Args:
        se: ``(...)`` standard errors.
        df: ``(...)`` their degrees of freedom.
        power: chance to find it.
        alpha: of the test, before any correction for many tests.

    Returns:
        ``(...)`` in the units of ``se``; NaN where it is zero or NaN.

    References:
        Bloom 1995, "Minimum detectable effects"; Miller 2024.

    Examples:
        >>> detectable(0.1, 1000).round(3)
        np.float64(0.28)
    """
    se, df = np.asarray(se, float), np.asarray(df)
    steps = stats.t.ppf(1 - alpha / 2, np.maximum(df, 1)) + stats.t.ppf(power, np.maximum(df, 1))
    smallest: Floats = np.where((se > 0) & (df > 0), steps * se, np.nan)[()]
    return smallest


def rates_equivalence_test(
    only_a: ArrayLike, only_b: ArrayLike, n: ArrayLike, margin: float
) -> Floats:
    r"""Two one-sided score tests that the difference of two paired rates is less than ``margin``.

    With b items where the outcome is a's only and c where it is b's only, of n, the test that the
    difference is :math:`\delta` has

    .. math:: z = \frac{b - c - n \delta}{\sqrt{n (2 q + \delta (1 - \delta))}}, \quad
        q = \frac{\sqrt{B^2 - 8 n C} - B}{4 n}, \quad
        B = (2 n - b + c) \delta - b - c, \quad C = -c \, \delta (1 - \delta)

    for :math:`\delta \ge 0`, sides exchanged for the other end. The t test of `equivalence_test`
    takes its standard error from what was seen; where the two seldom differ that is next to
    nothing, and it passes 7 to 15 times in 100 where it should in 5 (60 to 500 items, one model
    alone with the outcome on 5 % of them, margin 0.05; this one 2 to 6).

    Args:
        only_a: ``(...)`` items where the outcome is a's only; need not be whole.
        only_b: ``(...)`` items where it is b's only.
        n: ``(...)`` items in all.
        margin: the largest difference that counts as none, stated before looking.

    Returns:
        ``(...)`` the larger of the two one-sided p-values; NaN where there is no item.

    Raises:
        ValueError: the margin is not above zero.

    References:
        Tango 1998, "Equivalence test and confidence interval for the difference in proportions for
        the paired-sample design", Stat. Med. 17: 891-908.

    Examples:
        >>> rates_equivalence_test(0, 1, 44, 0.1).round(3)
        np.float64(0.044)
    """
    if not margin > 0:
        raise ValueError("the margin of an equivalence test must be above zero")
    b, c, n = (np.asarray(x, float) for x in (only_a, only_b, n))
    items = np.where(n > 0, n, np.nan)
    if margin >= 1:  # no difference of rates is larger
        return np.where(np.isnan(items), np.nan, 0.0)[()]
    return np.maximum(_below(b, c, items, margin), _below(c, b, items, margin))[()]


def _below(b: Floats, c: Floats, n: Floats, margin: float) -> Floats:
    """P-value of the test that the difference of rates, (b - c) / n, is ``margin`` or more."""
    linear = (2 * n - b + c) * margin - b - c
    inside = linear**2 + 8 * n * c * margin * (1 - margin)
    q = (np.sqrt(inside) - linear) / (4 * n)
    z = (b - c - n * margin) / np.sqrt(n * (2 * q + margin * (1 - margin)))
    return np.asarray(stats.norm.cdf(z))


def mcnemar_detectable(
    only_a: float, only_b: float, n: float, power: float = 0.8, alpha: float = 0.05
) -> float:
    r"""Smallest difference of two paired rates that the exact McNemar test finds.

    Items on which the two differ by chance are taken to be as many as were seen on the rarer side,
    on either side; the difference comes on top. The power is exact,

    .. math:: \sum_m P(M = m) \, P\big( p(B, m - B) \le \alpha \mid M = m \big)

    over the numbers M of items on which they differ and B of those that are a's, both binomial.
    Where the two hardly differ it is a good deal more than a formula with the standard error
    would give: five items cannot show anything.

    Args:
        only_a: items where the outcome is a's only; need not be whole.
        only_b: items where it is b's only.
        n: items in all, or what they are worth (`rates.effective_size`).
        power: chance to find it.
        alpha: of the test, before any correction for many tests.

    Returns:
        A difference of rates in (0, 1]; NaN where not even the largest would be found.

    References:
        Connor 1987, "Sample size for testing differences in proportions for the paired-sample
        design", Biometrics 43.

    Examples:
        >>> round(mcnemar_detectable(0, 0, 100), 3)
        0.078
        >>> round(mcnemar_detectable(30, 30, 100), 3)
        0.268
    """
    size = int(n)
    noise = min(only_a, only_b) / n if n > 0 else 0.0
    most = 1 - 2 * noise
    low, high = 0.0, most
    if size < 1 or _mcnemar_power(high, noise, size, alpha) < power:
        return float("nan")
    for _ in range(12):
        middle = (low + high) / 2
        if _mcnemar_power(middle, noise, size, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def _mcnemar_power(difference: float, noise: float, n: int, alpha: float) -> float:
    """Chance that the exact test finds it; arguments as in `mcnemar_detectable`."""
    differ = min(1.0, 2 * noise + difference)
    least, greatest = (int(stats.binom.ppf(q, n, differ)) for q in (1e-9, 1 - 1e-9))
    m = np.arange(least, greatest + 1)
    # the largest count of the rarer side that is still significant; -1 where none is
    most = stats.binom.ppf(alpha / 2, m, 0.5)
    most = np.where(stats.binom.cdf(most, m, 0.5) <= alpha / 2, most, most - 1)
    share = (noise + difference) / differ if differ > 0 else 0.5
    found = stats.binom.sf(m - most - 1, m, share) + stats.binom.cdf(most, m, share)
    return float(stats.binom.pmf(m, n, differ) @ np.where(most >= 0, found, 0.0))


def holm(p: ArrayLike) -> Floats:
    r"""P-values adjusted by Holm 1979: the chance of any false positive in the family is bounded.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1) \, p_{(j)})

    Args:
        p: ``(m,)``; NaN are tests that were not made and stay NaN.

    Returns:
        ``(m,)`` adjusted p-values.

    References:
        Holm 1979, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6.

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
    """

    # not statsmodels' multipletests: it runs a full garbage collection at every call
    def stepped(made: Floats) -> Floats:
        order = np.argsort(made)
        steps = np.maximum.accumulate(made[order] * np.arange(len(made), 0, -1))
        adjusted = np.empty_like(made)
        adjusted[order] = np.minimum(1.0, steps)
        return adjusted

    return _adjusted(p, stepped)


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """P-values adjusted by Benjamini & Hochberg 1995: the expected share of false positives.

    Args:
        p: ``(m,)``; NaN are tests that were not made and stay NaN.

    Returns:
        ``(m,)`` adjusted p-values.

    References:
        Benjamini & Hochberg 1995, "Controlling the false discovery rate", JRSS B 57.

    Examples:
        >>> benjamini_hochberg([0.01, 0.04, 0.03])
        array([0.03, 0.04, 0.04])
    """
    return _adjusted(p, stats.false_discovery_control)


def _adjusted(p: ArrayLike, correct: Callable[[Floats], Floats]) -> Floats:
    p = np.asarray(p, float)
    result = np.full(p.shape, np.nan)
    made = ~np.isnan(p)
    if made.any():
        result[made] = correct(p[made])
    return result


def _all_signs(n: int) -> Floats:
    """Every pattern of n signs of which the first is +, ``(2^(n-1), n)``."""
    bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n - 1) & 1
    return np.hstack([np.ones((len(bits), 1)), 1.0 - 2.0 * bits])


def _random_signs(shape: tuple[int, ...], rng: np.random.Generator) -> Singles:
    size = math.prod(shape)
    bits = np.unpackbits(np.frombuffer(rng.bytes(-(-size // 8)), np.uint8), count=size)
    return np.float32(1) - np.float32(2) * bits.reshape(shape).astype(np.float32)


def _sign_products(signs: NDArray[np.floating]) -> NDArray[np.floating]:
    """Products of pairs of rows, ``(..., F, n)`` to ``(..., F(F-1)/2, n)``, as ``triu_indices``."""
    frames = signs.shape[-2]
    rows = [signs[..., f : f + 1, :] * signs[..., f + 1 :, :] for f in range(frames - 1)]
    return np.concatenate(rows, axis=-2)


def _pearson_tail(observed: Singles, drawn: Singles, products: Singles) -> Floats:
    """Tail of the type III distribution by row; some row's variance is not zero."""
    sd = np.sqrt((products.astype(float) ** 2).sum(1))
    scaled = drawn / sd[:, None]
    skew = np.einsum("ij,ij,ij->i", scaled, scaled, scaled) / drawn.shape[1]
    return np.asarray(stats.pearson3.sf(observed / sd, skew))
