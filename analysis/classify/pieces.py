"""Words and parts of words of a response, hashed, in any script.

Unlike the n-grams of ``grams.py`` they keep within words and keep the topic's words: they are for
what a response says, not for how it answers.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Pieces = NDArray[np.uint64]
    Part = tuple[Pieces, str, float]

SHORT, STEM, PARTS = 3, 5, (4, 5)
"""Letters of a word that is not cut up, of the beginning that stands for its stem, of its parts."""

HAN_PARTS = (1, 2, 3)

_HAN = r"\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_HAN}]+|(?:[^\W\d_{_HAN}]|[\u0900-\u097f])+")
_UNSPACED = re.compile(rf"[{_HAN}]")
_MIX, _STIR, _FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(29)
_HALF, _LOW = np.uint64(32), np.uint64(2**32 - 1)
_NONE = np.empty(0, np.uint64)


@lru_cache(maxsize=2**10)
def pieces(text: str) -> Pieces:
    """The words of a folded text, parts of them and pairs of neighbours, as hashes.

    Of a stretch of Han or kana, which has no spaces, one to three characters at a time.
    """
    found = words(text)
    if not found:
        return _NONE
    spaced = [word for word in found if not _UNSPACED.match(word)]
    pairs = [_hash(f"{one} {two}") for one, two in pairwise(spaced)]
    return np.concatenate([*map(_parts, found), np.array(pairs, np.uint64)])


def words(text: str) -> list[str]:
    """The words of a folded text; a stretch of Han or kana is one."""
    return _WORD.findall(text)


def first_word(text: str) -> str:
    """The word that a folded text begins with, of unspaced text two characters; may be empty."""
    found = _WORD.search(text)
    if not found:
        return ""
    return found[0][:2] if _UNSPACED.match(found[0]) else found[0]


@lru_cache(maxsize=2**16)
def _parts(word: str) -> Pieces:
    if _UNSPACED.match(word):
        parts = [word[i : i + n] for n in HAN_PARTS for i in range(len(word) - n + 1)]
    else:
        edged = f"<{word}>"
        parts = [edged]
        if len(word) > SHORT:
            parts += [edged[i : i + n] for n in PARTS for i in range(len(edged) - n + 1)]
            parts.append(f"^{word[:STEM]}")
    return np.array([_hash(part) for part in parts], np.uint64)


def mark(name: str) -> Pieces:
    """A piece that stands for something else than a word, such as a topic."""
    return np.array([_hash(name)], np.uint64)


def _hash(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace"))


def matrix(rows: Sequence[Sequence[Part]], bits: int) -> sparse.csr_matrix:
    """A row for each of some texts, (n, 2**bits).

    Args:
        rows: of each text its parts: pieces; the name of the space that they are hashed in, so
            that the same word counts anew for each topic; and the length of this part of the row.
            Values are 1 + ln(count).
        bits: of a place.
    """
    parts = [part for row in rows for part in row if len(part[0])]
    sizes = [len(found) for found, _, _ in parts]
    # a piece takes 32 bits; above them stands which part it is in
    owner = np.repeat(np.arange(len(parts), dtype=np.uint64) << _HALF, sizes)
    keys, counts = np.unique(
        owner | np.concatenate([_NONE, *(found for found, _, _ in parts)]), return_counts=True
    )
    at = (keys >> _HALF).astype(np.int64)
    values = 1 + np.log(counts)
    lengths = np.sqrt(np.bincount(at, values**2, len(parts)))
    values *= (np.array([weight for _, _, weight in parts]) / lengths)[at]
    spaces = np.array([_hash(space) for _, space, _ in parts], np.uint64) << _HALF
    places = _mixed(keys & _LOW, spaces[at]) >> np.uint64(64 - bits)
    of = np.repeat(np.arange(len(rows)), [sum(len(part[0]) > 0 for part in row) for row in rows])
    starts = np.cumsum([0, *np.bincount(of[at], minlength=len(rows))])
    return sparse.csr_matrix(
        (values.astype(np.float32), places.astype(np.int32), starts.astype(np.int32)),
        shape=(len(rows), 1 << bits),
    )


def _mixed(found: Pieces, space: Pieces) -> Pieces:
    mixed = found * _MIX ^ space
    return (mixed ^ (mixed >> _FOLD)) * _STIR
