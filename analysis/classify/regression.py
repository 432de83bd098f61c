"""A multinomial regression over a few standardised numbers: the last step from scores to labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Regression:
    """Weights (classes, 1 + numbers), the intercept first, and how numbers are standardised."""

    weights: Array
    mean: Array
    spread: Array

    def probabilities(self, found: Array) -> Array:
        """Of the classes, (n, classes), from numbers (n, numbers); what is NaN is left aside."""
        linear = (
            np.nan_to_num((found - self.mean) / self.spread) @ self.weights[:, 1:].T
            + self.weights[:, 0]
        )
        return np.asarray(special.softmax(linear, axis=1))


def stored(name: str, regression: Regression) -> dict[str, Array]:
    """The arrays of a regression, to be kept under its name."""
    return {
        f"{name}_weights": regression.weights,
        f"{name}_mean": regression.mean,
        f"{name}_spread": regression.spread,
    }


def restored(name: str, arrays: Mapping[str, Array]) -> Regression:
    """A regression from what ``stored`` gave."""
    return Regression(*(arrays[f"{name}_{part}"] for part in ("weights", "mean", "spread")))
