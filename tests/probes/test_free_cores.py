"""How many threads there are beside other programs, and that their number changes no result."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.backends.free_cores import LOOK_EVERY, FreeCores, threads_beside
from probes.backends.llama_cpp import LlamaCpp
from probes.catalogue import find
from probes.cell import SCORED, Sampling
from probes.plan import Selection, plan
from prompts.load import load_battery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from probes.backends.precision import WantedPrecision


@pytest.mark.parametrize(
    ("others", "cores", "most", "threads"),
    [(0, 2, 2, 2), (0.2, 2, 2, 2), (0.5, 2, 2, 1), (2, 2, 2, 1), (4, 16, 8, 8), (10, 16, 8, 6)],
)
def test_threads_leave_others_their_cores(
    others: float, cores: int, most: int, threads: int
) -> None:
    """A core that others use for more than a third is left to them; one thread stays."""
    assert threads_beside(others, cores, most) == threads


@given(st.floats(0, 500), st.integers(1, 256), st.integers(1, 256))
def test_there_is_always_a_thread(others: float, cores: int, most: int) -> None:
    """However busy the machine, never fewer than one thread nor more than are worth having."""
    assert 1 <= threads_beside(others, cores, most) <= most


@pytest.fixture
def busy() -> Iterator[None]:
    """Another program on every core."""
    loop = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(loop) for _ in range(psutil.cpu_count() or 1)]
    yield
    for other in others:
        other.kill()
        other.wait()


def test_busy_cores_are_seen(busy: None) -> None:
    """With another program on every core, one thread is left."""
    del busy
    cores = FreeCores(psutil.cpu_count() or 1)
    time.sleep(2 * LOOK_EVERY)
    assert cores.threads() == 1


@pytest.mark.parametrize("precision", ["native", "bf16"])
def test_threads_change_no_bit(
    precision: WantedPrecision, model_paths: dict[str, Path], small: Path
) -> None:
    """One thread and three give the same numbers and the same texts."""
    assert "smollm2-135m-instruct" in model_paths
    backend = LlamaCpp(find("smollm2-135m-instruct"), precision)
    cells = plan(load_battery(str(small)), Selection())
    scored = [cell for cell in cells if cell.kind in SCORED][:6]
    opened = [cell for cell in cells if cell.kind not in SCORED][:2]
    found = []
    for threads in (1, 3):
        backend._cores = Fixed(threads)
        found.append(
            (
                [one.logprobs for one in backend.score(scored)],
                {one.cell: one.text for one in backend.generate(opened, Sampling(max_tokens=8))},
            )
        )
    backend.close()
    assert found[0] == found[1]


class Fixed(FreeCores):
    """Always as many threads."""

    def threads(self) -> int:
        """All of them."""
        return self._most
