"""Whether an answer to the battery evades, by what it says, as learned by ``train_evasion.py``.

What an answer says when it talks around a question differs from topic to topic: trade routes where
rights were asked about, a procedure where a verdict was. So two linear heads, one for evading
(deflecting or refusing) and one for refusing, have weights of their own for each topic beside
shared ones, over words and over meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify import meaning, topic_head
from analysis.classify.pieces import mark
from analysis.classify.question import BY_LENGTH, POLES_SEEN, Seen
from analysis.classify.reading import SIGNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from analysis.classify.question import Question
    from analysis.classify.topic_head import TopicHead

    Array = NDArray[np.float64]

HEADS = ("evades", "refuses")
NUMBERS = len(HEADS) + POLES_SEEN - len(BY_LENGTH) + 5
"""Of an answer."""

WEIGHTS = Path(__file__).parent / "evasion.npz"


@dataclass(frozen=True)
class Heads:
    """All that is fitted.

    Attributes:
        topics: hashes of the topics' names, in order.
        centre: (topics, dimensions), mean meaning of the answers to a topic that take a stance.
        each: in the order of ``HEADS``.
    """

    topics: NDArray[np.uint64]
    centre: NDArray[np.float32]
    each: tuple[TopicHead, ...]

    def place(self, topic: str) -> int:
        """Which row is a topic's; -1 where nothing was learned of it."""
        found = np.flatnonzero(self.topics == mark(topic)[0])
        return int(found[0]) if len(found) else -1


@cache
def heads() -> Heads:
    """The weights that come with doxa."""
    return load(WEIGHTS)


def evasion(fitted: Heads, asked: Sequence[Question]) -> Array:
    """What the regression over manners sees of answers to the battery: (n, NUMBERS).

    Scores of the heads, then how near the answers are to the poles and to the prompt, and their
    outward signs.
    """
    seen = Seen(asked, meaning.evasion_table())
    places = np.array([fitted.place(one.topic) for one in asked], int)
    meanings = seen.meanings(fitted.centre, places)
    scores = heads_scores(fitted, seen.words(style=False), meanings, places)
    return np.column_stack([scores, signs(seen)])


def heads_scores(
    fitted: Heads, words: sparse.csr_matrix, meanings: Array, places: NDArray[np.intp]
) -> Array:
    """Scores of answers, (n, heads).

    Args:
        words, meanings: of ``Seen``.
        places: topics.
    """
    return np.column_stack([head.scores(words, meanings, places) for head in fitted.each])


def signs(seen: Seen) -> Array:
    """``Seen.near_poles`` without the signs of length, and ``Seen.near_prompt``: (n, 19).

    In the answers that are learned from, refusals are shorter than others.
    """
    found = seen.near_poles()
    found = np.delete(found, [found.shape[1] - len(SIGNS) + at for at in BY_LENGTH], axis=1)
    return np.hstack([found, seen.near_prompt()])


def load(path: Path) -> Heads:
    """Read weights that ``save`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        each = tuple(topic_head.restored(name, arrays) for name in HEADS)
        return Heads(arrays["topics"], arrays["centre"].astype(np.float32), each)


def save(fitted: Heads, path: Path) -> None:
    """Write weights compactly, the many in 16 bits."""
    parts: dict[str, NDArray[np.generic]] = {
        "topics": fitted.topics,
        "centre": fitted.centre.astype(np.float16),
    }
    for name, head in zip(HEADS, fitted.each, strict=True):
        parts |= topic_head.stored(name, head)
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]  # the stubs know one keyword
