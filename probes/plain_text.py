"""Text from models and files, made safe for a line on a terminal."""

from __future__ import annotations

import unicodedata

_KEPT = {"\u200c", "\u200d"}  # joiners, which Persian and Hindi are written with


def one_line(text: str, most: int = 2_000) -> str:
    """The text on one line without control characters, escapes or direction overrides."""
    spaced = " ".join(text[: most * 4].split())
    plain = "".join(c for c in spaced if c in _KEPT or unicodedata.category(c)[0] != "C")
    return plain if len(plain) <= most else plain[:most] + "…"
