"""Text that others wrote, made safe for the surface that it is shown on.

Answers of models, prompts, names and error messages are untrusted: each surface gets them
through its function here, and shows them as text only.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from probes.plain_text import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
LONG_WORD = 18
MARKS = 4
NAMED = 3


def for_csv(text: str) -> str:
    """A value that a spreadsheet shows instead of computing it.

    What a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV
    Injection); NUL, which ends a text in many readers, becomes the replacement character.
    """
    text = text.replace("\x00", "\ufffd")
    return f"'{text}" if FORMULA.match(text) else text


def for_print(text: str, covered: AbstractSet[int], word: int = LONG_WORD) -> str:
    r"""Text as a page can show it: every character visible, nothing obeyed.

    A control character, a bidirectional override or a character without a glyph is shown by its
    number, ``[U+001B]``; a run of more than three of them by its length. A tower of combining
    marks is cut. Words of more than 24 letters get invisible places to break, so that they stay
    in their column.

    Args:
        text: as the model wrote it; ``\n`` and tab stay.
        covered: code points that the fonts can show.
        word: the longest run without a place to break.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    pieces: list[str] = []
    hidden: list[str] = []
    marks = 0
    for character in text:
        if _shows(character, covered):
            marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
            if marks <= MARKS:
                pieces += [*_by_number(hidden), character]
                hidden = []
                continue
        hidden.append(character)
    return _with_breaks("".join([*pieces, *_by_number(hidden)]), word)


def _shows(character: str, covered: AbstractSet[int]) -> bool:
    if character in "\n\t\u200b\u200c\u200d\u200e\u200f\ufe0f\ufeff\u00ad":
        return True
    return ord(character) in covered and not UNSEEN.match(character)


def _by_number(characters: list[str]) -> list[str]:
    if len(characters) > NAMED:
        first = f"U+{ord(characters[0]):04X}"
        return [f"[{len(characters)} characters that cannot be shown, from {first}]"]
    return [f"[U+{ord(character):04X}]" for character in characters]


def _with_breaks(text: str, length: int) -> str:
    def broken(match: re.Match[str]) -> str:
        word = match[0]
        if any(unicodedata.east_asian_width(character) in "WF" for character in word):
            return word
        chunks = (word[start : start + length] for start in range(0, len(word), length))
        return "\u200b".join(chunks)

    return re.sub(rf"[^\s\u200b]{{{length + 1},}}", broken, text)


def cut(text: str, length: int, lines: int) -> tuple[str, int]:
    """The start of a text, and how many characters were cut.

    Wide characters (Chinese, Japanese, Korean) count as two, so that columns in all scripts end
    at about the same height.

    Args:
        text: the whole text.
        length: most columns to keep, in narrow characters.
        lines: most lines to keep.

    Returns:
        The start, without trailing space, and the number of characters that are not in it.
    """
    width = seen = 0
    for end, character in enumerate(text):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        seen += character == "\n"
        if width > length or seen >= lines:
            start = text[:end].rstrip()
            return start, len(text) - len(start)
    return text, 0


def direction(text: str) -> str:
    """``rtl`` if the first letter with a direction runs right to left, else ``ltr``.

    Source: Unicode Standard Annex 9, rules P2 and P3.
    """
    for character in text:
        if (kind := unicodedata.bidirectional(character)) in {"L", "R", "AL"}:
            return "ltr" if kind == "L" else "rtl"
    return "ltr"
