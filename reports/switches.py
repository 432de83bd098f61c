"""The section on responses in another language than their question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports import languages
from reports.document import Cell, Column, Paragraph, Section, Table
from reports.figures import count, percent
from reports.labels import ALL
from reports.records import grouped, records

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study import Study
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row

KINDS = {"open": "open questions", "task": "scenarios"}


def switches(study: Study, labels: Labels) -> Section | None:
    """How often each model changed the language; None where no response has a language."""
    table = study.switches
    if table.empty:
        return None
    whole = table[table["language"] == ALL]
    single = table[(table["language"] != ALL) & (table["n"] > 0)]
    blocks: list[Block] = [
        Paragraph(
            "A model that is asked in one language and responds in another has not been measured "
            "in the first. Two scripts of one language count as two. Intervals are Wilson’s, 95%, "
            "with question families as clusters, and take the detected language as certain."
        ),
        _table("Responses in another language, all languages together", whole, labels),
    ]
    if len(single):
        caption = "The languages in which a model changed to another"
        blocks.append(_table(caption, single, labels, by_language=True))
    elif len(labels.languages) > 1:
        asked = count(len(labels.languages), "language")
        blocks.append(Paragraph(f"In none of the {asked} did a model change to another."))
    return Section("Answers in another language", tuple(blocks))


def _table(
    caption: str, table: pd.DataFrame, labels: Labels, *, by_language: bool = False
) -> Table:
    asked = [Column("Asked in")] if by_language else []
    rows = []
    for (model,), own in grouped(table, "model").items():
        for place, row in enumerate(records(own)):
            line = (
                *([Cell(languages.name(row["language"]))] if by_language else []),
                Cell(KINDS.get(row["kind"], str(row["kind"]))),
                *_numbers(row),
            )
            first = Cell(labels.models[model], "strong", len(own))
            rows.append(line if place else (first, *line))
    return Table(
        caption,
        (
            Column("Model", 1),
            *asked,
            Column("Kind"),
            Column("Responses", right=True),
            Column("In another\nlanguage", right=True),
            Column("Share", right=True),
            Column("95% interval", right=True),
            Column("Mostly in"),
        ),
        tuple(rows),
    )


def _numbers(row: Row) -> tuple[Cell, ...]:
    return (
        Cell(f"{row['total']:,}"),
        Cell(f"{row['n']:,}"),
        Cell(percent(row["rate"])),
        Cell(f"{percent(row['low'])} to {percent(row['high'])}"),
        Cell(languages.name(row["mostly"]) if row["mostly"] else ""),
    )
