"""What lies behind the comparison of two models, in the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from reports.behind import print_behind

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables

    MadeUp = tuple[Tables, Study, Exploration]

TITLES = (
    "What the stances of the two vary by",
    "The same model in two languages",
    "The map",
    "The nearest national publics",
)


def _printed(explored: Exploration, width: int) -> str:
    stream = io.StringIO()
    print_behind(explored, Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 100, 160])
def test_fits_its_width(made_up: MadeUp, width: int) -> None:
    """No line is wider than the terminal, and every part is there at every width."""
    text = _printed(made_up[2], width)
    assert max(map(len, text.splitlines())) <= width
    assert all(title in text for title in TITLES)


def test_the_numbers_are_those_of_the_tables(made_up: MadeUp) -> None:
    """A share with its interval, a language effect with both p, a point, a public with its rank."""
    explored = made_up[2]
    lines = _printed(explored, 160).splitlines()
    share = explored.shares.query("source == 'topic'").iloc[0]
    (line,) = [line for line in lines if line.startswith("topic  ")]
    assert f"{share['share']:.0%}" in line
    assert f"[{share['low']:.2f}, {share['high']:.2f}]" in line
    table = explored.languages
    effect = table[(table["topic"] == "all") & table["measurable"] & (table["language_a"] != "all")]
    row = effect.iloc[0]
    assert any(row["model"] in line and f"{row['excess']:.3f}" in line for line in lines)
    public = explored.reference.publics.query("measurable and language == 'all'")
    nearest = public.sort_values("distance").iloc[0]
    assert any(nearest["public"] in line and f"{nearest['distance']:.2f}" in line for line in lines)


def test_what_is_not_measurable_has_the_words_and_no_number(made_up: MadeUp) -> None:
    """A model that fails its gates in a language, in that language."""
    explored = made_up[2]
    table = explored.languages
    bad = table[(table["topic"] == "all") & ~table["measurable"] & (table["language_a"] != "all")]
    assert len(bad)
    lines = [
        line
        for line in _printed(explored, 160).splitlines()
        if "not measurable" in line and not line.startswith("·")
    ]
    assert len(lines) == len(bad)
    assert not any("nan" in line or "[" in line for line in lines)


def test_the_warnings_stand_under_the_tables(made_up: MadeUp) -> None:
    """That countries are a handful of models, and that surveys ask another question."""
    text = " ".join(_printed(made_up[2], 160).split())
    assert "models are too few to test" in text
    assert "not the same question" in text


def test_nothing_is_printed_of_what_is_not_there(made_up: MadeUp) -> None:
    """One language and no topic of a survey: no table without a line."""
    explored = made_up[2]
    bare = replace(
        explored,
        languages=explored.languages.iloc[:0],
        reference=replace(explored.reference, publics=explored.reference.publics.iloc[:0]),
    )
    text = _printed(bare, 100)
    assert TITLES[0] in text
    assert TITLES[1] not in text
    assert TITLES[3] not in text


def test_hostile_names_are_text(made_up: MadeUp) -> None:
    """Escape sequences and markup in the name of a model are not obeyed."""
    explored = made_up[2]
    languages = explored.languages.assign(model="[red]x[/red]\x1b[2J\u202eevil")
    text = _printed(replace(explored, languages=languages), 160)
    assert "[red]x[/red]evil" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
