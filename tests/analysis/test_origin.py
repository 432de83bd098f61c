"""Models by country: means, differences, and how little a handful of models says."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.origin import (
    GROUP,
    ORIGIN,
    WARNING,
    countries,
    country_table,
    origin_table,
)
from analysis.rows import Settings, basis
from analysis.study import study

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.rows import Basis
    from analysis.tables import Tables

    Make = Callable[..., pd.DataFrame]
    Whole = Callable[..., Tables]


def homes(**country: str | None) -> pd.DataFrame:
    """A models table."""
    return pd.DataFrame({"id": list(country), "country": list(country.values())})


def found_in(scored: pd.DataFrame, draws: int = 200) -> Basis:
    """The basis of some answers."""
    return basis(scored, sorted(scored["model"].unique()), Settings(draws=draws))


def row(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row, of all languages and topics unless said."""
    for column, value in ({"language": "all", "topic": "all"} | where).items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


@given(st.lists(st.sampled_from(["China", "France", "Côte d'Ivoire", "United States"]), min_size=1))
def test_countries_are_parted_by_a_slash(names: list[str]) -> None:
    """With blanks or without; a country named twice is one."""
    table = homes(x=" / ".join(names), y="/".join(names))
    assert countries(table) == {"x": frozenset(names), "y": frozenset(names)}


@pytest.mark.parametrize("text", [None, float("nan"), pd.NA, "", " ", "/"])
def test_no_country_is_none(text: object) -> None:
    """Whatever way a table says that it is not known."""
    table = pd.DataFrame({"id": ["x"], "country": pd.Series([text], dtype=object)})
    assert countries(table) == {"x": frozenset()}


def test_a_group_is_the_mean_of_its_models(answers: Make, tables: Whole) -> None:
    """By topic too; a model of two countries counts in both."""
    scored = answers(np.random.default_rng(0), {"a": 0, "b": 0.4, "c": 1})
    single = study(tables(scored), draws=100).stance
    groups = country_table(
        found_in(scored), homes(a="China", b="France / United States", c="United States")
    )
    assert list(groups.columns) == GROUP
    for topic in ("all", "contested-2"):
        of = {m: row(single, model=m, topic=topic)["stance"] for m in "abc"}
        mean = {c: row(groups, country=c, topic=topic)["stance"] for c in groups["country"]}
        assert mean["China"] == pytest.approx(of["a"])
        assert mean["France"] == pytest.approx(of["b"])
        assert mean["United States"] == pytest.approx((of["b"] + of["c"]) / 2)
    both = row(groups, country="United States")
    assert (both["models"], both["members"]) == (2, "b, c")
    assert both["low"] < both["stance"] < both["high"]


def test_a_difference_is_that_of_the_means_and_has_its_sign(answers: Make) -> None:
    """With an interval over families, a test, and a sentence on these models."""
    scored = answers(np.random.default_rng(1), {"a": -0.4, "b": -0.5, "c": 0.4, "d": 0.6})
    where = homes(a="China", b="China", c="France", d="France")
    found, groups = (f(found_in(scored), where) for f in (origin_table, country_table))
    assert list(found.columns) == ORIGIN
    one = row(found)
    means = [row(groups, country=c)["stance"] for c in ("China", "France")]
    assert one["difference"] == pytest.approx(means[0] - means[1])
    assert [one["stance_a"], one["stance_b"]] == pytest.approx(means)
    assert one["low"] < one["difference"] < one["high"] < 0
    assert one["p_adjusted"] < 0.01
    assert (one["models_a"], one["models_b"], one["families"]) == (2, 2, 20)
    assert one["verdict"].startswith(
        "On these questions the mean of 2 models of China leans further to the con pole than the"
        " mean of 2 models of France"
    )
    assert "too few to test a difference of China and France" in one["verdict"]
    assert "no sample" in WARNING


def test_how_far_one_model_moves_a_difference(answers: Make) -> None:
    """By hand: every model left out in turn, but never the last of its country."""
    scored = answers(np.random.default_rng(2), {"a": 0, "b": 0.1, "c": 0.2, "d": 2})
    found = row(
        origin_table(found_in(scored), homes(a="China", b="France", c="France", d="France"))
    )
    stance = scored.groupby(["model", "topic", "family"])["stance"].mean()
    stance = stance.groupby(["model", "topic"]).mean().groupby("model").mean()
    left = {m: stance["a"] - stance[[x for x in "bcd" if x != m]].mean() for m in ("b", "c", "d")}
    assert found["without_low"] == pytest.approx(min(left.values()))
    assert found["without_high"] == pytest.approx(max(left.values()))
    assert found["moved_most_by"] == "d"
    assert "moved most by d" in found["verdict"]


def test_models_are_permuted_where_there_are_enough(answers: Make) -> None:
    """All ways to choose four of eight, by hand, and the least p that can come out."""
    rng = np.random.default_rng(3)
    leans = {
        name: lean + (0.3 if name in "efgh" else 0)
        for name, lean in zip("abcdefgh", rng.normal(0, 0.3, 8), strict=True)
    }
    scored = answers(rng, leans)
    where = homes(**{name: "China" if name < "e" else "France" for name in leans})
    found = row(origin_table(found_in(scored), where))
    stance = scored.groupby(["model", "topic", "family"])["stance"].mean()
    stance = stance.groupby(["model", "topic"]).mean().groupby("model").mean()
    apart = [
        abs(stance[list(chosen)].mean() - stance.drop(list(chosen)).mean())
        for chosen in itertools.combinations(leans, 4)
    ]
    seen = abs(stance[:4].mean() - stance[4:].mean())
    assert found["p_models"] == pytest.approx(np.mean(np.array(apart) >= seen - 1e-12))
    assert found["p_models_least"] == pytest.approx(2 / 70)
    assert found["p_models_adjusted"] >= found["p_models"]
    assert "0.029 is the least that can come out of 8 models" in found["verdict"]


def test_too_few_models_to_reach_a_level_are_not_tested(answers: Make) -> None:
    """Three against three reach 0.1 at the least; p is NaN and the sentence says why."""
    leans = dict(zip("abcdef", np.linspace(-1, 1, 6), strict=True))
    where = homes(**{name: "China" if name < "d" else "France" for name in leans})
    found = row(origin_table(found_in(answers(np.random.default_rng(4), leans)), where))
    assert np.isnan(found["p_models"])
    assert found["p_models_least"] == pytest.approx(0.1)
    assert "6 models are too few" in found["verdict"]


def test_many_models_are_permuted_at_random(answers: Make) -> None:
    """Beyond all ways there are draws, and p is never 0."""
    names = [f"m{i:02d}" for i in range(20)]
    leans = {name: -0.6 if i < 10 else 0.6 for i, name in enumerate(names)}
    scored = answers(np.random.default_rng(5), leans, topics=2, families=3)
    where = homes(**{name: "China" if leans[name] < 0 else "France" for name in names})
    found = row(origin_table(found_in(scored, draws=300), where))
    assert found["p_models"] == found["p_models_least"] == pytest.approx(1 / 301)


def test_a_model_of_both_countries_stands_on_neither_side(answers: Make) -> None:
    """Against a third it counts; where it is all a country has there is no difference."""
    scored = answers(np.random.default_rng(6), {"a": 0, "b": 0.4, "c": 1})
    found = origin_table(
        found_in(scored), homes(a="China", b="France / United States", c="United States")
    )
    assert row(found, a="China", b="United States")["models_b"] == 2
    lost = row(found, a="France", b="United States")
    assert not lost["measurable"]
    assert np.isnan(lost["difference"])
    assert lost["verdict"] == "Not measurable: every model of one of them is of the other too."
    shared = homes(a="France", b="France / United States", c="United States")
    assert row(origin_table(found_in(scored), shared))[["models_a", "models_b"]].tolist() == [1, 1]


def test_models_that_cannot_be_read_do_not_count(answers: Make) -> None:
    """Where a country has none left, that is the reason."""
    chance = np.random.default_rng(7)
    good = answers(chance, {"a": 0, "b": 0.4}, languages=("de", "en"))
    bad = answers(chance, {"c": 0}, languages=("de", "en"), spread=0.2, position=3)
    scored = pd.concat([good, bad], ignore_index=True)
    where = homes(a="China", b="France", c="France")
    assert row(origin_table(found_in(scored), where))["models_b"] == 1
    where = homes(a="China", b="China", c="France")
    lost = origin_table(found_in(scored), where)
    assert not lost["measurable"].any()
    assert (lost["reason"] == "France: none of its models is measurable here").all()
    group = row(country_table(found_in(scored), where), country="France")
    assert group["reason"] == "none of its models is measurable here"
    assert (group["models"], group["members"]) == (0, "")


def test_declining_is_a_reason_of_its_own(answers: Make) -> None:
    """The models can be read and give no stance."""
    scored = answers(np.random.default_rng(8), {"a": 0, "b": 0})
    silent = scored["model"] == "b"
    scored.loc[silent, ["p0", "p1", "p2", "p3"]] = 0.0
    scored.loc[silent, "declined"] = 1.0
    scored.loc[silent, "stance"] = np.nan
    where = homes(a="China", b="France")
    assert row(country_table(found_in(scored), where), country="France")["reason"] == (
        "every answer was declined"
    )
    found = row(origin_table(found_in(scored), where))
    assert found["reason"] == "no question family has a stance on both sides"


def test_no_family_in_common(answers: Make) -> None:
    """Two models that were asked about different families."""
    scored = answers(np.random.default_rng(9), {"a": 0, "b": 0}, families=6)
    first = scored["family"].str[-1].astype(int) < 3
    scored = scored[first == (scored["model"] == "a")]
    found = origin_table(found_in(scored), homes(a="China", b="France"))
    assert not found["measurable"].any()
    assert (found["reason"] == "no question family has a stance on both sides").all()


def test_one_family_has_no_interval(answers: Make) -> None:
    """The difference stands, with the reason why there is no interval."""
    scored = answers(np.random.default_rng(10), {"a": -1, "b": 1}, topics=1, families=1)
    found = row(origin_table(found_in(scored), homes(a="China", b="France")))
    assert found["difference"] < 0
    assert np.isnan(found["low"])
    assert found["reason"].startswith("one question family only")
    assert np.isnan(found["without_low"])
    assert "no interval" in found["verdict"]


def test_fewer_than_two_countries_have_no_rows(answers: Make) -> None:
    """Tables with their columns, whatever is known of the models."""
    scored = answers(np.random.default_rng(11), {"a": 0, "b": 0})
    for where in (homes(a="China", b="China"), homes(a=None, b=None), homes()):
        found = origin_table(found_in(scored), where)
        assert list(found.columns) == ORIGIN
        assert not len(found)
    groups = country_table(found_in(scored), homes(a=None, b=None))
    assert list(groups.columns) == GROUP
    assert not len(groups)
    nothing = found_in(scored.iloc[:0])
    assert not len(origin_table(nothing, homes(a="China", b="France")))


def test_p_values_are_corrected_over_pairs_of_countries(answers: Make) -> None:
    """Holm over the rows of all topics and languages."""
    scored = answers(np.random.default_rng(12), {"a": -0.2, "b": 0, "c": 0.2})
    found = origin_table(found_in(scored), homes(a="China", b="France", c="Japan"))
    heads = found[(found["topic"] == "all") & (found["language"] == "all")]
    assert len(heads) == 3
    assert heads["p_adjusted"].min() == pytest.approx(min(1, 3 * heads["p"].min()))
