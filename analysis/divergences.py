"""The table of divergences between models: what was measured, against noise, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import verdicts
from analysis.inference import detectable, equivalence_test, frame_swap_test
from analysis.intervals import ONE_FAMILY, family_means
from analysis.rows import adjust, rows, stacked
from analysis.stances import UNMATCHED, unusable

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd
    from numpy.typing import NDArray

    from analysis.matched import Pairs
    from analysis.rows import Basis, Row

    Floats = NDArray[np.float64]

FEW_FRAMES = "fewer than four frames in common, so that there is no noise floor"

DIVERGENCE = [
    *("a", "b", "language", "topic", "plain", "noise_a", "noise_b", "excess", "low", "high"),
    *("wasserstein", "p", "p_adjusted", "p_equivalent", "families", "cells", "detectable"),
    *("verdict", "measurable", "reason"),
]


def divergence_table(basis: Basis, compared: Pairs) -> pd.DataFrame:
    """Every pair by language and topic, ``all`` included; columns `DIVERGENCE`.

    ``plain`` and ``wasserstein`` are over all matched cells, the noise floors and ``excess`` over
    the families that have four frames in common, which ``families`` counts. ``p`` is
    `inference.frame_swap_test`; Holm over the rows of all topics, Benjamini-Hochberg over topics.
    """
    measured = _measured(basis, compared) if compared.pairs else {}
    parts = [_part(basis, compared, measured, row) for row in rows(basis.grid.units) if measured]
    table = stacked(parts, DIVERGENCE)
    if not parts:
        return table
    table["p_adjusted"] = adjust(table)
    table["verdict"] = [_verdict(line, basis.settings.margin) for line in table.to_dict("records")]
    return table[DIVERGENCE]


def _measured(basis: Basis, compared: Pairs) -> dict[str, Floats]:
    """What was measured of each pair where both are usable, ``(pairs, units)``."""
    a, b = (list(side) for side in zip(*compared.pairs, strict=True))
    usable = basis.usable[a] & basis.usable[b]
    names = ("plain", "wasserstein", "noise_a", "noise_b", "excess")
    return {name: np.where(usable, getattr(compared, name), np.nan) for name in names}


def _part(
    basis: Basis, compared: Pairs, shown: dict[str, Floats], row: Row
) -> dict[str, NDArray[Any]]:
    """The columns of a row for each pair."""
    settings = basis.settings
    a, b = (np.array(side) for side in zip(*compared.pairs, strict=True))
    usable = basis.usable[np.ix_(a, row.units)] & basis.usable[np.ix_(b, row.units)]
    measured = {name: row.families(values) for name, values in shown.items()}
    means = family_means(
        measured["excess"],
        row.topics,
        seed=settings.stream(f"excess/{row.name}"),
        draws=settings.draws,
        bounds=(-1, 1),
    )
    cells = np.where(usable, compared.cells[:, row.units], 0).sum(1)
    reachable = usable.any(1)
    reasons = [
        _reason(basis, pair, row, reachable=r, cells=c, families=f)
        for pair, r, c, f in zip(compared.pairs, reachable, cells, means.families, strict=True)
    ]
    models = np.array(basis.grid.models, np.object_)
    return {
        "a": models[a],
        "b": models[b],
        "language": np.full(len(a), row.language, np.object_),
        "topic": np.full(len(a), row.topic, np.object_),
        "excess": means.value,
        "low": means.low,
        "high": means.high,
        "p": _p(basis, compared, row, ~np.isnan(shown["excess"])),
        "p_equivalent": equivalence_test(means.value, means.se, means.df, settings.margin),
        "families": means.families,
        "cells": cells,
        "detectable": detectable(means.se, means.df),
        **{
            name: row.mean(measured[name])
            for name in ("plain", "wasserstein", "noise_a", "noise_b")
        },
        "measurable": cells > 0,
        "reason": np.array(reasons, np.object_),
    }


def _p(basis: Basis, compared: Pairs, row: Row, there: NDArray[np.bool_]) -> Floats:
    p = np.full(len(compared.pairs), np.nan)
    columns = np.flatnonzero(there[:, row.units].any(1))
    if not len(columns):
        return p
    weights = row.weights(there[columns])
    kept = np.flatnonzero(weights.any(1))
    frames = compared.frames[row.units[kept]]
    size = frames * (frames - 1) // 2
    every = compared.frames * (compared.frames - 1) // 2
    begin = (np.cumsum(every) - every)[row.units[kept]]
    at = np.repeat(begin - np.cumsum(size) + size, size) + np.arange(size.sum())
    products = compared.products[np.ix_(columns, at)].T * np.repeat(weights[kept], size, axis=0)
    p[columns] = frame_swap_test(
        products,
        frames.tolist(),
        rng=np.random.default_rng(basis.settings.stream(f"swaps/{row.name}")),
        draws=basis.settings.draws,
    )
    return p


def _reason(
    basis: Basis, pair: tuple[int, int], row: Row, *, reachable: bool, cells: int, families: int
) -> str:
    if not reachable:
        return unusable(basis, *pair, row.language)
    if not cells:
        return UNMATCHED
    if not families:
        return FEW_FRAMES
    return ONE_FAMILY if families == 1 else ""


def _verdict(line: dict[Hashable, Any], margin: float) -> str:
    if not line["measurable"]:
        return f"Not measurable: {line['reason']}."
    if not line["families"]:
        return f"Not measurable beyond noise: {line['reason']}."
    return verdicts.divergence(
        line["a"],
        line["b"],
        excess=line["excess"],
        low=line["low"],
        high=line["high"],
        p_adjusted=line["p_adjusted"],
        p_equivalent=line["p_equivalent"],
        detectable=line["detectable"],
        margin=margin,
    )
