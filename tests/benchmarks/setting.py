"""How the benchmarks are run, what a row is, and what contenders share."""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
from contender import Contender
from table import Line

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Setting:
    """What the user chose.

    Attributes:
        runs: of each contender, of which the median counts.
        cells: scored a model, at least.
        open_cells: open questions a model.
        models: by id.
    """

    runs: int
    cells: int
    open_cells: int
    models: tuple[str, ...]


Row = Callable[[Setting], Iterator[Line]]


@dataclass(frozen=True)
class Work:
    """A model opened by doxa, with what it and the others are asked.

    Attributes:
        doxa: the contender.
        about: its precision, threads and files.
        path: of the workload.
        cells: the workload itself.
    """

    doxa: Contender
    about: dict[str, Any]
    path: Path
    cells: list[dict[str, Any]]

    def __enter__(self) -> Self:
        """Use it in a with statement, which ends doxa."""
        return self

    def __exit__(self, *why: object) -> None:
        """End doxa."""
        self.doxa.end()

    @property
    def prompts(self) -> Sequence[Sequence[int]]:
        """The tokens of each prompt."""
        return [cell["tokens"] for cell in self.cells]


def work(model: str, kind: str, count: int, folder: Path) -> Work:
    """Open a model with doxa and write down what is asked.

    Args:
        model: its id.
        kind: ``scored`` or ``open``.
        count: of cells, at least.
        folder: to write to.
    """
    doxa = Contender(sys.executable, "ask_doxa.py", model)
    path = folder / f"{model}-{kind}.json"
    doxa.ask("workload", kind=kind, count=count, path=str(path))
    return Work(doxa, doxa.ask("about"), path, json.loads(path.read_text("utf-8")))


def command() -> Path:
    """The installed command ``doxa``."""
    return Path(sysconfig.get_path("scripts")) / "doxa"


def folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that is gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="doxa-bench-")


def machine() -> str:
    """Processor, cores, memory and system."""
    name = platform.processor() or platform.machine()
    told = Path("/proc/cpuinfo")
    if told.is_file():
        lines = told.read_text("utf-8").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    cores = psutil.cpu_count(logical=False)
    memory = psutil.virtual_memory().total / 2**30
    return f"{name}, {cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def own_versions() -> dict[str, str]:
    """The versions of doxa and of what it computes with."""
    packages = {name: version(name) for name in ("doxa", "llama-cpp-python", "numpy")}
    return packages | {"Python": platform.python_version()}
