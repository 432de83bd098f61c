"""What charts share: panels of dots, headings, type and colours, and the way to SVG."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert

from reports import fonts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reports.records import Row

Chart = alt.FacetChart | alt.VConcatChart

WIDTH = 480
LABELS = 140
GAP = 14
PANELS = 3
HEADING = 24
INK, SOFT, GRID, BAND, EMPTY = "#12355b", "#5b6770", "#e3e7eb", "#d4dbe2", "#f1f2f4"


def svg(chart: Chart) -> str:
    """The chart as SVG text, drawn with the Noto fonts; nothing is fetched."""
    fonts.register_for_charts()
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    return str(
        vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=version, allowed_base_urls=[])
    )


def dot(row: Row, value: str) -> dict[str, object]:
    """A measured row's value, interval and whether that leaves out zero; None where undefined."""
    if not row["measurable"] or math.isnan(row[value]):
        return {"value": None, "low": None, "high": None, "clear": False}
    known = not (math.isnan(row["low"]) or math.isnan(row["high"]))
    return {
        "value": row[value],
        "low": row["low"] if known else None,
        "high": row["high"] if known else None,
        "clear": known and (row["low"] > 0 or row["high"] < 0),
    }


def heading(*parts: str) -> str:
    """A panel's heading, wrapped to its width; the parts begin lines of their own."""
    return "\n".join(line for part in parts for line in textwrap.wrap(part, HEADING))


def finite(rows: Sequence[Mapping[str, Any]], keys: Iterable[str]) -> list[float]:
    """The numbers of some columns, those that are there."""
    return [float(row[key]) for row in rows for key in keys if row[key] is not None]


def dots_in_panels(
    rows: Sequence[dict[str, Any]],
    *,
    domain: tuple[float, float],
    order: list[str],
    axis: str,
    ticks: list[float] | None,
) -> Chart:
    """Dots with intervals on a band, one row a value of ``row``, one panel a value of ``panel``.

    Args:
        rows: with ``panel, row, noise`` and what `dot` gives.
        domain: ends of the axis.
        order: of the rows.
        axis: its title.
        ticks: where they stand; chosen by the renderer if None.
    """
    low, high = domain
    for row in rows:
        row["empty"] = row["value"] is None
    panels = list(dict.fromkeys(str(row["panel"]) for row in rows))
    columns = min(PANELS, len(panels))
    bare = alt.Chart()
    base = bare.encode(y=row_labels("row", order))
    x = alt.X(
        "value:Q",
        title=axis,
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
        axis=alt.Axis(values=ticks) if ticks else alt.Axis(tickCount=4),
    )
    measured, missing = base.transform_filter("!datum.empty"), base.transform_filter("datum.empty")
    layers = [
        measured.transform_filter("isValid(datum.noise)")
        .mark_bar(color=BAND, height={"band": 0.62})
        .encode(x=alt.X("noise:Q", title=axis), x2=alt.datum(0)),
        bare.mark_rule(color=SOFT, strokeWidth=0.5).encode(x=alt.datum(0)),
        missing.mark_bar(color=EMPTY, height={"band": 0.78}).encode(
            x=alt.datum(low), x2=alt.datum(high)
        ),
        missing.mark_text(
            text="not measurable", color="#7b848c", fontSize=6.5, fontStyle="italic"
        ).encode(x=alt.datum((low + high) / 2)),
        measured.mark_rule(color=INK, strokeWidth=1.3).encode(x=alt.X("low:Q"), x2="high:Q"),
        measured.mark_point(size=26, strokeWidth=1.2, opacity=1, stroke=INK).encode(
            x=x, fill=alt.condition("datum.clear", alt.value(INK), alt.value("white"))
        ),
    ]
    chart = alt.layer(*layers, data=inline(rows)).properties(
        width=panel_width(columns, order), height=alt.Step(15 if len(order) <= 30 else 12)
    )
    return styled(chart.facet(panel_header(panels), columns=columns, spacing=GAP))


def _room(labels: Iterable[str]) -> float:
    """Points that the longest row label needs."""
    return min(LABELS, 8 + 4.2 * max(map(len, labels), default=0))


def panel_width(columns: int, labels: Iterable[str]) -> float:
    """Points that each of the panels beside one another has, the row labels taken off."""
    return (WIDTH - _room(labels) - GAP * (columns - 1)) / columns


def row_labels(field: str, order: list[str]) -> alt.Y:
    """The axis of row labels, in an order."""
    room = _room(order)
    axis = alt.Axis(minExtent=room, maxExtent=room, labelLimit=room - 4, grid=False, ticks=False)
    return alt.Y(f"{field}:N", title=None, sort=order, axis=axis, scale=alt.Scale(domain=order))


def panel_header(panels: list[str]) -> alt.Facet:
    """Panels in an order, with their headings above them."""
    return alt.Facet(
        "panel:N",
        title=None,
        sort=panels,
        header=alt.Header(
            labelExpr="split(datum.label, '\\n')", labelAnchor="start", labelLimit=160
        ),
    )


def inline(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    """Rows as data that stand in the specification itself."""
    return alt.InlineData(values=[dict(row) for row in rows])


def styled(chart: Chart) -> Chart:
    """The chart in the report's type and colours."""
    families = ", ".join(fonts.families("en"))
    styled: Chart = (
        chart.configure(font=families, background="white", padding=2)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=7.5,
            titleFontSize=7.5,
            titleFontWeight=400,
            labelColor="#222222",
            titleColor=SOFT,
            gridColor=GRID,
            gridWidth=0.6,
            domain=False,
            tickColor=GRID,
            tickSize=3,
            labelPadding=4,
            titlePadding=6,
        )
        .configure_header(labelFontSize=8, labelFontWeight=600, labelColor=INK, labelPadding=4)
        .configure_legend(labelFontSize=7.5, labelColor="#222222", symbolSize=60)
    )
    return styled
