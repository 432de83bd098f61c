"""Text and tables for terminals: others' escape sequences are not obeyed, files get plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from probes.plain_text import for_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

MEDIUM, WIDE = 80, 120
"""Columns from which tables show more."""

MINUS = "\u2212"


def text(words: str, style: str = "") -> Text:
    """Words as text only, whatever they hold."""
    return Text(for_terminal(words).replace(MINUS, "-"), style=style)


def empty_table(console: Console) -> Table:
    """A table with a rule under its head on a terminal, and without one elsewhere."""
    return Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)


def show(title: str, table: Table, console: Console) -> None:
    """Print a table under its title."""
    console.print(text(title, "bold"))
    console.print(table)
    if not console.is_terminal:
        console.print()


def remarks(lines: Iterable[str], console: Console) -> None:
    """Print what must stand under the tables."""
    for line in lines:
        console.print(text(f"· {line}", "dim"))
