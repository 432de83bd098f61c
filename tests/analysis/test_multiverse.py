"""The multiverse: the headline is in it, every choice is what it says, and chance stays chance."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis.multiverse import COLUMNS, Multiverse, multiverse
from analysis.specifications import CHOICES
from analysis.study import compare
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.tables import Tables

    Make = Callable[..., pd.DataFrame]
    Whole = Callable[..., Tables]

FEW = 200


def varied(answers: Make, lean: float = 0.4, seed: int = 0, **options: object) -> pd.DataFrame:
    """Two models asked with two alphabets, with and without a way out that is taken."""
    usual = {"topics": 4, "families": 4, "frames": 8, "own_spread": 0.4, "declines": 0.2}
    leans = {"a": 0.0, "b": lean}
    scored = answers(np.random.default_rng(seed), leans, **(usual | options))
    number = scored["frame"].str[7].astype(int)
    scored["forced"] = number % 2 == 0
    scored["labels"] = np.where(number < 4, "letters", "words")
    return scored


def spec(found: Multiverse, **chosen: str) -> pd.Series:
    """The one specification that differs from the headline in what is given."""
    usual = {choice: options[0] for choice, options in CHOICES.items()}
    wanted = usual | {name.replace("_", " "): value for name, value in chosen.items()}
    table = found.table
    for choice, option in wanted.items():
        table = table[table[choice] == option]
    assert len(table) == 1
    return table.iloc[0]


@pytest.mark.parametrize("families", [4, 2])
def test_headline_is_that_of_the_comparison(families: int, answers: Make, tables: Whole) -> None:
    """Difference, interval and p are those that `compare` prints, also where t is used."""
    whole = tables(varied(answers, families=families, languages=("de", "en")))
    found = multiverse(whole, "a", "b", draws=FEW)
    table = compare(whole, "a", "b", draws=FEW).stance
    row = table[(table["language"] == "all") & (table["topic"] == "all")].iloc[0]
    (head,) = (line for _, line in found.table[found.table["headline"]].iterrows())
    for name in ("difference", "low", "high", "p", "families"):
        assert head[name] == pytest.approx(row[name])
    assert list(head[list(CHOICES)]) == [options[0] for options in CHOICES.values()]


def test_choices_are_what_they_say(answers: Make, tables: Whole) -> None:
    """Way out, order, labels and declined mass, each against the same number by hand."""
    scored = varied(answers)
    found = multiverse(tables(scored), "a", "b", draws=FEW)

    def by_hand(kept: pd.Series, column: str = "stance") -> float:
        levels = ["model", "topic", "family", "item", "frame"]
        mean = scored[kept].groupby([*levels, "option_order"])[column].mean()
        for depth in range(len(levels), 0, -1):
            mean = mean.groupby(level=levels[:depth]).mean()
        return float(mean["a"] - mean["b"])

    every = pd.Series(True, index=scored.index)
    for chosen, kept in (
        ({}, every),
        ({"way_out": "not offered"}, scored["forced"]),
        ({"way_out": "offered"}, ~scored["forced"]),
        ({"order": "reversed"}, scored["option_order"] == "reversed"),
        ({"labels": "words"}, scored["labels"] == "words"),
        (
            {"labels": "letters", "order": "forward"},
            (scored["labels"] == "letters") & (scored["option_order"] == "forward"),
        ),
    ):
        assert spec(found, **chosen)["difference"] == pytest.approx(by_hand(kept))
    for name, sign in (("as con", -1), ("as pro", 1)):
        scored["lean"] = scored["stance"] * (1 - scored["declined"]) + sign * scored["declined"]
        assert spec(found, declined=name)["difference"] == pytest.approx(by_hand(every, "lean"))


def test_averages_are_what_they_say(answers: Make, tables: Whole) -> None:
    """Cells alike and the median of topics, in a run whose topics differ in size."""
    scored = varied(answers, declines=0.0)
    odd = scored["topic"].eq("contested-0") & scored["family"].str.endswith(("s1", "s2"))
    scored = scored[~odd & ~scored["frame"].str.contains("p6")]
    found = multiverse(tables(scored), "a", "b", draws=FEW)
    means = scored.groupby("model")["stance"].mean()
    cells = spec(found, average="cells equally")
    assert cells["difference"] == pytest.approx(means["a"] - means["b"])
    families = scored.groupby(["topic", "family", "item", "frame", "model"])["stance"].mean()
    for level in (3, 2, 1):
        names = ["topic", "family", "item"][:level]
        families = families.groupby(level=[*names, "model"]).mean()
    topics = families.xs("a", level="model") - families.xs("b", level="model")
    median = spec(found, average="topic median")
    assert median["difference"] == pytest.approx(topics.median())
    for row in (cells, median):
        assert row["low"] < row["difference"] < row["high"]
        assert 0 < row["p"] <= 1


def test_choices_that_change_nothing_are_not_counted(answers: Make, tables: Whole) -> None:
    """One alphabet, no way out, gates passed and two topics leave order and two averages."""
    scored = answers(np.random.default_rng(1), {"a": 0, "b": 0.3}, topics=2)
    found = multiverse(tables(scored), "a", "b", draws=FEW)
    assert len(found.table) == 3 * 2
    assert found.table["headline"].sum() == 1


def test_gates_are_a_choice_where_one_is_failed(answers: Make, tables: Whole) -> None:
    """A headline that cannot be measured has its reason, and the rest is still shown."""
    scored = varied(answers)
    scored.loc[scored["model"] == "a", "coverage"] = 0.2
    found = multiverse(tables(scored), "a", "b", draws=FEW)
    head = found.table[found.table["headline"]].iloc[0]
    assert math.isnan(head["difference"])
    assert "no language" in head["reason"]
    assert not math.isnan(spec(found, gates="not applied")["difference"])
    assert found.summary.startswith("The headline is not measurable")
    assert found.table["difference"].isna().sum() == len(found.table) / 2


def test_a_clear_difference_is_clear_everywhere(answers: Make, tables: Whole) -> None:
    """A large lean has one sign and small p in all specifications, and the sentence counts them."""
    found = multiverse(tables(varied(answers, lean=1.2, own_spread=0.1)), "a", "b", draws=FEW)
    assert found.same_sign == found.significant == len(found.table)
    assert found.against == 0
    assert found.p_median == pytest.approx(1 / (FEW + 1))
    assert found.p_share <= 0.05
    assert f"{len(found.table)} (100%) have the sign of the headline" in found.summary
    assert found.table["difference"].is_monotonic_increasing


def test_models_of_one_truth_are_seldom_called_different(answers: Make, tables: Whole) -> None:
    """Over runs of two models that are alike, the joint p-values stay above 0.05 as they should."""
    p = []
    for seed in range(60):
        scored = varied(answers, lean=0.0, seed=100 + seed, topics=3, frames=4)
        found = multiverse(tables(scored), "a", "b", draws=FEW)
        p.append((found.p_median, found.p_share))
    assert (np.array(p) <= 0.05).sum(0).max() <= 8  # P(more) < 0.01 at 5 %


def test_written_answers_count_by_label_and_by_probability(
    answers: Make, responses: Make, tables: Whole
) -> None:
    """Outcomes become stances; what is neither pro, con nor both counts as declined."""
    records = []
    for topic in range(4):
        for number in range(3):
            for model, outcome in (("a", "pro"), ("b", "refuses" if number == 0 else "con")):
                chances = dict.fromkeys(("both", "deflects", "refuses", "degenerate"), 0.0)
                chances |= {"pro": 0.75, "con": 0.25} if model == "a" else {"pro": 0.25, "con": 0.5}
                if model == "b":
                    chances["refuses"] = 0.25
                records.append(
                    {
                        "model": model, "topic": f"contested-{topic}", "outcome": outcome,
                        "family": f"contested-{topic}/open-{number}", "prompt": f"{number}?",
                        "item": f"contested-{topic}/open-{number}",
                    }
                    | {f"prob_{name}": value for name, value in chances.items()}
                )  # fmt: skip
    whole = tables(varied(answers), responses(records))
    found = multiverse(whole, "a", "b", draws=FEW)
    common = {"way_out": "with and without"}
    label = spec(found, answers="written, by label", **common)
    assert label["difference"] == pytest.approx(2)
    assert label["families"] == 8
    chance = spec(found, answers="written, by probability", **common)
    assert chance["difference"] == pytest.approx(0.5 + 1 / 3)
    con = spec(found, answers="written, by label", declined="as con", **common)
    assert con["difference"] == pytest.approx(2)
    assert con["families"] == 12


def test_same_seed_same_numbers(answers: Make, tables: Whole) -> None:
    """The same tables and seed give the same table."""
    whole = tables(varied(answers))
    one, two = (multiverse(whole, "a", "b", draws=FEW, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, two.table)
    assert one.summary == two.summary


@pytest.mark.parametrize(("a", "b"), [("a", "a"), ("a", "nobody")])
def test_two_models_of_the_run_are_needed(a: str, b: str, answers: Make, tables: Whole) -> None:
    """A model against itself or one that is not there is an error with a remedy."""
    with pytest.raises(AnalysisError):
        multiverse(tables(varied(answers)), a, b, draws=FEW)


def test_nothing_in_common_has_reasons(answers: Make, tables: Whole) -> None:
    """Models that answered different topics have no number anywhere, and no warning."""
    scored = varied(answers)
    mine = (scored["model"] == "a") == scored["topic"].isin(["contested-0", "contested-1"])
    found = multiverse(tables(scored[mine]), "a", "b", draws=FEW)
    assert found.table["difference"].isna().all()
    assert found.table["reason"].ne("").all()
    assert found.summary.startswith("None of")


def test_one_family_has_no_interval(answers: Make, tables: Whole) -> None:
    """A single family gives differences without interval or p, and says why."""
    found = multiverse(tables(varied(answers, topics=1, families=1)), "a", "b", draws=FEW)
    table = found.table[found.table["difference"].notna()]
    assert len(table) > 10
    assert table[["low", "high", "p"]].isna().all(axis=None)
    assert table["reason"].str.contains("one question family only").all()
    assert math.isnan(found.p_median)


def test_options_sum_up_the_specifications(answers: Make, tables: Whole) -> None:
    """Each option's median, ends and counts are those of the rows that have it."""
    scored = varied(answers)
    scored.loc[scored["model"] == "a", "coverage"] = 0.2
    found = multiverse(tables(scored), "a", "b", draws=FEW)
    sign = np.sign(found.table["difference"].median())
    for row in found.options.to_dict("records"):
        rows = found.table[found.table[row["choice"]] == row["option"]]
        some = rows[rows["difference"].notna()]
        assert (row["specifications"], row["measured"]) == (len(rows), len(some))
        same = np.sign(some["difference"]) == sign
        assert row["same_sign"] == same.sum()
        assert row["significant"] == (same & (some["p"] <= 0.05)).sum()
        if len(some):
            assert row["median"] == pytest.approx(some["difference"].median())
            assert (row["least"], row["most"]) == (rows["difference"].min(), some.difference.max())
    gates = found.options[found.options["choice"] == "gates"].set_index("option")
    assert gates.loc["applied", "measured"] == 0
    assert math.isnan(gates.loc["applied", "median"])
    per_choice = found.options.groupby("choice")["specifications"].sum()
    assert (per_choice == len(found.table)).all()
    assert set(per_choice.index) == {
        choice for choice in CHOICES if len(set(found.table[choice])) > 1
    }


def test_no_interval_has_width_zero(answers: Make, responses: Make, tables: Whole) -> None:
    """A median that no resample moves has no interval, and says why; it is zero, without a sign."""
    records = [
        {
            "model": model, "topic": f"contested-{topic}", "prompt": f"{number}?",
            "family": f"contested-{topic}/open-{number}", "outcome": "pro" if number else "both",
            "item": f"contested-{topic}/open-{number}",
        }
        for model in "ab" for topic in range(4) for number in range(3)
    ]  # fmt: skip
    found = multiverse(tables(varied(answers), responses(records)), "a", "b", draws=FEW)
    row = spec(found, answers="written, by label", average="topic median")
    assert row["difference"] == 0
    assert math.isnan(row["low"])
    assert math.isnan(row["high"])
    assert "no interval" in row["reason"]
    rest = found.table[found.table["low"].notna()]
    assert (rest["high"] - rest["low"] > 1e-6).all()


def test_without_a_contested_question_there_is_a_sentence(answers: Make, tables: Whole) -> None:
    """Controls only, or a model that answered nothing: no rows, and no error."""
    scored = answers(np.random.default_rng(0), {"a": 1, "b": 1}, tag="control", topics=2)
    found = multiverse(tables(scored), "a", "b", draws=FEW)
    assert len(found.table) == len(found.options) == 0
    assert list(found.table.columns) == COLUMNS
    assert found.summary == "a and b answered no contested question."
    whole = tables(varied(answers))
    silent = replace(whole, scored=whole.scored[whole.scored["model"] == "a"])
    assert multiverse(silent, "a", "b", draws=FEW).table["difference"].isna().all()
    assert compare(silent, "a", "b", draws=FEW).multiverse is not None
