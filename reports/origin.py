"""The section on models by the country of their developer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.origin import WARNING
from reports.document import Bullets, Cell, Column, Paragraph, Section, Table
from reports.figures import interval, number, p_value
from reports.labels import ALL
from reports.parts import NOT_MEASURABLE
from reports.records import records

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row


def origin(explored: Exploration, labels: Labels) -> Section | None:
    """Differences between the models of two countries; None where there is one country."""
    table = explored.origin
    if table.empty:
        return None
    title = "Models by country"
    whole = table[(table["language"] == ALL) & (table["topic"] == ALL)]
    blocks: list[Block] = [Paragraph(WARNING)]
    if not whole["measurable"].any():
        reason = whole["reason"].iloc[0].rstrip(".")
        blocks.append(Paragraph(f"No two countries can be compared: {reason}."))
        return Section(title, tuple(blocks))
    topics = table[
        (table["language"] == ALL) & (table["topic"] != ALL) & (table["p_adjusted"] < 0.05)
    ]
    blocks += [
        Table(
            "Difference in stance between the models of two countries, all topics and languages",
            (
                Column("Countries", 1),
                Column("Models", right=True),
                Column("Difference", right=True),
                Column("95% interval,\ngiven these models", right=True),
                Column("p,\nadjusted", right=True),
                Column("Without any\none model", right=True),
            ),
            tuple((Cell(_pair(row), "strong"), *_numbers(row)) for row in records(whole)),
        ),
        Bullets(
            tuple(labels.named(row["verdict"]) for row in records(whole) if row["measurable"]),
            small=True,
        ),
    ]
    if len(topics):
        found = [
            f"{labels.topics[row['topic']]}: {labels.named(row['verdict'])}"
            for row in records(topics)
            if row["topic"] in labels.topics
        ]
        blocks.append(Bullets(tuple(found), small=True))
    return Section(title, tuple(blocks))


def _pair(row: Row) -> str:
    return f"{row['a']} and {row['b']}"


def _numbers(row: Row) -> tuple[Cell, ...]:
    models = Cell(f"{row['models_a']} and {row['models_b']}")
    blank = Cell("", "muted")
    if not row["measurable"]:
        return (models, NOT_MEASURABLE, blank, blank, blank)
    return (
        models,
        Cell(number(row["difference"], signed=True)),
        Cell(interval(row["low"], row["high"], signed=True)),
        Cell(p_value(row["p_adjusted"])),
        Cell(interval(row["without_low"], row["without_high"], signed=True)),
    )
