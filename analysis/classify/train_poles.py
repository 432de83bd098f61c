"""Fits the heads of ``poles.py`` to answers written for doxa and to the battery's statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from analysis.classify import meaning
from analysis.classify.answer_files import BATTERY
from analysis.classify.fitting import fit_head, fit_regression, halves
from analysis.classify.labels import STANCES
from analysis.classify.pieces import mark
from analysis.classify.poles import Heads, leaning, numbers
from analysis.classify.question import Seen, question
from analysis.classify.regression import Regression
from analysis.classify.text import clean
from analysis.classify.topic_head import TopicHead, columns
from prompts.load import load_battery

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FOLDS = 5
LAST_PENALTY = 0.3
"""Inverse strength of the L2 penalty of the last regressions."""

STATEMENT_WEIGHT = 0.2
"""Of one of the battery's statements, in answers."""

OWN_WEIGHT = 2.0
"""Of the answers that were written together with the test halves, in the last regressions."""


@dataclass(frozen=True)
class Answers:
    """Answers that take a stance.

    Attributes:
        seen: the answers.
        outcome: of each, of ``STANCES``.
        own: whether it was written together with the test halves.
        fold: of each.
        topic: of each, a row of the heads; -1 of a question with poles of its own.
        leaning: (n, 3), what the network makes of each; NaN where it learned from it.
    """

    seen: Seen
    outcome: NDArray[np.str_]
    own: NDArray[np.bool_]
    fold: NDArray[np.intp]
    topic: NDArray[np.intp]
    leaning: Array

    def part(self, rows: NDArray[np.bool_]) -> Answers:
        """Some of them."""
        asked = [self.seen.asked[row] for row in np.flatnonzero(rows).tolist()]
        return Answers(
            Seen(asked, meaning.table()),
            self.outcome[rows],
            self.own[rows],
            self.fold[rows],
            self.topic[rows],
            self.leaning[rows],
        )


def contested() -> list[str]:
    """The battery's topics that have two poles to take."""
    battery = load_battery(BATTERY, languages=["en"])
    return [name for name, topic in battery.topics.items() if topic.kind == "contested"]


def answers_of(table: pd.DataFrame, topics: list[str]) -> Answers:
    """The answers of a table that take a stance.

    Args:
        table: rows of ``train.prepared``.
        topics: that have heads.
    """
    rows = table[table.outcome.isin(list(STANCES))]
    seen = Seen(list(rows.question), meaning.table())
    places = {name: place for place, name in enumerate(topics)}
    return Answers(
        seen=seen,
        outcome=rows.outcome.to_numpy(str),
        own=rows.own.to_numpy(bool),
        fold=rows.fold.to_numpy(int),
        topic=np.array([places.get(one.topic, -1) for one in seen.asked]),
        leaning=leaning(
            seen, rows[[f"stance_{at}" for at in range(len(STANCES))]].to_numpy(np.float32)
        ),
    )


def statements_of(topics: list[str]) -> tuple[Seen, NDArray[np.str_], NDArray[np.intp]]:
    """The battery's statements in all languages, as answers; their poles and topics."""
    battery = load_battery(BATTERY)
    asked, poles, places = [], [], []
    for language in battery.languages:
        for place, topic in enumerate(topics):
            texts = battery.texts(topic, language)
            for key, text in texts.items():
                pole = key.rsplit(".", maxsplit=1)[-1]
                if pole in {"pro", "con"}:
                    asked.append(question(clean(text), "", texts["pro"], texts["con"], language))
                    poles.append(pole)
                    places.append(place)
    return Seen(asked, meaning.table()), np.array(poles), np.array(places)


class Trainer:
    """Matrices made once, heads fitted on any part of the answers to the battery's topics."""

    def __init__(self, answers: Answers, topics: int) -> None:
        """Take the answers, and read the battery's statements."""
        self.answers, self.topics = answers, topics
        self.statements, self.poles, self.places = statements_of(contested()[:topics])
        self.words = answers.seen.words()
        self.statement_words = self.statements.words()

    def centre(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Mean meaning of the answers to each topic."""
        whole, topic = self.answers.seen.whole[rows], self.answers.topic[rows]
        return np.stack(
            [
                whole[topic == place].mean(axis=0)
                if (topic == place).any()
                else self.statements.whole[self.places == place].mean(axis=0)
                for place in range(self.topics)
            ]
        ).astype(np.float32)

    def heads(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], TopicHead, TopicHead]:
        """The centre of each topic and both heads, from some of the answers."""
        data = self.answers
        centre = self.centre(rows)
        seen = columns(self.words, data.seen.meanings(centre[data.topic]), data.topic, self.topics)
        said = columns(
            self.statement_words,
            self.statements.meanings(centre[self.places]),
            self.places,
            self.topics,
        )
        outcome = data.outcome[rows]
        sided = rows[outcome != "both"]
        lean = fit_head(
            sparse.vstack([seen[sided], said], format="csr"),
            np.concatenate([data.outcome[sided] == "pro", self.poles == "pro"]),
            np.concatenate([np.ones(len(sided)), np.full(len(self.poles), STATEMENT_WEIGHT)]),
            self.topics,
        )
        both = fit_head(
            seen[rows],
            outcome == "both",
            halves(outcome == "both", np.ones(len(rows))),
            self.topics,
        )
        return centre, lean, both

    def openings(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.uint64], Array]:
        """``Heads.opening_names`` and ``Heads.openings``, from some of the answers."""
        asked = [self.answers.seen.asked[row] for row in rows]
        opened = np.array([bool(one.reading.opens) for one in asked])
        names = np.array([one.opening for one in asked])[opened]
        outcome = self.answers.outcome[rows][opened]
        kinds = np.unique(names)
        counts = np.array(
            [[(outcome[names == kind] == name).sum() for name in STANCES] for kind in kinds]
        ).reshape(-1, len(STANCES))
        share = (counts + 1 / len(STANCES)) / (counts.sum(axis=1, keepdims=True) + 1)
        hashed = np.concatenate([np.empty(0, np.uint64), *map(mark, kinds)])
        return hashed, np.log(share * len(STANCES))

    def held_out(self) -> Array:
        """What the last regression for known topics sees, by heads without the answer's fold."""
        data, found = self.answers, None
        for fold in range(FOLDS):
            rows, held = np.flatnonzero(data.fold != fold), data.fold == fold
            centre, lean, both = self.heads(rows)
            nothing = Regression(np.zeros((3, 1)), np.zeros(0), np.ones(0))
            fitted = Heads(
                np.zeros(0, np.uint64), centre, *self.openings(rows), lean, both, nothing, nothing
            )
            part = data.part(held)
            seen = numbers(fitted, part.seen, part.topic)
            found = np.zeros((len(held), seen.shape[1])) if found is None else found
            found[held] = seen
        return np.asarray(found)


def last(data: Answers, found: Array) -> Regression:
    """A last regression over what is known of answers that the network had not seen."""
    weight = np.where(data.own, OWN_WEIGHT, 1.0)
    return fit_regression(found, data.outcome, STANCES, weight, LAST_PENALTY)


def held_out_probabilities(data: Answers, found: Array) -> Array:
    """Of ``STANCES``, (n, 3), by last regressions without the answer's fold."""
    result = np.zeros((len(found), len(STANCES)))
    for number in range(FOLDS):
        held = data.fold == number
        result[held] = last(data.part(~held), found[~held]).probabilities(found[held])
    return result


def fit(table: pd.DataFrame) -> tuple[Heads, str]:
    """Fit all heads, and tell how they do on held-out answers.

    The heads learn from all answers to the battery; the last regressions, which see what the
    network says too, from those that it had not seen.

    Args:
        table: see ``answers_of``.
    """
    topics = contested()
    every = answers_of(table, topics)
    data = every.part(every.topic >= 0)
    trainer = Trainer(data, len(topics))
    known = np.hstack([trainer.held_out(), data.leaning])
    other = np.hstack([every.seen.near_poles(), every.leaning])
    lasts, lines = [], []
    for name, part, found in (
        ("stance, a topic of the battery", data, known),
        ("stance, other poles", every.part(every.topic < 0), other[every.topic < 0]),
    ):
        unseen = ~np.isnan(found).any(axis=1)
        held = part.part(np.asarray(unseen))
        lines.append(_line(name, held, held_out_probabilities(held, found[unseen])))
        lasts.append(last(held, found[unseen]))
    rows = np.arange(len(data.outcome))
    centre, lean, both = trainer.heads(rows)
    names = np.concatenate([mark(name) for name in topics])
    return Heads(names, centre, *trainer.openings(rows), lean, both, *lasts), "\n".join(lines)


def _line(name: str, data: Answers, probabilities: Array) -> str:
    right = np.array(STANCES)[probabilities.argmax(axis=1)] == data.outcome
    parts = [
        f"{which} {right[rows].mean():.3f} of {rows.sum()}"
        for which, rows in (
            ("all", np.ones(len(right), bool)),
            ("written with the test halves", data.own),
            ("of these, pro or con", data.own & (data.outcome != "both")),
        )
        if rows.any()
    ]
    return f"{name}: right {', '.join(parts)}"
