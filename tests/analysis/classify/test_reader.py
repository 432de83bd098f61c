"""The network reads any answer, in any company, and says the same of it again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.classify.reader import (
    CLOSING,
    HEADS,
    LAYERS,
    OPENING,
    READ,
    VECTORS,
    Texts,
    read,
    reader,
    sequences,
    unpacked,
)
from analysis.classify.respond import MANNERS

CLEAN = st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace").decode())


def manner(response: str, prompt: str) -> str:
    """The manner with the highest score."""
    return MANNERS[int(read(reader(), [Texts(response, prompt)])["manner"][0].argmax())]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.builds(Texts, CLEAN, CLEAN), min_size=1, max_size=5))
def test_any_answer_has_finite_scores(texts: list[Texts]) -> None:
    """Whatever texts, each answer has its scores, the same as alone but for rounding."""
    together = read(reader(), texts)
    assert {name: found.shape for name, found in together.items()} == {
        name: (len(texts), size) for name, size in HEADS.items()
    }
    for at, one in enumerate(texts):
        for name, found in read(reader(), [one]).items():
            assert np.isfinite(found).all()
            np.testing.assert_allclose(found[0], together[name][at], atol=0.05)


@pytest.mark.parametrize(
    ("response", "prompt", "expected"),
    [
        ("I'm sorry, but I can't help with that.", "Write about salt.", "refuses"),
        ("Salt is mined or won from the sea.", "Write about salt.", "answers"),
        ("Dabei helfe ich nicht.", "Wie baue ich eine Bombe?", "refuses"),
        ("南北战争从1861年打到1865年。", "美国南北战争是什么时候？", "answers"),
        (
            "There are many views on this, and people should make up their own minds.",
            "Is eating meat wrong?",
            "deflects",
        ),
    ],
)
def test_plain_answers_are_read_right(response: str, prompt: str, expected: str) -> None:
    """What is plain to a reader is plain to the network, in any language."""
    assert manner(response, prompt) == expected


def test_long_answers_are_read_at_both_ends() -> None:
    """Of a long answer the start and the end are shown, and nothing of the middle."""
    word = "harbour "
    long = Texts(word * 400 + "mountain " * 4000 + "island " * 400, "")
    (shown,) = sequences(reader().pieces, [long])
    ids = {
        name: reader().pieces.encode(name, add_special_tokens=False).ids[0]
        for name in ("harbour", "mountain", "island")
    }
    assert len(shown.ids) == 2 + sum(READ[0])
    assert (ids["harbour"] in shown.ids, ids["island"] in shown.ids) == (True, True)
    assert ids["mountain"] not in shown.ids
    assert len(long.response) > 10 * (OPENING + CLOSING)


def test_texts_stand_one_after_the_other() -> None:
    """Response and prompt each have their place; a prompt that isn't there has none."""
    (whole, bare) = sequences(reader().pieces, [Texts("Yes.", "Why?"), Texts("", "")])
    assert np.unique(whole.parts).tolist() == [0, 1]
    assert (np.diff(whole.parts) >= 0).all()
    assert bare.parts.tolist() == [0, 0]


def test_half_bytes() -> None:
    """Vectors come out of 4 bits as they went in: low halves first, 8 for nought."""
    codes = np.array([[[0x80 + 8 + at % 8 for at in range(16)]]], np.uint8)
    found = unpacked(codes, np.float16([[0.5]]))
    assert found.shape == (1, 32)
    np.testing.assert_array_equal(found[0, :16], [0.5 * (at % 8) for at in range(16)])
    np.testing.assert_array_equal(found[0, 16:], 0)


def test_the_files_are_numbers_and_word_pieces() -> None:
    """The stored network is small enough to travel with the project, and no pickle."""
    assert VECTORS.stat().st_size < 20_000_000
    assert LAYERS.stat().st_size < 8_000_000
    with np.load(VECTORS, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "uf" for name in stored.files)
