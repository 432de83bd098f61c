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

from analysis.measures import jensen_shannon_divergence, wasserstein
from analysis.noise import LEAST_FRAMES, excess_divergence, frame_products, splits
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


@dataclass(frozen=True)
class Pairs:
    """Pairs of models on the cells that both answered; arrays are ``(pairs, units)``.

    Attributes:
        pairs: indices into the grid's models.
        cells: number of matched cells.
        plain: mean Jensen-Shannon divergence over matched cells, bits.
        wasserstein: mean normalised Wasserstein-1 distance.
        noise_a, noise_b, excess: NaN where a unit has too few common frames.
        stance_a, stance_b: mean stance over the matched cells that both answered.
        products: ``(pairs, c)`` products of pairs of frames, 0 where missing.
        frames: ``(units,)`` frames of each unit; c is the sum of F(F-1)/2.
    """

    pairs: list[tuple[int, int]]
    cells: NDArray[np.int64]
    plain: Floats
    wasserstein: Floats
    noise_a: Floats
    noise_b: Floats
    excess: Floats
    stance_a: Floats
    stance_b: Floats
    products: NDArray[np.float32]
    frames: Codes


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
        units=cells.iloc[_starts(unit)][LEVELS[:3]].reset_index(drop=True),
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
    starts = _starts(codes)
    there = ~np.isnan(values)
    return _ratio(
        np.add.reduceat(np.where(there, values, 0.0), starts, axis=0),
        np.add.reduceat(there.astype(float), starts, axis=0),
    )


def unit_means(grid: Grid, values: Floats) -> Floats:
    """Average cells to units: orders in a frame, frames of a statement, statements of a unit.

    Args:
        grid: whose levels are used.
        values: ``(cells, ...)``; NaN is left out.

    Returns:
        ``(units, ...)``; NaN where nothing is left.
    """
    return _to_units(values, grid.frame, grid.item, grid.unit)


def pair_up(grid: Grid, pairs: list[tuple[int, int]], rng: np.random.Generator) -> Pairs:
    """Compare pairs of models unit by unit, on matched cells.

    Args:
        grid: the answers.
        pairs: indices of the models.
        rng: draws splits of frames where not all are used; they are the same for every pair.
    """
    rank, frames = _frames_of_units(grid)
    most = int(frames.max(initial=0))
    halves = {f: splits(f, rng) for f in range(LEAST_FRAMES, most + 1)}
    shape = (len(pairs), len(grid.units))
    numbers = {
        name: np.full(shape, np.nan)
        for name in ("plain", "wasserstein", "stance_a", "stance_b", "noise_a", "noise_b", "excess")
    }
    cells = np.zeros(shape, np.int64)
    products = np.zeros((len(pairs), int((frames * (frames - 1) // 2).sum())), np.float32)
    for i, (a, b) in enumerate(pairs):
        rows = np.flatnonzero(~np.isnan(grid.p[a, :, 0] + grid.p[b, :, 0]))
        if not len(rows):
            continue
        unit = grid.unit[rows]
        cells[i] = np.bincount(unit, minlength=shape[1])
        present = cells[i] > 0
        simple = _simple_measures(grid, a, b, rows)
        for j, name in enumerate(("plain", "wasserstein", "stance_a", "stance_b")):
            numbers[name][i, present] = simple[:, j]
        floor, products[i] = _against_noise(
            grid, a, b, rows, rank=rank, frames=frames, halves=halves
        )
        for j, name in enumerate(("noise_a", "noise_b", "excess")):
            numbers[name][i, present] = floor[:, j]
    return Pairs(pairs=pairs, cells=cells, products=products, frames=frames, **numbers)


def _simple_measures(grid: Grid, a: int, b: int, rows: Codes) -> Floats:
    """Plain divergence, Wasserstein and both stances of the units present, ``(units, 4)``."""
    p, q = grid.p[a, rows], grid.p[b, rows]
    steps = grid.cells["K"].to_numpy()[rows] - 1.0
    width = max(p.shape[1] - 2, 1)  # unused options have probability 0, so only the scale differs
    scale = np.divide(width, steps, where=steps > 0, out=np.full(len(rows), np.nan))
    s, t = grid.stance[a, rows], grid.stance[b, rows]
    both = np.where(np.isnan(s + t), np.nan, 1.0)
    measured = np.column_stack(
        [
            jensen_shannon_divergence(p, q),
            wasserstein(p[:, :-1], q[:, :-1]) * scale,
            s * both,
            t * both,
        ]
    )
    return _to_units(measured, grid.frame[rows], grid.item[rows], grid.unit[rows])


def _against_noise(
    grid: Grid,
    a: int,
    b: int,
    rows: Codes,
    *,
    rank: Codes,
    frames: Codes,
    halves: dict[int, NDArray[np.bool_]],
) -> tuple[Floats, NDArray[np.float32]]:
    """Noise floors and excess of the units present ``(units, 3)``, and the frame products."""
    of_frame = rows[_starts(grid.frame[rows])]
    p = level_means(grid.p[a, rows], grid.frame[rows])
    q = level_means(grid.p[b, rows], grid.frame[rows])
    begin = _starts(grid.item[of_frame])
    count = np.diff(begin, append=len(of_frame))
    unit = grid.unit[of_frame[begin]]
    floor = np.full((len(begin), 3), np.nan)
    products = np.zeros(int((frames * (frames - 1) // 2).sum()))
    offset = np.cumsum(frames * (frames - 1) // 2) - frames * (frames - 1) // 2
    eligible = np.bincount(unit, weights=count >= LEAST_FRAMES, minlength=len(frames))
    for size in np.unique(count[count >= LEAST_FRAMES]):
        items = np.flatnonzero(count == size)
        at = begin[items][:, None] + np.arange(size)
        result = excess_divergence(p[at], q[at], halves[int(size)])
        floor[items] = np.column_stack([result.noise_a, result.noise_b, result.excess])
        f, g = np.triu_indices(size, 1)
        place = rank[of_frame[at]]
        total = frames[unit[items]][:, None]
        low, high = place[:, f], place[:, g]
        slot = offset[unit[items]][:, None] + low * (2 * total - low - 1) // 2 + high - low - 1
        share = frame_products(p[at], q[at]) / (len(f) * eligible[unit[items]][:, None])
        products += np.bincount(slot.ravel(), weights=share.ravel(), minlength=len(products))
    return level_means(floor, unit), products.astype(np.float32)


def _frames_of_units(grid: Grid) -> tuple[Codes, Codes]:
    """Each cell's frame as a number within its unit, and how many frames each unit has."""
    names = pd.factorize(grid.cells["frame"], sort=True)[0]
    wide = int(names.max(initial=0)) + 1
    distinct, code = np.unique(grid.unit * wide + names, return_inverse=True)
    frames = np.bincount(distinct // wide, minlength=len(grid.units))
    first = np.cumsum(frames) - frames
    return code - first[grid.unit], frames


def _to_units(values: Floats, frame: Codes, item: Codes, unit: Codes) -> Floats:
    frames = level_means(values, frame)
    of_frame = _starts(frame)
    items = level_means(frames, item[of_frame])
    of_item = of_frame[_starts(item[of_frame])]
    return level_means(items, unit[of_item])


def _starts(codes: Codes) -> Codes:
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
