"""Intervals and standard errors, families as clusters."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.intervals import clustered_se, family_mean, family_means, wilson


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


def test_wilson_is_scipys_and_never_zero_wide() -> None:
    """None of ten is not a certain zero; of none there is no rate."""
    low, high = wilson([0, 3, 10], [10, 10, 10])
    for i, count in enumerate((0, 3, 10)):
        theirs = stats.binomtest(count, 10).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert np.isnan(wilson(0, 0)).all()
