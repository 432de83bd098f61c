"""Pairs of models on the cells that both answered: divergence, noise floor and stances by unit.

Pairs that share their matched cells are compared together, so that what depends on one model alone
is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.grid import level_means, starts, to_units
from analysis.measures import entropy
from analysis.noise import (
    LEAST_FRAMES,
    excess_of_halves,
    frame_products,
    split_in_halves,
    splits,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.grid import Grid
    from analysis.noise import Halves

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]


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
    numbers = {name: np.full(shape, np.nan) for name in (*_SIMPLE, *_AGAINST_NOISE)}
    cells = np.zeros(shape, np.int64)
    products = np.zeros((len(pairs), int((frames * (frames - 1) // 2).sum())), np.float32)
    answered = ~np.isnan(grid.p[:, :, 0])
    alike: dict[bytes, list[int]] = {}
    for i, (a, b) in enumerate(pairs):
        alike.setdefault(np.packbits(answered[a] & answered[b]).tobytes(), []).append(i)
    for group in alike.values():
        a, b = pairs[group[0]]
        rows = np.flatnonzero(answered[a] & answered[b])
        if not len(rows):
            continue
        shared = _share(grid, rows, rank, frames)
        cells[group] = np.bincount(grid.unit[rows], minlength=shape[1])
        present = cells[group[0]] > 0
        models = sorted({model for i in group for model in pairs[i]})
        sides = {model: _side(grid, model, shared, halves) for model in models}
        for i in group:
            one, two = (sides[model] for model in pairs[i])
            simple = _simple_measures(shared, one, two)
            floor = _against_noise(shared, one, two)
            for names, values in ((_SIMPLE, simple), (_AGAINST_NOISE, floor)):
                for j, name in enumerate(names):
                    numbers[name][i, present] = values[:, j]
            products[i] = _products(shared, one, two, products.shape[1])
    return Pairs(pairs=pairs, cells=cells, products=products, frames=frames, **numbers)


_SIMPLE = ("plain", "wasserstein", "stance_a", "stance_b")
_AGAINST_NOISE = ("noise_a", "noise_b", "excess")


@dataclass(frozen=True)
class _Slots:
    """The statements of one number of frames, and where the products of their frames go.

    Attributes:
        items: ``(n,)`` which statements of those present.
        at: ``(n, frames)`` their frames among those present.
        slot: ``(n, frames (frames - 1) / 2)`` places among a pair of models' products.
        parts: ``(n,)`` what their products are divided by.
    """

    items: Codes
    at: Codes
    slot: Codes
    parts: Floats


@dataclass(frozen=True)
class _Shared:
    """The cells that some pairs have in common, with their levels.

    Attributes:
        rows: of the grid.
        frame, item, unit: codes of these rows.
        steps: ``(rows,)`` from one end of the scale to the other; NaN where there is one option.
        unit_of_item: of each statement present.
        by_size: statements with frames enough, by their number of frames.
    """

    rows: Codes
    frame: Codes
    item: Codes
    unit: Codes
    steps: Floats
    unit_of_item: Codes
    by_size: dict[int, _Slots]


@dataclass(frozen=True)
class _Side:
    """What a model answered to the shared cells, as far as no other model is needed.

    Attributes:
        p: ``(rows, C)`` distributions.
        entropy: ``(rows,)`` in bits.
        heaped: ``(rows, C - 1)`` cumulative shares of the valued options; NaN where all declined.
        stance: ``(rows,)``.
        by_frame: ``(n, frames, C)`` by number of frames, for `_Slots.items`.
        halves: of the same.
    """

    p: Floats
    entropy: Floats
    heaped: Floats
    stance: Floats
    by_frame: dict[int, Floats]
    halves: dict[int, Halves]


def _share(grid: Grid, rows: Codes, rank: Codes, frames: Codes) -> _Shared:
    steps = grid.cells["K"].to_numpy()[rows] - 1.0
    frame, item, unit = grid.frame[rows], grid.item[rows], grid.unit[rows]
    of_frame = starts(frame)
    begin = starts(item[of_frame])
    count = np.diff(begin, append=len(of_frame))
    unit_of_item = unit[of_frame[begin]]
    size = frames * (frames - 1) // 2
    offset = np.cumsum(size) - size
    eligible = np.bincount(unit_of_item, weights=count >= LEAST_FRAMES, minlength=len(frames))
    by_size = {}
    for k in np.unique(count[count >= LEAST_FRAMES]).tolist():
        items = np.flatnonzero(count == k)
        at = begin[items][:, None] + np.arange(k)
        f, g = np.triu_indices(k, 1)
        place = rank[rows[of_frame[at]]]
        total = frames[unit_of_item[items]][:, None]
        low, high = place[:, f], place[:, g]
        slot = offset[unit_of_item[items]][:, None] + low * (2 * total - low - 1) // 2
        parts = np.asarray(eligible[unit_of_item[items]] * len(f), dtype=np.float64)
        by_size[k] = _Slots(items, at, slot + high - low - 1, parts)
    return _Shared(
        rows=rows,
        frame=frame,
        item=item,
        unit=unit,
        steps=np.where(steps > 0, steps, np.nan),
        unit_of_item=unit_of_item,
        by_size=by_size,
    )


def _side(grid: Grid, model: int, shared: _Shared, halves: dict[int, NDArray[np.bool_]]) -> _Side:
    p = grid.p[model, shared.rows]
    frames = level_means(p, shared.frame)
    by_frame = {k: frames[slots.at] for k, slots in shared.by_size.items()}
    answered = p[:, :-1].sum(1, keepdims=True)
    heaped = np.cumsum(p[:, :-1], axis=1)
    return _Side(
        p=p,
        entropy=entropy(p),
        heaped=np.divide(heaped, answered, where=answered > 0, out=np.full(heaped.shape, np.nan)),
        stance=grid.stance[model, shared.rows],
        by_frame=by_frame,
        halves={k: split_in_halves(x, halves[k]) for k, x in by_frame.items()},
    )


def _simple_measures(shared: _Shared, a: _Side, b: _Side) -> Floats:
    """Plain divergence, Wasserstein and both stances of the units present, ``(units, 4)``."""
    both = np.where(np.isnan(a.stance + b.stance), np.nan, 1.0)
    # `measures.jensen_shannon_divergence` and `measures.wasserstein`, of halves computed once
    plain = entropy(0.5 * (a.p + b.p)) - 0.5 * (a.entropy + b.entropy)
    # the last share is 1 or NaN; options beyond a cell's own are not chosen and move nothing
    apart = np.abs(a.heaped - b.heaped).sum(1)
    measured = np.column_stack(
        [
            np.clip(plain, 0.0, 1.0),
            apart / shared.steps,
            a.stance * both,
            b.stance * both,
        ]
    )
    return to_units(measured, shared.frame, shared.item, shared.unit)


def _against_noise(shared: _Shared, a: _Side, b: _Side) -> Floats:
    """Noise floors and excess of the units present, ``(units, 3)``."""
    floor = np.full((len(shared.unit_of_item), 3), np.nan)
    for k, slots in shared.by_size.items():
        result = excess_of_halves(a.halves[k], b.halves[k])
        floor[slots.items] = np.column_stack([result.noise_a, result.noise_b, result.excess])
    return level_means(floor, shared.unit_of_item)


def _products(shared: _Shared, a: _Side, b: _Side, size: int) -> NDArray[np.float32]:
    """`noise.frame_products` of all units, statements of a unit averaged."""
    products = np.zeros(size)
    for k, slots in shared.by_size.items():
        share = frame_products(a.by_frame[k], b.by_frame[k]) / slots.parts[:, None]
        products += np.bincount(slots.slot.ravel(), weights=share.ravel(), minlength=size)
    return products.astype(np.float32)


def _frames_of_units(grid: Grid) -> tuple[Codes, Codes]:
    """Each cell's frame as a number within its unit, and how many frames each unit has."""
    names = pd.factorize(grid.cells["frame"], sort=True)[0]
    wide = int(names.max(initial=0)) + 1
    distinct, code = np.unique(grid.unit * wide + names, return_inverse=True)
    frames = np.bincount(distinct // wide, minlength=len(grid.units))
    first = np.cumsum(frames) - frames
    return code - first[grid.unit], frames
