"""The outward form of a response, which means the same in every language.

Length is left out on purpose: in the answers that are learned from, short ones are mostly evasive,
and a classifier that may see it takes every short answer for evasion.
"""

from __future__ import annotations

import re

import numpy as np

from analysis.classify.text import fold, reading_length

READ = 1_500
"""Characters of a response that are looked at, besides its end."""

BRIEF = 150.0
"""Below this, in Latin characters, a response that stops in mid-sentence has hardly begun."""

MANY_QUESTIONS, DIGITS_PER_CHARACTER = 4, 0.05

_QUESTION = re.compile(r"[?？؟]")
_SENTENCE = re.compile(r"[.!?।。！？؟\n]+")
_ITEM = re.compile(r"(?m)^\s*(?:[-*•]|\d+[.)、])")
_QUOTE = re.compile(r'["“„«「『]')
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W\d_]{4,}")
_ENDS = frozenset('.!?。！？؟।…"”»」』)）*')

FORMS = (
    "ends with a question",
    "questions",
    "questions a sentence",
    "several lines",
    "a list",
    "marked up",
    "quotes",
    "stops in mid-sentence",
    "words of the prompt",
    "of the prompt's words",
    "digits",
    "an exclamation",
    "hardly begun",
)


def form(response: str, prompt: str) -> list[float]:
    """The form of one response, each number in [0, 1], in the order of ``FORMS``.

    Args:
        response, prompt: as ``clean`` leaves them.
    """
    text = response[:READ]
    folded = fold(text)
    sentences = sum(bool(part.strip()) for part in _SENTENCE.split(folded))
    questions = len(_QUESTION.findall(text))
    words = _WORD.findall(folded)
    asked = set(_WORD.findall(fold(prompt)))
    length = reading_length(text)
    stops = response[-1:] not in _ENDS
    return [
        float(bool(_QUESTION.search(response[-3:]))),
        min(questions, MANY_QUESTIONS) / MANY_QUESTIONS,
        min(questions / max(sentences, 1), 1.0),
        float("\n" in text),
        float(bool(_ITEM.search(text))),
        float("**" in text or "#" in text),
        float(bool(_QUOTE.search(text))),
        float(stops),
        float(np.mean([word in asked for word in words])) if words else 0.0,
        len(asked.intersection(words)) / max(len(asked), 1),
        min(len(_DIGIT.findall(text)) / max(length, 1.0) / DIGITS_PER_CHARACTER, 1.0),
        float("!" in text or "！" in text),
        float(stops and length < BRIEF),
    ]
