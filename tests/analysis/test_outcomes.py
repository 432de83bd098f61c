"""Open responses: rates of outcomes and of other languages, and two models compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from analysis.outcomes import RATE, SWITCH, outcome_table, paired_outcomes, switch_table
from analysis.rates import wilson

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    Make = Callable[..., pd.DataFrame]


def asked(model: str, family: int, wording: int, **more: Any) -> dict[str, Any]:
    """A response to one wording of a family."""
    return {
        "model": model,
        "family": f"s{family}",
        "prompt": f"s{family} in wording {wording}",
        **more,
    }


def one(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row."""
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_single_responses_have_wilsons_interval(responses: Make) -> None:
    """One response a family: nothing goes together."""
    rows = [asked("a", i, 0, outcome="refuses" if i < 3 else "pro") for i in range(10)]
    rate = one(outcome_table(responses(rows)), language="en", outcome="refuses")
    assert (rate["n"], rate["total"], rate["rate"]) == (3, 10, 0.3)
    assert (rate["low"], rate["high"]) == pytest.approx(wilson(3, 10))


def test_wordings_of_a_family_go_together(responses: Make) -> None:
    """Eight equal responses to each of ten families say what one to each would say."""
    rows = [
        asked("a", i, w, outcome="refuses" if i < 3 else "pro") for i in range(10) for w in range(8)
    ]
    rate = one(outcome_table(responses(rows)), language="en", outcome="refuses")
    low, high = wilson(24, 80)
    assert rate["total"] == 80
    assert rate["low"] < low < high < rate["high"]
    assert rate["high"] - rate["low"] == pytest.approx(wilson(3, 10)[1] - wilson(3, 10)[0], abs=0.1)


def test_answers_without_poles_count_in_the_total(responses: Make) -> None:
    """A question without poles can be answered; refusing it is not all there is."""
    rows = [asked("a", i, 0, outcome="refuses" if i == 0 else "answers") for i in range(4)]
    table = outcome_table(responses(rows))
    assert one(table, language="en", outcome="refuses")["rate"] == 0.25
    assert one(table, language="en", outcome="answers")["n"] == 3
    assert "answers" not in set(outcome_table(responses([asked("a", 0, 0, outcome="pro")])).outcome)


def test_switching_is_to_another_language_than_asked(responses: Make) -> None:
    """Rate, interval and where to; what has no language is not counted."""
    spoken = ["zh", "zh", "en", "zh-Hant", "en", None]
    rows = [asked("a", i, 0, language="zh", response_language=s) for i, s in enumerate(spoken)]
    rows += [asked("b", i, 0, language="zh", response_language="zh") for i in range(3)]
    table = switch_table(responses(rows))
    found = one(table, model="a", language="all")
    assert (found["n"], found["total"], found["mostly"]) == (3, 5, "en")
    assert (found["low"], found["high"]) == pytest.approx(wilson(3, 5))
    never = one(table, model="b", language="zh")
    assert (never["rate"], never["mostly"]) == (0, "")
    assert never["high"] > 0.3
    assert switch_table(responses()).columns.tolist() == SWITCH


def test_unlabelled_responses_are_empty_tables(responses: Make) -> None:
    """With their columns."""
    rows = responses([asked("a", 0, 0), asked("b", 0, 0)])
    assert outcome_table(rows).columns.tolist() == RATE
    assert len(outcome_table(rows)) == len(paired_outcomes(rows, "a", "b")) == 0


def test_pairs_swap_families_whole(responses: Make) -> None:
    """Nine prompts of three families are three families."""
    rows = [
        asked(m, i, w, outcome="refuses" if m == "b" else "pro")
        for m in "ab"
        for i in range(3)
        for w in range(3)
    ]
    found = one(paired_outcomes(responses(rows), "a", "b"), language="all", outcome="refuses")
    assert (found["only_b"], found["n"], found["families"]) == (9, 9, 3)
    assert found["p"] == pytest.approx(2 / 2**3)
    assert found["verdict"].startswith("No difference in the outcome 'refuses' is shown")
    assert (found["difference"], found["low"]) == (-1, -1)
    assert found["high"] > -0.5


def test_a_model_against_itself_differs_in_nothing(responses: Make) -> None:
    """P of 1, an interval around zero, and what would have been found."""
    rows = [asked("a", i, 0, outcome="refuses" if i < 3 else "pro") for i in range(10)]
    found = paired_outcomes(responses(rows), "a", "a")
    assert (found["p"] == 1).all()
    assert (found["low"] < 0).all()
    assert (found["high"] > 0).all()
    assert found["detectable"].between(0.6, 0.8).all()  # seven or eight of ten must differ
