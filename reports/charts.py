"""Charts of a study as Altair specifications, and as SVG without a browser or a network.

Dots are estimates and lines their intervals; a filled dot's interval leaves out zero. What is not
measurable is a grey field that says so, never a zero.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import vl_convert

from reports import fonts
from reports.records import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from reports.records import Row

Chart = alt.FacetChart | alt.VConcatChart

WIDTH = 480
LABELS = 140
GAP = 14
PANELS = 3
HEADING = 24
INK, SOFT, GRID, BAND, EMPTY = "#12355b", "#5b6770", "#e3e7eb", "#d4dbe2", "#f1f2f4"
OUTCOMES: dict[str, tuple[str, str]] = {
    "pro": ("takes the pro side", "#2c6fa6"),
    "both": ("gives both sides", "#a3c4dc"),
    "con": ("takes the con side", "#cf6f2e"),
    "deflects": ("deflects", "#d9c7a3"),
    "refuses": ("refuses", "#6d6a75"),
    "degenerate": ("degenerate", "#e2e2e6"),
}
"""What each outcome is called and its colour: told apart by people with any colour vision, and
by lightness in grey print."""


def svg(chart: Chart) -> str:
    """The chart as SVG text, drawn with the Noto fonts; nothing is fetched."""
    fonts.register_for_charts()
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    return str(
        vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=version, allowed_base_urls=[])
    )


def divergence_by(
    key: Literal["topic", "language"],
    divergence: pd.DataFrame,
    names: Mapping[str, str],
    titles: Mapping[str, str],
) -> Chart:
    """Excess divergence of each pair of models by topic or language, one panel a pair.

    The band runs from zero to the pair's mean noise floor: how much one model differs from itself
    when it is asked in other words.

    Args:
        key: the column that says which row of the chart a row of the table is.
        divergence: rows of ``Study.divergence``, one for each pair and value of ``key``.
        names: display name of each model id.
        titles: display name of each value of ``key``, in the order to show them.
    """
    rows = []
    for row in records(divergence):
        noise = (row["noise_a"] + row["noise_b"]) / 2
        rows.append(
            {
                "panel": _lines(f"{names[row['a']]}", f"and {names[row['b']]}"),
                "row": titles[row[key]],
                "noise": noise if row["measurable"] else None,
            }
            | _dot(row, "excess")
        )
    ends = _finite(rows, ("value", "low", "high", "noise"))
    low, high = min([0.0, *ends]), max([0.02, *ends])
    margin = 0.04 * (high - low)
    return _panels(
        rows,
        domain=(low - margin if low < 0 else 0.0, high + margin),
        order=list(dict.fromkeys(titles.values())),
        axis="excess divergence (bits)",
        ticks=None,
    )


def stance_by_topic(
    stance: pd.DataFrame, names: Mapping[str, str], titles: Mapping[str, str]
) -> Chart:
    """Stance of each model on each topic, from con (-1) to pro (+1), one panel a model.

    Args:
        stance: rows of ``Study.stance`` of one language, without topic ``all``.
        names: display name of each model id.
        titles: display name of each topic id, in the order to show them.
    """
    rows = [
        {"panel": _lines(names[row["model"]]), "row": titles[row["topic"]], "noise": None}
        | _dot(row, "stance")
        for row in records(stance)
    ]
    return _panels(
        rows,
        domain=(-1.0, 1.0),
        order=list(dict.fromkeys(titles.values())),
        axis="stance, from con to pro",
        ticks=[-1, 0, 1],
    )


def outcome_shares(
    outcomes: pd.DataFrame, names: Mapping[str, str], languages: Mapping[str, str]
) -> Chart:
    """Shares of what written answers are, one panel a language, one bar a model.

    Args:
        outcomes: rows of ``Study.outcomes`` of one kind of question.
        names: display name of each model id.
        languages: display name of each language code, in the order to show them.
    """
    order = list(OUTCOMES)
    rows = [
        {
            "panel": languages[row["language"]],
            "model": names[row["model"]],
            "outcome": OUTCOMES[row["outcome"]][0],
            "rank": order.index(row["outcome"]),
            "share": row["rate"],
        }
        for row in records(outcomes)
        if row["outcome"] in OUTCOMES and not math.isnan(row["rate"])
    ]
    shown = dict.fromkeys(row["panel"] for row in rows)
    panels = [name for name in languages.values() if name in shown]
    columns = min(PANELS, len(panels))
    bars = (
        alt.Chart(_inline(rows))
        .mark_bar(stroke="white", strokeWidth=0.6, height={"band": 0.74})
        .encode(
            x=alt.X(
                "share:Q",
                title=None,
                stack="zero",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", values=[0, 0.5, 1]),
            ),
            y=_labels("model", list(names.values())),
            color=alt.Color(
                "outcome:N",
                title=None,
                sort=[name for name, _ in OUTCOMES.values()],
                scale=alt.Scale(
                    domain=[name for name, _ in OUTCOMES.values()],
                    range=[colour for _, colour in OUTCOMES.values()],
                ),
                legend=alt.Legend(orient="bottom", columns=3, symbolType="square", offset=10),
            ),
            order=alt.Order("rank:Q"),
        )
        .properties(width=_panel_width(columns, names.values()), height=alt.Step(14))
    )
    return _styled(bars.facet(_header(panels), columns=columns, spacing=GAP))


def _dot(row: Row, value: str) -> dict[str, object]:
    if not row["measurable"] or math.isnan(row[value]):
        return {"value": None, "low": None, "high": None, "clear": False}
    known = not (math.isnan(row["low"]) or math.isnan(row["high"]))
    return {
        "value": row[value],
        "low": row["low"] if known else None,
        "high": row["high"] if known else None,
        "clear": known and (row["low"] > 0 or row["high"] < 0),
    }


def _lines(*parts: str) -> str:
    return "\n".join(line for part in parts for line in textwrap.wrap(part, HEADING))


def _finite(rows: Sequence[Mapping[str, Any]], keys: Iterable[str]) -> list[float]:
    return [float(row[key]) for row in rows for key in keys if row[key] is not None]


def _panels(
    rows: Sequence[dict[str, Any]],
    *,
    domain: tuple[float, float],
    order: list[str],
    axis: str,
    ticks: list[float] | None,
) -> Chart:
    low, high = domain
    for row in rows:
        row["empty"] = row["value"] is None
    panels = list(dict.fromkeys(str(row["panel"]) for row in rows))
    columns = min(PANELS, len(panels))
    bare = alt.Chart()
    base = bare.encode(y=_labels("row", order))
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
    chart = alt.layer(*layers, data=_inline(rows)).properties(
        width=_panel_width(columns, order), height=alt.Step(15 if len(order) <= 30 else 12)
    )
    return _styled(chart.facet(_header(panels), columns=columns, spacing=GAP))


def _room(labels: Iterable[str]) -> float:
    """Points that the longest row label needs."""
    return min(LABELS, 8 + 4.2 * max(map(len, labels), default=0))


def _panel_width(columns: int, labels: Iterable[str]) -> float:
    return (WIDTH - _room(labels) - GAP * (columns - 1)) / columns


def _labels(field: str, order: list[str]) -> alt.Y:
    room = _room(order)
    axis = alt.Axis(minExtent=room, maxExtent=room, labelLimit=room - 4, grid=False, ticks=False)
    return alt.Y(f"{field}:N", title=None, sort=order, axis=axis, scale=alt.Scale(domain=order))


def _header(panels: list[str]) -> alt.Facet:
    return alt.Facet(
        "panel:N",
        title=None,
        sort=panels,
        header=alt.Header(
            labelExpr="split(datum.label, '\\n')", labelAnchor="start", labelLimit=160
        ),
    )


def _inline(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=[dict(row) for row in rows])


def _styled(chart: Chart) -> Chart:
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
