"""Draws the next token from logits: greedy, or from the nucleus at a temperature, seeded."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from probes.cell import Cell, Sampling

_RARE = 1e-5  # of the likeliest token's probability: below it a token is seldom in a nucleus
_BLOCK = 512


class Sampler:
    """Draws the tokens of one answer; its stream depends on the seed and the cell alone."""

    def __init__(self, sampling: Sampling, cell: Cell) -> None:
        """Start the stream of an answer to a cell."""
        digest = hashlib.sha256(f"{sampling.seed}/{cell.id}".encode()).digest()
        self._random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        self._temperature = sampling.temperature
        self._top_p = sampling.top_p

    def draw(self, logits: NDArray[np.float32]) -> int:
        """The next token, from the logits over the vocabulary, shape (vocabulary,).

        At temperature 0 the likeliest; else one of the nucleus, the fewest tokens that together
        have the probability ``top_p`` (Holtzman et al. 2020), after division by the temperature.

        Raises:
            FloatingPointError: no logit is finite, or one is NaN.
        """
        best = int(logits.argmax())
        top = float(logits[best])
        if not np.isfinite(top):
            raise FloatingPointError("the model's logits are not finite")
        if self._temperature == 0:
            return best
        weights = logits - logits[best]
        weights /= np.float32(self._temperature)
        np.exp(weights, out=weights)
        if self._top_p >= 1:
            return _at(weights, self._random.random())
        goal = self._top_p * float(weights.sum(dtype=np.float64))
        likely = np.flatnonzero(weights > _RARE)
        if float(weights[likely].sum(dtype=np.float64)) < goal:
            likely = np.arange(len(weights))
        likely = likely[np.argsort(-weights[likely], kind="stable")]
        reached = np.cumsum(weights[likely], dtype=np.float64)
        size = min(int(np.searchsorted(reached, goal)) + 1, len(likely))
        return int(likely[_at(weights[likely[:size]], self._random.random())])


def _at(weights: NDArray[np.float32], share: float) -> int:
    """Where a running sum of weights passes a share of their total; block by block, for speed."""
    blocks = np.add.reduceat(weights, np.arange(0, len(weights), _BLOCK), dtype=np.float64)
    reached = np.cumsum(blocks)
    point = share * reached[-1]
    block = min(int(np.searchsorted(reached, point, side="right")), len(blocks) - 1)
    inside = np.cumsum(weights[block * _BLOCK : (block + 1) * _BLOCK], dtype=np.float64)
    place = int(np.searchsorted(inside, point - reached[block] + blocks[block], side="right"))
    return block * _BLOCK + min(place, len(inside) - 1)
