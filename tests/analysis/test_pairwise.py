"""Tables of paired tests, from any table of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from analysis.pairwise import mcnemar_table, permutation_table
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = 36


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """36 models that refuse 120 items at rising rates: a row per answer."""
    rng = np.random.default_rng(0)
    hard = rng.random(120)
    rates = np.linspace(0.1, 0.5, MODELS)
    refused = hard * 0.6 + rng.random((MODELS, 120)) * 0.4 < rates[:, None]
    return pd.DataFrame(
        {
            "model": np.repeat([f"m{i:02d}" for i in range(MODELS)], 120),
            "item": np.tile(np.arange(120), MODELS),
            "outcome": refused.ravel().astype(int),
        }
    )


@pytest.fixture(scope="module")
def by_hand(answers: pd.DataFrame) -> np.ndarray:
    """P-values against the first model, each from its own table by statsmodels."""
    wide = answers.pivot_table(index="item", columns="model", values="outcome")
    base = wide["m00"]
    tables = [
        pd.crosstab(wide[m], base).reindex([0, 1], columns=[0, 1], fill_value=0) for m in wide
    ]
    return np.array([min(1, mcnemar(t, exact=True).pvalue) for t in tables[1:]])


def test_mcnemar_with_holm_over_36_models(answers: pd.DataFrame, by_hand: np.ndarray) -> None:
    """Each p is statsmodels', and the correction is over the table."""
    found = mcnemar_table(answers, "m00")
    assert found["a"].tolist() == [f"m{i:02d}" for i in range(1, MODELS)]
    assert (found["b"] == "m00").all()
    np.testing.assert_allclose(found["p"], by_hand)
    np.testing.assert_allclose(found["p_adjusted"], multipletests(by_hand, method="holm")[1])
    assert (found["low"] < found["difference"]).all()
    assert found["verdict"].iloc[-1].startswith("m35 gives the outcome '1' more often than m00")
    every = mcnemar_table(answers, correction="benjamini-hochberg")
    assert len(every) == MODELS * (MODELS - 1) / 2
    np.testing.assert_allclose(every["p_adjusted"], multipletests(every["p"], method="fdr_bh")[1])


CONVERSIONS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "bool": lambda s: s.astype(bool),
    "nullable boolean": lambda s: s.astype("boolean"),
    "nullable integer": lambda s: s.astype("Int8"),
    "float": lambda s: s.astype(float),
    "text": lambda s: s.astype(str),
    "category": lambda s: s.astype("category"),
    "words": lambda s: s.map({0: "False", 1: "TRUE"}),
    "objects": lambda s: s.map({0: False, 1: True}).astype(object),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_the_types_of_columns_change_nothing(
    name: str, answers: pd.DataFrame, by_hand: np.ndarray
) -> None:
    """Models and items as categories or numbers, outcomes in whatever holds a 0 and a 1."""
    odd = answers.assign(
        outcome=CONVERSIONS[name](answers["outcome"]),
        model=answers["model"].astype("category"),
        item=answers["item"].astype(float),
    )
    np.testing.assert_allclose(mcnemar_table(odd, "m00")["p"], by_hand)


def test_a_wide_table_is_the_same(answers: pd.DataFrame, by_hand: np.ndarray) -> None:
    """A column per model, as a DataFrame or an array."""
    wide = answers.pivot_table(index="item", columns="model", values="outcome")
    np.testing.assert_allclose(mcnemar_table(wide, "m00")["p"], by_hand)
    np.testing.assert_allclose(mcnemar_table(wide.to_numpy(), 0)["p"], by_hand)


@pytest.mark.parametrize("kind", [float, "Int64", "boolean", object])
def test_only_items_that_both_answered_count(kind: type | str, answers: pd.DataFrame) -> None:
    """Missing outcomes and missing rows are unanswered, and the others are counted."""
    two = answers[answers["model"].isin(["m00", "m30"])].reset_index(drop=True)
    holed = two.assign(outcome=two["outcome"].astype(kind))
    holed.loc[[3, 9], "outcome"] = None
    holed = holed.drop(index=[130, 131])  # of the other model
    found = mcnemar_table(holed, "m00").iloc[0]
    whole = two[~two["item"].isin([3, 9, 10, 11])]
    expected = mcnemar_table(whole, "m00").iloc[0]
    assert (found["n"], found["unmatched"]) == (116, 4)
    assert found["p"] == expected["p"]


def test_outcomes_by_name(answers: pd.DataFrame, by_hand: np.ndarray) -> None:
    """Any labels, one of them or several counted."""
    named = answers.assign(outcome=answers["outcome"].map({1: "refuses", 0: "pro"}))
    named.loc[answers["outcome"].eq(1) & answers["item"].lt(10), "outcome"] = "deflects"
    found = mcnemar_table(named, "m00", positive=["refuses", "deflects"])
    np.testing.assert_allclose(found["p"], by_hand)
    with pytest.raises(AnalysisError, match="there are also") as caught:
        mcnemar_table(named, "m00")
    assert "positive=" in caught.value.remedy
    with pytest.raises(AnalysisError, match="No answer has the outcome refused"):
        mcnemar_table(named, "m00", positive="refused")


def test_languages_within_models(answers: pd.DataFrame) -> None:
    """Another column is compared, in a row for each model, and corrected over all."""
    spoken = answers.assign(
        language=np.where(answers["item"] < 60, "en", "zh"), item=answers["item"] % 60
    )
    found = mcnemar_table(spoken, "en", model="language", by="model")
    assert found["model"].nunique() == len(found) == MODELS
    one = spoken[spoken["model"] == "m07"].pivot_table(
        index="item", columns="language", values="outcome"
    )
    p = found.loc[found["model"] == "m07", "p"].iloc[0]
    assert p == pytest.approx(mcnemar_table(one, "en")["p"].iloc[0])
    np.testing.assert_allclose(found["p_adjusted"], multipletests(found["p"], method="holm")[1])


def test_agrestis_ratings_of_the_prime_minister() -> None:
    """1600 Britons asked twice: 794, 150, 86, 570.

    Agresti 2002, "Categorical data analysis", section 10.1: the rate falls by 0.04, Wald's interval
    is 0.021 to 0.059, z² = 17.36.
    """
    counts = {(1, 1): 794, (1, 0): 150, (0, 1): 86, (0, 0): 570}
    first, second = zip(*(pair for pair, n in counts.items() for _ in range(n)), strict=True)
    found = mcnemar_table(pd.DataFrame({"first": first, "second": second}), "second").iloc[0]
    assert (found["n"], found["only_a"], found["only_b"]) == (1600, 150, 86)
    assert found["difference"] == pytest.approx(0.04)
    assert (found["low"], found["high"]) == pytest.approx((0.021, 0.059), abs=1e-3)
    assert found["p"] == pytest.approx(stats.binomtest(86, 236).pvalue)
    assert found["p"] == pytest.approx(stats.chi2.sf(17.36, 1), rel=0.3)


def test_clusters_swap_whole() -> None:
    """Six wordings of each of three questions are three questions, not eighteen."""
    rows = pd.DataFrame(
        [(m, q, w, int(m == "a")) for m in "ab" for q in range(3) for w in range(6)],
        columns=["model", "question", "wording", "outcome"],
    )
    items = ["question", "wording"]
    alone = mcnemar_table(rows, "b", item=items).iloc[0]
    together = mcnemar_table(rows, "b", item=items, cluster="question").iloc[0]
    assert alone["p"] == pytest.approx(2 * 0.5**18)
    assert together["p"] == pytest.approx(2 * 0.5**3)
    assert (together["n"], together["clusters"]) == (18, 3)
    assert together["low"] < alone["low"]
    assert np.isnan(together["detectable"])
    assert together["reason"] == "too few items for any difference to be found"
    assert alone["detectable"] < 1


def test_what_cannot_be_paired_is_said() -> None:
    """Answers that differ, items in two clusters, unknown names; nothing in common is a row."""
    rows = pd.DataFrame({"model": list("aabb"), "item": [1, 1, 1, 2], "outcome": [0, 1, 0, 1]})
    with pytest.raises(AnalysisError, match="differ, so it cannot be paired"):
        mcnemar_table(rows)
    with pytest.raises(AnalysisError, match="two clusters"):
        mcnemar_table(rows.iloc[1:].assign(q=[0, 1, 1]), cluster="q")
    with pytest.raises(AnalysisError, match="no model z"):
        mcnemar_table(rows.iloc[1:], "z")
    with pytest.raises(AnalysisError, match="no column answer"):
        mcnemar_table(rows, outcome="answer")
    with pytest.raises(AnalysisError, match="no correction"):
        mcnemar_table(rows.iloc[1:], correction="bonferroni")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="empty"):
        mcnemar_table(pd.DataFrame())
    apart = mcnemar_table(rows.iloc[[0, 3]]).iloc[0]
    assert not apart["measurable"]
    assert np.isnan(apart["p"])
    assert apart["verdict"] == "Not measurable: no item was answered by both."
    assert len(mcnemar_table(rows.iloc[[0]])) == 0


def test_one_item_says_little() -> None:
    """P of 1 and an interval over nearly everything."""
    found = mcnemar_table(pd.DataFrame({"a": [1], "b": [0]}), "b").iloc[0]
    assert found["p"] == 1
    assert found["high"] - found["low"] > 1
    assert found["verdict"].startswith("No difference")


def test_permutations_are_scipys() -> None:
    """Exact where they are few; holm over the table; missing items left out."""
    rng = np.random.default_rng(1)
    wide = pd.DataFrame(rng.normal([0, 0.8, 1.6], 1, (10, 3)), columns=list("abc"))
    found = permutation_table(wide, "a")
    for row in found.to_dict("records"):
        reference = stats.permutation_test(
            (wide[row["a"]], wide["a"]),
            lambda x, y: np.mean(x - y),
            permutation_type="samples",
            n_resamples=2000,
        ).pvalue
        assert row["p"] == pytest.approx(reference)
    assert (found["p_adjusted"] >= found["p"]).all()
    assert "c is higher than a" in found["verdict"].iloc[1]
    holed = wide.astype(object)
    holed.loc[2, "a"] = None
    assert permutation_table(holed, "a")["n"].tolist() == [9, 9]


def test_equal_numbers_are_equal_within_bounds() -> None:
    """Items that all agree leave an interval where the scale is known, none where it is not."""
    wide = pd.DataFrame({"a": [0.5] * 200, "b": [0.5] * 200})
    known = permutation_table(wide, "b", bounds=(-1, 1)).iloc[0]
    assert known["low"] < 0 < known["high"]
    assert known["p"] == 1
    assert np.isnan(known["detectable"])
    clustered = permutation_table(
        pd.DataFrame(
            {"model": list("abab"), "item": [0, 0, 1, 1], "outcome": [0, 1, 0, 2], "q": [0] * 4}
        ),
        cluster="q",
    ).iloc[0]
    assert np.isnan(clustered["low"])
    assert "one cluster only" in clustered["reason"]
    with pytest.raises(AnalysisError, match="must be numbers"):
        permutation_table(pd.DataFrame({"a": ["x"], "b": [1]}))


def test_a_seldom_outcome_is_not_shown_to_be_equal() -> None:
    """One of 72 is nothing to tell a difference of 0.05 from none by; 2 of 1,000 are."""
    wide = pd.DataFrame({"a": [1] + [0] * 71, "b": [0] * 72})
    found = mcnemar_table(wide, "b").iloc[0]
    assert found["p_equivalent"] > 0.05
    assert found["verdict"].startswith("No difference")
    assert 6 / 72 < found["detectable"] < 0.2
    many = pd.DataFrame({"a": [1] * 2 + [0] * 998, "b": [0] * 1000})
    assert "shown to be within 0.05" in mcnemar_table(many, "b").iloc[0]["verdict"]


def test_a_wide_table_may_name_its_items() -> None:
    """A column of identifiers is no model; whole numbers in it pass for no answers."""
    wide = pd.DataFrame({"prompt": [11, 12, 13, 14], "a": [1, 0, 1, 1], "b": [0, 0, 1, 0]})
    found = mcnemar_table(wide, item="prompt")
    assert found[["a", "b", "n", "only_a"]].to_numpy().tolist() == [["a", "b", 4, 2]]
    with pytest.raises(AnalysisError, match="there are also 11, 12") as caught:
        mcnemar_table(wide)
    assert "item='prompt'" in caught.value.remedy
    with pytest.raises(AnalysisError, match="no column language"):
        mcnemar_table(wide, item=["prompt", "language"])
    with pytest.raises(AnalysisError, match="are called a"):
        mcnemar_table(pd.DataFrame([[1, 0], [0, 1]], columns=["a", "a"]))
    with pytest.raises(AnalysisError, match="empty"):
        mcnemar_table(pd.DataFrame(columns=["model", "item", "outcome"]))
