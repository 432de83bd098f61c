"""Fits the heads of ``poles.py`` to answers written for doxa and to the battery's statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from analysis.classify import meaning
from analysis.classify.answer_files import BATTERY
from analysis.classify.labels import STANCES
from analysis.classify.pieces import mark
from analysis.classify.poles import BITS, Head, Heads, Last, Seen, opening_name, question
from analysis.classify.text import clean
from prompts.load import load_battery

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FOLDS = 5
PENALTY, LAST_PENALTY = 10.0, 0.3
"""Inverse strengths of the L2 penalty, of the heads and of the last regressions."""

STATEMENT_WEIGHT = 0.2
"""Of one of the battery's statements, in answers."""

OWN_WEIGHT = 2.0
"""Of the answers that were written together with the test halves, in the last regressions."""


@dataclass(frozen=True)
class Answers:
    """What is learned from.

    Attributes:
        seen: the answers.
        outcome: of each, of ``STANCES``.
        topic: of each, a row of the heads.
        own: whether it was written together with the test halves.
        fold: of each; an ``own`` answer's topic in its language is in one fold only.
        general: fold of each by topic alone.
    """

    seen: Seen
    outcome: NDArray[np.str_]
    topic: NDArray[np.intp]
    own: NDArray[np.bool_]
    fold: NDArray[np.intp]
    general: NDArray[np.intp]


def contested() -> list[str]:
    """The battery's topics that have two poles to take."""
    battery = load_battery(BATTERY, languages=["en"])
    return [name for name, topic in battery.topics.items() if topic.kind == "contested"]


def answers_of(table: pd.DataFrame, topics: list[str], seed: int = 0) -> Answers:
    """The answers of a table from ``train.written`` that take a stance on one of the topics."""
    rows = table[table.outcome.isin(list(STANCES)) & table.topic.isin(topics) & table.rule.isna()]
    asked = [
        question(text, prompt, pro, con, code)
        for text, prompt, pro, con, code in zip(
            rows.text, rows.asked, rows.pro, rows.con, rows.code, strict=True
        )
    ]
    rng = np.random.default_rng(seed)
    groups = (rows.language + rows.topic).factorize()[0]
    shared = rng.integers(0, FOLDS, groups.max() + 1)[groups]
    topic = np.array([topics.index(name) for name in rows.topic])
    return Answers(
        seen=Seen(asked),
        outcome=rows.outcome.to_numpy(str),
        topic=topic,
        own=rows.own.to_numpy(bool),
        fold=np.where(rows.own, shared, rng.integers(0, FOLDS, len(rows))),
        general=rng.permutation(len(topics))[topic] % FOLDS,
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
    return Seen(asked), np.array(poles), np.array(places)


class Trainer:
    """Matrices made once, heads fitted on any part of them."""

    def __init__(self, table: pd.DataFrame) -> None:
        """Read the answers of a table from ``train.written``, and the battery's statements."""
        self.topics = contested()
        self.answers = answers_of(table, self.topics)
        self.statements, self.poles, self.places = statements_of(self.topics)
        self.words = self.answers.seen.words()
        self.statement_words = self.statements.words()
        self.general = self.answers.seen.general()

    def centre(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Mean meaning of the answers to each topic."""
        whole, topic = self.answers.seen.whole[rows], self.answers.topic[rows]
        return np.stack(
            [
                whole[topic == place].mean(axis=0)
                if (topic == place).any()
                else self.statements.whole[self.places == place].mean(axis=0)
                for place in range(len(self.topics))
            ]
        ).astype(np.float32)

    def heads(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], Head, Head]:
        """The centre of each topic and both heads, from some of the answers."""
        data = self.answers
        centre = self.centre(rows)
        spread = self._spread(data.seen.meanings(centre, data.topic), data.topic)
        said = self._spread(self.statements.meanings(centre, self.places), self.places)
        outcome = data.outcome[rows]
        sided = rows[outcome != "both"]
        lean = self._fit(
            sparse.vstack(
                [
                    sparse.hstack([self.words[sided], spread[sided]]),
                    sparse.hstack([self.statement_words, said]),
                ],
                format="csr",
            ),
            np.concatenate([data.outcome[sided] == "pro", self.poles == "pro"]),
            np.concatenate(
                [np.ones(len(sided)), np.full(self.statement_words.shape[0], STATEMENT_WEIGHT)]
            ),
        )
        is_both = outcome == "both"
        share = is_both.mean()
        both = self._fit(
            sparse.hstack([self.words[rows], spread[rows]], format="csr"),
            is_both,
            np.where(is_both, 0.5 / share, 0.5 / (1 - share)),
        )
        return centre, lean, both

    def openings(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.uint64], Array]:
        """``Heads.opening_names`` and ``Heads.openings``, from some of the answers."""
        asked = [self.answers.seen.asked[row] for row in rows]
        opened = np.array([bool(one.reading.opens) for one in asked])
        names = np.array([opening_name(one) for one in asked])[opened]
        outcome = self.answers.outcome[rows][opened]
        kinds = np.unique(names)
        counts = np.array(
            [[(outcome[names == kind] == name).sum() for name in STANCES] for kind in kinds]
        ).reshape(-1, len(STANCES))
        share = (counts + 1 / len(STANCES)) / (counts.sum(axis=1, keepdims=True) + 1)
        hashed = np.concatenate([np.empty(0, np.uint64), *map(mark, kinds)])
        return hashed, np.log(share * len(STANCES))

    def _spread(self, meanings: Array, topic: NDArray[np.intp]) -> sparse.csr_matrix:
        own = meanings.reshape(len(topic), -1)
        width = own.shape[1]
        places = topic[:, None] * width + np.arange(width)
        starts = np.arange(len(topic) + 1) * width
        shape = (len(topic), width * len(self.topics))
        return sparse.csr_matrix((own.ravel(), places.ravel(), starts), shape=shape)

    def _fit(self, columns: sparse.csr_matrix, truth: NDArray[np.bool_], weight: Array) -> Head:
        model = LogisticRegression(C=PENALTY, max_iter=150, tol=1e-3)
        model.fit(columns, truth, sample_weight=weight)
        found = model.coef_[0].astype(np.float32)
        return Head(
            words=found[: 1 << BITS],
            meaning=found[1 << BITS :].reshape(len(self.topics), 3 * meaning.DIMENSIONS),
            bias=float(model.intercept_[0]),
        )

    def held_out(self) -> Array:
        """What the last regression for known topics sees, by heads without the answer's fold."""
        data, found = self.answers, None
        for fold in range(FOLDS):
            rows, held = np.flatnonzero(data.fold != fold), np.flatnonzero(data.fold == fold)
            centre, lean, both = self.heads(rows)
            nothing = Last(np.zeros((3, 1)), np.zeros(0), np.ones(0))
            fitted = Heads(
                np.zeros(0, np.uint64), centre, *self.openings(rows), lean, both, nothing, nothing
            )
            part = Seen([data.seen.asked[i] for i in held.tolist()]).numbers(
                fitted, data.topic[held]
            )
            found = np.zeros((len(data.topic), part.shape[1])) if found is None else found
            found[held] = part
        return np.asarray(found)

    def last(self, numbers: Array, rows: NDArray[np.intp]) -> Last:
        """The last regression, from some of the answers."""
        mean, spread = numbers[rows].mean(axis=0), numbers[rows].std(axis=0) + 1e-6
        model = LogisticRegression(C=LAST_PENALTY, max_iter=500)
        weight = np.where(self.answers.own[rows], OWN_WEIGHT, 1.0)
        model.fit((numbers[rows] - mean) / spread, self.answers.outcome[rows], sample_weight=weight)
        order = [list(model.classes_).index(name) for name in STANCES]
        return Last(np.column_stack([model.intercept_, model.coef_])[order], mean, spread)

    def held_out_probabilities(self, numbers: Array, fold: NDArray[np.intp]) -> Array:
        """Of ``STANCES``, by last regressions without the answer's fold."""
        result = np.zeros((len(fold), len(STANCES)))
        for number in range(FOLDS):
            rows, held = np.flatnonzero(fold != number), fold == number
            result[held] = self.last(numbers, rows).probabilities(numbers[held])
        return result


def fit(table: pd.DataFrame) -> tuple[Heads, str]:
    """Fit all heads to a table from ``train.written``, and tell how they do on held-out answers."""
    trainer = Trainer(table)
    data = trainer.answers
    every = np.arange(len(data.topic))
    numbers = trainer.held_out()
    lines = [
        _line(
            "stance, a topic of the battery",
            data,
            trainer.held_out_probabilities(numbers, data.fold),
        ),
        _line(
            "stance, another topic",
            data,
            trainer.held_out_probabilities(trainer.general, data.general),
        ),
    ]
    centre, lean, both = trainer.heads(every)
    names = np.concatenate([mark(name) for name in trainer.topics])
    known, other = trainer.last(numbers, every), trainer.last(trainer.general, every)
    openings = trainer.openings(every)
    return Heads(names, centre, *openings, lean, both, known, other), "\n".join(lines)


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
