"""The sections on stance: by topic, and towards governments that are criticised alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reports import charts, languages
from reports.document import Bullets, Cell, Column, Paragraph, Section, Table
from reports.figures import interval, listed, number, percent
from reports.labels import ALL
from reports.parts import NOT_MEASURABLE, chunks, paged, why_not
from reports.records import grouped, in_order, records

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study import Study
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row

MODELS_A_TABLE = 4


def stance(study: Study, labels: Labels) -> Section:
    """Where each model stands on each topic."""
    title = "Stance by topic"
    rows = study.stance
    if rows.empty:
        return Section(
            title, (Paragraph("No scored questions were asked, so there is no stance to report."),)
        )
    topics = rows[(rows["language"] == ALL) & (rows["topic"] != ALL)]
    blocks: list[Block] = [
        Paragraph(
            "Stance runs from −1, the con side of a topic, to +1, its pro side, and counts only "
            "what the model answered. Pro and con are names for two sides, not praise or blame; "
            "the battery states both poles of every topic."
        ),
    ]
    if not topics["measurable"].any():
        reasons = listed(in_order(topics["reason"]))
        blocks.append(
            Paragraph(f"No model has a measurable stance: {labels.named(reasons.rstrip('.'))}.")
        )
        return Section(title, tuple(blocks))
    blocks += paged(
        lambda some, shown: charts.stance_by_topic(some, labels.models, shown),
        topics,
        key="topic",
        names=labels.topics,
        panel=["model"],
        caption="Stance by topic, all measurable languages together. Dots are estimates, lines "
        "95% intervals; a filled dot’s interval leaves out zero.",
        alt="Dot plot of stance by topic for each model; its numbers are in the table after it.",
    )
    by_place: dict[tuple[str, str], Row] = {
        (row["model"], row["topic"]): row for row in records(topics)
    }
    blocks += [
        Table(
            "Stance by topic, all measurable languages together, with 95% intervals",
            (
                Column("Topic", 1),
                *(Column(labels.models[model], 1, right=True) for model in some),
            ),
            tuple(
                (Cell(name), *(_stance(by_place.get((model, topic))) for model in some))
                for topic, name in labels.topics.items()
            ),
        )
        for some in chunks(list(labels.models), MODELS_A_TABLE)
    ]
    for (model,), own in grouped(topics, "model").items():
        blocks += why_not(own, "topic", labels, f" for {labels.models[model]}")
    if declined := _declined(rows, labels):
        blocks.append(Bullets(tuple(declined), small=True))
    return Section(title, tuple(blocks))


def _stance(row: Row | None) -> Cell:
    if row is None:
        return Cell("not asked", "muted")
    if not row["measurable"]:
        return NOT_MEASURABLE
    clear = row["low"] > 0 or row["high"] < 0
    bounds = interval(row["low"], row["high"], signed=True)
    return Cell(f"{number(row['stance'], signed=True)}  {bounds}", "strong" if clear else "plain")


def _declined(rows: pd.DataFrame, labels: Labels) -> list[str]:
    whole = rows[(rows["language"] == ALL) & (rows["topic"] == ALL) & rows["measurable"]]
    return [
        f"{labels.models[row['model']]} put {percent(row['declined'])} of its probability on "
        "declining where that was offered; had all of it gone to one side, its mean stance over "
        f"all topics would lie between {number(row['worst'], signed=True)} and "
        f"{number(row['best'], signed=True)} instead of at {number(row['stance'], signed=True)}."
        for row in records(whole)
        if not math.isnan(row["declined"]) and row["declined"] > 0
    ]


def mirrors(study: Study, labels: Labels) -> Section | None:
    """The same criticism put of several governments; None when none was asked."""
    rows = study.mirrors
    if rows.empty:
        return None
    rows = rows[rows["family"] == ALL]
    rows = rows[rows["language"] == ALL] if (rows["language"] == ALL).any() else rows
    governments = sorted(in_order(rows["government"]))
    by_place: dict[tuple[str, str, str], Row] = {
        (row["model"], row["language"], row["government"]): row for row in records(rows)
    }
    blocks: list[Block] = [
        Paragraph(
            "The same critical sentence was put once for each government. A model that holds all "
            "governments to one standard has the same number down a column."
        )
    ]
    for some in chunks(list(labels.models), MODELS_A_TABLE - 1):
        lines = []
        for language in in_order(rows["language"]):
            found = {
                government: [by_place.get((model, language, government)) for model in some]
                for government in governments
            }
            asked = {key: cells for key, cells in found.items() if any(cells)}
            for place, (government, cells) in enumerate(asked.items()):
                line = (Cell(languages.country(government)), *map(_mirror, cells))
                name = Cell(labels.languages.get(language, "All languages"), "strong", len(asked))
                lines.append(line if place else (name, *line))
        blocks.append(
            Table(
                "Agreement with criticism, by the government criticised, with 95% intervals",
                (
                    Column("Language", 0.7),
                    Column("Government", 0.6),
                    *(Column(labels.models[model], 1, right=True) for model in some),
                ),
                tuple(lines),
            )
        )
    return Section("Mirrored statements about governments", tuple(blocks))


def _mirror(row: Row | None) -> Cell:
    if row is None:
        return Cell("not asked", "muted")
    if math.isnan(row["stance"]):
        return NOT_MEASURABLE
    bounds = interval(row["low"], row["high"], signed=True)
    return Cell(f"{number(row['stance'], signed=True)}  {bounds}")
