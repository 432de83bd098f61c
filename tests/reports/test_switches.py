"""The section on responses in another language."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reports import content, switches
from reports.document import Paragraph, Section, Table
from reports.labels import labels as labels_of

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables


def section(study: Study) -> Section | None:
    """The section of a study."""
    return switches.switches(study, labels_of(study, {}))


def test_it_is_in_the_report(made_up: tuple[Tables, Study, Exploration]) -> None:
    """Beside the outcomes of written answers."""
    titles = [part.title for part in content.document(*made_up).sections]
    assert "Answers in another language" in titles


def test_rates_come_with_counts_and_interval(study: Study) -> None:
    """A row by model and kind over all languages, and one where a model changed the language."""
    part = section(study)
    assert part is not None
    whole, single = (block for block in part.blocks if isinstance(block, Table))
    rows = study.switches[study.switches["language"] == "all"].to_dict("records")
    for row, line in zip(rows, whole.rows, strict=True):
        cells = [cell.text for cell in line]
        assert cells[-5:] == [
            f"{row['total']:,}",
            str(row["n"]),
            f"{100 * row['rate']:.0f}%",
            f"{100 * row['low']:.0f}% to {100 * row['high']:.0f}%",
            "English" if row["mostly"] else "",
        ]
    changed = study.switches[(study.switches["language"] != "all") & (study.switches["n"] > 0)]
    assert len(single.rows) == len(changed)
    asked = {cell.text for line in single.rows for cell in line}
    assert "Hindi" in asked
    assert "all" not in asked


def test_no_change_is_a_sentence(study: Study) -> None:
    """Rates of zero keep their interval; the table by language has no rows to show."""
    none = study.switches.assign(n=0, rate=0.0, low=0.0, mostly="")
    part = section(replace(study, switches=none))
    assert part is not None
    (table,) = [block for block in part.blocks if isinstance(block, Table)]
    assert any(cell.text.startswith("0% to ") for cell in table.rows[0])
    last = part.blocks[-1]
    assert isinstance(last, Paragraph)
    assert last.text == "In none of the eight languages did a model change to another."


def test_without_written_answers_there_is_no_section(study: Study) -> None:
    """Nothing to show."""
    assert section(replace(study, switches=study.switches.iloc[:0])) is None
