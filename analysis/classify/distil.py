"""Fits the table of ``meaning.py`` to the sentence encoder.

    python -m analysis.classify.distil encoded.npz meaning.npz

Encoded are words that occur twice, the battery's statements and poles, and the sentences of the
answers to learn from in ``answers/`` that take a stance. That takes the encoder an hour, so what it
says is kept in ``encoded.npz``, and another time only what is new is encoded.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify import meaning
from analysis.classify.answer_files import BATTERY, EVERY, answer_files, known_answers
from analysis.classify.labels import STANCES
from analysis.classify.pieces import pieces, words
from analysis.classify.sentences import sentences
from analysis.classify.text import clean, fold
from prompts.load import load_battery
from prompts.meaning import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    Array = NDArray[np.float32]

BATCH = 200
ENCODED = 200
"""Characters of a sentence that are encoded."""

DIMENSIONS = 64
POLES = ("pro", "con")
OFTEN = 2
"""Answers in a language that a word must occur in."""

PENALTY, ROUNDS = 1.0, 15
"""Of the ridge regression, and steps of conjugate gradients towards it."""


def units() -> list[str]:
    """The words, sentences and texts that the table is fitted to, each once."""
    battery = load_battery(BATTERY)
    found: dict[str, None] = {}
    often: Counter[tuple[str, str]] = Counter()
    for known in known_answers(answer_files(EVERY), "train"):
        if known.outcome in STANCES:
            text = clean(known.answer.response)
            found |= dict.fromkeys(part[:ENCODED] for part in sentences(text))
            often.update((known.answer.language, word) for word in set(words(fold(text))))
    for language in battery.languages:
        for topic in battery.topics:
            texts = battery.texts(topic, language)
            found |= dict.fromkeys(text for key, text in texts.items() if key.endswith(POLES))
    return list(found | dict.fromkeys(word for (_, word), n in often.items() if n >= OFTEN))


def encoded(texts: Sequence[str], path: Path) -> Array:
    """What the encoder says of texts, (n, 384), by way of a file that keeps it."""
    known: dict[str, Array] = {}
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            known = dict(zip(stored["texts"].tolist(), stored["vectors"], strict=True))
    new = sorted({text for text in texts if text not in known}, key=len)
    for batch in _batches(new):
        vectors = encode(batch, queries=True).astype(np.float16)
        known |= dict(zip(batch, vectors, strict=True))
    if new:
        np.savez(path, texts=np.array(list(known)), vectors=np.stack(list(known.values())))
    return np.array([known[text] for text in texts], np.float32)


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))


def fit(texts: Sequence[str], vectors: Array, dimensions: int) -> Array:
    """The table whose sums over a text's pieces come nearest to the encoder's vectors.

    Words and sentences are centred apart, because the encoder tells short texts from long ones
    before all else; of what remains, the directions of most variance are fitted.

    Args:
        texts: raw ones.
        vectors: (n, 384), the encoder's.
        dimensions: of the table.

    Returns:
        (2**BITS, dimensions).
    """
    found = [pieces(fold(text)) for text in texts]
    short = np.array([len(words(fold(text))) <= 1 for text in texts])
    centred = vectors.astype(np.float64)
    for kind in (short, ~short):
        if kind.any():
            centred[kind] -= centred[kind].mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    main = np.ascontiguousarray(axes[:, ::-1][:, :dimensions])
    return _ridge(meaning.bags(found), (centred @ main).astype(np.float32))


def _ridge(bags: sparse.csr_matrix, target: Array) -> Array:
    """Ridge regression on a sparse matrix by conjugate gradients, all targets at once."""
    turned = bags.T.tocsr()
    table = np.zeros((bags.shape[1], target.shape[1]), np.float32)
    rest = turned @ target
    step, size = rest.copy(), (rest**2).sum(axis=0)
    for _ in range(ROUNDS):
        pushed = turned @ (bags @ step) + PENALTY * step
        pace = size / np.maximum((step * pushed).sum(axis=0), 1e-12)
        table += pace * step
        rest -= pace * pushed
        before, size = size, (rest**2).sum(axis=0)
        step = rest + size / np.maximum(before, 1e-12) * step
    return table


def main() -> None:
    """Encode what is new, fit the table, and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("encoded", type=Path)
    parser.add_argument("table", type=Path)
    asked = parser.parse_args()
    texts = units()
    meaning.save(fit(texts, encoded(texts, asked.encoded), DIMENSIONS), asked.table)


if __name__ == "__main__":
    main()
