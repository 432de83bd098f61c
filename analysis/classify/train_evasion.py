"""Fits the heads of ``evasion.py``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify import evasion, meaning
from analysis.classify.evasion import Heads
from analysis.classify.fitting import fit_head, halves
from analysis.classify.pieces import mark
from analysis.classify.question import Seen
from analysis.classify.topic_head import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from analysis.classify.question import Question
    from analysis.classify.topic_head import TopicHead

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Answers, read.

    Attributes:
        seen: the answers.
        words: ``Seen.words`` of them.
        topic: of each, a row of the heads.
        manner: of each.
        record: which are the record's.
    """

    seen: Seen
    words: sparse.csr_matrix
    topic: NDArray[np.intp]
    manner: NDArray[np.str_]
    record: NDArray[np.bool_]


def answers_of(
    asked: Sequence[Question],
    manner: NDArray[np.str_],
    record: NDArray[np.bool_],
    topics: Sequence[str],
) -> Answers:
    """Answers, their manners, and their topics, all of which are named.

    The last name is that of no topic.
    """
    seen = Seen(asked, meaning.evasion_table())
    places = {name: place for place, name in enumerate(topics)}
    topic = np.array([places[one.topic] for one in asked])
    return Answers(seen, seen.words(style=False), topic, manner, record)


def fit(data: Answers, rows: NDArray[np.intp], topics: Sequence[str]) -> Heads:
    """The heads, from some of the answers.

    Those for the battery learn from answers to other prompts too, as from one more topic. The
    record teaches those for essays and no others.
    """
    essays, rows = rows[data.record[rows]], rows[~data.record[rows]]
    plain = rows[data.manner[rows] == "answers"]
    centre = np.zeros((len(topics), data.seen.whole.shape[1]), np.float32)
    for place in range(len(topics)):
        if (own := plain[data.topic[plain] == place]).size:
            centre[place] = data.seen.whole[own].mean(axis=0)
    empty = Heads(np.concatenate([mark(name) for name in topics]), centre, (), (), ())
    own, asked = evasion.meanings(data.seen, empty, data.topic)
    other = rows[data.topic[rows] == len(topics) - 1]
    nowhere = np.zeros_like(data.topic)
    return replace(
        empty,
        battery=_each(data, own, rows, data.topic, len(topics)),
        elsewhere=_each(data, own, other, nowhere, 1),
        essays=_each(data, asked, essays, nowhere, 1),
    )


def _each(
    data: Answers, found: Array, rows: NDArray[np.intp], places: NDArray[np.intp], topics: int
) -> tuple[TopicHead, ...]:
    numbers = columns(data.words[rows], found[rows], places[rows], topics)
    manner, one = data.manner[rows], np.ones(len(rows))
    truths = np.isin(manner, ["deflects", "refuses"]), manner == "refuses"
    return tuple(fit_head(numbers, truth, halves(truth, one), topics) for truth in truths)


def held_out(
    data: Answers, rows: NDArray[np.intp], fold: NDArray[np.intp], topics: Sequence[str]
) -> Array:
    """Scores of all answers, (n, 2 * heads), by heads from those rows that are not in its fold."""
    scores = np.zeros((len(fold), 2 * len(evasion.HEADS)))
    for number in range(fold.max() + 1):
        held = np.flatnonzero(fold == number)
        fitted = fit(data, rows[fold[rows] != number], topics)
        own, asked = evasion.meanings(data.seen, fitted, data.topic)
        scores[held] = evasion.heads_scores(
            fitted, data.words[held], (own[held], asked[held]), data.topic[held]
        )
    return scores
