"""The picture of the multiverse holds its numbers and draws without warnings."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.multiverse import BY_OPTION, COLUMNS, Multiverse
from analysis.specifications import CHOICES
from reports import panels
from reports.multiverse_chart import MOST_DOTS, specification_curve

NAMES = {"a": "Model <A>", "b": "Model B"}


def made(count: int) -> Multiverse:
    """So many specifications, one of them not measurable and one without an interval."""
    rng = np.random.default_rng(0)
    chosen = itertools.islice(itertools.cycle(itertools.product(*CHOICES.values())), count)
    table = pd.DataFrame(list(chosen), columns=list(CHOICES))
    table["difference"] = np.sort(rng.normal(0.1, 0.1, count))
    table["low"], table["high"] = table["difference"] - 0.1, table["difference"] + 0.1
    table["p"] = np.where(table["low"] > 0, 0.01, 0.5)
    table["families"], table["reason"] = 20, ""
    table["headline"] = table.index == count // 2
    table.loc[0, ["low", "high", "p"]] = np.nan
    table.loc[count - 1, ["difference", "low", "high", "p"]] = np.nan
    options = pd.DataFrame(columns=BY_OPTION)
    return Multiverse("a", "b", table[COLUMNS], options, 0, 0, 0, 0.5, 0.5, "", [])


def values(part: dict[str, Any], spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The data of one panel."""
    return spec["datasets"][part["data"]["name"]]


@pytest.mark.parametrize("count", [40, MOST_DOTS + 60])
def test_every_measured_specification_is_drawn(count: int) -> None:
    """The curve has a point each, with the table's numbers; one is the headline."""
    found = made(count)
    spec = specification_curve(found, NAMES).to_dict()
    rows = values(spec["vconcat"][0], spec)
    assert [row["value"] for row in rows] == pytest.approx(list(found.table["difference"][:-1]))
    assert [row["clear"] for row in rows] == list(found.table["p"][:-1] <= 0.05)
    assert sum(row["headline"] for row in rows) == 1
    assert rows[0]["low"] is None


def test_marks_are_where_a_choice_is_made() -> None:
    """With few specifications every mark is one specification's option, and none is missing."""
    found = made(40)
    spec = specification_curve(found, NAMES).to_dict()
    marks = [row for part in spec["vconcat"][2:] for row in values(part, spec)]
    used = [choice for choice in CHOICES if len(set(found.table[choice][:-1])) > 1]
    assert len(marks) == 39 * len(used)
    assert all(row["share"] == 1 for row in marks)


def test_shares_of_neighbours_add_up_where_there_are_many() -> None:
    """Each bin's options share it without a rest."""
    count = MOST_DOTS + 60
    found = made(count)
    spec = specification_curve(found, NAMES).to_dict()
    last = values(spec["vconcat"][-1], spec)
    totals = pd.DataFrame(last).groupby("from")["share"].sum()
    assert len(totals) == MOST_DOTS
    assert totals.to_numpy() == pytest.approx(1)


def test_picture_is_drawn_with_names_as_text() -> None:
    """The SVG holds titles and options; a name with markup is text."""
    svg = panels.svg(specification_curve(made(40), NAMES))
    assert "Model &lt;A&gt; minus Model B" in svg
    for text in ("topic median", "as con", "p at most 0.05"):
        assert text in svg


def test_nothing_measured_is_an_empty_picture() -> None:
    """A multiverse without a number draws axes and no marks."""
    found = made(10)
    found.table[["difference", "low", "high", "p"]] = np.nan
    assert "<svg" in panels.svg(specification_curve(found, NAMES))
