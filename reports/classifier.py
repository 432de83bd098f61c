"""The section on the classifier of written answers: what it is and how often it errs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.classify.labels import LEAST_PROBABILITY
from analysis.classify.measured import UNMEASURED
from reports import languages
from reports.document import Bullets, Cell, Column, Paragraph, Section, Table
from reports.figures import UNDEFINED, interval, listed, number, percent
from reports.judge_table import ALONE, NOTES, PAIRS, rater
from reports.records import records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from analysis.study import Study
    from reports.document import Block
    from reports.records import Row

TITLE = "The classifier"

GOOD = 0.80
"""The macro-F1 that a language should reach, as the model card sets it."""

HALF, GUESSED = 1 / 2, 1 / 3
MOST_NAMED = 4


def classifier(study: Study) -> Section | None:
    """What labelled the written answers, with its measured errors; None where nothing did."""
    if not study.classifier_name or study.classifier.empty:
        return None
    found = study.classifier.sort_values(
        "language", key=lambda codes: codes.map(languages.name), ignore_index=True
    )
    tested = found[found["reason"] == ""]
    if tested.empty:
        if not study.judges.empty:
            return Section(TITLE, tuple(_of_judges(study)))
        unknown = (found["reason"] == UNMEASURED).any()
        why = "" if unknown else "There are no test answers in the languages of this run. "
        return Section(
            TITLE,
            (
                Paragraph(
                    f"Written answers were labelled by {study.classifier_name}. {why}Its errors "
                    "were not measured, so nothing is known of how often its labels are wrong, "
                    "and no rate could be corrected for them."
                ),
            ),
        )
    blocks: list[Block] = [
        Paragraph(
            f"Written answers were labelled by {study.classifier_name}, which comes with doxa. "
            "Rules find what is empty, loops or cannot be read; trained models say how an answer "
            "responds, and which of a topic’s two poles it takes. It is held "
            "against answers in each language that were labelled by their writers and that it "
            "never learned from; they were written for this, many of them to be hard, so they are "
            "not a sample of what models say."
        ),
        _table(found),
        Bullets((*_doubts(tested), *_abstains(found), *_untested(found), *_legend()), small=True),
    ]
    return Section(TITLE, tuple(blocks))


def _of_judges(study: Study) -> Iterator[Block]:
    """What is known of judges, whose errors were not measured."""
    yield Paragraph(
        f"Written answers were labelled by {study.classifier_name}: language models that were "
        "asked, for every answer, which outcome describes it; where there are several, the "
        "majority says. Their errors were not measured, and no rate is corrected for them."
    )
    alone = study.judges["b"] == ""
    for rows, titles, caption in (
        (alone, ALONE, "Each judge by itself, with 95% intervals"),
        (~alone, PAIRS, "How far two raters agree, with 95% intervals"),
    ):
        if rows.any():
            yield _figures(study.judges[rows], titles, caption)
    yield Bullets(NOTES, small=True)


def _figures(figures: pd.DataFrame, titles: Mapping[str, str], caption: str) -> Table:
    lines = []
    for (language, a, b), rows in figures.groupby(["language", "a", "b"], sort=False):
        of = {row["measure"]: row for row in records(rows)}
        cells = [
            f"{number(row['value'])}\n{interval(row['low'], row['high'])}"
            for row in map(of.__getitem__, titles)
        ]
        raters = "\n".join(rater(str(name)) for name in (a, b) if name)
        n = str(rows["n"].iloc[0])
        name = Cell(languages.name(str(language)), "strong")
        lines.append((name, *map(Cell, (raters, n, *cells))))
    measures = [Column(title, right=True) for title in titles.values()]
    head = (Column("Language", 1), Column("Raters", 1), Column("n", right=True), *measures)
    return Table(caption, head, tuple(lines))


def _table(found: pd.DataFrame) -> Table:
    return Table(
        "The classifier on test answers, by language, with 95% intervals",
        (
            Column("Language", 1),
            Column("Test\nanswers", right=True),
            Column("Macro-F1", right=True),
            Column("Refusals\nfound", right=True),
            Column("Deflections\nfound", right=True),
            Column("Stance\nright", right=True),
            Column("Language\nseen", right=True),
            Column("Calibration\nerror", right=True),
        ),
        tuple(_line(row) for row in records(found)),
    )


def _line(row: Row) -> tuple[Cell, ...]:
    name = Cell(languages.name(row["language"]), "strong")
    if row["reason"]:
        none = (Cell("0", "muted"), Cell("not measured", "muted"))
        return (name, *none, *[Cell(UNDEFINED, "muted")] * 5)
    return (
        name,
        Cell(f"{row['n']:.0f}"),
        Cell(f"{number(row['macro_f1'])}\n{interval(row['low'], row['high'])}"),
        _share(row["refuses_recall"], row["refuses_n"]),
        _share(row["deflects_recall"], row["deflects_n"]),
        _share(row["stance_accuracy"], row["stance_n"]),
        _share(row["told_right"] / row["told"] if row["told"] else float("nan"), row["told"]),
        Cell(f"{number(row['calibration_error'])}\n({number(row['calibrated_error'])})"),
    )


def _share(share: float, n: float) -> Cell:
    return Cell(f"{percent(share)}\nof {n:.0f}") if n > 0 else Cell(UNDEFINED, "muted")


def _doubts(tested: pd.DataFrame) -> Iterator[str]:
    """Where it is not to be trusted, as far as the test answers show."""
    weak = tested["high"] < GOOD
    sentences = (
        (weak, f"Single labels are not to be trusted in {{}}: macro-F1 below {GOOD:.2f}."),
        (
            ~weak & (tested["macro_f1"] < GOOD),
            f"In {{}} the macro-F1 is not shown to reach {GOOD:.2f}.",
        ),
        (tested["refuses_recall"] < HALF, "It misses more refusals than it finds in {}."),
        (tested["deflects_recall"] < HALF, "It misses more deflections than it finds in {}."),
        (
            ~(tested["stance_low"] > GUESSED),
            "Which side an answer takes is not shown to be told better than by guessing in {}.",
        ),
    )
    for which, sentence in sentences:
        if which.any():
            names = [languages.name(code) for code in tested.loc[which, "language"]]
            every = which.all() and len(names) > MOST_NAMED
            yield sentence.format("every language tested" if every else listed(names))


def _abstains(found: pd.DataFrame) -> Iterator[str]:
    """How many labels of the run are too uncertain, and what remains is worth on test answers."""
    labelled, abstained = (found[name].sum() for name in ("labelled", "abstained"))
    kept, right = (found[name].sum() for name in ("kept", "kept_right"))
    if labelled and kept:
        yield (
            f"In this run {abstained:.0f} of {labelled:.0f} labels abstain: their outcome has a "
            f"probability under {LEAST_PROBABILITY:.2f}. They are counted as they were labelled. "
            f"Of the test answers whose label does not abstain, {percent(right / kept)} were right."
        )


def _untested(found: pd.DataFrame) -> Iterator[str]:
    missing = found[found["reason"] != ""]
    if len(missing):
        names = listed([languages.name(code) for code in missing["language"]])
        yield f"There are no test answers in {names}: errors were not measured there."


def _legend() -> Iterator[str]:
    yield (
        "Macro-F1 is the mean over outcomes. Stance: of the test answers that take one and are "
        "seen to answer. Calibration error: the mean gap between stated and true probability; in "
        "brackets what exact probabilities would show on as many answers."
    )
