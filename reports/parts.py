"""What several sections share: figures cut into pages, and why something is not measurable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import pandas as pd

from reports import panels
from reports.document import Bullets, Cell, Figure
from reports.figures import listed
from reports.records import grouped, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reports.labels import Labels

T = TypeVar("T")

NOT_MEASURABLE = Cell("not measurable", "muted")
ROWS_A_FIGURE = 38


def why_not(
    rows: pd.DataFrame, key: Literal["topic", "language"], labels: Labels, whose: str = ""
) -> Iterator[Bullets]:
    """Why numbers of a table are missing, once for each reason.

    Args:
        rows: a table with the columns ``measurable`` and ``reason``.
        key: the column that names a row.
        labels: display names.
        whose: a model to name, such as `` for Gemma 3 270M``.
    """
    names = labels.topics if key == "topic" else labels.languages
    missing = rows[(rows["reason"] != "") & rows[key].isin(names)]
    items = []
    for (reason,), some in grouped(missing, "reason").items():
        what = listed([names[value] for value in in_order(some[key])])
        items.append(f"Not measured in full{whose}: {what} ({labels.named(reason.rstrip('.'))}).")
    if items:
        yield Bullets(tuple(items), small=True)


def paged(
    draw: Callable[[pd.DataFrame, dict[str, str]], panels.Chart],
    rows: pd.DataFrame,
    *,
    key: str,
    names: dict[str, str],
    panel: list[str],
    caption: str,
    alt: str,
) -> Iterator[Figure]:
    """Pictures of at most a page, each with some of the panels and some of the rows.

    Where nothing is measurable there is no picture.

    Args:
        draw: makes a chart of some rows and the display names of their keys.
        rows: a table with a column ``measurable``.
        key: the column that says which row of the chart a row belongs to.
        names: display name of each key, in the order to show them.
        panel: the columns that say which panel a row belongs to.
        caption: what stands under each picture.
        alt: what each picture shows, in words.
    """
    group = pd.Series(
        list(rows[panel].itertuples(index=False, name=None)), rows.index, dtype=object
    )
    for shown in chunks(list(names), ROWS_A_FIGURE):
        deep = max(1, ROWS_A_FIGURE // (len(shown) + 4))
        for those in chunks(list(dict.fromkeys(group)), panels.PANELS * deep):
            some = rows[group.isin(those) & rows[key].isin(shown)]
            if some["measurable"].any():
                picture = draw(some, {value: names[value] for value in shown})
                yield Figure(panels.svg(picture), caption, alt)


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The values in runs of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
