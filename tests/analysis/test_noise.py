"""The noise floor and the excess divergence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.measures import jensen_shannon_divergence
from analysis.noise import MOST_SPLITS, excess_divergence, frame_products, splits


def wordings(
    rng: np.random.Generator, mean: np.ndarray, frames: int, certainty: float
) -> np.ndarray:
    """Distributions that vary with the frame around a mean, ``(n, frames, C)``."""
    drawn = rng.gamma(np.repeat(certainty * mean[:, None], frames, axis=1)) + 1e-12
    return drawn / drawn.sum(-1, keepdims=True)


@pytest.mark.parametrize(("frames", "count"), [(4, 3), (5, 10), (6, 10), (7, 35), (8, 35)])
def test_all_splits_are_used_where_they_are_few(frames: int, count: int) -> None:
    """Each once, a half and its complement being one split."""
    found = splits(frames, np.random.default_rng(0))
    assert found.shape == (count, frames)
    assert {*found.sum(1)} == {frames // 2}
    unordered = {min(bytes(row), bytes(~row)) for row in found}
    assert len(unordered) == count


@given(st.integers(9, 30), st.integers(0, 5))
def test_sampled_splits_are_distinct_halves(frames: int, seed: int) -> None:
    """Many frames: a sample without repetition, the same for the same seed."""
    found = splits(frames, np.random.default_rng(seed))
    assert len({min(bytes(row), bytes(~row)) for row in found}) == len(found) == MOST_SPLITS
    assert np.isin(found.sum(1), [frames // 2, frames - frames // 2]).all()
    assert (found == splits(frames, np.random.default_rng(seed))).all()


def test_three_frames_are_too_few() -> None:
    """Two a half are the least."""
    with pytest.raises(ValueError, match="3 frames"):
        splits(3, np.random.default_rng(0))


def test_excess_is_the_definition() -> None:
    """Against DESIGN's formula, written out with the measure for one split."""
    rng = np.random.default_rng(1)
    a, b = rng.dirichlet([1, 1, 1], (5, 4)), rng.dirichlet([1, 1, 1], (5, 4))
    half = np.array([[True, True, False, False]])
    a1, a2, b1, b2 = a[:, :2].mean(1), a[:, 2:].mean(1), b[:, :2].mean(1), b[:, 2:].mean(1)
    jsd = jensen_shannon_divergence
    found = excess_divergence(a, b, half)
    np.testing.assert_allclose(found.noise_a, jsd(a1, a2), atol=1e-12)
    np.testing.assert_allclose(found.noise_b, jsd(b1, b2), atol=1e-12)
    np.testing.assert_allclose(found.between, 0.5 * (jsd(a1, b2) + jsd(a2, b1)), atol=1e-12)
    np.testing.assert_allclose(
        found.excess, found.between - 0.5 * (found.noise_a + found.noise_b), atol=1e-12
    )


def test_a_model_has_no_excess_over_itself_and_order_of_models_is_nothing() -> None:
    """E_aa = 0 and E_ab = E_ba."""
    rng = np.random.default_rng(2)
    a, b = rng.dirichlet([1, 1, 1], (6, 8)), rng.dirichlet([1, 1, 1], (6, 8))
    halves = splits(8, rng)
    np.testing.assert_allclose(excess_divergence(a, a, halves).excess, 0, atol=1e-12)
    np.testing.assert_allclose(
        excess_divergence(a, b, halves).excess, excess_divergence(b, a, halves).excess, atol=1e-12
    )


@pytest.mark.parametrize("certainty_b", [10, 40])
def test_excess_is_unbiased_where_plain_divergence_is_not(certainty_b: float) -> None:
    """Two models of the same mean that vary with the wording: |bias| < 0.005, plain is not near."""
    rng = np.random.default_rng(3)
    mean = rng.dirichlet([1, 1, 1, 1], 5000) + 0.01
    mean /= mean.sum(1, keepdims=True)
    a, b = (wordings(rng, mean, 4, certainty) for certainty in (10, certainty_b))
    assert abs(excess_divergence(a, b, splits(4, rng)).excess.mean()) < 0.002
    assert jensen_shannon_divergence(a, b).mean() > 0.03


def test_excess_finds_a_planted_difference() -> None:
    """With little noise it is near the divergence of the two means."""
    rng = np.random.default_rng(4)
    one, two = np.array([[0.7, 0.2, 0.1]]), np.array([[0.1, 0.2, 0.7]])
    a, b = (wordings(rng, np.repeat(m, 500, 0), 8, 200) for m in (one, two))
    truth = float(jensen_shannon_divergence(one, two)[0])
    assert excess_divergence(a, b, splits(8, rng)).excess.mean() == pytest.approx(truth, abs=0.01)


def test_a_swap_of_a_frames_labels_turns_its_products() -> None:
    """The products of the swapped frame change sign and no other does."""
    rng = np.random.default_rng(5)
    a, b = rng.dirichlet([1, 1, 1], (3, 4)), rng.dirichlet([1, 1, 1], (3, 4))
    before = frame_products(a, b)
    c, d = a.copy(), b.copy()
    c[:, 1], d[:, 1] = b[:, 1], a[:, 1]
    signs = np.array([-1, 1, 1, -1, -1, 1])  # pairs 01 02 03 12 13 23
    np.testing.assert_allclose(frame_products(c, d), before * signs, atol=1e-15)
