"""Variance components: against published numbers, a mixed model and planted truths."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from analysis import variance_components as estimator
from analysis.variance_components import EVERY, STATEMENT, TERMS, Components, variance_components

SPREAD = {"model": 0.3, "language": 0.2, "topic": 0.4, "statement": 0.5, "frame": 0.2}
SPREAD |= {"model × topic": 0.2, "model × statement": 0.3, "model × language": 0.1}
SPREAD |= {"language × statement": 0.2, "model × frame": 0.1, "model × language × statement": 0.1}
NOISE = 0.2


def simulated(
    rng: np.random.Generator, shape: tuple[int, int, int, int, int]
) -> tuple[np.ndarray, pd.DataFrame]:
    """Values of models × languages × topics × families × frames with normal effects of `SPREAD`."""
    values = rng.normal(0, NOISE, shape)
    for name, sd in SPREAD.items():
        model, language, frame, nested = TERMS[name]
        size = np.where([model, language, nested > 0, nested > 1, frame], shape, 1)
        values = values + rng.normal(0, sd, size)
    labels = pd.DataFrame(np.indices(shape).reshape(5, -1).T, columns=list(LABELS))
    return values.ravel(), labels


LABELS = ("model", "language", "topic", "family", "frame")


def components(values: np.ndarray, labels: pd.DataFrame) -> Components:
    """The components of labelled values."""
    return variance_components(values, **{name: labels[name].to_numpy() for name in LABELS})


def component(found: Components, name: str) -> float:
    """One component by name."""
    return found.summed([TERMS[name]])[0]


def test_the_published_example_of_judges_and_targets() -> None:
    """Shrout & Fleiss 1979, tables 2 to 4: BMS 11.24, JMS 32.49, EMS 1.02 and ICC(2,1) .29."""
    scores = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    )
    target, judge = np.indices(scores.shape).reshape(2, -1)
    one = np.zeros(scores.size)
    found = variance_components(
        scores.ravel(), model=judge, language=one, topic=one, family=target, frame=one
    )
    between, judges, noise = (
        component(found, name) for name in ("statement", "model", "model × statement")
    )
    assert between == pytest.approx((11.24 - 1.02) / 4, abs=0.005)
    assert judges == pytest.approx((32.49 - 1.02) / 6, abs=0.005)
    assert noise == pytest.approx(1.02, abs=0.005)
    assert between / (between + judges + noise) == pytest.approx(0.29, abs=0.005)


def test_a_mixed_model_agrees_on_balanced_data() -> None:
    """REML by statsmodels on models × families × frames, crossed, all components positive."""
    rng = np.random.default_rng(3)
    shape = (6, 8, 5)
    values = rng.normal(0, 0.4, shape)
    for axes in ([0], [1], [2], [0, 1], [0, 2], [1, 2]):
        values = values + rng.normal(0, 0.8, [shape[i] if i in axes else 1 for i in range(3)])
    m, s, r = np.indices(shape).reshape(3, -1)
    one = np.zeros(values.size)
    found = variance_components(values.ravel(), model=m, language=one, topic=one, family=s, frame=r)
    rest = found.summed([(1, 0, 1, STATEMENT)])[0]
    ours = {
        "m": component(found, "model"),
        "s": component(found, "statement"),
        "r": component(found, "frame"),
        "ms": component(found, "model × statement"),
        "mr": component(found, "model × frame"),
        "sr": found.summed([(0, 0, 1, STATEMENT)])[0],
    }
    table = pd.DataFrame({"y": values.ravel(), "m": m, "s": s, "r": r, "one": 1})
    for a, b in ("ms", "mr", "sr"):
        table[a + b] = table[a] * 100 + table[b]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of statsmodels, on its way to the optimum
        model = smf.mixedlm(
            "y ~ 1", table, groups="one", vc_formula={name: f"0 + C({name})" for name in ours}
        )
        fit = model.fit(reml=True, method="lbfgs")
    theirs = dict(zip(model.exog_vc.names, fit.vcomp, strict=True))
    assert min(ours.values()) > 0
    assert rest == pytest.approx(fit.scale, rel=0.01)
    for name, variance in ours.items():
        assert variance == pytest.approx(theirs[name], rel=0.02), name


@pytest.mark.parametrize("missing", ["nothing", "a model in a language", "a tenth"])
def test_components_are_unbiased(missing: str) -> None:
    """The mean over simulated runs is the planted truth, with gaps as without."""
    rng = np.random.default_rng(4)
    shape, runs = (4, 3, 4, 3, 3), 120
    found = []
    for _ in range(runs):
        values, labels = simulated(rng, shape)
        kept = np.ones(len(values), bool)
        if missing == "a model in a language":
            kept = ~((labels["model"] == 0) & (labels["language"] == 1)).to_numpy()
        elif missing == "a tenth":
            kept = rng.random(len(values)) > 0.1
        estimate = components(values[kept], labels[kept])
        rest = estimate.summed([(1, 1, 1, STATEMENT)])[0]
        found.append([*(component(estimate, name) for name in TERMS), rest])
    truth = [*(SPREAD.get(name, 0.0) ** 2 for name in TERMS), NOISE**2]
    error = np.std(found, axis=0, ddof=1) / np.sqrt(runs)
    assert (np.abs(np.mean(found, axis=0) - truth) < 4 * error).all()
    assert (error < 0.05).all()


def test_what_a_family_moves_is_its_derivative() -> None:
    """Derivatives sum to zero and agree with leaving each family out (the jackknife)."""
    values, labels = simulated(np.random.default_rng(5), (3, 2, 4, 9, 3))
    # families of many sizes, so that how often a component is in a sum depends on them too
    often = np.linspace(0.15, 1, 9)[labels["family"]]
    kept = np.random.default_rng(6).random(len(values)) < often
    values, labels = values[kept], labels[kept].reset_index(drop=True)
    labels["family"] += 100 * labels["topic"]
    whole = components(values, labels)
    names = np.unique(labels["family"])
    for name in ("model", "statement", "model × statement", "language × statement"):
        value, slope = whole.summed([TERMS[name]])
        assert slope.sum() == pytest.approx(0, abs=1e-10)
        left = [
            value - component(components(values[keep], labels[keep]), name)
            for keep in (labels["family"] != family for family in names)
        ]
        assert np.corrcoef(left, slope)[0, 1] > 0.99
        assert np.std(left) * 8 / 9 == pytest.approx(np.std(slope), rel=0.1)  # nine a topic


def test_values_that_cannot_be_taken_apart_are_refused() -> None:
    """No value at all, or two in one place."""
    with pytest.raises(ValueError, match="no values"):
        variance_components([], model=[], language=[], topic=[], family=[], frame=[])
    ones = np.ones(2)
    with pytest.raises(ValueError, match="two values"):
        variance_components(
            [0.1, 0.2], model=ones, language=ones, topic=ones, family=ones, frame=ones
        )


def test_every_component_is_in_one_row() -> None:
    """The named terms, those with frames besides, and the mean make all places."""
    named = set(TERMS.values())
    rest = {place for place in EVERY if place[2] and place not in named}
    assert len(named) == len(TERMS)
    assert named | rest | {(0, 0, 0, 0)} == set(itertools.product(*[(0, 1)] * 3, range(3)))


def test_sums_have_the_derivatives_that_are_used() -> None:
    """Against small changes of the weight of one family, on unbalanced codes."""
    rng = np.random.default_rng(21)
    family, above, other, y = *rng.integers(0, [[5], [4], [3]], (3, 60)), rng.normal(0, 1, 60)
    below = above * 3 + other
    codes = [pd.factorize(code, sort=True)[0] for code in (family, above, below)]

    def sums(weight: np.ndarray) -> np.ndarray:
        total = np.bincount(codes[1], weights=weight)
        explained = np.bincount(codes[1], weights=weight * y) ** 2 / total
        within = [weight[below == level].sum() ** 2 for level in np.unique(below)]
        at = [codes[1][below == level][0] for level in np.unique(below)]
        return np.array([explained.sum(), (np.array(within) / total[at]).sum()])

    step = 1e-6
    found = np.array(
        [
            estimator._squares(y, codes[0], {(0, 0, 0, 1): codes[1]})[1][0],
            estimator._expectation(*codes),
        ]
    )
    for name in range(5):
        nudged = [sums(1 + sign * step * (family == name)) for sign in (1, -1)]
        assert found[:, name] == pytest.approx((nudged[0] - nudged[1]) / (2 * step), rel=1e-6)
    assert found.sum(1) == pytest.approx(sums(np.ones(60)))
