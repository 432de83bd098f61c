"""The table of reliability gates: which model passed which, in which language."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reports.document import Cell, Column, Paragraph, Table
from reports.figures import number
from reports.records import in_order, records

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study import Study
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row

GATES = {
    "coverage": "Coverage",
    "order": "Order",
    "negation": "Negation",
    "paraphrase": "Paraphrase",
    "controls": "Controls",
}


def gates(study: Study, labels: Labels) -> list[Block]:
    """Which model passed which reliability gate in which language."""
    if study.gates.empty:
        return [Paragraph("Nothing was scored, so there are no gates to pass.")]
    found = study.gates
    columns = [gate for gate in in_order(found["gate"]) if gate in GATES] or in_order(found["gate"])
    by_place: dict[tuple[str, str, str], Row] = {
        (row["model"], row["language"], row["gate"]): row for row in records(found)
    }
    verdicts: dict[tuple[str, str], Row] = {
        (row["model"], row["language"]): row for row in records(study.measurable)
    }
    rows = []
    for model, name in labels.models.items():
        asked = [language for language in labels.languages if (model, language) in verdicts]
        for place, language in enumerate(asked):
            judged = [_gate(by_place.get((model, language, gate))) for gate in columns]
            good = verdicts[model, language]["measurable"]
            outcome = Cell("measurable") if good else Cell("not measurable", "fail")
            line = (Cell(labels.languages[language]), *judged, outcome)
            rows.append(line if place else (Cell(name, "strong", len(asked)), *line))
    return [
        Table(
            "Reliability gates: value, and whether it passes",
            (
                Column("Model", 1.5),
                Column("Language"),
                *(Column(_gate_title(study.gates, gate), right=True) for gate in columns),
                Column("Verdict", right=True),
            ),
            tuple(rows),
        ),
    ]


def engine_noise(study: Study, labels: Labels) -> list[Block]:
    """How far the numbers of each model are from those of one full prefill a prompt."""
    rows = tuple(
        (
            Cell(labels.models[row["model"]], "strong"),
            Cell(f"{row['cells']}"),
            *(
                Cell(number(row[name], 4))
                for name in ("kl_mean", "kl_most", "stance_mean", "stance_most")
            ),
        )
        for row in records(study.engine_noise)
    )
    if not rows:
        return []
    return [
        Table(
            "Engine noise: the same prompts asked fast and asked one full prefill at a time",
            (
                Column("Model", 1.5),
                Column("Prompts", right=True),
                Column("KL, nats:\nmean", right=True),
                Column("largest", right=True),
                Column("Stance moved:\nmean", right=True),
                Column("largest", right=True),
            ),
            rows,
        ),
        Paragraph(
            "What the engine adds to a number by sharing computation between prompts. It is to be "
            "held against the noise floor, which is what wording adds."
        ),
    ]


def _gate_title(found: pd.DataFrame, gate: str) -> str:
    thresholds = found.loc[found["gate"] == gate, "threshold"].dropna().unique()
    name = GATES.get(gate, gate)
    return f"{name}\n(from {number(thresholds[0])})" if len(thresholds) == 1 else name


def _gate(row: Row | None) -> Cell:
    if row is None or math.isnan(row["value"]):
        return Cell("not judged", "muted")
    if row["passed"]:
        return Cell(f"{number(row['value'])} pass")
    return Cell(f"{number(row['value'])} fail", "fail")
