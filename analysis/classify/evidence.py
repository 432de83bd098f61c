"""What the phrases of a response say about how it answers, the same features in every language.

The phrases stand in ``phrases.yaml``. They are about the act of answering (declining, disclaiming,
announcing), never about a topic, so a response on violence or on Taiwan gains nothing by its words.
Length is no feature, nor is anything that grows with it: a short answer is an answer.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml

from analysis.classify.text import fold, reading_length, unquoted

Group = Literal[
    "refuses",
    "deflects",
    "complies",
    "agrees",
    "disagrees",
    "both",
    "attributes",
    "negates",
    "withholds",
    "machine",
]

HEAD, EARLY, CLOSING, MANY = 250.0, 700.0, 200.0, 3
"""The opening, the early part and the close, in Latin characters; where counts are capped."""

READ = 3
"""Early parts that are read from the start; of the rest, the last one."""

_UNSPACED = {"zh", "zh-Hant", "ja", "ko"}


@cache
def phrases() -> dict[str, dict[Group, re.Pattern[str]]]:
    """Language → group → one compiled pattern of all its phrases."""
    text = (Path(__file__).parent / "phrases.yaml").read_text(encoding="utf-8")
    compiled: dict[str, dict[Group, re.Pattern[str]]] = {}
    for language, groups in yaml.safe_load(text).items():
        boundary = "" if language in _UNSPACED else r"(?<!\w)"
        compiled[language] = {
            group: re.compile(
                f"{boundary}(?:{'|'.join(fold(groups[group]).strip().split(chr(10)))})"
            )
            for group in get_args(Group)
        }
    return compiled


def hits(group: Group, text: str, language: str | None) -> list[int]:
    """Where phrases of a group begin in a folded text, in its language and in English."""
    languages = {language or "en", "en"} & phrases().keys()
    return sorted(
        match.start() for code in languages for match in phrases()[code][group].finditer(text)
    )


def opens_with(group: Group, text: str, language: str | None) -> bool:
    """Whether a folded text begins with a phrase of a group, marks before it left aside."""
    start = text.lstrip(" \n*_#>\"'“«「(-–—:¡¿")
    return any(
        phrases()[code][group].match(start) for code in {language or "en", "en"} & phrases().keys()
    )


def evidence(response: str, language: str | None) -> list[float]:
    """The phrase features of one clean response, each in [0, 1].

    Args:
        response: as ``clean`` leaves it.
        language: of the response; phrases in it and in English count.

    Returns:
        ``len(FEATURES)`` numbers in the order of ``FEATURES``.
    """
    scale = len(response) / max(reading_length(response), 1.0)
    head, early = HEAD * scale, EARLY * scale
    begin = int(READ * EARLY * scale)
    part = fold(unquoted(response[:begin] + "\n" + response[begin:][-int(early) :]))
    refuses, deflects, complies, both = (
        hits(group, part, language) for group in ("refuses", "deflects", "complies", "both")
    )
    opening = any(at < head for at in refuses)
    long = len(response) > 2 * early
    start = fold(unquoted(response[: int(early)]))
    withheld, machine = hits("withholds", start, language), hits("machine", start, language)
    closing = hits("withholds", fold(response[-int(CLOSING * scale) :]), language)
    return [
        float(opening),
        float(opening and long),
        float(any(head <= at < early for at in refuses)),
        float(any(at >= early for at in refuses)),
        min(len(refuses), MANY) / MANY,
        min(sum(at < head for at in deflects), MANY) / MANY,
        min(sum(at >= head for at in deflects), MANY) / MANY,
        float(any(at < head for at in complies)),
        float(bool(both)),
        float(any(at < head / 2 for at in withheld)),
        float(any(at < head for at in withheld)),
        min(len(withheld), MANY) / MANY,
        min(len(withheld) * head / max(len(start), 1), 1.0),
        float(bool(closing)),
        float(any(at < head for at in machine)),
        min(len(machine), MANY) / MANY,
    ]


FEATURES = (
    "refuses at the opening",
    "refuses at the opening of a long response",
    "refuses soon after",
    "refuses later",
    "refusals",
    "deflections at the opening",
    "deflections later",
    "complies at the opening",
    "both sides",
    "holds back at once",
    "holds back at the opening",
    "holdings back",
    "holdings back for the length",
    "holds back at the end",
    "speaks of a machine at the opening",
    "mentions of a machine",
)
