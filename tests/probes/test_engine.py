"""The engine: what is stored is not asked again, whatever stopped the run."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import pytest

from probes import engine, runfile
from probes.backends.simulated import Simulated
from probes.catalogue import ModelEntry
from probes.cell import SCORED, Response, Sampling
from probes.plan import Selection, plan
from prompts.errors import RunFileError
from prompts.load import load_battery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from probes.cell import Cell

SAMPLING = Sampling()
ANSWERS = (
    "SELECT probes.id, cell, weights, settings, ending, logprobs, text, error "
    "FROM probes JOIN responses ON probe = probes.id ORDER BY probes.id"
)


@dataclass
class Watch:
    """Looks on, and stops the run when it has seen enough."""

    most: float = float("inf")
    seen: int = 0
    said: list[tuple[str, int, int]] = field(default_factory=list)
    finished: int = 0

    def start(self, model: str, done: int, total: int) -> None:
        """A model begins."""
        self.said.append((model, done, total))

    def advance(self, count: int) -> None:
        """More is stored."""
        self.seen += count
        if self.seen >= self.most:
            self.most = float("inf")
            raise KeyboardInterrupt

    def finish(self) -> None:
        """The model is done."""
        self.finished += 1


def simulated(name: str) -> ModelEntry:
    """A model whose answers are known."""
    return ModelEntry(id=name, backend="simulated")


def ask(
    out: Path,
    battery: Path,
    models: Sequence[ModelEntry],
    watch: Watch,
    chosen: Selection = Selection(),  # noqa: B008
) -> list[engine.Failure]:
    """Run models over a battery."""
    loaded = load_battery(str(battery))
    return engine.run(out, loaded, plan(loaded, chosen), models, SAMPLING, "native", watch)


def rows(out: Path, query: str = ANSWERS) -> list[tuple[object, ...]]:
    """What is stored."""
    with runfile.reading(out) as db:
        return db.execute(query).fetchall()


def test_manifest_keeps_what_each_model_saw_first(small: Path, tmp_path: Path) -> None:
    """The rendered prompt of the first cell of each kind stands in the manifest, by model."""
    out = tmp_path / "run.sqlite"
    ask(out, small, [simulated("a")], Watch(), Selection(kinds=("agree",)))
    ask(out, small, [simulated("a"), simulated("b")], Watch(), Selection(kinds=("open",)))
    with runfile.reading(out) as db:
        kept = runfile.manifest(db)["first_prompts"]
    planned = plan(load_battery(str(small)), Selection())
    for model, kinds in (("a", {"agree", "open"}), ("b", {"open"})):
        assert set(kept[model]) == kinds
        for kind, shown in kept[model].items():
            first = next(cell for cell in planned if cell.kind == kind)
            assert shown == {"cell": first.id, "text": first.prompt, "tokens": []}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit after every seventh answer."""
    monkeypatch.setattr(engine, "COMMIT_MOST", 7)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("stop", [1, 50, 107, 150, 204])
def test_stopped_and_continued_run_equals_an_unbroken_one(
    stop: int, small: Path, tmp_path: Path
) -> None:
    """Wherever it was stopped, the answers are the same, row for row."""
    models = [simulated("a"), simulated("b")]
    ask(tmp_path / "whole.sqlite", small, models, Watch())
    broken = tmp_path / "broken.sqlite"
    with pytest.raises(KeyboardInterrupt):
        ask(broken, small, models, Watch(most=stop))
    kept = rows(broken)
    assert stop <= len(kept) < 212
    again = Watch()
    assert ask(broken, small, models, again) == []
    assert rows(broken)[: len(kept)] == kept
    assert rows(broken) == rows(tmp_path / "whole.sqlite")
    assert len(kept) + again.seen == 212


class Counting(Simulated):
    """A simulated model that counts how often it was asked, and errs on some cells."""

    asked: list[str]
    errs: set[str]

    def score(self, cells: Sequence[Cell], *, exact: bool = False) -> Iterator[Response]:
        """Answer, or err."""
        for cell, response in zip(cells, super().score(cells, exact=exact), strict=True):
            self.asked.append(cell.id)
            bad = Response(cell=cell.id, ending="error", error="no")
            yield bad if cell.id in self.errs else response


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    """Open counting models."""
    Counting.asked, Counting.errs = [], set()
    monkeypatch.setattr(engine, "open_backend", lambda entry, _: Counting(entry))
    return Counting


def test_only_errors_are_asked_again(counting: type[Counting], small: Path, tmp_path: Path) -> None:
    """A second run asks what failed and nothing else; a third asks nothing."""
    cells = [cell for cell in plan(load_battery(str(small)), Selection()) if cell.kind in SCORED]
    counting.errs = {cells[3].id, cells[-1].id}
    ask(tmp_path / "x.sqlite", small, [simulated("a")], Watch())
    assert counting.asked == [cell.id for cell in cells]
    counting.asked.clear()
    counting.errs = {cells[3].id}
    watch = Watch()
    ask(tmp_path / "x.sqlite", small, [simulated("a")], watch)
    assert counting.asked == [cells[3].id, cells[-1].id]
    assert watch.said == [("a", 104, 106)]
    counting.errs = set()
    ask(tmp_path / "x.sqlite", small, [simulated("a")], Watch())
    counting.asked.clear()
    ask(tmp_path / "x.sqlite", small, [simulated("a")], Watch())
    assert counting.asked == []
    assert len(rows(tmp_path / "x.sqlite")) == 106


def test_run_grows_by_what_is_new(counting: type[Counting], small: Path, tmp_path: Path) -> None:
    """A limited run that is widened asks only what it does not hold."""
    out = tmp_path / "x.sqlite"
    ask(out, small, [simulated("a")], Watch(), Selection(limit=10))
    before = list(counting.asked)
    ask(out, small, [simulated("a")], Watch(), Selection(kinds=("agree",), families=1))
    assert len(counting.asked) == len(set(counting.asked)) > len(before) == 10


def test_other_sampling_is_another_answer(small: Path, tmp_path: Path) -> None:
    """Open cells are asked again with another seed, scored ones are not."""
    loaded = load_battery(str(small))
    cells = plan(loaded, Selection())
    for seed in (0, 1, 0):
        sampling = Sampling(seed=seed, temperature=1)
        out = tmp_path / "x.sqlite"
        engine.run(out, loaded, cells, [simulated("a")], sampling, "native", Watch())
    kinds = "SELECT kind, count(*) FROM probes JOIN cells ON cells.id = cell GROUP BY kind"
    assert dict(rows(out, kinds)) == {"agree": 96, "choose": 4, "open": 8, "task": 4}


def test_manifest_says_when_a_run_ended(small: Path, tmp_path: Path) -> None:
    """A run that was continued and stopped again has not ended, and began when it began."""
    out = tmp_path / "x.sqlite"
    ask(out, small, [simulated("a")], Watch())
    with runfile.reading(out) as db:
        first = runfile.manifest(db)
    assert first["ended"] >= first["started"]
    assert (first["battery"], first["battery_version"]) == ("small", "1.2.3")
    assert first["topics"]["tea"] == "Tea or coffee"
    with pytest.raises(KeyboardInterrupt):
        ask(out, small, [simulated("b")], Watch(most=1))
    with runfile.reading(out) as db:
        second = runfile.manifest(db)
    assert "ended" not in second
    assert second["started"] == first["started"]


def test_changed_battery_is_refused_before_anything_is_asked(
    counting: type[Counting], small: Path, tmp_path: Path
) -> None:
    """A text that changed under the same version stops the run, and the file stays as it was."""
    out = tmp_path / "x.sqlite"
    ask(out, small, [simulated("a")], Watch())
    before = rows(out)
    counting.asked.clear()
    path = small / "topics/tea.yaml"
    path.write_text(path.read_text().replace("pupils", "students"))
    with pytest.raises(RunFileError, match=r"topics/tea\.yaml"):
        ask(out, small, [simulated("a")], Watch())
    assert counting.asked == []
    assert rows(out) == before


def corrupt(source: Path, target: Path) -> Path:
    """A copy of a model whose numbers are no numbers; its header is whole."""
    shutil.copyfile(source, target)
    with target.open("r+b") as file:
        half = target.stat().st_size // 2
        file.seek(half)
        file.write(b"\xff" * half)
    return target


def entry(name: str, path: Path) -> ModelEntry:
    """A GGUF file as a model."""
    return ModelEntry(id=name, backend="llama_cpp", path=str(path))


def test_corrupt_models_do_not_stop_the_others(
    small: Path, tmp_path: Path, model_paths: dict[str, Path]
) -> None:
    """A missing, a cut-off and a damaged file fail with a reason each; the last model is asked."""
    source = model_paths["smollm2-135m-instruct"]
    (tmp_path / "cut.gguf").write_bytes(source.read_bytes()[: 30 * 2**20])
    (tmp_path / "text.gguf").write_text("not a model")
    models = [
        entry("missing", tmp_path / "none.gguf"),
        entry("text", tmp_path / "text.gguf"),
        entry("cut", tmp_path / "cut.gguf"),
        entry("damaged", corrupt(source, tmp_path / "damaged.gguf")),
        simulated("whole"),
    ]
    watch = Watch()
    failures = ask(tmp_path / "x.sqlite", small, models, watch, Selection(limit=6))
    assert [failure.model for failure in failures] == ["missing", "text", "cut", "damaged"]
    for failure in failures:
        assert failure.model in failure.error.what
        assert failure.error.remedy
    stored = "SELECT models.id, count(*) FROM models JOIN probes USING (weights) GROUP BY 1"
    assert rows(tmp_path / "x.sqlite", stored) == [("whole", 6)]
    assert watch.finished == len(watch.said)


@contextlib.contextmanager
def started(
    command: str, out: Path, small: Path, env: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """The real command asking a real model in a process group of its own, a cell at a time."""
    words = ["--battery", small, "--languages", "en", "--kinds", "agree", "--exact"]
    words += ["--models", "smollm2-135m-instruct", "--out", out]
    with subprocess.Popen(
        [command, "run", *map(str, words)],
        env=env,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Look again and again, for two minutes."""
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail(f"{what} has not happened")


def count(out: Path) -> int:
    """How many responses another process has committed."""
    with contextlib.suppress(RunFileError, sqlite3.Error):
        return len(rows(out, "SELECT probe FROM responses"))
    return 0


KEPT = (
    "SELECT probes.id, cell, settings, logprobs, seconds FROM probes "
    "JOIN responses ON probe = probes.id ORDER BY probes.id"
)


def test_ctrl_c_and_kill_lose_nothing_that_was_stored(
    command: str, surroundings: dict[str, str], small: Path, tmp_path: Path
) -> None:
    """Interrupted, killed and continued: exit status 130, nothing asked twice, nothing missing."""
    out = tmp_path / "x.sqlite"
    with started(command, out, small, surroundings) as process:
        wait_until(lambda: count(out) >= 2, "the first answers")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == (
        "doxa: Stopped. What was stored stays; the same command continues."
    )
    assert "Traceback" not in said
    assert [file.name for file in tmp_path.glob("x.sqlite*")] == ["x.sqlite"]
    first = rows(out, KEPT)
    assert 2 <= len(first) < 48

    with started(command, out, small, surroundings) as process:
        wait_until(lambda: count(out) > len(first), "the next answers")
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait(timeout=60)
    wait_until(lambda: not any(p.is_running() for p in family), "the end of the worker")
    second = rows(out, KEPT)
    assert second[: len(first)] == first
    assert len(second) < 48

    with started(command, out, small, surroundings) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    third = rows(out, KEPT)
    assert third[: len(second)] == second
    assert len({(cell, settings) for _, cell, settings, _, _ in third}) == len(third) == 48
