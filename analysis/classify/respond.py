"""How a response answers: it answers, deflects, refuses, or is no answer at all; and how it evades.

Linear heads for all languages, trained by ``train.py``. They read hashed character n-grams, the
phrases of ``evidence.py`` and the outward form of ``form.py``. One learned all manners from all
answers, one what models do that are asked for an essay, from the record alone; a small regression
over the scores of both, fitted on answers that they had not seen, gives the probabilities. A third
tells the strategies of responses that deflect or refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import sparse, special

from analysis.classify.evidence import FEATURES, evidence
from analysis.classify.form import FORMS, form
from analysis.classify.grams import counts, weighted
from analysis.classify.text import reading_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Manner = Literal["answers", "deflects", "refuses", "degenerate"]
MANNERS: tuple[Manner, ...] = ("answers", "deflects", "refuses", "degenerate")
ESSAY_MANNERS = MANNERS[:3]
"""The record doesn't know degenerate responses."""

FORM_SCALE = 0.3
"""Of the form beside the phrases: the penalty of the regression holds it back more."""

LONG = 1_500.0
"""Latin characters from which a response is an essay, whose scores mean something else."""

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
class Heads:
    """The fitted weights.

    Attributes:
        idf: (BUCKETS,), inverse document frequency of an n-gram.
        manner: rows as ``MANNERS``.
        essay: rows as ``ESSAY_MANNERS``.
        strategy: rows as ``labels.STRATEGIES``.
        calibration: (4, 13), from ``calibration_columns`` to log-odds, the intercept first.
    """

    idf: NDArray[np.float32]
    manner: Head
    essay: Head
    strategy: Head
    calibration: NDArray[np.float64]


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
        return Heads(idf, manner, essay, strategy, stored["calibration"])


def read_manners(
    responses: Sequence[str], prompts: Sequence[str], languages: Sequence[str | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How each response answers, and how it evades if it does.

    Args:
        responses, prompts: as ``clean`` leaves them.
        languages: of the responses.

    Returns:
        (n, 4) calibrated probabilities, columns as ``MANNERS``; (n, 7) scores, columns as
        ``labels.STRATEGIES``.
    """
    fitted = heads()
    grams = weighted(counts(responses, prompts), fitted.idf)
    found = signs_of(responses, prompts, languages)
    linear = fitted.manner.scores(grams, found), fitted.essay.scores(grams, found)
    probabilities = calibrated(fitted.calibration, calibration_columns(*linear, responses))
    return probabilities, fitted.strategy.scores(grams, found)


def calibration_columns(
    manner: NDArray[np.float64], essay: NDArray[np.float64], responses: Sequence[str]
) -> NDArray[np.float64]:
    """Scores of all manners; whether a response is long; of the long ones both scores: (n, 12)."""
    long = np.array([[reading_length(text) > LONG] for text in responses], np.float64)
    long = long.reshape(len(manner), 1)
    return np.hstack([manner, long, manner * long, essay * long])


def calibrated(weights: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the manners from ``calibration_columns``."""
    return np.asarray(special.softmax(columns @ weights[:, 1:].T + weights[:, 0], axis=1))


def signs_of(
    responses: Sequence[str], prompts: Sequence[str], languages: Sequence[str | None]
) -> NDArray[np.float64]:
    """A one for the intercept, the phrases and the scaled form: (n, 1 + SIGNS)."""
    rows = [
        [1.0, *evidence(response, language), *(FORM_SCALE * x for x in form(response, prompt))]
        for response, prompt, language in zip(responses, prompts, languages, strict=True)
    ]
    return np.array(rows).reshape(len(rows), 1 + SIGNS)
