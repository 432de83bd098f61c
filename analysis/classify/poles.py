"""Which pole an answering response takes, as learned by ``train_poles.py``.

For the battery's topics two linear heads read the answer: how far it leans to ``pro``, and whether
it gives both their due. Each topic has its own weights beside shared ones. How the sentences of an
answer lean, one by one, what ``stance.py`` finds by rules, and how near the answer is to either
pole in meaning go with them into a small regression, which gives the probabilities. For any other
topic there is such a regression too, on what it knows of any two poles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from analysis.classify import meaning
from analysis.classify.labels import STANCES, Outcome
from analysis.classify.pieces import mark, matrix, pieces, row
from analysis.classify.reading import Reading, read
from analysis.classify.stance import stances
from analysis.classify.text import fold
from analysis.classify.topics import ask_of, topic_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    Array = NDArray[np.float64]

BITS = 17
EDGE = 1.0
"""How much the first and the last sentence count in meaning, beside the whole."""

OPENING, STYLE, BIAS = 0.2, 0.3, 0.3
"""Lengths of the parts of a row, beside 1 for the words shared by all topics and for a topic's."""

WEIGHTS = Path(__file__).parent / "poles.npz"


@dataclass(frozen=True)
class Question:
    """An answer's question, and what it is read by.

    Attributes:
        topic, ask: of the battery; empty where it is none of its topics.
        reading: of the answer.
        rules: log-probabilities of ``STANCES`` by ``stance.py``, (3,).
        pro, con: the poles, folded.
    """

    topic: str
    ask: str
    reading: Reading
    rules: Array
    pro: str
    con: str


@dataclass(frozen=True)
class Head:
    """One linear head over words and meaning; rows of ``meaning`` are topics, as ``Heads.topics``.

    Attributes:
        words: (2**BITS,).
        meaning: (topics, 3 * DIMENSIONS), for the whole, the first and the last sentence.
        bias: a number.
    """

    words: NDArray[np.float32]
    meaning: NDArray[np.float32]
    bias: float


@dataclass(frozen=True)
class Last:
    """A regression over standardised numbers: (3, 1 + numbers), the intercept first."""

    weights: Array
    mean: Array
    spread: Array

    def probabilities(self, found: Array) -> Array:
        """Of ``STANCES``, (n, 3)."""
        linear = ((found - self.mean) / self.spread) @ self.weights[:, 1:].T + self.weights[:, 0]
        return np.asarray(special.softmax(linear, axis=1))


@dataclass(frozen=True)
class Heads:
    """All that is fitted.

    Attributes:
        topics: hashes of the topics' names, in order.
        centre: (topics, DIMENSIONS), mean meaning of the answers to a topic.
        openings: log of how much likelier each of ``STANCES`` is, (n, 3), where an answer to a
            question opens with yes or no; ``opening_names`` are the hashes of question and opening.
        lean, both: see ``Head``.
        known, other: last regressions, for the battery's topics and for others.
    """

    topics: NDArray[np.uint64]
    centre: NDArray[np.float32]
    opening_names: NDArray[np.uint64]
    openings: Array
    lean: Head
    both: Head
    known: Last
    other: Last

    def place(self, topic: str) -> int:
        """Which row is a topic's; -1 where nothing was learned of it."""
        found = np.flatnonzero(self.topics == mark(topic)[0])
        return int(found[0]) if len(found) else -1

    def opening(self, asked: Question) -> Array:
        """What the yes or no that an answer opens with says about its stance, (3,)."""
        found = np.flatnonzero(self.opening_names == mark(opening_name(asked))[0])
        return self.openings[found[0]] if len(found) and asked.reading.opens else np.zeros(3)


def opening_name(asked: Question) -> str:
    """A question and how an answer to it opens, whatever the language."""
    return f"{asked.topic}/{asked.ask}/{asked.reading.opens}"


def stance_probabilities(
    responses: Sequence[str],
    prompts: Sequence[str],
    poles: Sequence[tuple[str, str]],
    languages: Sequence[str | None],
) -> list[dict[Outcome, float]]:
    """Probabilities of ``pro``, ``both`` and ``con`` for responses that answer.

    Args:
        responses, prompts: as ``clean`` leaves them.
        poles: pro and con of each, clean, in the language of the prompt.
        languages: of the responses.
    """
    if not responses:
        return []
    asked = [
        question(response, prompt, *pair, language)
        for response, prompt, pair, language in zip(
            responses, prompts, poles, languages, strict=True
        )
    ]
    table = probabilities(heads(), asked)
    return [dict(zip(STANCES, one.tolist(), strict=True)) for one in table]


def question(response: str, prompt: str, pro: str, con: str, language: str | None) -> Question:
    """Read an answer to a question with poles; arguments as ``stance_probabilities``."""
    topic = topic_of(pro, con)
    by_rule = stances(response, prompt, pro, con, language)
    return Question(
        topic=topic,
        ask=ask_of(topic, prompt) if topic else "",
        reading=read(response, language),
        rules=np.log(np.maximum([by_rule[name] for name in STANCES], 1e-6)),
        pro=fold(pro),
        con=fold(con),
    )


def probabilities(fitted: Heads, asked: Sequence[Question]) -> Array:
    """Of ``STANCES``, (n, 3), by the heads of the topic where there are some."""
    places = np.array([fitted.place(one.topic) for one in asked])
    result = np.zeros((len(asked), len(STANCES)))
    known, other = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
    if len(known):
        part = Seen([asked[i] for i in known.tolist()])
        result[known] = fitted.known.probabilities(part.numbers(fitted, places[known]))
    if len(other):
        part = Seen([asked[i] for i in other.tolist()])
        result[other] = fitted.other.probabilities(part.general())
    return result


class Seen:
    """Answers as matrices."""

    def __init__(self, asked: Sequence[Question]) -> None:
        """Take the meaning of the answers and of their sentences."""
        self.asked = asked
        parts = [one.reading.sentences for one in asked]
        self.ends = np.cumsum([len(part) for part in parts])
        self.starts = self.ends - [len(part) for part in parts]
        self.owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self.whole = meaning.vectors([one.reading.whole for one in asked])
        self.sentences = meaning.vectors([found for part in parts for found in part])

    def words(self) -> sparse.csr_matrix:
        """Rows of the answers for ``Head.words``."""
        return matrix([row(_whole_row(one), BITS) for one in self.asked], BITS)

    def sentence_words(self) -> sparse.csr_matrix:
        """Rows of the sentences for ``Head.words``."""
        rows = [
            row(_words(found, one.topic), BITS)
            for one in self.asked
            for found in one.reading.sentences
        ]
        return matrix(rows, BITS)

    def meanings(self, centre: NDArray[np.float32], places: NDArray[np.intp]) -> Array:
        """Whole, first and last sentence, each from the centre of its topic: (n, 3, DIMENSIONS)."""
        ends = (self.whole, self.sentences[self.starts], self.sentences[self.ends - 1])
        return np.stack(
            [
                weight * directions(part - centre[places])
                for part, weight in zip(ends, (1, EDGE, EDGE), strict=True)
            ],
            axis=1,
        )

    def scores(self, head: Head, meanings: Array, places: NDArray[np.intp]) -> Array:
        """A head's scores of the answers, (n,)."""
        own = meanings.reshape(len(places), -1)
        found = (own * head.meaning[places]).sum(axis=1)
        return np.asarray(self.words() @ head.words + found + head.bias, np.float64)

    def numbers(self, fitted: Heads, places: NDArray[np.intp]) -> Array:
        """What the last regression for known topics sees."""
        meanings = self.meanings(fitted.centre, places)
        lean = self.scores(fitted.lean, meanings, places)
        both = self.scores(fitted.both, meanings, places)
        opening = np.stack([fitted.opening(one) for one in self.asked])
        return np.column_stack([self.profile(fitted, lean, places), both, opening, self.general()])

    def profile(self, fitted: Heads, lean: Array, places: NDArray[np.intp]) -> Array:
        """How the whole and its sentences lean: (n, 9)."""
        of = places[self.owner]
        apart = directions(self.sentences - fitted.centre[of])
        each = self.sentence_words() @ fitted.lean.words
        each = each + (apart * fitted.lean.meaning[of, : meaning.DIMENSIONS]).sum(axis=1)
        rows = [
            (part[0], part[-1], part.max(), part.min(), part.mean(), part.std())
            for part in (each[a:b] for a, b in zip(self.starts, self.ends, strict=True))
        ]
        found = np.array(rows, np.float64)
        contested = np.minimum(found[:, 2], -found[:, 3])
        return np.column_stack([lean, np.abs(lean), found, contested])

    def _away(self) -> Array:
        poles = list(dict.fromkeys(pole for one in self.asked for pole in (one.pro, one.con)))
        found = dict(
            zip(poles, directions(meaning.vectors([pieces(pole) for pole in poles])), strict=True)
        )
        return directions(np.stack([found[one.pro] - found[one.con] for one in self.asked]))

    def general(self) -> Array:
        """What can be seen of an answer to a question with any two poles: (n, 16)."""
        away = self._away()
        whole = (directions(self.whole) * away).sum(axis=1)
        each = (directions(self.sentences) * away[self.owner]).sum(axis=1)
        near = [
            (each[a], each[b - 1], each[a:b].max(), each[a:b].min())
            for a, b in zip(self.starts, self.ends, strict=True)
        ]
        return np.column_stack(
            [
                np.stack([one.rules for one in self.asked]),
                whole,
                np.array(near),
                np.array([one.reading.signs for one in self.asked]),
            ]
        )


def directions(rows: NDArray[np.floating]) -> Array:
    """Rows of length 1 (or 0)."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float64)


def _words(found: NDArray[np.uint64], topic: str) -> list[tuple[NDArray[np.uint64], str, float]]:
    return [(found, "any topic", 1.0), (found, topic, 1.0)]


def _whole_row(one: Question) -> list[tuple[NDArray[np.uint64], str, float]]:
    reading, asked = one.reading, f"{one.topic}/{one.ask}"
    signs = [mark(f"{at}/{round(4 * sign)}") for at, sign in enumerate(reading.signs)]
    parts = _words(reading.whole, one.topic)
    if reading.opens:
        parts.append((mark(opening_name(one)), "opens", OPENING))
    parts.append((mark(f"{asked}/{reading.first}"), "first", OPENING))
    parts.append((np.concatenate(signs), "style", STYLE))
    parts.append((np.concatenate([mark(one.topic), mark(asked)]), "asked", BIAS))
    return parts


@cache
def heads() -> Heads:
    """The weights that come with doxa."""
    return load(WEIGHTS)


def load(path: Path) -> Heads:
    """Read weights that ``save`` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        lean, both = (
            Head(
                words=stored[f"{name}_words"].astype(np.float32),
                meaning=stored[f"{name}_meaning"].astype(np.float32),
                bias=float(stored[f"{name}_bias"]),
            )
            for name in ("lean", "both")
        )
        known, other = (
            Last(*(stored[f"{name}_{part}"] for part in ("weights", "mean", "spread")))
            for name in ("known", "other")
        )
        centre = stored["centre"].astype(np.float32)
        opening = stored["opening_names"], stored["openings"]
        return Heads(stored["topics"], centre, *opening, lean, both, known, other)


def save(fitted: Heads, path: Path) -> None:
    """Write weights compactly, the many in 16 bits."""
    parts: dict[str, NDArray[np.generic]] = {
        "topics": fitted.topics,
        "centre": fitted.centre.astype(np.float16),
        "opening_names": fitted.opening_names,
        "openings": fitted.openings,
    }
    for name, head in (("lean", fitted.lean), ("both", fitted.both)):
        parts |= {
            f"{name}_words": head.words.astype(np.float16),
            f"{name}_meaning": head.meaning.astype(np.float16),
            f"{name}_bias": np.array(head.bias),
        }
    for name, last in (("known", fitted.known), ("other", fitted.other)):
        parts |= {
            f"{name}_weights": last.weights,
            f"{name}_mean": last.mean,
            f"{name}_spread": last.spread,
        }
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]  # the stubs know one keyword
