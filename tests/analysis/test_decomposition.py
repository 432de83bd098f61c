"""Shares of variance: against published numbers, a mixed model, planted truths and bad input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis import decomposition
from analysis.decomposition import SHARES, decomposition_notes, decomposition_table
from analysis.gates import Thresholds
from analysis.rows import Settings, basis
from analysis.variance_components import EVERY, TERMS, variance_components

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., pd.DataFrame]

LENIENT = Thresholds(coverage=0, order=-1, negation=-1, paraphrase=-1, controls=0)


def shares(scored: pd.DataFrame, **settings: object) -> pd.DataFrame:
    """The table by source."""
    chosen = Settings(**{"draws": 200, "thresholds": LENIENT, **settings})
    models = sorted(scored["model"].unique())
    return decomposition_table(basis(scored, models, chosen)).set_index("source")


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
