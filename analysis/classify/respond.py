"""How a response answers: it answers, deflects, refuses, or is no answer at all; and how it evades.

Linear heads for all languages, trained by ``train.py``, read hashed character n-grams, the phrases
of ``evidence.py`` and the outward form of ``form.py``. One learned all manners from all answers,
one what models do that are asked for an essay, from the record alone. Small regressions, fitted on
answers that the heads had not seen, take their scores together with those of ``evasion.py`` and
give the probabilities: one where the question is the battery's, one for other prompts, one for
essays. A third head tells the strategies of responses that deflect or refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from analysis.classify import evasion, regression
from analysis.classify.evidence import FEATURES, evidence
from analysis.classify.form import FORMS, form
from analysis.classify.grams import counts, weighted
from analysis.classify.pieces import matrix, pieces
from analysis.classify.text import fold, reading_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from analysis.classify.question import Question
    from analysis.classify.regression import Regression

    Array = NDArray[np.float64]

Manner = Literal["answers", "deflects", "refuses", "degenerate"]
MANNERS: tuple[Manner, ...] = ("answers", "deflects", "refuses", "degenerate")
ESSAY_MANNERS = MANNERS[:3]
"""The record doesn't know degenerate responses."""

FORM_SCALE = 0.3
"""Of the form beside the phrases: the penalty of the regression holds it back more."""

LONG = 1_500.0
"""Latin characters from which any response is an essay, whose scores mean something else."""

GATE_BITS = 12

LEAST = 1e-12
"""A probability below this counts as this."""

SIGNS = len(FEATURES) + len(FORMS)
WEIGHTS = Path(__file__).parent / "weights.npz"


@dataclass(frozen=True)
class Head:
    """A linear head; rows are what it tells apart.

    Attributes:
        ngrams: (rows, BUCKETS).
        signs: (rows, 1 + SIGNS), intercepts and weights of phrases and form.
    """

    ngrams: NDArray[np.float32]
    signs: NDArray[np.float64]

    def scores(self, grams: sparse.csr_matrix, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Linear scores, (n, rows), from weighted n-grams and ``signs_of``."""
        return np.asarray(grams @ self.ngrams.T + found @ self.signs.T, dtype=np.float64)


@dataclass(frozen=True)
class Last:
    """The regressions over ``columns`` that give the probabilities of ``MANNERS``.

    Attributes:
        topic, other: where the question is the battery's and where it isn't.
        essay: of essays.
    """

    topic: Regression
    other: Regression
    essay: Regression


@dataclass(frozen=True)
class Heads:
    """The fitted weights.

    Attributes:
        idf: (BUCKETS,), inverse document frequency of an n-gram.
        manner: rows as ``MANNERS``.
        essay: rows as ``ESSAY_MANNERS``.
        strategy: rows as ``labels.STRATEGIES``.
        last: see there.
        gate: (2**GATE_BITS + 1,), of the words of a prompt, whether it asks for what the record's
            do: a text that criticises a government. The last is the intercept.
    """

    idf: NDArray[np.float32]
    manner: Head
    essay: Head
    strategy: Head
    last: Last
    gate: NDArray[np.float32]


@cache
def heads() -> Heads:
    """The weights that come with doxa."""
    return load(WEIGHTS)


def load(path: Path) -> Heads:
    """Read weights that ``train.py`` wrote: n-gram weights in 8 bits with a scale a row."""
    with np.load(path, allow_pickle=False) as stored:
        manner, essay, strategy = (
            Head(
                ngrams=stored[f"{name}_ngrams"].astype(np.float32) * stored[f"{name}_scale"],
                signs=stored[f"{name}_signs"],
            )
            for name in ("manner", "essay", "strategy")
        )
        idf = stored["idf"].astype(np.float32)
        last = Last(*(regression.restored(name, stored) for name in ("topic", "other", "essays")))
        return Heads(idf, manner, essay, strategy, last, stored["gate"].astype(np.float32))


def read_manners(
    responses: Sequence[str],
    prompts: Sequence[str],
    languages: Sequence[str | None],
    asked: Sequence[Question],
) -> tuple[Array, Array]:
    """How each response answers, and how it evades if it does.

    Args:
        responses, prompts: as ``clean`` leaves them.
        languages: of the responses.
        asked: the same responses, read.

    Returns:
        (n, 4) probabilities, columns as ``MANNERS``; (n, 7) scores, columns as
        ``labels.STRATEGIES``.
    """
    fitted = heads()
    grams = weighted(counts(responses, prompts), fitted.idf)
    found = signs_of(responses, prompts, languages)
    scores = fitted.manner.scores(grams, found), fitted.essay.scores(grams, found)
    known = np.array([bool(one.topic) for one in asked])
    essay = ask_for_essays(prompts) | are_long(responses)
    said = np.full((len(known), evasion.NUMBERS), np.nan)
    if (read := known | np.array([bool(prompt) for prompt in prompts])).any():
        part = [one for one, own in zip(asked, read, strict=True) if own]
        said[read] = evasion.evasion(evasion.heads(), part)
    return combined(fitted.last, scores, said, known, essay), fitted.strategy.scores(grams, found)


def are_long(responses: Sequence[str]) -> NDArray[np.bool_]:
    """Which responses are as long as essays, whatever was asked."""
    return np.array([reading_length(text) > LONG for text in responses], bool)


def ask_for_essays(
    prompts: Sequence[str], gate: NDArray[np.float32] | None = None
) -> NDArray[np.bool_]:
    """Which prompts ask for an essay, as those of the record do.

    Args:
        prompts: as ``clean`` leaves them.
        gate: other weights than those that come with doxa.
    """
    gate = heads().gate if gate is None else gate
    return np.asarray(prompt_words(prompts) @ gate[:-1] + gate[-1] > 0)


def prompt_words(prompts: Sequence[str]) -> sparse.csr_matrix:
    """What the gate sees of prompts, (n, 2**GATE_BITS)."""
    return matrix([[(pieces(fold(prompt)), "prompt", 1.0)] for prompt in prompts], GATE_BITS)


def combined(
    fitted: Last,
    scores: tuple[Array, Array],
    said: Array,
    known: NDArray[np.bool_],
    essay: NDArray[np.bool_],
) -> Array:
    """Probabilities of the manners, (n, 4).

    An essay on a topic of the battery is taken in both ways, and the logarithms are averaged.

    Args:
        scores: of the heads of manners and of essays.
        said: (n, NUMBERS), of ``evasion.py``; NaN where the prompt isn't known.
        known: where the question is the battery's.
        essay: which responses are essays.
    """
    total = np.zeros((len(essay), len(MANNERS)))
    rows = known, ~known & ~essay, essay
    lasts = fitted.topic, fitted.other, fitted.essay
    for last, own, found in zip(lasts, rows, columns(scores, said), strict=True):
        total[own] += np.log(np.maximum(last.probabilities(found[own]), LEAST))
    total /= (1 + (known & essay))[:, None]
    result = np.exp(total)
    return np.asarray(result / result.sum(axis=1, keepdims=True))


def columns(scores: tuple[Array, Array], said: Array) -> tuple[Array, Array, Array]:
    """What the regressions see, in the order of ``Last``."""
    manner, essay = scores
    own = np.delete(said, evasion.ESSAY, axis=1)
    return (
        np.hstack([manner, essay, own]),
        np.hstack([manner, own]),
        np.hstack([essay, said[:, evasion.ESSAY], said[:, evasion.NEAR_PROMPT]]),
    )


def signs_of(
    responses: Sequence[str], prompts: Sequence[str], languages: Sequence[str | None]
) -> NDArray[np.float64]:
    """A one for the intercept, the phrases and the scaled form: (n, 1 + SIGNS)."""
    rows = [
        [1.0, *evidence(response, language), *(FORM_SCALE * x for x in form(response, prompt))]
        for response, prompt, language in zip(responses, prompts, languages, strict=True)
    ]
    return np.array(rows).reshape(len(rows), 1 + SIGNS)
