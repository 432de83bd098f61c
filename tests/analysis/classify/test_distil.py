"""The table of meaning comes near to what it is fitted to, and encodes each text once."""

from pathlib import Path

import numpy as np
import pytest

from analysis.classify import distil, meaning
from analysis.classify.pieces import pieces
from analysis.classify.text import fold

WORDS = [f"{first}{second}" for first in ("harb", "gard", "wint") for second in ("our", "en", "er")]


def test_fit_comes_near_to_its_target() -> None:
    """Sums of a text's pieces are nearly the vectors that they were fitted to, up to a turn."""
    rng = np.random.default_rng(0)
    each = {word: rng.normal(size=384) for word in WORDS}
    texts = [*WORDS, *(" ".join(rng.choice(WORDS, 4)) for _ in range(200))]
    vectors = np.array([sum(each[word] for word in text.split()) for text in texts], np.float32)
    table = distil.fit(texts, vectors, 64)
    found = meaning.bags([pieces(fold(text)) for text in texts]) @ table
    short = np.array([" " not in text for text in texts])
    centred = vectors - np.where(short[:, None], vectors[short].mean(0), vectors[~short].mean(0))
    wanted, got = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (centred, found))
    assert np.corrcoef((wanted @ wanted.T).ravel(), (got @ got.T).ravel())[0, 1] > 0.9


def test_what_is_known_is_not_encoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second call encodes only what is new, and gives the same vectors."""
    asked: list[str] = []

    def encode(texts: list[str], *, queries: bool) -> np.ndarray:
        assert queries
        asked.extend(texts)
        return np.array([[len(text), 1.0] for text in texts], np.float32)

    monkeypatch.setattr(distil, "encode", encode)
    path = tmp_path / "encoded.npz"
    first = distil.encoded(["aa", "b", "aa"], path)
    second = distil.encoded(["ccc", "b"], path)
    assert sorted(asked) == ["aa", "b", "ccc"]
    assert first.tolist() == [[2, 1], [1, 1], [2, 1]]
    assert second.tolist() == [[3, 1], [1, 1]]


def test_nothing_is_taken_from_test_halves() -> None:
    """No sentence that is only in a test half is among what the table is fitted to."""
    units = set(distil.units())
    test = [one.answer.response for one in distil.known_answers(distil.answer_files("fr"), "test")]
    assert units
    assert not units & {text for text in test if len(text) > 40}
