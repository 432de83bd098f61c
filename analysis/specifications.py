"""The difference in stance of two models under each combination of choices: one specification each.

Specifications that would count the same answers in the same way are counted once.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.aggregations import AGGREGATIONS, Sums, aggregate
from analysis.grid import LEVELS, grid, unit_means
from analysis.intervals import ONE_FAMILY
from analysis.rows import basis, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from analysis.aggregations import Aggregated
    from analysis.grid import Grid
    from analysis.rows import Row, Settings
    from analysis.tables import Tables

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

CHOICES = {
    "answers": ("scored", "statements", "choices", "written, by label", "written, by probability"),
    "way out": ("with and without", "not offered", "offered"),
    "order": ("both", "forward", "reversed"),
    "labels": ("all",),
    "declined": ("left out", "as con", "as pro"),
    "average": AGGREGATIONS,
    "gates": ("applied", "not applied"),
}
"""What can be chosen, in the order of the tables; the first option of each is the headline's. To
``labels`` every alphabet of the run is added."""

STUCK = "its value is the same in all resamples: no interval can be drawn from them"
TINY = 1e-9
"""Differences and widths below it are rounding errors of zero."""

_KINDS = {"agree": "statements", "choose": "choices"}
_SPOKEN = ("pro", "both", "con")
_SILENT = ("deflects", "refuses", "degenerate")


def specifications(
    tables: Tables, a: str, b: str, settings: Settings
) -> tuple[pd.DataFrame, Floats]:
    """Compute the difference, a minus b, under every combination of `CHOICES` that differs.

    Args:
        tables: of a run.
        a: id of a model.
        b: id of another model.
        settings: draws, seed and thresholds.

    Returns:
        A row per specification, the headline's first, with a column per choice and ``difference,
        low, high, p, families, reason``; and the same differences if the models were swapped in
        whole families, ``(draws, rows)``. No rows where neither answered a contested question.

    Raises:
        AnalysisError: probabilities do not sum to one.
    """
    scored = tables.scored[tables.scored["model"].isin([a, b])]
    found = basis(scored, [a, b], settings)
    passed = found.measurable.groupby("language")["measurable"].all()
    sources = [_scored(scored, found.grid), *_written(tables, [a, b])]
    parts = [_specified(source, passed, settings) for source in sources if len(source.cells)]
    if not parts:
        return pd.DataFrame(), np.empty((settings.draws, 0))
    return (
        pd.concat([part[0] for part in parts], ignore_index=True),
        np.hstack([part[1] for part in parts]),
    )


@dataclass(frozen=True)
class _Source:
    """Answers of both models on the same cells.

    Attributes:
        grid: of the two models.
        cells: ``answers, way out, order, labels`` of each cell.
        kinds: options of ``answers``: name and which cells.
    """

    grid: Grid
    cells: pd.DataFrame
    kinds: dict[str, Mask]


def _scored(scored: pd.DataFrame, asked: Grid) -> _Source:
    key = [*LEVELS, "option_order"]
    about = scored.drop_duplicates(key)[[*key, "kind", "forced", "labels"]]
    cells = asked.cells[key].merge(about, on=key, how="left", validate="m:1")
    kinds = {"scored": np.ones(len(cells), bool)}
    kinds |= {name: (cells["kind"] == kind).to_numpy() for kind, name in _KINDS.items()}
    return _Source(asked, cells, kinds)


def _written(tables: Tables, models: list[str]) -> list[_Source]:
    """Open answers as stances: pro 1, both 0, con -1; what is none of these is declined."""
    opened = tables.opened[tables.opened["model"].isin(models)]
    tags = tables.scored.drop_duplicates("topic").set_index("topic")["tag"]
    tag = opened["topic"].map(tags)
    opened = opened[tag.isna() | (tag == "contested")]
    if "outcome" not in opened or opened["outcome"].isna().all():
        return []
    opened = opened[opened["outcome"].notna()]
    names = [*_SPOKEN, *_SILENT]
    labels = pd.DataFrame({name: (opened["outcome"] == name).astype(float) for name in names})
    ways = {"written, by label": labels}
    if all(f"prob_{name}" in opened for name in names):
        chances = opened[[f"prob_{name}" for name in names]].set_axis(names, axis=1).fillna(labels)
        ways["written, by probability"] = chances.div(chances.sum(axis=1), axis=0)
    return [_responses(opened, p, name, models) for name, p in ways.items()]


def _responses(opened: pd.DataFrame, p: pd.DataFrame, name: str, models: list[str]) -> _Source:
    spoken = p[list(_SPOKEN)].sum(axis=1)
    rows = opened[["model", *LEVELS[:4]]].assign(
        frame=opened["kind"],
        pole="",
        option_order="none",
        K=len(_SPOKEN),
        cell=opened["language"] + "\0" + opened["item"] + "\0" + opened["prompt"],
        declined=1 - spoken,
        stance=(p["pro"] - p["con"]) / spoken.where(spoken > 0),
        **{f"p{k}": p[outcome] for k, outcome in enumerate(_SPOKEN)},
    )
    asked = grid(rows, models)
    cells = asked.cells.assign(forced=False, labels="none")
    return _Source(asked, cells, {name: np.ones(len(cells), bool)})


def _subsets(source: _Source) -> Iterator[tuple[dict[str, str], Mask]]:
    """Which cells each combination of choices takes, leaving out what takes the same as another."""
    cells = source.cells
    every = np.ones(len(cells), bool)
    forced = cells["forced"].to_numpy(bool)
    orders = {"both": every} | {
        name: (cells["option_order"] == name).to_numpy() for name in ("forward", "reversed")
    }
    alphabets = {"all": every} | {
        str(name): (cells["labels"] == name).to_numpy() for name in sorted(cells["labels"].unique())
    }
    ways = {"with and without": every, "not offered": forced, "offered": ~forced}
    seen: set[bytes] = set()
    options = (source.kinds, ways, orders, alphabets)
    for names in itertools.product(*options):
        mask = np.logical_and.reduce(
            [option[name] for option, name in zip(options, names, strict=True)]
        )
        if mask.any() and mask.tobytes() not in seen:
            seen.add(mask.tobytes())
            yield dict(zip(("answers", "way out", "order", "labels"), names, strict=True)), mask


def _specified(
    source: _Source, passed: pd.Series[bool], settings: Settings
) -> tuple[pd.DataFrame, Floats]:
    """The rows of one source, and their estimates under swaps, ``(draws, rows)``."""
    asked, row = source.grid, rows(source.grid.units)[0]
    differences, declines = _differences(asked)
    able = asked.units["language"].isin(passed.index[passed.astype(bool)]).to_numpy(bool)
    gates = {"applied": able} if able.all() else {"applied": able, "not applied": able | True}
    specs, columns = [], []
    for names, mask in _subsets(source):
        declined = CHOICES["declined"] if (mask & declines).any() else CHOICES["declined"][:1]
        values = np.where(mask[:, None], differences[:, : len(declined)], np.nan)
        means = unit_means(asked, values)
        for (i, silent), (gate, usable) in itertools.product(enumerate(declined), gates.items()):
            specs.append(names | {"declined": silent, "gates": gate})
            columns.append(_sums(asked, row, values[:, i], means[:, i], usable))
    mean, total, count = (np.column_stack(part) for part in zip(*columns, strict=True))
    sums = Sums(mean, total, count, row.topics)
    rng = np.random.default_rng(settings.stream("multiverse"))
    signs = rng.choice([-1.0, 1.0], size=(settings.draws, len(row.topics)))
    seeds = settings.stream("difference/all/all"), settings.stream("flips/all/all")
    ways = AGGREGATIONS if row.topics.max(initial=0) > 1 else AGGREGATIONS[:2]
    found = [aggregate(how, sums, signs, seeds=seeds) for how in ways]
    tables = [_lines(specs, how, one, able) for how, one in zip(ways, found, strict=True)]
    return pd.concat(tables, ignore_index=True), np.hstack([one.swapped for one in found])


def _lines(specs: list[dict[str, str]], how: str, one: Aggregated, able: Mask) -> pd.DataFrame:
    flat = one.high - one.low < TINY
    reasons = [
        STUCK if stuck else _reason(n, spec["gates"], able)
        for n, stuck, spec in zip(one.families, flat, specs, strict=True)
    ]
    return pd.DataFrame(specs).assign(
        average=how,
        difference=np.where(np.abs(one.value) < TINY, 0.0, one.value),
        low=np.where(flat, np.nan, one.low),
        high=np.where(flat, np.nan, one.high),
        p=one.p,
        families=one.families,
        reason=reasons,
    )


def _differences(asked: Grid) -> tuple[Floats, Mask]:
    """Differences of the cells ``(cells, 3)``, one column per way to count what was declined."""
    declined = asked.p[:, :, -1]
    lean = np.where(np.isnan(declined), np.nan, np.nan_to_num(asked.stance) * (1 - declined))
    a, b = np.stack([asked.stance, lean - declined, lean + declined], axis=-1)
    taken: Mask = np.any(np.nan_to_num(declined) > 0, axis=0)
    return a - b, taken


def _sums(
    asked: Grid, row: Row, values: Floats, means: Floats, usable: Mask
) -> tuple[Floats, Floats, Floats]:
    """Mean, total and number of cells of each family."""
    mean = row.families(np.where(usable, means, np.nan)[None])[:, 0]
    units = len(asked.units)
    there = ~np.isnan(values) & usable[asked.unit]
    parts = [
        np.bincount(asked.unit, weights=weights, minlength=units)
        for weights in (np.where(there, values, 0.0), there.astype(float))
    ]
    total, cells = (
        np.bincount(row.family, part[row.units], len(row.topics)).astype(float) for part in parts
    )
    return mean, total, cells


def _reason(families: int, gates: str, able: Mask) -> str:
    if families > 1:
        return ""
    if families == 1:
        return ONE_FAMILY
    if gates == "applied" and not able.any():
        return "there is no language in which both are measurable"
    return "no cell was answered by both, or every answer was declined"
