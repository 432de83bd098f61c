"""The section on the choices of analysis."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from reports import content, multiverse
from reports.document import Bullets, Document, Figure, Paragraph, Section, Table
from reports.figures import number
from reports.labels import labels as labels_of

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables

TITLE = "How much hangs on the choices"


def section(study: Study) -> Section | None:
    """The section of a study."""
    return multiverse.multiverse(study, labels_of(study, {}))


def test_it_is_in_the_report(made_up: tuple[Tables, Study, Exploration]) -> None:
    """After the stances, before what explains them."""
    whole: Document = content.document(*made_up)
    titles = [part.title for part in whole.sections]
    assert titles.index("Divergence by topic") < titles.index(TITLE)
    assert titles.index(TITLE) < titles.index("What the answers vary by")


def test_sentence_picture_table_and_notes(study: Study) -> None:
    """All four are there, with names in place of ids, and the sentence says the table's numbers."""
    part = section(study)
    assert part is not None
    assert [type(block) for block in part.blocks] == [Paragraph, Paragraph, Figure, Table, Bullets]
    _, said, figure, table, notes = part.blocks
    assert isinstance(said, Paragraph)
    assert isinstance(figure, Figure)
    assert isinstance(table, Table)
    assert isinstance(notes, Bullets)
    found = study.multiverse
    assert found is not None
    assert "SmolLM2 135M Instruct minus Gemma 3 270M" in said.text
    assert f"{found.same_sign} ({found.same_sign / len(found.table):.0%})" in said.text
    assert figure.svg.startswith("<svg")
    assert list(notes.items[:-1]) == found.notes
    assert "widest of 3" in notes.items[-1]
    assert len(table.rows) == len(found.options)


def test_numbers_of_each_option_are_in_the_table(study: Study) -> None:
    """Median, ends and counts; the choice stands before the first of its options."""
    part, found = section(study), study.multiverse
    assert part is not None
    assert found is not None
    (table,) = [block for block in part.blocks if isinstance(block, Table)]
    for row, line in zip(found.options.to_dict("records"), table.rows, strict=True):
        cells = [cell.text for cell in line]
        assert cells[-6:-3] == [
            row["option"],
            str(row["measured"]),
            number(row["median"], signed=True),
        ]
        assert cells[-2:] == [str(row["same_sign"]), str(row["significant"])]
    spans = [(line[0].text, line[0].rows) for line in table.rows if len(line) == 7]
    assert spans == [
        (choice, len(rows)) for choice, rows in found.options.groupby("choice", sort=False)
    ]


def test_what_cannot_be_measured_has_no_number(study: Study) -> None:
    """An option without a measured specification says so; without any there is no picture."""
    found = study.multiverse
    assert found is not None
    options, table = found.options.copy(), found.table.copy()
    options.loc[1, ["measured", "same_sign", "significant"]] = 0
    options.loc[1, ["median", "least", "most"]] = float("nan")
    table[["difference", "low", "high", "p"]] = float("nan")
    part = section(replace(study, multiverse=replace(found, options=options, table=table)))
    assert part is not None
    assert not [block for block in part.blocks if isinstance(block, Figure)]
    (shown,) = [block for block in part.blocks if isinstance(block, Table)]
    cells = [cell.text for cell in shown.rows[1]]
    assert "not measurable" in cells
    assert not [text for text in cells if "nan" in text or text == "0.00"]


def test_without_a_measurable_pair_it_says_so(study: Study) -> None:
    """A sentence instead of a figure."""
    part = section(replace(study, multiverse=None))
    assert part is not None
    (said,) = part.blocks
    assert isinstance(said, Paragraph)
    assert "No pair of models is measurable" in said.text


@pytest.mark.parametrize("what", ["one model", "nothing scored"])
def test_without_a_pair_there_is_no_section(study: Study, what: str) -> None:
    """One model, or nothing that was scored."""
    if what == "one model":
        fewer = replace(study, models=study.models.iloc[:1], multiverse=None)
    else:
        fewer = replace(study, divergence=study.divergence.iloc[:0], multiverse=None)
    assert section(fewer) is None


def test_one_pair_was_not_chosen(study: Study) -> None:
    """With two models there is no choice of pair to warn of."""
    found = study.multiverse
    assert found is not None
    own = study.divergence["a"].eq(found.a) & study.divergence["b"].eq(found.b)
    part = section(replace(study, divergence=study.divergence[own]))
    assert part is not None
    assert not any(
        "widest" in item
        for block in part.blocks
        if isinstance(block, Bullets)
        for item in block.items
    )


def test_many_specifications_are_explained_as_a_curve(study: Study) -> None:
    """The words under the picture are those of what is drawn: dots, or a line with shaded marks."""
    found = study.multiverse
    assert found is not None
    many = replace(found, table=pd.concat([found.table] * 20, ignore_index=True))
    for varied, word in ((found, "filled dot"), (many, "darker")):
        part = section(replace(study, multiverse=varied))
        assert part is not None
        (figure,) = [block for block in part.blocks if isinstance(block, Figure)]
        assert word in figure.caption
