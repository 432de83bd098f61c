"""Tables of distances, from any table of answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from analysis.distances import distance_matrix, distance_table
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    """Five models that rate 80 items from 1 to 7, each a little higher than the one before."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            (f"m{m}", f"i{i}", int(np.clip(rng.normal(3 + m / 2, 1.2), 1, 7)))
            for m in range(5)
            for i in range(80)
        ],
        columns=["model", "item", "outcome"],
    )


def sides(table: pd.DataFrame, a: str, b: str) -> tuple[np.ndarray, np.ndarray]:
    """The outcomes of two models."""
    return tuple(table.loc[table["model"] == m, "outcome"].to_numpy() for m in (a, b))


def test_a_matrix_of_jensen_shannon_distances_in_nats(ratings: pd.DataFrame) -> None:
    """Scipy's, of the models' shares; symmetric, zero to itself."""
    found = distance_matrix(ratings, "jensen-shannon distance", base=math.e)
    for a in found.index:
        for b in found.columns:
            p, q = (np.bincount(x, minlength=8) for x in sides(ratings, a, b))
            assert found.loc[a, b] == pytest.approx(jensenshannon(p, q), abs=1e-9)
    bits = distance_matrix(ratings, "jensen-shannon divergence")
    np.testing.assert_allclose(bits * math.log(2), found**2, atol=1e-12)


def test_a_table_of_wasserstein_distances(ratings: pd.DataFrame) -> None:
    """Scipy's on the ratings, in their units or as a share of the scale."""
    found = distance_table(ratings, "wasserstein", "m0", normalised=False, draws=200)
    expected = [wasserstein_distance(*sides(ratings, a, "m0")) for a in found["a"]]
    np.testing.assert_allclose(found["distance"], expected)
    shares = distance_table(ratings, "wasserstein", "m0", order=range(1, 8), draws=200)
    np.testing.assert_allclose(shares["distance"], np.array(expected) / 6)
    uneven = distance_table(
        ratings, "wasserstein", "m0", order={k: k**2 for k in range(1, 8)}, normalised=False
    )
    squared = wasserstein_distance(*(x**2 for x in sides(ratings, "m1", "m0")))
    assert uneven["distance"].iloc[0] == pytest.approx(squared)


def test_item_by_item_is_another_number(ratings: pd.DataFrame) -> None:
    """The mean over items of how far they are moved, with its interval and no test."""
    found = distance_table(ratings, "wasserstein", "m0", over="items", order=range(1, 8)).iloc[0]
    one, two = sides(ratings, "m1", "m0")
    assert found["distance"] == pytest.approx(np.abs(one - two).mean() / 6)
    assert found["low"] < found["distance"] < found["high"]
    assert np.isnan(found["p"])
    assert "cannot tell" in found["verdict"]


def test_a_difference_is_found_and_chance_is_not(ratings: pd.DataFrame) -> None:
    """Neighbours and far ones; the floor is what chance would give."""
    found = distance_table(ratings, "jensen-shannon distance", "m0").set_index("a")
    assert found.loc["m4", "p_adjusted"] < 0.01
    assert found.loc["m4", "distance"] > 2 * found.loc["m4", "floor"]
    assert "distributed differently" in found.loc["m4", "verdict"]
    assert (found["floor"] > 0.05).all()
    assert (found["low"] < found["distance"]).all()


def test_permutations_are_those_done_by_hand() -> None:
    """Eight items, every swap of labels enumerated."""
    rng = np.random.default_rng(1)
    wide = pd.DataFrame(rng.integers(0, 3, (8, 2)), columns=["a", "b"])
    found = distance_table(wide, "total variation").iloc[0]
    values = []
    for code in range(2**8):
        swap = (code >> np.arange(8) & 1).astype(bool)
        one = np.where(swap, wide["b"], wide["a"])
        two = np.where(swap, wide["a"], wide["b"])
        p, q = (np.bincount(x, minlength=3) / 8 for x in (one, two))
        values.append(0.5 * np.abs(p - q).sum())
    assert found["p"] == pytest.approx(np.mean(np.array(values) >= values[0] - 1e-12))
    assert found["floor"] == pytest.approx(np.mean(values))


TYPES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "text": lambda s: s.astype(str),
    "category": lambda s: s.astype("category"),
    "float": lambda s: s.astype(float),
    "nullable": lambda s: s.astype("Int64"),
    "objects": lambda s: s.astype(object),
}


@pytest.mark.parametrize("name", TYPES)
def test_the_types_of_columns_change_nothing(name: str, ratings: pd.DataFrame) -> None:
    """Labels as text, categories or numbers."""
    odd = ratings.assign(outcome=TYPES[name](ratings["outcome"]))
    pd.testing.assert_frame_equal(
        distance_matrix(odd, "total variation"), distance_matrix(ratings, "total variation")
    )


@pytest.mark.parametrize("kind", [float, "Int64", object])
def test_missing_answers_are_left_out_on_both_sides(
    kind: type | str, ratings: pd.DataFrame
) -> None:
    """As if the item had not been asked of either."""
    holed = ratings.assign(outcome=ratings["outcome"].astype(kind))
    holed.loc[[2, 85], "outcome"] = None  # of m0 and m1
    found = distance_table(holed, "wasserstein", "m0", draws=200).iloc[0]
    whole = ratings[~ratings["item"].isin(["i2", "i5"])]
    expected = distance_table(whole, "wasserstein", "m0", draws=200).iloc[0]
    assert (found["n"], found["unmatched"]) == (78, 2)
    assert found["distance"] == expected["distance"]


def test_distributions_in_columns() -> None:
    """A row is a distribution; pooled they are averaged, item by item compared."""
    rng = np.random.default_rng(2)
    p = rng.dirichlet([1, 1, 1], 40)
    table = pd.DataFrame(p, columns=["x", "y", "z"]).assign(
        model=["a", "b"] * 20, item=np.repeat(range(20), 2)
    )
    columns = ["x", "y", "z"]
    pooled = distance_matrix(table, "jensen-shannon distance", outcome=columns, base=math.e)
    assert pooled.loc["a", "b"] == pytest.approx(jensenshannon(p[::2].mean(0), p[1::2].mean(0)))
    each = distance_matrix(
        table, "jensen-shannon distance", outcome=columns, base=math.e, over="items"
    )
    expected = np.mean([jensenshannon(p[2 * i], p[2 * i + 1]) for i in range(20)])
    assert each.loc["a", "b"] == pytest.approx(expected)
    with pytest.raises(AnalysisError, match="sum to one") as caught:
        distance_matrix(table.assign(x=table["x"] + 0.1), "wasserstein", outcome=columns)
    assert "x, y, z" in caught.value.remedy


def test_clusters_are_drawn_and_swapped_whole(ratings: pd.DataFrame) -> None:
    """Ten questions of eight wordings are less than eighty questions."""
    asked = ratings.assign(q=ratings["item"].str[1:].astype(int) % 10)
    alone = distance_table(asked, "total variation", "m0").iloc[3]
    together = distance_table(asked, "total variation", "m0", cluster="q").iloc[3]
    assert (alone["distance"], alone["clusters"]) == (together["distance"], 80)
    assert together["clusters"] == 10
    assert together["p"] >= 2 / 2**10


def test_what_cannot_be_measured_is_said(ratings: pd.DataFrame) -> None:
    """Labels without an order, unknown names, nothing in common, one item, no spread."""
    with pytest.raises(AnalysisError, match="have no order"):
        distance_matrix(ratings.assign(outcome="x"), "wasserstein")
    with pytest.raises(AnalysisError, match="not in the order given"):
        distance_matrix(ratings, "wasserstein", order=[1, 2, 3])
    with pytest.raises(AnalysisError, match="no measure"):
        distance_matrix(ratings, "kl")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="no distance over"):
        distance_matrix(ratings, "wasserstein", over="all")  # type: ignore[arg-type]
    apart = pd.DataFrame({"model": list("ab"), "item": [1, 2], "outcome": [0, 1]})
    assert np.isnan(distance_matrix(apart, "total variation").loc["a", "b"])
    row = distance_table(apart, "total variation").iloc[0]
    assert row["verdict"] == "Not measurable: no item was answered by both."
    one = distance_table(pd.DataFrame({"a": [0], "b": [1]}), "total variation").iloc[0]
    assert one["distance"] == 1
    assert np.isnan(one["low"])
    assert "one item" in one["reason"]
    same = distance_table(pd.DataFrame({"a": [0] * 9, "b": [1] * 9}), "total variation").iloc[0]
    assert "do not differ" in same["reason"]
    assert same["p"] == pytest.approx(2 / 2**9)


def test_the_detectable_distance_is_found_in_four_runs_of_five() -> None:
    """Planted so that the mean distance is what the table calls detectable, most runs find it."""
    found, distance, detectable = [], [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        wide = pd.DataFrame(
            {"a": rng.choice(3, 80, p=[0.4, 0.3, 0.3]), "b": rng.choice(3, 80, p=[0.19, 0.3, 0.51])}
        )
        row = distance_table(wide, "total variation", draws=200, seed=seed).iloc[0]
        found.append(row["p"] <= 0.05)
        distance.append(row["distance"])
        detectable.append(row["detectable"])
    assert np.mean(distance) == pytest.approx(np.mean(detectable), abs=0.015)
    assert 0.68 < np.mean(found) < 0.92


def test_what_has_no_test_has_no_detectable_distance(ratings: pd.DataFrame) -> None:
    """Item by item, and where no interval can be drawn."""
    items = distance_table(ratings, "wasserstein", "m0", over="items", draws=200)
    assert items["detectable"].isna().all()
    same = distance_table(pd.DataFrame({"a": [0] * 9, "b": [1] * 9}), "total variation")
    assert same["detectable"].isna().all()


def test_one_answer_that_all_gave_is_no_distance() -> None:
    """However long the scale is: no difference, and no p that says there is one."""
    same = pd.DataFrame({"a": [3] * 9, "b": [3] * 9})
    for normalised in (True, False):
        found = distance_table(same, "wasserstein", normalised=normalised, draws=200).iloc[0]
        assert (found["distance"], found["floor"], found["p"]) == (0, 0, 1)
        assert "do not differ" in found["reason"]
        assert distance_matrix(same, "wasserstein", normalised=normalised).loc["a", "b"] == 0
    item_by_item = distance_table(same, "wasserstein", over="items", draws=200).iloc[0]
    assert item_by_item["low"] == 0 < item_by_item["high"]


def test_columns_have_an_order_too() -> None:
    """Positions by name, names in their order, or positions in the order of the columns."""
    table = pd.DataFrame({"model": list("ab"), "item": [1, 1], "x": [1, 0], "y": [0, 0]}).assign(
        z=lambda t: 1 - t["x"]
    )

    def apart(order: object, **more: object) -> float:
        columns = ["x", "y", "z"]
        found = distance_matrix(table, "wasserstein", outcome=columns, order=order, **more)
        return float(found.loc["a", "b"])

    assert apart(None) == 1
    assert apart({"x": 0, "y": 1, "z": 5}, normalised=False) == 5
    assert apart(["y", "x", "z"]) == 0.5
    assert apart([0, 9, 10], normalised=False) == 10
    for order in (["x", "y"], ["x", "y", "w"], {"x": 0, "z": 1}):
        with pytest.raises(AnalysisError, match="is not one of the columns"):
            apart(order)
    with pytest.raises(AnalysisError, match="same position"):
        apart({"x": 0, "y": 0, "z": 1})


@pytest.mark.parametrize("name", ["W1", "Wasserstein-1", "wasserstein_1 distance", "Wasserstein"])
def test_a_measure_has_its_published_names(name: str, ratings: pd.DataFrame) -> None:
    """In any spelling; a name that says two things is refused."""
    expected = distance_matrix(ratings, "wasserstein")
    pd.testing.assert_frame_equal(distance_matrix(ratings, name), expected)
    with pytest.raises(AnalysisError, match="short for two"):
        distance_matrix(ratings, "JSD")


@pytest.mark.parametrize("base", [0, 1, -2, math.inf, math.nan])
def test_a_logarithm_has_a_base(base: float, ratings: pd.DataFrame) -> None:
    """Refused by name rather than by an error of the mathematics."""
    with pytest.raises(AnalysisError, match="no logarithm of base"):
        distance_matrix(ratings, "jensen-shannon distance", base=base)


def test_numbers_that_never_repeat() -> None:
    """Scores of a million values: Scipy's distance, in memory that the answers need."""
    rng = np.random.default_rng(3)
    names = [f"m{i}" for i in range(12)]
    wide = pd.DataFrame(rng.normal(0.1 * np.arange(12), 1, (400, 12)), columns=names)
    found = distance_matrix(wide, "wasserstein", normalised=False)
    for a, b in (("m0", "m1"), ("m3", "m11")):
        assert found.loc[a, b] == pytest.approx(wasserstein_distance(wide[a], wide[b]))
    span = np.ptp(wide.to_numpy())
    shares = distance_matrix(wide, "wasserstein")
    assert shares.loc["m0", "m11"] == pytest.approx(found.loc["m0", "m11"] / span)
    row = distance_table(wide[["m0", "m11"]], "wasserstein", draws=200).iloc[0]
    assert row["low"] < row["distance"] < row["high"]
    assert row["p"] < 0.01
    with pytest.raises(AnalysisError, match="no order"):
        distance_matrix(wide.replace(wide.iloc[0, 0], np.inf), "wasserstein")
