"""Whether an answer evades, by what it says, as learned by ``train_evasion.py``.

Two linear heads, one for evading (deflecting or refusing) and one for refusing, read words and
meaning. What an answer says when it talks around a question differs from topic to topic: trade
routes where rights were asked about, a procedure where a verdict was. So for the battery they have
weights of their own for each topic beside shared ones. Other prompts have heads of their own, and
so have essays, which learned from the record.
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
PLACES = ("battery", "elsewhere", "essays")
ESSAY = slice(len(HEADS), 2 * len(HEADS))
NEAR_PROMPT = slice(-5, None)
NUMBERS = 2 * len(HEADS) + POLES_SEEN - len(BY_LENGTH) + 5
"""Of an answer; and where those of the heads for essays and the nearness to the prompt stand."""

WEIGHTS = Path(__file__).parent / "evasion.npz"


@dataclass(frozen=True)
class Heads:
    """All that is fitted; heads in the order of ``HEADS``.

    Attributes:
        topics: hashes of the topics' names, in order. The last is no topic of the battery: its row
            serves those that nothing was learned of.
        centre: (topics, dimensions), mean meaning of the answers to a topic that take a stance.
        battery: with a row of meaning for each topic.
        elsewhere, essays: with one row.
    """

    topics: NDArray[np.uint64]
    centre: NDArray[np.float32]
    battery: tuple[TopicHead, ...]
    elsewhere: tuple[TopicHead, ...]
    essays: tuple[TopicHead, ...]

    def place(self, topic: str) -> int:
        """Which row is a topic's."""
        found = np.flatnonzero(self.topics == mark(topic)[0])
        return int(found[0]) if len(found) else len(self.topics) - 1


@cache
def heads() -> Heads:
    """The weights that come with doxa."""
    return load(WEIGHTS)


def evasion(fitted: Heads, asked: Sequence[Question]) -> Array:
    """What the regressions over manners see of answers: (n, NUMBERS).

    Scores of the heads for the battery or elsewhere, then of those for essays, then how near the
    answers are to the poles, their outward signs, and how near they are to the prompt.
    """
    seen = Seen(asked, meaning.evasion_table())
    places = np.array([fitted.place(one.topic) for one in asked], int)
    words, found = seen.words(style=False), meanings(seen, fitted, places)
    return np.column_stack([heads_scores(fitted, words, found, places), signs(seen)])


def meanings(seen: Seen, fitted: Heads, places: NDArray[np.intp]) -> tuple[Array, Array]:
    """The meaning of answers, from the centre of their topics and from their prompts.

    Outside the battery the prompt is the centre.
    """
    battery = (places < len(fitted.topics) - 1)[:, None]
    prompts = seen.prompts()
    return (
        seen.meanings(np.where(battery, fitted.centre[places], prompts)),
        seen.meanings(prompts),
    )


def heads_scores(
    fitted: Heads,
    words: sparse.csr_matrix,
    found: tuple[Array, Array],
    places: NDArray[np.intp],
) -> Array:
    """Scores of answers, (n, 2 * heads): those of their place, and those of essays.

    Args:
        words: of ``Seen``.
        found: from ``meanings``.
        places: topics.
    """
    own, asked = found
    known, nowhere = places < len(fitted.topics) - 1, np.zeros_like(places)
    columns = [
        np.where(known, battery.scores(words, own, places), elsewhere.scores(words, own, nowhere))
        for battery, elsewhere in zip(fitted.battery, fitted.elsewhere, strict=True)
    ]
    return np.column_stack(
        [*columns, *(head.scores(words, asked, nowhere) for head in fitted.essays)]
    )


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
        each = (
            tuple(topic_head.restored(f"{place}_{name}", arrays) for name in HEADS)
            for place in PLACES
        )
        return Heads(arrays["topics"], arrays["centre"].astype(np.float32), *each)


def save(fitted: Heads, path: Path) -> None:
    """Write weights compactly, the many in 16 bits."""
    parts: dict[str, NDArray[np.generic]] = {
        "topics": fitted.topics,
        "centre": fitted.centre.astype(np.float16),
    }
    for place in PLACES:
        each: tuple[TopicHead, ...] = getattr(fitted, place)
        for name, head in zip(HEADS, each, strict=True):
            parts |= topic_head.stored(f"{place}_{name}", head)
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]  # the stubs know one keyword
