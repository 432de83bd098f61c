"""Charts of a study as Altair specifications.

Dots are estimates and lines their intervals; a filled dot's interval leaves out zero. What is not
measurable is a grey field that says so, never a zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import altair as alt

from reports.panels import (
    GAP,
    PANELS,
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

OUTCOMES: dict[str, tuple[str, str]] = {
    "pro": ("takes the pro side", "#2c6fa6"),
    "both": ("gives both sides", "#a3c4dc"),
    "con": ("takes the con side", "#cf6f2e"),
    "answers": ("answers a question without sides", "#7b8f63"),
    "deflects": ("deflects", "#d9c7a3"),
    "refuses": ("refuses", "#6d6a75"),
    "degenerate": ("degenerate", "#e2e2e6"),
}
"""What each outcome is called and its colour: told apart by people with any colour vision, and
by lightness in grey print."""


def outcomes_in(outcomes: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Name and colour of the outcomes to show: ``answers`` only where a question had no poles.

    Args:
        outcomes: rows of ``Study.outcomes``.
    """
    there = set(outcomes["outcome"])
    return {key: shown for key, shown in OUTCOMES.items() if key != "answers" or key in there}


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
                "panel": heading(f"{names[row['a']]}", f"and {names[row['b']]}"),
                "row": titles[row[key]],
                "noise": noise if row["measurable"] else None,
            }
            | dot(row, "excess")
        )
    ends = finite(rows, ("value", "low", "high", "noise"))
    low, high = min([0.0, *ends]), max([0.02, *ends])
    margin = 0.04 * (high - low)
    return dots_in_panels(
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
        {"panel": heading(names[row["model"]]), "row": titles[row["topic"]], "noise": None}
        | dot(row, "stance")
        for row in records(stance)
    ]
    return dots_in_panels(
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
    named = outcomes_in(outcomes)
    order = list(named)
    rows = [
        {
            "panel": languages[row["language"]],
            "model": names[row["model"]],
            "outcome": named[row["outcome"]][0],
            "rank": order.index(row["outcome"]),
            "share": row["rate"],
        }
        for row in records(outcomes)
        if row["outcome"] in named and not math.isnan(row["rate"])
    ]
    shown = dict.fromkeys(row["panel"] for row in rows)
    panels = [name for name in languages.values() if name in shown]
    columns = min(PANELS, len(panels))
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(stroke="white", strokeWidth=0.6, height={"band": 0.74})
        .encode(
            x=alt.X(
                "share:Q",
                title=None,
                stack="zero",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", values=[0, 0.5, 1]),
            ),
            y=row_labels("model", list(names.values())),
            color=alt.Color(
                "outcome:N",
                title=None,
                sort=[name for name, _ in named.values()],
                scale=alt.Scale(
                    domain=[name for name, _ in named.values()],
                    range=[colour for _, colour in named.values()],
                ),
                legend=alt.Legend(orient="bottom", columns=3, symbolType="square", offset=10),
            ),
            order=alt.Order("rank:Q"),
        )
        .properties(width=panel_width(columns, names.values()), height=alt.Step(14))
    )
    return styled(bars.facet(panel_header(panels), columns=columns, spacing=GAP))
