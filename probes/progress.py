"""How far a run is: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from probes.engine import Watch

PLAIN_EVERY = 30.0  # seconds


def watch(console: Console) -> Watch:
    """A live view where the console is a terminal, else plain lines."""
    return _Live(console) if console.is_terminal else _Plain(console)


class _Rate(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")


class _Live:
    """One line a model; finished lines stay."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def start(self, model: str, done: int, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True),
            console=self._console,
        )
        self._task = self._progress.add_task(model, total=total, completed=done)
        self._progress.start()

    def advance(self, count: int) -> None:
        if self._progress:
            self._progress.advance(self._task, count)

    def finish(self) -> None:
        if self._progress:
            self._progress.stop()


class _Plain:
    """A line at the beginning, one every half minute, one at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._model = ""
        self._done = self._total = self._before = 0
        self._started = self._said = 0.0

    def start(self, model: str, done: int, total: int) -> None:
        self._model, self._done, self._total, self._before = model, done, total, done
        self._started = self._said = time.monotonic()
        self._say(f"{model}: {done} of {total} cells answered before")

    def advance(self, count: int) -> None:
        self._done += count
        if time.monotonic() - self._said >= PLAIN_EVERY:
            self._said = time.monotonic()
            rate = (self._done - self._before) / (self._said - self._started)
            left = (self._total - self._done) / rate
            self._say(f"{self._model}: {self._done}/{self._total}, {rate:.1f}/s, {left:.0f} s left")

    def finish(self) -> None:
        took = time.monotonic() - self._started
        self._say(f"{self._model}: {self._done}/{self._total} in {took:.0f} s")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)
