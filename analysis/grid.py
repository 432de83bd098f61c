"""Scored answers as arrays: models × cells × outcomes, and the levels that cells are averaged over.

Cells are sorted so that each level is a run of rows: orders in a frame, frames of a statement,
statements of a unit. A *unit* is a question family in a language. Means are taken level by level,
so that every order, frame, statement and family counts alike however many cells it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

LEVELS = ["language", "topic", "family", "item", "frame"]

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Grid:
    """The scored answers of several models.

    Attributes:
        models: ids.
        cells: a row per cell: ``LEVELS``, ``pole, option_order, K``; sorted by level.
        units: a row per unit: ``language, topic, family``.
        p: ``(models, cells, C)``; the last outcome is to decline. NaN where not answered.
        stance: ``(models, cells)``; NaN where not answered or all declined.
        frame, item, unit: ``(cells,)`` codes of the levels, ascending.
    """

    models: list[str]
    cells: pd.DataFrame
    units: pd.DataFrame
    p: Floats
    stance: Floats
    frame: Codes
    item: Codes
    unit: Codes


def grid(scored: pd.DataFrame, models: Sequence[str]) -> Grid:
    """Arrange scored answers; a cell that a model was asked more than once counts with its mean.

    Args:
        scored: rows of ``Tables.scored``; rows without probabilities are left out.
        models: in the order wanted; rows of other models are left out.

    Raises:
        AnalysisError: probabilities are negative, above one or do not sum to one with ``declined``.
    """
    columns = probability_columns(scored)
    number = pd.Index(models).get_indexer(pd.Index(scored["model"]))
    p = np.column_stack([scored[columns].to_numpy(float), scored["declined"].to_numpy(float)])
    kept = np.flatnonzero((number >= 0) & ~np.isnan(p).all(1))
    p = np.nan_to_num(p[kept])
    _check(p, scored, kept)

    code, ids = pd.factorize(scored["cell"].iloc[kept])
    first = np.full(len(ids), len(kept))
    np.minimum.at(first, code, np.arange(len(kept)))
    about = scored.iloc[kept[first]][[*LEVELS, "pole", "option_order", "K", "cell"]]
    about = about.reset_index(drop=True).sort_values([*LEVELS, "option_order", "cell"])
    rank = np.empty(len(ids), int)
    rank[about.index] = np.arange(len(ids))
    cells = about.drop(columns="cell").reset_index(drop=True)

    slot = number[kept] * len(ids) + rank[code]
    size = len(models) * len(ids)
    times = np.bincount(slot, minlength=size)
    answered = times > 0
    cube = np.full((size, p.shape[1]), np.nan)
    for k in range(p.shape[1]):
        total = np.bincount(slot, weights=p[:, k], minlength=size)
        cube[answered, k] = total[answered] / times[answered]
    lean = scored["stance"].to_numpy(float)[kept]
    stances = _ratio(
        np.bincount(slot, weights=np.nan_to_num(lean), minlength=size).astype(float),
        np.bincount(slot, weights=~np.isnan(lean), minlength=size).astype(float),
    )
    frame, item, unit = (_runs(cells[LEVELS[:depth]]) for depth in (5, 4, 3))
    return Grid(
        models=list(models),
        cells=cells,
        units=cells.iloc[starts(unit)][LEVELS[:3]].reset_index(drop=True),
        p=cube.reshape(len(models), len(ids), p.shape[1]),
        stance=stances.reshape(len(models), len(ids)),
        frame=frame,
        item=item,
        unit=unit,
    )


def probability_columns(scored: pd.DataFrame) -> list[str]:
    """The columns ``p0, p1, ...`` in order."""
    return [f"p{k}" for k in range(len(scored.columns)) if f"p{k}" in scored.columns]


def level_means(values: Floats, codes: Codes) -> Floats:
    """Mean over each run of equal codes, leaving NaN out.

    Args:
        values: ``(n, ...)``.
        codes: ``(n,)`` ascending.

    Returns:
        ``(runs, ...)``; NaN where a run has nothing else.
    """
    if not len(values):
        return values
    begin = starts(codes)
    there = ~np.isnan(values)
    return _ratio(
        np.add.reduceat(np.where(there, values, 0.0), begin, axis=0),
        np.add.reduceat(there.astype(float), begin, axis=0),
    )


def unit_means(grid: Grid, values: Floats) -> Floats:
    """Average cells to units: orders in a frame, frames of a statement, statements of a unit.

    Args:
        grid: whose levels are used.
        values: ``(cells, ...)``; NaN is left out.

    Returns:
        ``(units, ...)``; NaN where nothing is left.
    """
    return to_units(values, grid.frame, grid.item, grid.unit)


def to_units(values: Floats, frame: Codes, item: Codes, unit: Codes) -> Floats:
    """Average cells to those units that are among them, level by level.

    Args:
        values: ``(n, ...)``; NaN is left out.
        frame: ``(n,)`` ascending codes, like ``item`` and ``unit``.
        item: of the statement.
        unit: of the unit.

    Returns:
        ``(units present, ...)``; NaN where nothing is left.
    """
    frames = level_means(values, frame)
    of_frame = starts(frame)
    items = level_means(frames, item[of_frame])
    of_item = of_frame[starts(item[of_frame])]
    return level_means(items, unit[of_item])


def starts(codes: Codes) -> Codes:
    """Where each run of equal codes begins.

    Args:
        codes: ``(n,)`` ascending.
    """
    return np.flatnonzero(np.diff(codes, prepend=-1))


def _runs(keys: pd.DataFrame) -> Codes:
    """Number the runs of equal rows of a sorted table."""
    changed = np.zeros(len(keys), bool)
    for name in keys:
        code = pd.factorize(keys[name])[0]
        changed |= np.diff(code, prepend=-1) != 0
    return np.cumsum(changed) - 1


def _ratio(total: Floats, count: Floats) -> Floats:
    mean: Floats = np.divide(total, count, where=count > 0, out=np.full(total.shape, np.nan))
    return mean


def _check(p: Floats, scored: pd.DataFrame, kept: Codes) -> None:
    wrong = (np.abs(p.sum(1) - 1) > _TOLERANCE) | (p < -_TOLERANCE).any(1)
    if wrong.any():
        row = scored.iloc[kept[int(np.argmax(wrong))]]
        raise AnalysisError(
            f"{int(wrong.sum())} scored answers have probabilities that are negative or do not sum"
            f" to one; the first is cell {row['cell']} of model {row['model']}.",
            "Scale each row so that its p columns and `declined` sum to one.",
        )
