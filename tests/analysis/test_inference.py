"""Tests: their size, their power, and their references."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from analysis.inference import (
    benjamini_hochberg,
    detectable,
    equivalence_test,
    frame_swap_test,
    holm,
    mcnemar_clustered,
    mcnemar_detectable,
    mcnemar_exact,
    rates_equivalence_test,
    sign_flip_test,
)
from analysis.noise import frame_products


def p_of_swaps(
    rng: np.random.Generator,
    families: int,
    frames: int,
    *,
    noise_b: float = 10,
    shift: float = 0.0,
) -> float:
    """The p-value of one simulated pair of models with the same mean, or one shifted."""
    mean = rng.dirichlet([1, 1, 1, 1], families) + 0.02
    mean /= mean.sum(1, keepdims=True)
    other = mean + shift * (np.array([1, 0, 0, 0]) - mean)
    a, b = (
        rng.gamma(np.repeat((size * m)[:, None], frames, axis=1)) + 1e-12
        for size, m in ((10, mean), (noise_b, other))
    )
    a, b = (x / x.sum(-1, keepdims=True) for x in (a, b))
    products = frame_products(a, b).reshape(-1, 1) / families
    return float(frame_swap_test(products, [frames] * families, rng=rng, draws=300)[0])


@pytest.mark.parametrize(
    ("families", "frames", "noise_b"),
    [(1, 8, 10), (3, 4, 10), (20, 4, 10), (20, 8, 10), (40, 4, 80)],
)
def test_swaps_reject_a_true_null_in_five_of_a_hundred(
    families: int, frames: int, noise_b: float
) -> None:
    """Exact and drawn, and with one model eight times as sure of the wording as the other."""
    rng = np.random.default_rng(families)
    runs = 500
    p = np.array([p_of_swaps(rng, families, frames, noise_b=noise_b) for _ in range(runs)])
    assert (p <= 0.05).mean() < 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / runs)
    assert p.min() > 0


def test_swaps_find_a_difference() -> None:
    """A tenth of the answers moved, twenty families, eight frames: found nearly always."""
    rng = np.random.default_rng(1)
    p = np.array([p_of_swaps(rng, 20, 8, shift=0.15) for _ in range(60)])
    assert (p <= 0.05).mean() > 0.8


def test_swaps_are_the_relabelling_they_claim_to_be() -> None:
    """Exact: every relabelling of frames done by hand gives the same p."""
    rng = np.random.default_rng(2)
    a, b = rng.dirichlet([1, 1, 1], (2, 4)), rng.dirichlet([1, 2, 1], (2, 4))
    values = []
    for swaps in itertools.product([False, True], repeat=8):
        where = np.array(swaps).reshape(2, 4, 1)
        values.append(frame_products(np.where(where, b, a), np.where(where, a, b)).sum())
    by_hand = np.mean(np.array(values) >= values[0] - 1e-12)
    found = frame_swap_test(frame_products(a, b).reshape(-1, 1), [4, 4], rng=rng)
    assert found[0] == pytest.approx(by_hand)


@pytest.mark.parametrize("seed", range(4))
def test_the_tail_beyond_the_draws_is_not_too_small(seed: int) -> None:
    """P below what 500 draws can count errs, against 100,000 draws, on the large side."""
    rng = np.random.default_rng(seed)
    a, b = rng.dirichlet([4, 4, 4], (12, 4)), rng.dirichlet([7.5, 4, 4], (12, 4))
    products = frame_products(a, b).reshape(-1, 1)
    few = frame_swap_test(products, [4] * 12, rng=rng, draws=500)[0]
    many = frame_swap_test(products, [4] * 12, rng=rng, draws=100_000)[0]
    assert many < 10 / 500
    assert 0.8 * many < few < 10 * many + 1e-3


def test_a_model_against_itself_is_never_different() -> None:
    """No difference at all has p = 1, with few and with many relabellings."""
    for units in (2, 30):
        p = frame_swap_test(np.zeros((6 * units, 1)), [4] * units, rng=np.random.default_rng(0))
        assert p[0] == 1
    assert sign_flip_test(np.zeros((20, 1)), np.ones(20), rng=np.random.default_rng(0))[0] == 1


def test_sign_flips_are_scipys() -> None:
    """Exact against scipy's permutation of a paired sample; drawn within the noise of draws."""
    rng = np.random.default_rng(4)
    d = rng.normal(0.4, 1, 10)
    reference = stats.permutation_test(
        (d, np.zeros(10)), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=2000
    ).pvalue
    assert sign_flip_test(d[:, None], np.full(10, 0.1), rng=rng)[0] == pytest.approx(reference)
    d = rng.normal(0.3, 1, 40)
    drawn = sign_flip_test(d[:, None], np.full(40, 1 / 40), rng=rng, draws=20000)[0]
    assert drawn == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.02)


def test_sign_flips_reject_a_true_null_in_five_of_a_hundred() -> None:
    """Skewed in size, symmetric in sign: 15 families, 3,000 runs at once."""
    rng = np.random.default_rng(5)
    d = rng.exponential(1, (15, 3000)) * rng.choice([-1, 1], (15, 3000))
    p = sign_flip_test(d, np.full(15, 1 / 15), rng=rng, draws=1000)
    assert 0.04 < (p <= 0.05).mean() < 0.06


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_statsmodels(one: int, two: int) -> None:
    """Exact, two-sided, 1 without a discordant pair."""
    if one + two:
        reference = mcnemar([[5, one], [two, 5]], exact=True).pvalue
        assert mcnemar_exact(one, two) == pytest.approx(min(reference, 1))
    else:
        assert mcnemar_exact(one, two) == 1


def test_mcnemar_is_the_published_one() -> None:
    """Airway responsiveness (Bentur et al. 2009): 1 and 7 discordant, exact p 0.0703.

    As in Fagerland, Lydersen & Laake 2013, "The McNemar test for binary matched-pairs data",
    BMC Med. Res. Methodol. 13.
    """
    assert mcnemar_exact(1, 7) == pytest.approx(0.0703, abs=5e-5)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=9))
def test_clusters_swap_as_all_patterns_done_by_hand(counts: list[tuple[int, int]]) -> None:
    """The convolution is the enumeration; of single items it is McNemar's."""
    one, two = np.array(counts).T
    d = one - two
    sums = [abs(np.dot(signs, d)) for signs in itertools.product([1, -1], repeat=len(d))]
    assert mcnemar_clustered(one, two) == pytest.approx(np.mean(np.array(sums) >= abs(d.sum())))
    alone = mcnemar_clustered(one > two, one < two)
    assert alone == pytest.approx(mcnemar_exact((one > two).sum(), (one < two).sum()))


def test_clustered_mcnemar_is_near_durkalskis() -> None:
    """With many clusters their chi-squared, corrected for continuity, has the same p."""
    rng = np.random.default_rng(8)
    one, two = rng.poisson(1.5, 300), rng.poisson(1.3, 300)
    d = one - two
    assert mcnemar_clustered(one, two) == pytest.approx(
        stats.chi2.sf((abs(d.sum()) - 1) ** 2 / (d**2).sum(), 1), abs=0.005
    )


def test_undefined_is_nan_and_leaves_its_neighbours_alone() -> None:
    """NaN differences, no family, counts that are none: never a p of 0."""
    rng = np.random.default_rng(9)
    d = np.column_stack([np.full(6, 0.2), np.full(6, np.nan)])
    p = sign_flip_test(d, np.full(6, 1 / 6), rng=rng)
    assert p[0] == 2 / 2**6
    assert np.isnan(p[1])
    assert np.isnan(sign_flip_test(np.zeros((0, 2)), np.zeros(0), rng=rng)).all()
    products = np.column_stack([np.ones(6), np.full(6, np.nan)])
    assert np.isnan(frame_swap_test(products, [4], rng=rng)).tolist() == [False, True]
    assert np.isnan(frame_swap_test(np.zeros((0, 1)), [], rng=rng)).all()
    assert np.isnan(mcnemar_exact([np.nan, -1], [2, 2])).all()
    assert np.isnan(mcnemar_clustered([np.nan], [1]))
    assert mcnemar_clustered([], []) == 1


def test_equivalence_is_two_t_tests() -> None:
    """The larger of the two one-sided p-values; NaN where nothing varies or nothing is known."""
    y = np.random.default_rng(6).normal(0.01, 0.05, 30)
    sides = (
        stats.ttest_1samp(y, -0.05, alternative="greater").pvalue,
        stats.ttest_1samp(y, 0.05, alternative="less").pvalue,
    )
    assert equivalence_test(y.mean(), stats.sem(y), 29, 0.05) == pytest.approx(max(sides))
    assert np.isnan(equivalence_test(0.0, 0.0, 29, 0.05))
    assert np.isnan(equivalence_test(0.0, np.nan, 0, 0.05))
    with pytest.raises(ValueError, match="above zero"):
        equivalence_test(0.0, 0.1, 10, 0.0)


def test_the_detectable_difference_is_detected_in_four_of_five_runs() -> None:
    """Planted at its size, a t test finds it with 80 % power."""
    rng = np.random.default_rng(7)
    size = detectable(1 / np.sqrt(20), 19)
    p = stats.ttest_1samp(rng.normal(size, 1, (20, 8000)), 0).pvalue
    assert (p <= 0.05).mean() == pytest.approx(0.8, abs=0.03)
    assert np.isnan(detectable(0.0, 19))


def test_corrections_are_the_published_ones_and_leave_gaps() -> None:
    """Holm and Benjamini-Hochberg by hand; tests that were not made do not count."""
    p = np.array([0.01, np.nan, 0.04, 0.03])
    np.testing.assert_allclose(holm(p), [0.03, np.nan, 0.06, 0.06])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.03, np.nan, 0.04, 0.04])
    assert np.isnan(holm(np.array([np.nan]))).all()


@settings(max_examples=20)  # each call of statsmodels collects all garbage
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrections_are_statsmodels(p: list[float]) -> None:
    """Holm and Benjamini-Hochberg on any p-values, ties among them."""
    theirs = multipletests(p, method="holm")[1]
    # beneath the smallest normal number no two ways to multiply agree
    np.testing.assert_allclose(holm(p), theirs, atol=1e-300)
    theirs = multipletests(p, method="fdr_bh")[1]
    np.testing.assert_allclose(benjamini_hochberg(p), theirs, atol=1e-300)


def test_equivalence_of_paired_rates_is_tangos() -> None:
    """Disinfection of contact lenses, 43 + 0 + 1 + 0 of 44: Z = 1.709 (Tango 1998)."""
    assert rates_equivalence_test(0, 1, 44, 0.1) == pytest.approx(stats.norm.sf(1.709), abs=1e-4)
    assert rates_equivalence_test(1, 0, 44, 0.1) == rates_equivalence_test(0, 1, 44, 0.1)
    assert np.isnan(rates_equivalence_test(0, 0, 0, 0.1))
    assert rates_equivalence_test(9, 0, 9, 1.0) == 0
    with pytest.raises(ValueError, match="above zero"):
        rates_equivalence_test(0, 0, 9, 0.0)


@pytest.mark.parametrize("n", [60, 100, 200])
def test_rates_that_differ_by_the_margin_seldom_pass_for_equal(n: int) -> None:
    """Of outcomes that only one model has, 5 % of items: the t test passes far too often."""
    only_a = np.arange(n + 1)
    chance = stats.binom.pmf(only_a, n, 0.05)
    d = only_a / n
    se = np.sqrt(d * (1 - d) / n)
    plain = chance @ (np.nan_to_num(equivalence_test(d, se, n - 1, 0.05), nan=1) <= 0.05)
    score = chance @ (rates_equivalence_test(only_a, 0, n, 0.05) <= 0.05)
    assert score <= 0.06
    assert plain > max(0.06, 1.5 * score)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60), st.floats(0.01, 0.5))
def test_equivalence_of_rates_is_a_p_value(
    only_a: int, only_b: int, same: int, margin: float
) -> None:
    """In [0, 1], and less for a wider margin."""
    n = only_a + only_b + same
    p = rates_equivalence_test(only_a, only_b, n, margin)
    if n == 0:
        assert np.isnan(p)
        return
    assert 0 <= p <= 1
    assert rates_equivalence_test(only_a, only_b, n, margin * 1.5) <= p + 1e-9


@pytest.mark.parametrize(("n", "noise"), [(40, 0.0), (72, 0.02), (100, 0.3), (400, 0.1)])
def test_the_detectable_difference_of_rates_is_found_in_four_runs_of_five(
    n: int, noise: float
) -> None:
    """Where the two hardly ever differ as where they often do; a formula by t is far too small."""
    found = mcnemar_detectable(noise * n, noise * n, n)
    rng = np.random.default_rng(n)
    counts = rng.multinomial(n, [noise + found, noise, 1 - 2 * noise - found], 20_000)
    assert (mcnemar_exact(counts[:, 0], counts[:, 1]) <= 0.05).mean() == pytest.approx(
        0.8, abs=0.02
    )
    if noise < 0.05:
        seen = 1 / n
        assert detectable(np.sqrt(seen * (1 - seen) / n), n - 1) < 0.6 * found


def test_five_items_cannot_show_any_difference() -> None:
    """Six can, if all six differ."""
    assert np.isnan(mcnemar_detectable(0, 0, 5))
    assert np.isnan(mcnemar_detectable(0, 0, 0))
    assert 0.9 < mcnemar_detectable(0, 0, 6) < 1
