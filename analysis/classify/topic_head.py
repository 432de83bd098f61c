"""A linear head over the words and the meaning of answers, with weights for each topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class TopicHead:
    """A head; rows of ``meaning`` are topics.

    Attributes:
        words: (2**BITS,).
        meaning: (topics, 3 * dimensions), for the whole, the first and the last sentence.
        bias: a number.
    """

    words: NDArray[np.float32]
    meaning: NDArray[np.float32]
    bias: float

    def scores(self, words: sparse.csr_matrix, meanings: Array, places: NDArray[np.intp]) -> Array:
        """Scores of answers, (n,), from ``Seen.words``, ``Seen.meanings`` and their topics."""
        found = (meanings * self.meaning[places]).sum(axis=1)
        return np.asarray(words @ self.words + found + self.bias, np.float64)


def columns(
    words: sparse.csr_matrix, meanings: Array, places: NDArray[np.intp], topics: int
) -> sparse.csr_matrix:
    """What a head learns from: the words, and the meaning in the columns of its topic."""
    width = meanings.shape[1]
    at = places[:, None] * width + np.arange(width)
    starts = np.arange(len(places) + 1) * width
    spread = sparse.csr_matrix(
        (meanings.ravel(), at.ravel(), starts), shape=(len(places), width * topics)
    )
    return sparse.csr_matrix(sparse.hstack([words, spread]))


def stored(name: str, head: TopicHead) -> dict[str, NDArray[np.generic]]:
    """The arrays of a head in 16 bits, to be kept under its name."""
    return {
        f"{name}_words": head.words.astype(np.float16),
        f"{name}_meaning": head.meaning.astype(np.float16),
        f"{name}_bias": np.array(head.bias),
    }


def restored(name: str, arrays: Mapping[str, NDArray[np.generic]]) -> TopicHead:
    """A head from what ``stored`` gave."""
    return TopicHead(
        words=arrays[f"{name}_words"].astype(np.float32),
        meaning=arrays[f"{name}_meaning"].astype(np.float32),
        bias=float(arrays[f"{name}_bias"]),
    )
