"""Fits the heads of ``topic_head.py`` and the regressions of ``regression.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from analysis.classify.question import BITS
from analysis.classify.regression import Regression
from analysis.classify.topic_head import TopicHead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    Array = NDArray[np.float64]

PENALTY = 10.0
"""Inverse strength of a head's L2 penalty."""

NEVER = -20.0
"""Intercept of a class that none of what was learned from is in."""


def fit_head(
    found: sparse.csr_matrix, truth: NDArray[np.bool_], weight: Array, topics: int
) -> TopicHead:
    """A head that tells true from false rows of ``topic_head.columns``."""
    model = LogisticRegression(C=PENALTY, max_iter=150, tol=1e-3)
    model.fit(found, truth, sample_weight=weight)
    weights = model.coef_[0].astype(np.float32)
    return TopicHead(
        words=weights[: 1 << BITS],
        meaning=weights[1 << BITS :].reshape(topics, -1),
        bias=float(model.intercept_[0]),
    )


def halves(truth: NDArray[np.bool_], weight: Array) -> Array:
    """Weights in the same proportions, by which true and false rows count the same."""
    share = weight[truth].sum() / weight.sum()
    return np.asarray(weight * np.where(truth, 0.5 / share, 0.5 / (1 - share)), float)


def fit_regression(
    found: Array, truth: NDArray[np.str_], names: Sequence[str], weight: Array, penalty: float
) -> Regression:
    """Fit a regression.

    Args:
        found: (n, numbers).
        truth: the class of each row.
        names: of the classes, in order.
        weight: of each row.
        penalty: inverse strength of the L2 penalty.
    """
    mean, spread = found.mean(axis=0), found.std(axis=0) + 1e-6
    model = LogisticRegression(C=penalty, max_iter=2000)
    model.fit((found - mean) / spread, truth, sample_weight=weight)
    weights = np.zeros((len(names), 1 + found.shape[1]))
    weights[:, 0] = NEVER
    rows = np.column_stack([model.intercept_, model.coef_])
    if len(model.classes_) == 2:
        rows = np.vstack([-rows / 2, rows / 2])
    for name, row in zip(model.classes_, rows, strict=True):
        weights[list(names).index(name)] = row
    return Regression(weights, mean, spread)
