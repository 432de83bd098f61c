"""The section with the map of models and languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports import map_chart, panels
from reports.document import Bullets, Cell, Column, Figure, Paragraph, Section, Table
from reports.figures import number, percent
from reports.records import records

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from reports.document import Block
    from reports.labels import Labels

TOPICS_OF_AN_AXIS = 5


def place(explored: Exploration, labels: Labels) -> Section | None:
    """Models × languages on two axes; None where nothing was scored."""
    found = explored.map
    if found.points.empty:
        return None
    title = "A map of models and languages"
    if not found.points["measurable"].any():
        reason = str(found.points["reason"].iloc[0]).rstrip(".")
        return Section(title, (Paragraph(f"There is no map: {labels.named(reason)}."),))
    blocks: list[Block] = [
        Figure(
            panels.svg(map_chart.opinion_map(found.points, found.axes, labels.models)),
            "Each dot is a model in a language; grey dots are the other models. Ellipses are 95%, "
            "over question families. Shapes are groups.",
            "Scatter plot of models and languages on two axes.",
        ),
        Bullets(tuple(map(labels.named, found.notes)), small=True),
    ]
    drivers = [
        row
        for axis in found.axes["axis"]
        for row in records(found.drivers[found.drivers["axis"] == axis].head(TOPICS_OF_AN_AXIS))
        if row["topic"] in labels.topics
    ]
    if drivers:
        blocks.append(
            Table(
                "What the axes are made of: the topics with the largest parts",
                (
                    Column("Axis"),
                    Column("Topic", 1),
                    Column("Share of the axis", right=True),
                    Column("Correlation of stances\nwith the axis", right=True),
                ),
                tuple(
                    (
                        Cell("across" if row["axis"] == "x" else "up", "strong"),
                        Cell(labels.topics[row["topic"]]),
                        Cell(percent(row["share"])),
                        Cell(number(row["correlation"], signed=True)),
                    )
                    for row in drivers
                ),
            )
        )
    return Section(title, tuple(blocks))
