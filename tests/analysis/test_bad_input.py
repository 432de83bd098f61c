"""Bad input: a number that is right, or not measurable with the reason; never a warning.

Every warning is an error in these tests (pyproject.toml).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis.exploration import explore
from analysis.gates import Thresholds
from analysis.multiverse import multiverse
from analysis.study import compare, study
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.study import Study
    from analysis.tables import Tables

    Make = Callable[..., pd.DataFrame]
    Whole = Callable[..., Tables]

OPTIONS = ["p0", "p1", "p2", "p3"]
ANYTHING = Thresholds(coverage=0, order=-1, negation=-1, paraphrase=-1, controls=0)


def headline(table: pd.DataFrame) -> pd.Series:
    """The first row of all languages and topics."""
    return table[(table["language"] == "all") & (table["topic"] == "all")].iloc[0]


def look(tables: Tables) -> Study:
    """A study that every model passes."""
    return study(tables, draws=100, thresholds=ANYTHING)


def test_unmatched_cells(answers: Make, tables: Whole) -> None:
    """Each model was asked in its own frames: no pair, and two stances."""
    scored = answers(np.random.default_rng(0), {"a": 0, "b": 0})
    even = scored["frame"].str.contains("p0|p2")
    found = look(tables(scored[even == (scored["model"] == "a")]))
    pair = headline(found.divergence)
    assert not pair["measurable"]
    assert pair["reason"] == "no cell was answered by both"
    assert np.isnan(pair[["plain", "excess", "low", "p"]].astype(float)).all()
    assert found.stance["stance"].notna().all()


def test_one_statement_only(answers: Make, tables: Whole) -> None:
    """A value and no interval, with the reason."""
    scored = answers(np.random.default_rng(1), {"a": 0, "b": 0.5}, topics=1, families=1)
    scored = scored[scored["pole"] == "pro"]
    found = look(tables(scored))
    for row in (headline(found.stance), headline(found.divergence)):
        assert row["families"] == 1
        assert "one question family only" in row["reason"]
        assert np.isnan(row[["low", "high"]].astype(float)).all()
    lean = scored[scored["model"] == "a"].groupby("frame")["stance"].mean().mean()
    assert headline(found.stance)["stance"] == pytest.approx(lean)
    difference = headline(compare(tables(scored), "a", "b", draws=100, thresholds=ANYTHING).stance)
    assert np.isnan(difference["p"])
    assert np.isnan(difference["detectable"])


def test_one_frame_only(answers: Make, tables: Whole) -> None:
    """No noise floor to hold a divergence against."""
    found = look(tables(answers(np.random.default_rng(2), {"a": 0, "b": 0}, frames=1)))
    pair = headline(found.divergence)
    assert pair["plain"] > 0
    assert np.isnan(pair["excess"])
    assert "fewer than four frames" in pair["reason"]


@pytest.mark.parametrize("who", ["a", "both"])
def test_all_refusals(who: str, answers: Make, tables: Whole) -> None:
    """No stance; the bounds are the whole scale; declining is an answer that can differ."""
    scored = answers(np.random.default_rng(3), {"a": 0, "b": 0})
    rows = (scored["model"] == "a") | (who == "both")
    scored.loc[rows, OPTIONS] = 0.0
    scored.loc[rows, "declined"] = 1.0
    scored.loc[rows, "stance"] = np.nan
    found = look(tables(scored))
    stance = headline(found.stance)
    assert np.isnan(stance["stance"])
    assert stance["reason"] == "every answer was declined"
    assert (stance["worst"], stance["best"]) == (-1, 1)
    pair = headline(found.divergence)
    assert pair["plain"] == pytest.approx(0 if who == "both" else 1)
    assert np.isnan(pair["wasserstein"])
    compared = compare(tables(scored), "a", "b", draws=100, thresholds=ANYTHING)
    difference = headline(compared.stance)
    assert not difference["measurable"]
    assert difference["reason"] == "every answer was declined"


def test_one_model_twice(answers: Make, tables: Whole) -> None:
    """Its copy under another name is at no distance, with an interval."""
    scored = answers(np.random.default_rng(4), {"a": 0})
    found = look(tables(pd.concat([scored, scored.assign(model="copy")], ignore_index=True)))
    pair = headline(found.divergence)
    assert pair["excess"] == pytest.approx(0, abs=1e-12)
    assert pair["plain"] == pytest.approx(0, abs=1e-12)
    assert pair["p"] == 1
    assert pair["low"] < 0 < pair["high"]
    assert np.isnan(pair["detectable"])
    twice = look(tables(pd.concat([scored, scored], ignore_index=True)))
    assert headline(twice.stance)["stance"] == pytest.approx(headline(found.stance)["stance"])


def test_missing_answers(answers: Make, tables: Whole) -> None:
    """NaN is not answered: a cell, a whole topic, or everything a model was asked."""
    scored = answers(np.random.default_rng(5), {"a": 0, "b": 0, "c": 0})
    missing = (
        (scored.index % 7 == 0)
        | ((scored["model"] == "b") & (scored["topic"] == "contested-1"))
        | (scored["model"] == "c")
    )
    scored.loc[missing, [*OPTIONS, "declined", "stance", "coverage"]] = np.nan
    found = look(tables(scored))
    table = found.divergence.set_index(["a", "b", "language", "topic"])
    assert table.loc[("a", "b", "all", "all"), "measurable"]
    assert not table.loc[("a", "b", "all", "contested-1"), "measurable"]
    assert not table.loc[("a", "c", "all", "all"), "measurable"]
    silent = found.stance[found.stance["model"] == "c"]
    assert silent["stance"].isna().all()
    assert (silent["reason"] != "").all()


def test_some_probabilities_missing(answers: Make, tables: Whole) -> None:
    """Half a distribution is none; it is refused by name rather than filled in."""
    scored = answers(np.random.default_rng(6), {"a": 0, "b": 0})
    scored.loc[5, "p1"] = np.nan
    with pytest.raises(AnalysisError, match="do not sum to one") as caught:
        look(tables(scored))
    assert scored.loc[5, "cell"] in caught.value.what


def test_a_topic_with_no_variance(answers: Make, tables: Whole) -> None:
    """All families of a topic the same: an interval of some width, no error, and a reason or p."""
    scored = answers(np.random.default_rng(7), {"a": 0, "b": 0}, topics=2)
    flat = scored["topic"] == "contested-0"
    sign = np.where(scored["model"] == "a", 0.2, -0.2)
    scored.loc[flat, OPTIONS] = 0.25
    scored.loc[flat, "p0"] += sign[flat]
    scored.loc[flat, "p3"] -= sign[flat]
    scored.loc[flat, "stance"] = 2 * sign[flat]
    found = look(tables(scored))
    stance = found.stance[found.stance["topic"] == "contested-0"]
    np.testing.assert_allclose(stance["stance"].abs(), 0.4)
    assert (stance["low"] < stance["stance"]).all()
    assert (stance["high"] > stance["stance"]).all()
    pair = found.divergence[found.divergence["topic"] == "contested-0"]
    assert (pair["excess"] > 0.05).all()
    assert (pair["low"] < pair["excess"]).all()
    assert (pair["p"] < 0.01).all()
    difference = compare(tables(scored), "a", "b", draws=100, thresholds=ANYTHING).stance
    row = difference[difference["topic"] == "contested-0"].iloc[0]
    assert row["difference"] == pytest.approx(0.8)
    assert row["low"] < 0.8 < row["high"]


def test_neutral_in_everything(answers: Make, tables: Whole) -> None:
    """Stances of exactly 0: gates that cannot be judged, no difference, no division by zero."""
    scored = answers(np.random.default_rng(8), {"a": 0, "b": 0})
    scored[OPTIONS] = 0.25
    found = look(tables(scored.assign(stance=0.0)))
    assert headline(found.stance)["stance"] == 0
    assert headline(found.divergence)["excess"] == 0
    judged = found.gates.set_index("gate").loc["order"]
    assert judged["value"].isna().all()
    assert judged["reason"].str.contains("every stance is 0").all()


def test_two_options_only(answers: Make, tables: Whole) -> None:
    """Wasserstein is the difference in probability, and the rest is as with four."""
    scored = answers(np.random.default_rng(9), {"a": 0, "b": 0.5})
    scored["p0"] = scored["p0"] + scored["p1"]
    scored["p1"] = 1 - scored["p0"]
    scored = scored.drop(columns=["p2", "p3"]).assign(K=2, stance=2 * scored["p0"] - 1)
    pair = headline(look(tables(scored)).divergence)
    a, b = (scored[scored["model"] == m].set_index("cell")["p0"] for m in "ab")
    assert pair["wasserstein"] == pytest.approx((a - b).abs().mean())
    assert pair["low"] < pair["excess"] < pair["high"]


def test_one_option_only(answers: Make, tables: Whole) -> None:
    """There is no scale to move along, and no difference."""
    scored = answers(np.random.default_rng(10), {"a": 0, "b": 0.5})
    scored = scored.drop(columns=OPTIONS[1:]).assign(p0=1.0, K=1, stance=1.0)
    pair = headline(look(tables(scored)).divergence)
    assert np.isnan(pair["wasserstein"])
    assert pair["excess"] == 0
    assert pair["p"] == 1


def test_one_model_has_no_pair_in_any_table(answers: Make, tables: Whole) -> None:
    """Empty tables with their columns."""
    found = look(tables(answers(np.random.default_rng(11), {"a": 0})))
    assert len(found.divergence) == 0
    assert len(found.stance) > 0


def _apart(scored: pd.DataFrame) -> pd.DataFrame:
    even = scored["frame"].str.contains("p0|p2")
    return scored[even == (scored["model"] == "a")]


def _one_statement(scored: pd.DataFrame) -> pd.DataFrame:
    return scored[scored["item"] == "contested-0/s0.pro"]


def _silent(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.assign(**dict.fromkeys(OPTIONS, 0.0), declined=1.0, stance=np.nan)


def _one_silent(scored: pd.DataFrame) -> pd.DataFrame:
    parts = [_silent(scored[scored["model"] == "a"]), scored[scored["model"] == "b"]]
    return pd.concat(parts, ignore_index=True)


def _twice(scored: pd.DataFrame) -> pd.DataFrame:
    one = scored[scored["model"] == "a"]
    return pd.concat([one, one.assign(model="b")], ignore_index=True)


def _missing(scored: pd.DataFrame) -> pd.DataFrame:
    gone = (scored.index % 7 == 0) | (scored["topic"] == "contested-1")
    return scored.mask(
        np.outer(gone, scored.columns.isin([*OPTIONS, "declined", "stance", "coverage"]))
    )


def _flat(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.assign(**dict.fromkeys(OPTIONS, 0.25), stance=0.0)


def _two_options(scored: pd.DataFrame) -> pd.DataFrame:
    yes = scored["p0"] + scored["p1"]
    two = scored.drop(columns=["p2", "p3"])
    return two.assign(p0=yes, p1=1 - yes, K=2, stance=2 * yes - 1)


def _one_option(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.drop(columns=OPTIONS[1:]).assign(p0=1.0, K=1, stance=1.0)


def _nothing(scored: pd.DataFrame) -> pd.DataFrame:
    return scored[scored["model"] == "a"]


BAD = [
    *(_apart, _one_statement, _silent, _one_silent, _twice, _missing, _flat, _two_options),
    *(_one_option, _nothing),
]


@pytest.mark.parametrize("damage", BAD, ids=lambda damage: damage.__name__.strip("_"))
@pytest.mark.parametrize("languages", [("en",), ("en", "fr")], ids=len)
def test_what_lies_behind_the_headline(
    damage: Callable[[pd.DataFrame], pd.DataFrame],
    languages: tuple[str, ...],
    answers: Make,
    tables: Whole,
) -> None:
    """Every table has a number that is finite, or the reason why there is none."""
    scored = answers(np.random.default_rng(12), {"a": 0, "b": 0.5}, languages=languages)
    whole = tables(damage(scored))
    whole = replace(whole, models=whole.models.assign(country=["x", "y"][: len(whole.models)]))
    found = explore(whole, draws=100, thresholds=ANYTHING)
    for table, number in (
        (found.shares, "share"),
        (found.languages[found.languages["language_a"] != "all"], "difference"),
        (found.countries, "stance"),
        (found.origin, "difference"),
        (found.map.points, "x"),
        (found.reference.publics, "distance"),
    ):
        silent = table[number].isna()
        assert (table.loc[silent, "reason"] != "").all()
        assert table.loc[~silent, number].abs().lt(np.inf).all()


@pytest.mark.parametrize("damage", BAD, ids=lambda damage: damage.__name__.strip("_"))
def test_every_choice_of_analysis(
    damage: Callable[[pd.DataFrame], pd.DataFrame], answers: Make, tables: Whole
) -> None:
    """A specification has a number with an interval around it, or the reason why not."""
    scored = answers(np.random.default_rng(13), {"a": 0, "b": 0.5})
    whole = tables(damage(scored))
    asked = pd.DataFrame({"id": ["a", "b"]})
    whole = replace(whole, models=asked.merge(whole.models, on="id", how="left"))
    found = multiverse(whole, "a", "b", draws=100, thresholds=ANYTHING)
    table = found.table
    assert (table.loc[table["difference"].isna() | table["low"].isna(), "reason"] != "").all()
    whole_rows = table[table["low"].notna()]
    assert (whole_rows["low"] < whole_rows["high"]).all()
    assert whole_rows["difference"].between(whole_rows["low"], whole_rows["high"]).all()
    assert found.summary
    assert "nan" not in found.summary


def test_open_answers_alone(answers: Make, tables: Whole, responses: Make) -> None:
    """Nothing was scored: stances of written answers, and no other number."""
    nothing = answers(np.random.default_rng(14), {"a": 0, "b": 0}).iloc[:0]
    rows = [
        {"model": model, "family": f"f{i}", "item": f"f{i}", "cell": f"c{i}"}
        | {"outcome": "pro" if i % 2 else outcome, "response_language": "en", "probe": i}
        for model, outcome in (("a", "pro"), ("b", "con"))
        for i in range(12)
    ]
    opened = responses(rows)
    whole = replace(tables(nothing, opened), models=pd.DataFrame({"id": ["a", "b"]}))
    found = compare(whole, "a", "b", draws=100)
    assert found.divergence.empty
    assert found.stance.empty
    assert found.multiverse is not None
    assert found.multiverse.table["difference"].dropna().eq(1.0).all()
    assert found.multiverse.same_sign > 0


def _no_poles(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.assign(pole=None)


def _nothing_covered(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.assign(coverage=0.0)


def _ends(scored: pd.DataFrame) -> pd.DataFrame:
    first = (scored["model"] == "a").astype(float)
    return scored.assign(p0=first, p1=0.0, p2=0.0, p3=1 - first, stance=2 * first - 1)


def _one_cell(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.groupby("model", as_index=False).head(1)


def _mixed_scales(scored: pd.DataFrame) -> pd.DataFrame:
    two = _two_options(scored).assign(p2=np.nan, p3=np.nan)
    return scored.where(~scored["topic"].str.endswith("0"), two[scored.columns])


def _controls_only(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.assign(tag="control")


@pytest.mark.parametrize(
    "damage",
    [*BAD[:-1], _no_poles, _nothing_covered, _ends, _one_cell, _mixed_scales, _controls_only],
    ids=lambda damage: damage.__name__.strip("_"),
)
@pytest.mark.parametrize("gates", [ANYTHING, Thresholds()], ids=["off", "on"])
def test_every_test_has_a_number_or_a_reason(
    damage: Callable[[pd.DataFrame], pd.DataFrame], gates: Thresholds, answers: Make, tables: Whole
) -> None:
    """P in (0, 1], the estimate inside its interval, a sentence without nan; else the reason."""
    scored = answers(np.random.default_rng(15), {"a": 0, "b": 0.5}, topics=2)
    whole = tables(damage(scored))
    asked = pd.DataFrame({"id": ["a", "b"]})
    whole = replace(whole, models=asked.merge(whole.models, on="id", how="left"))
    found = compare(whole, "a", "b", draws=100, thresholds=gates)
    for table, number in ((found.divergence, "excess"), (found.stance, "difference")):
        assert (table.loc[table[number].isna(), "reason"] != "").all()
        assert (table.loc[table["low"].isna(), "reason"] != "").all()
        assert table["p"].dropna().between(0, 1, inclusive="right").all()
        known = table[table["low"].notna()]
        assert known[number].between(known["low"] - 1e-12, known["high"] + 1e-12).all()
        assert (known["low"] < known["high"]).all()
        assert not any("nan" in text for text in table["verdict"])
