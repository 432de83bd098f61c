"""The sections on written answers: what they are, and some of them side by side."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from analysis.classify.labels import LEAST_PROBABILITY
from analysis.confusion_correction import CORRECTED, RAW
from analysis.rate_correction import POWERED
from analysis.rate_correction import notes as correction_notes
from reports import charts, fonts, panels, safe_text
from reports.document import (
    Answer,
    Bullets,
    Cell,
    Column,
    Exchange,
    Figure,
    Paragraph,
    Passage,
    Section,
    Table,
)
from reports.figures import UNDEFINED, interval, percent
from reports.labels import ALL, topic_name
from reports.records import records

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study import Study
    from analysis.tables import Tables
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row

KINDS = {"open": "open questions", "task": "scenarios"}
ENDINGS = {
    "length": "stopped at the length limit",
    "loop": "repeats itself",
    "empty": "empty",
    "error": "error",
}
RATES = {POWERED: "by people’s\nlabels", CORRECTED: "corrected", RAW: "worst case"}
"""What the second line of a model is called, by how it was got."""

PROMPT_LENGTH, PROMPT_LINES = 700, 10
ANSWER_LENGTH, ANSWER_LINES = 560, 14
EXCHANGES = 12
FEWEST = 5


def outcomes(study: Study, labels: Labels) -> Section:
    """Shares of outcomes by model and language, for each kind of question."""
    title = "Open responses: outcomes"
    if study.outcomes.empty:
        return Section(
            title, (Paragraph("No open questions were asked, or their answers are not labelled."),)
        )
    blocks: list[Block] = [
        Paragraph(
            "Every written answer was put into one of six classes by an automatic classifier: it "
            "takes the pro or the con side, gives both, deflects, refuses, or is degenerate "
            "(empty, a loop, an echo of the question, or no text that can be read). Classifiers "
            "err: where it can be told by how much, a second line says what the rates are with "
            "its errors considered."
        )
    ]
    names = {ALL: "All languages"} | labels.languages
    for kind, called in KINDS.items():
        rows = study.outcomes[study.outcomes["kind"] == kind]
        if rows.empty:
            blocks.append(Paragraph(f"No {called} were asked."))
            continue
        blocks.append(
            _shares(study, kind, labels, f"Outcomes of answers to {called} over all languages")
        )
        if rows.loc[rows["language"] != ALL, "total"].max() < FEWEST:
            blocks.append(
                Paragraph(f"Too few {called} were asked to show each language by itself.")
            )
            continue
        blocks.append(
            Figure(
                panels.svg(charts.outcome_shares(rows, labels.models, names)),
                f"Outcomes of answers to {called}, by model and language, as labelled.",
                f"Stacked bars of outcome shares for answers to {called}; the shares over all "
                "languages are in the table before.",
            )
        )
    if len(study.corrected):
        said = (*correction_notes(study.corrected), "doxa export has the rates of each language.")
        blocks.append(Bullets(said, small=True))
    return Section(title, tuple(blocks))


def _shares(study: Study, kind: str, labels: Labels, caption: str) -> Table:
    asked = list(charts.outcomes_in(study.outcomes[study.outcomes["kind"] == kind]))
    labelled = _over_all(study.outcomes, kind)
    corrected = _over_all(study.corrected, kind) if len(study.corrected) else {}
    lines: list[tuple[Cell, ...]] = []
    for model, name in labels.models.items():
        first = [labelled.get((model, outcome)) for outcome in asked]
        second = [corrected.get((model, outcome)) for outcome in asked]
        total = next((row["total"] for row in first if row is not None), 0)
        method = _method(second)
        deep = 2 if method else 1
        head = (Cell(name, "strong", deep), Cell(f"{total:,}", rows=deep), Cell("as labelled"))
        lines.append((*head, *(_share(row, "rate") for row in first)))
        if method:
            same = [row if row and row["method"] == method else None for row in second]
            lines.append((Cell(RATES[method]), *(_share(row, "corrected") for row in same)))
    return Table(
        f"{caption}, with 95% intervals",
        (
            Column("Model", 1),
            Column("Written", right=True),
            Column("Rates"),
            *(Column(outcome.capitalize(), right=True) for outcome in asked),
        ),
        tuple(lines),
    )


def _over_all(rows: pd.DataFrame, kind: str) -> dict[tuple[str, str], Row]:
    whole = rows[(rows["kind"] == kind) & (rows["language"] == ALL)]
    return {(row["model"], row["outcome"]): row for row in records(whole)}


def _method(rows: list[Row | None]) -> str:
    """How the second line was got; empty where it would say nothing."""
    shown = [row for row in rows if row is not None and not math.isnan(row["low"])]
    told = {row["method"] for row in shown if row["low"] > 0 or row["high"] < 1}
    return next((method for method in RATES if method in told), "")


def _share(row: Row | None, rate: str) -> Cell:
    """A rate over its interval; the interval alone where there is no rate."""
    if row is None or math.isnan(row["low"]):
        return Cell(UNDEFINED, "muted")
    bounds = interval(100 * row["low"], 100 * row["high"], 0)
    return Cell(bounds if math.isnan(row[rate]) else f"{percent(row[rate])}\n{bounds}")


def side_by_side(tables: Tables, labels: Labels) -> Section:
    """Some prompts in their own script with each model's answer, a different topic a language."""
    title = "Responses side by side"
    opened = tables.opened
    if opened.empty:
        return Section(
            title, (Paragraph("No open questions were asked, so there is no text to show."),)
        )
    exchanges = [
        _exchange(opened, labels, language, item) for language, item in _selection(opened, labels)
    ]
    return Section(
        title,
        (
            Paragraph(
                "Word for word what the models wrote, without any correction; one topic after the "
                "other, one language after the other, not chosen for what they say. Long answers "
                "are cut, and the cut is marked; the run file holds all of them."
            ),
            *exchanges,
        ),
    )


def _selection(opened: pd.DataFrame, labels: Labels) -> list[tuple[str, str]]:
    """Pairs of language and item: open questions in turn, then one scenario a domain."""
    chosen: list[tuple[str, str]] = []
    rounds = 1 if len(labels.languages) > 3 else 2
    for turn in range(rounds):
        for place, language in enumerate(labels.languages):
            items = _items(opened, language, "open")
            if items:
                chosen.append(
                    (language, items[(turn * len(labels.languages) + place) % len(items)])
                )
    tasks = opened[opened["kind"] == "task"].drop_duplicates("domain")
    chosen += [(str(row.language), str(row.item)) for row in tasks.itertuples()]
    return list(dict.fromkeys(chosen))[:EXCHANGES]


def _items(opened: pd.DataFrame, language: str, kind: str) -> list[str]:
    """Items of a language, those that most models answered first, one a topic before a second."""
    own = opened[(opened["language"] == language) & (opened["kind"] == kind)]
    asked = own.groupby(["topic", "item"])["model"].nunique().reset_index(name="models")
    asked["turn"] = asked.groupby("topic").cumcount()
    asked = asked.sort_values(
        ["models", "turn", "topic", "item"], ascending=[False, True, True, True]
    )
    return [str(item) for item in asked["item"]]


def _exchange(opened: pd.DataFrame, labels: Labels, language: str, item: str) -> Exchange:
    rows = opened[(opened["language"] == language) & (opened["item"] == item)]
    found = {row["model"]: row for row in reversed(records(rows))}
    first = rows.iloc[0]
    kind = "" if first["kind"] == "open" else f", scenario ({topic_name(first['domain']).lower()})"
    return Exchange(
        f"{labels.languages[language]} · {topic_name(str(first['topic']))}{kind}",
        passage(str(first["prompt"]).strip(), language, PROMPT_LENGTH, PROMPT_LINES),
        tuple(
            _answer(name, found[model], language)
            if model in found
            else Answer(name, "not asked", passage("", language, ANSWER_LENGTH, ANSWER_LINES))
            for model, name in labels.models.items()
        ),
    )


def _answer(name: str, row: Row, language: str) -> Answer:
    text = row["text"].strip() if isinstance(row["text"], str) else ""
    remarks = []
    if isinstance(row.get("outcome"), str):
        called = charts.OUTCOMES.get(row["outcome"], (row["outcome"], ""))[0]
        doubtful = row.get(f"prob_{row['outcome']}", 1) < LEAST_PROBABILITY
        remarks.append(called + " (uncertain)" * doubtful)
    if row["ending"] in ENDINGS:
        remarks.append(ENDINGS[row["ending"]])
    written = row.get("response_language")
    return Answer(
        name,
        "; ".join(remarks),
        passage(
            text or "(no text)",
            written if isinstance(written, str) and written else language,
            ANSWER_LENGTH,
            ANSWER_LINES,
        ),
    )


def passage(text: str, language: str, length: int, lines: int) -> Passage:
    """Text made ready for print in its language: safe, cut where too long, with its direction.

    Args:
        text: as it was asked or answered.
        language: its language's tag; anything that is no tag counts as undetermined.
        length: most columns to keep, a wide character being two.
        lines: most lines to keep.
    """
    start, missing = safe_text.cut(re.sub(r"\n{3,}", "\n\n", text), length, lines)
    shown = safe_text.for_print(start, fonts.covered())
    if missing:
        shown += f" [… {missing:,} more characters]"
    tag = language if re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]{2,4})?", language) else "und"
    return Passage(shown, tag, safe_text.direction(start), fonts.families(tag))
