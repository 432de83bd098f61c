"""How a response answers: it answers, deflects, refuses, or is no answer at all.

One linear head for all languages, trained by ``train.py``. It reads hashed character n-grams,
the phrases of ``evidence.py`` and the outward form of ``form.py``; a small regression over its
scores, fitted on answers that it had not seen, gives the probabilities.
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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Manner = Literal["answers", "deflects", "refuses", "degenerate"]
MANNERS: tuple[Manner, ...] = ("answers", "deflects", "refuses", "degenerate")

FORM_SCALE = 0.3
"""Of the form beside the phrases: the penalty of the regression holds it back more."""

SIGNS = len(FEATURES) + len(FORMS)
WEIGHTS = Path(__file__).parent / "weights.npz"


@dataclass(frozen=True)
class Heads:
    """The fitted weights, rows as ``MANNERS``.

    Attributes:
        idf: (BUCKETS,), inverse document frequency of an n-gram.
        ngrams: (4, BUCKETS).
        signs: (4, 1 + SIGNS), intercepts and weights of phrases and form.
        calibration: (4, 5), from scores to calibrated log-odds, the intercept first.
    """

    idf: NDArray[np.float32]
    ngrams: NDArray[np.float32]
    signs: NDArray[np.float64]
    calibration: NDArray[np.float64]


@cache
def heads() -> Heads:
    """The weights that come with doxa."""
    return load(WEIGHTS)


def load(path: Path) -> Heads:
    """Read weights that ``train.py`` wrote: n-gram weights in 8 bits with a scale a row."""
    with np.load(path, allow_pickle=False) as stored:
        return Heads(
            idf=stored["idf"].astype(np.float32),
            ngrams=stored["ngrams"].astype(np.float32) * stored["scale"],
            signs=stored["signs"],
            calibration=stored["calibration"],
        )


def manners(
    responses: Sequence[str], prompts: Sequence[str], languages: Sequence[str | None]
) -> NDArray[np.float64]:
    """How each response answers: (n, 4) calibrated probabilities, columns as ``MANNERS``.

    Args:
        responses, prompts: as ``clean`` leaves them.
        languages: of the responses.
    """
    fitted = heads()
    grams = weighted(counts(responses, prompts), fitted.idf)
    found = signs_of(responses, prompts, languages)
    return calibrated(fitted.calibration, scores(fitted, grams, found))


def scores(
    fitted: Heads, grams: sparse.csr_matrix, found: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Linear scores of the manners, (n, 4), from weighted n-grams and ``signs_of``."""
    return np.asarray(grams @ fitted.ngrams.T + found @ fitted.signs.T, dtype=np.float64)


def calibrated(weights: NDArray[np.float64], linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the manners from their scores."""
    return np.asarray(special.softmax(linear @ weights[:, 1:].T + weights[:, 0], axis=1))


def signs_of(
    responses: Sequence[str], prompts: Sequence[str], languages: Sequence[str | None]
) -> NDArray[np.float64]:
    """A one for the intercept, the phrases and the scaled form: (n, 1 + SIGNS)."""
    rows = [
        [1.0, *evidence(response, language), *(FORM_SCALE * x for x in form(response, prompt))]
        for response, prompt, language in zip(responses, prompts, languages, strict=True)
    ]
    return np.array(rows).reshape(len(rows), 1 + SIGNS)
