"""Figures from counts agree with scikit-learn, and no interval pretends to be certain."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from analysis.classify.scores import (
    calibrated_error,
    calibration_error,
    clustered_f1_interval,
    f1_interval,
    macro_f1,
    outcome_scores,
    scores,
)
from analysis.tables import OUTCOMES

NAMES = [*OUTCOMES, "answers"]


def counts(**cells: int) -> pd.DataFrame:
    """Counts by ``true_said``, such as ``pro_con=3``."""
    table = pd.DataFrame(0, NAMES, NAMES)
    for key, n in cells.items():
        true, said = key.split("_")
        table.loc[true, said] = n
    return table


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40))
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Over the outcomes that occur, the macro-F1 is scikit-learn's, and lies in its interval."""
    table = np.zeros((7, 7))
    for true, said in pairs:
        table[true, said] += 1
    true, said = zip(*pairs, strict=True)
    expected = f1_score(true, said, labels=sorted(set(true)), average="macro", zero_division=np.nan)
    assert macro_f1(table) == pytest.approx(np.nan_to_num(expected))
    low, high = f1_interval(table, draws=50)
    assert low <= macro_f1(table) <= high
    assert low < high


def test_interval_is_narrower_with_more_answers() -> None:
    """Ten times the answers give about a third of the width; the same seed the same ends."""
    few = np.array([[8.0, 2], [3, 7]])
    one, two = (np.diff(f1_interval(table))[0] for table in (few, 10 * few))
    assert two == pytest.approx(one / np.sqrt(10), rel=0.2)
    assert f1_interval(few, seed=1) == f1_interval(few, seed=1)


def test_nothing_wrong_is_not_certain() -> None:
    """Ten of ten right leave the exact binomial bound open, ten of ten wrong too."""
    assert f1_interval(np.diag([10.0, 0])) == pytest.approx((0.025 ** (1 / 10), 1.0))
    low, high = f1_interval(np.array([[0.0, 10], [0, 0]]))
    assert (low, high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 10)))


def test_manner_and_stance_stand_apart() -> None:
    """A stance turned round is no error of manner, and a missed refusal none of stance."""
    found = scores(counts(pro_pro=6, pro_con=4, refuses_refuses=5, refuses_both=5))
    assert found["n"] == 20
    assert found["accuracy"] == pytest.approx(11 / 20)
    assert (found["stance_n"], found["stance_accuracy"]) == (10, pytest.approx(0.6))
    assert found["manner_f1"] == pytest.approx((2 * 10 / 25 + 2 * 5 / 15) / 2)
    assert found["manner_f1"] > found["macro_f1"]


def test_nothing_tested_is_nan() -> None:
    """Without test answers there is no number, and no warning."""
    found = scores(counts())
    assert found["n"] == found["stance_n"] == 0
    rest = [value for key, value in found.items() if key not in {"n", "stance_n"}]
    assert np.isnan(rest).all()


def test_outcome_scores() -> None:
    """Recall is of the true ones, precision of the labelled ones; what did not occur has none."""
    table = outcome_scores(counts(refuses_refuses=3, refuses_both=1, con_refuses=1))
    table = table.set_index("outcome")
    assert list(table.index) == ["both", "con", "refuses"]
    assert table.loc["refuses", "recall"] == pytest.approx(3 / 4)
    assert table.loc["refuses", "precision"] == pytest.approx(3 / 4)
    assert table.loc["refuses", "low"] < 3 / 4 < table.loc["refuses", "high"] < 1
    assert np.isnan(table.loc["both", "recall"])
    assert np.isnan(table.loc["con", "precision"])


def test_calibration() -> None:
    """Exact probabilities are near what chance leaves, boastful ones far above; none is NaN."""
    rng = np.random.default_rng(0)
    stated = rng.uniform(0.3, 1, 400)
    held = rng.random(400) < stated
    chance = calibrated_error(stated)
    assert 0 < chance < 0.08
    assert abs(calibration_error(stated, held) - chance) < 0.03
    assert calibration_error(np.full(10, 0.95), np.arange(10) < 5) == pytest.approx(0.45)
    assert np.isnan(calibration_error([], []))


def test_clusters_widen_an_interval() -> None:
    """Where a model is all right or all wrong, its many answers count as few; else as many."""
    right, wrong = np.diag([10.0, 10.0]), np.fliplr(np.diag([10.0, 10.0]))
    apart = np.stack([right] * 16 + [wrong] * 4)
    alike = np.stack([0.8 * right + 0.2 * wrong] * 20)
    low, high = f1_interval(apart.sum(axis=0))
    wide_low, wide_high = clustered_f1_interval(apart)
    assert wide_low < low < macro_f1(apart.sum(axis=0)) < high < wide_high
    assert wide_high - wide_low > 2 * (high - low)
    assert clustered_f1_interval(alike) == pytest.approx((0.8, 0.8))
    assert np.isnan(clustered_f1_interval(np.zeros((0, 2, 2)))).all()
