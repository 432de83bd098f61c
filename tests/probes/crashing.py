"""A backend for the worker's tests that really dies, in its own process."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from probes.backends.simulated import Simulated
from prompts.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probes.backends.precision import WantedPrecision
    from probes.catalogue import ModelEntry
    from probes.cell import Cell, Response, Sampling

KILLER = "killer"  # an item that ends the process whenever it is asked
ONCE = "once"  # an item that ends it the first time


class Crashing(Simulated):
    """Answers like the simulated backend, until a cell ends the process."""

    def __init__(self, entry: ModelEntry) -> None:
        """Remember where deaths are noted down, which outlives the process."""
        super().__init__(entry)
        self._notes = Path(entry.path or "")

    def score(self, cells: Sequence[Cell], *, exact: bool = False) -> Iterator[Response]:
        """Answer, or die as native code does."""
        for cell in cells:
            self._perhaps_die(cell)
            yield from super().score([cell], exact=exact)

    def generate(self, cells: Sequence[Cell], sampling: Sampling) -> Iterator[Response]:
        """Answer, or die as native code does."""
        for cell in cells:
            self._perhaps_die(cell)
            yield from super().generate([cell], sampling)

    def _perhaps_die(self, cell: Cell) -> None:
        if cell.item == KILLER:
            os.abort()
        if cell.item == ONCE and not self._notes.exists():
            self._notes.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def crashing(entry: ModelEntry, precision: WantedPrecision) -> Crashing:
    """Open the backend."""
    del precision
    return Crashing(entry)


def refusing(entry: ModelEntry, precision: WantedPrecision) -> Crashing:
    """Fail with an error of doxa's own."""
    del precision
    raise ModelError(f"{entry.id} is broken.", "Mend it.")


def dying(entry: ModelEntry, precision: WantedPrecision) -> Crashing:
    """Die while loading."""
    del entry, precision
    os.abort()
