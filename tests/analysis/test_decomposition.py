"""Shares of variance: against published numbers, a mixed model, planted truths and bad input."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from analysis import decomposition
from analysis.decomposition import (
    EVERY,
    SHARES,
    TERMS,
    Components,
    decomposition_notes,
    decomposition_table,
    variance_components,
)
from analysis.gates import Thresholds
from analysis.rows import Settings, basis

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., pd.DataFrame]

LENIENT = Thresholds(coverage=0, order=-1, negation=-1, paraphrase=-1, controls=0)

SPREAD = {"model": 0.3, "language": 0.2, "topic": 0.4, "statement": 0.5, "frame": 0.2}
SPREAD |= {"model × topic": 0.2, "model × statement": 0.3, "model × language": 0.1}
SPREAD |= {"language × statement": 0.2, "model × frame": 0.1, "model × language × statement": 0.1}
NOISE = 0.2


def shares(scored: pd.DataFrame, **settings: object) -> pd.DataFrame:
    """The table by source."""
    chosen = Settings(**{"draws": 200, "thresholds": LENIENT, **settings})
    models = sorted(scored["model"].unique())
    return decomposition_table(basis(scored, models, chosen)).set_index("source")


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
    rest = found.summed([(1, 0, 1, decomposition.STATEMENT)])[0]
    ours = {
        "m": component(found, "model"),
        "s": component(found, "statement"),
        "r": component(found, "frame"),
        "ms": component(found, "model × statement"),
        "mr": component(found, "model × frame"),
        "sr": found.summed([(0, 0, 1, decomposition.STATEMENT)])[0],
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
        rest = estimate.summed([(1, 1, 1, decomposition.STATEMENT)])[0]
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


def test_shares_have_their_intervals() -> None:
    """Planted shares, families redrawn: nine in ten intervals at least hold the truth."""
    rng = np.random.default_rng(7)
    runs, size = 100, 40
    variance = np.array([0.16, 0.09, 0.04])  # statement, model × statement, the rest
    truth = variance / variance.sum()
    zero = np.zeros(size, np.intp)
    held = []
    for _ in range(runs):
        shape = (3, size, 3)
        values = sum(
            rng.normal(0, np.sqrt(v), s)
            for v, s in zip(variance, [(1, size, 1), (3, size, 1), shape], strict=True)
        )
        m, s, r = np.indices(shape).reshape(3, -1)
        one = np.zeros(values.size)
        found = variance_components(
            values.ravel(), model=m, language=one, topic=one, family=s, frame=r
        )
        rest = [place for place in EVERY if place[2] and place not in TERMS.values()]
        lines = [
            decomposition._term(found, "statement", [TERMS["statement"]]),
            decomposition._term(found, "model × statement", [TERMS["model × statement"]]),
            decomposition._term(found, "rest", rest),
        ]
        total, d_total = found.summed(EVERY)
        lines = [decomposition._as_share(line, total, d_total) for line in lines]
        settings = Settings(draws=300, seed=int(rng.integers(1 << 30)))
        lines = decomposition._with_intervals(lines, zero, settings)
        held.append([line.low <= t <= line.high for line, t in zip(lines, truth, strict=True)])
    assert (np.mean(held, axis=0) >= 0.88).all()


def test_a_run_is_taken_apart(answers: Make) -> None:
    """Shares sum to one, lie in their intervals, and the planted sources are the large ones."""
    scored = answers(
        np.random.default_rng(8), {"a": -0.8, "b": 0, "c": 0.8}, families=8, spread=0.5
    )
    table = shares(scored)
    assert list(table.reset_index().columns) == SHARES
    known = table[table["measurable"] & (table["kind"] != "icc")]
    assert known["share"].sum() == pytest.approx(1)
    assert ((known["low"] <= known["share"]) & (known["share"] <= known["high"])).all()
    assert (known["low"] < known["high"]).all()
    assert table.loc["model", "share"] > 0.4
    assert table.loc["model", "low"] > table.loc["frame", "high"]
    assert table.loc["statement", "share"] > 0.1
    assert 0.3 < table.loc["icc", "share"] < 1
    assert table.loc["model", "levels"] == 3
    assert table.loc["sampling", "reason"].startswith("scored answers are probabilities")


def test_agreeing_with_everything_is_direction_and_position_is_order(answers: Make) -> None:
    """Neither is taken for a model's stance."""
    chance = np.random.default_rng(9)
    yes = shares(answers(chance, {"a": 0, "b": 0}, spread=0.2, acquiescence=1))
    first = shares(answers(chance, {"a": 0, "b": 0}, spread=0.2, position=1))
    assert yes.loc["direction", "share"] > 0.5
    assert yes.loc["order", "share"] < 0.01
    assert first.loc["order", "share"] > 0.5
    assert first.loc["direction", "share"] < 0.1
    assert max(yes.loc["model", "share"], first.loc["model", "share"]) < 0.1


def test_direction_and_order_are_mean_squared_distances(answers: Make) -> None:
    """By hand, on the table as it is."""
    scored = answers(np.random.default_rng(10), {"a": 0, "b": 0.2}, position=0.3, acquiescence=0.3)
    table = shares(scored)
    family = ["model", "language", "family", "frame"]
    by_order = scored.groupby([*family, "pole"])["stance"]
    order = by_order.var(ddof=0).mean()
    direction = by_order.mean().groupby(family).var(ddof=0).mean()
    assert table.loc["order", "variance"] == pytest.approx(order)
    assert table.loc["direction", "variance"] == pytest.approx(direction)


def test_a_negative_component_is_reported_and_counts_as_none(answers: Make) -> None:
    """Variance below zero, share zero with room above, and the other shares still sum to one."""
    scored = answers(np.random.default_rng(11), {"a": 0, "b": 0, "c": 0})
    table = shares(scored)
    below = table[table["variance"] < 0]
    assert len(below)
    assert (below["share"] == 0).all()
    assert (below["high"] > 0).all()
    assert table[table["kind"] != "icc"]["share"].sum() == pytest.approx(1)


def test_rows_in_another_order_are_the_same_run(answers: Make) -> None:
    """Nothing depends on where a row stands."""
    scored = answers(np.random.default_rng(12), {"a": 0, "b": 0.3}, languages=("de", "en"))
    shuffled = scored.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(shares(scored), shares(shuffled))


def test_what_fails_a_gate_does_not_count(answers: Make) -> None:
    """A model that is read in one language only is in the shares by that language alone."""
    chance = np.random.default_rng(13)
    good = answers(chance, {"a": 0, "b": 0.3}, languages=("de", "en"))
    noise = answers(chance, {"c": 0}, languages=("de",), spread=0, wording=3, position=3)
    noise["model"] = "c"
    table = shares(pd.concat([good, noise], ignore_index=True), thresholds=Thresholds())
    pd.testing.assert_frame_equal(table, shares(good, thresholds=Thresholds()))


def test_nothing_measurable_has_its_reason(answers: Make) -> None:
    """Every row is NaN and says why; no row is left out."""
    scored = answers(np.random.default_rng(14), {"a": 0, "b": 0}).assign(coverage=0.1)
    table = shares(scored, thresholds=Thresholds())
    assert len(table) == len(TERMS) + 5
    assert table[["variance", "share", "low", "high"]].isna().all().all()
    assert (table["reason"] == "no model is measurable in any language").all()
    assert not table["measurable"].any()
    empty = shares(scored.iloc[:0])
    assert not empty["measurable"].any()


def test_every_answer_declined_has_its_reason(answers: Make) -> None:
    """There is a model that can be read, and it says nothing."""
    scored = answers(np.random.default_rng(15), {"a": 0, "b": 0})
    scored[["p0", "p1", "p2", "p3"]] = 0.0
    table = shares(scored.assign(declined=1.0, stance=np.nan))
    assert (table["reason"] == "every measurable answer was declined").all()


@pytest.mark.parametrize(
    ("one", "source", "reason"),
    [
        ("model", "model", "one model only"),
        ("model", "model × topic", "one model only"),
        ("language", "language × statement", "one language only"),
        ("frame", "frame, other interactions", "one frame only"),
        ("topic", "topic", "one topic only"),
        ("family", "topic", "one question family a topic: the two are one"),
        ("order", "order", "one order only"),
        ("pole", "direction", "no statement was asked with its opposite"),
    ],
)
def test_a_factor_of_one_level_is_not_measurable(
    answers: Make, one: str, source: str, reason: str
) -> None:
    """It says why, and the other shares sum to one without it."""
    scored = answers(np.random.default_rng(16), {"a": 0, "b": 0.3}, languages=("de", "en"))
    kept = {
        "model": scored["model"] == "a",
        "language": scored["language"] == "en",
        "frame": scored["frame"].str.contains("p1"),
        "topic": scored["topic"] == "contested-1",
        "family": scored["family"].str.endswith("s1"),
        "order": scored["option_order"] == "forward",
        "pole": scored["pole"] == "pro",
    }[one]
    table = shares(scored[kept])
    row = table.loc[source]
    assert not row["measurable"]
    assert np.isnan(row["variance"])
    assert row["reason"] == reason
    assert table[table["kind"] != "icc"]["share"].sum() == pytest.approx(1)


def test_one_family_has_no_interval(answers: Make) -> None:
    """Shares there are, but nothing on how sure they are; and no correlation within families."""
    scored = answers(np.random.default_rng(17), {"a": 0, "b": 0.3}, topics=1, families=1)
    table = shares(scored)
    assert table.loc["model", "share"] > 0
    assert np.isnan(table.loc["model", "low"])
    assert table.loc["model", "reason"].startswith("one question family only")
    assert table.loc["statement", "reason"].startswith("one question family only")
    assert table.loc["icc", "reason"].startswith("one question family only")


def test_a_model_per_language_cannot_be_told_from_it(answers: Make) -> None:
    """Their components are NaN with the reason; what does not need them is there."""
    scored = answers(np.random.default_rng(18), {"a": 0, "b": 0.3}, languages=("de", "en"))
    apart = (scored["model"] == "a") == (scored["language"] == "de")
    table = shares(scored[apart])
    for source in ("model", "language", "model × language"):
        assert np.isnan(table.loc[source, "variance"])
        assert table.loc[source, "reason"] == decomposition.NO_PAIRS
    assert table.loc["statement", "measurable"]
    assert table.loc["order", "share"] >= 0
    assert 0 < table.loc["icc", "share"] < 1


def test_answers_that_do_not_vary_have_no_shares(answers: Make) -> None:
    """The variance is zero and a share of it undefined."""
    scored = answers(np.random.default_rng(19), {"a": 0, "b": 0})
    scored[["p0", "p1", "p2", "p3"]] = 0.25
    table = shares(scored.assign(stance=0.0))
    assert table["share"].isna().all()
    assert table.loc["model", "reason"] == "the answers do not vary"
    assert table.loc["model", "variance"] == pytest.approx(0)


def test_questions_of_another_kind_are_left_out_and_that_is_said(answers: Make) -> None:
    """A choice between two is another scale, which would count as a wording."""
    chance = np.random.default_rng(20)
    scored = answers(chance, {"a": 0, "b": 0.3})
    choose = answers(chance, {"a": 0, "b": 0.3}, families=1, frames=2)
    choose["frame"] = choose["frame"].str.replace("agree", "choose")
    choose["family"] = choose["item"] = choose["topic"] + "/choose"
    choose["cell"] += "-choose"
    both = pd.concat([scored, choose[choose["pole"] == "pro"]], ignore_index=True)
    pd.testing.assert_frame_equal(shares(both), shares(scored))
    settings = Settings(draws=100, thresholds=LENIENT)
    assert "'choose'" in decomposition_notes(basis(both, ["a", "b"], settings))[-1]
    assert len(decomposition_notes(basis(scored, ["a", "b"], settings))) == 1


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
            decomposition._squares(y, codes[0], {(0, 0, 0, 1): codes[1]})[1][0],
            decomposition._expectation(*codes),
        ]
    )
    for name in range(5):
        nudged = [sums(1 + sign * step * (family == name)) for sign in (1, -1)]
        assert found[:, name] == pytest.approx((nudged[0] - nudged[1]) / (2 * step), rel=1e-6)
    assert found.sum(1) == pytest.approx(sums(np.ones(60)))
