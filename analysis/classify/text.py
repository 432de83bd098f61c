"""Untrusted text made safe, bounded and comparable."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

HEAD_LIMIT = 16_000
TAIL_LIMIT = 4_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_TASHKEEL = re.compile(r"[\u064b-\u065f\u0670\u0640\u0307]")
_LETTERS = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "ı": "i", "أ": "ا", "إ": "ا", "آ": "ا"}
    | {"ى": "ی", "ي": "ی", "ك": "ک"}
)
_SPACE = re.compile(r"[^\S\n]+")
_QUOTED = re.compile(
    r'"[^"\n]{1,300}"|“[^”\n]{1,300}”|„[^“”\n]{1,300}[“”]|«[^»\n]{1,300}»'
    r"|「[^」\n]{1,300}」|『[^』\n]{1,300}』"
)
_COMPACT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def clean(text: str) -> str:
    """Drop control and direction characters and lone surrogates, and bound the length.

    Of a text over 20,000 characters the first 16,000 and the last 4,000 are kept: what comes
    between decides nothing, and a response of gigabytes costs no more than one of pages.
    """
    if len(text) > HEAD_LIMIT + TAIL_LIMIT:
        text = text[:HEAD_LIMIT] + "\n" + text[-TAIL_LIMIT:]
    if text.isascii() and text.isprintable():
        return text.strip()
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


@lru_cache(maxsize=2**10)
def fold(text: str) -> str:
    """Make spellings equal that mean the same: case, width, apostrophes, Arabic letter forms."""
    if text.isascii():
        return _SPACE.sub(" ", text.lower().replace("`", "'"))
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    return _SPACE.sub(" ", _TASHKEEL.sub("", folded))


def unquoted(text: str) -> str:
    """The text without what stands in quotation marks, unless little else is left."""
    rest = _QUOTED.sub(" … ", text)
    return rest if rest == text or letters(rest) >= 0.3 * letters(text) else text


def letters(text: str) -> int:
    """How many letters a text has, vowel signs not counted."""
    return sum(map(str.isalpha, text))


def reading_length(text: str) -> float:
    """Length in Latin characters; a Han, kana or Hangul character says as much as 2.5 of them.

    The factor is a round figure for how much shorter translations into these scripts are.
    """
    return len(text) + 1.5 * len(_COMPACT.findall(text))
