"""The section on what answers vary by: models, languages, topics, wordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.document import Bullets, Cell, Column, Paragraph, Section, Table
from reports.figures import interval, number, percent
from reports.parts import NOT_MEASURABLE
from reports.records import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.exploration import Exploration
    from reports.document import Block
    from reports.records import Row


def variance(explored: Exploration) -> Section | None:
    """Shares of the variance of stances by source; None where nothing was scored."""
    rows = records(explored.shares)
    if not rows:
        return None
    title = "What the answers vary by"
    found = [row for row in rows if row["measurable"]]
    if not found:
        reason = rows[0]["reason"]
        return Section(title, (Paragraph(f"Shares of variance are not measurable: {reason}."),))
    blocks: list[Block] = [
        Paragraph(
            "If a model’s values were all that moved its answers, the shares of topic, statement "
            "and model would add up to 100%. What wording and order take is what the reader of a "
            "single number does not see."
        ),
        Table(
            "Shares of the variance of one answer’s stance",
            (
                Column("Source", 1),
                Column("Share", right=True),
                Column("95% interval", right=True),
                Column("Levels", right=True),
            ),
            tuple(
                (Cell(row["source"], "strong"), *_numbers(row))
                for row in rows
                if row["kind"] != "icc"
            ),
        ),
        Bullets((*_likeness(rows), *_missing(rows), *explored.share_notes), small=True),
    ]
    return Section(title, tuple(blocks))


def _numbers(row: Row) -> tuple[Cell, ...]:
    levels = Cell(f"{row['levels']:,}" if row["levels"] else "")
    if not row["measurable"]:
        return (NOT_MEASURABLE, Cell("", "muted"), levels)
    ends = interval(row["low"], row["high"])
    return (Cell(percent(row["share"])), Cell(ends), levels)


def _likeness(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        if row["kind"] == "icc" and row["measurable"]:
            yield (
                "Two answers of one model in one language to the same question in different "
                f"wordings correlate at {number(row['share'])} {interval(row['low'], row['high'])}."
            )


def _missing(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        if not row["measurable"]:
            yield f"Not measured: {row['source']} ({row['reason']})."
