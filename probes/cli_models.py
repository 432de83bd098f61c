"""The commands ``doxa models list``, ``pull`` and ``check``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress as Bar

    from probes.sources import Progress

app = typer.Typer(help="The models that doxa knows, and fetching them.", no_args_is_help=True)


@app.command("list", epilog="Example: doxa models list")
def list_models() -> None:
    """List the catalogue, and which models are here."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Column, Table
    from rich.text import Text

    from probes.catalogue import catalogue, location

    model, weights, state = (Column(name, no_wrap=True) for name in ("model", "weights", "state"))
    table = Table(model, "developer", "licence", weights, state, box=SIMPLE_HEAD, pad_edge=False)
    for entry in catalogue().values():
        path = location(entry)
        here = "no file" if path is None else "here" if path.exists() else "not here"
        size = decimal(entry.size) if entry.size else ""
        developer = f"{entry.developer}\n{entry.country}"
        cells = (entry.id, developer, entry.licence, f"{entry.quantisation}\n{size}", here)
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table)


@app.command("pull", epilog="Example: doxa models pull smollm2-135m-instruct gemma-3-270m")
def pull_models(
    names: Annotated[list[str], typer.Argument(metavar="NAMES", help="Ids from `list`.")],
) -> None:
    """Fetch models into the models folder and verify them.

    An interrupted pull goes on where it stopped.
    """
    from rich.console import Console

    from probes.catalogue import find
    from probes.pull import pull

    for entry in [find(name) for name in names]:
        with terminal_progress(Console()) as progress:
            pull(entry, progress=progress)


@app.command("check", epilog="Example: doxa models check gemma-3-270m")
def check_models(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAMES", help="Ids; all when left out.")
    ] = None,
) -> None:
    """Read the files that are here, and compare their SHA-256 with the catalogue's."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from probes.catalogue import catalogue, find, location
    from probes.pull import check
    from prompts.errors import ModelError

    entries = [find(name) for name in names] if names else list(catalogue().values())
    states = [check(entry) for entry in entries]
    table = Table(
        Column("model", no_wrap=True), "state", Column("file", overflow="fold"), box=SIMPLE_HEAD
    )
    for entry, state in zip(entries, states, strict=True):
        table.add_row(Text(entry.id), state, Text(str(location(entry) or "")))
    Console().print(table)
    fine = {"present", "no file"} if names else {"present", "no file", "missing"}
    wrong = [entry.id for entry, state in zip(entries, states, strict=True) if state not in fine]
    if wrong:
        raise ModelError(
            f"These models cannot be used as they are: {', '.join(wrong)}.",
            f"Fetch them with `doxa models pull {' '.join(wrong)}`.",
        )


@contextmanager
def terminal_progress(console: Console) -> Iterator[Progress]:
    """Show a pull as a bar on a terminal, and as plain lines anywhere else."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), TextColumn("{task.percentage:>3.0f} %"), BarColumn())
    with Bar(
        *columns, DownloadColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        yield _OnBar(bar)


class _Lines:
    """A line for every tenth of the file."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.shown = 0

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def advance(self, done: int, total: int) -> None:
        from rich.filesize import decimal

        tenth = 10 * done // total
        if tenth > self.shown:
            self.shown = tenth
            self.say(f"{decimal(done)} of {decimal(total)}")


class _OnBar:
    """A bar that appears with the first bytes."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.lines = _Lines(bar.console)

    def say(self, line: str) -> None:
        self.lines.say(line)

    def advance(self, done: int, total: int) -> None:
        if not self.bar.task_ids:
            self.bar.add_task("")
        self.bar.update(self.bar.task_ids[0], completed=done, total=total)
