"""Families drawn as weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.resampling import family_weights


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_every_stratum_keeps_its_weight(topics: list[int]) -> None:
    """Weights are never negative and add up to the number of families, in every draw."""
    weights = family_weights(topics, rng=np.random.default_rng(0), draws=20)
    assert (weights >= 0).all()
    assert weights.sum(1) == pytest.approx(np.full(20, len(topics)))


def test_the_variance_is_that_of_the_sample_mean() -> None:
    """Also with few families a topic, where plain resampling is a quarter too narrow."""
    rng = np.random.default_rng(1)
    topics = np.repeat(np.arange(50), 4)
    values = rng.normal(0, 1, 200)
    drawn = family_weights(topics, rng=rng, draws=20_000) @ values / 200
    expected = values.reshape(50, 4).var(1, ddof=1).sum() / 4 / 50**2
    assert drawn.var() == pytest.approx(expected, rel=0.05)


def test_one_family_cannot_be_drawn_anew() -> None:
    """It counts once in each draw; families alone in their topics are drawn together."""
    rng = np.random.default_rng(2)
    assert (family_weights(["t"], rng=rng, draws=5) == 1).all()
    assert family_weights(["t", "u", "v"], rng=rng, draws=50).std(0).min() > 0
    assert family_weights(["t", "t", "u"], rng=rng, draws=50).std(0).min() > 0
