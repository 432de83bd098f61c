"""Which pole an answering response takes, as learned by ``train_poles.py``.

For the battery's topics two linear heads read the answer: how far it leans to ``pro``, and whether
it gives both their due. Each topic has its own weights beside shared ones. How the sentences of an
answer lean, one by one, what ``stance.py`` finds by rules, how near the answer is to either pole in
meaning, and what ``reader.py`` makes of it go with them into a small regression, which gives the
probabilities. For any other topic there is such a regression too, on what is known of any poles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from analysis.classify import meaning, regression, topic_head
from analysis.classify.labels import STANCES
from analysis.classify.pieces import mark
from analysis.classify.question import Seen, directions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analysis.classify.question import Question
    from analysis.classify.regression import Regression
    from analysis.classify.topic_head import TopicHead

    Array = NDArray[np.float64]
    Scores = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "poles.npz"


@dataclass(frozen=True)
class Heads:
    """All that is fitted.

    Attributes:
        topics: hashes of the topics' names, in order.
        centre: (topics, dimensions), mean meaning of the answers to a topic.
        openings: log of how much likelier each of ``STANCES`` is, (n, 3), where an answer to a
            question opens with yes or no; ``opening_names`` are the hashes of question and opening.
        lean, both: from ``con`` to ``pro``; from one of them to ``both``.
        known, other: last regressions, for the battery's topics and for others.
    """

    topics: NDArray[np.uint64]
    centre: NDArray[np.float32]
    opening_names: NDArray[np.uint64]
    openings: Array
    lean: TopicHead
    both: TopicHead
    known: Regression
    other: Regression

    def place(self, topic: str) -> int:
        """Which row is a topic's; -1 where nothing was learned of it."""
        found = np.flatnonzero(self.topics == mark(topic)[0])
        return int(found[0]) if len(found) else -1

    def opening(self, asked: Question) -> Array:
        """What the yes or no that an answer opens with says about its stance, (3,)."""
        found = np.flatnonzero(self.opening_names == mark(asked.opening)[0])
        return self.openings[found[0]] if len(found) and asked.reading.opens else np.zeros(3)


def probabilities(fitted: Heads, asked: Sequence[Question], scores: Scores) -> Array:
    """Of ``STANCES``, (n, 3), for answers to questions with poles that take a stance.

    Args:
        fitted: the heads.
        asked: the answers, read.
        scores: of the same by the network's head of stances, (n, 3).
    """
    places = np.array([fitted.place(one.topic) for one in asked])
    result = np.zeros((len(asked), len(STANCES)))
    known, other = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
    if len(known):
        part = Seen([asked[i] for i in known.tolist()], meaning.table())
        seen = np.hstack([numbers(fitted, part, places[known]), leaning(part, scores[known])])
        result[known] = fitted.known.probabilities(seen)
    if len(other):
        part = Seen([asked[i] for i in other.tolist()], meaning.table())
        seen = np.hstack([part.near_poles(), leaning(part, scores[other])])
        result[other] = fitted.other.probabilities(seen)
    return result


def leaning(seen: Seen, scores: Scores) -> Array:
    """What the last regressions see of the network's scores of the same answers, (n, 3).

    Of questions with poles of their own the network says what is said to the question, and not
    which pole that takes.
    """
    turned = np.array([one.turned for one in seen.asked])[:, None]
    found = special.log_softmax(scores.astype(np.float64), axis=1)
    return np.asarray(np.where(turned, found[:, ::-1], found))


def numbers(fitted: Heads, seen: Seen, places: NDArray[np.intp]) -> Array:
    """What the last regression for known topics sees of answers beside ``leaning``, (n, 29)."""
    words, meanings = seen.words(), seen.meanings(fitted.centre[places])
    lean = fitted.lean.scores(words, meanings, places)
    both = fitted.both.scores(words, meanings, places)
    opening = np.stack([fitted.opening(one) for one in seen.asked])
    return np.column_stack([_profile(fitted, seen, lean, places), both, opening, seen.near_poles()])


def _profile(fitted: Heads, seen: Seen, lean: Array, places: NDArray[np.intp]) -> Array:
    """How the whole of each answer and its sentences lean: (n, 9)."""
    of = places[seen.owner]
    apart = directions(seen.sentences - fitted.centre[of])
    each = seen.sentence_words() @ fitted.lean.words
    each = each + (apart * fitted.lean.meaning[of, : apart.shape[1]]).sum(axis=1)
    rows = [
        (part[0], part[-1], part.max(), part.min(), part.mean(), part.std())
        for part in (each[a:b] for a, b in zip(seen.starts, seen.ends, strict=True))
    ]
    found = np.array(rows, np.float64)
    contested = np.minimum(found[:, 2], -found[:, 3])
    return np.column_stack([lean, np.abs(lean), found, contested])


@cache
def heads() -> Heads:
    """The weights that come with doxa."""
    return load(WEIGHTS)


def load(path: Path) -> Heads:
    """Read weights that ``save`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        lean, both = (topic_head.restored(name, arrays) for name in ("lean", "both"))
        known, other = (regression.restored(name, arrays) for name in ("known", "other"))
        centre = arrays["centre"].astype(np.float32)
        opening = arrays["opening_names"], arrays["openings"]
        return Heads(arrays["topics"], centre, *opening, lean, both, known, other)


def save(fitted: Heads, path: Path) -> None:
    """Write weights compactly, the many in 16 bits."""
    parts: dict[str, NDArray[np.generic]] = {
        "topics": fitted.topics,
        "centre": fitted.centre.astype(np.float16),
        "opening_names": fitted.opening_names,
        "openings": fitted.openings,
    }
    for name, head in (("lean", fitted.lean), ("both", fitted.both)):
        parts |= topic_head.stored(name, head)
    for name, last in (("known", fitted.known), ("other", fitted.other)):
        parts |= regression.stored(name, last)
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]  # the stubs know one keyword
