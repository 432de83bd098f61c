"""The paired test over families, column by column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.inference import sign_flip_test
from analysis.intervals import family_means
from analysis.paired import LEAST_FOR_FLIPS, paired_test

SEED = [0, 1]


def p_values(values: np.ndarray, topics: np.ndarray) -> np.ndarray:
    """The test as it is used."""
    means = family_means(values, topics, seed=SEED, draws=100)
    return paired_test(values, topics, means, seed=SEED, draws=500)


def test_few_families_are_tested_by_t() -> None:
    """The t test of one sample, where there is one topic."""
    values = np.random.default_rng(0).normal(0.3, 1, (LEAST_FOR_FLIPS - 1, 1))
    expected = stats.ttest_1samp(values[:, 0], 0).pvalue
    assert p_values(values, np.zeros(len(values), int)) == pytest.approx(expected)


def test_many_families_are_tested_by_swaps_with_topics_counting_alike() -> None:
    """The exact sign-flip test, families weighing by the size of their topic."""
    rng = np.random.default_rng(1)
    values, topics = rng.normal(0.3, 1, (11, 1)), np.array([0] * 7 + [1] * 4)
    weights = np.array([1 / 14] * 7 + [1 / 8] * 4)
    expected = sign_flip_test(values, weights, rng=rng)
    assert p_values(values, topics) == pytest.approx(expected)


@given(st.integers(0, 1000), st.integers(1, 30))
def test_a_column_does_not_depend_on_those_beside_it(seed: int, families: int) -> None:
    """With gaps or without; p is a probability, or NaN below two families."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (families, 3))
    values[rng.random(values.shape) < 0.3] = np.nan
    topics = np.sort(rng.integers(0, 3, families))
    together = p_values(values, topics)
    alone = [p_values(values[:, [j]], topics)[0] for j in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)  # sums in another order
    for p, count in zip(together, (~np.isnan(values)).sum(0), strict=True):
        assert np.isnan(p) if count < 2 else 0 < p <= 1
