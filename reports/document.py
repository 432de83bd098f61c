"""The parts of a report, before they are laid out: plain data that a template shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["plain", "strong", "muted", "fail"]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of running text."""

    text: str
    type: str = "paragraph"


@dataclass(frozen=True)
class Bullets:
    """Sentences that stand by themselves.

    Attributes:
        small: they are notes under a table.
    """

    items: tuple[str, ...]
    small: bool = False
    type: str = "bullets"


@dataclass(frozen=True)
class Definitions:
    """Terms and what they mean."""

    items: tuple[tuple[str, str], ...]
    type: str = "definitions"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    type: str = "heading"


@dataclass(frozen=True)
class Cell:
    """A table cell; the tone is how it stands out, ``rows`` how many rows it spans."""

    text: str
    tone: Tone = "plain"
    rows: int = 1


@dataclass(frozen=True)
class Column:
    """A table column.

    Attributes:
        width: share of the width that is left over; 0 is as wide as its text.
    """

    title: str
    width: float = 0
    right: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption above it; its head repeats on every page."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    type: str = "table"


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        alt: what it shows, for those who cannot see it.
    """

    svg: str
    caption: str
    alt: str
    type: str = "figure"


@dataclass(frozen=True)
class Passage:
    """Text in some language and script.

    Attributes:
        language: its tag, for hyphenation and speech.
        direction: ``ltr`` or ``rtl``.
        fonts: families in the order to try them.
    """

    text: str
    language: str
    direction: str
    fonts: tuple[str, ...]


@dataclass(frozen=True)
class Quote:
    """A prompt, under a line that says what it is."""

    label: str
    passage: Passage
    type: str = "quote"


@dataclass(frozen=True)
class Answer:
    """One model's answer; ``remark`` says what became of it."""

    model: str
    remark: str
    passage: Passage


@dataclass(frozen=True)
class Exchange:
    """A prompt and the answers to it, side by side."""

    heading: str
    prompt: Passage
    answers: tuple[Answer, ...]
    type: str = "exchange"


Block = Paragraph | Bullets | Definitions | Heading | Table | Figure | Quote | Exchange


@dataclass(frozen=True)
class Section:
    """A part of the report with a title."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        facts: label and value pairs of the title block.
        keys: number and label pairs, the run in figures.
    """

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...] = field(default=())
