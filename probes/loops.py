"""When a model repeats itself and will not stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

REPEATS = 4
SHORTEST = 32
LONGEST_PERIOD = 40


def loops(tokens: Sequence[int]) -> bool:
    """Whether a text ends in one passage said four times over, 32 tokens or more in all."""
    for period in range(1, min(LONGEST_PERIOD, len(tokens) // REPEATS) + 1):
        span = max(period * REPEATS, SHORTEST)
        if span > len(tokens):
            continue
        tail = tokens[-span:]
        if all(tail[i] == tail[i + period] for i in range(span - period)):
            return True
    return False
