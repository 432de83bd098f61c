"""How a response answers: it answers, deflects or refuses.

Two linear heads, trained by ``train.py``. The *phrase head* reads the phrase features of
``evidence.py``, which mean the same in every language. The *text head* reads character n-grams
as well; it is asked only in languages that it was trained on, and there its log-probabilities
count three quarters and the phrase head's one, because its training answers are of one domain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import sparse, special
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from analysis.classify.evidence import FEATURES, evidence
from analysis.classify.text import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Manner = Literal["answers", "deflects", "refuses"]
MANNERS: tuple[Manner, ...] = ("answers", "deflects", "refuses")

TRAINED = frozenset({"en", "zh", "fi"})
"""Languages in the text head's training answers."""

BUCKETS = 2**16
OPENING, CLOSING = 500, 150
"""Characters of a response that the text head reads, at its start and at its end."""

TEXT_SHARE = 0.75
"""How much the text head counts in a language that it was trained on."""

WEIGHTS = Path(__file__).parent / "weights.npz"

_MARKUP = re.compile(r"\\boxed|[\\{}*#_|`~<>]+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_HAN_PAIR = re.compile(r"(?=([\u3400-\u9fff]{2}))")
_DIGIT = re.compile(r"\d")
_VECTORIZER = HashingVectorizer(
    analyzer="char",
    ngram_range=(2, 4),
    n_features=BUCKETS,
    alternate_sign=False,
    norm=None,
    lowercase=False,
    dtype=np.float32,
)


@dataclass(frozen=True)
class Heads:
    """The fitted weights; rows are ``MANNERS``.

    Attributes:
        ngrams: (3, BUCKETS), the text head's.
        text: (3, 1 + len(FEATURES)), the text head's intercept and phrase weights.
        phrases: (3, 1 + len(FEATURES)), the phrase head's.
    """

    ngrams: NDArray[np.floating]
    text: NDArray[np.float64]
    phrases: NDArray[np.float64]


@cache
def heads() -> Heads:
    """The weights that come with doxa."""
    return load(WEIGHTS)


def load(path: Path) -> Heads:
    """Read weights that ``train.py`` wrote: n-gram weights in 8 bits with a scale a row."""
    with np.load(path, allow_pickle=False) as stored:
        return Heads(
            ngrams=stored["ngrams"].astype(np.float32) * stored["scale"],
            text=stored["text"],
            phrases=stored["phrases"],
        )


def manners(
    responses: Sequence[str], prompts: Sequence[str], languages: Sequence[str | None]
) -> NDArray[np.float64]:
    """Probabilities of how each response answers.

    Args:
        responses, prompts: as ``clean`` leaves them.
        languages: of the responses.

    Returns:
        (n, 3), columns as ``MANNERS``, rows sum to 1.
    """
    if not responses:
        return np.empty((0, len(MANNERS)))
    return pooled(
        heads(),
        ngrams(responses, prompts),
        phrase_features(responses, languages),
        np.array([language in TRAINED for language in languages]),
    )


def pooled(
    fitted: Heads,
    grams: sparse.csr_matrix,
    features: NDArray[np.float64],
    trained: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Probabilities from both heads; the text head counts in the rows that ``trained`` marks."""
    phrases = special.log_softmax(features @ fitted.phrases.T, axis=1)
    text = special.log_softmax(grams @ fitted.ngrams.T + features @ fitted.text.T, axis=1)
    share = TEXT_SHARE * trained[:, None]
    return np.asarray(special.softmax(share * text + (1 - share) * phrases, axis=1))


def phrase_features(
    responses: Sequence[str], languages: Sequence[str | None]
) -> NDArray[np.float64]:
    """A one for the intercept and the phrase features: (n, 1 + len(FEATURES))."""
    rows = [
        [1.0, *evidence(response, language)]
        for response, language in zip(responses, languages, strict=True)
    ]
    return np.array(rows).reshape(len(rows), 1 + len(FEATURES))


def ngrams(responses: Sequence[str], prompts: Sequence[str]) -> sparse.csr_matrix:
    """Hashed character 2- to 4-grams: (n, BUCKETS), square-rooted counts, rows of length 1.

    What the response takes from its prompt is taken out first, so that words of the topic are
    no evidence of how it is answered.
    """
    texts = [masked(response, prompt) for response, prompt in zip(responses, prompts, strict=True)]
    return sparse.csr_matrix(normalize(_VECTORIZER.transform(texts).sqrt()))


def masked(response: str, prompt: str) -> str:
    """Start and end of a folded response, without markup, digits and words of the prompt.

    Words are runs of four letters and more, in Han text pairs of characters.
    """
    if len(response) > OPENING + CLOSING:
        response = f"{response[:OPENING]} … {response[-CLOSING:]}"
    text = _DIGIT.sub("0", _MARKUP.sub(" ", fold(response)))
    asked = fold(prompt)
    words = set(_WORD.findall(asked))
    pairs = set(_HAN_PAIR.findall(asked))
    text = _WORD.sub(lambda match: " " if match[0] in words else match[0], text)
    if pairs:
        text = re.sub("|".join(sorted(pairs)), " ", text)
    return text
