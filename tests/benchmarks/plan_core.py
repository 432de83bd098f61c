"""How long loading and planning the whole core battery takes: the median of five runs.

python tests/benchmarks/plan_core.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[2]))

from probes.plan import Selection, plan
from prompts.load import load_battery

RUNS = 5


def main() -> None:
    """Time loading, planning and hashing apart, and print what was planned."""
    times = []
    for _ in range(RUNS):
        begin = perf_counter()
        battery = load_battery("core")
        loaded = perf_counter()
        cells = plan(battery, Selection())
        planned = perf_counter()
        ids = {cell.id for cell in cells}
        times.append((loaded - begin, planned - loaded, planned - begin, perf_counter() - planned))
        size = (
            f"{len(battery.topics)} topics, {len(battery.languages)} languages, {len(ids):,} cells"
        )
        del battery, cells, ids  # freed here, and not while the next run is timed
    load, planning, both, hashing = (median(column) for column in zip(*times, strict=True))
    sys.stdout.write(
        f"{size}, median of {RUNS} runs\n"
        f"load {load:.2f} s, plan {planning:.2f} s, load and plan {both:.2f} s\n"
        f"ids of all cells, which a run needs: {hashing:.2f} s\n"
    )


if __name__ == "__main__":
    main()
