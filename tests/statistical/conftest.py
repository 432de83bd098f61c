"""Planted truth, as the simulated backend answers it, in arrays.

The usual run is sized for every change; ``DOXA_LONG=1`` makes ten times as many repetitions.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pytest

from probes.backends.simulated import SHARPNESS, WORDING_NOISE

VALUES = np.array([1, 1 / 3, -1 / 3, -1])
MORE = 10 if os.environ.get("DOXA_LONG") else 1


@dataclass(frozen=True)
class Truth:
    """Draws from the simulated backend's distribution, without its cells."""

    rng: np.random.Generator

    def runs(self, usual: int) -> int:
        """How many repetitions to make."""
        return usual * MORE

    def slack(self, rate: float, runs: int) -> float:
        """How far a share of runs may be from what it should be: 3 standard errors."""
        return 3 * float(np.sqrt(rate * (1 - rate) / runs))

    def scale(self, stances: np.ndarray) -> np.ndarray:
        """The backend's answer to a stance, ``(..., 4)``: a bell around it."""
        weights = np.exp(-SHARPNESS * (stances[..., None] - VALUES) ** 2)
        return weights / weights.sum(-1, keepdims=True)

    def answers(
        self, planted: np.ndarray, frames: int = 4, noise: float = WORDING_NOISE
    ) -> np.ndarray:
        """Answers to families of these stances, ``(..., 2 statements, frames, 4)``."""
        shape = (*planted.shape, 2, frames)
        return self.scale(planted[..., None, None] + self.rng.normal(0, noise, shape))

    def stances(self, planted: np.ndarray, frames: int = 4) -> np.ndarray:
        """What is measured of these families: mean stance of statements and frames."""
        total = np.zeros(planted.shape)
        for _ in range(2 * frames):  # one cell at a time, for the memory
            total += self.scale(planted + self.rng.normal(0, WORDING_NOISE, planted.shape)) @ VALUES
        return total / (2 * frames)


@pytest.fixture
def truth(request: pytest.FixtureRequest) -> Truth:
    """Chance that follows from the name of the test alone."""
    return Truth(np.random.default_rng(list(request.node.name.encode())))
