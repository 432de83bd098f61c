"""A whole run, and two models of it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis.gates import Thresholds
from analysis.multiverse import Multiverse
from analysis.rates import wilson
from analysis.study import compare, study
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.tables import Tables

    Make = Callable[..., pd.DataFrame]
    Whole = Callable[..., Tables]

FEW = 200  # draws, where the numbers of draws do not matter


def row(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row."""
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def headline(table: pd.DataFrame, **where: str) -> pd.Series:
    """The row of all languages and topics."""
    return row(table, language="all", topic="all", **where)


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    """Chance, the same in every run."""
    return np.random.default_rng(11)


def test_planted_models_are_told_apart(answers: Make, tables: Whole) -> None:
    """Two models of one truth, a third that leans pro: the sentences say so, and the signs fit."""
    scored = answers(
        np.random.default_rng(0), {"a": 0, "b": 0, "c": 0.6}, topics=5, languages=("de", "en")
    )
    found = study(tables(scored), draws=500)
    same, other = headline(found.divergence, a="a", b="b"), headline(found.divergence, a="a", b="c")
    assert abs(same["excess"]) < 0.005
    assert same["plain"] > 0.015
    assert same["p_adjusted"] > 0.05
    assert "within 0.05" in same["verdict"]
    assert other["p_adjusted"] < 0.01
    assert other["low"] > 0
    assert "differ beyond wording noise" in other["verdict"]
    stance = {m: headline(found.stance, model=m)["stance"] for m in "abc"}
    assert stance["c"] > stance["a"] + 0.15
    difference = headline(compare(tables(scored), "a", "c", draws=500).stance)
    assert difference["difference"] == pytest.approx(stance["a"] - stance["c"])
    assert difference["high"] < 0
    assert "c" in difference["verdict"]
    assert "a leans further to the con pole" in difference["verdict"]


def test_families_and_topics_count_alike(answers: Make, tables: Whole) -> None:
    """Stance of all topics is the mean over topics of means over families, whatever their sizes."""
    scored = answers(np.random.default_rng(1), {"a": 0}, topics=2, families=4)
    scored = scored[~scored["family"].isin(["contested-0/s1", "contested-0/s2"])]
    found = study(tables(scored), draws=FEW).stance
    by_hand = scored.groupby(["topic", "family"])["stance"].mean().groupby("topic").mean()
    for topic, value in by_hand.items():
        assert row(found, language="all", topic=topic)["stance"] == pytest.approx(value)
    assert headline(found)["stance"] == pytest.approx(by_hand.mean())
    assert headline(found)["families"] == 6


def test_excess_is_that_of_the_definition(answers: Make, tables: Whole) -> None:
    """Both orders of a frame are averaged first; checked on one statement by hand."""
    from analysis.noise import excess_divergence, splits

    scored = answers(
        np.random.default_rng(2), {"a": 0, "b": 0.3}, topics=1, families=1, position=0.1
    )
    scored = scored[scored["pole"] == "pro"]
    frames = scored.groupby(["model", "frame"])[["p0", "p1", "p2", "p3"]].mean()
    a, b = (frames.loc[m].to_numpy()[None] for m in "ab")
    expected = excess_divergence(a, b, splits(4, np.random.default_rng(0)))
    lenient = Thresholds(order=-1, paraphrase=-1)
    found = headline(study(tables(scored), draws=FEW, thresholds=lenient).divergence)
    assert found["excess"] == pytest.approx(expected.excess[0])
    assert found["noise_a"] == pytest.approx(expected.noise_a[0])
    assert found["families"] == 1
    assert np.isnan(found[["low", "high"]].astype(float)).all()
    assert "one question family only" in found["reason"]


def test_a_study_and_a_comparison_give_one_pair_the_same_numbers(
    answers: Make, tables: Whole
) -> None:
    """Other models beside them change nothing but the correction."""
    scored = answers(np.random.default_rng(3), {"a": 0, "b": 0.2, "c": 1}, languages=("de", "en"))
    whole = study(tables(scored), draws=FEW).divergence
    pair = compare(tables(scored), "a", "b", draws=FEW).divergence
    kept = whole[(whole["a"] == "a") & (whole["b"] == "b")].reset_index(drop=True)
    corrected = ["p_adjusted", "verdict"]
    pd.testing.assert_frame_equal(kept.drop(columns=corrected), pair.drop(columns=corrected))


def test_same_seed_same_bytes(answers: Make, tables: Whole) -> None:
    """And rows in another order are the same run."""
    scored = answers(np.random.default_rng(4), {"a": 0, "b": 0.2})
    first = study(tables(scored), draws=FEW, seed=5)
    shuffled = scored.sample(frac=1, random_state=1).sort_values("model", kind="stable")
    second = study(tables(shuffled), draws=FEW, seed=5)
    for field in fields(first):
        one, two = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, two)
        elif isinstance(one, Multiverse):
            pd.testing.assert_frame_equal(one.table, two.table)
            assert one.summary == two.summary
        else:
            assert one == two
    other = study(tables(scored), draws=FEW, seed=6)
    assert not first.divergence["low"].equals(other.divergence["low"])


def test_controls_and_mirrors_stay_out_of_headlines(answers: Make, tables: Whole) -> None:
    """They change no stance and no divergence."""
    chance = np.random.default_rng(5)
    scored = answers(chance, {"a": 0, "b": 0})
    control = answers(chance, {"a": 2, "b": 2}, tag="control", topics=1, spread=0.1)
    mirror = answers(chance, {"a": 1, "b": 1}, tag="mirror", topics=1, families=2)
    alone = study(tables(scored), draws=FEW)
    among = study(tables(pd.concat([scored, control, mirror], ignore_index=True)), draws=FEW)
    pd.testing.assert_frame_equal(alone.stance, among.stance)
    pd.testing.assert_frame_equal(alone.divergence, among.divergence)


def test_mirrors_are_shown_by_government(answers: Make, tables: Whole) -> None:
    """One row a family over frames, and one over families; never an interval of width zero."""
    chance = np.random.default_rng(6)
    scored = answers(chance, {"a": 0.0})
    mirror = answers(chance, {"a": 0.5}, tag="mirror", topics=1, families=3)
    mirror = mirror[mirror["pole"] == "pro"]
    other = mirror.assign(item=mirror["family"] + ".us", stance=mirror["stance"] / 2)
    other["cell"] += "-us"
    mirror["item"] = mirror["family"] + ".cn"
    found = study(tables(pd.concat([scored, mirror, other])), draws=FEW).mirrors
    assert sorted(found["government"].unique()) == ["cn", "us"]
    assert len(found) == 2 * (3 + 1)
    assert (found["low"] < found["stance"]).all()
    whole = found[found["family"] == "all"].set_index("government")
    expected = mirror.groupby("family")["stance"].mean().mean()
    assert whole.loc["cn", "stance"] == pytest.approx(expected)
    assert whole.loc["us", "stance"] == pytest.approx(expected / 2)


def test_what_fails_a_gate_is_not_measurable_everywhere(answers: Make, tables: Whole) -> None:
    """NaN and the reason in its language; all languages do without it, and a note says so."""
    chance = np.random.default_rng(7)
    en = answers(chance, {"a": 0, "b": 0})
    de = answers(chance, {"a": 0}, languages=("de",))
    bad = answers(chance, {"b": 0}, languages=("de",), position=3.0, spread=0.3)
    found = study(tables(pd.concat([en, de, bad], ignore_index=True)), draws=FEW)
    stance = row(found.stance, model="b", language="de", topic="all")
    assert not stance["measurable"]
    assert np.isnan(stance["stance"])
    assert "order" in stance["reason"]
    pair = row(found.divergence, language="de", topic="all")
    assert not pair["measurable"]
    assert pair["verdict"].startswith("Not measurable: b: order")
    assert np.isnan(pair["excess"])
    everywhere = row(found.divergence, language="all", topic="all")
    assert everywhere["excess"] == row(found.divergence, language="en", topic="all")["excess"]
    assert any("b: rows of all languages leave out de" in note for note in found.notes)


def test_thresholds_are_adjustable(answers: Make, tables: Whole) -> None:
    """A model that fails by default is measured when asked to."""
    scored = answers(np.random.default_rng(8), {"a": 0}).assign(coverage=0.3)
    assert not study(tables(scored), draws=FEW).measurable["measurable"].any()
    lenient = study(tables(scored), draws=FEW, thresholds=Thresholds(coverage=0.2))
    assert lenient.measurable["measurable"].all()


def test_only_matched_cells_are_compared(answers: Make, tables: Whole) -> None:
    """Cells that one model missed are left out on both sides, and the counts are said."""
    scored = answers(np.random.default_rng(9), {"a": 0, "b": 0}, topics=1)
    missing = (scored["model"] == "b") & scored["frame"].str.contains("p3|p2")
    changed = scored[~missing].copy()
    found = study(tables(changed), draws=FEW)
    pair = headline(found.divergence)
    assert pair["cells"] == 5 * 2 * 2 * 2
    assert np.isnan(pair["excess"])
    assert pair["plain"] > 0
    assert "fewer than four frames" in pair["reason"]
    assert any("compared on the 40 that both did" in note for note in found.notes)


def test_no_cell_in_common(answers: Make, tables: Whole) -> None:
    """Not measurable, and why."""
    scored = answers(np.random.default_rng(10), {"a": 0, "b": 0})
    scored.loc[scored["model"] == "b", "cell"] += "'"
    pair = headline(study(tables(scored), draws=FEW).divergence)
    assert not pair["measurable"]
    assert "no cell was answered by both" in pair["verdict"]


def test_all_declined(answers: Make, tables: Whole) -> None:
    """No stance, with the reason; the divergence of two that both decline is zero."""
    scored = answers(np.random.default_rng(11), {"a": 0, "b": 0})
    scored[["p0", "p1", "p2", "p3"]] = 0.0
    scored = scored.assign(declined=1.0, stance=np.nan)
    found = study(tables(scored), draws=FEW)
    stance = headline(found.stance, model="a")
    assert np.isnan(stance["stance"])
    assert stance["reason"] == "every answer was declined"
    assert (stance["worst"], stance["best"]) == (-1, 1)
    assert headline(found.divergence)["excess"] == 0
    assert np.isnan(headline(found.divergence)["wasserstein"])
    assert np.isnan(headline(compare(tables(scored), "a", "b", draws=FEW).stance)["difference"])


def test_declining_bounds_the_stance(answers: Make, tables: Whole) -> None:
    """Worst and best case lie around the stance by what was declined."""
    scored = answers(np.random.default_rng(12), {"a": 0.5}, declines=0.4)
    stance = headline(study(tables(scored), draws=FEW).stance)
    assert stance["declined"] == pytest.approx(0.2)
    assert stance["best"] - stance["worst"] == pytest.approx(0.4)
    assert stance["worst"] < stance["stance"] < stance["best"]


def test_two_options_are_enough(answers: Make, tables: Whole) -> None:
    """K = 2 beside K = 4: Wasserstein is then the difference in probability."""
    scored = answers(np.random.default_rng(13), {"a": 0, "b": 0.5})
    scored["p0"] = scored["p0"] + scored["p1"]
    scored["p1"] = scored["p2"] + scored["p3"]
    scored[["p2", "p3"]] = np.nan
    scored = scored.assign(K=2, kind="choose", stance=scored["p0"] - scored["p1"])
    found = study(tables(scored), draws=FEW)
    pair = headline(found.divergence)
    a, b = (scored[scored["model"] == m].set_index("cell")["p0"] for m in "ab")
    assert pair["wasserstein"] == pytest.approx((a - b).abs().mean())
    assert pair["measurable"]


def test_one_model_has_no_pairs(answers: Make, tables: Whole) -> None:
    """Stance yes, divergence an empty table with its columns, and a note."""
    found = study(tables(answers(np.random.default_rng(14), {"a": 0})), draws=FEW)
    assert len(found.divergence) == 0
    assert {"a", "b", "excess", "verdict"} <= set(found.divergence.columns)
    assert "One model only: there is nothing to compare it with." in found.notes


def test_a_model_against_itself(answers: Make, tables: Whole) -> None:
    """Exactly zero, p = 1, and still an interval."""
    scored = answers(np.random.default_rng(15), {"a": 0})
    found = compare(tables(scored), "a", "a", draws=FEW)
    pair = headline(found.divergence)
    assert pair["excess"] == pytest.approx(0, abs=1e-12)
    assert pair["p"] == 1
    assert pair["low"] < 0 < pair["high"]
    assert headline(found.stance)["difference"] == 0


def test_a_cell_asked_twice_counts_once(answers: Make, tables: Whole) -> None:
    """With its mean."""
    scored = answers(np.random.default_rng(16), {"a": 0, "b": 0})
    once = study(tables(scored), draws=FEW)
    twice = study(tables(pd.concat([scored, scored.iloc[:7]])), draws=FEW)
    pd.testing.assert_frame_equal(once.stance, twice.stance)


@pytest.mark.parametrize("wrong", [1.5, -0.2])
def test_probabilities_that_are_none_are_refused(
    answers: Make, tables: Whole, wrong: float
) -> None:
    """With the cell and the model named."""
    scored = answers(np.random.default_rng(17), {"a": 0})
    scored.loc[3, "p0"] = wrong
    with pytest.raises(AnalysisError, match="sum to one") as caught:
        study(tables(scored), draws=FEW)
    assert scored.loc[3, "cell"] in caught.value.what


def test_unanswered_cells_are_left_out(answers: Make, tables: Whole) -> None:
    """A row of NaN is a cell not answered."""
    scored = answers(np.random.default_rng(18), {"a": 0, "b": 0})
    scored.loc[[0, 5], ["p0", "p1", "p2", "p3", "declined", "stance"]] = np.nan
    pair = headline(study(tables(scored), draws=FEW).divergence)
    assert pair["cells"] == len(scored) / 2 - 2


def test_outcomes_are_rates_with_wilson(answers: Make, responses: Make, tables: Whole) -> None:
    """All six outcomes by model, language and all; errors and unlabelled ones count in no rate."""
    records = [
        {"model": "a", "language": lang, "prompt": f"{lang}{i}", "outcome": outcome}
        for lang in ("de", "en")
        for i, outcome in enumerate(["pro", "refuses", "refuses", None])
    ]
    records.append({"model": "a", "prompt": "x", "ending": "error", "outcome": None})
    scored = answers(np.random.default_rng(19), {"a": 0})
    found = study(tables(scored, responses(records)), draws=FEW)
    rate = row(found.outcomes, language="all", outcome="refuses")
    assert (rate["n"], rate["total"]) == (4, 6)
    assert rate["low"] < rate["rate"] < rate["high"]
    assert row(found.outcomes, language="de", outcome="both")["high"] > 0
    assert len(found.outcomes) == 3 * 6
    assert found.models.loc[0, ["opened", "errors"]].tolist() == [9, 1]
    assert any("2 open responses are not labelled" in note for note in found.notes)


def test_outcomes_are_compared_on_equal_prompts(
    responses: Make, answers: Make, tables: Whole
) -> None:
    """Exact McNemar: nine prompts that only one model refuses."""
    records = [
        {
            "model": m,
            "prompt": f"p{i}",
            "family": f"s{i}",
            "outcome": "refuses" if m == "b" or i == 0 else "pro",
        }
        for m in "ab"
        for i in range(10)
    ]
    records.append({"model": "b", "prompt": "only b", "outcome": "refuses"})
    scored = answers(np.random.default_rng(20), {"a": 0, "b": 0})
    found = compare(tables(scored, responses(records)), "a", "b", draws=FEW).outcomes
    refuses = row(found, language="all", outcome="refuses")
    assert (refuses["both"], refuses["only_a"], refuses["only_b"], refuses["n"]) == (1, 0, 9, 10)
    assert refuses["p"] == pytest.approx(2 * 0.5**9)
    assert refuses["verdict"].startswith("b gives the outcome 'refuses' more often")


def test_the_margin_is_that_of_outcomes_too(responses: Make, answers: Make, tables: Whole) -> None:
    """A wide margin makes equal rates shown to be equal; the usual one does not."""
    records = [
        {"model": m, "prompt": f"p{i}", "family": f"s{i}", "outcome": "pro" if i else "con"}
        for m in "ab"
        for i in range(40)
    ]
    records[0]["outcome"] = "pro"
    whole = tables(answers(np.random.default_rng(20), {"a": 0, "b": 0}), responses(records))
    usual, wide = (
        row(
            compare(whole, "a", "b", draws=FEW, margin=margin).outcomes,
            language="all",
            outcome="pro",
        )
        for margin in (0.05, 0.5)
    )
    assert "is shown to be within 0.5" in wide["verdict"]
    assert "No difference" in usual["verdict"]


def test_notes_say_that_families_are_clusters(
    responses: Make, answers: Make, tables: Whole
) -> None:
    """Where there are rates."""
    scored = answers(np.random.default_rng(20), {"a": 0, "b": 0})
    records = [{"model": m, "prompt": "p", "outcome": "pro"} for m in "ab"]
    for found in (
        study(tables(scored, responses(records)), draws=FEW),
        compare(tables(scored, responses(records)), "a", "b", draws=FEW),
    ):
        assert any("question families as clusters" in note for note in found.notes)
    assert not any("clusters" in note for note in study(tables(scored), draws=FEW).notes)


def test_switches_are_in_the_study(responses: Make, answers: Make, tables: Whole) -> None:
    """How often a response is in another language, with Wilson's interval; the pair's own too."""
    records = [
        {
            "model": m,
            "prompt": f"p{i}",
            "family": f"s{i}",
            "response_language": "zh" if m == "b" and i < 3 else "en",
        }
        for m in "abc"
        for i in range(10)
    ]
    whole = tables(answers(np.random.default_rng(22), dict.fromkeys("abc", 0)), responses(records))
    found = study(whole, draws=FEW).switches
    switch = row(found, model="b", language="en")
    assert (switch["n"], switch["total"], switch["mostly"]) == (3, 10, "zh")
    assert (switch["low"], switch["high"]) == pytest.approx(wilson(3, 10))
    pair = compare(whole, "a", "b", draws=FEW).switches
    assert set(pair["model"]) == {"a", "b"}


def test_the_headline_pair_is_varied(answers: Make, tables: Whole) -> None:
    """It is the measurable pair with the largest excess; a model that fails is in none."""
    scored = answers(np.random.default_rng(23), {"a": 0, "b": 0.1, "c": 0.8, "d": 3})
    scored.loc[scored["model"] == "d", "coverage"] = 0.1
    found = study(tables(scored), draws=FEW)
    whole = found.divergence.query("language == 'all' and topic == 'all'")
    widest = whole.loc[whole["excess"].idxmax()]
    assert found.multiverse is not None
    assert (found.multiverse.a, found.multiverse.b) == (widest["a"], widest["b"]) == ("a", "c")
    pair = compare(tables(scored), "a", "c", draws=FEW).multiverse
    assert pair is not None
    pd.testing.assert_frame_equal(pair.table, found.multiverse.table)


def test_no_measurable_pair_is_none_to_vary(answers: Make, tables: Whole) -> None:
    """One model, or gates failed, or a model against itself."""
    scored = answers(np.random.default_rng(24), {"a": 0, "b": 1})
    assert study(tables(scored[scored["model"] == "a"]), draws=FEW).multiverse is None
    assert study(tables(scored.assign(coverage=0.1)), draws=FEW).multiverse is None
    assert compare(tables(scored), "a", "a", draws=FEW).multiverse is None


def test_a_pair_that_is_not_measurable_is_varied_when_asked_for(
    answers: Make, tables: Whole
) -> None:
    """The sentence then begins with that the headline is not measurable."""
    scored = answers(np.random.default_rng(24), {"a": 0, "b": 1}).assign(coverage=0.1)
    found = compare(tables(scored), "a", "b", draws=FEW).multiverse
    assert found is not None
    assert found.summary.startswith("The headline is not measurable")


def test_open_responses_alone_are_a_run(responses: Make, answers: Make, tables: Whole) -> None:
    """Nothing scored: empty tables with their columns."""
    scored = answers(np.random.default_rng(21), {"a": 0}).iloc[:0]
    found = study(tables(scored, responses([{"model": "a", "prompt": "p", "outcome": "pro"}])))
    assert len(found.stance) == len(found.divergence) == len(found.gates) == 0
    assert "measurable" in found.measurable.columns
    assert found.models["opened"].tolist() == [1]


def test_nothing_at_all_is_an_error(answers: Make, tables: Whole) -> None:
    """With what to do."""
    empty = tables(answers(np.random.default_rng(22), {"a": 0}).iloc[:0])
    with pytest.raises(AnalysisError) as caught:
        study(empty)
    assert "doxa run" in caught.value.remedy


def test_an_unknown_model_is_named(answers: Make, tables: Whole) -> None:
    """With those that there are."""
    with pytest.raises(AnalysisError, match="no model z") as caught:
        compare(tables(answers(np.random.default_rng(23), {"a": 0, "b": 0})), "a", "z")
    assert "a, b" in caught.value.remedy


def test_false_positives_over_many_studies(answers: Make, tables: Whole) -> None:
    """Pairs of models of one truth: the headline test rejects in at most five of a hundred."""
    rng = np.random.default_rng(24)
    scored = answers(rng, {f"m{i:02d}": 0 for i in range(24)}, topics=3, wording=0.6)
    found = study(tables(scored), draws=500).divergence
    heads = found[(found["topic"] == "all") & (found["language"] == "all")]
    assert len(heads) == 24 * 23 / 2
    assert (heads["p"] <= 0.05).mean() < 0.08
    assert (heads["p_adjusted"] > 0.05).all()
    assert abs(heads["excess"].mean()) < 0.005
    assert heads["plain"].min() > 0.05
