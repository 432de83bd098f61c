"""The section on the choices of analysis: the headline difference under each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports import panels
from reports.document import Bullets, Cell, Column, Figure, Paragraph, Section, Table
from reports.figures import number
from reports.multiverse_chart import MOST_DOTS, specification_curve
from reports.parts import NOT_MEASURABLE
from reports.records import grouped, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analysis.multiverse import Multiverse
    from analysis.study import Study
    from reports.document import Block
    from reports.labels import Labels
    from reports.records import Row

CHOSEN_PAIR = (
    "The pair was chosen because it is the widest of {pairs}; the p-values of this section are "
    "not corrected for that choice."
)

DOTS = "A filled dot has p of 0.05 or less, uncorrected."
CURVE = "A mark is the darker, the more of the specifications beside one another choose so."


def multiverse(study: Study, labels: Labels) -> Section | None:
    """The widest measurable pair under every choice; None where there are no two models."""
    if len(study.models) < 2 or study.divergence.empty:
        return None
    title = "How much hangs on the choices"
    found = study.multiverse
    if found is None:
        why = "No pair of models is measurable, so there is no headline difference to vary."
        return Section(title, (Paragraph(why),))
    names = labels.models
    blocks: list[Block] = [
        Paragraph(
            "There is more than one sound way to ask and to count: with or without a way out, in "
            "one order of the options or both, declined answers left out or taken as either pole. "
            "Each combination is a specification. Here the difference in stance over all topics, "
            f"{names[found.a]} minus {names[found.b]}, is computed under all of them. Two models "
            "can diverge and still have equal stances on average: this section is on the average."
        ),
        Paragraph(labels.named(found.summary)),
    ]
    if drawn := int(found.table["difference"].notna().sum()):
        blocks.append(
            Figure(
                panels.svg(specification_curve(found, names)),
                "Every specification by the size of its difference, with 95% intervals; below, "
                "what each one chooses. The dashed line and the diamond are the headline. "
                + (CURVE if drawn > MOST_DOTS else DOTS),
                "Specification curve of the difference in stance; what each choice comes to is in "
                "the table after it.",
            )
        )
    if len(found.options):
        blocks.append(_options(found))
    pairs = study.divergence[["a", "b"]].drop_duplicates()
    chosen = [CHOSEN_PAIR.format(pairs=len(pairs))] if len(pairs) > 1 else []
    blocks.append(Bullets((*map(labels.named, found.notes), *chosen), small=True))
    return Section(title, tuple(blocks))


def _options(found: Multiverse) -> Table:
    return Table(
        "The difference by what is chosen",
        (
            Column("Choice"),
            Column("Option", 1),
            Column("Specifi-\ncations", right=True),
            Column("Median\ndifference", right=True),
            Column("Least\nto most", right=True),
            Column("With the\nheadline’s sign", right=True),
            Column("and with p\nof ≤ 0.05", right=True),
        ),
        tuple(_rows(found)),
    )


def _rows(found: Multiverse) -> Iterator[tuple[Cell, ...]]:
    for (choice,), rows in grouped(found.options, "choice").items():
        for place, row in enumerate(records(rows)):
            line = (Cell(row["option"]), *_numbers(row))
            yield line if place else (Cell(choice, "strong", len(rows)), *line)


def _numbers(row: Row) -> tuple[Cell, ...]:
    blank = Cell("", "muted")
    if not row["measured"]:
        return (Cell("0"), NOT_MEASURABLE, blank, blank, blank)
    return (
        Cell(f"{row['measured']:,}"),
        Cell(number(row["median"], signed=True)),
        Cell(f"{number(row['least'], signed=True)} to {number(row['most'], signed=True)}"),
        Cell(f"{row['same_sign']:,}"),
        Cell(f"{row['significant']:,}"),
    )
