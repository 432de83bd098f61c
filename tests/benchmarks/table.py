"""Lines of the benchmark table, and how they get into a Markdown file between prose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
HEADER = (
    "| row | model | work | doxa | peer | ratio | at least | met | answers |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Line:
    """One comparison.

    Attributes:
        row: the benchmark's name.
        doxa, peer: what was measured, with its unit.
        ratio: how much better doxa is; NaN where answers differ or there is nothing to divide.
        target: the least ratio wanted; None for a line that is only for the record.
        answers: how far the contenders' answers agree.
    """

    row: str
    model: str
    work: str
    doxa: str
    peer: str
    ratio: float
    target: float | None
    answers: str = ""

    def __str__(self) -> str:
        """The line in Markdown."""
        met = "" if self.target is None else "yes" if self.ratio >= self.target else "**no**"
        target = "" if self.target is None else f"{self.target:g}×"
        ratio = "" if math.isnan(self.ratio) else f"{self.ratio:.2f}×"
        cells = (self.row, self.model, self.work, self.doxa, self.peer, ratio, target, met)
        return "| " + " | ".join((*cells, self.answers)) + " |"


def spread(values: Sequence[float], unit: str, digits: int = 1) -> str:
    """The median with the smallest and the largest value."""
    low, mid, high = (f"{v:,.{digits}f}" for v in (min(values), median(values), max(values)))
    return f"{mid} {unit} ({low}–{high})"


def ratios(doxa: Sequence[float], peer: Sequence[float]) -> list[float]:
    """How many times doxa's seconds go into the peer's, run by run."""
    return [theirs / ours for ours, theirs in zip(doxa, peer, strict=True)]


def markdown(lines: Sequence[Line], circumstances: dict[str, str]) -> str:
    """The table and, by row, on which machine, with which versions and when it was measured."""
    return "\n".join([HEADER, *map(str, lines), "", *_about(circumstances)])


def replaced(
    text: str, lines: Sequence[Line], circumstances: dict[str, str], order: Sequence[str]
) -> str:
    """A file's text with the lines that were measured in place of earlier ones.

    A line replaces that of the same row and model; the rest of the file stays as it is.

    Args:
        text: of the file, with the two marks in it.
        lines: that were measured.
        circumstances: of each row that was measured.
        order: of the rows.

    Raises:
        ValueError: the marks are not in the text.
    """
    before, begin, rest = text.partition(BEGIN)
    inner, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The file has no section between {BEGIN} and {END}.")
    kept: dict[tuple[str, str], list[str]] = {}
    notes: dict[str, str] = {}
    for old in inner.splitlines():
        if old.startswith("| ") and not HEADER.startswith(old):
            row, model = (part.strip() for part in old.split("|")[1:3])
            kept.setdefault((row, model), []).append(old)
        elif old.startswith("- `"):
            notes[old.split("`")[1]] = old
    fresh: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        fresh.setdefault((line.row, line.model), []).append(str(line))
    merged = kept | fresh
    notes |= dict(zip(circumstances, _about(circumstances), strict=True))
    ranked = sorted(merged, key=lambda key: order.index(key[0]))
    table = [HEADER, *(line for key in ranked for line in merged[key]), ""]
    table += [notes[row] for row in sorted(notes, key=order.index)]
    return before + BEGIN + "\n" + "\n".join(table) + "\n" + END + after


def _about(circumstances: dict[str, str]) -> list[str]:
    return [f"- `{row}`: {text}" for row, text in circumstances.items()]
