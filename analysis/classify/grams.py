"""Hashed character n-grams of a response, counted by numpy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from analysis.classify.text import fold, reading_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BITS, LONGEST = 17, 5
BUCKETS = 2**BITS
OPENING, CLOSING = 1_500, 500
"""Characters read at the start and at the end; half as many in East Asian scripts."""

DENSE, DENSE_SAMPLE = 1.45, 300
"""Reading length of a character from which a script counts as East Asian, and where it is taken."""

_MARKUP = re.compile(r"\\boxed|[\\{}*#_|`~<>]+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_HAN_PAIR = re.compile(r"(?=([\u3400-\u9fff]{2}))")
_DIGIT = re.compile(r"\d")
_STEP, _MIX, _FOLD = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
_SHIFT = np.uint64(64 - BITS)


def counts(responses: Sequence[str], prompts: Sequence[str]) -> sparse.csr_matrix:
    """Counts of 1- to 5-grams as 1 + ln(count): (n, BUCKETS).

    What the response takes from its prompt is taken out first, so that words of the topic are
    no evidence of how it is answered.

    Args:
        responses, prompts: as ``clean`` leaves them.
    """
    starts = [0]
    places, values = [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    for response, prompt in zip(responses, prompts, strict=True):
        found, times = np.unique(_hashed(f" {masked(response, prompt)} "), return_counts=True)
        places.append(found.astype(np.int32))
        values.append((1 + np.log(times)).astype(np.float32))
        starts.append(starts[-1] + len(found))
    return sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(places), np.array(starts, np.int32)),
        shape=(len(responses), BUCKETS),
    )


def weighted(grams: sparse.csr_matrix, idf: NDArray[np.float32]) -> sparse.csr_matrix:
    """The counts times inverse document frequency, rows of length 1 (or 0)."""
    scaled = grams.copy()
    scaled.data = scaled.data * idf[scaled.indices]
    if scaled.nnz:
        lengths = np.sqrt(np.add.reduceat(scaled.data**2, scaled.indptr[:-1]))
        scaled.data = scaled.data / np.repeat(np.maximum(lengths, 1e-9), np.diff(scaled.indptr))
    return scaled


def masked(response: str, prompt: str) -> str:
    """Start and end of a folded response, without markup, digits and words of the prompt.

    Words are runs of four letters and more, in Han text pairs of characters.
    """
    sample = response[:DENSE_SAMPLE]
    dense = 2 if reading_length(sample) > DENSE * len(sample) else 1
    opening, closing = OPENING // dense, CLOSING // dense
    if len(response) > opening + closing:
        response = f"{response[:opening]} … {response[-closing:]}"
    text = _DIGIT.sub("0", _MARKUP.sub(" ", fold(response)))
    asked = fold(prompt)
    words = set(_WORD.findall(asked))
    pairs = set(_HAN_PAIR.findall(asked))
    text = _WORD.sub(lambda match: " " if match[0] in words else match[0], text)
    if pairs:
        text = re.sub("|".join(sorted(pairs)), " ", text)
    return text


def _hashed(text: str) -> NDArray[np.uint64]:
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    state, found = codes + np.uint64(1), []
    for n in range(1, min(LONGEST, len(codes)) + 1):
        if n > 1:
            state = state[:-1] * _STEP + codes[n - 1 :]
        mixed = state * _MIX
        found.append((mixed ^ (mixed >> _FOLD)) * _MIX >> _SHIFT)
    return np.concatenate(found)
