"""How an answer that is being written ends, and what its response says."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from probes.backends.answers import Answer, option_logprobs, too_long
from probes.cell import Cell, Sampling
from probes.label_tokens import LabelTokens
from probes.plan import Selection, plan
from prompts.errors import BackendError
from prompts.load import load_battery


@pytest.fixture
def cell(small: Path) -> Cell:
    """Any cell."""
    return plan(load_battery(str(small)), Selection(limit=1))[0]


def letters(tokens: Sequence[int]) -> str:
    """A token is the number of a letter."""
    return "".join(map(chr, tokens))


def written(cell: Cell, text: str, *, stop: str | None = None, ends: bool = False) -> Answer:
    """An answer that took the letters of a text, and then perhaps the end of the turn."""
    answer = Answer(cell, 7, Sampling(max_tokens=200), stop, letters)
    for letter in text:
        answer.take(ord(letter), ends=False)
    if ends:
        answer.take(0, ends=True)
    return answer


def test_end_of_turn_completes_an_answer(cell: Cell) -> None:
    """The token that ends the turn is not part of the text, and nothing is added after it."""
    answer = written(cell, "<think>Hm.</think> Tea. ", ends=True)
    answer.take(ord("!"), ends=False)
    response = answer.response()
    assert (response.ending, response.text, response.reasoning) == ("complete", "Tea.", "Hm.")
    assert (response.tokens_in, response.tokens_out) == (7, 24)


def test_stop_text_completes_an_answer_and_is_cut_off(cell: Cell) -> None:
    """What the model writes as the next question belongs to no answer."""
    answer = written(cell, "Tea.\nQuestion: And", stop="\nQuestion:")
    assert answer.ending == "complete"
    assert answer.response().text == "Tea."
    assert written(cell, "Question: And", stop="\nQuestion:").ending is None


@pytest.mark.parametrize("said", ["", " \n", "<think>Hm.</think>"])
def test_nothing_said_is_empty(cell: Cell, said: str) -> None:
    """A turn that ends without an answer is empty, not complete."""
    assert written(cell, said, ends=True).response().ending == "empty"


def test_limit_and_loop_are_endings_of_their_own(cell: Cell) -> None:
    """An answer is cut at the limit, and where it only repeats itself."""
    looped = written(cell, "la " * 50).response()
    assert (looped.ending, looped.tokens_out) == ("loop", 32)
    answer = Answer(cell, 7, Sampling(max_tokens=2), None, letters)
    answer.take(65, ends=False)
    assert answer.ending is None
    answer.take(66, ends=False)
    assert (answer.response().ending, answer.response().text) == ("length", "AB")


def test_option_scores_follow_the_labels(cell: Cell) -> None:
    """First tokens and tails add up; equal numbers for all options are an error."""
    labels = LabelTokens(ways=(((1,),), ((2, 3),)), tails=((2, 3),))
    assert option_logprobs(labels, {1: -1.0, 2: -2.0}, [-0.5], "m") == pytest.approx((-1.0, -2.5))
    with pytest.raises(BackendError, match="m gives every option the same probability"):
        option_logprobs(labels, {1: -1.0, 2: -1.0}, [-0.5], "m")
    response = too_long(replace(cell, stem="x"), 5_000, -3)
    assert response.ending == "error"
    assert response.error == "The prompt has 5,000 tokens; there is room for 0."
