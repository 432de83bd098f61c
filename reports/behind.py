"""What lies behind the comparison of two models, as terminal tables.

The shares of variance, each model in two languages, their countries, the map and the publics: what
`content.document` shows in a report, of these two models, over all topics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.human_reference import SURVEYS
from reports import languages
from reports.console import MEDIUM, empty_table, remarks, show, text
from reports.figures import interval, number, p_value, percent
from reports.labels import ALL
from reports.records import records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from analysis.exploration import Exploration
    from reports.records import Row

NEAREST = 3
NAMES = {"Source", "Model", "Languages", "Language", "Public", "Survey"}


def print_behind(explored: Exploration, console: Console) -> None:
    """Print what the answers vary by, and where the models stand by language and among publics."""
    _variance(explored, console)
    _in_two_languages(explored, console)
    _map(explored, console)
    _publics(explored, console)
    whole = explored.origin
    whole = whole[(whole["language"] == ALL) & (whole["topic"] == ALL)]
    notes = [*explored.share_notes, *explored.map.notes, *explored.reference.notes]
    remarks([*whole["verdict"], *notes], console)


def _variance(explored: Exploration, console: Console) -> None:
    columns = ["Source", "Share", "95% interval", "Levels"]
    lines = [
        [
            row["source"],
            percent(row["share"]),
            interval(row["low"], row["high"]),
            f"{row['levels']:,}",
        ]
        for row in records(explored.shares)
        if row["measurable"] and row["kind"] != "icc"
    ]
    _print("What the stances of the two vary by", columns, lines, console)


def _in_two_languages(explored: Exploration, console: Console) -> None:
    table = explored.languages
    rows = table[(table["topic"] == ALL) & (table["language_a"] != ALL)]
    if len(rows) and not rows["measurable"].any():
        console.print(text("No model is measurable in two languages."))
        return
    medium = console.width >= MEDIUM
    columns = ["Model", "Languages", "Stance apart [95% interval]"]
    columns += ["p adj.", "Excess, bits", "p adj."] if medium else []
    _print(
        "The same model in two languages, all topics",
        columns,
        [_language_line(row, medium=medium) for row in records(rows)],
        console,
    )


def _language_line(row: Row, *, medium: bool) -> list[str]:
    names = " - ".join(languages.name(row[f"language_{side}"]) for side in "ab")
    if not row["measurable"]:
        return [row["model"], names, "not measurable", *([""] * (3 if medium else 0))]
    ends = interval(row["low"], row["high"], signed=True)
    line = [row["model"], names, f"{number(row['difference'], signed=True)} {ends}"]
    if medium:
        line += [p_value(row["p_adjusted"]), number(row["excess"], 3)]
        line += [p_value(row["excess_p_adjusted"])]
    return line


def _map(explored: Exploration, console: Console) -> None:
    points = explored.map.points
    lines = [
        [row["model"], languages.name(row["language"])]
        + [number(row[name], signed=True) for name in "xy"]
        + [f"{number(row['major'])} by {number(row['minor'])}"]
        for row in records(points[points["measurable"].astype(bool)])
    ]
    columns = ["Model", "Language", "Across", "Up", "95% ellipse, half-axes"]
    _print("The map, in units of stance", columns, lines, console)


def _publics(explored: Exploration, console: Console) -> None:
    found = explored.reference.publics
    rows = found[(found["language"] == ALL) & found["measurable"].astype(bool)]
    nearest = [
        part.nsmallest(NEAREST, "distance")
        for _, part in rows.groupby(["survey", "model"], sort=False)
    ]
    lines = [
        [
            row["model"],
            row["public"],
            SURVEYS[row["survey"]].split(" (")[0],
            f"{number(row['distance'])} {interval(row['low'], row['high'])}",
            f"{number(row['rank'], 0)} {interval(row['rank_low'], row['rank_high'], 0)}",
        ]
        for row in records(pd.concat(nearest) if nearest else rows)
    ]
    columns = ["Model", "Public", "Survey", "Distance [95% interval]", "Rank [95% interval]"]
    _print("The nearest national publics", columns, lines, console)


def _print(
    title: str, columns: Sequence[str], lines: Sequence[Sequence[str]], console: Console
) -> None:
    """A table, or nothing where it has no line."""
    if not lines:
        return
    table = empty_table(console)
    for name in columns:
        table.add_column(name, justify="left" if name in NAMES else "right", overflow="fold")
    for line in lines:
        table.add_row(*map(text, line))
    show(title, table, console)
