"""Pictures of models among national publics."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd

from reports import panels, reference_chart

NAMES = {"a": "Small <Model>", "b": "Gemma 3"}
TITLES = {"abortion": "Abortion", "euthanasia": "Euthanasia"}


def _values(chart: panels.Chart) -> list[dict[str, Any]]:
    spec = chart.to_dict()
    return spec["datasets"][spec["data"]["name"]]


def _texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]  # noqa: S314


def _publics() -> pd.DataFrame:
    columns = ["model", "country", "distance", "low", "high", "rank_low", "measurable"]
    rows = [
        ("a", "JPN", 0.2, 0.0, 0.4, 1.0, True),
        ("a", "CHN", 0.5, 0.3, 0.7, 2.0, True),
        ("b", "JPN", np.nan, np.nan, np.nan, np.nan, False),
        ("b", "CHN", 0.3, np.nan, np.nan, np.nan, True),
    ]
    return pd.DataFrame(rows, columns=columns)


def _items() -> pd.DataFrame:
    columns = ["model", "survey", "topic", "stance", "low", "high", "measurable"]
    rows = [
        ("a", "wvs7", "abortion", 0.5, 0.2, 0.7, True),
        ("a", "wvs7", "euthanasia", -0.5, np.nan, np.nan, True),
        ("b", "wvs7", "abortion", np.nan, np.nan, np.nan, False),
    ]
    return pd.DataFrame(rows, columns=columns)


def _reference() -> pd.DataFrame:
    rows = [
        ("wvs7", "abortion", -0.4),
        ("wvs7", "abortion", 0.1),
        ("wvs7", "euthanasia", 0.2),
        ("pew2013", "abortion", 0.9),
    ]
    return pd.DataFrame(rows, columns=["survey", "topic", "mean"])


def test_a_filled_dot_may_be_the_nearest() -> None:
    """Distances and ends are those of the table; without an interval of the rank it is open."""
    chart = reference_chart.distance_to_publics(_publics(), NAMES, {"JPN": "Japan", "CHN": "China"})
    found = {(row["panel"], row["row"]): row for row in _values(chart)}
    japan = found["Small <Model>", "Japan"]
    assert (japan["value"], japan["low"], japan["high"], japan["clear"]) == (0.2, 0.0, 0.4, True)
    assert not found["Small <Model>", "China"]["clear"]
    alone = found["Gemma 3", "China"]
    assert (alone["value"], alone["low"], alone["clear"]) == (0.3, None, False)
    assert found["Gemma 3", "Japan"]["empty"]
    assert "not measurable" in _texts(panels.svg(chart))


def test_each_model_stands_among_the_publics_of_its_survey() -> None:
    """The same marks behind every model, none of another survey; a missing stance is no dot."""
    chart = reference_chart.stance_among_publics(_items(), _reference(), NAMES, TITLES)
    rows = _values(chart)
    for panel in NAMES.values():
        publics = [r for r in rows if r["panel"] == panel and r["part"] == "public"]
        assert [(r["row"], r["value"]) for r in publics] == [
            ("Abortion", -0.4),
            ("Abortion", 0.1),
            ("Euthanasia", 0.2),
        ]
    models = {(r["panel"], r["row"]): r for r in rows if r["part"] == "model"}
    assert models["Small <Model>", "Abortion"]["value"] == 0.5
    assert models["Small <Model>", "Euthanasia"]["low"] is None
    assert ("Gemma 3", "Abortion") not in models
    words = _texts(panels.svg(chart))
    assert words.count("not measurable") == 1
    assert "Small <Model>" in words


def test_only_the_topics_named_are_drawn() -> None:
    """In the order named."""
    chart = reference_chart.stance_among_publics(
        _items(), _reference(), NAMES, {"euthanasia": "Euthanasia", "taiwan": "Taiwan"}
    )
    assert {row["row"] for row in _values(chart)} == {"Euthanasia"}
    assert "Taiwan" not in _texts(panels.svg(chart))
