"""The headline difference of two models under every reasonable choice of analysis.

A number that holds under one way to ask and to count may not hold under another that is as good.
So the difference in stance over all topics is computed under every combination of the choices
below (a *specification*) and all of them are shown: the multiverse of Steegen et al. 2016, as the
specification curve of Simonsohn, Simmons & Nelson 2020.

The joint test swaps the models in whole families, the same swaps for every specification, and asks
how often chance alone would give a median difference as large, or as many significant
specifications of the majority's sign. Specifications are not independent: a share of them is no
probability.

References:
    Steegen, Tuerlinckx, Gelman & Vanpaemel 2016, "Increasing transparency through a multiverse
    analysis", Perspect. Psychol. Sci. 11; Simonsohn, Simmons & Nelson 2020, "Specification curve
    analysis", Nature Human Behaviour 4.
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
from analysis.paired import LEAST_FOR_FLIPS
from analysis.rows import THRESHOLDS, Settings, basis, rows
from analysis.verdicts import ALPHA
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from analysis.gates import Thresholds
    from analysis.grid import Grid
    from analysis.rows import Row
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

COLUMNS = [*CHOICES, "difference", "low", "high", "p", "families", "headline", "reason"]

_KINDS = {"agree": "statements", "choose": "choices"}
_SPOKEN = ("pro", "both", "con")
_SILENT = ("deflects", "refuses", "degenerate")


@dataclass(frozen=True)
class Multiverse:
    """A difference under every choice.

    Attributes:
        a: id of the first model.
        b: id of the second model.
        table: a row per specification: a column per choice, then ``difference`` (a minus b),
            ``low, high, p, families, headline, reason``; by size of the difference, those that
            cannot be measured last, NaN with the reason.
        same_sign: specifications with the headline's sign, of those measured.
        significant: of these, with p of 0.05 or less, not corrected.
        against: specifications of the other sign with such a p.
        p_median: chance of a median difference as large if the models were alike.
        p_share: chance of as many significant specifications of one sign.
        summary: what these numbers say, in a sentence.
        notes: sentences that must stand under the table.
    """

    a: str
    b: str
    table: pd.DataFrame
    same_sign: int
    significant: int
    against: int
    p_median: float
    p_share: float
    summary: str
    notes: list[str]


def multiverse(
    tables: Tables,
    a: str,
    b: str,
    *,
    draws: int = 2000,
    seed: int = 0,
    thresholds: Thresholds = THRESHOLDS,
) -> Multiverse:
    """Compute the difference in stance of two models under every reasonable choice.

    Choices that make no difference in this run (a way out that nobody took, gates that both pass
    in every language, one alphabet only) are not counted as specifications.

    Args:
        tables: as in `study.compare`.
        a: id of a model.
        b: id of another model.
        draws: resamples, and swaps.
        seed: of both.
        thresholds: of the gates.

    Raises:
        AnalysisError: a model did not answer, both are the same, or probabilities do not sum to
            one.
    """
    if a == b:
        raise AnalysisError(f"{a} is compared with itself.", "Name two models.")
    for name in (a, b):
        if not ((tables.scored["model"] == name).any() or (tables.opened["model"] == name).any()):
            raise AnalysisError(f"There is no model {name} in this run.", "Name two that answered.")
    settings = Settings(draws, seed, thresholds=thresholds)
    scored = tables.scored[tables.scored["model"].isin([a, b])]
    found = basis(scored, [a, b], settings)
    passed = found.measurable.groupby("language")["measurable"].all()
    sources = [_scored(scored, found.grid)]
    sources += _written(tables, [a, b])
    parts = [_specified(source, passed, settings) for source in sources if len(source.cells)]
    parts = [part for part in parts if len(part[0])]
    if not parts:
        raise AnalysisError(
            f"{a} and {b} answered no contested question in common.",
            "Ask both the same questions, with `doxa run`.",
        )
    table = pd.concat([part[0] for part in parts], ignore_index=True)
    drawn = np.hstack([part[1] for part in parts])
    table["headline"] = table.index == 0
    return _summed_up(a, b, table, drawn)


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
    opened = opened[opened["topic"].map(tags).fillna("contested") == "contested"]
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
    able = asked.units["language"].map(passed).fillna(False).to_numpy(bool)
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
    tables = [
        pd.DataFrame(specs).assign(
            average=how,
            difference=one.value,
            low=one.low,
            high=one.high,
            p=one.p,
            families=one.families,
            reason=[
                _reason(n, spec["gates"], able) for n, spec in zip(one.families, specs, strict=True)
            ],
        )
        for how, one in zip(ways, found, strict=True)
    ]
    return pd.concat(tables, ignore_index=True), np.hstack([one.swapped for one in found])


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


def _summed_up(a: str, b: str, table: pd.DataFrame, drawn: Floats) -> Multiverse:
    measured = table["difference"].notna().to_numpy()
    difference = table["difference"].to_numpy(float)
    head = difference[0]
    middle = float(np.median(difference[measured])) if measured.any() else float("nan")
    sign = np.sign(middle if np.isnan(head) else head)
    with_sign = measured & (np.sign(np.nan_to_num(difference)) == sign)
    clear = (table["p"] <= ALPHA).to_numpy()
    same, significant = int(with_sign.sum()), int((with_sign & clear).sum())
    against = int((measured & ~with_sign & clear).sum())
    p_median, p_share = _joint(table, drawn)
    order = table["difference"].sort_values(kind="stable", na_position="last").index
    return Multiverse(
        a=a,
        b=b,
        table=table.loc[order, COLUMNS].reset_index(drop=True),
        same_sign=same,
        significant=significant,
        against=against,
        p_median=p_median,
        p_share=p_share,
        summary=_summary(
            table,
            same=same,
            significant=significant,
            against=against,
            middle=middle,
            p_median=p_median,
            p_share=p_share,
        ),
        notes=_notes(table),
    )


def _joint(table: pd.DataFrame, drawn: Floats) -> tuple[float, float]:
    """P-values of the median difference and of the number of significant specifications."""
    kept = (table["families"] >= LEAST_FOR_FLIPS).to_numpy()
    if not kept.any():
        return float("nan"), float("nan")
    observed = table["difference"].to_numpy(float)[kept]
    values = np.vstack([observed, drawn[:, kept]])
    middle = np.abs(np.median(values, axis=1))
    clear = np.abs(values) >= np.quantile(np.abs(values), 1 - ALPHA, axis=0)
    most = np.maximum((clear & (values > 0)).sum(1), (clear & (values < 0)).sum(1))
    slack = 1 - 1e-9
    return float((middle >= middle[0] * slack).mean()), float((most >= most[0] * slack).mean())


def _summary(
    table: pd.DataFrame,
    *,
    same: int,
    significant: int,
    against: int,
    middle: float,
    p_median: float,
    p_share: float,
) -> str:
    measured = int(table["difference"].notna().sum())
    head = table.iloc[0]
    if not measured:
        return f"None of {len(table)} specifications can be measured ({head['reason']})."
    if np.isnan(head["difference"]):
        start = f"The headline is not measurable ({head['reason']})."
        which = f"the median of {middle:.3f}"
    else:
        start, which = "", f"the headline difference of {head['difference']:.3f}"
    sentence = (
        f"{start} Of {measured} specifications, {same} ({same / measured:.0%}) have the sign of"
        f" {which}, {significant} ({significant / measured:.0%}) of them with p of {ALPHA:g} or"
        f" less, uncorrected, and {against} are as clear on the other side."
    )
    if not np.isnan(p_median):
        sentence += (
            f" If the models were alike, so large a median difference ({middle:.3f}) would have"
            f" p = {p_median:.3f}, and so many clear specifications of one sign p = {p_share:.3f}."
        )
    return sentence.strip()


def _notes(table: pd.DataFrame) -> list[str]:
    notes = [
        "Specifications share their answers: the share of them that agrees is no probability.",
        "Choices that change nothing in this run are not counted.",
    ]
    missing = int(table["difference"].isna().sum())
    if missing:
        notes.append(f"{missing} of {len(table)} specifications cannot be measured.")
    few = int((table["families"].between(1, LEAST_FOR_FLIPS - 1)).sum())
    if few:
        notes.append(
            f"{few} specifications have fewer than {LEAST_FOR_FLIPS} families: they are tested by"
            " t, topic medians not at all, and they are not in the joint test."
        )
    return notes
