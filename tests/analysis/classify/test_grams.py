"""N-grams of a response are counted the same way every time, whatever the text."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analysis.classify.grams import BUCKETS, CLOSING, OPENING, counts, masked, weighted


@given(st.lists(st.text(max_size=60), max_size=4), st.text(max_size=30))
def test_any_text_is_counted(texts: list[str], prompt: str) -> None:
    """Rows are finite and of length one, and alone the same as among others."""
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    prompt = prompt.encode("utf-8", "replace").decode()
    found = counts(texts, [prompt] * len(texts))
    assert found.shape == (len(texts), BUCKETS)
    rows = weighted(found, np.ones(BUCKETS, dtype=np.float32)).toarray()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    for at, text in enumerate(texts):
        assert (counts([text], [prompt])[0] != found[at]).nnz == 0


def test_unknown_ngrams_alone_make_an_empty_row() -> None:
    """Where no n-gram has a weight the row is zero, not undefined."""
    assert weighted(counts(["abc"], [""]), np.zeros(BUCKETS, dtype=np.float32)).sum() == 0


def test_words_of_the_prompt_are_taken_out() -> None:
    """What a response takes from its prompt leaves no trace, in Latin and in Han letters."""
    assert "terrorism" not in masked("I won't help with terrorism.", "Explain terrorism.")
    assert "恐怖" not in masked("我不谈恐怖主义。", "什么是恐怖主义？")


def test_start_and_end_are_read() -> None:
    """Of a long response the middle is passed over, and half as much is read of dense scripts."""
    latin = masked("a" * OPENING + "b" * 5_000 + "c" * CLOSING, "")
    assert (latin.count("a"), latin.count("b"), latin.count("c")) == (OPENING, 0, CLOSING)
    han = masked("国" * 5_000, "")
    assert han.count("国") == (OPENING + CLOSING) // 2
