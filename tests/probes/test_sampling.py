"""Drawing tokens: greedy, nucleus, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from probes.cell import Cell, Sampling
from probes.sampling import Sampler

CELL = Cell("open", "t", "d", "contested", "en", "t/o", "t/o", None, "open", "none", False, "none", "", "x")  # fmt: skip  # noqa: E501
LOGITS = arrays(np.float32, st.integers(1, 300), elements=st.floats(-30, 30, width=32))


@given(LOGITS)
def test_temperature_zero_takes_the_likeliest(logits: np.ndarray) -> None:
    """The first of the largest logits, whatever the seed."""
    assert Sampler(Sampling(temperature=0.0), CELL).draw(logits) == int(logits.argmax())


@given(LOGITS, st.floats(0.05, 1.0), st.floats(0.1, 5.0))
def test_draws_stay_in_the_nucleus(logits: np.ndarray, top_p: float, temperature: float) -> None:
    """A token is drawn only if those that are likelier do not yet reach top_p together."""
    sampler = Sampler(Sampling(temperature=temperature, top_p=top_p, seed=1), CELL)
    weights = np.exp((logits - logits.max()).astype(np.float64) / temperature)
    share = weights / weights.sum()
    for _ in range(5):
        drawn = sampler.draw(logits)
        assert share[share > share[drawn] * (1 + 1e-4)].sum() < top_p + 1e-4


def test_draws_have_the_probabilities_of_the_softmax() -> None:
    """Without a nucleus, frequencies are the softmax of the logits over the temperature."""
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32)) * np.float32(0.5)
    sampler = Sampler(Sampling(temperature=0.5, top_p=1.0, seed=3), CELL)
    counts = np.bincount([sampler.draw(logits) for _ in range(20_000)], minlength=4) / 20_000
    assert counts == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.012)  # 3 standard errors


@given(arrays(np.float32, st.integers(1, 2000), elements=st.floats(-5, 5, width=32)))
def test_without_a_nucleus_a_large_vocabulary_is_drawn_by_its_running_sum(
    logits: np.ndarray,
) -> None:
    """The token at which the running sum of probabilities passes a uniform draw."""
    sampler = Sampler(Sampling(temperature=1.0, seed=2), CELL)
    point = Sampler(Sampling(temperature=1.0, seed=2), CELL)._random.random()
    share = np.exp((logits - logits.max()).astype(np.float64))
    reached = np.cumsum(share) / share.sum()
    drawn = sampler.draw(logits)
    before = reached[drawn - 1] if drawn else 0.0
    assert before - 1e-5 <= point <= reached[drawn] + 1e-5


def test_rare_tokens_can_be_drawn_where_all_are_rare_but_one() -> None:
    """A flat tail holds much probability together: it is not cut off."""
    logits = np.zeros(400_000, np.float32)
    logits[7] = 12.0
    sampler = Sampler(Sampling(temperature=1.0, top_p=1.0, seed=0), CELL)
    drawn = [sampler.draw(logits) for _ in range(20)]
    assert 0 < sum(token != 7 for token in drawn) <= 20


def test_stream_depends_on_seed_and_cell() -> None:
    """The same seed and cell give the same draws; another seed gives others."""
    logits = np.zeros(1000, np.float32)

    def draws(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1.0, seed=seed), CELL)
        return [sampler.draw(logits) for _ in range(8)]

    assert draws(5) == draws(5) != draws(6)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_no_number_is_an_error(value: float) -> None:
    """A model that gives no numbers draws nothing."""
    logits = np.full(10, value, np.float32)
    with pytest.raises(FloatingPointError):
        Sampler(Sampling(temperature=1.0), CELL).draw(logits)
