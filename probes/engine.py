"""The engine: asks each model what its run file does not hold yet, and stores as it goes."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

import psutil

from probes import runfile
from probes.backends.opening import open_backend
from probes.cell import SCORED
from prompts.errors import DoxaError, RunFileError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from probes.backends.precision import WantedPrecision
    from probes.backends.protocol import Backend
    from probes.catalogue import ModelEntry
    from probes.cell import Cell, Response, Sampling
    from prompts.load import Battery

COMMIT_EVERY = 0.5  # seconds: what a kill may cost
COMMIT_MOST = 8192
NOISE_SAMPLE = 32


class Watch(Protocol):
    """Somebody who looks on."""

    def start(self, model: str, done: int, total: int) -> None:
        """A model begins; some of its cells were answered earlier."""

    def advance(self, count: int) -> None:
        """More cells were answered and stored."""

    def finish(self) -> None:
        """The model is done, or was stopped."""


@dataclass(frozen=True)
class Failure:
    """A model that could not be asked to the end."""

    model: str
    error: DoxaError


def run(
    path: Path,
    battery: Battery,
    cells: Sequence[Cell],
    models: Sequence[ModelEntry],
    sampling: Sampling,
    precision: WantedPrecision,
    watch: Watch,
    *,
    exact: bool = False,
) -> list[Failure]:
    """Ask every model every cell that the run file does not hold.

    Models are asked one after another; one that fails does not keep the others from being asked.

    Args:
        path: of the run file, which is made or continued.
        battery: that the cells are of.
        cells: the plan.
        models: to ask.
        sampling: of open answers.
        precision: of the weights in memory.
        watch: is told how it goes.
        exact: score every cell with one full prefill of its own.

    Returns:
        The models that failed, with the reason.

    Raises:
        RunFileError: the run file cannot be written, or was made with another battery.
    """
    failures = []
    with runfile.writing(path) as db:
        _begin(db, path, battery, cells, sampling)
        for entry in models:
            try:
                backend = open_backend(entry, precision)
                try:
                    _ask(db, backend, cells, sampling, watch, exact=exact)
                finally:
                    backend.close()
            except RunFileError:
                raise
            except DoxaError as error:
                failures.append(Failure(entry.id, error))
        runfile.set_manifest(db, ended=_now())
    return failures


def _begin(
    db: sqlite3.Connection,
    path: Path,
    battery: Battery,
    cells: Sequence[Cell],
    sampling: Sampling,
) -> None:
    with runfile.transaction(db):
        runfile.set_battery(db, battery.name, battery.version, battery.files, path)
        db.execute("DELETE FROM manifest WHERE key = 'ended'")
        stored = runfile.manifest(db)
        titles = stored.get("topics", {}) | {
            topic.id: topic.title for topic in battery.topics.values()
        }
        runfile.set_manifest(
            db,
            doxa=version("doxa"),
            started=stored.get("started", _now()),
            topics=titles,
            languages=stored.get("languages", {})
            | {
                code: {"name": lang.name, "english": lang.english_name, "direction": lang.direction}
                for code, lang in battery.languages.items()
            },
            sampling=asdict(sampling),
            machine={
                "system": platform.system(),
                "processor": platform.processor() or platform.machine(),
                "cores": psutil.cpu_count(logical=False),
                "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
                "python": platform.python_version(),
            },
        )
        runfile.add_cells(db, cells)


def _ask(
    db: sqlite3.Connection,
    backend: Backend,
    cells: Sequence[Cell],
    sampling: Sampling,
    watch: Watch,
    *,
    exact: bool,
) -> None:
    model = backend.description
    with runfile.transaction(db):
        runfile.add_model(db, model)
        _keep_first_prompts(db, backend, cells)
    scored = [cell for cell in cells if cell.kind in SCORED]
    opened = [cell for cell in cells if cell.kind not in SCORED]
    way = backend.exact_scoring if exact else backend.scoring
    scoring = json.dumps(way, sort_keys=True)
    generating = json.dumps(asdict(sampling) | backend.generating, sort_keys=True)
    known = runfile.answered(db, model.weights, scoring)
    known_open = runfile.answered(db, model.weights, generating)
    left = [cell for cell in scored if cell.id not in known]
    left_open = [cell for cell in opened if cell.id not in known_open]
    watch.start(model.id, len(cells) - len(left) - len(left_open), len(cells))
    try:
        if left:
            _store(db, model.weights, scoring, backend.score(left, exact=exact), watch)
        if way != backend.exact_scoring:
            _measure_noise(db, backend, scored)
        if left_open:
            _store(db, model.weights, generating, backend.generate(left_open, sampling), watch)
    finally:
        watch.finish()


def _keep_first_prompts(db: sqlite3.Connection, backend: Backend, cells: Sequence[Cell]) -> None:
    """Put into the manifest what the model saw of the first cell of each kind."""
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(cell.kind, cell)
    name = backend.description.id
    shown = {kind: {"cell": cell.id, **asdict(backend.shown(cell))} for kind, cell in first.items()}
    kept = runfile.manifest(db).get("first_prompts", {})
    runfile.set_manifest(db, first_prompts=kept | {name: kept.get(name, {}) | shown})


def _measure_noise(db: sqlite3.Connection, backend: Backend, scored: Sequence[Cell]) -> None:
    """Ask a sample again, sharing nothing: how far the fast way is from it is the engine noise."""
    weights, exact = backend.description.weights, json.dumps(backend.exact_scoring, sort_keys=True)
    known = runfile.answered(db, weights, exact)
    # ids are hashes: the smallest are a sample that does not depend on the plan's order
    sample = sorted(scored, key=lambda cell: cell.id)[:NOISE_SAMPLE]
    left = [cell for cell in sample if cell.id not in known]
    if left:
        _store(db, weights, exact, backend.score(left, exact=True), None)


def _store(
    db: sqlite3.Connection,
    weights: str,
    settings: str,
    responses: Iterable[Response],
    watch: Watch | None,
) -> None:
    waiting: list[Response] = []
    committed = time.monotonic()
    try:
        for response in responses:
            waiting.append(response)
            if len(waiting) >= COMMIT_MOST or time.monotonic() - committed >= COMMIT_EVERY:
                runfile.add_responses(db, weights, settings, waiting)
                if watch:
                    watch.advance(len(waiting))
                waiting.clear()
                committed = time.monotonic()
    finally:
        if waiting:
            runfile.add_responses(db, weights, settings, waiting)
            if watch:
                watch.advance(len(waiting))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
