"""Fits the heads of ``evasion.py`` to answers to the battery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify import meaning
from analysis.classify.evasion import Heads, heads_scores
from analysis.classify.fitting import fit_head, halves
from analysis.classify.pieces import mark
from analysis.classify.question import Seen
from analysis.classify.topic_head import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from analysis.classify.question import Question

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Answers to the battery, read.

    Attributes:
        seen: the answers.
        words: ``Seen.words`` of them.
        topic: of each, a row of the heads.
        manner: of each.
    """

    seen: Seen
    words: sparse.csr_matrix
    topic: NDArray[np.intp]
    manner: NDArray[np.str_]


def answers_of(
    asked: Sequence[Question], manner: NDArray[np.str_], topics: Sequence[str]
) -> Answers:
    """Answers, their manners, and the topics that have heads of their own."""
    seen = Seen(asked, meaning.evasion_table())
    places = {name: place for place, name in enumerate(topics)}
    topic = np.array([places[one.topic] for one in asked])
    return Answers(seen, seen.words(style=False), topic, manner)


def fit(data: Answers, rows: NDArray[np.intp], topics: Sequence[str]) -> Heads:
    """The heads, from some of the answers."""
    plain = rows[data.manner[rows] == "answers"]
    centre = np.zeros((len(topics), data.seen.whole.shape[1]), np.float32)
    for place in range(len(topics)):
        if (own := plain[data.topic[plain] == place]).size:
            centre[place] = data.seen.whole[own].mean(axis=0)
    meanings = data.seen.meanings(centre, data.topic)
    found = columns(data.words[rows], meanings[rows], data.topic[rows], len(topics))
    names = np.concatenate([mark(name) for name in topics])
    manner, one = data.manner[rows], np.ones(len(rows))
    truths = np.isin(manner, ["deflects", "refuses"]), manner == "refuses"
    each = tuple(fit_head(found, truth, halves(truth, one), len(topics)) for truth in truths)
    return Heads(names, centre, each)


def held_out(
    data: Answers, rows: NDArray[np.intp], fold: NDArray[np.intp], topics: Sequence[str]
) -> Array:
    """Scores of all answers, (n, heads), by heads from those rows that are not in its fold."""
    scores = np.zeros((len(fold), 2))
    for number in range(fold.max() + 1):
        held = np.flatnonzero(fold == number)
        fitted = fit(data, rows[fold[rows] != number], topics)
        meanings = data.seen.meanings(fitted.centre, data.topic)[held]
        scores[held] = heads_scores(fitted, data.words[held], meanings, data.topic[held])
    return scores
