"""What a text is about, as a vector that is near for translations of each other.

A table of hashed word pieces, fitted by ``distil.py`` to what the sentence encoder
multilingual-e5-small says of sentences for and against: the vector of a text is the sum of its
pieces' rows, which comes near to the encoder's at thousands of texts a second.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify.pieces import matrix, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    Pieces = NDArray[np.uint64]
    Table = NDArray[np.float32]

BITS = 16
TABLE = Path(__file__).parent / "meaning.npz"


def bags(texts: Sequence[Pieces]) -> sparse.csr_matrix:
    """Counts of pieces, (n, 2**BITS), rows of length 1 (or 0)."""
    return matrix([[(found, "meaning", 1.0)] for found in texts], BITS)


def vectors(texts: Sequence[Pieces], table: Table) -> NDArray[np.float32]:
    """The meaning of texts given by their pieces: (n, dimensions)."""
    return np.asarray(bags(texts) @ table, np.float32)


def vectors_of(texts: Sequence[str], table: Table) -> NDArray[np.float32]:
    """The meaning of folded texts: (n, dimensions)."""
    return vectors([pieces(text) for text in texts], table)


@cache
def table() -> Table:
    """The table that comes with doxa, (2**BITS, 64)."""
    return load(TABLE)


def load(path: Path) -> NDArray[np.float32]:
    """Read a table that ``save`` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return np.asarray(stored["table"].astype(np.float32) * stored["scale"])


def save(table: NDArray[np.float32], path: Path) -> None:
    """Write a table in 8 bits with a scale for each dimension."""
    scale = np.maximum(np.abs(table).max(axis=0), 1e-9) / 127
    np.savez_compressed(
        path, table=np.round(table / scale).astype(np.int8), scale=scale.astype(np.float32)
    )
