"""Charts hold the numbers of the study and say what is not measurable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import altair as alt
import pytest

from reports import charts, panels

if TYPE_CHECKING:
    from analysis.study import Study

A, B = "smollm2-135m-instruct", "gemma-3-270m"
NAMES = {
    A: "Small <Model>",
    B: "Gemma 3",
    "qwen2.5-coder-0.5b-instruct": "Qwen",
}
TITLES = {"taiwan": "Taiwan", "crimea": "Crimea"}


def _rows(study: Study, frame: str) -> object:
    table = getattr(study, frame)
    return table[(table["language"] == "all") & table["topic"].isin(TITLES)].copy()


def _values(chart: panels.Chart) -> list[dict[str, Any]]:
    spec = chart.to_dict()
    return spec["datasets"][spec["data"]["name"]]


def _texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]  # noqa: S314


def test_divergence_holds_the_planted_numbers(study: Study) -> None:
    """Estimate, interval and mean noise floor are in the specification as they are in the table."""
    rows = _rows(study, "divergence")
    planted = (rows["a"] == A) & (rows["b"] == B) & (rows["topic"] == "taiwan")
    rows.loc[planted, ["excess", "low", "high", "noise_a", "noise_b"]] = [
        0.123, 0.101, 0.145, 0.02, 0.04,
    ]  # fmt: skip
    rows.loc[planted, "measurable"] = True
    (found,) = [
        row
        for row in _values(charts.divergence_by("topic", rows, NAMES, TITLES))
        if row["row"] == "Taiwan" and row["panel"] == "Small <Model>\nand Gemma 3"
    ]
    assert found["value"] == pytest.approx(0.123)
    assert (found["low"], found["high"]) == (pytest.approx(0.101), pytest.approx(0.145))
    assert found["noise"] == pytest.approx(0.03)
    assert found["clear"] is True


def test_not_measurable_is_said_and_is_no_zero(study: Study) -> None:
    """A row that is not measurable has no number in the chart and the words in the picture."""
    rows = _rows(study, "stance")
    chart = charts.stance_by_topic(rows, NAMES, TITLES)
    empty = [row for row in _values(chart) if row["empty"]]
    assert [(row["panel"], row["row"], row["value"]) for row in empty] == [("Qwen", "Crimea", None)]
    assert _texts(panels.svg(chart)).count("not measurable") == len(empty)


def test_svg_is_well_formed_with_names_as_text(study: Study) -> None:
    """Names with markup characters stay text; nothing in the picture points elsewhere."""
    picture = panels.svg(charts.stance_by_topic(_rows(study, "stance"), NAMES, TITLES))
    assert "Small <Model>" in _texts(picture)
    assert "Noto Sans" in picture
    assert "href=" not in picture.replace("xmlns:xlink", "")


def test_outcomes_stack_to_one_in_each_bar(study: Study) -> None:
    """Every bar holds the shares of the table, in the stated order of outcomes."""
    rows = study.outcomes[study.outcomes["kind"] == "open"]
    languages = {"all": "All languages", "hi": "Hindi"}
    chart = charts.outcome_shares(rows[rows["language"].isin(languages)], NAMES, languages)
    bars: dict[tuple[str, str], float] = {}
    for row in _values(chart):
        bars[row["panel"], row["model"]] = bars.get((row["panel"], row["model"]), 0) + row["share"]
    assert len(bars) == 2 * 3
    assert all(total == pytest.approx(1) for total in bars.values())
    assert "refuses" in _texts(panels.svg(chart))


def test_nothing_is_fetched() -> None:
    """A chart whose data lies elsewhere is refused instead of fetched."""
    chart = alt.Chart("https://example.com/data.csv").mark_bar().encode(x="a:Q").facet("b:N")
    with pytest.raises(ValueError, match="example"):
        panels.svg(chart)


def test_answers_to_questions_without_poles_count_too(study: Study) -> None:
    """Where questions have no poles the bars and the table hold `answers`, else neither does."""
    rows = study.outcomes[study.outcomes["kind"] == "open"]
    own = rows.assign(outcome=rows["outcome"].replace("pro", "answers"))
    assert "answers" not in charts.outcomes_in(rows)
    assert "answers" in charts.outcomes_in(own)
    languages = {"en": "English"}
    words = "answers a question without sides"
    mine = own[own["language"] == "en"]
    assert words in _texts(panels.svg(charts.outcome_shares(mine, NAMES, languages)))
    usual = rows[rows["language"] == "en"]
    assert words not in _texts(panels.svg(charts.outcome_shares(usual, NAMES, languages)))
    total = sum(row["share"] for row in _values(charts.outcome_shares(mine, NAMES, languages)))
    assert total == pytest.approx(mine["rate"].sum())
