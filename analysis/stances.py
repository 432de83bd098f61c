"""Tables of stance: of each model, of two models' difference, and towards mirrored statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis import verdicts
from analysis.grid import grid, level_means, unit_means
from analysis.inference import detectable, equivalence_test
from analysis.intervals import ONE_FAMILY, family_mean, family_means
from analysis.paired import paired_test
from analysis.rows import ALL, adjust, rows, stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.matched import Pairs
    from analysis.rows import Basis, Row

    Floats = NDArray[np.float64]

DECLINED = "every answer was declined"
NOWHERE = "measurable in no language"
ONE_FRAME = "one frame only: there is no interval from one"

STANCE = [
    *("model", "language", "topic", "stance", "low", "high", "worst", "best", "declined"),
    *("families", "measurable", "reason"),
]
DIFFERENCE = [
    *("language", "topic", "stance_a", "stance_b", "difference", "low", "high", "p"),
    *("p_adjusted", "p_equivalent", "cells", "families", "detectable", "verdict", "measurable"),
    "reason",
]
JUDGED = ["difference", "low", "high", "p_adjusted", "p_equivalent", "detectable"]
MIRROR = ["model", "language", "family", "government", "stance", "low", "high", "reason"]


def stance_table(basis: Basis) -> pd.DataFrame:
    """The stance of every model by language and topic, ``all`` included; columns `STANCE`."""
    asked = basis.grid
    declined = asked.p[:, :, -1]
    lean = np.where(np.isnan(declined), np.nan, np.nan_to_num(asked.stance) * (1 - declined))
    measures = {
        name: np.where(basis.usable, unit_means(asked, values.T).T, np.nan)
        for name, values in {
            "stance": asked.stance,
            "worst": lean - declined,
            "best": lean + declined,
            "declined": declined,
        }.items()
    }
    parts = []
    for row in rows(asked.units):
        families = {name: row.families(values) for name, values in measures.items()}
        answered: NDArray[np.bool_] = np.any(~np.isnan(families["declined"]), axis=0)
        means = family_means(
            families["stance"],
            row.topics,
            seed=basis.settings.stream(f"stance/{row.name}"),
            draws=basis.settings.draws,
            bounds=(-1, 1),
        )
        parts.append(
            {
                "model": np.array(asked.models, np.object_),
                "language": np.full(len(answered), row.language, np.object_),
                "topic": np.full(len(answered), row.topic, np.object_),
                "stance": means.value,
                "low": means.low,
                "high": means.high,
                **{name: row.mean(families[name]) for name in ("worst", "best", "declined")},
                "families": means.families,
                "measurable": answered,
                "reason": np.array(
                    [
                        _reason(basis, model, row.language, bool(answered[i]), means.families[i])
                        for i, model in enumerate(asked.models)
                    ],
                    np.object_,
                ),
            }
        )
    return stacked(parts, STANCE)


def difference_table(basis: Basis, pair: Pairs) -> pd.DataFrame:
    """The difference in stance of one pair, a minus b, on matched cells; columns `DIFFERENCE`.

    The test is `paired.paired_test`; Holm over the rows of all topics, Benjamini-Hochberg over
    single topics.
    """
    asked, settings = basis.grid, basis.settings
    a, b = pair.pairs[0]
    usable = basis.usable[a] & basis.usable[b]
    sides = [np.where(usable, side, np.nan) for side in (pair.stance_a, pair.stance_b)]
    lines = []
    for row in rows(asked.units):
        one, two = (row.families(side) for side in sides)
        means = family_means(
            one - two,
            row.topics,
            seed=settings.stream(f"difference/{row.name}"),
            draws=settings.draws,
            bounds=(-2, 2),
        )
        families = int(means.families[0])
        lines.append(
            {
                "language": row.language,
                "topic": row.topic,
                "stance_a": row.mean(one)[0],
                "stance_b": row.mean(two)[0],
                "difference": means.value[0],
                "low": means.low[0],
                "high": means.high[0],
                "p": paired_test(
                    one - two,
                    row.topics,
                    means,
                    seed=settings.stream(f"flips/{row.name}"),
                    draws=settings.draws,
                )[0],
                "p_equivalent": equivalence_test(
                    means.value[0], means.se[0], means.df[0], settings.margin
                ),
                "cells": int(pair.cells[0, row.units][usable[row.units]].sum()),
                "families": families,
                "detectable": detectable(means.se[0], means.df[0]),
                "measurable": families > 0,
                "reason": _pair_reason(basis, pair, row, families),
            }
        )
    table = pd.DataFrame(
        lines, columns=[c for c in DIFFERENCE if c not in {"p_adjusted", "verdict"}]
    )
    table["p_adjusted"] = adjust(table)
    names = asked.models[a], asked.models[b]
    table["verdict"] = [
        verdicts.stance(
            *names,
            **{name: line[name] for name in JUDGED},
            margin=settings.margin,
        )
        if line["measurable"]
        else f"Not measurable: {line['reason']}."
        for line in table.to_dict("records")
    ]
    return table[DIFFERENCE]


def mirror_table(basis: Basis, scored: pd.DataFrame) -> pd.DataFrame:
    """Stance towards the same sentence about different governments; columns `MIRROR`.

    The government is what follows the last dot of the item. Its interval is over frames in a row
    of one family, and over families in the rows of family ``all``.
    """
    asked = grid(scored[scored["tag"] == "mirror"], basis.grid.models)
    first = np.flatnonzero(np.diff(asked.frame, prepend=-1))
    frames = level_means(asked.stance.T, asked.frame)
    about = asked.cells.iloc[first].reset_index(drop=True)
    about["government"] = about["item"].str.rsplit(".", n=1).str[-1]
    parts = [
        _mirrored(basis, model, group, frames[group.index, i])
        for _, group in about.groupby(["language", "government"])
        for i, model in enumerate(asked.models)
    ]
    if not parts:
        return pd.DataFrame(columns=MIRROR)
    order = ["model", "language", "family", "government"]
    return pd.concat(parts).sort_values(order, ignore_index=True)[MIRROR]


def _mirrored(basis: Basis, model: str, frames: pd.DataFrame, stances: Floats) -> pd.DataFrame:
    """The rows of a model, language and government; one stance per row of ``frames``."""
    language = str(frames["language"].iloc[0])
    failures = basis.failures[model, language]
    values = pd.Series(np.nan if failures else stances, index=frames["family"]).dropna()
    means = values.groupby(level=0, sort=True).mean()
    groups = [(name, values[values.index == name], ONE_FRAME) for name in means.index]
    lines = []
    for name, given, alone in [*groups, (ALL, means, ONE_FAMILY)]:
        mean = _t_mean(given.to_numpy())
        reason = "" if len(given) > 1 else alone if len(given) else failures or DECLINED
        lines.append([name, *mean, reason])
    missing = np.setdiff1d(frames["family"].to_numpy(str), means.index.to_numpy(str))
    lines += [[name, np.nan, np.nan, np.nan, failures or DECLINED] for name in missing]
    table = pd.DataFrame(lines, columns=["family", "stance", "low", "high", "reason"])
    return table.assign(model=model, language=language, government=frames["government"].iloc[0])


def _t_mean(values: Floats) -> tuple[float, float, float]:
    """A mean of stances with its t interval."""
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    mean = family_mean(values, rng=np.random.default_rng(0), bounds=(-1, 1), method="t")
    return float(mean.value[0]), float(mean.low[0]), float(mean.high[0])


def _reason(basis: Basis, model: str, language: str, answered: bool, families: np.int64) -> str:
    if not answered:
        return NOWHERE if language == ALL else basis.failures[model, language] or "not asked"
    if families == 0:
        return DECLINED
    return ONE_FAMILY if families == 1 else ""


def _pair_reason(basis: Basis, pair: Pairs, row: Row, families: int) -> str:
    a, b = pair.pairs[0]
    if families > 1:
        return ""
    if families == 1:
        return ONE_FAMILY
    usable = basis.usable[a][row.units] & basis.usable[b][row.units]
    if not usable.any():
        return unusable(basis, a, b, row.language)
    return DECLINED if pair.cells[0, row.units][usable].any() else UNMATCHED


UNMATCHED = "no cell was answered by both"


def unusable(basis: Basis, a: int, b: int, language: str) -> str:
    """Why a pair of models cannot be compared in a language."""
    if language == ALL:
        return "there is no language in which both are measurable"
    names = [basis.grid.models[i] for i in dict.fromkeys([a, b])]
    failures = [(name, basis.failures[name, language]) for name in names]
    return ", ".join(f"{name}: {text}" for name, text in failures if text)
