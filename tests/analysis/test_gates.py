"""Reliability gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.gates import LEAST, Thresholds, congruence, gates, measurable, thresholds
from prompts.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

STANCES = arrays(float, 6, elements=st.floats(-1, 1).map(lambda x: round(x, 3)))


def judged(scored: pd.DataFrame, **thresholds: float) -> pd.DataFrame:
    """Gates by name, of the one model and language."""
    table = gates(scored, list(scored["model"].unique()), Thresholds(**thresholds))
    return table.set_index("gate")


@given(STANCES, STANCES)
def test_congruence_is_bounded_and_symmetric(x: np.ndarray, y: np.ndarray) -> None:
    """1 for equals, -1 for opposites, NaN for nothing."""
    value = congruence(x, y)
    if np.isnan(value):
        assert not np.concatenate([x, y]).any()
        return
    assert -1 - 1e-9 <= value <= 1 + 1e-9
    assert value == congruence(y, x)
    if x.any():
        assert congruence(x, x) == pytest.approx(1)
        assert congruence(x, -x) == pytest.approx(-1)


def test_a_consistent_model_passes(answers: Callable[..., pd.DataFrame]) -> None:
    """Little wording noise: all gates but the controls that were not asked."""
    table = judged(answers(np.random.default_rng(0), {"m": 0}, wording=0.2))
    assert table.loc[["coverage", "order", "negation", "paraphrase"], "passed"].all()
    assert not table.loc["controls", "passed"]
    assert np.isnan(table.loc["controls", "value"])
    assert table.loc["controls", "reason"] == "no controls were asked"
    assert measurable(table.reset_index())["measurable"].tolist() == [True]


@pytest.mark.parametrize(
    ("flaw", "gate"),
    [
        ({"acquiescence": 2.0}, "negation"),
        ({"position": 2.0}, "order"),
        ({"wording": 3.0}, "paraphrase"),
    ],
)
def test_each_flaw_fails_its_gate(
    answers: Callable[..., pd.DataFrame], flaw: dict[str, float], gate: str
) -> None:
    """Agreeing with all, taking the first option, going by the wording: not measurable, and why."""
    table = judged(answers(np.random.default_rng(1), {"m": 0}, spread=0.5, **flaw))
    assert not table.loc[gate, "passed"]
    assert table.loc[gate, "value"] < 0.5
    found = measurable(table.reset_index()).iloc[0]
    assert not found["measurable"]
    assert gate in found["reasons"]


def test_low_coverage_fails(answers: Callable[..., pd.DataFrame]) -> None:
    """A model that would have said something else is not read."""
    scored = answers(np.random.default_rng(2), {"m": 0}).assign(coverage=0.2)
    table = judged(scored)
    assert table.loc["coverage", "value"] == pytest.approx(0.2)
    assert not table.loc["coverage", "passed"]
    assert judged(scored, coverage=0.1).loc["coverage", "passed"]


@pytest.mark.parametrize(("lean", "acquiescence", "share"), [(2, 0, 1), (-2, 0, 0), (0, 3, 0.5)])
def test_controls_count_right_answers(
    answers: Callable[..., pd.DataFrame], lean: float, acquiescence: float, share: float
) -> None:
    """All right, all wrong, and half by agreeing with everything."""
    scored = answers(
        np.random.default_rng(3),
        {"m": lean},
        tag="control",
        spread=0.05,
        wording=0.1,
        acquiescence=acquiescence,
    )
    table = judged(scored)
    assert table.loc["controls", "value"] == share
    assert np.isnan(table.loc["order", "value"])


def test_what_was_not_asked_twice_cannot_be_judged(answers: Callable[..., pd.DataFrame]) -> None:
    """One order, one pole, one frame: NaN with the reason, and it counts against nobody."""
    scored = answers(np.random.default_rng(4), {"m": 0}, frames=1)
    scored = scored[(scored["option_order"] == "forward") & (scored["pole"] == "pro")]
    table = judged(scored)
    for gate in ("order", "negation", "paraphrase"):
        assert np.isnan(table.loc[gate, "value"])
        assert table.loc[gate, "reason"]
    assert measurable(table.reset_index())["measurable"].tolist() == [True]


def test_a_model_that_answered_nothing_is_not_measurable(
    answers: Callable[..., pd.DataFrame],
) -> None:
    """In a language that others were asked in."""
    scored = answers(np.random.default_rng(5), {"m": 0})
    found = measurable(gates(scored, ["m", "silent"], Thresholds())).set_index("model")
    assert found["measurable"].tolist() == [True, False]
    assert found.loc["silent", "reasons"] == "no scored answers"


def test_thresholds_as_a_user_writes_them() -> None:
    """What is not named stays; none of it is off."""
    assert thresholds("") == Thresholds()
    assert thresholds("order=0.3, controls=0.6") == Thresholds(order=0.3, controls=0.6)
    assert thresholds("negation=-1") == Thresholds(negation=-1)
    assert thresholds("off") == LEAST


@pytest.mark.parametrize(
    "text", ["order", "order=", "order=2", "order=nan", "controls=-0.1", "wording=0.5", "0.5"]
)
def test_thresholds_that_cannot_be_are_refused_by_name(text: str) -> None:
    """With the gates there are, or the numbers that one can have."""
    with pytest.raises(UsageError) as caught:
        thresholds(text)
    assert text.partition("=")[0] in caught.value.what


def test_gates_that_are_off_pass_everything(answers: Callable[..., pd.DataFrame]) -> None:
    """A model that takes the first option whatever it says fails by default, and then not."""
    scored = answers(np.random.default_rng(5), {"a": 0}, position=9.0)
    for least, passes in ((Thresholds(), False), (LEAST, True)):
        table = measurable(gates(scored, ["a"], least))
        assert table["measurable"].all() == passes
