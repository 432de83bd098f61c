"""Intervals for rates, against published tables."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.rates import (
    beta_posterior,
    clopper_pearson,
    clustered_rate,
    effective_size,
    paired_difference,
    rate_bounds,
    wilson,
)

# Newcombe 1998, "Two-sided confidence intervals for the single proportion: comparison of seven
# methods", Stat. Med. 17: 857-872, Table I, methods 3 (Wilson) and 5 (Clopper-Pearson)
NEWCOMBE = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]


@pytest.mark.parametrize(("count", "total", "score", "exact"), NEWCOMBE)
def test_rates_are_newcombes_table(
    count: int, total: int, score: tuple[float, float], exact: tuple[float, float]
) -> None:
    """To all four digits that he printed."""
    assert wilson(count, total) == pytest.approx(score, abs=5e-5)
    assert clopper_pearson(count, total) == pytest.approx(exact, abs=5e-5)


@given(st.integers(0, 40), st.integers(1, 40))
def test_rates_are_scipys(count: int, total: int) -> None:
    """Wilson and Clopper-Pearson at any count; never of width zero."""
    if count > total:
        assert np.isnan(wilson(count, total)).all()
        return
    for own, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        low, high = own(count, total)
        theirs = stats.binomtest(count, total).proportion_ci(method=method)
        assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
        assert low < high


def test_the_posterior_is_the_betas() -> None:
    """Uniform and Jeffreys' prior; of no answers it is the prior."""
    mean, low, high = beta_posterior([3, 0], [10, 0])
    assert mean == pytest.approx([4 / 12, 0.5])
    assert (low[0], high[0]) == pytest.approx(stats.beta(4, 8).interval(0.95))
    assert (low[1], high[1]) == pytest.approx((0.025, 0.975))
    jeffreys = beta_posterior(3, 10, prior=(0.5, 0.5))
    assert jeffreys[1] == pytest.approx(stats.beta(3.5, 7.5).ppf(0.025))
    assert np.isnan(beta_posterior(4, 3)).all()


def test_bounds_hold_whatever_was_hidden() -> None:
    """None or all of the hidden answers; more hidden than there are is undefined."""
    assert rate_bounds(3, 2, 10) == (0.3, 0.5)
    assert rate_bounds(0, 10, 10) == (0, 1)
    assert np.isnan(rate_bounds(3, 8, 10)).all()
    assert np.isnan(rate_bounds(0, 0, 0)).all()


def test_paired_difference_is_the_published_one() -> None:
    """Airway responsiveness before and after transplantation (Bentur et al. 2009).

    As in Fagerland, Lydersen & Laake 2014, "Recommended tests and confidence intervals for paired
    binomial proportions", Stat. Med. 33: 1, 1, 7 and 12 of 21 children, difference -0.286.
    """
    assert paired_difference(1, 1, 7, 12) == pytest.approx((-0.507, -0.026), abs=5e-4)


def test_paired_difference_of_uncorrelated_rates_is_that_of_independent_ones() -> None:
    """Where the table has no correlation, Newcombe's method 10 is his method for two samples."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    theirs = confint_proportions_2indep(50, 100, 20, 100, method="newcomb")
    assert paired_difference(10, 40, 10, 40) == pytest.approx(theirs)


@given(*(st.integers(0, 12) for _ in range(4)))
def test_paired_difference_holds_the_difference_and_turns_with_the_sides(
    both: int, only_a: int, only_b: int, neither: int
) -> None:
    """Within [-1, 1], never of width zero, and with the sides changed its negative."""
    n = both + only_a + only_b + neither
    low, high = paired_difference(both, only_a, only_b, neither)
    if n == 0:
        assert np.isnan([low, high]).all()
        return
    assert -1 - 1e-9 <= low <= (only_a - only_b) / n <= high <= 1 + 1e-9
    assert low < high
    back = paired_difference(both, only_b, only_a, neither)
    assert (low, high) == pytest.approx((-back[1], -back[0]), abs=1e-9)


def test_effective_size_is_that_of_the_clustered_error() -> None:
    """The square of naive over clustered standard errors, by statsmodels, and the t quantiles.

    For answers that go together by more than half.
    """
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(15), rng.integers(1, 9, 15))
    y = ((rng.random(15) > 0.5)[clusters] ^ (rng.random(len(clusters)) < 0.1)).astype(float)
    fit = sm.OLS(y, np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    naive = stats.sem(y)
    few = stats.t.ppf(0.975, len(y) - 1) / stats.t.ppf(0.975, 14)
    expected = len(y) * (naive / fit.bse[0] * few) ** 2
    assert expected < len(y)
    found = effective_size(np.bincount(clusters, y), np.bincount(clusters))
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_rare_outcome_does_not_pass_for_one_that_comes_singly() -> None:
    """Twice in twenty clusters of six tells little of how it comes, forty times in forty much.

    A frequent outcome is as good as a rare one, from its other side.
    """
    rare, often = np.zeros(20), np.zeros(60)
    rare[:2], often[:40] = 1, 1
    assert effective_size(rare, np.full(20, 6)) < 0.7 * 120
    assert effective_size(often, np.full(60, 6)) > 0.9 * 360
    found = [effective_size(x, np.full(20, 6)) for x in (rare, 6 - rare)]
    assert found[1] == pytest.approx(found[0])


def test_effective_size_at_the_ends() -> None:
    """Single answers are worth what they are; equal ones as many as clusters; one cluster one."""
    assert effective_size([1, 0, 1, 1], [1, 1, 1, 1]) == pytest.approx(4)
    assert effective_size([0, 0, 0], [5, 5, 5]) == 3
    assert effective_size([3], [7]) == 1
    assert np.isnan(effective_size([0], [0]))


def test_a_clustered_rate_of_single_answers_is_wilsons() -> None:
    """And wider with clusters; from one cluster it is that of one answer; of nothing NaN."""
    yes = np.array([1, 0, 0, 1, 0, 1, 0, 0])
    rate, low, high = clustered_rate(yes, np.ones(8))
    assert (rate, (low, high)) == (3 / 8, pytest.approx(wilson(3, 8)))
    wide = clustered_rate(yes * 6, np.full(8, 6))
    plain = wilson(18, 48)
    assert wide[1] < plain[0] < plain[1] < wide[2]
    assert clustered_rate([6], [6])[1:] == pytest.approx(wilson(1, 1))
    assert np.isnan(clustered_rate([0], [0])).all()
    assert clustered_rate([0, 0], [9, 9], method="clopper-pearson")[2] == pytest.approx(
        clopper_pearson(0, 2)[1]
    )
