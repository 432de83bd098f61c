"""The last regressions give probabilities, and come back from a file as they were."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.classify import regression
from analysis.classify.fitting import fit_regression

NAMES = ("a", "b", "c", "d")


def drawn(classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers whose place says their class."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(60) % classes)
    found = rng.normal(size=(60, 3))
    found[:, 0] += 3 * truth
    return found, np.array(NAMES)[truth]


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 4), st.integers(0, 9))
def test_probabilities(classes: int, seed: int) -> None:
    """They sum to one, find the classes, and give none to a class that never occurred."""
    found, truth = drawn(classes, seed)
    fitted = fit_regression(found, truth, NAMES, np.ones(60), 10.0)
    table = fitted.probabilities(found)
    assert table.shape == (60, 4)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert (np.array(NAMES)[table.argmax(axis=1)] == truth).mean() > 0.7
    assert table[:, classes:].max(initial=0) < 1e-6


def test_a_heavy_row_counts_more() -> None:
    """A class whose rows weigh more is more probable."""
    found, truth = np.zeros((20, 1)), np.array(["a", "b"] * 10)
    heavy = np.where(truth == "b", 3.0, 1.0)
    table = fit_regression(found, truth, NAMES[:2], heavy, 1.0).probabilities(found)
    assert table[0, 1] == pytest.approx(0.75, abs=0.01)


def test_it_is_kept_as_it_is() -> None:
    """What is stored under a name is what comes back."""
    fitted = fit_regression(*drawn(3, 0), NAMES, np.ones(60), 1.0)
    again = regression.restored("x", regression.stored("x", fitted))
    assert np.array_equal(fitted.weights, again.weights)
    assert np.array_equal(fitted.spread, again.spread)
