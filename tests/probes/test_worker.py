"""The worker process: what a crash costs."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from probes.backends.simulated import Simulated
from probes.catalogue import ModelEntry
from probes.cell import Cell, Option, Sampling
from probes.worker import Worker
from prompts.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

CELL = Cell(
    kind="agree",
    topic="t",
    domain="d",
    tag="contested",
    language="en",
    family="t/s1",
    item="t/s1.pro",
    pole="pro",
    frame="f",
    labels="letters",
    forced=True,
    order="forward",
    head="h",
    stem="",
    suffix="x",
    options=(Option("A", "yes", 1.0), Option("B", "no", -1.0)),
    poles=("yes", "no"),
)


def cells(*special: tuple[int, str], count: int = 60) -> list[Cell]:
    """Distinct cells, some of which are special items."""
    items = dict(special)
    return [
        replace(CELL, stem=f"{number}", item=items.get(number, f"t/{number}"))
        for number in range(count)
    ]


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of backends that die, importable in the worker too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("crashing")


@pytest.fixture
def entry(tmp_path: Path) -> ModelEntry:
    """A model whose deaths are noted in a folder of the test."""
    return ModelEntry(id="m", backend="simulated", path=str(tmp_path / "died"))


@pytest.fixture
def worker(crashing: Any, entry: ModelEntry) -> Iterator[Worker]:
    """A worker that answers until a cell kills it."""
    worker = Worker(entry, "auto", crashing.crashing)
    yield worker
    worker.close()


def test_answers_are_the_backends_own(worker: Worker, entry: ModelEntry) -> None:
    """Through the pipe comes exactly what the backend answers, description included."""
    direct = Simulated(entry)
    asked = cells()
    assert list(worker.score(asked)) == list(direct.score(asked))
    assert list(worker.generate(asked, Sampling())) == list(direct.generate(asked, Sampling()))
    assert worker.description == direct.description
    assert worker.scoring == direct.scoring


@pytest.mark.parametrize("verb", ["score", "generate"])
def test_killer_costs_itself_alone(worker: Worker, verb: str) -> None:
    """A cell that kills the model twice is an error with its reason; all others are answered."""
    asked = cells((7, "killer"), (41, "killer"))
    how = {"sampling": Sampling()} if verb == "generate" else {}
    responses = list(getattr(worker, verb)(asked, **how))
    assert sorted(r.cell for r in responses) == sorted(cell.id for cell in asked)
    errors = {r.cell: r.error for r in responses if r.ending == "error"}
    assert set(errors) == {asked[7].id, asked[41].id}
    assert all("SIGABRT" in str(error) for error in errors.values())


def test_one_kill_costs_nothing(worker: Worker) -> None:
    """A death that does not repeat, as from the kernel's OOM killer, leaves no error."""
    asked = cells((30, "once"))
    responses = list(worker.score(asked))
    assert sorted(r.cell for r in responses) == sorted(cell.id for cell in asked)
    assert {r.ending for r in responses} == {"complete"}


def test_errors_of_the_backend_come_through(crashing: Any, entry: ModelEntry) -> None:
    """An error with a remedy is the same error on this side of the pipe."""
    with pytest.raises(ModelError) as caught:
        Worker(entry, "auto", crashing.refusing)
    assert caught.value.remedy == "Mend it."


def test_death_while_loading_is_an_error(crashing: Any, entry: ModelEntry) -> None:
    """A file that kills the loader is an error that names the signal."""
    with pytest.raises(ModelError, match="SIGABRT"):
        Worker(entry, "auto", crashing.dying)


def test_close_ends_the_process(crashing: Any, entry: ModelEntry) -> None:
    """Nothing is left behind."""
    before = set(psutil.Process().children())
    worker = Worker(entry, "auto", crashing.crashing)
    started = set(psutil.Process().children()) - before
    assert started
    worker.close()
    assert not [p for p in started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
