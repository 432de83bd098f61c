"""Models against national publics as pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import altair as alt

from reports.panels import (
    EMPTY,
    GAP,
    INK,
    PANELS,
    SOFT,
    dot,
    dots_in_panels,
    finite,
    heading,
    inline,
    panel_header,
    panel_width,
    row_labels,
    styled,
)
from reports.records import records

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from reports.panels import Chart

PUBLIC = "#8d979f"


def distance_to_publics(
    publics: pd.DataFrame, names: Mapping[str, str], titles: Mapping[str, str]
) -> Chart:
    """Distance of each model's stances to each public, one panel a model.

    A filled dot is a public that may be the nearest: the interval of its rank reaches the first.

    Args:
        publics: rows of ``HumanReference.publics`` of one survey and language.
        names: display name of each model id.
        titles: display name of each country code, in the order to show them.
    """
    rows = [
        {"panel": heading(names[row["model"]]), "row": titles[row["country"]], "noise": None}
        | dot(row, "distance")
        | {"clear": row["rank_low"] == 1}
        for row in records(publics)
    ]
    return dots_in_panels(
        rows,
        domain=(0.0, 1.04 * max([0.1, *finite(rows, ("value", "high"))])),
        order=list(dict.fromkeys(titles.values())),
        axis="distance of stances, 0 to 2",
        ticks=None,
    )


def stance_among_publics(
    items: pd.DataFrame,
    reference: pd.DataFrame,
    names: Mapping[str, str],
    titles: Mapping[str, str],
) -> Chart:
    """Stance of each model on the matching topics, among the means of all publics.

    Args:
        items: rows of ``HumanReference.items`` of one survey and language.
        reference: ``HumanReference.reference``.
        names: display name of each model id.
        titles: display name of each topic id, in the order to show them.
    """
    asked = records(items[items["topic"].isin(titles)])
    means = reference[reference["survey"].isin(items["survey"])]
    panels = list(dict.fromkeys(heading(names[row["model"]]) for row in asked))
    rows = [
        {"panel": panel, "row": titles[row["topic"]], "part": "public", "value": row["mean"]}
        for panel in panels
        for row in records(means[means["topic"].isin(titles)])
    ]
    for row in asked:
        own = dot(row, "stance")
        rows.append(
            {"panel": heading(names[row["model"]]), "row": titles[row["topic"]]}
            | {"part": "missing" if math.isnan(row["stance"]) else "model"}
            | own
        )
    order = [title for topic, title in titles.items() if topic in set(items["topic"])]
    columns = min(PANELS, len(panels))
    base = alt.Chart().encode(y=row_labels("row", order))
    x = alt.X(
        "value:Q",
        title="stance, from con to pro",
        scale=alt.Scale(domain=[-1, 1], nice=False),
        axis=alt.Axis(values=[-1, 0, 1]),
    )
    model = base.transform_filter("datum.part == 'model'")
    missing = base.transform_filter("datum.part == 'missing'")
    layers = [
        missing.mark_bar(color=EMPTY, height={"band": 0.9}).encode(
            x=alt.datum(-1), x2=alt.datum(1)
        ),
        alt.Chart().mark_rule(color=SOFT, strokeWidth=0.5).encode(x=alt.datum(0)),
        base.transform_filter("datum.part == 'public'")
        .mark_tick(color=PUBLIC, thickness=0.7, opacity=0.8, height=9)
        .encode(x=x),
        model.mark_rule(color=INK, strokeWidth=1.3).encode(x=alt.X("low:Q"), x2="high:Q"),
        model.mark_point(size=30, filled=True, color=INK, opacity=1).encode(x=x),
        missing.mark_text(
            text="not measurable",
            color="#4c555c",
            fontSize=6.5,
            fontStyle="italic",
            dy=-8,
            align="right",
        ).encode(x=alt.datum(0.98)),
    ]
    chart = alt.layer(*layers, data=inline(rows)).properties(
        width=panel_width(columns, order), height=alt.Step(24)
    )
    return styled(chart.facet(panel_header(panels), columns=columns, spacing=GAP))
