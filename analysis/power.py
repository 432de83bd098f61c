"""How much must be asked to find a difference: sample sizes by simulation.

Two models are planted that differ by the stated amount, their answers are drawn as those of the
simulated backend are, and the tests of `compare` are made on them: the swap of families for the
stance and the swap of frames for the excess divergence. The share of simulated runs in which the
test finds the difference is the power. Where more models are to be compared, the pair has to pass
Holm's first step, as it must where no other pair differs; other differences only make it easier.

For the stance, one model is moved along the scale against the other until the expected
difference is the stated one, and the models' own parts of each topic and family stay as the
components say. For the excess divergence, nothing is moved and the own parts are scaled until its
expectation is the stated one: two models that differ on single families and not on the whole.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import optimize, stats

from analysis.components import VALUES, Components
from analysis.noise import LEAST_FRAMES, excess_divergence
from analysis.rates import wilson
from analysis.simulation import READ_OFF, Design, Planted, draws_for, simulate, simulated_power
from prompts.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NOTE = (
    "A question family is a pair of opposite statements, each asked in every frame and in both"
    " orders. Models are taken to pass the gates."
)
MOST_MODELS = 12
MOST_TOPICS = 1000
MOST_FRAMES = 32
MOST_SAMPLES = 1000
MOST_FAMILIES = 1000
"""Of all topics together, as far as is looked."""

NEEDED = [
    *("measure", "frames", "samples", "families", "power", "low", "high", "runs"),
    *("prompts", "answers", "reason"),
]

_POPULATION = 4000  # families that expectations are taken over
_WORDINGS = 16  # frames that stand for all frames
_RUNS = (500, 1000)  # simulated runs of a design
_NUMBERS = 4_000_000  # cells of all runs of a design, about
_PRODUCTS = 40_000  # of pairs of frames, in one run
_LOOK = 100  # runs that tell whether a design is far from enough


@dataclass(frozen=True)
class Question:
    """What is to be found, and the ways to ask that are tried.

    Attributes:
        models: to be compared, every pair of them.
        topics: of the battery.
        difference: between two of the models: of stance, averaged over topics, and of excess
            divergence in bits.
        frames: numbers of frames, each asked in two orders.
        samples: answers drawn of each cell; ``READ_OFF`` where probabilities are known.

    Raises:
        UsageError: a number makes no sense.
    """

    models: int
    topics: int
    difference: float
    frames: tuple[int, ...] = (4, 8)
    samples: tuple[int, ...] = (READ_OFF, 1, 10)

    def __post_init__(self) -> None:
        """Refuse what makes no sense, with the option that says so."""
        if not 0 < self.difference < 2:  # also false for NaN
            raise UsageError(
                f"--difference {self.difference:g} is not between 0 and 2.",
                "Stances lie between -1 and 1; 0.1 is a tenth of the way from neutral to a pole.",
            )
        for option, numbers, least, most in (
            ("--models", [self.models], 2, MOST_MODELS),
            ("--topics", [self.topics], 1, MOST_TOPICS),
            ("--frames", self.frames, 1, MOST_FRAMES),
            ("--samples", self.samples, READ_OFF, MOST_SAMPLES),
        ):
            for number in numbers:
                if not least <= number <= most:
                    raise UsageError(
                        f"{option} {number} is not between {least} and {most}.",
                        "`doxa plan power --help` shows how it is used.",
                    )

    @property
    def pairs(self) -> int:
        """Pairs of models, which Holm corrects over."""
        return self.models * (self.models - 1) // 2


@dataclass(frozen=True)
class Plan:
    """What must be asked.

    Attributes:
        question: what is to be found.
        power: to be reached.
        alpha: of the tests, after Holm over all pairs.
        components: of the answers.
        excess_of_stance: excess divergence in bits that goes with the stance difference.
        needed: ``measure, frames, samples, families, power, low, high, runs, prompts, answers,
            reason``; the fewest ``families`` of a topic whose simulated ``power`` is enough, with
            its 95 % Monte Carlo interval over the ``runs``; ``prompts`` and ``answers`` of each
            model and language. NaN with a ``reason`` where there is no such number.
        notes: sentences that must stand under the table.
    """

    question: Question
    power: float
    alpha: float
    components: Components
    excess_of_stance: float
    needed: pd.DataFrame
    notes: list[str]


def plan_power(
    question: Question,
    *,
    components: Components | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Find the fewest question families a topic that show a difference.

    Args:
        question: what is to be found.
        components: of the answers; None for `Components` as they are.
        power: to be reached.
        alpha: of the tests, after Holm over all pairs.
        seed: the same seed gives the same plan.
        progress: told how many of how many rows are done.

    Raises:
        UsageError: no two such models differ so much.
    """
    components = components or Components()
    difference, topics, pairs = question.difference, question.topics, question.pairs
    shift = _solve(
        lambda x: _moved(components, x, topics, seed), difference, 4 + 8 / components.sharpness
    )
    if shift is None:
        raise UsageError(
            f"With these variance components no two models are {difference:g} apart in stance.",
            "Plan for a smaller --difference.",
        )
    own = _solve(lambda x: _excess(components, Planted(0, x), topics, seed), difference, 64)
    planted = {"stance": Planted(shift, 1)}
    notes = [NOTE]
    if own is None:
        notes.append(
            "With these variance components no two models have an excess divergence of"
            f" {difference:g} bits, so none is planned for."
        )
    else:
        planted["excess"] = Planted(0, own)
    if draws_for(pairs) > draws_for(1):
        notes.append(f"So many pairs need `--draws {draws_for(pairs)}` or more when compared.")
    goal = _Goal(components, pairs, power, alpha, seed)
    todo = [
        (m, Design(topics, 1, f, s))
        for m in planted
        for f in question.frames
        for s in question.samples
    ]
    rows = _in_threads([partial(_row, m, asked, planted[m], goal) for m, asked in todo], progress)
    return Plan(
        question=question,
        power=power,
        alpha=alpha,
        components=components,
        excess_of_stance=_excess(components, Planted(shift, 0), topics, seed),
        needed=pd.DataFrame(rows, columns=NEEDED),
        notes=notes,
    )


def _moved(components: Components, shift: float, topics: int, seed: int) -> float:
    """The stance difference that a shift makes, over many families.

    The same numbers are drawn for every shift, so that it rises smoothly from 0.
    """
    a, b = _many(components, Planted(shift, 1), topics, seed, 4)
    level = _many(components, Planted(0, 1), topics, seed, 4)
    return float(((a - b - level[0] + level[1]) @ VALUES).mean())


def _excess(components: Components, planted: Planted, topics: int, seed: int) -> float:
    """The excess divergence, over many families and wordings."""
    a, b = _many(components, planted, topics, seed, _WORDINGS)
    half = np.arange(_WORDINGS) % 2 == 0
    return float(excess_divergence(a, b, half[None]).excess.mean())


def _many(components: Components, planted: Planted, topics: int, seed: int, frames: int) -> Floats:
    """Answers by model, statement and frame, ``(2, statements, frames, 4)``."""
    families = max(1, min(4, _POPULATION // topics))
    runs = -(-_POPULATION // (topics * families))
    design = Design(topics, families, frames)
    p = simulate(design, components, planted, runs, np.random.default_rng([seed, topics]))
    return np.asarray(p.mean(axis=6).reshape(2, -1, frames, len(VALUES)))


def _in_threads(
    jobs: list[Callable[[], dict[str, object]]], progress: Callable[[int, int], None] | None
) -> list[dict[str, object]]:
    """Do the jobs, as many at a time as there are processors; numpy lets go of the interpreter."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        running = [pool.submit(job) for job in jobs]
        for done, _ in enumerate(as_completed(running), 1):
            if progress:
                progress(done, len(jobs))
        return [job.result() for job in running]
    finally:
        pool.shutdown(cancel_futures=True)


def _solve(measure: Callable[[float], float], goal: float, most: float) -> float | None:
    """Where a measure that rises from 0 reaches the goal; None where ``most`` is not enough."""
    if measure(most) <= goal:
        return None
    return float(optimize.brentq(lambda x: measure(x) - goal, 0.0, most, rtol=1e-3, xtol=1e-4))


@dataclass(frozen=True)
class _Goal:
    components: Components
    pairs: int
    power: float
    alpha: float
    seed: int


def _row(measure: str, asked: Design, planted: Planted, goal: _Goal) -> dict[str, object]:
    """The row of `NEEDED` for a number of frames and of samples."""
    row: dict[str, object] = dict.fromkeys(NEEDED, np.nan)
    row |= {"measure": measure, "frames": asked.frames, "samples": asked.samples, "reason": ""}
    if measure == "excess" and asked.frames < LEAST_FRAMES:
        return row | {"reason": f"needs {LEAST_FRAMES} frames for a noise floor"}
    most = MOST_FAMILIES
    if measure == "excess":
        most = min(most, _PRODUCTS // math.comb(asked.frames, 2))
    most = max(1, most // asked.topics)
    guess = _guess(asked, planted, goal) if measure == "stance" else 1

    def simulated(families: int, runs: int) -> float:
        return simulated_power(
            measure,
            replace(asked, families=families),
            goal.components,
            planted,
            pairs=goal.pairs,
            alpha=goal.alpha,
            runs=runs,
            seed=goal.seed,
        )

    @cache
    def thorough(families: int) -> float:
        return simulated(families, _runs(replace(asked, families=families)))

    @cache
    def enough(families: int) -> bool:
        look = simulated(families, _LOOK)
        far = abs(look - goal.power) > 4 * math.sqrt(goal.power * (1 - goal.power) / _LOOK)
        return (look if far else thorough(families)) >= goal.power

    families = None if guess > 1.5 * most else _least(enough, min(guess, most), most)
    if families is None:
        return row | {"reason": f"more than {most} families a topic"}
    design = replace(asked, families=families)
    power, runs = thorough(families), _runs(design)
    low, high = wilson(power * runs, runs)
    return row | {
        "families": families,
        "power": power,
        "low": float(low),
        "high": float(high),
        "runs": runs,
        "prompts": design.prompts,
        "answers": design.prompts * max(1, design.samples),
    }


def _runs(design: Design) -> int:
    return int(np.clip(_NUMBERS // (2 * design.prompts), *_RUNS))


def _guess(asked: Design, planted: Planted, goal: _Goal) -> int:
    """Families a topic by the normal approximation, from the spread among simulated families."""
    runs = -(-_POPULATION // (8 * asked.topics))
    rng = np.random.default_rng(goal.seed)
    p = simulate(replace(asked, families=2), goal.components, planted, runs, rng)
    a, b = (p @ VALUES).mean(axis=(4, 5, 6))
    differences = a - b
    within = float(differences.var(axis=2, ddof=1).mean())
    swapped = float((differences**2).mean())
    steps = stats.norm.isf(goal.alpha / goal.pairs / 2) * math.sqrt(swapped)
    steps += stats.norm.ppf(goal.power) * math.sqrt(within)
    return max(1, math.ceil((steps / float(differences.mean())) ** 2 / asked.topics))


def _least(enough: Callable[[int], bool], guess: int, most: int) -> int | None:
    """The least number from 1 to ``most`` that is enough, looking near ``guess``; None if none."""
    step = max(1, guess // 16)
    if enough(guess):
        high, low = guess, max(0, guess - step)
        while low and enough(low):
            step *= 2
            high, low = low, max(0, low - step)
    else:
        low, high = guess, min(most, guess + step)
        while not enough(high):
            if high == most:
                return None
            step *= 2
            low, high = high, min(most, high + step)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
