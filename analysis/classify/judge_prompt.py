"""How a model is asked what a response is: two cells, in the response's language.

Nothing of a response can leave its fence: every line of it begins with `FENCE`, whatever breaks
a line, and the signs that chat templates mark turns with are replaced, so that no text of it is
read as the end of the judge's turn. What stands in quotation marks of some kind or imitates a
fence is fenced once more.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from analysis.classify.labels import STANCES, Answer, Outcome
from analysis.classify.text import clean, reading_length
from probes.alphabets import also_written
from probes.cell import Cell, Option
from prompts.errors import BatteryError
from prompts.load import load_battery
from prompts.yaml_text import read_yaml

if TYPE_CHECKING:
    from prompts.schema import Language

FRAMES = Path(__file__).parent / "judge_frames.yaml"
BATTERY, FALLBACK = "core", "en"

FENCE = "| "
LIMITS = (3_000, 1_000, 300)
"""Latin characters of a response that are shown; the next where a judge has no room for it."""

POSSIBLE: tuple[Outcome, ...] = (*STANCES, "deflects", "refuses", "degenerate")
WITHOUT_POLES: tuple[Outcome, ...] = ("answers", "deflects", "refuses", "degenerate")

_LETTERS = "ABCDEF"
_STANCE = dict(zip(STANCES, (1.0, 0.0, -1.0), strict=True))
_UNSPACED = {"Hans", "Hant", "Jpan"}
# <|im_end|>, </s>, <start_of_turn>, [INST], ◁think▷ and their like
_MARKS = str.maketrans("<>[]◁▷", "‹›()‹›")


class Frame(BaseModel):
    """What a judge is told in one language; the last seven are the outcomes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    task: str
    material: str
    question: str
    first: str
    second: str
    answer: str
    left_out: str
    ask: str
    pro: str
    both: str
    con: str
    answers: str
    deflects: str
    refuses: str
    degenerate: str


@cache
def frames() -> dict[str, Frame]:
    """The frame of each language.

    Raises:
        BatteryError: the file is malformed.
    """
    data, _, _ = read_yaml(FRAMES)
    try:
        return {code: Frame.model_validate(frame) for code, frame in data.items()}
    except (AttributeError, ValidationError) as error:
        raise BatteryError(f"{FRAMES}: {error}.", "Restore it: install doxa again.") from error


def cells(answer: Answer, limit: int = LIMITS[0]) -> tuple[Cell, Cell]:
    """Ask what a response is, with the options in both orders.

    Args:
        answer: any text; nothing of it is trusted.
        limit: Latin characters of the response that are shown; of its prompt and the poles, half
            as many.

    Returns:
        The two cells. They share all but their listing; the head is that of a language.
    """
    code = answer.language if answer.language in frames() else FALLBACK
    frame, language = frames()[code], _language(code)
    gap = "" if language.script in _UNSPACED else " "
    head = gap.join((frame.task, frame.material, language.answer_with.letters)) + "\n\n"
    parts = [(frame.question, answer.prompt, limit // 2)]
    if answer.pro and answer.con:
        parts += [(frame.first, answer.pro, limit // 2), (frame.second, answer.con, limit // 2)]
    parts.append((frame.answer, answer.response, limit))
    stem = "".join(
        f"{title}\n{fenced(text, most, frame.left_out)}\n\n" for title, text, most in parts
    )
    forward = outcomes(answer)
    first, second = (
        _cell(code, language, frame, head, stem, shown) for shown in (forward, forward[::-1])
    )
    return first, second


def outcomes(answer: Answer) -> tuple[Outcome, ...]:
    """The outcomes that a response can have, in the order in which the first cell shows them."""
    return POSSIBLE if answer.pro and answer.con else WITHOUT_POLES


def fenced(text: str, limit: int, left_out: str) -> str:
    """A text as material: bounded, and with `FENCE` before each line.

    Args:
        text: anything.
        limit: Latin characters that are kept: two thirds from the start, the rest from the end.
        left_out: the line, without a fence, that stands for the middle of a longer text.
    """
    kept = clean(text)
    most = int(limit * len(kept) / max(reading_length(kept), 1.0))
    if len(kept) <= most:
        return _fence(kept)
    head = 2 * most // 3
    return f"{_fence(kept[:head])}\n{left_out}\n{_fence(kept[head - most :])}"


def _fence(text: str) -> str:
    lines = [line for line in text.translate(_MARKS).splitlines() if line.strip()]
    return "\n".join(FENCE + line for line in lines or [""])


def _cell(
    code: str,
    language: Language,
    frame: Frame,
    head: str,
    stem: str,
    shown: tuple[Outcome, ...],
) -> Cell:
    options = tuple(
        Option(
            letter,
            getattr(frame, outcome),
            _STANCE.get(outcome),
            also_written(letter, language.script),
        )
        for letter, outcome in zip(_LETTERS, shown, strict=False)
    )
    lines = [
        language.option.replace("{label}", option.label).replace("{text}", option.text)
        for option in options
    ]
    material = hashlib.sha256(stem.encode()).hexdigest()[:16]
    return Cell(
        kind="choose",
        topic="judge",
        domain="judge",
        tag="control",
        language=code,
        family=f"judge/{material}",
        item=f"judge/{material}",
        pole=None,
        frame="judge",
        labels="letters",
        forced=True,
        order="forward" if shown[-1] == "degenerate" else "reversed",
        head=head,
        stem=stem,
        listing="\n".join((frame.ask, *lines)),
        options=options,
        base_frame=(language.base.question, language.base.answer),
    )


@cache
def _language(code: str) -> Language:
    return load_battery(BATTERY, languages=[code], topics=["controls"]).languages[code]
