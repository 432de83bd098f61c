"""A model against itself in other words: no bias, and a false positive in at most 5 of 100 runs.

"Itself" is a model of the same planted stances with wording noise of its own, which is all that
two runs of one model can differ by. Every limit here is 5 % and 3 standard errors of the
simulation.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.distances import distance_table
from analysis.inference import (
    benjamini_hochberg,
    frame_swap_test,
    holm,
    mcnemar_clustered,
    mcnemar_exact,
    sign_flip_test,
)
from analysis.intervals import family_mean
from analysis.measures import jensen_shannon_divergence
from analysis.noise import excess_divergence, frame_products, splits

VALUES = np.array([1, 1 / 3, -1 / 3, -1])
SIZES = [10, 20, 50, 200]


def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For `frame_swap_test`: ``(families * 6, runs)`` of ``(families, runs, 2, 4, 4)``."""
    families, runs = a.shape[:2]
    each = frame_products(a.reshape(-1, 4, 4), b.reshape(-1, 4, 4))
    mean = each.reshape(families, runs, 2, -1).mean(2) / families
    return mean.transpose(0, 2, 1).reshape(-1, runs)


def twins(truth: Any, families: int, runs: int, models: int = 2) -> list[np.ndarray]:
    """Answers of models of one truth, ``(families, runs, 2, 4, 4)`` each."""
    planted = truth.rng.uniform(-1, 1, (families, runs))
    return [truth.answers(planted) for _ in range(models)]


@pytest.mark.parametrize("families", SIZES)
def test_excess_divergence_is_unbiased_and_plain_divergence_is_not(
    families: int, truth: Any
) -> None:
    """|bias| < 0.005 bits where nothing differs; the plain divergence is off by 0.07 and more."""
    runs = truth.runs(20_000 // families)
    a, b = (x.reshape(-1, 4, 4) for x in twins(truth, families, runs))
    excess = excess_divergence(a, b, splits(4, truth.rng)).excess
    assert abs(excess.mean()) < 0.005
    assert abs(excess.mean()) < 3.5 * excess.std() / np.sqrt(len(excess) / 2)
    assert jensen_shannon_divergence(a, b).mean() > 0.07


@pytest.mark.parametrize("families", SIZES)
def test_a_model_does_not_differ_from_itself(families: int, truth: Any) -> None:
    """Excess divergence, its interval, and stance: at most 5 of 100 runs."""
    runs = truth.runs(100_000 // max(families, 50))
    limit = 0.05 + truth.slack(0.05, runs)
    a, b = twins(truth, families, runs)
    p = frame_swap_test(products(a, b), [4] * families, rng=truth.rng, draws=500)
    assert (p <= 0.05).mean() <= limit
    difference = ((a - b) @ VALUES).mean((-2, -1))
    weights = np.full(families, 1 / families)
    p = sign_flip_test(difference, weights, rng=truth.rng, draws=500)
    assert (p <= 0.05).mean() <= limit
    found = family_mean(difference, rng=truth.rng, draws=500, bounds=(-2, 2))
    assert ((found.low > 0) | (found.high < 0)).mean() <= limit


def test_of_many_models_of_one_truth_none_differs(truth: Any) -> None:
    """Family-wise, after Holm: any of 15 pairs of six models in at most 5 of 100 runs.

    Before the correction it is one run in three and more.
    """
    runs, families, models = truth.runs(400), 12, 6
    answers = twins(truth, families, runs, models)
    pairs = list(itertools.combinations(range(models), 2))
    stances = [(x @ VALUES).mean((-2, -1)) for x in answers]
    weights = np.full(families, 1 / families)
    tests = {
        "excess": [
            frame_swap_test(
                products(answers[i], answers[j]), [4] * families, rng=truth.rng, draws=500
            )
            for i, j in pairs
        ],
        "stance": [
            sign_flip_test(stances[i] - stances[j], weights, rng=truth.rng) for i, j in pairs
        ],
    }
    for p in map(np.array, tests.values()):
        assert (p.min(0) <= 0.05).mean() > 0.33
        corrected = np.array([holm(column) for column in p.T])
        assert (corrected.min(1) <= 0.05).mean() <= 0.05 + truth.slack(0.05, runs)
        found = np.array([benjamini_hochberg(column) for column in p.T])
        assert (found.min(1) <= 0.05).mean() <= 0.05 + truth.slack(0.05, runs)


def test_outcomes_of_a_model_do_not_differ_from_its_own(truth: Any) -> None:
    """McNemar on single prompts; on four prompts a family only if families swap whole."""
    runs, families, prompts = truth.runs(1000), 25, 4
    limit = 0.05 + truth.slack(0.05, runs)
    # each model refuses a family or does not, and seldom strays from that
    chance = truth.rng.uniform(0.1, 0.9, (families, runs))
    a, b = (
        (truth.rng.random((families, runs)) < chance)
        ^ (truth.rng.random((prompts, families, runs)) < 0.1)
        for _ in range(2)
    )
    only_a, only_b = (a & ~b).sum(0), (b & ~a).sum(0)
    single = mcnemar_exact((a & ~b)[0].sum(0), (b & ~a)[0].sum(0))
    assert (single <= 0.05).mean() <= limit
    naive = mcnemar_exact(only_a.sum(0), only_b.sum(0))
    assert (naive <= 0.05).mean() > 0.15
    clustered = np.array([mcnemar_clustered(x, y) for x, y in zip(only_a.T, only_b.T, strict=True)])
    assert (clustered <= 0.05).mean() <= limit
    assert (clustered <= 0.05).mean() > 0.01


def test_pooled_distances_of_one_truth_are_chance(truth: Any) -> None:
    """The permutation test keeps its level, and the floor is the mean distance."""
    runs, items = truth.runs(200), 40
    p = truth.scale(truth.rng.uniform(-1, 1, (runs, items, 1)).repeat(2, 2))
    drawn = (truth.rng.random((runs, items, 2, 1)) > p.cumsum(-1)).sum(-1)
    run, item, model = np.indices(drawn.shape)
    table = pd.DataFrame(
        {"run": run.ravel(), "item": item.ravel(), "model": model.ravel(), "outcome": drawn.ravel()}
    )
    found = distance_table(table, "jensen-shannon distance", by="run", correction="none", draws=300)
    assert (found["p"] <= 0.05).mean() <= 0.05 + truth.slack(0.05, runs)
    assert found["distance"].mean() == pytest.approx(found["floor"].mean(), rel=0.1)
