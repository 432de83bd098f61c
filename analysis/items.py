"""Any table of answers as arrays of models × items, whatever its columns are called and typed.

Long tables have a row per answer, with a column each for who answered, what was asked and what
came back. Wide ones have a row per item and a column per model. Missing answers stay missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

SHOWN = 6
_WORDS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Columns:
    """What the columns of a long table are called.

    Attributes:
        model: the side that is compared; name another column, such as the language, to compare
            its values instead.
        item: what two answers must share to be a pair; several columns where one does not tell.
        outcome: what came back; several columns for a distribution.
        cluster: items that go together, such as the question that they are wordings of.
        by: a table of its own for each value of these.
    """

    model: str = "model"
    item: Sequence[str] = ("item",)
    outcome: Sequence[str] = ("outcome",)
    cluster: Sequence[str] = ()
    by: Sequence[str] = ()


@dataclass(frozen=True)
class Arranged:
    """Answers by model and item.

    Attributes:
        models: in order of appearance.
        answers: ``(models, items, C)``; NaN where there is none.
        clusters: ``(items,)`` codes from 0 on; each item is its own unless clusters are named.
        cells: ``(rows,)`` which of the models × items, counted in that order, each row answers.
    """

    models: list[Hashable]
    answers: Floats
    clusters: Codes
    cells: Codes


def names(columns: str | Sequence[str] | None) -> tuple[str, ...]:
    """One column or several, as several."""
    if columns is None:
        return ()
    return (columns,) if isinstance(columns, str) else tuple(columns)


def long_table(data: Any, columns: Columns) -> pd.DataFrame:
    """The table in its long form, without rows that name no model or item.

    Args:
        data: a DataFrame, or what makes one (a dictionary of columns, an array). It is taken for
            a wide one where it has no column for model and none for outcome; its items are then
            its rows, or what the column of items says.
        columns: what they are called.

    Raises:
        AnalysisError: some of the columns are missing, two have one name, or there is no row.
    """
    table = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
    _check_named_once(table)
    basic = [columns.model, *columns.item, *columns.outcome]
    grouping = [*columns.cluster, *columns.by]
    answers = {columns.model, *columns.outcome}
    if not answers & set(table.columns) and not grouping and len(columns.outcome) == 1:
        return _melted(table, columns)
    missing = [name for name in [*basic, *grouping] if name not in table.columns]
    if missing:
        raise AnalysisError(
            f"The table has no column {', '.join(missing)}; it has {listed(table.columns)}.",
            "Name the columns, as in model='name of the column'.",
        )
    if not len(table):
        raise AnalysisError(*_EMPTY)
    keys = [columns.model, *columns.item, *grouping]
    kept: pd.DataFrame = table.loc[table[keys].notna().all(axis=1)].reset_index(drop=True)
    return kept


def groups(table: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The parts of a table, each with the values that make it one."""
    if not by:
        yield {}, table
        return
    for values, part in table.groupby(list(by), observed=True, sort=False):
        yield dict(zip(by, values, strict=True)), part


def arrange(table: pd.DataFrame, values: Floats, columns: Columns, *, once: bool) -> Arranged:
    """Answers as an array.

    Args:
        table: from `long_table`.
        values: ``(rows, C)``, NaN where a row holds no answer.
        columns: of the table.
        once: answers of one model to one item must agree; else their mean is taken.

    Raises:
        AnalysisError: they do not agree, or an item is in two clusters.
    """
    model, models = pd.factorize(table[columns.model])
    item = _codes(table, columns.item)
    items = int(item.max(initial=-1)) + 1
    cell = model * items + item
    answered = ~np.isnan(values).any(axis=1)
    size = len(models) * items
    times = np.bincount(cell[answered], minlength=size).astype(float)
    result = np.full((size, values.shape[1]), np.nan)
    for k in range(values.shape[1]):
        total = np.bincount(cell[answered], weights=values[answered, k], minlength=size)
        np.divide(total, times, where=times > 0, out=result[:, k])
    if once:
        _check_once(table, values, result[cell], columns)
    return Arranged(
        models=list(models),
        answers=result.reshape(len(models), items, values.shape[1]),
        clusters=_clusters(table, item, items, columns),
        cells=cell,
    )


def yes_no(outcome: pd.Series[Any], positive: object = None) -> Floats:
    """Outcomes as 1, 0 and NaN.

    Args:
        outcome: booleans, 0 and 1 in any type, or, with ``positive``, anything.
        positive: the outcome that is 1, or a list of such; every other one is 0.

    Returns:
        ``(rows,)``; NaN where the outcome is missing.

    Raises:
        AnalysisError: there are other values than 0 and 1 and ``positive`` is not given, or no
            answer has an outcome that is ``positive``.
    """
    missing = outcome.isna().to_numpy(bool)
    given: pd.Series[Any] = outcome[~missing].astype(object)
    found = np.full(len(outcome), np.nan)
    if positive is not None:
        wanted = list(positive) if isinstance(positive, list | tuple | set) else [positive]
        found[~missing] = given.isin(wanted).to_numpy(float)
        if len(given) and not (found == 1).any():
            raise AnalysisError(
                f"No answer has the outcome {listed(wanted)}; there are {listed(given.unique())}.",
                "Name one of these as `positive`.",
            )
        return found
    spelt = given.map(lambda x: _WORDS.get(x.strip().lower(), x) if isinstance(x, str) else x)
    number = pd.to_numeric(spelt, errors="coerce").to_numpy(float)
    if not np.isin(number, [0.0, 1.0]).all():
        other = given[~np.isin(number, [0.0, 1.0])].unique()
        raise AnalysisError(
            f"Outcomes must be 0 and 1 here; there are also {listed(other)}.",
            "Name the outcome to count, as in positive='refuses', and the column that names the"
            " items, as in item='prompt'.",
        )
    found[~missing] = number
    return found


def numbers(outcome: pd.Series[Any]) -> Floats:
    """Outcomes as numbers, NaN where missing.

    Raises:
        AnalysisError: one is no finite number.
    """
    missing = outcome.isna().to_numpy(bool)
    given: pd.Series[Any] = outcome[~missing].astype(object)
    number = pd.to_numeric(given, errors="coerce").to_numpy(float)
    if not np.isfinite(number).all():
        raise AnalysisError(
            f"Outcomes must be numbers here; there are also"
            f" {listed(given[~np.isfinite(number)].unique())}.",
            "Give each outcome a number, or leave these rows empty.",
        )
    found = np.full(len(outcome), np.nan)
    found[~missing] = number
    return found


def listed(values: Any) -> str:
    """The first few, for a sentence."""
    texts = [str(value) for value in values]
    return ", ".join(texts[:SHOWN]) + (", …" if len(texts) > SHOWN else "") or "nothing"


_EMPTY = "The table is empty.", "Give it a row per item or per answer."


def _check_named_once(table: pd.DataFrame) -> None:
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise AnalysisError(
            f"Several columns of the table are called {listed(twice.unique())}.",
            "Give each column a name of its own.",
        )


def _melted(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    if not len(table.columns) or not len(table):
        raise AnalysisError(*_EMPTY)
    own = [name for name in columns.item if name in table.columns]
    wide = table.reset_index(drop=True).astype(object)
    if own:
        if own != list(columns.item):
            raise AnalysisError(
                f"The table has no column {listed(set(columns.item) - set(own))}.",
                "Name only columns that it has as items.",
            )
        return wide.melt(id_vars=own, var_name=columns.model, value_name=columns.outcome[0])
    return wide.melt(
        var_name=columns.model, value_name=columns.outcome[0], ignore_index=False
    ).reset_index(names=columns.item[0])


def _codes(table: pd.DataFrame, by: Sequence[str]) -> Codes:
    if len(by) == 1:
        return np.array(pd.factorize(table[by[0]])[0], dtype=np.intp)
    code = table.groupby(list(by), observed=True, sort=False).ngroup()
    return np.asarray(code, dtype=np.intp)


def _clusters(table: pd.DataFrame, item: Codes, items: int, columns: Columns) -> Codes:
    if not columns.cluster:
        return np.arange(items)
    cluster = _codes(table, columns.cluster)
    of_item = np.zeros(items, np.intp)
    of_item[item] = cluster
    if (of_item[item] != cluster).any():
        row = table.iloc[int(np.argmax(of_item[item] != cluster))]
        raise AnalysisError(
            f"Item {listed(row[list(columns.item)])} is in two clusters.",
            "An item must have the same cluster in all rows.",
        )
    return np.unique(of_item, return_inverse=True)[1]


def _check_once(table: pd.DataFrame, values: Floats, mean: Floats, columns: Columns) -> None:
    differs = np.flatnonzero((values != mean).any(axis=1) & ~np.isnan(values).any(axis=1))
    if len(differs):
        row = table.iloc[differs[0]]
        raise AnalysisError(
            f"{row[columns.model]} has answers to item {listed(row[list(columns.item)])} that"
            " differ, so it cannot be paired.",
            "Name all columns that tell items apart, as in item=['item', 'language'].",
        )
