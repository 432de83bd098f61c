"""A plan on the terminal and as JSON."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from analysis.components import Components
from analysis.power import NEEDED, Plan, Question
from reports.power_table import plan_json, print_plan


@pytest.fixture
def plan() -> Plan:
    """A plan with a row that is enough, a cheaper one, and one that has no number."""
    rows = [
        ("stance", 4, 0, 7.0, 0.81, 0.78, 0.84, 1000.0, 2240.0, 2240.0, ""),
        ("stance", 8, 10, 6.0, 0.83, 0.80, 0.86, 520.0, 3840.0, 38400.0, ""),
        ("excess", 2, 0, *[np.nan] * 7, "needs 4 frames for a noise floor"),
    ]
    return Plan(
        question=Question(3, 20, 0.1),
        power=0.8,
        alpha=0.05,
        components=Components(),
        excess_of_stance=0.009,
        needed=pd.DataFrame(rows, columns=NEEDED),
        notes=["A note."],
    )


def shown(plan: Plan, width: int = 80) -> str:
    """What is printed where there is no terminal."""
    console = Console(file=io.StringIO(), width=width)
    print_plan(plan, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_every_row_is_shown_with_its_monte_carlo_error(plan: Plan) -> None:
    """Families, power and its interval, prompts and answers stand in the row."""
    lines = shown(plan).splitlines()
    (row,) = [line for line in lines if line.split()[:2] == ["8", "10"]]
    assert row.split() == ["8", "10", "6", "83%", "[80%,", "86%]", "3,840", "38,400"]
    assert any("read off" in line and "2,240" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_cheapest_is_by_answers(plan: Plan) -> None:
    """The design with the fewest answers is named in a sentence."""
    text = " ".join(shown(plan).split())
    assert "Cheapest: seven question families a topic in four frames, 2,240 answers" in text


def test_what_has_no_number_has_a_reason(plan: Plan) -> None:
    """A dash and the reason, and no cheapest design where none is enough."""
    text = " ".join(shown(plan).split())
    assert "– needs 4 frames for a noise floor" in text
    assert "None of these is enough." in text
    assert "nan" not in text


def test_goal_components_and_notes_are_told(plan: Plan) -> None:
    """The sentence says what is planned for, the lines below on what it rests."""
    text = " ".join(shown(plan).split())
    assert "between two of 3 models over 20 topics, in 80% of runs, at 5%" in text
    assert "after Holm over three pairs" in text
    assert "wording 0.25" in text
    assert "520 simulated runs or more" in text
    assert "A note." in text


def test_json_has_everything_and_null_for_undefined(plan: Plan) -> None:
    """A script reads the same numbers."""
    content = json.loads(plan_json(plan))
    assert content["question"]["difference"] == 0.1
    assert content["components"]["sharpness"] == 2.5
    assert content["needed"][0]["families"] == 7
    assert content["needed"][2]["families"] is None
    assert content["notes"] == ["A note."]
