"""What the language does to a model: the same model, matched statements, two languages.

The two languages of a model stand where two models stand elsewhere, on the cells that differ in
nothing but the language (topic, family, statement, frame and order by name), so divergence, noise
floor, excess and test are those of `divergences`, by the same code.

A difference has three causes that this cannot part: what the model learnt in each language, how
it reads them, and the translation. The noise floor takes out the wording *within* a language; one
translation per statement is all there is.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis import verdicts
from analysis.divergences import FEW_FRAMES, divergence_table
from analysis.grid import Grid
from analysis.inference import detectable, equivalence_test
from analysis.intervals import ONE_FAMILY, family_means
from analysis.matched import pair_up
from analysis.paired import paired_test
from analysis.rows import ALL, Basis, adjust, rows, stacked

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from analysis.matched import Pairs
    from analysis.rows import Row

    Codes = NDArray[np.intp]

MOST_FOR_ALL_PAIRS = 6
"""With more languages each is compared with one of reference, not with each other."""

UNMATCHED = "no statement was answered in both languages"
NO_STANCE = "there is no statement that is not declined in one of the languages"
TOO_FEW = "measurable in fewer than two of the languages compared"
NO_DIRECTION = "a difference has a sign between two languages only"

EFFECT = [
    *("model", "language_a", "language_b", "topic", "stance_a", "stance_b", "difference"),
    *("low", "high", "p", "p_adjusted", "p_equivalent", "detectable", "families", "verdict"),
    *("plain", "noise_a", "noise_b", "excess", "excess_low", "excess_high", "excess_p"),
    *("excess_p_adjusted", "excess_p_equivalent", "excess_detectable", "excess_families"),
    *("excess_verdict", "wasserstein", "cells", "measurable", "reason", "excess_reason"),
]
_KEY = ["topic", "family", "item", "frame", "option_order"]
_LINE = ["language", "topic", "model"]
_STANCE = [
    *("stance_a", "stance_b", "difference", "low", "high", "p", "p_equivalent", "detectable"),
    "families",
]
_NUMBERS = ["low", "high", "p_adjusted", "p_equivalent", "detectable"]


def language_table(basis: Basis, reference: str | None = None) -> pd.DataFrame:
    """Every model in every pair of languages by topic, ``all`` included; no rows for one language.

    With more than ``MOST_FOR_ALL_PAIRS`` languages, or when one is named, each is compared with the
    reference: the language in which most models are measurable, English among equals.

    Args:
        basis: from `rows.basis`.
        reference: a language that was asked.

    Returns:
        Columns `EFFECT`, a row per model, pair of languages and topic:

        - ``stance_a, stance_b, difference`` (a minus b), with ``low, high`` over families, on
          matched cells; ``p`` by `paired.paired_test`; ``p_equivalent`` that it is within the
          margin; ``detectable``; ``families``; ``verdict``;
        - ``plain, noise_a, noise_b, excess, wasserstein`` as in `divergences.divergence_table`,
          and its other columns with ``excess_`` before them;
        - ``cells``: matched ones; ``measurable``; ``reason`` why there is no number or interval,
          ``excess_reason`` likewise of the excess.

        In the rows where both languages are ``"all"`` excess and plain divergence are means over
        pairs; they have no difference. Their ``excess_p`` tests whether any pair differs
        (Bonferroni over the pairs, which share data). Holm over the rows of all topics, over models
        and pairs; Benjamini-Hochberg over single topics.

    Raises:
        ValueError: the reference was not asked.
    """
    pairs = _pairs(basis, reference)
    if not pairs:
        return pd.DataFrame(columns=EFFECT)
    sides = _sides(basis, pairs)
    count = len(basis.grid.models)
    rng = np.random.default_rng(basis.settings.stream("splits"))
    compared = pair_up(sides.grid, [(i, count + i) for i in range(count)], rng)
    excess = divergence_table(sides, compared).rename(columns={"a": "model"})
    excess = excess.rename(
        columns={name: f"excess_{name}" for name in [*_NUMBERS, "p", "families"]}
    )
    stances = stacked(
        [_differences(sides, compared, row) for row in rows(sides.grid.units)],
        [*_LINE, *_STANCE],
    )
    stances["p_adjusted"] = adjust(stances)
    table = excess.drop(columns=["reason", "verdict"]).merge(stances, on=_LINE, validate="1:1")
    table["excess_p"] = _whole_p(table)
    table["excess_p_adjusted"] = adjust(table.assign(p=table["excess_p"]))
    split = table["language"].where(table["language"] != ALL, f"{ALL} {ALL}").str.split(" ")
    table["language_a"], table["language_b"] = split.str[0], split.str[1]
    table["reason"] = [_reason(basis, pairs, line) for line in table.to_dict("records")]
    table["excess_reason"] = [
        line["reason"] if not line["cells"] else _few(int(line["excess_families"]), FEW_FRAMES)
        for line in table.to_dict("records")
    ]
    lines = table.to_dict("records")
    table["verdict"] = [_stance_verdict(line, basis.settings.margin) for line in lines]
    centre = reference or (pairs[0][1] if len({b for _, b in pairs}) == 1 else "")
    table["excess_verdict"] = [
        _excess_verdict(line, basis.settings.margin, centre) for line in lines
    ]
    return table[EFFECT]


def _pairs(basis: Basis, reference: str | None) -> list[tuple[str, str]]:
    languages = [str(name) for name in basis.grid.units["language"].drop_duplicates()]
    if reference is None and len(languages) <= MOST_FOR_ALL_PAIRS:
        return list(itertools.combinations(languages, 2))
    if reference is None:
        table = basis.measurable
        passed = table[table["measurable"]]["language"].value_counts()
        reference = min(languages, key=lambda name: (-passed.get(name, 0), name != "en", name))
    elif reference not in languages:
        raise ValueError(f"no statements were asked in {reference}, only in {languages}")
    return [(name, reference) for name in languages if name != reference]


def _sides(basis: Basis, pairs: list[tuple[str, str]]) -> Basis:
    """A basis whose languages are the pairs, and whose models are each model in either of them."""
    asked = basis.grid
    cells = asked.cells[["language", *_KEY]].assign(at=np.arange(len(asked.cells)))
    # cells that differ in nothing that has a name are matched in their order
    cells["again"] = cells.groupby(["language", *_KEY], observed=True).cumcount()
    spoken = dict(list(cells.groupby("language")))
    found = [
        spoken[a].merge(spoken[b], on=[*_KEY, "again"], suffixes=("_a", "_b")).sort_values("at_a")
        for a, b in pairs
    ]
    pair = np.repeat(np.arange(len(pairs)), [len(match) for match in found])
    one, two = (np.concatenate([match[side] for match in found]) for side in ("at_a", "at_b"))
    names = np.array([f"{a} {b}" for a, b in pairs], np.object_)
    frame, item, unit = (_runs(pair, codes[one]) for codes in (asked.frame, asked.item, asked.unit))
    matched = asked.cells.iloc[one].reset_index(drop=True)
    matched["language"] = names[pair]
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    models = [*asked.models, *(f"{name} (second language)" for name in asked.models)]
    return Basis(
        grid=Grid(
            models=models,
            cells=matched,
            units=matched.iloc[first][["language", "topic", "family"]].reset_index(drop=True),
            p=np.concatenate([asked.p[:, one], asked.p[:, two]]),
            stance=np.concatenate([asked.stance[:, one], asked.stance[:, two]]),
            frame=frame,
            item=item,
            unit=unit,
        ),
        gates=basis.gates,
        measurable=pd.DataFrame(
            [(model, name, True, "") for model in models for name in names],
            columns=["model", "language", "measurable", "reasons"],
        ),
        usable=np.concatenate(
            [basis.usable[:, asked.unit[one[first]]], basis.usable[:, asked.unit[two[first]]]]
        ),
        settings=basis.settings,
    )


def _runs(pair: Codes, codes: Codes) -> Codes:
    """Number the runs of equal codes of one pair."""
    changed = (np.diff(codes, prepend=-1) != 0) | (np.diff(pair, prepend=-1) != 0)
    return np.cumsum(changed) - 1


def _differences(sides: Basis, compared: Pairs, row: Row) -> dict[str, NDArray[Any]]:
    """The columns on stance of a row, for each model."""
    count = len(compared.pairs)
    names = {
        "language": np.full(count, row.language, np.object_),
        "topic": np.full(count, row.topic, np.object_),
        "model": np.array(sides.grid.models[:count], np.object_),
    }
    if row.language == ALL:
        return names | {
            name: np.full(count, 0 if name == "families" else np.nan) for name in _STANCE
        }
    settings = sides.settings
    usable = sides.usable[:count] & sides.usable[count:]
    one, two = (
        row.families(np.where(usable, side, np.nan))
        for side in (compared.stance_a, compared.stance_b)
    )
    means = family_means(
        one - two,
        row.topics,
        seed=settings.stream(f"language/{row.name}"),
        draws=settings.draws,
        bounds=(-2, 2),
    )
    return names | {
        "stance_a": row.mean(one),
        "stance_b": row.mean(two),
        "difference": means.value,
        "low": means.low,
        "high": means.high,
        "p": paired_test(
            one - two,
            row.topics,
            means,
            seed=settings.stream(f"language flips/{row.name}"),
            draws=settings.draws,
        ),
        "p_equivalent": equivalence_test(means.value, means.se, means.df, settings.margin),
        "detectable": detectable(means.se, means.df),
        "families": means.families,
    }


def _whole_p(table: pd.DataFrame) -> pd.Series[float]:
    """The p of the rows of all pairs from those of each: they share data, so by Bonferroni."""
    single = table[table["language"] != ALL].groupby(["model", "topic"])["excess_p"]
    joint = (single.min() * single.count()).clip(upper=1).rename("joint").reset_index()
    whole = table[["model", "topic"]].merge(joint, how="left", on=["model", "topic"])["joint"]
    return table["excess_p"].where(table["language"] != ALL, whole)


def _reason(basis: Basis, pairs: list[tuple[str, str]], line: dict[Hashable, Any]) -> str:
    model = line["model"]
    if line["language"] == ALL:
        able = any(not any(basis.failures[model, name] for name in pair) for pair in pairs)
        return (NO_DIRECTION if line["cells"] else UNMATCHED) if able else TOO_FEW
    failures = [(name, basis.failures[model, name]) for name in line["language"].split(" ")]
    failed = ", ".join(f"in {name}: {text}" for name, text in failures if text)
    if failed:
        return failed
    return _few(line["families"], NO_STANCE) if line["cells"] else UNMATCHED


def _few(families: int, none: str) -> str:
    return none if families == 0 else ONE_FAMILY if families == 1 else ""


def _stance_verdict(line: dict[Hashable, Any], margin: float) -> str:
    if not line["families"]:
        return f"Not measurable: {line['reason']}."
    return verdicts.stance(
        *(f"{line['model']} in {line[side]}" for side in ("language_a", "language_b")),
        difference=line["difference"],
        margin=margin,
        **{name: line[name] for name in _NUMBERS},
    )


def _excess_verdict(line: dict[Hashable, Any], margin: float, centre: str) -> str:
    if not line["excess_families"]:
        beyond = " beyond noise" if line["cells"] else ""
        return f"Not measurable{beyond}: {line['excess_reason']}."
    spoken = line["language_a"], line["language_b"]
    if line["language"] == ALL:
        spoken = (centre, "the other languages") if centre else ("one language", "another")
    return verdicts.divergence(
        *(f"{line['model']} in {name}" for name in spoken),
        excess=line["excess"],
        margin=margin,
        **{name: line[f"excess_{name}"] for name in _NUMBERS},
    )
