"""Characters that do not belong in a language's texts: scripts, punctuation, direction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufeff\ufffd]")
_LETTERS = {
    "Latin": "A-Za-z\u00c0-\u024f",
    "Cyrillic": "\u0400-\u04ff",
    "Arabic": "\u0620-\u064a\u066e-\u06d3",
    "Devanagari": "\u0904-\u0939\u0958-\u0961",
    "Han": "\u4e00-\u9fff",
    "Kana": "\u3041-\u30ff",
    "Hangul": "\uac00-\ud7a3",
}
_SCRIPTS = {
    "ru": {"Cyrillic"},
    "ar": {"Arabic"},
    "fa": {"Arabic"},
    "hi": {"Devanagari"},
    "zh": {"Han"},
    "zh-Hant": {"Han"},
    "ja": {"Han", "Kana"},
    "ko": {"Hangul"},
}
_PUNCTUATION = {
    "zh": re.compile(r"(?<=[\u4e00-\u9fff])[,;:?!.()]|[,;:?!()](?=[\u4e00-\u9fff])"),
    "ar": re.compile(r"(?<=[\u0620-\u064a])\s*[?;,]"),
    "hi": re.compile(r"(?<=[\u0904-\u0963])\.(?:\s|$)"),
    "fr": re.compile(r"(?<=\w) ?[;!?](?=\s|$)|« (?=\w)|«(?=\w)"),
    "es": re.compile(r"^[^¿]*\?|^[^¡]*!"),
}
_PUNCTUATION["zh-Hant"] = _PUNCTUATION["ja"] = _PUNCTUATION["zh"]
_PUNCTUATION["fa"] = _PUNCTUATION["ar"]

# letters of the neighbour: Persian has its own kaf and yeh, Arabic has no p, ch, zh, g
_FOREIGN = {
    "fa": (re.compile("[\u0643\u064a\u0649\u0629]"), "an Arabic letter"),
    "ar": (re.compile("[\u06a9\u06cc\u067e\u0686\u0698\u06af]"), "a Persian letter"),
}
# the old character sets know one of the two ways of writing Chinese
_CHINESE = {
    "zh": ("gb2312", "a traditional character"),
    "zh-Hant": ("big5", "a simplified character"),
}


def script_slips(text: str, language: str) -> Iterator[str]:
    """Say what in a text does not belong in a language (of the battery's codes)."""
    if match := _BIDI.search(text):
        yield f"holds a direction mark, U+{ord(match[0]):04X}"
    if match := _CONTROL.search(text):
        yield f"holds a control character, U+{ord(match[0]):04X}"
    yield from _foreign_letters(text, language)
    if match := _PUNCTUATION[language].search(text) if language in _PUNCTUATION else None:
        yield f"punctuation of another script, “{match[0]}”"
    if language in _CHINESE:
        yield from _other_chinese(text, *_CHINESE[language])


def _foreign_letters(text: str, language: str) -> Iterator[str]:
    own = _SCRIPTS.get(language, {"Latin"})
    for name, letters in _LETTERS.items():
        if name not in own | {"Latin"} and (match := re.search(f"[{letters}]", text)):
            yield f"holds {name} letters, “{match[0]}”"
    if "Latin" not in own and re.search("[A-Za-z]{2,} [A-Za-z]{2,}", text):
        yield "holds several Latin words in a row"
    if language in _FOREIGN:
        pattern, what = _FOREIGN[language]
        if match := pattern.search(text):
            yield f"holds {what}, “{match[0]}”"


def _other_chinese(text: str, charset: str, what: str) -> Iterator[str]:
    for character in re.findall(f"[{_LETTERS['Han']}]", text):
        try:
            character.encode(charset)
        except UnicodeEncodeError:
            yield f"holds {what}, “{character}”"
            return
