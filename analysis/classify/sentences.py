"""The sentences of a text, in any of the battery's scripts."""

from __future__ import annotations

import re

LEAST = 4
"""Characters of a sentence; what is shorter is a number of a list, or a yes that the whole has."""

SENTENCE = re.compile(r"[^.!?。！？।؟\n]+[.!?。！？।؟\n]*\s*")
"""A sentence with its end and the space behind it."""


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the space around them; the text itself if it has none."""
    found = [part.strip() for part in SENTENCE.findall(text)]
    return [part for part in found if len(part) >= LEAST] or [text.strip()]
