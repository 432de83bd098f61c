"""An answer to a question with poles, read once, and what the heads of ``poles.py`` see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify import meaning
from analysis.classify.labels import STANCES
from analysis.classify.pieces import mark, matrix
from analysis.classify.reading import Reading, read
from analysis.classify.stance import asks_for_con, stances
from analysis.classify.text import fold
from analysis.classify.topics import ask_of, topic_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from analysis.classify.pieces import Part

    Array = NDArray[np.float64]

BITS = 17

OPENING, STYLE, BIAS = 0.2, 0.3, 0.3
"""Lengths of the parts of a row, beside 1 for the words shared by all topics and for a topic's."""


@dataclass(frozen=True)
class Question:
    """An answer's question, and what it is read by.

    Attributes:
        topic, ask: of the battery; empty where it is none of its topics.
        reading: of the answer.
        turned: whether it has poles of its own, and a yes to it takes ``con``.
        rules: log-probabilities of ``STANCES`` by ``stance.py``, (3,).
        pro, con: folded.
    """

    topic: str
    ask: str
    turned: bool
    reading: Reading
    rules: Array
    pro: str
    con: str

    @property
    def opening(self) -> str:
        """The question and how the answer to it opens, whatever the language."""
        return f"{self.topic}/{self.ask}/{self.reading.opens}"


def question(response: str, prompt: str, pro: str, con: str, language: str | None) -> Question:
    """Read an answer to a question.

    Args:
        response, prompt: as ``clean`` leaves them.
        pro, con: the poles, clean, in the language of the prompt.
        language: of the response.
    """
    topic = topic_of(pro, con)
    by_rule = stances(response, prompt, pro, con, language)
    return Question(
        topic=topic,
        ask=ask_of(topic, prompt) if topic else "",
        turned=not topic and asks_for_con(prompt, pro, con, language),
        reading=read(response, language),
        rules=np.log(np.maximum([by_rule[name] for name in STANCES], 1e-6)),
        pro=fold(pro),
        con=fold(con),
    )


class Seen:
    """Answers as matrices."""

    def __init__(self, asked: Sequence[Question], table: NDArray[np.float32]) -> None:
        """Take the meaning of the answers and of their sentences by a table of ``meaning.py``."""
        self.asked, self.table = asked, table
        parts = [one.reading.sentences for one in asked]
        self.ends = np.cumsum([len(part) for part in parts])
        self.starts = self.ends - [len(part) for part in parts]
        self.owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self.whole = meaning.vectors([one.reading.whole for one in asked], table)
        self.sentences = meaning.vectors([found for part in parts for found in part], table)

    def words(self) -> sparse.csr_matrix:
        """Words and parts of words of the answers, how they open, and their signs, (n, 2**BITS)."""
        return matrix([_parts(one) for one in self.asked], BITS)

    def sentence_words(self) -> sparse.csr_matrix:
        """The words of all sentences."""
        return matrix(
            [_words(found, one.topic) for one in self.asked for found in one.reading.sentences],
            BITS,
        )

    def meanings(self, centres: NDArray[np.float32]) -> Array:
        """Whole, first and last sentence, as directions from a centre: (n, 3 * dimensions).

        Args:
            centres: of each answer, (n, dimensions).
        """
        ends = (self.whole, self.sentences[self.starts], self.sentences[self.ends - 1])
        return np.hstack([directions(part - centres) for part in ends])

    def near_poles(self) -> Array:
        """What can be seen of an answer to a question with any two poles: (n, 16).

        The readings by rule; how much nearer the whole, the first, the last, the nearest and the
        farthest sentence are to ``pro`` than to ``con`` in meaning; the signs of the reading.
        """
        pro, con = (
            directions(self._of(poles))
            for poles in ([one.pro for one in self.asked], [one.con for one in self.asked])
        )
        return np.column_stack(
            [
                np.stack([one.rules for one in self.asked]),
                self._nearness(directions(pro - con)),
                np.array([one.reading.signs for one in self.asked]),
            ]
        )

    def _of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        found = meaning.vectors_of(list(places), self.table)
        return found[[places[text] for text in texts]]

    def _nearness(self, to: Array) -> Array:
        whole = (directions(self.whole) * to).sum(axis=1)
        each = (directions(self.sentences) * to[self.owner]).sum(axis=1)
        near = [
            (each[a], each[b - 1], each[a:b].max(), each[a:b].min())
            for a, b in zip(self.starts, self.ends, strict=True)
        ]
        return np.column_stack([whole, np.array(near).reshape(len(whole), 4)])


def directions(rows: NDArray[np.floating]) -> Array:
    """Rows of length 1 (or 0)."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float64)


def _words(found: NDArray[np.uint64], topic: str) -> list[Part]:
    return [(found, "any topic", 1.0), (found, topic, 1.0)]


def _parts(one: Question) -> list[Part]:
    reading, asked = one.reading, f"{one.topic}/{one.ask}"
    signs = [mark(f"{at}/{round(4 * sign)}") for at, sign in enumerate(reading.signs)]
    parts = _words(reading.whole, one.topic)
    if reading.opens:
        parts.append((mark(one.opening), "opens", OPENING))
    return [
        *parts,
        (np.concatenate(signs), "style", STYLE),
        (mark(f"{asked}/{reading.first}"), "first", OPENING),
        (np.concatenate([mark(one.topic), mark(asked)]), "asked", BIAS),
    ]
