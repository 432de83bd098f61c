"""The map of models and languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist

from analysis import opinion_map as maps
from analysis.opinion_map import opinion_map
from analysis.rows import Settings, basis

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.opinion_map import OpinionMap

    Make = Callable[..., pd.DataFrame]

DRAWS = 100


def drawn(scored: pd.DataFrame, seed: int = 0, draws: int = DRAWS) -> OpinionMap:
    """The map of some answers."""
    models = list(scored["model"].unique())
    return opinion_map(basis(scored, models, Settings(draws=draws, seed=seed)))


def places(found: OpinionMap) -> np.ndarray:
    """Coordinates."""
    return found.points[["x", "y"]].to_numpy(float)


def planted(
    rng: np.random.Generator, truth: np.ndarray, *, families: int = 40, noise: float = 0.0
) -> np.ndarray:
    """Stances ``(points, families * 4 frames)`` whose expected distances are those of ``truth``."""
    loadings = rng.normal(size=(families, truth.shape[1]))
    stances = np.repeat(truth @ loadings.T, 4, axis=1)
    return stances + rng.normal(0, noise, stances.shape)


def test_without_noise_it_is_a_principal_component_analysis(answers: Make) -> None:
    """Coordinates are those of the singular value decomposition of centred mean stances."""
    scored = answers(
        np.random.default_rng(0), {"a": 0, "b": 0.5, "c": -0.7, "d": 0.2}, own_spread=0.5, wording=0
    )
    found = drawn(scored)
    stances = scored.pivot_table(
        index="model", columns=["family", "item", "frame"], values="stance"
    )
    u, s, _ = np.linalg.svd(stances - stances.mean(), full_matrices=False)
    expected = (u * s)[:, :2] / np.sqrt(stances.shape[1])
    assert np.abs(places(found)) == pytest.approx(np.abs(expected), abs=1e-9)
    assert found.axes["share"].tolist() == pytest.approx((s**2 / (s**2).sum())[:2])
    assert found.axes["spread"].tolist() == pytest.approx(places(found).var(0))


def test_wording_noise_adds_nothing_to_a_distance() -> None:
    """The mean over many families of a squared distance is that of the truth; the plain is not."""
    rng = np.random.default_rng(1)
    truth = np.array([[0.3, 0.0], [0.0, 0.4], [0.0, 0.0]])
    table = planted(rng, truth, families=4000, noise=0.5)
    families = np.arange(4000)
    squared = maps._against_noise(table, np.repeat(families, 4), families).mean(1)
    assert squared == pytest.approx(pdist(truth, "sqeuclidean"), abs=0.02)
    assert pdist(table, "sqeuclidean")[0] / table.shape[1] > squared[0] + 0.3


def test_a_missing_frame_takes_its_pair_out_only() -> None:
    """Masked sums give what the definition gives on the frames in common."""
    rng = np.random.default_rng(2)
    table = rng.normal(size=(3, 5))
    table[0, 1] = table[1, 4] = np.nan
    squared = maps._against_noise(table, np.zeros(5, int), np.zeros(1, int))[:, 0]
    for value, (i, j) in zip(squared, [(0, 1), (0, 2), (1, 2)], strict=True):
        x = table[i] - table[j]
        x = x[~np.isnan(x)]
        assert value == pytest.approx(x.mean() ** 2 - x.var(ddof=1) / len(x))


def test_draws_are_turned_and_mirrored_back() -> None:
    """A map that is another one turned and mirrored becomes that one."""
    rng = np.random.default_rng(3)
    place = rng.normal(size=(6, 2))
    place -= place.mean(0)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    mirrored = np.array([place @ turn, place @ turn * [-1, 1], -place])
    assert maps._aligned(mirrored, place) == pytest.approx(np.array([place] * 3))


def test_ellipses_hold_the_truth() -> None:
    """In most of many samples of families, and no axis is reflected away by a draw."""
    rng = np.random.default_rng(4)
    truth = rng.normal(0, [0.5, 0.25], (6, 2))
    truth -= truth.mean(0)
    topics = np.repeat(np.arange(10), 4)
    expected = maps._coordinates(*maps._scaled(pdist(truth, "sqeuclidean")[None]))
    held = []
    for _ in range(60):
        table = planted(rng, truth, noise=0.2)
        squared = maps._against_noise(table, np.repeat(np.arange(40), 4), np.arange(40))
        here = maps._Distances(squared, topics, [], np.empty((0, 6)), np.ones((6, 40), bool))
        place = maps._coordinates(*maps._scaled(here.mean(np.ones((1, 40)))))[0]
        weights = maps.family_weights(topics, rng=rng, draws=200)
        again = maps._coordinates(*maps._scaled(here.mean(weights)))
        major, minor, angle = maps._ellipses(maps._aligned(again, place) - place, 30).T
        x, y = (maps._aligned(expected, place)[0] - place).T
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        held.append(((x * cos + y * sin) / major) ** 2 + ((y * cos - x * sin) / minor) ** 2 <= 1)
    assert 0.88 < np.mean(held) < 0.99


def test_planted_groups_are_found_and_stable(answers: Make) -> None:
    """Models that share their stances in a language go together, and stay so in most draws."""
    scored = answers(
        np.random.default_rng(5), {"a": 0, "b": 0}, topics=5, languages=("de", "en", "zh")
    )
    found = drawn(scored)
    groups = found.points.groupby("language")["cluster"]
    assert groups.nunique().eq(1).all()
    assert found.points["cluster"].nunique() == 3
    assert found.clusters["stable"].all()
    assert (found.clusters["stability"] > 0.9).all()
    assert (found.points["membership"] > 0.9).all()
    assert (found.points["major"] >= found.points["minor"]).all()


def test_what_does_not_cluster_is_one_group(answers: Make) -> None:
    """Models each with stances of their own, equally far apart, are not cut into groups."""
    leans = dict.fromkeys("abcdef", 0.0)
    scored = answers(np.random.default_rng(6), leans, topics=10, spread=0.2, own_spread=0.8)
    found = drawn(scored)
    assert found.points["cluster"].tolist() == [1] * 6
    assert found.clusters["reason"].tolist() == [maps.ONE_GROUP]
    assert found.clusters["stability"].isna().all()


def test_an_axis_points_to_the_pro_side_of_its_first_topic(answers: Make) -> None:
    """Shares of the topics add up to one, and the pro side of the first lies right or up."""
    scored = answers(np.random.default_rng(7), {"a": -0.8, "b": 0, "c": 0.8}, own_spread=0.3)
    found = drawn(scored)
    assert found.drivers.groupby("axis")["share"].sum().to_numpy() == pytest.approx(1)
    first = found.drivers.groupby("axis").first()
    assert (first["correlation"] > 0).all()
    x = found.points.set_index("model")["x"]
    assert x["a"] < x["b"] < x["c"]


def test_models_of_one_truth_make_no_map_to_be_read(answers: Make) -> None:
    """Either there is no spread at all, or the notes say that none is shown."""
    scored = answers(np.random.default_rng(8), dict.fromkeys("abcd", 0.0), wording=0.5)
    assert any("beyond wording noise" in note for note in drawn(scored).notes)
    same = scored[scored["model"] == "a"]
    copies = pd.concat([same.assign(model=name) for name in "abc"], ignore_index=True)
    found = drawn(copies)
    assert found.points["reason"].tolist() == [maps.NO_SPREAD] * 3
    assert found.points[["x", "y"]].isna().all(axis=None)


def test_too_few_points_are_no_map(answers: Make) -> None:
    """Two points, or none: every row is there with its reason."""
    scored = answers(np.random.default_rng(9), {"a": 0, "b": 0.5})
    found = drawn(scored)
    assert found.points["reason"].tolist() == [maps.FEW_POINTS] * 2
    assert not found.points["measurable"].any()
    assert found.axes.empty
    nothing = opinion_map(basis(scored.iloc[:0], [], Settings(draws=DRAWS)))
    assert nothing.points.empty


def test_a_point_with_other_statements_is_left_out(answers: Make) -> None:
    """The others are mapped as if it were not there."""
    scored = answers(np.random.default_rng(10), {"a": 0, "b": 0.5, "c": -0.5, "d": 1})
    alone = (scored["model"] == "d") & scored["topic"].isin(["contested-0", "contested-1"])
    others = (scored["model"] != "d") & scored["topic"].isin(["contested-2", "contested-3"])
    found = drawn(scored[alone | others])
    left_out = found.points[found.points["model"] == "d"].iloc[0]
    assert left_out["reason"] == maps.DISJOINT
    assert np.isnan(left_out["x"])
    without = drawn(scored[others])
    assert places(found)[:3] == pytest.approx(places(without))


def test_a_point_that_fails_a_gate_is_not_on_the_map(answers: Make) -> None:
    """It has the gate's reason and no coordinates."""
    rng = np.random.default_rng(11)
    good = answers(rng, {"a": 0, "b": 0.5, "c": -0.5})
    bad = answers(rng, {"z": 0}, acquiescence=3)
    found = drawn(pd.concat([good, bad], ignore_index=True)).points.set_index("model")
    assert not found.loc["z", "measurable"]
    assert "negation" in found.loc["z", "reason"]
    assert found.loc[["a", "b", "c"], "measurable"].all()


def test_one_family_has_places_and_no_ellipses(answers: Make) -> None:
    """Nothing can be drawn anew, and the row says so."""
    leans = {"a": 0, "b": 1, "c": -1, "d": 2}
    scored = answers(np.random.default_rng(12), leans, topics=1, families=1, wording=0.1)
    found = drawn(scored).points
    placed = found[found["x"].notna()]
    assert len(placed) >= 3
    assert placed["major"].isna().all()
    assert placed["reason"].eq(maps.TOO_FEW).all()


def test_points_that_hardly_overlap_have_no_ellipses(answers: Make) -> None:
    """Where a draw leaves some pair without a common family, nothing is said on how it moves."""
    leans = {str(number): number / 4 for number in range(8)}
    scored = answers(np.random.default_rng(14), leans, topics=1, families=28, wording=0.05)
    number = scored["family"].str.removeprefix("contested-0/s").astype(int).to_numpy()
    i, j = np.triu_indices(8, 1)  # family k is asked of the k-th pair only
    who = scored["model"].astype(int)
    found = drawn(scored[(who == i[number]) | (who == j[number])])
    placed = found.points[found.points["measurable"]]
    assert len(placed) >= 3
    assert placed[["major", "membership"]].isna().all(axis=None)
    assert placed["reason"].eq(maps.TOO_FEW).all()
    assert found.axes["low"].isna().all()
    assert found.clusters["stability"].isna().all()


def test_the_same_seed_gives_the_same_map(answers: Make) -> None:
    """And a seed of its own another ellipse."""
    scored = answers(np.random.default_rng(13), {"a": 0, "b": 0.5, "c": -0.5})
    first, second, third = drawn(scored), drawn(scored), drawn(scored, seed=1)
    pd.testing.assert_frame_equal(first.points, second.points)
    assert places(first) == pytest.approx(places(third))
    assert not np.allclose(first.points["major"].astype(float), third.points["major"].astype(float))
