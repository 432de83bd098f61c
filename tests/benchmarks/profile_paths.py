"""Where the time of the two main paths goes: scored cells and open ones, by function.

python tests/benchmarks/profile_paths.py smollm2-135m-instruct
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from typing import TYPE_CHECKING

import sample

from probes.backends.llama_cpp import LlamaCpp
from probes.catalogue import find
from probes.cell import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from probes.cell import Response

CELLS, OPEN_CELLS, SHOWN = 96, 32, 8


def main() -> None:
    """Print, for each path, the functions that take most of its time, callees not counted."""
    backend = LlamaCpp(find(sys.argv[1]))
    scored, opened = sample.scored_cells(CELLS), sample.open_cells(OPEN_CELLS)
    sampling = Sampling(max_tokens=sample.OPEN_TOKENS, temperature=0.7)
    list(backend.score(scored[:32]))  # memory is touched for the first time
    _profile(f"{CELLS} scored cells", lambda: backend.score(scored))
    _profile(f"{OPEN_CELLS} open cells, sampled", lambda: backend.generate(opened, sampling))


def _profile(title: str, path: Callable[[], Iterator[Response]]) -> None:
    profile = cProfile.Profile()
    profile.runcall(lambda: list(path()))
    stats = pstats.Stats(profile)
    times = stats.stats  # type: ignore[attr-defined]
    total = stats.total_tt  # type: ignore[attr-defined]
    sys.stdout.write(f"\n{title}: {total:.1f} s\n")
    most = sorted(times.items(), key=lambda entry: -entry[1][2])[:SHOWN]
    for (file, _, name), (_, calls, own, _, _) in most:
        where = file.rpartition("/")[2]
        sys.stdout.write(f"{own / total:6.1%}  {calls:>7,} calls  {where} {name}\n")


main()
