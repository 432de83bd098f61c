"""When a model repeats itself and will not stop."""

from hypothesis import assume, given
from hypothesis import strategies as st

from probes.loops import LONGEST_PERIOD, REPEATS, SHORTEST, loops

tokens = st.integers(0, 5)
passages = st.lists(tokens, min_size=1, max_size=LONGEST_PERIOD)


def slow(text: list[int]) -> bool:
    """The definition, tried out for every passage."""
    for period in range(1, LONGEST_PERIOD + 1):
        span = max(period * REPEATS, SHORTEST)
        endless = text[-period:] * span
        if len(text) >= span and text[-span:] == endless[-span:]:
            return True
    return False


@given(st.lists(tokens, max_size=30), passages)
def test_passage_said_over_and_over_is_a_loop(before: list[int], passage: list[int]) -> None:
    """Whatever came before, four times and 32 tokens of the same are a loop."""
    times = max(REPEATS, -(-SHORTEST // len(passage)))
    assert loops(before + passage * times)


@given(st.lists(tokens, max_size=200))
def test_it_is_what_its_definition_says(text: list[int]) -> None:
    """The quick way finds what the plain one finds."""
    assert loops(text) == slow(text)


@given(st.lists(tokens, max_size=20), passages, st.integers(1, 12))
def test_it_is_what_its_definition_says_of_repetitions(
    before: list[int], passage: list[int], times: int
) -> None:
    """Likewise where there is something to find."""
    text = before + passage * times
    assert loops(text) == slow(text)


@given(passages, tokens)
def test_other_last_token_ends_a_loop(passage: list[int], last: int) -> None:
    """A text that goes on otherwise is no loop of that passage any more."""
    assume(last not in passage)
    times = max(REPEATS, -(-SHORTEST // len(passage)))
    assert not loops([*passage * times, last])


def test_three_times_are_not_enough() -> None:
    """A refrain is no loop, nor is a short run of one token."""
    assert not loops(list(range(20)) * 3)
    assert not loops([7] * (SHORTEST - 1))
    assert loops([7] * SHORTEST)
    assert not loops([])
