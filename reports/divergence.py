"""The section on divergence: how far each pair of models is apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd

from analysis.rate_correction import notes as correction_notes
from reports import charts
from reports.document import Bullets, Cell, Column, Paragraph, Section, Table
from reports.figures import interval, number, p_value
from reports.labels import ALL
from reports.parts import NOT_MEASURABLE, paged, why_not
from reports.records import grouped, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.study import Study
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row

MOST_PAIRS = 6


def divergence(study: Study, labels: Labels) -> Section:
    """How far each pair of models is apart: overall, by topic and by language."""
    title = "Divergence by topic"
    if len(study.models) < 2:
        return Section(
            title, (Paragraph("One model was asked; divergence needs two models to compare."),)
        )
    if study.divergence.empty:
        return Section(
            title,
            (Paragraph("No scored questions were asked, so there is no divergence to report."),),
        )
    rows = study.divergence
    overall = rows[(rows["language"] == ALL) & (rows["topic"] == ALL)]
    shown = _widest(overall)
    chosen = pd.Series(list(zip(rows["a"], rows["b"], strict=True)), rows.index).isin(shown)
    topics = rows[chosen & (rows["language"] == ALL) & (rows["topic"] != ALL)]
    tongues = rows[chosen & (rows["language"] != ALL) & (rows["topic"] == ALL)]
    blocks: list[Block] = [
        Paragraph(
            "Excess divergence says by how many bits two models’ answers differ beyond what each "
            "differs from itself when the same question is put in other words. Zero is no more "
            "than wording noise; one would be opposite certainty on every question."
        ),
        *_headline(overall, labels, shown),
    ]
    elsewhere = correction_notes(study.corrected) if len(study.corrected) else []
    if said := [labels.named(note) for note in study.notes if note not in elsewhere]:
        blocks.append(Bullets(tuple(said), small=True))
    if len(overall) > len(shown):
        blocks.append(
            Paragraph(
                f"By topic and by language, the {len(shown)} pairs that are farthest apart follow; "
                f"doxa export writes all {len(overall)}."
            )
        )
    blocks += paged(
        lambda some, shown: charts.divergence_by("topic", some, labels.models, shown),
        topics,
        key="topic",
        names=labels.topics,
        panel=["a", "b"],
        caption="Excess divergence by topic, all languages together. Dots are estimates, lines "
        "95% intervals; a filled dot’s interval leaves out zero. The grey band is the noise floor.",
        alt="Dot plot of excess divergence by topic for each pair of models; its numbers are in "
        "the tables after it.",
    )
    blocks += _pair_tables("topic", topics, labels)
    if len(labels.languages) > 1:
        blocks += paged(
            lambda some, shown: charts.divergence_by("language", some, labels.models, shown),
            tongues,
            key="language",
            names=labels.languages,
            panel=["a", "b"],
            caption="Excess divergence by language, all topics together, drawn as above.",
            alt="Dot plot of excess divergence by language for each pair of models; its numbers "
            "are in the tables after it.",
        )
        blocks += _pair_tables("language", tongues, labels)
    return Section(title, tuple(blocks))


def _widest(overall: pd.DataFrame) -> list[tuple[str, str]]:
    """The pairs to show in full, in the order of the table: those with the largest excess."""
    far = overall.sort_values("excess", ascending=False, kind="stable", na_position="last")
    kept = far.head(MOST_PAIRS).sort_index()
    return list(zip(kept["a"], kept["b"], strict=True))


def _headline(
    overall: pd.DataFrame, labels: Labels, shown: list[tuple[str, str]]
) -> Iterator[Block]:
    yield Table(
        "Divergence of each pair of models over all topics and languages, in bits",
        (
            Column("Pair", 1),
            Column("Plain", right=True),
            Column("Noise floor\nof each", right=True),
            Column("Excess\n[95% interval]", right=True),
            Column("p,\nadjusted", right=True),
            Column("Smallest\ndetectable", right=True),
            Column("Families,\ncells", right=True),
        ),
        tuple(
            (Cell(labels.pair(row), "strong"), *_headline_numbers(row)) for row in records(overall)
        ),
    )
    said = [row for row in records(overall) if (row["a"], row["b"]) in shown]
    yield Bullets(tuple(_verdict(row, labels) for row in said))


def _verdict(row: Row, labels: Labels) -> str:
    whose = "" if row["measurable"] else f"{labels.pair(row)}: "
    return whose + labels.named(row["verdict"])


def _headline_numbers(row: Row) -> tuple[Cell, ...]:
    if not row["measurable"]:
        blank = Cell("", "muted")
        return (blank, blank, NOT_MEASURABLE, blank, blank, blank)
    return (
        Cell(number(row["plain"], 3)),
        Cell(f"{number(row['noise_a'], 3)}\n{number(row['noise_b'], 3)}"),
        Cell(f"{number(row['excess'], 3)}\n{interval(row['low'], row['high'], 3)}", "strong"),
        Cell(p_value(row["p_adjusted"])),
        Cell(number(row["detectable"], 3)),
        Cell(f"{row['families']:,}\n{row['cells']:,}"),
    )


def _pair_tables(
    key: Literal["topic", "language"], rows: pd.DataFrame, labels: Labels
) -> Iterator[Block]:
    names = labels.topics if key == "topic" else labels.languages
    for own in grouped(rows, "a", "b").values():
        found: dict[str, Row] = {row[key]: row for row in records(own)}
        pair = labels.pair(next(iter(found.values())))
        if not own["measurable"].any():
            continue  # the pair's verdict says so and why
        yield Table(
            f"{pair}: divergence by {key}, in bits",
            (
                Column(key.capitalize(), 1),
                Column("Plain", right=True),
                Column("Noise floor", right=True),
                Column("Excess", right=True),
                Column("95% interval", right=True),
                Column("p, adjusted", right=True),
                Column("Detectable", right=True),
                Column("Wasserstein", right=True),
            ),
            tuple(
                (Cell(name), *_pair_numbers(found[value]))
                for value, name in names.items()
                if value in found
            ),
        )
        yield from why_not(own, key, labels)


def _pair_numbers(row: Row) -> tuple[Cell, ...]:
    if not row["measurable"]:
        blank = Cell("", "muted")
        return (blank, blank, blank, NOT_MEASURABLE, blank, blank, blank)
    clear = row["low"] > 0 and row["p_adjusted"] < 0.05
    return (
        Cell(number(row["plain"], 3)),
        Cell(number((row["noise_a"] + row["noise_b"]) / 2, 3)),
        Cell(number(row["excess"], 3), "strong" if clear else "plain"),
        Cell(interval(row["low"], row["high"], 3)),
        Cell(p_value(row["p_adjusted"])),
        Cell(number(row["detectable"], 3)),
        Cell(number(row["wasserstein"], 3)),
    )
