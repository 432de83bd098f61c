"""Rows of tables as dictionaries, as sentences and cells need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


def records(frame: pd.DataFrame) -> list[Row]:
    """The rows of a table, from the first on."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def largest(frame: pd.DataFrame, column: str) -> Row | None:
    """The row with the largest number in a column, the first of equals; None without rows."""
    ordered = frame.sort_values(column, ascending=False, kind="stable", na_position="last")
    return next(iter(records(ordered.head(1))), None)


def in_order(column: pd.Series[Any]) -> list[str]:
    """The values of a column in the order in which they first come."""
    return [str(value) for value in column.drop_duplicates()]


def grouped(frame: pd.DataFrame, *columns: str) -> dict[tuple[str, ...], pd.DataFrame]:
    """The rows by the values of some columns, in the order in which those first come."""
    groups: dict[tuple[str, ...], pd.DataFrame] = {}
    for values, rows in frame.groupby(list(columns), sort=False):
        key = values if isinstance(values, tuple) else (values,)
        groups[tuple(map(str, key))] = rows
    return groups
