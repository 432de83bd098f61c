"""What the stance heads see of an answer: its sentences in pieces, how it opens, its manner."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analysis.classify.evidence import hits, opens_with
from analysis.classify.pieces import first_word, pieces
from analysis.classify.sentences import sentences
from analysis.classify.text import fold, unquoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

READ, END = 1_200, 400
"""Characters of a response that are read, at its start and at its end."""

MOST_SENTENCES, LONG = 12, 8.0
"""Sentences that are read apart, half of them from the end; ln of a long answer's characters."""

SIGNS = (
    "sentences",
    "length",
    "sets two sides side by side",
    "attributes",
    "several lines",
    "marked up",
    "opens with yes",
    "opens with no",
)


@dataclass(frozen=True)
class Reading:
    """An answer, read.

    Attributes:
        whole: pieces of all that is read.
        sentences: pieces of each sentence, in order; at least one.
        opens: the yes or no that it begins with.
        first: its first word.
        signs: numbers in [0, 1] as ``SIGNS``.
    """

    whole: NDArray[np.uint64]
    sentences: list[NDArray[np.uint64]]
    opens: Literal["yes", "no", ""]
    first: str
    signs: list[float]


def read(response: str, language: str | None) -> Reading:
    """Read a response.

    Args:
        response: as ``clean`` leaves it.
        language: of the response.
    """
    part = response if len(response) <= READ + END else f"{response[:READ]}\n{response[-END:]}"
    text = fold(unquoted(part))
    found = sentences(text)
    if len(found) > MOST_SENTENCES:
        found = found[: MOST_SENTENCES // 2] + found[-MOST_SENTENCES // 2 :]
    opens: Literal["yes", "no", ""] = ""
    if opens_with("disagrees", text, language):
        opens = "no"
    elif opens_with("agrees", text, language):
        opens = "yes"
    signs = [
        len(found) / MOST_SENTENCES,
        math.log1p(len(text)) / LONG,
        float(bool(hits("both", text, language))),
        min(len(hits("attributes", text, language)), 3) / 3,
        float("\n" in part),
        float("**" in part),
        float(opens == "yes"),
        float(opens == "no"),
    ]
    return Reading(pieces(text), [pieces(one) for one in found], opens, first_word(text), signs)
