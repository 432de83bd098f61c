"""Distances between outcome distributions, and stance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from analysis.measures import (
    entropy,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    stance,
    total_variation,
    wasserstein,
)

FOUR = np.array([1, 1 / 3, -1 / 3, -1])


def distributions(size: int = 4) -> st.SearchStrategy[np.ndarray]:
    """Distributions, zeros among them."""
    weights = arrays(float, size, elements=st.sampled_from([0.0, 1e-9, 0.1, 0.5, 1.0, 3.0]))
    return weights.filter(lambda w: w.sum() > 0).map(lambda w: w / w.sum())


@given(distributions(), distributions())
def test_jensen_shannon_is_scipys(p: np.ndarray, q: np.ndarray) -> None:
    """Base 2, and the distance is the root of the divergence."""
    with np.errstate(all="ignore"):
        reference = np.nan_to_num(jensenshannon(p, q, base=2))
    assert jensen_shannon_divergence(p, q) == pytest.approx(reference**2, abs=1e-12)
    assert jensen_shannon_distance(p, q) == pytest.approx(reference, abs=1e-6)


@given(distributions(), distributions())
def test_jensen_shannon_is_symmetric_bounded_and_zero_only_for_equals(
    p: np.ndarray, q: np.ndarray
) -> None:
    """The divergence is in [0, 1] whatever comes."""
    d = jensen_shannon_divergence(p, q)
    assert d == jensen_shannon_divergence(q, p)
    assert 0 <= d <= 1
    assert jensen_shannon_divergence(p, p) == pytest.approx(0, abs=1e-15)
    if np.abs(p - q).max() > 1e-3:
        assert d > 0


def test_jensen_shannon_is_one_bit_where_nothing_is_shared() -> None:
    """Two certain and different answers are a bit apart."""
    assert jensen_shannon_divergence([1, 0], [0, 1]) == 1


@given(distributions(), distributions())
def test_wasserstein_is_scipys_over_the_length_of_the_scale(p: np.ndarray, q: np.ndarray) -> None:
    """Options one step apart, divided by K - 1."""
    reference = wasserstein_distance(np.arange(4), np.arange(4), p, q) / 3
    assert wasserstein(p, q) == pytest.approx(reference, abs=1e-9)


@given(distributions(), distributions())
def test_total_variation_is_at_least_the_largest_difference(p: np.ndarray, q: np.ndarray) -> None:
    """It bounds every single difference and is at most one."""
    d = total_variation(p, q)
    assert np.abs(p - q).max() <= d + 1e-12
    assert d <= 1 + 1e-12


@given(distributions())
def test_stance_turns_its_sign_with_the_scale(p: np.ndarray) -> None:
    """Reversing the options reverses the stance."""
    assert stance(p, FOUR) == pytest.approx(-stance(p[::-1], FOUR), abs=1e-12)
    assert -1 <= stance(p, FOUR) <= 1


@given(distributions(), st.floats(0, 0.99))
def test_stance_is_conditional_on_answering(p: np.ndarray, declined: float) -> None:
    """What was declined changes nothing."""
    assert stance(p * (1 - declined), FOUR) == pytest.approx(float(stance(p, FOUR)), abs=1e-9)


def test_undefined_is_nan_without_a_warning() -> None:
    """All declined, a NaN, one option: not a number, never 0."""
    assert np.isnan(stance([0, 0], [1, -1]))
    assert np.isnan(wasserstein([0, 0], [1, 0]))
    assert np.isnan(wasserstein([1], [1]))
    assert np.isnan(jensen_shannon_divergence([np.nan, 1], [0, 1]))
    assert np.isnan(total_variation([np.nan, 1], [0, 1]))


def test_measures_broadcast() -> None:
    """Leading axes are kept."""
    p = np.full((3, 2, 4), 0.25)
    for measure in (jensen_shannon_divergence, wasserstein, total_variation):
        assert measure(p, p[0]).shape == (3, 2)
    assert entropy(p).shape == (3, 2)
    assert entropy(p)[0, 0] == pytest.approx(2)
