"""How far judges agree and can be relied on, as a terminal table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from analysis.classify.judge_panel import COVERED, SAME_IN_BOTH
from analysis.classify.labels import JUDGE, NAME
from probes.plain_text import for_terminal
from reports import languages
from reports.figures import interval, number
from reports.records import records
from reports.score_table import plain_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

PAIRS = {
    "agreement": "Same\nlabel",
    "kappa": "Cohen’s\nkappa",
    "ac1": "Gwet’s\nAC1",
    "alpha": "Krippen-\ndorff’s alpha",
}
ALONE = {SAME_IN_BOTH: "Same label\nin both orders", COVERED: "Coverage\nover one half"}

NOTES = (
    (
        "Judges are held against each other and against the trained classifier; that does not say"
        " who is right. doxa classify --evaluate measures a judge on labelled answers."
    ),
    (
        "Both orders: the judge labels the same with the options turned round. Coverage: a letter"
        " is what it would have said. Where either is rare, do not use its labels."
    ),
    "Intervals are 95%.",
)


def print_judges(figures: pd.DataFrame, console: Console) -> None:
    """Print what `Panel.figures` holds; nothing where it is empty.

    Without a terminal there are no rules and no colour.
    """
    if figures.empty:
        return
    alone = figures["b"] == ""
    for part, titles in ((figures[alone], ALONE), (figures[~alone], PAIRS)):
        if not part.empty:
            console.print()
            console.print(_table(part, titles, console))
    console.print()
    for line in NOTES:
        console.print(Text(f"· {line}", style="dim"))


def _table(figures: pd.DataFrame, titles: dict[str, str], console: Console) -> Table:
    table = plain_table(console, "", "", "n", *titles.values())
    table.columns[1].justify = "left"
    table.columns[1].overflow = "fold"
    for (language, a, b), rows in figures.groupby(["language", "a", "b"], sort=False):
        found = {row["measure"]: row for row in records(rows)}
        cells = [
            f"{number(found[name]['value'])}\n{interval(found[name]['low'], found[name]['high'])}"
            for name in titles
        ]
        table.add_row(
            Text(for_terminal(languages.name(str(language)))),
            Text("\n".join(for_terminal(rater(str(name))) for name in (a, b) if name)),
            str(rows["n"].iloc[0]),
            *cells,
        )
    return table


def rater(name: str) -> str:
    """A rater's name, short."""
    return "trained" if name == NAME else name.removeprefix(JUDGE)
