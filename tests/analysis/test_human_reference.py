"""Models against national publics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis import human_reference as reference
from analysis.human_reference import figures, reference_table
from analysis.intervals import ONE_FAMILY
from analysis.rows import Settings, basis
from analysis.stances import NOWHERE, stance_table
from prompts.load import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.rows import Basis

    Make = Callable[..., pd.DataFrame]

TOPICS = (
    "abortion",
    "death-penalty",
    "euthanasia",
    "same-sex-marriage",
    "corporal-punishment",
    "taiwan",
)


def asked(scored: pd.DataFrame) -> Basis:
    """The answers, as if they had been given on topics of the core battery."""
    names = {f"contested-{number}": topic for number, topic in enumerate(TOPICS)}
    scored = scored.assign(topic=scored["topic"].replace(names))
    models = list(scored["model"].unique())
    return basis(scored, models, Settings(draws=200))


def one(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row."""
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


@pytest.fixture
def found(answers: Make) -> Basis:
    """Two models in two languages on all matching topics and one more."""
    rng = np.random.default_rng(0)
    return asked(answers(rng, {"a": 0, "b": 0.6}, topics=6, languages=("de", "en")))


def test_figures_are_whole_and_cited() -> None:
    """Every mean lies on the scale and belongs to one country, item and topic of the battery."""
    table = figures()
    assert table["mean"].between(-1, 1).all()
    assert table["se"].between(0.005, 0.06).all()
    assert not table.isna().any(axis=None)
    assert not table.duplicated(["survey", "item", "country"]).any()
    assert table.groupby(["survey", "topic"])["item"].nunique().eq(1).all()
    assert set(table["survey"]) == set(reference.SURVEYS)
    assert table.groupby("survey")["country"].nunique().to_dict() == {"wvs7": 55, "pew2013": 39}
    australia = one(table, survey="wvs7", item="abortion", country="AUS")
    assert australia["mean"] == pytest.approx((6.562 - 5.5) / 4.5, abs=1e-4)


def test_every_matched_topic_is_in_the_core_battery() -> None:
    """A topic that was renamed there would silently lose its publics."""
    assert set(figures()["topic"]) == set(TOPICS[:-1])
    assert set(figures()["topic"]) <= set(read_manifest("core").topics)


def test_distance_rank_and_drivers_by_hand(found: Basis) -> None:
    """The mean absolute difference over items; its parts; nearest first."""
    table = reference_table(found)
    stances = stance_table(found).set_index(["model", "language", "topic"])["stance"].sort_index()
    wvs = (
        figures()
        .query("survey == 'wvs7'")
        .pivot_table(index="country", columns="topic", values="mean")
    )
    topics = list(TOPICS[:-1])
    own = stances.loc["b", "de"][topics]
    apart = (wvs[topics] - own).abs().mean(axis=1, skipna=False)
    mine = table.publics.query("model == 'b' and language == 'de' and survey == 'wvs7'")
    by_country = mine.set_index("country")
    assert by_country["distance"].to_dict() == pytest.approx(apart.to_dict(), nan_ok=True)
    assert by_country["rank"].to_dict() == pytest.approx(apart.rank().to_dict(), nan_ok=True)
    japan = by_country.loc["JPN"]
    assert japan["correlation"] == pytest.approx(np.corrcoef(own, wvs.loc["JPN", topics])[0, 1])
    parts = table.drivers.query(
        "model == 'b' and language == 'de' and survey == 'wvs7' and country == 'JPN'"
    ).set_index("topic")
    assert parts["difference"].to_dict() == pytest.approx((own - wvs.loc["JPN", topics]).to_dict())
    assert parts["share"].sum() == pytest.approx(1)
    assert parts["difference"].abs().mean() == pytest.approx(japan["distance"])
    item = one(table.items, model="b", language="de", survey="wvs7", topic="abortion")
    assert item["below"] == pytest.approx((wvs["abortion"] < own["abortion"]).mean())


def test_stances_are_those_of_the_stance_table(found: Basis) -> None:
    """Value and interval, in every language and in all."""
    items = reference_table(found).items
    items = items[items["survey"] == "wvs7"]
    both = items.merge(stance_table(found), on=["model", "language", "topic"])
    assert len(both) == len(items) == 2 * 3 * 5
    for name in ("stance", "low", "high"):
        assert both[f"{name}_x"].to_numpy() == pytest.approx(both[f"{name}_y"].to_numpy())


def test_intervals_hold_their_values(found: Basis) -> None:
    """Of distances, ranks and correlations; a rank is one of those that there are."""
    table = reference_table(found).publics
    there = table[table["measurable"]]
    assert (there["low"] <= there["distance"]).all()
    assert (there["distance"] <= there["high"]).all()
    assert there["low"].ge(0).all()
    assert (there["rank_low"] <= there["rank"]).all()
    assert (there["rank"] <= there["rank_high"]).all()
    assert there["rank_low"].ge(1).all()
    assert (there["rank_high"] <= there["ranked"]).all()
    assert (there["high"] > there["low"]).all()
    pew = there["survey"] == "pew2013"
    assert there.loc[pew, "correlation"].isna().all()
    assert there.loc[~pew, "correlation"].between(-1, 1).all()


def test_a_public_that_was_not_asked_everything_has_no_rank(found: Basis) -> None:
    """It has the reason; the others are ranked without it."""
    table = reference_table(found).publics
    egypt = table[(table["country"] == "EGY") & (table["survey"] == "wvs7")]
    assert egypt["reason"].eq(reference.NOT_IN_SURVEY).all()
    assert egypt[["distance", "rank", "correlation"]].isna().all(axis=None)
    others = table[(table["country"] == "JPN") & (table["survey"] == "wvs7")]
    assert others["ranked"].eq(53).all()


def test_a_model_that_repeats_a_public_is_nearest_to_it(answers: Make) -> None:
    """With every family at the public's own means the distance is zero and the rank one."""
    scored = answers(np.random.default_rng(1), {"a": 0}, topics=5, spread=0)
    found = asked(scored)
    china = figures().query("survey == 'wvs7' and country == 'CHN'").set_index("topic")["mean"]
    sides = found.grid.cells["topic"].map(china).to_numpy(float)
    found.grid.stance[:] = sides
    found.usable[:] = True
    table = reference_table(found).publics
    row = one(table, language="en", survey="wvs7", country="CHN")
    assert row["distance"] == pytest.approx(0, abs=1e-12)
    assert (row["rank"], row["rank_low"]) == (1, 1)
    assert row["correlation"] == pytest.approx(1)
    assert row["high"] > 0


def test_few_families_leave_ends_undefined(answers: Make) -> None:
    """One family a topic has no interval of the rank, one family in all has none at all."""
    rng = np.random.default_rng(2)
    single = answers(rng, {"a": 0}, topics=5, families=1, wording=0.05)
    table = reference_table(asked(single)).publics.query("measurable and survey == 'wvs7'")
    assert len(table) == 2 * 53
    assert table["reason"].eq(reference.ALONE).all()
    assert table["rank_low"].isna().all()
    assert table["high"].notna().all()
    alone = answers(rng, {"a": 0.5}, topics=1, families=1, wording=0.05)
    table = reference_table(asked(alone)).publics.query("measurable")
    assert len(table)
    assert table["reason"].eq(ONE_FAMILY).all()
    assert table[["low", "high", "correlation"]].isna().all(axis=None)
    assert table["distance"].notna().all()


def test_what_cannot_be_measured_says_why(answers: Make) -> None:
    """A model that fails a gate, and a run without a matching topic."""
    rng = np.random.default_rng(3)
    both = [answers(rng, {"a": 0}, topics=5), answers(rng, {"z": 0}, topics=5, acquiescence=3)]
    table = reference_table(asked(pd.concat(both, ignore_index=True)))
    bad = table.publics[table.publics["model"] == "z"]
    assert not bad["measurable"].any()
    assert bad[["distance", "rank"]].isna().all(axis=None)
    assert bad.loc[bad["language"] == "en", "reason"].str.contains("negation").all()
    assert bad.loc[bad["language"] == "all", "reason"].eq(NOWHERE).all()
    assert not (table.drivers["model"] == "z").any()
    scored = answers(rng, {"a": 0})
    other = reference_table(basis(scored, ["a"], Settings(draws=200)))
    assert other.publics.empty
    assert other.items.empty
    assert "No topic" in other.notes[0]


def test_the_warning_stands_first(found: Basis) -> None:
    """A survey's question is not ours."""
    notes = reference_table(found).notes
    assert notes[0] == reference.WARNING
    assert len(notes) == 3
