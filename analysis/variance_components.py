r"""Variance components of a crossed design, by the analogous ANOVA (Henderson's method I).

The design is model × language × (statement in topic) × frame, all effects and interactions random.

With :math:`S_a` the sum and :math:`n_a` the number of answers at level a of a term A,

.. math:: T(A) = \sum_a S_a^2 / n_a, \qquad
    \mathrm{E}\,T(A) = \mu^2 n + \sum_B \sigma^2_B \sum_a \sum_{b} n_{ab}^2 / n_a

and the components solve these equations, one per term. In balanced data they are those of the ANOVA
and, where none is negative, of REML; in unbalanced data they are unbiased as long as what is
missing is not missing because of the effects. It was chosen over the alternatives because

- a mixed model by REML must factor what 23 crossed terms make of a million rows, takes normality
  for granted where stances pile up at both ends, and has no interval by family;
- half squared differences of matched pairs (Koch 1968) need no equations and are unbiased too, but
  in simulation, where one model had failed in one language, which is what happens, the components
  of models, languages and both spread two to seven times as far.

All sums are group sums, in the time of a few passes over the answers.

References:
    Henderson 1953, "Estimation of variance and covariance components"; Koch 1968, "Some further
    remarks concerning 'A general approach to the estimation of variance components'"; Searle,
    Casella & McCulloch 1992, "Variance components", chapter 5.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

Place = tuple[int, ...]

TOPIC, STATEMENT = 1, 2

TERMS: dict[str, Place] = {
    "model": (1, 0, 0, 0),
    "language": (0, 1, 0, 0),
    "topic": (0, 0, 0, TOPIC),
    "statement": (0, 0, 0, STATEMENT),
    "frame": (0, 0, 1, 0),
    "model × language": (1, 1, 0, 0),
    "model × topic": (1, 0, 0, TOPIC),
    "model × statement": (1, 0, 0, STATEMENT),
    "model × frame": (1, 0, 1, 0),
    "language × topic": (0, 1, 0, TOPIC),
    "language × statement": (0, 1, 0, STATEMENT),
    "language × frame": (0, 1, 1, 0),
    "model × language × topic": (1, 1, 0, TOPIC),
    "model × language × statement": (1, 1, 0, STATEMENT),
}
"""Place of each component: is model, language, frame in it, and topic, statement or neither."""

EVERY: list[Place] = list(itertools.product((0, 1), (0, 1), (0, 1), (0, TOPIC, STATEMENT)))

_CONFOUNDED = 1e-6  # of a unit vector


@dataclass(frozen=True)
class Components:
    """Variance components of model × language × frame × (family in topic).

    Attributes:
        places: of the k terms that can exist, as in `TERMS`; a factor with one level has none.
        levels: how many levels each of all terms has in the data.
        solution: ``(k,)`` components, untruncated; to be read by `summed`.
        slope: ``(k, F)`` derivative of each by the weight of each family (all are 1).
        confounded: ``(k, z)`` directions in which the data do not tell components apart.
    """

    places: list[Place]
    levels: dict[Place, int]
    solution: Floats
    slope: Floats
    confounded: Floats

    def summed(self, places: Collection[Place]) -> tuple[float, Floats]:
        """The sum of the components that exist among some, and its derivative ``(F,)``.

        Returns:
            0 where none exists, NaN where the data do not tell them from others.
        """
        chosen = np.array([place in places for place in self.places], float)
        slope = chosen @ self.slope
        if (np.abs(chosen @ self.confounded) > _CONFOUNDED).any():
            return float("nan"), slope * np.nan
        return float(chosen @ self.solution), slope


def variance_components(
    values: ArrayLike,
    *,
    model: ArrayLike,
    language: ArrayLike,
    topic: ArrayLike,
    family: ArrayLike,
    frame: ArrayLike,
) -> Components:
    """Estimate all components of a crossed design by Henderson's method I; see the module.

    A factor with one level drops out. Where every topic has one family the two are one, and it is
    called the family.

    Args:
        values: ``(n,)``, no NaN.
        model, language, topic, frame: ``(n,)`` labels.
        family: ``(n,)`` labels; families of two topics are two families. Derivatives are in the
            order of the labels sorted by topic and family.

    Raises:
        ValueError: two values have the same model, language, family and frame, or there is none.

    Examples:
        The four judges of six targets in Shrout & Fleiss 1979, table 2:

        >>> scores = [9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7]
        >>> one = np.zeros(24)
        >>> judge, target = np.tile(np.arange(4), 6), np.repeat(np.arange(6), 4)
        >>> found = variance_components(
        ...     scores, model=judge, language=one, topic=one, family=target, frame=one
        ... )
        >>> round(found.summed([TERMS["statement"]])[0], 3)
        2.556
    """
    y = np.asarray(values, float)
    if not len(y):
        raise ValueError("there are no values")
    y = y - y.mean()
    topics = coded(topic)
    families = combined(topics, coded(family))
    size = int(families.max()) + 1
    crossed = [coded(labels) for labels in (model, language, frame)]
    nested = [np.zeros(len(y), np.intp), topics, families]
    if len(np.unique(combined(*crossed, families))) < len(y):
        raise ValueError("two values have the same model, language, family and frame")

    kept = [(0,) if codes.max() == 0 else (0, 1) for codes in crossed]
    places = list(itertools.product(*kept, _nesting(int(topics.max()) + 1, size)))
    code, levels = {}, {}
    for place in EVERY:
        joined = combined(nested[place[3]], *itertools.compress(crossed, place[:3]))
        levels[place] = int(joined.max()) + 1
        if place in places:
            code[place] = joined
    squares, d_squares = _squares(y, families, code)
    expected, d_expected = _expectations(families, code)
    # what the mean explains, the first place, is taken off every equation
    left, right = expected[1:, 1:] - expected[0, 1:], squares[1:] - squares[0]
    inverse, confounded = _inverted(left / len(y))
    solution = inverse @ right / len(y)
    d_left = d_expected[1:, 1:] - d_expected[0, 1:]
    d_right = d_squares[1:] - d_squares[0]
    slope = inverse @ (d_right - np.einsum("abf,b->af", d_left, solution)) / len(y)
    return Components(places[1:], levels, solution, slope, confounded)


def _nesting(topics: int, families: int) -> tuple[int, ...]:
    """Which of nothing, topic and family can be told apart."""
    if families == 1:
        return (0,)
    return (0, STATEMENT) if topics in {1, families} else (0, TOPIC, STATEMENT)


def _squares(y: Floats, families: Codes, code: dict[Place, Codes]) -> tuple[Floats, Floats]:
    """T of each term ``(k,)`` and its derivative ``(k, F)``."""
    slopes = []
    for codes in code.values():
        mean = (np.bincount(codes, weights=y) / np.bincount(codes))[codes]
        slopes.append(np.bincount(families, weights=mean * (2 * y - mean)))
    d_squares: Floats = np.array(slopes, float)
    return d_squares.sum(1), d_squares


def _expectations(families: Codes, code: dict[Place, Codes]) -> tuple[Floats, Floats]:
    """How often each component is in T of each term, ``(k, k)``, and the derivative by family."""
    size = int(families.max()) + 1
    number = {place: i for i, place in enumerate(code)}
    d_expected = np.zeros((len(code), len(code), size))
    done: dict[tuple[Place, Place], Floats] = {}
    for a, b in itertools.product(code, code):
        both = tuple(max(i, j) for i, j in zip(a, b, strict=True))
        if (a, both) not in done:
            done[a, both] = _expectation(families, code[a], code[both])
        d_expected[number[a], number[b]] = done[a, both]
    return d_expected.sum(2), d_expected


def _expectation(families: Codes, above: Codes, below: Codes) -> Floats:
    """The derivative by family of the sum over levels a of the sum of n_ab² / n_a in it."""
    n_above, n_below = np.bincount(above), np.bincount(below)
    of_below = np.empty(len(n_below), np.intp)
    of_below[below] = above
    square = np.bincount(of_below, weights=n_below.astype(float) ** 2) / n_above
    weight = (2 * n_below[below] - square[above]) / n_above[above]
    return np.bincount(families, weights=weight).astype(float)


def _inverted(matrix: Floats) -> tuple[Floats, Floats]:
    """The inverse, or the pseudo-inverse and what it does not reach as columns."""
    if not len(matrix):
        return matrix, np.zeros((0, 0))
    scale = 1 / np.abs(matrix).max(1, keepdims=True)
    u, values, v = np.linalg.svd(matrix * scale)
    there = values > 1e-10 * values[0]
    inverse = (v[there].T / values[there]) @ u[:, there].T
    return inverse * scale.T, v[~there].T


def coded(labels: ArrayLike) -> Codes:
    """A number for each label, ascending with it."""
    return pd.factorize(np.asarray(labels), sort=True)[0]


def combined(*codes: Codes) -> Codes:
    """One ascending number for each combination."""
    whole = np.zeros(len(codes[0]), np.int64)
    for code in codes:
        whole = whole * (int(code.max(initial=0)) + 1) + code
    return pd.factorize(whole, sort=True)[0]
