"""A backend in a process of its own, so that a crash in native code costs a batch and not the run.

The worker is spawned, not forked. Plain messages go over a pipe: cells there, responses back as
they come. When the worker dies, what was in flight is asked again in smaller pieces; a cell that
kills it twice is recorded as an error.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.cell import ModelDescription, Response, Shown
from prompts.errors import BackendError, DoxaError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from probes.backends.precision import WantedPrecision
    from probes.backends.protocol import Backend
    from probes.catalogue import ModelEntry
    from probes.cell import Cell, Sampling

IN_FLIGHT = 16
SEND_EVERY = 0.1  # seconds; fewer messages when responses come fast
KILLS = 2

_spawn = multiprocessing.get_context("spawn")


class Worker:
    """A backend that lives in another process, and is started again when it dies."""

    def __init__(
        self,
        entry: ModelEntry,
        precision: WantedPrecision,
        opener: Callable[[ModelEntry, WantedPrecision], Backend],
    ) -> None:
        """Start the process and let it load the model.

        Args:
            entry: of the model.
            precision: of its weights.
            opener: makes the backend, in the other process; it must be importable there.

        Raises:
            DoxaError: the backend cannot be opened, as it would say itself.
        """
        self._entry = entry
        self._precision = precision
        self._opener = opener
        descriptor, log = tempfile.mkstemp(prefix="doxa-worker-", suffix=".log")
        os.close(descriptor)
        self._log = Path(log)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    @property
    def description(self) -> ModelDescription:
        """What the run file says of the model."""
        return self._about[0]

    @property
    def scoring(self) -> dict[str, object]:
        """The settings that can change a scored number."""
        return self._about[1]

    @property
    def exact_scoring(self) -> dict[str, object]:
        """The same for exact scoring."""
        return self._about[2]

    @property
    def generating(self) -> dict[str, object]:
        """The same for open answers, beside the sampling."""
        return self._about[3]

    def shown(self, cell: Cell) -> Shown:
        """What the model sees of a cell.

        Raises:
            ModelError: the process died of it.
        """
        self._connection.send(("shown", cell, {}))
        try:
            found: Shown = self._receive()
        except EOFError as error:
            raise ModelError(
                f"{self._entry.id}: the program that renders its prompts died ({self._why()}).",
                "Its chat template may be damaged; try another conversion of the model.",
            ) from error
        return found

    def score(self, cells: Sequence[Cell], *, exact: bool = False) -> Iterator[Response]:
        """Yield the log-probabilities of each cell's option labels."""
        yield from self._ask("score", cells, {"exact": exact})

    def generate(self, cells: Sequence[Cell], sampling: Sampling) -> Iterator[Response]:
        """Yield the answer to each open cell, in any order."""
        yield from self._ask("generate", cells, {"sampling": sampling})

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._log.unlink(missing_ok=True)

    def _start(self) -> None:
        self._connection, theirs = _spawn.Pipe()
        self._process = _spawn.Process(
            target=_serve,
            args=(theirs, self._opener, self._entry, self._precision, str(self._log)),
            daemon=True,
        )
        self._process.start()
        theirs.close()
        try:
            self._about: tuple[
                ModelDescription, dict[str, object], dict[str, object], dict[str, object]
            ] = self._receive()
        except EOFError as error:
            raise ModelError(
                f"{self._entry.id}: the program that loads it died ({self._why()}).",
                "The file may be damaged, or larger than the memory; check it with "
                "`doxa models check`.",
            ) from error

    def _ask(self, verb: str, cells: Sequence[Cell], how: dict[str, Any]) -> Iterator[Response]:
        pieces = [list(cells)]
        killed = Counter[str]()
        while pieces:
            left = {cell.id: cell for cell in pieces.pop()}
            try:
                for response in self._stream(verb, list(left.values()), how):
                    del left[response.cell]
                    yield response
            except (EOFError, BrokenPipeError, ConnectionResetError):
                why = self._why()
                suspects = list(left.values())
                if len(suspects) == 1:
                    (cell,) = suspects
                    killed[cell.id] += 1
                    if killed[cell.id] >= KILLS:
                        yield Response(
                            cell=cell.id, ending="error", error=f"It ends the model: {why}."
                        )
                        suspects = []
                cut = IN_FLIGHT if len(suspects) > IN_FLIGHT else -(-len(suspects) // 2)
                pieces += [piece for piece in (suspects[cut:], suspects[:cut]) if piece]
                self._process.join()
                self._start()

    def _stream(self, verb: str, cells: list[Cell], how: dict[str, Any]) -> Iterator[Response]:
        self._connection.send((verb, cells, how))
        while (batch := self._receive()) is not None:
            yield from batch

    def _receive(self) -> Any:
        message = self._connection.recv()
        if isinstance(message, DoxaError):
            raise message
        return message

    def _why(self) -> str:
        self._process.join(timeout=5)
        lines = self._log.read_text("utf-8", "replace").split("\n")
        said = next((line.strip() for line in lines if "ASSERT" in line or "rror" in line), "")
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
            return f"{name}{memory}{'; ' + said[:200] if said else ''}"
        return said[:200] or f"exit status {code}"


def _serve(
    connection: Connection,
    opener: Callable[[ModelEntry, WantedPrecision], Backend],
    entry: ModelEntry,
    precision: WantedPrecision,
    log: str,
) -> None:
    """What the worker process does: open the backend, then answer until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes the pipe
    descriptor = os.open(log, os.O_WRONLY | os.O_TRUNC)
    os.dup2(descriptor, 2)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            backend = opener(entry, precision)
        except DoxaError as error:
            connection.send(error)
            return
        connection.send(
            (backend.description, backend.scoring, backend.exact_scoring, backend.generating)
        )
        while True:
            verb, asked, how = connection.recv()
            try:
                found = getattr(backend, verb)(asked, **how)
                if verb == "shown":
                    connection.send(found)
                else:
                    _answer(connection, found)
            except DoxaError as error:
                connection.send(error)
            except FloatingPointError as error:
                connection.send(
                    BackendError(
                        f"{entry.id} does not give numbers ({error}).",
                        "Its file may be damaged: pull it again, or try another conversion.",
                    )
                )


def _answer(connection: Connection, responses: Iterator[Response]) -> None:
    waiting: list[Response] = []
    sent = time.monotonic()
    for response in responses:
        waiting.append(response)
        if time.monotonic() - sent >= SEND_EVERY:
            connection.send(waiting)
            waiting = []
            sent = time.monotonic()
    connection.send(waiting)
    connection.send(None)
