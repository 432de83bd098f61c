"""Pieces of words are the same wherever a word stands, and rows of them are bounded."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.classify.pieces import first_word, matrix, pieces, row, words
from analysis.classify.text import fold

BITS = 12


@given(st.text(max_size=300))
def test_any_text_has_a_row_of_known_length(text: str) -> None:
    """Whatever the text, its row has the length asked for, or is empty where it has no word."""
    found = pieces(fold(text))
    (total,) = matrix([row([(found, "a", 2.0)], BITS)], BITS).power(2).sum(axis=1)
    assert (len(found) > 0) == bool(words(fold(text)))
    # two pieces in one place add up, so a row can be longer than asked
    assert total >= 4 - 1e-3 if len(found) else total == 0


def test_inflected_words_share_pieces() -> None:
    """Forms of a word share parts; unrelated words share none."""
    one, two, other = map(pieces, ("regulated", "regulation", "harbour"))
    assert len(np.intersect1d(one, two)) >= 5
    assert len(np.intersect1d(one, other)) == 0


def test_text_without_spaces_is_cut_up() -> None:
    """In Chinese a word inside a sentence shares its pieces with the word alone."""
    assert np.isin(pieces("死刑"), pieces("我们应该废除死刑。")).all()
    assert first_word("是的，应该。") == "是的"


def test_vowel_signs_stay_in_their_word() -> None:
    """Hindi words are not cut at vowel signs."""
    assert words("मृत्युदंड नहीं होना चाहिए") == ["मृत्युदंड", "नहीं", "होना", "चाहिए"]


def test_spaces_are_apart() -> None:
    """The same pieces hashed in two spaces are at different places."""
    found = pieces("one two three four five")
    here, there = (set(row([(found, name, 1.0)], 30)[0].tolist()) for name in ("a", "b"))
    assert len(here & there) <= 1
