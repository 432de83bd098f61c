"""The specification curve: a difference under every choice, and which choices each one is.

Above, every specification by the size of its difference; below, a mark where it makes a choice.
A filled dot has p of 0.05 or less, and so has the first row of marks; the dashed line and the
diamond are the headline. It reads the same without colour.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from analysis.specifications import CHOICES
from analysis.verdicts import ALPHA
from reports.panels import BAND, INK, SOFT, styled
from reports.records import records

if TYPE_CHECKING:
    from analysis.multiverse import Multiverse

WIDTH = 360
MARGIN = 150
MOST_DOTS = 120
"""More specifications are a line in a band, and their marks are shares of neighbours."""

_SHADE = "#000000"


def specification_curve(found: Multiverse, names: dict[str, str]) -> alt.VConcatChart:
    """Draw all specifications that could be measured.

    Args:
        found: from `multiverse`.
        names: display name of each model id.
    """
    table = found.table[found.table["difference"].notna()].reset_index(drop=True)
    title = f"Difference in stance, {names[found.a]} minus {names[found.b]}"
    curve = _curve(table, alt.TitleParams(title, anchor="start", fontSize=8, color=INK))
    chosen = [_choice(table, "p", [f"p at most {ALPHA:g}"])]
    for choice, options in CHOICES.items():
        used = set(table[choice])
        known = [*options, *sorted(used - set(options))]
        if len(used) > 1:
            chosen.append(_choice(table, choice, [option for option in known if option in used]))
    whole: alt.VConcatChart = styled(alt.vconcat(curve, *chosen, spacing=6)).configure_axisY(
        titleAngle=0,
        titleAlign="left",
        titleX=-MARGIN,
        titleY=6,
        titleFontWeight=600,
        titleColor=INK,
    )
    return whole


def _x(table: pd.DataFrame, field: str) -> alt.X:
    scale = alt.Scale(domain=[-0.7, max(len(table), 1) - 0.3], nice=False, zero=False)
    return alt.X(f"{field}:Q", axis=None, scale=scale)


def _curve(table: pd.DataFrame, title: alt.TitleParams) -> alt.LayerChart | alt.FacetChart:
    rows = [
        {
            "rank": rank,
            "value": row["difference"],
            "low": None if math.isnan(row["low"]) else row["low"],
            "high": None if math.isnan(row["high"]) else row["high"],
            "clear": row["p"] <= ALPHA,
            "headline": bool(row["headline"]),
        }
        for rank, row in enumerate(records(table))
    ]
    base = alt.Chart(alt.InlineData(values=rows))
    x = _x(table, "rank")
    axis = alt.Axis(minExtent=MARGIN, tickCount=5)
    y = alt.Y("value:Q", title=None, axis=axis, scale=alt.Scale(zero=True))
    ends = {"y": alt.Y("low:Q", title=None, axis=axis), "y2": "high:Q"}
    headline = base.transform_filter("datum.headline")
    zero = base.mark_rule(color=SOFT, strokeWidth=0.6).encode(y=alt.datum(0))
    if len(rows) > MOST_DOTS:
        marks = [
            base.mark_area(color=BAND).encode(x=x, **ends),
            base.mark_line(color=INK, strokeWidth=1.6).encode(x=x, y=y),
        ]
    else:
        fill = alt.condition("datum.clear", alt.value(INK), alt.value("white"))
        marks = [
            base.mark_rule(color=SOFT, strokeWidth=0.9).encode(x=x, **ends),
            base.mark_point(size=20, stroke=INK, strokeWidth=1, opacity=1).encode(
                x=x, y=y, fill=fill
            ),
        ]
    return alt.layer(
        *marks,
        zero,
        headline.mark_rule(color=_SHADE, strokeDash=[3, 2], strokeWidth=0.7).encode(x=x),
        headline.mark_point(
            shape="diamond", size=90, stroke=_SHADE, fill="white", strokeWidth=1.6, opacity=1
        ).encode(x=x, y=y),
    ).properties(width=WIDTH, height=150, title=title)


def _choice(table: pd.DataFrame, choice: str, options: list[str]) -> alt.Chart:
    """A row of marks for each option: how many of the specifications in a bin choose it."""
    made = (table["p"] <= ALPHA).map({True: options[0]}) if choice == "p" else table[choice]
    count = min(len(table), MOST_DOTS)
    bins = (table.index.to_series() * count // len(table)).rename("bin")
    place = table.index.to_series()
    ends = pd.DataFrame({"from": place - 0.4, "to": place + 0.4}).groupby(bins)
    first, last = ends["from"].min().tolist(), ends["to"].max().tolist()
    rows = []
    for option in options:
        shares = (made == option).groupby(bins).mean().tolist()
        rows += [
            {"option": option, "from": start, "to": end, "share": share}
            for start, end, share in zip(first, last, shares, strict=True)
            if share > 0
        ]
    label = "" if choice == "p" else choice
    axis = alt.Axis(
        minExtent=MARGIN, labelLimit=MARGIN - 30, grid=True, ticks=False, titleAnchor="start"
    )
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(height={"band": 0.66}, color=INK)
        .encode(
            x=_x(table, "from"),
            x2="to:Q",
            y=alt.Y(
                "option:N",
                sort=options,
                title=label,
                axis=axis,
                scale=alt.Scale(domain=options),
            ),
            opacity=alt.Opacity(
                "share:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.05, 1])
            ),
        )
        .properties(width=WIDTH, height=alt.Step(11))
    )
    return chart
