"""Slips in a battery that rules can find; what is missing shows when it is loaded."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from prompts.language_check import wrong_language
from prompts.script_check import script_slips

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prompts.load import Battery
    from prompts.schema import AgreeFrame, ChooseFrame, Language

PAIR_LENGTH = 1.5  # the longer statement of a pair, in times the shorter
LENGTH_TO_ENGLISH = 2.5  # either way, against the language's usual
SHORTEST_JUDGED = 20  # characters of English

_PLACEHOLDER = re.compile(r"\b(?:TODO|FIXME|XXX|TBD)\b|\?\?\?|[Ll]orem ipsum|<[a-z_]+>|\{[^}]*\}")


@dataclass(frozen=True)
class Finding:
    """Something to look at."""

    where: str
    what: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.where}: {self.what}"


def check(battery: Battery) -> list[Finding]:
    """All findings, by language."""
    findings = []
    for code, language in battery.languages.items():
        texts = {
            f"{topic}/{key}": text
            for topic in battery.topics
            for key, text in battery.texts(topic, code).items()
        }
        english = {
            f"{topic.id}/{key}": text
            for topic in battery.topics.values()
            for key, text in topic.texts.items()
        }
        found = [
            *_frames(language),
            *_texts(texts, language),
            *_duplicates(
                texts, {topic.id for topic in battery.topics.values() if topic.kind != "mirror"}
            ),
            *_pairs(texts),
        ]
        if code != "en":
            found += [*_lengths(texts, english), *_untranslated(texts, english, language)]
            found += [(name, f"reads as {other}") for name, other in wrong_language(texts, code)]
        findings += [Finding(f"{code} {name}", what) for name, what in found]
    return findings


def _texts(texts: dict[str, str], language: Language) -> Iterator[tuple[str, str]]:
    for name, text in texts.items():
        if match := _PLACEHOLDER.search(text):
            yield name, f"holds a placeholder, {match[0]}"
        if text != text.strip() or "  " in text or "\n" in text:
            yield name, "has spaces or line breaks that do not belong"
        if text != unicodedata.normalize("NFC", text):
            yield name, "is not in Unicode's composed form (NFC)"
        for slip in script_slips(text, language.language):
            yield name, slip


def _frames(language: Language) -> Iterator[tuple[str, str]]:
    frames: list[AgreeFrame | ChooseFrame] = [*language.agree, *language.choose]
    instructions = [frame.instruction for frame in frames]
    if len(set(instructions)) < len(instructions):
        yield "frames", "two paraphrases have the same instruction"
    scale = list(language.scale.model_dump().values())
    if len(set(scale)) < len(scale):
        yield "scale", "two answers are the same"
    for alphabet, labels in language.labels.model_dump().items():
        if len(set(labels)) < len(labels):
            yield f"labels.{alphabet}", "two labels are the same"
    for number, frame in enumerate(frames, 1):
        for name, text in frame.model_dump().items():
            for slip in script_slips(text.replace("{text}", ""), language.language):
                yield f"frame {number} {name}", slip


def _duplicates(texts: dict[str, str], topics: set[str]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name, text in texts.items():
        if name.split("/")[0] not in topics:
            continue  # mirrored families share their poles
        key = " ".join(text.casefold().split())
        if key in first:
            yield name, f"is the same text as {first[key]}"
        first.setdefault(key, name)


def _pairs(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in texts.items():
        if name.endswith((".pro", "/pro")):
            other = texts[name[:-3] + "con"]
            longer, shorter = max(len(text), len(other)), min(len(text), len(other))
            if longer > PAIR_LENGTH * shorter and longer - shorter > SHORTEST_JUDGED:
                yield name, f"{len(text)} characters beside {len(other)} of its opposite"


def _lengths(texts: dict[str, str], english: dict[str, str]) -> Iterator[tuple[str, str]]:
    judged = {
        n: len(t) / len(english[n]) for n, t in texts.items() if len(english[n]) > SHORTEST_JUDGED
    }
    usual = median(judged.values()) if judged else 1.0
    for name, ratio in judged.items():
        if not 1 / LENGTH_TO_ENGLISH < ratio / usual < LENGTH_TO_ENGLISH:
            yield (
                name,
                f"{ratio / usual:.1f} times as long, against the English, as other texts here",
            )


def _untranslated(
    texts: dict[str, str], english: dict[str, str], language: Language
) -> Iterator[tuple[str, str]]:
    words = re.compile(r"[A-Za-z]{3,}(?: [A-Za-z]{2,}){2,}")
    for name, text in texts.items():
        if text == english[name]:
            yield name, "is the English text"
        elif language.script != "Latn" and (match := words.search(text)):
            yield name, f"holds untranslated words, “{match[0]}”"
