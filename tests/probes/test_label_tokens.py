"""Which token sequences say a label, and how their probabilities add up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.label_tokens import LabelTokens, Tokens, label_logprobs, label_tokens, log_sum_exp


class ToyModel:
    """A language model over a toy vocabulary: greedy longest match, random probabilities."""

    def __init__(self, pieces: list[str], seed: int) -> None:
        """Take pieces of text; single characters are added as they come."""
        self.pieces = sorted({piece for piece in pieces if piece}, key=len, reverse=True)
        self.seed = seed

    def tokenise(self, text: str) -> list[int]:
        """Longest match first; what no piece holds is a token by its code point."""
        tokens = []
        while text:
            piece = next((p for p in self.pieces if text.startswith(p)), text[0])
            tokens.append(self.number(piece))
            text = text[len(piece) :]
        return tokens

    def number(self, piece: str) -> int:
        """The token of a piece."""
        return self.pieces.index(piece) if piece in self.pieces else 1_000 + ord(piece)

    def logprob(self, before: Tokens, token: int, choices: list[int]) -> float:
        """The log-probability of a token, given what stands before, among some choices."""
        rng = np.random.default_rng([self.seed, *before])
        weights = dict(zip(choices, rng.exponential(size=len(choices)), strict=True))
        return math.log(weights[token] / (sum(weights.values()) + 0.01))


def scored(
    model: ToyModel, prompt: str, labels: list[list[str]]
) -> tuple[LabelTokens, list[float]]:
    """Labels' log-probabilities under a toy model."""
    found = label_tokens(prompt, labels, model.tokenise)
    ways = {way for option in found.ways for way in option}
    choices = sorted({token for way in ways for token in way})

    def chain(way: Tokens, start: int) -> float:
        return sum(model.logprob(way[:i], way[i], choices) for i in range(start, len(way)))

    tails = [chain(tail, 1) for tail in found.tails]
    return found, list(label_logprobs(found, lambda token: chain((token,), 0), tails))


words = st.text("ab 1", min_size=1, max_size=5).filter(lambda text: text.strip() == text)


@given(
    st.lists(st.lists(words, min_size=1, max_size=3), min_size=2, max_size=6),
    st.lists(st.text("ab 1", min_size=1, max_size=4), max_size=8),
    st.text("ab 1", max_size=6),
    st.integers(0, 1_000),
)
def test_probabilities_never_sum_over_one(
    labels: list[list[str]], pieces: list[str], prompt: str, seed: int
) -> None:
    """Whatever the labels share, no probability is counted twice."""
    model = ToyModel(pieces, seed)
    found = label_tokens(prompt, labels, model.tokenise)
    said = [way for option in found.ways for way in option]
    if len(set(said)) < len(said):
        return  # two options say the same: no label tells them apart
    _, logprobs = scored(model, prompt, labels)
    assert sum(math.exp(value) for value in logprobs) <= 1 + 1e-9
    assert not any(math.isnan(value) for value in logprobs)


@given(
    st.lists(words, min_size=1, max_size=5),
    st.lists(st.text("ab 1", min_size=1, max_size=4), max_size=8),
    st.text("ab 1", max_size=6),
)
def test_every_label_is_said_by_its_own_tokens(
    labels: list[str], pieces: list[str], prompt: str
) -> None:
    """Each label has one or two ways, with and without a space, and none of them is empty."""
    model = ToyModel(pieces, 0)
    found = label_tokens(prompt, [[label] for label in labels], model.tokenise)
    assert len(found.ways) == len(labels)
    for ways in found.ways:
        assert 1 <= len(ways) <= 2
        assert all(ways)
    assert set(found.tails) == {way for ways in found.ways for way in ways if len(way) > 1}


def test_boundary_is_taken_from_the_whole() -> None:
    """A label is tokenised as it stands after the prompt, not alone."""
    model = ToyModel(["A", " A", ": "], 0)
    found = label_tokens("Answer:", [["A"]], model.tokenise)
    assert found.ways == (((model.number("A"),), (model.number(" A"),)),)


def test_label_that_melts_into_the_prompt_is_tokenised_alone() -> None:
    """Where a label changes the prompt's last tokens, its own tokens are used."""
    model = ToyModel([":A", "A"], 0)
    found = label_tokens("x:", [["A"]], model.tokenise)
    assert (model.number("A"),) in found.ways[0]
    assert (model.number(":A"),) not in found.ways[0]


def uniform(tokens: LabelTokens, first: dict[int, float], rest: float) -> list[float]:
    """Probabilities of labels, with given first tokens and equal ones after."""
    tails = [math.log(rest) * (len(tail) - 1) for tail in tokens.tails]
    logprobs = label_logprobs(tokens, lambda token: math.log(first[token]), tails)
    return [math.exp(value) for value in logprobs]


def test_ten_is_not_one() -> None:
    """What follows 1 with 0 counts for 10 and no longer for 1."""
    tokens = LabelTokens(((( 1,),), ((1, 0),)), ((1, 0),))  # fmt: skip
    assert uniform(tokens, {1: 0.8}, 0.25) == pytest.approx([0.6, 0.2])


def test_three_labels_within_each_other() -> None:
    """Each counts what goes on in the next once only."""
    tokens = LabelTokens((((1,),), ((1, 2),), ((1, 2, 3),)), ((1, 2), (1, 2, 3)))
    assert uniform(tokens, {1: 0.8}, 0.5) == pytest.approx([0.4, 0.2, 0.2])


def test_ways_of_one_label_within_each_other_count_once() -> None:
    """A way that goes on as another way of the same label adds nothing."""
    tokens = LabelTokens((((1,), (1, 2)), ((3,),)), ((1, 2),))
    assert uniform(tokens, {1: 0.7, 3: 0.2}, 0.5) == pytest.approx([0.7, 0.2])


def test_labels_with_the_same_first_token_are_told_apart() -> None:
    """Strongly agree and strongly disagree share a token and differ in the next."""
    tokens = LabelTokens((((5, 6),), ((5, 7),)), ((5, 6), (5, 7)))
    logprobs = label_logprobs(tokens, lambda _: math.log(0.5), [math.log(0.9), math.log(0.1)])
    assert [math.exp(value) for value in logprobs] == pytest.approx([0.45, 0.05])


def test_unlikely_tails_are_not_looked_into() -> None:
    """A tail whose first token is a hundred thousand times rarer than its label does not count."""
    tokens = LabelTokens((((1,), (2, 3)), ((4,), (5, 6))), ((2, 3), (5, 6)))
    first = {1: 0.5, 2: 4e-6, 4: 0.01, 5: 4e-6}
    assert tokens.likely_tails(lambda token: math.log(first[token])) == ((5, 6),)


def test_tails_that_go_on_from_a_label_are_always_looked_into() -> None:
    """What 10 has is taken from 1, so it counts however little it is."""
    tokens = LabelTokens((((1,), (2, 3)), ((1, 0),)), ((2, 3), (1, 0)))
    first = {1: 0.5, 2: 1e-9}
    assert tokens.likely_tails(lambda token: math.log(first[token])) == tokens.tails


@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple), min_size=1),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.floats(-30, 0), min_size=6, max_size=6),
    st.lists(st.floats(-5, -0.1), min_size=6, max_size=6),
)
def test_what_is_not_looked_into_moves_no_label(
    labels: list[list[Tokens]], first: list[float], rest: list[float]
) -> None:
    """Left out, unlikely tails move no label's log-probability by more than 0.0001."""
    ways = tuple(tuple(dict.fromkeys(option)) for option in labels)
    several = (way for option in ways for way in option if len(way) > 1)
    tokens = LabelTokens(ways, tuple(dict.fromkeys(several)))
    likely = tokens.likely_tails(first.__getitem__)
    tails = [sum(rest[token] for token in tail[1:]) for tail in tokens.tails]
    left = [
        value if tail in likely else -math.inf
        for tail, value in zip(tokens.tails, tails, strict=True)
    ]
    whole = label_logprobs(tokens, first.__getitem__, tails)
    assert label_logprobs(tokens, first.__getitem__, left) == pytest.approx(whole, abs=1e-4)


def test_ways_with_and_without_space_add_up() -> None:
    """Both ways of saying a label are the label."""
    tokens = LabelTokens((((1,), (2,)), ((3,), (4,))), ())
    assert uniform(tokens, {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.1}, 1) == pytest.approx([0.3, 0.4])


def test_impossible_label_has_probability_nought() -> None:
    """No probability is minus infinity, not an error."""
    tokens = LabelTokens((((1,),), ((2,),)), ())
    assert label_logprobs(tokens, lambda t: -math.inf if t == 1 else 0.0, []) == (-math.inf, 0.0)


def test_log_sum_exp_of_large_and_small_logits() -> None:
    """No overflow and no loss: the same as in exact arithmetic."""
    row = np.array([1e4, 1e4, -1e4], np.float32)
    assert log_sum_exp(row) == pytest.approx(1e4 + math.log(2))
    spread = np.random.default_rng(0).normal(0, 3, 50_000).astype(np.float32)
    exact = math.log(math.fsum(math.exp(float(value)) for value in spread))
    assert log_sum_exp(spread) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_logits_that_are_no_numbers_are_refused(bad: float) -> None:
    """A broken model gives an error, never a NaN that travels on."""
    with pytest.raises(FloatingPointError):
        log_sum_exp(np.full(4, bad, np.float32))
    with pytest.raises(FloatingPointError):
        log_sum_exp(np.array([0, math.nan], np.float32))
