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
    from analysis.study import Comparison


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


def test_json_round_trip(comparison: Comparison) -> None:
    """JSON gives back every table, with undefined numbers as null."""
    content = json.loads(comparison_json(comparison))
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


def test_a_model_against_itself_has_no_choices_to_vary(comparison: Comparison) -> None:
    """Nothing is printed of them, and JSON says null."""
    itself = replace(comparison, multiverse=None)
    assert "every choice" not in _printed(itself, 100)
    assert json.loads(comparison_json(itself))["multiverse"] is None


def test_specifications_are_in_the_json(comparison: Comparison) -> None:
    """All of them, with their numbers and the sentence."""
    found = comparison.multiverse
    assert found is not None
    content = json.loads(comparison_json(comparison))["multiverse"]
    assert content["summary"] == found.summary
    assert [row["difference"] for row in content["table"]] == list(found.table["difference"])
    assert sum(row["headline"] is True for row in content["table"]) == 1
