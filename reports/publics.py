"""The section on models among national publics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.human_reference import SURVEYS
from reports import panels, reference_chart
from reports.document import Bullets, Cell, Column, Figure, Paragraph, Section, Table
from reports.figures import interval, number
from reports.labels import ALL
from reports.records import grouped, records

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row

NEAREST = 5


def publics(explored: Exploration, labels: Labels) -> Section | None:
    """Which publics each model is nearest to; None where no topic stands in a survey."""
    found = explored.reference
    if found.publics.empty:
        return None
    title = "Among national publics"
    rows = found.publics[found.publics["language"] == ALL]
    blocks: list[Block] = [Bullets(tuple(map(labels.named, found.notes)), small=True)]
    if not rows["measurable"].any():
        reasons = ", ".join(dict.fromkeys(rows["reason"]))
        blocks.insert(0, Paragraph(f"No model can be compared: {labels.named(reasons)}."))
        return Section(title, tuple(blocks))
    for (survey,), own in grouped(rows[rows["measurable"]], "survey").items():
        items = found.items[(found.items["survey"] == survey) & (found.items["language"] == ALL)]
        blocks.append(
            Figure(
                panels.svg(
                    reference_chart.stance_among_publics(
                        items, found.reference, labels.models, _titles(items, labels)
                    )
                ),
                f"{SURVEYS[survey]}: each model’s stance among the means of all publics.",
                "Strip plot of models among national publics.",
            )
        )
        nearest = pd.concat(
            [part.nsmallest(NEAREST, "distance") for _, part in own.groupby("model", sort=False)]
        )
        blocks.append(_table(SURVEYS[survey], records(nearest), labels))
    return Section(title, tuple(blocks))


def _titles(items: pd.DataFrame, labels: Labels) -> dict[str, str]:
    asked = set(items["topic"])
    return {topic: title for topic, title in labels.topics.items() if topic in asked}


def _table(survey: str, rows: list[Row], labels: Labels) -> Table:
    return Table(
        f"{survey}: the nearest publics",
        (
            Column("Model", 1),
            Column("Public", 1),
            Column("Distance", right=True),
            Column("95% interval", right=True),
            Column("Rank", right=True),
            Column("95% interval", right=True),
            Column("Items", right=True),
        ),
        tuple(
            (
                Cell(labels.models[row["model"]], "strong"),
                Cell(row["public"]),
                Cell(number(row["distance"])),
                Cell(interval(row["low"], row["high"])),
                Cell(number(row["rank"], 0)),
                Cell(interval(row["rank_low"], row["rank_high"], 0)),
                Cell(f"{row['items']:.0f}"),
            )
            for row in rows
        ),
    )
