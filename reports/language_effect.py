"""The section on what the language does to a model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reports import languages
from reports.document import Bullets, Cell, Column, Paragraph, Section, Table
from reports.figures import interval, number, p_value
from reports.labels import ALL
from reports.parts import NOT_MEASURABLE
from reports.records import grouped, records

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row


def language_effect(explored: Exploration, labels: Labels) -> Section | None:
    """Each model in two languages, over all topics; None where one language was asked."""
    table = explored.languages
    if table.empty:
        return None
    title = "The same model in two languages"
    whole = table[(table["topic"] == ALL) & (table["language_a"] != ALL)]
    blocks: list[Block] = [
        Paragraph(
            "The same statements, asked of one model in two languages. A difference comes from "
            "what the model learnt in each, from how it reads them, or from the translation; the "
            "three cannot be told apart here. Excess divergence is read as between models."
        )
    ]
    if not whole["measurable"].any():
        blocks.append(Paragraph("No model is measurable in two languages."))
        return Section(title, tuple(blocks))
    for (model,), rows in grouped(whole, "model").items():
        if not rows["measurable"].any():
            blocks.append(
                Paragraph(f"{labels.models[model]} is not measurable in two of the languages.")
            )
            continue
        blocks.append(_table(labels.models[model], records(rows)))
        said = [_in_words(row) for row in records(rows) if row["measurable"]]
        blocks.append(Bullets(tuple(map(labels.named, said)), small=True))
    return Section(title, tuple(blocks))


def _table(model: str, rows: list[Row]) -> Table:
    return Table(
        f"{model}: stance and divergence between languages, all topics",
        (
            Column("Languages", 1),
            Column("Difference\nin stance", right=True),
            Column("95% interval", right=True),
            Column("p,\nadjusted", right=True),
            Column("Excess,\nbits", right=True),
            Column("95% interval", right=True),
            Column("p,\nadjusted", right=True),
        ),
        tuple((Cell(_pair(row), "strong"), *_numbers(row)) for row in rows),
    )


def _pair(row: Row) -> str:
    return f"{languages.name(row['language_a'])} and {languages.name(row['language_b'])}"


def _numbers(row: Row) -> tuple[Cell, ...]:
    blank = Cell("", "muted")
    if not row["measurable"]:
        return (NOT_MEASURABLE, blank, blank, blank, blank, blank)
    return (
        Cell(number(row["difference"], signed=True)),
        Cell(interval(row["low"], row["high"], signed=True)),
        Cell(p_value(row["p_adjusted"])),
        Cell(number(row["excess"], 3)),
        Cell(interval(row["excess_low"], row["excess_high"], 3)),
        Cell(p_value(row["excess_p_adjusted"])),
    )


def _in_words(row: Row) -> str:
    """The verdict, with the names of languages in place of their codes."""
    text = str(row["verdict"])
    for code in (row["language_a"], row["language_b"]):
        text = re.sub(rf"(?<= in ){re.escape(code)}(?![\w-])", languages.name(code), text)
    return text
