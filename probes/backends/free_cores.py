"""How many threads to compute with: as many as there are cores that nobody else uses.

llama.cpp's threads wait for each other some hundred times a decode, so one that has to share its
core keeps all the others waiting: on two cores with another busy program, two threads were 5 to 40
times slower than one. How many threads there are changes no bit of a result.
"""

from __future__ import annotations

import time

import psutil

LOOK_EVERY = 0.5  # seconds
TOLERATED = 0.3  # of a core that others use before it is left to them


class FreeCores:
    """Watches how much of the processor other programs use."""

    def __init__(self, most: int) -> None:
        """Begin with all threads.

        Args:
            most: threads that are worth having.
        """
        self._most = most
        self._cores = psutil.cpu_count() or most
        self._threads = most
        self._seen = _spent()

    def threads(self) -> int:
        """How many threads to use now; looks again now and then only."""
        if time.monotonic() - self._seen[0] >= LOOK_EVERY:
            now = _spent()
            clock, everyone, own = (new - old for new, old in zip(now, self._seen, strict=True))
            self._threads = threads_beside((everyone - own) / clock, self._cores, self._most)
            self._seen = now
        return self._threads


def threads_beside(others: float, cores: int, most: int) -> int:
    """Threads that leave other programs what they use, at least one.

    Args:
        others: cores that other programs use, in parts of one.
        cores: that there are.
        most: threads that are worth having.
    """
    return max(1, min(most, int(cores - others + TOLERATED)))


def _spent() -> tuple[float, float, float]:
    """Seconds: the clock, computing by all programs, computing by this one."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # a guest's time stands in the user's already
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return time.monotonic(), sum(times) - idle - guests, time.process_time()
