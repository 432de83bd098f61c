"""Agreement of people who label, against the worked examples of those who made the measures."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.agreement import agreement, cohen_kappa, gwet_ac1, krippendorff_alpha


def from_table(table: list[list[int]]) -> pd.DataFrame:
    """The labels that a table counts, the first rater in rows."""
    return pd.DataFrame(
        [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)],
        columns=["a", "b"],
    )


# the example of Krippendorff 2011, section C, which Gwet's irrCAC package calls cac.raw4raters
FOUR = pd.DataFrame(
    [
        [1, 1, None, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
        [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [None, 5, 5, 5], [None, None, 1, 1],
        [None, None, 3, None],
    ]
)  # fmt: skip


def test_kappa_of_cohens_example() -> None:
    """Cohen 1960, table 1: 200 items, agreement .70, kappa .492."""
    table = from_table([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    assert cohen_kappa(table) == pytest.approx(0.492, abs=0.0005)
    assert agreement(table)["value"][0] == pytest.approx(0.70)


def test_coefficients_of_the_abstractors() -> None:
    """The vignette of irrCAC, cont3x3abstractors: all three to seven digits."""
    table = from_table([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    assert cohen_kappa(table) == pytest.approx(0.7964094, abs=1e-7)
    assert gwet_ac1(table) == pytest.approx(0.8493305, abs=1e-7)
    assert krippendorff_alpha(table) == pytest.approx(0.7972585, abs=1e-7)


def test_a_rare_outcome_lowers_kappa_and_not_ac1() -> None:
    """Gwet 2008: 118 of 125 agree on what is usual; kappa is negative, AC1 is .94."""
    table = from_table([[118, 5], [2, 0]])
    assert cohen_kappa(table) == pytest.approx(-0.0234, abs=1e-4)
    assert gwet_ac1(table) == pytest.approx(0.9408, abs=1e-4)


def test_four_raters_with_missing_labels() -> None:
    """Krippendorff 2011 gives alpha .743, irrCAC AC1 .77544."""
    assert krippendorff_alpha(FOUR) == pytest.approx(0.743, abs=5e-4)
    assert gwet_ac1(FOUR) == pytest.approx(0.77544, abs=5e-6)


def test_alpha_of_krippendorffs_two_observers() -> None:
    """Krippendorff 2011, sections A (two values) and B (five)."""
    two = pd.DataFrame({"a": [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], "b": [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]})
    assert krippendorff_alpha(two) == pytest.approx(0.095, abs=5e-4)
    five = pd.DataFrame({"meg": list("aabbdcccedda"), "owen": list("babbbccceddd")})
    assert krippendorff_alpha(five) == pytest.approx(0.692, abs=5e-4)


def test_nothing_in_common_is_undefined() -> None:
    """Two people who labelled different items have no agreement, and the table says why."""
    table = agreement(pd.DataFrame({"a": ["pro", None], "b": [None, "con"]}, dtype=object))
    assert table[["value", "low", "high"]].isna().all(axis=None)
    assert set(table["reason"]) == {"no item was labelled by both"}


def test_one_outcome_only_leaves_kappa_and_alpha_undefined() -> None:
    """Where every label is the same, chance explains it all; plain agreement and AC1 stand."""
    table = agreement(pd.DataFrame({"a": ["pro"] * 9, "b": ["pro"] * 9})).set_index("measure")
    assert table["value"].isna().tolist() == [False, True, False, True]
    assert table.loc["ac1", "value"] == 1
    assert table["reason"].ne("").tolist() == [False, True, False, True]


LABELS = st.sampled_from(["pro", "con", "refuses", None])


@given(st.lists(st.tuples(LABELS, LABELS), max_size=30))
def test_intervals_hold_their_value_and_have_a_width(pairs: list[tuple[str, str]]) -> None:
    """Whatever two people label, a value lies in its interval, which is never ±0."""
    table = agreement(pd.DataFrame(pairs, columns=["a", "b"], dtype=object))
    for row in table.to_dict("records"):
        if math.isnan(row["value"]):
            assert row["reason"]
        else:
            assert -1 <= row["low"] <= row["value"] + 1e-9
            assert row["value"] <= row["high"] + 1e-9 <= 1 + 1e-6
            assert row["high"] > row["low"]


@given(st.lists(st.tuples(LABELS, LABELS), max_size=30))
def test_the_order_of_raters_does_not_matter(pairs: list[tuple[str, str]]) -> None:
    """Exchanging the two people changes nothing."""
    ratings = pd.DataFrame(pairs, columns=["a", "b"], dtype=object)
    values = [agreement(ratings[order])["value"] for order in (["a", "b"], ["b", "a"])]
    np.testing.assert_allclose(*values, atol=1e-12)


def test_intervals_cover_the_truth() -> None:
    """Of 400 pairs of raters with the same skill, 92 % and more of the intervals hold the truth."""
    rng = np.random.default_rng(0)
    shares = [0.5, 0.3, 0.1, 0.1]

    def rate(truth: np.ndarray) -> np.ndarray:
        slips = rng.random(len(truth)) > 0.85
        return np.where(slips, rng.choice(4, len(truth), p=shares), truth)

    def both(n: int) -> pd.DataFrame:
        truth = rng.choice(4, n, p=shares)
        return pd.DataFrame({"a": rate(truth), "b": rate(truth)})

    truth = agreement(both(300_000))["value"]
    tables = [agreement(both(60)) for _ in range(400)]
    held = [(table["low"] <= truth) & (truth <= table["high"]) for table in tables]
    assert (np.mean(held, axis=0) >= 0.92).all()
