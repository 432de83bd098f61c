"""Intervals and standard errors, families as clusters."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.intervals import (
    cluster_bootstrap,
    clustered_se,
    family_mean,
    family_means,
    resamples,
)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """As an excess divergence is distributed."""
    return rng.exponential(0.1, shape)


SHAPES = {
    "normal": lambda rng, shape: rng.normal(0.1, 0.2, shape),
    "skewed": skewed,
    "near one": lambda rng, shape: 2 * rng.beta(5, 0.4, shape) - 1,
    "near zero": lambda rng, shape: rng.beta(0.3, 6, shape),
}


@pytest.mark.parametrize("families", [10, 20, 50, 200])
@pytest.mark.parametrize("name", SHAPES)
def test_intervals_cover(name: str, families: int) -> None:
    """95 % intervals hold the truth in 93 to 97 % of runs (92 at 10 skewed families)."""
    rng = np.random.default_rng(families)
    truth = SHAPES[name](rng, (1, 2_000_000)).mean()
    runs = 2000
    mean = family_mean(SHAPES[name](rng, (families, runs)), rng=rng, draws=600, bounds=(-1, 1))
    covered = ((mean.low <= truth) & (truth <= mean.high)).mean()
    noise = 2.5 * np.sqrt(0.05 * 0.95 / runs)  # of the simulation itself
    assert (0.92 if families < 20 else 0.93) - noise < covered < 0.97 + noise


def test_the_percentile_interval_would_not_cover() -> None:
    """Why the bootstrap-t is used: at 10 skewed families the usual interval misses too often."""
    rng = np.random.default_rng(0)
    values = skewed(rng, (10, 2000))
    usual = family_mean(values, rng=rng, draws=600, method="percentile")
    assert ((usual.low <= 0.1) & (usual.high >= 0.1)).mean() < 0.9


def test_intervals_cover_within_topics() -> None:
    """Topics far apart are not taken for noise: four topics of five families."""
    rng = np.random.default_rng(1)
    topics = np.repeat(np.arange(4), 5)
    values = rng.normal(0, 0.2, (20, 2000)) + topics[:, None]
    mean = family_mean(values, topics, rng=rng, draws=600)
    assert 0.93 < ((mean.low <= 1.5) & (mean.high >= 1.5)).mean() < 0.97
    assert np.median(mean.high - mean.low) < 0.3


def test_topics_count_alike() -> None:
    """Families are averaged within their topic first."""
    mean = family_mean([0, 0, 0, 1, 1], list("aaabb"), rng=np.random.default_rng(0))
    assert mean.value[0] == 0.5


def test_standard_error_is_the_stratified_one() -> None:
    """Against the formula, and for one topic against the textbook's."""
    rng = np.random.default_rng(2)
    y = rng.normal(size=9)
    topics = np.repeat([0, 1], [4, 5])
    mean = family_mean(y, topics, rng=rng)
    parts = [y[topics == t].var(ddof=1) / (4 * (topics == t).sum()) for t in (0, 1)]
    assert mean.se[0] == pytest.approx(np.sqrt(sum(parts)))
    assert mean.df == 7
    assert family_mean(y, rng=rng).se[0] == pytest.approx(stats.sem(y))


@pytest.mark.parametrize("topics", [list("abcdef"), list("aaaaab"), list("aabbbc")])
def test_topics_of_one_family_still_give_an_interval(topics: list[str]) -> None:
    """They are put together, or with the smallest other topic."""
    mean = family_mean([0.1, 0.5, 0.2, 0.4, 0.3, 0.9], topics, rng=np.random.default_rng(0))
    assert mean.low[0] < mean.value[0] < mean.high[0]
    expected = np.mean(
        [
            np.mean(
                [v for v, t in zip([0.1, 0.5, 0.2, 0.4, 0.3, 0.9], topics, strict=True) if t == u]
            )
            for u in set(topics)
        ]
    )
    assert mean.value[0] == pytest.approx(expected)


def test_one_family_has_no_interval() -> None:
    """A value, and NaN around it."""
    mean = family_mean([0.4], rng=np.random.default_rng(0))
    assert mean.value[0] == 0.4
    assert np.isnan([mean.se[0], mean.low[0], mean.high[0]]).all()


@pytest.mark.parametrize("families", [2, 4, 5, 30])
def test_no_interval_has_width_zero(families: int) -> None:
    """Families that all agree leave room, the less the more there are; 1 needs none above it."""
    mean = family_mean(np.full(families, 0.2), rng=np.random.default_rng(0), bounds=(-1, 1))
    assert mean.low[0] < 0.2 < mean.high[0]
    top = family_mean(np.ones(families), rng=np.random.default_rng(0), bounds=(-1, 1))
    assert top.high[0] == 1
    assert top.low[0] == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / families)))


def test_bca_is_scipys() -> None:
    """Within the noise of the draws."""
    y = np.random.default_rng(3).exponential(1, 40)
    own = family_mean(y, rng=np.random.default_rng(0), draws=20000, method="bca")
    theirs = stats.bootstrap(
        (y,), np.mean, n_resamples=20000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert own.low[0] == pytest.approx(theirs.low, abs=0.02)
    assert own.high[0] == pytest.approx(theirs.high, abs=0.02)


# Efron & Tibshirani 1993, "An introduction to the bootstrap", Table 14.1: 26 children's scores in
# a test of spatial perception
SPATIAL = np.array(
    [
        *(48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41),
        *(24, 26, 30, 41),
    ],
    float,
)


def variance(sums: np.ndarray) -> np.ndarray:
    """From count, sum and sum of squares."""
    n, total, squares = np.moveaxis(sums, -1, 0)
    return squares / n - (total / n) ** 2


def test_bca_is_the_textbooks() -> None:
    """Their Table 14.2: the variance is 171.5; 90 % BCa 115.8 to 259.6, percentile 100.8 to 233.9.

    Theirs has 2,000 draws, so that its ends have an error of their own of some 3.
    """
    sums = np.column_stack([np.ones(26), SPATIAL, SPATIAL**2])
    times = resamples(26, rng=np.random.default_rng(0), draws=40_000)
    value, low, high = cluster_bootstrap(sums, variance, times, level=0.9)
    assert value[0] == pytest.approx(171.5, abs=0.05)
    assert (low[0], high[0]) == pytest.approx((115.8, 259.6), abs=5)
    plain = cluster_bootstrap(sums, variance, times, level=0.9, method="percentile")
    assert (plain[1][0], plain[2][0]) == pytest.approx((100.8, 233.9), abs=5)


def test_bca_of_any_statistic_is_scipys() -> None:
    """The correlation of the 15 law schools of Efron & Tibshirani, 0.776."""
    lsat = [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594]
    gpa = [3.39, 3.3, 2.81, 3.03, 3.44, 3.07, 3, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]
    x, y = np.array(lsat, float) / 100, np.array(gpa)

    def correlation(sums: np.ndarray) -> np.ndarray:
        n, sx, sy, xx, yy, xy = np.moveaxis(sums, -1, 0)
        return (n * xy - sx * sy) / np.sqrt((n * xx - sx**2) * (n * yy - sy**2))

    sums = np.column_stack([np.ones(15), x, y, x * x, y * y, x * y])
    times = resamples(15, rng=np.random.default_rng(0), draws=20_000)
    value, low, high = cluster_bootstrap(sums, correlation, times)
    assert value[0] == pytest.approx(0.776, abs=5e-4)
    theirs = stats.bootstrap(
        (x, y),
        lambda a, b: stats.pearsonr(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), abs=0.06)


def test_a_statistic_without_spread_or_value_has_no_interval() -> None:
    """One cluster, equal clusters, a ratio over nothing: NaN beside columns that are fine."""
    times = resamples(6, rng=np.random.default_rng(0), draws=200)
    sums = np.column_stack([np.arange(6.0), np.ones(6), np.zeros(6)])

    def ratios(s: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.stack(
                [s[..., 0] / s[..., 1], s[..., 1] / s[..., 1], s[..., 2] / s[..., 2]], -1
            )

    value, low, high = cluster_bootstrap(sums, ratios, times)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, True, True]
    assert value[:2].tolist() == [2.5, 1]
    assert np.isnan(cluster_bootstrap(sums[:1], ratios, times[:, :1])[1]).all()


def test_nothing_at_all_is_nan() -> None:
    """No family, no mean."""
    mean = family_mean(np.zeros((0, 2)), rng=np.random.default_rng(0))
    assert np.isnan([mean.value, mean.se, mean.low, mean.high]).all()


def test_columns_with_gaps_are_what_they_are_alone() -> None:
    """Neighbours change nothing; no family at all is NaN."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=(12, 4))
    values[3, 1] = values[7:, 2] = values[:, 3] = np.nan
    topics = np.repeat([0, 1], 6)
    whole = family_means(values, topics, seed=[5])
    for j in range(4):
        alone = family_means(values[:, [j]], topics, seed=[5])
        for name in ("value", "se", "low", "high", "df", "families"):
            np.testing.assert_allclose(getattr(whole, name)[j], getattr(alone, name)[0])
    assert whole.families.tolist() == [12, 11, 7, 0]
    assert np.isnan(whole.value[3])


def test_clustered_se_is_statsmodels() -> None:
    """CR1, for clusters of unequal size; NaN from one cluster."""
    rng = np.random.default_rng(6)
    clusters = np.repeat(np.arange(12), rng.integers(1, 9, 12))
    y = rng.normal(size=len(clusters)) + rng.normal(size=12)[clusters]
    fit = sm.OLS(y, np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert clustered_se(y, clusters) == pytest.approx(fit.bse[0])
    assert np.isnan(clustered_se([1, 2], ["x", "x"]))
