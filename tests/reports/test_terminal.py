"""The comparison in the terminal and as JSON."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from rich.console import Console

from reports.terminal import comparison_json, print_comparison

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from analysis.study import Comparison, Study
    from analysis.tables import Tables

    MadeUp = tuple[Tables, Study, Exploration]


def _printed(comparison: Comparison, width: int, *, terminal: bool = False) -> str:
    stream = io.StringIO()
    print_comparison(comparison, Console(file=stream, width=width, force_terminal=terminal))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 100, 160])
@pytest.mark.parametrize("terminal", [True, False])
def test_fits_its_width(comparison: Comparison, width: int, terminal: bool) -> None:
    """No line is wider than the terminal, and the headline number is there at every width."""
    text = _printed(comparison, width, terminal=terminal)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= width
    row = comparison.divergence.query("language == 'all' and topic == 'taiwan'").iloc[0]
    assert f"{row['excess']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in plain
    assert comparison.notes[1].split(" are ")[0] in plain


def test_wide_terminals_show_more(comparison: Comparison) -> None:
    """The noise floor comes at 80 columns, stances at 120."""
    assert "Noise" not in _printed(comparison, 60)
    assert "Noise" in _printed(comparison, 100)
    assert "Stance A" not in _printed(comparison, 100)
    assert "Stance A" in _printed(comparison, 160)


def test_every_test_says_what_it_rests_on(comparison: Comparison) -> None:
    """Cells, families, effect, interval, adjusted p, what would have been found, and words."""
    text = _printed(comparison, 160)
    row = comparison.divergence.query("language == 'all' and topic == 'all'").iloc[0]
    assert f"{row['cells']:,} cells in {row['families']} question families" in text
    assert f"smallest detectable {row['detectable']:.3f}" in text
    stance = comparison.stance.query("language == 'all' and topic == 'all'").iloc[0]
    assert stance["verdict"] in text
    outcome = comparison.outcomes.iloc[0]
    (line,) = [line for line in text.splitlines() if line.startswith(outcome["outcome"] + "  ")]
    assert "+0.12 [-0.05, +0.30]" in line
    assert line.split()[-3:] == ["0.25", "24", "12"]


def test_plain_without_a_terminal(comparison: Comparison) -> None:
    """Without a terminal there are no escape sequences and no rules."""
    text = _printed(comparison, 100)
    assert "\x1b" not in text
    assert "─" not in text


def test_not_measurable_is_said(comparison: Comparison) -> None:
    """A language that is not measurable has the words and no number."""
    lines = _printed(comparison, 160).splitlines()
    (hindi,) = [line for line in lines if line.startswith("Hindi")]
    assert "not measurable" in hindi
    assert not re.search(r"\d", hindi)


def test_hostile_names_are_text(comparison: Comparison) -> None:
    """Escape sequences and Rich markup in a topic or a note are not obeyed."""
    table = comparison.divergence.copy()
    table.loc[table["topic"] == "taiwan", "topic"] = "[red]x[/red]\x1b[2J\u202eevil"
    text = _printed(
        replace(comparison, divergence=table, notes=["\x1b]0;owned\x07[bold]note[/bold]"]), 100
    )
    assert "[red]x[/red]evil" in text
    assert "[bold]note[/bold]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_json_round_trip(comparison: Comparison, made_up: MadeUp) -> None:
    """JSON gives back every table, with undefined numbers as null."""
    explored = made_up[2]
    content = json.loads(comparison_json(comparison, explored))
    assert [row["source"] for row in content["shares"]] == explored.shares["source"].tolist()
    placed = [row["x"] for row in content["map"]["points"] if row["measurable"]]
    assert placed == explored.map.points["x"].dropna().tolist()
    assert len(content["publics"]) == len(explored.reference.publics)
    assert len(content["language_effect"]) == len(explored.languages)
    assert len(content["origin"]) == len(explored.origin)
    for name in ("divergence", "stance", "outcomes", "switches", "gates", "measurable"):
        table = getattr(comparison, name).reset_index(drop=True)
        again = pd.DataFrame(content[name], columns=table.columns)
        for column in table:
            if pd.api.types.is_float_dtype(table[column]):
                again[column] = again[column].astype(float)
        pd.testing.assert_frame_equal(again, table, check_dtype=False)
    assert content["a"] == comparison.a
    assert content["notes"] == comparison.notes
    assert any(row["excess"] is None for row in content["divergence"])


def test_every_choice_is_in_the_terminal(comparison: Comparison) -> None:
    """The sentence, a line for each option with its median, and the notes; counts where it fits."""
    found = comparison.multiverse
    assert found is not None
    narrow, medium = (_printed(comparison, width) for width in (60, 100))
    for text in (narrow, medium):
        assert " ".join(found.summary.split()) in " ".join(text.split())
        assert all(note in " ".join(text.split()) for note in found.notes)
    for row in found.options.to_dict("records"):
        (line,) = [
            line
            for line in medium.splitlines()
            if re.search(rf"(^|  ){row['option']}  ", line) and " to " in line
        ]
        cells = line.split()
        counts = [str(row[name]) for name in ("measured", "same_sign", "significant")]
        assert cells[-3:] == counts
        assert f"{row['median']:+.2f}" in cells or abs(row["median"]) < 0.005
    assert "Least to most" not in narrow


def test_options_that_cannot_be_measured_have_no_number(comparison: Comparison) -> None:
    """An option without a measured specification has the words instead."""
    assert comparison.multiverse is not None
    options = comparison.multiverse.options.copy()
    options.loc[0, ["measured", "same_sign", "significant"]] = 0
    options.loc[0, ["median", "least", "most"]] = float("nan")
    varied = replace(comparison.multiverse, options=options)
    text = _printed(replace(comparison, multiverse=varied), 100)
    (line,) = [line for line in text.splitlines() if "answers   scored" in line]
    assert "not measurable" in line
    assert not re.search(r"\d|nan", line)


def test_a_model_against_itself_has_no_choices_to_vary(
    comparison: Comparison, made_up: MadeUp
) -> None:
    """Nothing is printed of them, and JSON says null."""
    itself = replace(comparison, multiverse=None)
    assert "every choice" not in _printed(itself, 100)
    assert json.loads(comparison_json(itself, made_up[2]))["multiverse"] is None


def test_specifications_are_in_the_json(comparison: Comparison, made_up: MadeUp) -> None:
    """All of them, with their numbers and the sentence."""
    found = comparison.multiverse
    assert found is not None
    content = json.loads(comparison_json(comparison, made_up[2]))["multiverse"]
    assert content["summary"] == found.summary
    assert [row["difference"] for row in content["table"]] == list(found.table["difference"])
    assert sum(row["headline"] is True for row in content["table"]) == 1
