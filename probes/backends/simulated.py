"""A model whose answers are known: it proves the statistics and the machinery around them.

Its ``model`` name in the catalogue is a seed. Each family has a true stance drawn from it; each
frame and order shifts the answer a little, so that there is a noise floor to find.
"""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from probes.backends.description import describe
from probes.cell import Response, Shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probes.catalogue import ModelEntry
    from probes.cell import Cell, ModelDescription, Sampling

COVERAGE = 0.95
SHARPNESS = 2.5
WORDING_NOISE = 0.25
_NORMAL = NormalDist()


class Simulated:
    """A backend that answers from planted stances."""

    def __init__(self, entry: ModelEntry) -> None:
        """Plant the stances; the entry's ``model`` (else its id) is the seed."""
        self._entry = entry
        self._seed = entry.model or entry.id
        self._stances: dict[str, float] = {}
        self._noises: dict[str, float] = {}

    @property
    def description(self) -> ModelDescription:
        """What the run file says of the model."""
        return describe(
            self._entry,
            weights=hashlib.sha256(self._seed.encode()).hexdigest(),
            quantisation="none",
        )

    @property
    def scoring(self) -> dict[str, object]:
        """The settings that key a scored answer."""
        return {"scoring": "simulated"}

    @property
    def exact_scoring(self) -> dict[str, object]:
        """The same: there is no other way."""
        return self.scoring

    @property
    def generating(self) -> dict[str, object]:
        """The settings that key an open answer, beside the sampling."""
        return {}

    def stance(self, family: str) -> float:
        """The planted stance of a family, in [-1, 1]."""
        if family not in self._stances:
            self._stances[family] = 2 * self._chance(family) - 1
        return self._stances[family]

    def shown(self, cell: Cell) -> Shown:
        """The prompt itself: nothing is put around it, and there are no tokens."""
        return Shown(cell.prompt)

    def score(self, cells: Sequence[Cell], *, exact: bool = False) -> Iterator[Response]:
        """Answer each cell from its family's stance and the noise of its wording."""
        del exact
        for cell in cells:
            stance = self.stance(cell.family) + self._noise(cell.item + cell.frame + cell.language)
            weights = [
                math.exp(-SHARPNESS * (stance - option.value) ** 2)
                if option.value is not None
                else 0.05
                for option in cell.options
            ]
            total = sum(weights)
            yield Response(
                cell=cell.id,
                ending="complete",
                logprobs=tuple(math.log(COVERAGE * weight / total) for weight in weights),
            )

    def generate(self, cells: Sequence[Cell], sampling: Sampling) -> Iterator[Response]:
        """Answer each open cell with one of its poles, or neither."""
        for cell in cells:
            chance = 2 * self._chance(f"{cell.family}{sampling.seed}") - 1
            text = cell.poles[0] if chance < self.stance(cell.family) else cell.poles[1]
            yield Response(cell=cell.id, ending="complete" if text else "empty", text=text)

    def close(self) -> None:
        """There is nothing to give back."""

    def _noise(self, wording: str) -> float:
        if wording not in self._noises:
            self._noises[wording] = WORDING_NOISE * _NORMAL.inv_cdf(self._chance(wording))
        return self._noises[wording]

    def _chance(self, name: str) -> float:
        """A number between 0 and 1 that depends on the seed and a name alone."""
        digest = hashlib.sha256(f"{self._seed}/{name}".encode()).digest()
        return (int.from_bytes(digest[:6], "big") + 0.5) / 2**48
