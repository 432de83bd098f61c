"""Models grouped by the country of their developer: what these models show, and what they cannot.

A group is the models that were asked, not the country. Intervals here are over question families
*given the models*: they say how sure it is that these models differ on questions such as these, and
nothing on the next model from either country. For that the models would be the sample, and a
handful of models, chosen because they are small or well known, is none. So beside each difference
stands how far any one model moves it, and the permutation of models over the groups wherever there
are enough of them for it to reach 0.05.
"""

from __future__ import annotations

import itertools
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis import verdicts
from analysis.grid import unit_means
from analysis.inference import detectable
from analysis.intervals import ONE_FAMILY, family_means
from analysis.paired import paired_test
from analysis.rows import ALL, adjust, rows, stacked
from analysis.stances import DECLINED

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from analysis.rows import Basis, Row

    Floats = NDArray[np.float64]
    Masks = NDArray[np.bool_]

MOST_ASSIGNMENTS = 20_000
"""All ways to spread the models over two groups are used up to here; beyond, they are drawn."""

WARNING = (
    "Groups are the models asked, not countries: a handful of models is no sample of what a"
    " country's developers build, and one of them can make the whole difference."
)
UNMEASURED = "none of its models is measurable here"
SHARED = "every model of one of them is of the other too"
UNMATCHED = "no question family has a stance on both sides"

GROUP = [
    *("country", "language", "topic", "stance", "low", "high", "models", "members", "families"),
    *("measurable", "reason"),
]
ORIGIN = [
    *("a", "b", "language", "topic", "stance_a", "stance_b", "difference", "low", "high", "p"),
    *("p_adjusted", "detectable", "models_a", "models_b", "without_low", "without_high"),
    *("moved_most_by", "p_models", "p_models_adjusted", "p_models_least", "families", "verdict"),
    *("measurable", "reason"),
]


def countries(models: pd.DataFrame) -> dict[str, frozenset[str]]:
    """The countries of each model's developer; none where it is not known.

    Args:
        models: ``id, country``, as in ``Tables.models``; several countries are parted by a slash.

    Examples:
        >>> table = pd.DataFrame({"id": ["x"], "country": ["France / United States"]})
        >>> sorted(countries(table)["x"])
        ['France', 'United States']
    """
    return {
        str(name): frozenset(
            part for part in re.split(r"\s*/\s*", str(text).strip()) if part and pd.notna(text)
        )
        for name, text in zip(models["id"], models["country"], strict=True)
    }


def country_table(basis: Basis, models: pd.DataFrame) -> pd.DataFrame:
    """The mean stance of the models of each country, by language and topic, ``all`` included.

    Args:
        basis: from `rows.basis`.
        models: ``id, country``, as in ``Tables.models``.

    Returns:
        Columns `GROUP`: ``stance`` is the mean over families of means over the models that are
        measurable there, ``low, high`` its interval over families given these models; ``models``
        how many those are, ``members`` their ids. A model of two countries counts in both.
    """
    home = countries(models)
    names = _names(basis, home)
    member = _membership(basis, home, names)
    stances = _stances(basis)
    parts = [_group(basis, stances, row, names, member) for row in rows(basis.grid.units) if names]
    return stacked(parts, GROUP)


def origin_table(basis: Basis, models: pd.DataFrame) -> pd.DataFrame:
    """The difference in stance between models of two countries, for every pair of countries.

    A model of both countries stands on neither side. A model whose country is not known is in no
    group.

    Args:
        basis: from `rows.basis`.
        models: ``id, country``, as in ``Tables.models``.

    Returns:
        Columns `ORIGIN`, a row per pair of countries, language and topic, ``all`` included; no rows
        with fewer than two countries:

        - ``difference``: mean of the models of a less that of b, on the families that have both;
          ``low, high, p, detectable`` over ``families``, given the models; Holm over the rows of
          all topics, Benjamini-Hochberg over single topics;
        - ``models_a, models_b``: how many are measurable and so count;
        - ``without_low, without_high``: least and greatest difference with one model left out,
          ``moved_most_by`` the model whose leaving moves it most; NaN where both sides have one
          model, and of the larger side only where one has;
        - ``p_models``: permutation of the models over the two sides, all ways or
          ``Settings.draws``; NaN where no p as low as 0.05 can come out;
          ``p_models_least``: the least that can, ``p_models_adjusted`` as ``p_adjusted``;
        - ``verdict``: sentences for the row, `WARNING` apart; ``measurable, reason``.

    References:
        Phipson & Smyth 2010, "Permutation p-values should never be zero".
    """
    home = countries(models)
    names = _names(basis, home)
    pairs = list(itertools.combinations(range(len(names)), 2))
    if not pairs:
        return pd.DataFrame(columns=ORIGIN)
    member = _membership(basis, home, names)
    sides = [(member[i] & ~member[j], member[j] & ~member[i]) for i, j in pairs]
    stances = _stances(basis)
    parts = [_part(basis, stances, row, sides) for row in rows(basis.grid.units)]
    if not parts:
        return pd.DataFrame(columns=ORIGIN)
    table = stacked(parts, [name for name in ORIGIN if name not in {"a", "b", "verdict", "reason"}])
    number = np.tile(np.arange(len(pairs)), len(parts))
    for side, of in (("a", 0), ("b", 1)):
        table[side] = [names[pair[of]] for pair in pairs] * len(parts)
    table["p_adjusted"] = adjust(table)
    table["p_models_adjusted"] = adjust(table.assign(p=table["p_models"]))
    table["reason"] = [
        _reason(basis, sides[i], line)
        for i, line in zip(number, table.to_dict("records"), strict=True)
    ]
    table["verdict"] = [_verdict(line) for line in table.to_dict("records")]
    return table[ORIGIN]


def _names(basis: Basis, home: dict[str, frozenset[str]]) -> list[str]:
    return sorted({name for model in basis.grid.models for name in home.get(model, frozenset())})


def _membership(basis: Basis, home: dict[str, frozenset[str]], names: list[str]) -> Masks:
    """Which models are of which country, ``(countries, models)``."""
    models = basis.grid.models
    return np.array([[name in home.get(m, frozenset()) for m in models] for name in names], bool)


def _stances(basis: Basis) -> Floats:
    """Stances where they are measurable, ``(models, units)``."""
    return np.where(basis.usable, unit_means(basis.grid, basis.grid.stance.T).T, np.nan)


def _averaged(stances: Floats, members: Masks) -> Floats:
    """Mean over the members that have a stance, ``(families, models)`` to ``(families, groups)``.

    Args:
        stances: with NaN for gaps.
        members: ``(groups, models)``.
    """
    count = (~np.isnan(stances)).astype(float) @ members.T
    total = np.nan_to_num(stances) @ members.T
    mean: Floats = np.divide(total, count, where=count > 0, out=np.full(total.shape, np.nan))
    return mean


def _group(
    basis: Basis, stances: Floats, row: Row, names: list[str], member: Masks
) -> dict[str, NDArray[Any]]:
    """The columns of a row for each country."""
    families = row.families(stances)
    means = family_means(
        _averaged(families, member),
        row.topics,
        seed=basis.settings.stream(f"country/{row.name}"),
        draws=basis.settings.draws,
        bounds=(-1, 1),
    )
    there = (~np.isnan(families)).any(0)
    models = [list(itertools.compress(basis.grid.models, group & there)) for group in member]
    usable = basis.usable[:, row.units].any(1)
    reasons = [
        ONE_FAMILY if n == 1 else "" if n else DECLINED if (group & usable).any() else UNMEASURED
        for n, group in zip(means.families, member, strict=True)
    ]
    return {
        "country": np.array(names, np.object_),
        "language": np.full(len(names), row.language, np.object_),
        "topic": np.full(len(names), row.topic, np.object_),
        "stance": means.value,
        "low": means.low,
        "high": means.high,
        "models": np.array([len(group) for group in models]),
        "members": np.array([", ".join(group) for group in models], np.object_),
        "families": means.families,
        "measurable": means.families > 0,
        "reason": np.array(reasons, np.object_),
    }


def _part(
    basis: Basis, stances: Floats, row: Row, sides: list[tuple[Masks, Masks]]
) -> dict[str, NDArray[Any]]:
    """The columns of a row for each pair of countries."""
    settings = basis.settings
    families = row.families(stances)
    there = (~np.isnan(families)).any(0)
    a, b = (np.array([side[of] & there for side in sides]) for of in (0, 1))
    one, two = _averaged(families, a), _averaged(families, b)
    means = family_means(
        one - two,
        row.topics,
        seed=settings.stream(f"origin/{row.name}"),
        draws=settings.draws,
        bounds=(-2, 2),
    )
    matched = np.where(np.isnan(one - two), np.nan, 1.0)
    return {
        "language": np.full(len(sides), row.language, np.object_),
        "topic": np.full(len(sides), row.topic, np.object_),
        "stance_a": row.mean(one * matched),
        "stance_b": row.mean(two * matched),
        "difference": means.value,
        "low": means.low,
        "high": means.high,
        "p": paired_test(
            one - two,
            row.topics,
            means,
            seed=settings.stream(f"origin flips/{row.name}"),
            draws=settings.draws,
        ),
        "detectable": detectable(means.se, means.df),
        "models_a": a.sum(1),
        "models_b": b.sum(1),
        **_without_one(basis, row, families, means.value, a, b),
        **_permuted(basis, row, row.mean(families), a, b),
        "families": means.families,
        "measurable": means.families > 0,
    }


def _without_one(
    basis: Basis, row: Row, families: Floats, value: Floats, a: Masks, b: Masks
) -> dict[str, NDArray[Any]]:
    """How far the difference moves when any one model is left out."""
    models = len(basis.grid.models)
    kept = ~np.eye(models, dtype=bool)
    # every pair without every model, (pairs * models, models)
    rest_a, rest_b = ((side[:, None, :] & kept).reshape(-1, models) for side in (a, b))
    left = row.mean(_averaged(families, rest_a) - _averaged(families, rest_b))
    left = np.where(a | b, left.reshape(len(a), models), np.nan)
    some = ~np.isnan(left).all(1)
    moved = np.nan_to_num(np.abs(left - value[:, None]), nan=-1.0)
    names = np.array(basis.grid.models, np.object_)
    return {
        "without_low": np.where(some, np.where(np.isnan(left), np.inf, left).min(1), np.nan),
        "without_high": np.where(some, np.where(np.isnan(left), -np.inf, left).max(1), np.nan),
        "moved_most_by": np.where(some, names[moved.argmax(1)], ""),
    }


def _permuted(basis: Basis, row: Row, means: Floats, a: Masks, b: Masks) -> dict[str, NDArray[Any]]:
    """Permutation of models, on the mean stance of each, and the least p that can come out."""
    p, least = np.full((2, len(a)), np.nan)
    settings = basis.settings
    for i, (one, two) in enumerate(zip(a, b, strict=True)):
        if not (one.any() and two.any()):
            continue
        first = int(one.sum())
        values = np.concatenate([means[one], means[two]])
        ways = math.comb(len(values), first)
        alike = 2 if 2 * first == len(values) else 1  # the sides exchanged are as far apart
        exact = ways <= MOST_ASSIGNMENTS
        least[i] = alike / ways if exact else max(alike / ways, 1 / (1 + settings.draws))
        if least[i] > verdicts.ALPHA:
            continue
        rng = np.random.default_rng(settings.stream(f"origin models/{row.name}"))
        chosen = (
            _assignments(len(values), first) if exact else _drawn(len(values), first, basis, rng)
        )
        side = chosen @ values
        apart = np.abs(side / first - (values.sum() - side) / (len(values) - first))
        seen = abs(values[:first].mean() - values[first:].mean())
        reached = int((apart >= seen * (1 - 1e-9) - 1e-12).sum())
        p[i] = reached / ways if exact else (1 + reached) / (1 + len(chosen))
    return {"p_models": p, "p_models_least": least}


@lru_cache(maxsize=8)
def _assignments(models: int, first: int) -> Floats:
    """All ways to choose the models of the first side, ``(ways, models)`` of 0 and 1."""
    at = np.array(list(itertools.combinations(range(models), first)))
    chosen = np.zeros((len(at), models))
    np.put_along_axis(chosen, at, 1.0, axis=1)
    return chosen


def _drawn(models: int, first: int, basis: Basis, rng: np.random.Generator) -> Floats:
    places = rng.random((basis.settings.draws, models)).argsort(1)
    return (places < first).astype(float)


def _reason(basis: Basis, sides: tuple[Masks, Masks], line: dict[Hashable, Any]) -> str:
    a, b = sides
    if line["families"]:
        return ONE_FAMILY if line["families"] == 1 else ""
    if not (a.any() and b.any()):
        return SHARED
    for side, country in ((a, line["a"]), (b, line["b"])):
        here = basis.grid.units["language"].isin([line["language"]]) | (line["language"] == ALL)
        if not basis.usable[np.ix_(side, here.to_numpy())].any():
            return f"{country}: {UNMEASURED}"
    return UNMATCHED


def _verdict(line: dict[Hashable, Any]) -> str:
    a, b = line["a"], line["b"]
    if not line["measurable"]:
        return f"Not measurable: {line['reason']}."
    one, two = (_counted(line[f"models_{side}"], line[side]) for side in ("a", "b"))
    shown = verdicts.interval(line["difference"], line["low"], line["high"])
    if line["p_adjusted"] <= verdicts.ALPHA:
        pole = "pro" if line["difference"] > 0 else "con"
        text = f"On these questions {one} leans further to the {pole} pole than {two} ({shown})."
    else:
        text = f"No difference in stance is shown between {one} and {two} ({shown})."
    if not math.isnan(line["without_low"]):
        low, high = (round(line[f"without_{end}"], 3) + 0.0 for end in ("low", "high"))
        text += (
            f" Without any one model it is {low:.3f} to {high:.3f}, moved most by"
            f" {line['moved_most_by']}."
        )
    total = line["models_a"] + line["models_b"]
    if math.isnan(line["p_models"]):
        return (
            f"{text} {total} models are too few to test a difference of {a} and {b}: the least p"
            f" that can come out is {line['p_models_least']:.2g}."
        )
    least = f"{line['p_models_least']:.2g} is the least that can come out of {total} models"
    return f"{text} With the models as the sample, p = {line['p_models_adjusted']:.2g} ({least})."


def _counted(models: int, country: str) -> str:
    return (
        f"the one model of {country}"
        if models == 1
        else f"the mean of {models} models of {country}"
    )
