"""The map of models and languages as a picture: a panel a model, all others in grey behind it.

Shapes tell groups apart and a point is named by its language, so nothing depends on colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np

from reports.figures import percent
from reports.panels import GAP, GRID, INK, WIDTH, heading, inline, panel_header, styled
from reports.records import records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from reports.panels import Chart
    from reports.records import Row

COLUMNS = 2
OTHERS, RING = "#b4bcc4", "#8d979f"
FONT = 7
SHAPES = (
    *("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left"),
    "triangle-right",
)
STEPS = 60
"""Corners of the polygon that an ellipse is drawn as."""

SIDES = ((1, 0), (0.7, 0.8), (0.7, -0.8), (-1, 0), (-0.7, 0.8), (-0.7, -0.8), (0, 1), (0, -1))
"""Where a name can stand, from its point."""

REACH = 0.6
"""How far beyond the points the picture goes for an ellipse, as a share of their longer side."""


def opinion_map(points: pd.DataFrame, axes: pd.DataFrame, names: Mapping[str, str]) -> Chart:
    """Where each model lies in each language, one panel a model, on one scale in both directions.

    Args:
        points: ``OpinionMap.points``, some of them measurable.
        axes: ``OpinionMap.axes``.
        names: display name of each model id, in the order to show them.
    """
    placed = records(points[points["measurable"]])
    shown = [model for model in names if any(row["model"] == model for row in placed)]
    groups = sorted({int(row["cluster"]) for row in placed})
    rows = [
        {
            "panel": heading(names[model]),
            "part": "own" if row["model"] == model else "other",
            "x": row["x"],
            "y": row["y"],
            "name": row["language"],
            "group": f"group {int(row['cluster'])}",
        }
        for model in shown
        for row in placed
    ]
    for row in placed:
        rows += _ellipse(row, heading(names[row["model"]]))
    across, up = (_domain(placed, rows, axis) for axis in ("x", "y"))
    columns = min(COLUMNS, len(shown))
    width = (WIDTH - 40 - GAP * (columns - 1)) / columns
    rows += _names_beside(placed, names, width / (across[1] - across[0]))
    share = {row["axis"]: f"{percent(row['share'])} of the spread" for row in records(axes)}
    x, y = (
        alt.X("x:Q", title=f"across: {share['x']}", scale=_scale(across), axis=_axis()),
        alt.Y("y:Q", title=f"up: {share['y']}", scale=_scale(up), axis=_axis()),
    )
    shape = alt.Shape(
        "group:N",
        title=None,
        scale=alt.Scale(domain=[f"group {group}" for group in groups], range=SHAPES[: len(groups)]),
        legend=alt.Legend(orient="bottom", columns=4) if len(groups) > 1 else None,
    )
    bare = alt.Chart().encode(x=x, y=y)
    own = bare.transform_filter("datum.part == 'own'")
    named = bare.transform_filter("datum.part == 'label'").encode(text="name:N")
    layers = [
        bare.transform_filter("datum.part == 'other'")
        .mark_point(size=14, filled=True, color=OTHERS, opacity=1)
        .encode(shape=shape),
        bare.transform_filter("datum.part == 'ellipse'")
        .mark_line(color=RING, strokeWidth=0.6, clip=True)
        .encode(order="step:Q", detail="name:N"),
        own.mark_point(size=24, filled=True, color=INK, opacity=1).encode(shape=shape),
        named.mark_text(fontSize=FONT, color=INK, stroke="white", strokeWidth=2.5),
        named.mark_text(fontSize=FONT, color=INK),
    ]
    chart = alt.layer(*layers, data=inline(rows)).properties(
        width=width, height=width * (up[1] - up[0]) / (across[1] - across[0])
    )
    return styled(
        chart.facet(
            panel_header([heading(names[model]) for model in shown]), columns=columns, spacing=GAP
        )
    )


def _ellipse(row: Row, panel: str) -> Iterator[Row]:
    if not np.isfinite([row["major"], row["minor"], row["angle"]]).all():
        return
    turn, angle = np.linspace(0, 2 * np.pi, STEPS + 1), np.radians(row["angle"])
    along, beside = row["major"] * np.cos(turn), row["minor"] * np.sin(turn)
    x = row["x"] + along * np.cos(angle) - beside * np.sin(angle)
    y = row["y"] + along * np.sin(angle) + beside * np.cos(angle)
    for step in range(STEPS + 1):
        yield {
            "panel": panel,
            "part": "ellipse",
            "x": float(x[step]),
            "y": float(y[step]),
            "name": row["language"],
            "step": step,
        }


def _names_beside(placed: Sequence[Row], names: Mapping[str, str], scale: float) -> Iterator[Row]:
    """Each point's language beside it, where it covers the fewest points and names set so far.

    Args:
        placed: the points of all models; only those of one model are named in its panel.
        names: display names of the models.
        scale: length of one unit of the map in the picture.
    """
    for model in dict.fromkeys(row["model"] for row in placed):
        own = [row for row in placed if row["model"] == model]
        taken = [(row["x"] * scale, row["y"] * scale, 4.0) for row in own]
        for row in sorted(own, key=lambda row: -row["y"]):
            half = 2.1 * len(row["language"]) + 1
            best = min(
                (
                    (row["x"] * scale + far * (half + 4) * across, row["y"] * scale + far * 8 * up)
                    for far in (1, 1.8, 2.6)
                    for across, up in SIDES
                ),
                key=lambda spot: sum(
                    max(0, half + wide - abs(spot[0] - x)) * max(0, 7 - abs(spot[1] - y))
                    for x, y, wide in taken
                ),
            )
            taken.append((*best, half))
            yield {
                "panel": heading(names[model]),
                "part": "label",
                "x": best[0] / scale,
                "y": best[1] / scale,
                "name": row["language"],
            }


def _domain(placed: Sequence[Row], rows: Sequence[Row], axis: str) -> tuple[float, float]:
    """Ends of an axis: all points, and the ellipses as far as they do not dwarf the points."""
    own = [row[axis] for row in placed]
    longer = max(np.ptp([row[key] for row in placed]) for key in ("x", "y"))
    drawn = [row[axis] for row in rows]
    low = max(min(drawn), min(own) - REACH * longer)
    high = min(max(drawn), max(own) + REACH * longer)
    return float(low - 0.06 * longer), float(high + 0.06 * longer)


def _scale(domain: tuple[float, float]) -> alt.Scale:
    return alt.Scale(domain=list(domain), nice=False, zero=False)


def _axis() -> alt.Axis:
    return alt.Axis(tickCount=4, gridColor=GRID)
