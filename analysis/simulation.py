"""Simulated runs of two planted models, and how often a test of `study.compare` tells them apart.

Answers are drawn as those of the simulated backend are. The tests are the swap of families for the
stance and the swap of frames for the excess divergence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.components import VALUES, Components, answers
from analysis.inference import frame_swap_test
from analysis.intervals import Means, family_mean
from analysis.noise import frame_products
from analysis.paired import paired_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

READ_OFF = 0
"""As a number of samples: the probabilities are read off, nothing is drawn."""

_CHUNK = 200_000  # cells at a time
_TESTED = 125  # runs that are tested with the same draws


@dataclass(frozen=True)
class Design:
    """What is asked of each model in one language.

    Attributes:
        topics: number of topics.
        families: question families of each topic, two statements each.
        frames: of each statement, each in two orders.
        samples: answers drawn of each cell, or ``READ_OFF``.
    """

    topics: int
    families: int
    frames: int
    samples: int = READ_OFF

    @property
    def prompts(self) -> int:
        """Cells asked of one model."""
        return self.topics * self.families * 2 * self.frames * 2


@dataclass(frozen=True)
class Planted:
    """What sets two simulated models apart.

    Attributes:
        shift: distance of their positions, all families alike.
        own: factor of the models' own parts of topics, families and statements.
    """

    shift: float
    own: float


def simulated_power(
    measure: str,
    design: Design,
    components: Components,
    planted: Planted,
    *,
    pairs: int = 1,
    alpha: float = 0.05,
    runs: int = 1000,
    seed: int = 0,
) -> float:
    """The share of simulated runs in which a test finds the planted difference.

    Args:
        measure: ``stance`` or ``excess``.
        design: what is asked.
        components: of the answers.
        planted: what sets the models apart.
        pairs: that Holm corrects over, the others showing nothing.
        alpha: of the test, after the correction.
        runs: to simulate.
        seed: of the runs and of the tests' draws.
    """
    step = max(1, _CHUNK // (2 * design.prompts))
    found = 0
    for start in range(0, runs, _TESTED):
        stream = [seed, design.topics, design.families, design.frames, design.samples, start]
        rng = np.random.default_rng(stream)
        until = min(start + _TESTED, runs)
        measured = [
            by_family(measure, simulate(design, components, planted, min(step, until - i), rng))
            for i in range(start, until, step)
        ]
        p = p_values(measure, np.concatenate(measured), design, stream, draws_for(pairs))
        found += int((p * pairs <= alpha).sum())  # Holm's first step
    return found / runs


def simulate(
    design: Design, components: Components, planted: Planted, runs: int, rng: np.random.Generator
) -> Floats:
    """Answers of two models in many runs.

    Args:
        design: what is asked.
        components: of the answers.
        planted: what sets the models apart.
        runs: how many times.
        rng: draws the parts of the positions, and the samples.

    Returns:
        ``(2, runs, topics, families, 2, frames, 2, 4)``: models, then statements, frames and
        orders of a family, then probabilities, or shares of the samples, from most pro to most
        con.
    """
    position = _positions(design, components, planted, runs, rng)
    p = answers(position, components.sharpness)
    if design.samples == READ_OFF:
        return p
    if design.samples == 1:  # as rng.multinomial, several times as fast
        above = rng.random(position.shape)[..., None] >= np.cumsum(p[..., :-1], axis=-1)
        return np.diff(~above, axis=-1, prepend=False, append=True).astype(float)
    return np.asarray(rng.multinomial(design.samples, p) / design.samples)


def by_family(measure: str, p: Floats) -> Floats:
    """What a test is made of.

    Args:
        measure: ``stance`` or ``excess``.
        p: from `simulate`, of four frames or more for the excess.

    Returns:
        ``(runs, topics * families)`` differences in stance, or ``(runs, topics * families *
        frames * (frames - 1) / 2)`` weighted products of pairs of frames.
    """
    _, runs, topics, families, items, frames, _, outcomes = p.shape
    if measure == "stance":
        stances = (p @ VALUES).mean(axis=(4, 5, 6))
        return np.asarray((stances[0] - stances[1]).reshape(runs, -1))
    of_frame = p.mean(axis=6).reshape(2, -1, frames, outcomes)
    products = frame_products(of_frame[0], of_frame[1])
    count = products.shape[1]
    of_family = products.reshape(runs, topics * families, items, count).mean(2)
    return np.asarray(of_family.reshape(runs, -1) / (count * topics * families))


def p_values(
    measure: str, measured: Floats, design: Design, seed: Sequence[int], draws: int = 2000
) -> Floats:
    """The p-values that `study.compare` gives to each run's row of all topics.

    Args:
        measure: ``stance`` or ``excess``.
        measured: from `by_family`.
        design: what was asked.
        seed: of the test's draws.
        draws: of the test.

    Returns:
        ``(runs,)``.
    """
    if measure == "stance":
        topics = np.repeat(np.arange(design.topics), design.families)
        return _stance_test(measured.T, topics, seed, draws)
    return frame_swap_test(
        measured.T,
        [design.frames] * (design.topics * design.families),
        rng=np.random.default_rng(seed),
        draws=draws,
    )


def _stance_test(differences: Floats, topics: Codes, seed: Sequence[int], draws: int) -> Floats:
    mean = family_mean(differences, topics, rng=np.random.default_rng(0), method="t")
    count = np.full(differences.shape[1], len(differences))
    means = Means(mean.value, mean.se, mean.low, mean.high, np.full_like(count, mean.df), count)
    return paired_test(differences, topics, means, seed=seed, draws=draws)


def _positions(
    design: Design, components: Components, planted: Planted, runs: int, rng: np.random.Generator
) -> Floats:
    t, n, f = design.topics, design.families, design.frames

    def part(sd: float, *shape: int) -> Floats:
        return sd * rng.standard_normal(shape)

    topic = part(components.topic * planted.own, 2, runs, t, 1)
    # topics are those of the battery: what a model adds to them is part of the difference
    family = topic - topic.mean(axis=2, keepdims=True)
    family = family + part(components.family * planted.own, 2, runs, t, n)
    family += part(components.shared, runs, t, n)
    family += planted.shift * np.array([0.5, -0.5]).reshape(2, 1, 1, 1)
    items = family[..., None] + part(components.statement * planted.own, 2, runs, t, n, 2)
    worded = items[..., None] + part(components.wording, 2, runs, t, n, 2, f)
    ordered: Floats = worded[..., None] + part(components.order, 2, runs, t, n, 2, f, 2)
    return ordered


def draws_for(pairs: int) -> int:
    """Draws of a test from which a p can come that passes Holm's first step with ease."""
    return max(2000, 100 * pairs)
