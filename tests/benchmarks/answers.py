"""Whether two contenders gave the same answers: speeds of different work are not compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_DISTANCE = 0.1
OPENING = 16  # characters of a text: greedy texts part ways where two words are about as likely


@dataclass(frozen=True)
class Agreement:
    """How near two contenders' scored answers are.

    Attributes:
        cells: that both answered.
        top: of them, those with the same most likely option.
        distance: mean total variation distance between the distributions over options.
    """

    cells: int
    top: int
    distance: float

    @property
    def enough(self) -> bool:
        """Whether they did the same work."""
        return self.cells > 0 and self.distance <= MOST_DISTANCE

    def __str__(self) -> str:
        """In words, for the table."""
        verdict = "" if self.enough else ": **they differ**"
        return (
            f"same top option in {self.top} of {self.cells}, distance {self.distance:.3f}{verdict}"
        )


def scored(ours: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]) -> Agreement:
    """Compare the log-probabilities of options, cell by cell."""
    same, distances = 0, []
    for cell in ours.keys() & theirs.keys():
        one, other = _distribution(ours[cell]), _distribution(theirs[cell])
        same += int(one.argmax() == other.argmax())
        distances.append(float(np.abs(one - other).sum() / 2))
    return Agreement(len(distances), same, float(np.mean(distances)) if distances else 1.0)


def opened(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """How many texts begin alike, leading space apart."""
    alike = sum(ours[cell].strip()[:OPENING] == theirs[cell].strip()[:OPENING] for cell in theirs)
    return f"{alike} of {len(theirs)} begin alike"


def _distribution(logprobs: Sequence[float]) -> np.ndarray:
    values = np.exp(np.asarray(logprobs, dtype=float))
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / len(values))
