"""The picture of the map."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from reports import map_chart, panels

NAMES = {"a": "Small <Model>", "b": "Gemma 3", "c": "Nowhere"}


def _points() -> pd.DataFrame:
    rows = [
        ("a", "en", -0.3, 0.1, 0.2, 0.1, 30.0, 1),
        ("a", "zh-Hant", -0.29, 0.1, 0.1, 0.05, 0.0, 1),
        ("b", "en", 0.4, -0.2, np.nan, np.nan, np.nan, 2),
        ("c", "en", np.nan, np.nan, np.nan, np.nan, np.nan, np.nan),
    ]
    columns = ["model", "language", "x", "y", "major", "minor", "angle", "cluster"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(measurable=table["x"].notna())


def _axes() -> pd.DataFrame:
    return pd.DataFrame({"axis": ["x", "y"], "share": [0.41, 0.2]})


def _chart() -> panels.Chart:
    return map_chart.opinion_map(_points(), _axes(), NAMES)


def _values(chart: panels.Chart) -> list[dict[str, Any]]:
    spec = chart.to_dict()
    return spec["datasets"][spec["data"]["name"]]


def _texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]  # noqa: S314


def test_every_panel_holds_every_point() -> None:
    """The panel's own model is told from the others; what has no place has no panel."""
    rows = [row for row in _values(_chart()) if row["part"] in {"own", "other"}]
    assert {row["panel"] for row in rows} == {"Small <Model>", "Gemma 3"}
    first = [row for row in rows if row["panel"] == "Small <Model>"]
    assert [(row["part"], row["x"]) for row in first] == [
        ("own", -0.3),
        ("own", -0.29),
        ("other", 0.4),
    ]


def test_ellipses_have_the_planted_axes() -> None:
    """The farthest corner is the major half-axis away, at its angle; no ellipse, no line."""
    rows = [row for row in _values(_chart()) if row["part"] == "ellipse"]
    assert {(row["panel"], row["name"]) for row in rows} == {
        ("Small <Model>", "en"),
        ("Small <Model>", "zh-Hant"),
    }
    corners = np.array([(row["x"] + 0.3, row["y"] - 0.1) for row in rows if row["name"] == "en"])
    far = np.linalg.norm(corners, axis=1)
    assert far.max() == pytest.approx(0.2)
    assert far.min() == pytest.approx(0.1)
    x, y = corners[far.argmax()]
    assert np.degrees(np.arctan2(y, x)) % 180 == pytest.approx(30)


def test_names_of_close_points_do_not_cover_each_other() -> None:
    """Two points in nearly one place have their languages on different sides."""
    labels = [row for row in _values(_chart()) if row["part"] == "label"]
    own = {row["name"]: row for row in labels if row["panel"] == "Small <Model>"}
    unit = (panels.WIDTH - 40 - panels.GAP) / 2 / 0.9
    across = abs(own["en"]["x"] - own["zh-Hant"]["x"]) * unit
    up = abs(own["en"]["y"] - own["zh-Hant"]["y"]) * unit
    assert across > 15 or up > 6


def test_both_directions_have_one_scale() -> None:
    """A distance on the map is the same across and up."""
    spec = _chart().to_dict()["spec"]
    encoding = spec["layer"][0]["encoding"]
    across, up = (encoding[axis]["scale"]["domain"] for axis in ("x", "y"))
    assert spec["width"] / np.ptp(across) == pytest.approx(spec["height"] / np.ptp(up))


def test_the_picture_is_text_and_shapes() -> None:
    """Names with markup stay text; axes say how much they show; groups have a legend."""
    picture = panels.svg(_chart())
    words = _texts(picture)
    for word in ("Small <Model>", "zh-Hant", "across: 41% of the spread", "group 2"):
        assert word in words
    assert "Noto Sans" in picture


def test_points_on_a_line_are_drawn() -> None:
    """No spread upwards is no picture without height."""
    points = _points().assign(y=0.0, major=np.nan)
    spec = map_chart.opinion_map(points, _axes(), NAMES).to_dict()["spec"]
    assert spec["height"] > 10
