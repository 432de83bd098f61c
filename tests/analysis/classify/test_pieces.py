"""Pieces of words are the same wherever a word stands, and rows of them are bounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.classify.pieces import first_word, matrix, pieces, words
from analysis.classify.text import fold

BITS = 12


@given(st.text(max_size=300))
def test_any_text_has_a_row_of_known_length(text: str) -> None:
    """Whatever the text, its row has the length asked for, or is empty where it has no word."""
    found = pieces(fold(text))
    (total,) = matrix([[(found, "a", 2.0)]], BITS).power(2).sum(axis=1)
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
    here, there = (set(matrix([[(found, name, 1.0)]], 30).indices.tolist()) for name in ("a", "b"))
    assert len(here & there) <= 1


@given(st.lists(st.text("ab ", max_size=20), max_size=6))
def test_a_row_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    """Rows made together are those made alone; counts are damped, and parts have their lengths."""
    rows = [[(pieces(text), "a", 1.0), (pieces(text), "b", 0.5)] for text in texts]
    together = matrix(rows, BITS).toarray()
    assert together.shape == (len(texts), 1 << BITS)
    for row, found in zip(rows, together, strict=True):
        assert np.array_equal(matrix([row], BITS).toarray()[0], found)


def test_a_repeated_piece_counts_less_each_time() -> None:
    """Values are 1 + ln(count)."""
    twice, once = pieces("ox ox cow")[:3].tolist(), pieces("ox")[0]
    assert twice.count(once) == 2
    found = matrix([[(np.array(twice, np.uint64), "a", 1.0)]], BITS).data
    assert sorted(found / found.min()) == pytest.approx([1, 1 + np.log(2)])
