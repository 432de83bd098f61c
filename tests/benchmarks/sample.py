"""What is asked in the benchmarks: cells of the core battery, and how many tokens they share."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from probes.plan import Selection, plan, selection
from prompts.load import load_battery

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from probes.cell import Cell

ROOT = Path(__file__).parents[2]
MODELS = ("smollm2-135m-instruct", "gemma-3-270m", "qwen2.5-coder-0.5b-instruct")
FRAMES = ("p1-letters-forced", "p1-letters-unforced")
CELLS_PER_TOPIC = 32  # four languages, a pair of statements, two frames in two orders
OPEN_TOKENS = 128


def topics_for(count: int) -> tuple[str, ...]:
    """The first topics of the slice ``quick`` that hold at least so many cells of ``FRAMES``."""
    topics = load_battery("core", part="quick").slices["quick"].topics
    assert topics is not None
    return tuple(topics[: -(-count // CELLS_PER_TOPIC)])


def scored_cells(count: int) -> list[Cell]:
    """A contiguous part of the slice ``quick`` in each of its languages, in whole statements."""
    battery = load_battery("core", topics=topics_for(count), part="quick")
    chosen = selection(battery.slices["quick"], ["agree"], None)
    return plan(battery, replace(chosen, frames=FRAMES))


def open_cells(count: int) -> list[Cell]:
    """The first open questions of the battery in English, Chinese, French and Spanish."""
    battery = load_battery("core", languages=["en", "zh", "fr", "es"])
    cells = plan(battery, Selection(kinds=("open",)))
    languages = list(dict.fromkeys(cell.language for cell in cells))
    each = -(-count // len(languages))
    return [c for code in languages for c in [c for c in cells if c.language == code][:each]]


def distinct_tokens(prompts: Iterable[Sequence[int]]) -> int:
    """How many tokens there are to compute when every common beginning is computed once."""
    tree: dict[int, dict[int, object]] = {}
    count = 0
    for tokens in prompts:
        node = tree
        for token in tokens:
            if token not in node:
                node[token] = {}
                count += 1
            node = node[token]  # type: ignore[assignment]
    return count
