"""Distances between outcome distributions, and stance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import energy_distance as scipy_energy
from scipy.stats import wasserstein_distance

from analysis.measures import (
    energy_distance,
    entropy,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    stance,
    stance_bounds,
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
    with np.errstate(all="ignore"):
        nats = np.nan_to_num(jensenshannon(p, q))
    assert jensen_shannon_distance(p, q, base=math.e) == pytest.approx(nats, abs=1e-6)
    assert jensen_shannon_divergence(p, q, base=math.e) == pytest.approx(nats**2, abs=1e-12)


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
    assert wasserstein(p, q, normalised=False) == pytest.approx(3 * reference, abs=1e-9)


@given(distributions(), distributions())
def test_wasserstein_on_uneven_options_is_scipys(p: np.ndarray, q: np.ndarray) -> None:
    """Options where they are said to be; they must ascend."""
    at = [1, 2, 4, 10]
    reference = wasserstein_distance(at, at, p, q)
    assert wasserstein(p, q, at, normalised=False) == pytest.approx(reference, abs=1e-9)
    assert wasserstein(p, q, at) == pytest.approx(reference / 9, abs=1e-9)
    with pytest.raises(ValueError, match="ascend"):
        wasserstein(p, q, at[::-1])


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


@given(distributions(), st.floats(0, 1))
def test_bounds_hold_whatever_those_who_declined_would_have_said(
    p: np.ndarray, declined: float
) -> None:
    """Any share-out of what was declined lies between, and the ends are reached."""
    answered = p * (1 - declined)
    worst, best = stance_bounds(answered, FOUR)
    for k in range(4):
        said = answered + declined * np.eye(4)[k]
        assert worst - 1e-9 <= said @ FOUR <= best + 1e-9
    assert best - worst == pytest.approx(2 * declined, abs=1e-9)
    assert stance_bounds([0, 0, 0, 0], FOUR) == (-1, 1)
    assert np.isnan(stance_bounds([1, 1, 0, 0], FOUR)).all()


def test_energy_distance_is_scipys_up_to_its_bias() -> None:
    """On the line scipy has the root of half the version with n² in the place of n(n-1)."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 30), rng.normal(1, 1, 20)

    def spread(z: np.ndarray) -> float:
        return float(np.abs(z[:, None] - z).sum())

    biased = 2 * scipy_energy(x, y) ** 2 / 2
    correction = sum(spread(z) * (1 / len(z) ** 2 - 1 / (len(z) * (len(z) - 1))) for z in (x, y))
    assert energy_distance(x[:, None], y[:, None]) == pytest.approx(biased + correction)


@pytest.mark.parametrize("paired", [False, True])
def test_energy_distance_of_two_samples_of_one_model_is_zero_on_average(paired: bool) -> None:
    """Texts that go by their prompt, two of each: unbiased, and negative as often as not."""
    rng = np.random.default_rng(1)
    values = []
    for _ in range(400):
        prompts = rng.normal(0, 1, (12, 8))
        x, y = (prompts + rng.normal(0, 1, (12, 8)) for _ in range(2))
        values.append(energy_distance(x, y if paired else rng.permuted(y, axis=0), paired=paired))
    noise = np.std(values) / 20
    assert abs(np.mean(values)) < 3 * noise if paired else np.mean(values) < 3 * noise
    assert np.min(values) < 0
    apart = energy_distance(x, y + 2, paired=paired)
    assert apart > 1


def test_energy_distance_of_too_little_is_nan() -> None:
    """One text, or one that could not be embedded; other shapes are a mistake."""
    assert np.isnan(energy_distance([[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]))
    assert np.isnan(energy_distance([[1.0], [np.nan]], [[1.0], [2.0]]))
    with pytest.raises(ValueError, match="cannot be compared"):
        energy_distance([[1.0], [2.0]], [[1.0, 2.0]])


@pytest.mark.parametrize("wrong", [[0.5, 0.6], [1.2, -0.2], [np.nan, 1], [0, 0]])
def test_what_is_no_distribution_has_no_distance(wrong: list[float]) -> None:
    """Its row alone is NaN."""
    rows = np.array([wrong, [0.5, 0.5]])
    for measure in (jensen_shannon_divergence, jensen_shannon_distance, total_variation):
        assert np.isnan(measure(rows, [0.5, 0.5])).tolist() == [True, False]
        assert np.isnan(measure([0.5, 0.5], rows)).tolist() == [True, False]


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
