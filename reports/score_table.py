"""How well the classifier labels answers whose outcome is known, as terminal tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from analysis.classify.scores import outcome_scores
from reports import languages
from reports.figures import interval, number, percent
from reports.records import records

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from analysis.classify.evaluate import Evaluation

NOTES = (
    "A row is what answers are, a column what they are labelled as.",
    (
        "F1 is the mean over outcomes, manner that of answering, deflecting, refusing and"
        " degenerate; intervals are 95%, of the test answers drawn anew."
    ),
    "Stance: of the answers that take one and are seen to answer, the share with the right one.",
    "Language: of the responses over 20 characters, the share whose language is seen.",
    (
        "Calibration: the mean gap between stated and true probability; in brackets what exact"
        " probabilities would show on as many answers."
    ),
)


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print the figures by language, then each language's outcomes and what they are taken for.

    Without a terminal there are no rules and no colour.
    """
    console.print(_figures(evaluation.figures, console))
    for language, counts in evaluation.counts.items():
        console.print()
        console.print(Text(languages.name(language), style="bold"))
        console.print(_outcomes(counts, console))
    console.print()
    for line in NOTES:
        console.print(Text(f"· {line}", style="dim"))


def _figures(figures: pd.DataFrame, console: Console) -> Table:
    titles = ("Answers", "Right", "F1", "Manner", "Stance", "Language", "Cali-\nbration")
    table = plain_table(console, "", *titles)
    for row in records(figures):
        told = row["told_right"] / row["told"] if row["told"] else float("nan")
        table.add_row(
            languages.name(row["language"]),
            f"{row['n']:.0f}",
            percent(row["accuracy"]),
            f"{number(row['macro_f1'])}\n{interval(row['low'], row['high'])}",
            f"{number(row['manner_f1'])}\n{interval(row['manner_low'], row['manner_high'])}",
            f"{percent(row['stance_accuracy'])}\nof {row['stance_n']:.0f}",
            f"{number(100 * told, 1)}%\nof {row['told']:.0f}",
            f"{number(row['calibration_error'])}\n({number(row['calibrated_error'])})",
        )
    return table


def _outcomes(counts: pd.DataFrame, console: Console) -> Table:
    """A row per true outcome: how often it is found, and what its answers are labelled as."""
    shown = outcome_scores(counts)
    names = list(shown["outcome"])
    table = plain_table(console, "", "n", "Recall", "Prec.", *names)
    for row in records(shown):
        taken = [f"{int(n)}" if n else "·" for n in counts.loc[row["outcome"], names]]
        found = (f"{row['n']}", number(row["recall"]), number(row["precision"]))
        table.add_row(row["outcome"], *found, *taken)
    return table


def plain_table(console: Console, *titles: str) -> Table:
    """A table with these columns, the first to the left; without rules where is no terminal."""
    ruled = box.SIMPLE_HEAD if console.is_terminal else None
    # the rules come with a column of space between any two
    gap = (0, 0) if ruled else (0, 1)
    table = Table(box=ruled, padding=gap, show_edge=False, pad_edge=False, collapse_padding=True)
    for place, title in enumerate(titles):
        table.add_column(title, justify="right" if place else "left")
    return table
