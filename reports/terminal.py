"""The comparison of two models as terminal tables, and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reports import languages
from reports.console import MEDIUM, WIDE, empty_table, remarks, show, text
from reports.figures import interval, number, p_value, percent
from reports.labels import ALL, topic_name
from reports.records import grouped, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.text import Text

    from analysis.exploration import Exploration
    from analysis.multiverse import Multiverse
    from analysis.study import Comparison
    from reports.records import Row


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print how far two models are apart: overall, by topic, by language and in written answers.

    Columns are left out on narrow terminals; without a terminal there are no rules and no colour.
    Names and reasons come from files of others and are printed as text only.
    """
    console.print(text(f"A  {comparison.a}"))
    console.print(text(f"B  {comparison.b}"))
    console.print()
    _headline(comparison, console)
    by_topic = _part(comparison.divergence, topic=False, language=True)
    by_language = _part(comparison.divergence, topic=True, language=False)
    stances = {(row["language"], row["topic"]): row for row in records(comparison.stance)}
    if len(by_topic):
        ordered = by_topic.sort_values("excess", ascending=False, na_position="last")
        _apart("Topic", lambda row: topic_name(row["topic"]), ordered, stances, console)
    if len(by_language) > 1:
        _apart(
            "Language", lambda row: languages.name(row["language"]), by_language, stances, console
        )
    _written(comparison, console)
    _varied(comparison.multiverse, console)
    notes = comparison.multiverse.notes if comparison.multiverse else []
    remarks([*_missing(comparison), *comparison.notes, *notes], console)


def comparison_json(comparison: Comparison, explored: Exploration) -> str:
    """A comparison as JSON: tables as lists of objects, undefined numbers as null."""
    behind = {
        "shares": explored.shares,
        "language_effect": explored.languages,
        "origin": explored.origin,
        "map": explored.map,
        "publics": explored.reference.publics,
    }
    whole = _plain(comparison) | {name: _plain(part) for name, part in behind.items()}
    return json.dumps(whole, indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return [{key: _plain(cell) for key, cell in row.items()} for row in records(value)]
    if is_dataclass(value):
        return {name: _plain(part) for name, part in vars(value).items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _part(frame: pd.DataFrame, *, topic: bool, language: bool) -> pd.DataFrame:
    """Rows that are over all topics (or not) and over all languages (or not)."""
    return frame[((frame["topic"] == ALL) == topic) & ((frame["language"] == ALL) == language)]


def _headline(comparison: Comparison, console: Console) -> None:
    for row in records(_part(comparison.divergence, topic=True, language=True)):
        if not row["measurable"]:
            console.print(text(f"Not measurable: {row['reason']}", "yellow"))
            continue
        console.print(text(row["verdict"], "bold"))
        console.print(
            text(
                f"Excess divergence {number(row['excess'], 3)} bits "
                f"{interval(row['low'], row['high'], 3)}, adjusted p {p_value(row['p_adjusted'])}; "
                f"noise floors {number(row['noise_a'], 3)} (A), {number(row['noise_b'], 3)} (B); "
                f"smallest detectable {number(row['detectable'], 3)}; {row['cells']:,} cells in "
                f"{row['families']} question families."
            )
        )
    for row in records(_part(comparison.stance, topic=True, language=True)):
        if row["measurable"]:
            console.print(text(f"{row['verdict']} Adjusted p {p_value(row['p_adjusted'])}."))
    console.print()


def _apart(
    first: str,
    name: Callable[[Row], str],
    rows: pd.DataFrame,
    stances: dict[tuple[str, str], Row],
    console: Console,
) -> None:
    medium, wide = console.width >= MEDIUM, console.width >= WIDE
    table = empty_table(console)
    table.add_column(first, overflow="fold")
    table.add_column("Excess [95% interval]", justify="right")
    if medium:
        table.add_column("Noise", justify="right")
        table.add_column("p adj.", justify="right")
    if wide:
        table.add_column("Detectable", justify="right")
        table.add_column("Stance A", justify="right")
        table.add_column("Stance B", justify="right")
        table.add_column("A - B [95% interval]", justify="right")
    for row in records(rows):
        cells = [text(name(row)), *_excess(row, medium=medium)]
        if wide:
            cells += [text(number(row["detectable"], 3) if row["measurable"] else "")]
            cells += _difference(stances.get((row["language"], row["topic"])))
        table.add_row(*cells)
    show(f"Divergence by {first.lower()}, bits", table, console)


def _excess(row: Row, *, medium: bool) -> Iterator[Text]:
    if not row["measurable"]:
        yield text("not measurable", "yellow")
        yield from [text("")] * (2 if medium else 0)
        return
    clear = row["low"] > 0 and row["p_adjusted"] < 0.05
    yield text(
        f"{number(row['excess'], 3)} {interval(row['low'], row['high'], 3)}",
        "bold" if clear else "",
    )
    if medium:
        yield text(number((row["noise_a"] + row["noise_b"]) / 2, 3))
        yield text(p_value(row["p_adjusted"]))


def _difference(row: Row | None) -> list[Text]:
    if row is None or not row["measurable"]:
        return [text(""), text(""), text("not measurable", "yellow")]
    bounds = interval(row["low"], row["high"], signed=True)
    return [
        text(number(row["stance_a"], signed=True)),
        text(number(row["stance_b"], signed=True)),
        text(f"{number(row['difference'], signed=True)} {bounds}"),
    ]


def _written(comparison: Comparison, console: Console) -> None:
    rows = comparison.outcomes
    if rows.empty:
        return
    called = {"open": "open questions", "task": "scenarios"}
    for (kind,), own in grouped(rows[rows["language"] == ALL], "kind").items():
        wide = console.width >= WIDE
        table = empty_table(console)
        table.add_column("Outcome")
        more = ("A - B [95% interval]", "Detectable", "Prompts", "Families") if wide else ()
        for title in ("A", "B", "Only A", "Only B", "p adj.", *more):
            table.add_column(title, justify="right")
        for row in records(own):
            shares = (percent(row["rate_a"]), percent(row["rate_b"]))
            counts = (str(row["only_a"]), str(row["only_b"]), p_value(row["p_adjusted"]))
            ends = interval(row["low"], row["high"], signed=True)
            apart = f"{number(row['difference'], signed=True)} {ends}"
            rest = (apart, number(row["detectable"]), str(row["n"]), str(row["families"]))
            table.add_row(*map(text, (row["outcome"], *shares, *counts, *rest[: len(more)])))
        show(f"Answers to {called.get(kind, kind)}, all languages", table, console)


def _varied(found: Multiverse | None, console: Console) -> None:
    if found is None:
        return
    console.print(text("The difference in stance under every choice of analysis", "bold"))
    console.print(text(found.summary))
    if found.options.empty:
        console.print()
        return
    medium = console.width >= MEDIUM
    table = empty_table(console)
    table.add_column("Choice")
    table.add_column("Option", overflow="fold")
    table.add_column("Median", justify="right")
    if medium:
        table.add_column("Least to most", justify="right")
    table.add_column("Of", justify="right")
    table.add_column("Same sign", justify="right")
    if medium:
        table.add_column("and p <= 0.05", justify="right")
    for (choice,), rows in grouped(found.options, "choice").items():
        for place, row in enumerate(records(rows)):
            table.add_row(text("" if place else choice), *_option(row, medium=medium))
    console.print(table)
    if not console.is_terminal:
        console.print()


def _option(row: Row, *, medium: bool) -> Iterator[Text]:
    yield text(row["option"])
    if not row["measured"]:
        yield text("not measurable", "yellow")
        yield from [text("")] * (4 if medium else 2)
        return
    yield text(number(row["median"], signed=True))
    if medium:
        ends = (number(row[name], signed=True) for name in ("least", "most"))
        yield text(" to ".join(ends))
    yield text(f"{row['measured']}")
    yield text(f"{row['same_sign']}")
    if medium:
        yield text(f"{row['significant']}")


def _missing(comparison: Comparison) -> list[str]:
    bad = comparison.measurable[~comparison.measurable["measurable"].astype(bool)]
    lines = []
    for (model, reasons), rows in grouped(bad, "model", "reasons").items():
        names = ", ".join(languages.name(str(code)) for code in rows["language"])
        lines.append(f"{model} is not measurable in {names}: {reasons.rstrip('.')}.")
    return lines
