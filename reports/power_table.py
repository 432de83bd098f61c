"""A plan of sample sizes as a terminal table, and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from analysis.simulation import READ_OFF
from reports.console import empty_table
from reports.figures import count, number, percent
from reports.records import records

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from analysis.power import Plan
    from reports.records import Row

MEASURES = {"stance": "Difference in stance", "excess": "Excess divergence"}

READ = (
    "Samples are answers drawn of each prompt; 'read off' is the probability of every option, as"
    " doxa reads it from weights that it holds."
)


def print_plan(plan: Plan, console: Console) -> None:
    """Print how many question families a topic are needed, by frames and samples.

    Without a terminal there are no rules and no colour.
    """
    console.print(Text(_goal(plan), style="bold"))
    for measure, title in MEASURES.items():
        rows = plan.needed[plan.needed["measure"] == measure]
        if len(rows):
            console.print()
            unit = " bits" if measure == "excess" else ""
            console.print(Text(f"{title} of {plan.question.difference:g}{unit}", style="bold"))
            console.print(_table(rows, console))
            console.print(Text(_cheapest(rows)))
    console.print()
    for line in [*_about(plan), *plan.notes]:
        console.print(Text(f"· {line}", style="dim"))


def plan_json(plan: Plan) -> str:
    """A plan as JSON: the table as a list of objects, undefined numbers as null."""
    rows = [{key: _plain(value) for key, value in row.items()} for row in records(plan.needed)]
    content = vars(plan) | {
        "question": asdict(plan.question),
        "components": asdict(plan.components),
        "needed": rows,
    }
    return json.dumps(content, indent=2, allow_nan=False)


def _plain(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def _goal(plan: Plan) -> str:
    asked = plan.question
    return (
        f"To find a difference of {asked.difference:g} between two of {asked.models} models over"
        f" {count(asked.topics, 'topic')}, in {percent(plan.power)} of runs, at"
        f" {percent(plan.alpha)} after Holm over {count(asked.pairs, 'pair')}:"
    )


def _table(rows: pd.DataFrame, console: Console) -> Table:
    table = empty_table(console)
    table.add_column("Frames", justify="right")
    table.add_column("Samples", justify="right")
    table.add_column("Families\na topic", justify="right")
    table.add_column("Power\n[95% interval]", justify="right")
    table.add_column("Prompts\na model", justify="right")
    table.add_column("Answers\na model", justify="right")
    for row in records(rows):
        samples = "read off" if row["samples"] == READ_OFF else str(row["samples"])
        table.add_row(*map(Text, (str(row["frames"]), samples, *_needed(row))))
    return table


def _needed(row: Row) -> tuple[str, ...]:
    if row["reason"]:
        return "–", row["reason"], "", ""
    power = f"{percent(row['power'])} [{percent(row['low'])}, {percent(row['high'])}]"
    return f"{row['families']:.0f}", power, f"{row['prompts']:,.0f}", f"{row['answers']:,.0f}"


def _cheapest(rows: pd.DataFrame) -> str:
    enough = rows[rows["families"].notna()]
    if enough.empty:
        return "None of these is enough."
    row = records(enough.sort_values(["answers", "families"], kind="stable"))[0]
    samples = row["samples"]
    drawn = "" if samples == READ_OFF else f" and {count(samples, 'sample')} a prompt"
    return (
        f"Cheapest: {count(int(row['families']), 'question family', 'question families')} a topic"
        f" in {count(row['frames'], 'frame')}{drawn}, {row['answers']:,.0f} answers of each model"
        " and language."
    )


def _about(plan: Plan) -> list[str]:
    parts = asdict(plan.components)
    sharpness = parts.pop("sharpness")
    spread = ", ".join(f"{name} {number(value)}" for name, value in parts.items())
    shown = plan.needed["runs"].dropna()
    runs = f", over {shown.min():,.0f} simulated runs or more" if len(shown) else ""
    same = (
        f"A stance difference of {plan.question.difference:g} that is the same in all families is"
        f" an excess divergence of {number(plan.excess_of_stance, 3)} bits."
    )
    return [
        f"Power is simulated: its interval is the Monte Carlo error{runs}.",
        READ,
        f"Standard deviations of positions: {spread}; sharpness {number(sharpness)}.",
        same,
    ]
