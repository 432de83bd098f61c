"""The headline difference of two models under every reasonable choice of analysis.

A number that holds under one way to ask and to count may not hold under another that is as good.
So the difference in stance over all topics is computed under every combination of choices (a
*specification*, see `specifications`) and all of them are shown: the multiverse of Steegen et al.
2016, as the specification curve of Simonsohn, Simmons & Nelson 2020.

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

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.paired import LEAST_FOR_FLIPS
from analysis.rows import THRESHOLDS, Settings
from analysis.specifications import CHOICES, specifications
from analysis.verdicts import ALPHA
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.gates import Thresholds
    from analysis.tables import Tables

    Floats = NDArray[np.float64]

COLUMNS = [*CHOICES, "difference", "low", "high", "p", "families", "headline", "reason"]
BY_OPTION = [
    *("choice", "option", "specifications", "measured", "median", "least", "most"),
    *("same_sign", "significant"),
]


@dataclass(frozen=True)
class Multiverse:
    """A difference under every choice.

    Attributes:
        a: id of the first model.
        b: id of the second model.
        table: a row per specification: a column per choice, then ``difference`` (a minus b),
            ``low, high, p, families, headline, reason``; by size of the difference, those that
            cannot be measured last, NaN with the reason.
        options: a row per option of each choice that made a difference: ``choice, option,
            specifications, measured`` (with that option), ``median, least, most`` of their
            differences, and how many are of ``same_sign`` and how many of these ``significant``,
            counted as below.
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
    options: pd.DataFrame
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

    Returns:
        Where the two answered no contested question, tables without a row, and a summary that
        says so.

    Raises:
        AnalysisError: a model is not in the run, both are the same, or probabilities do not sum
            to one.
    """
    if a == b:
        raise AnalysisError(f"{a} is compared with itself.", "Name two models.")
    known = {*tables.models["id"], *tables.scored["model"], *tables.opened["model"]}
    for name in (a, b):
        if name not in known:
            raise AnalysisError(
                f"There is no model {name} in this run.",
                f"It holds {', '.join(sorted(map(str, known)))}.",
            )
    table, drawn = specifications(tables, a, b, Settings(draws, seed, thresholds=thresholds))
    if table.empty:
        return _nothing(a, b)
    return _summed_up(a, b, table.assign(headline=table.index == 0), drawn)


def _nothing(a: str, b: str) -> Multiverse:
    return Multiverse(
        a=a,
        b=b,
        table=pd.DataFrame(columns=COLUMNS),
        options=pd.DataFrame(columns=BY_OPTION),
        same_sign=0,
        significant=0,
        against=0,
        p_median=float("nan"),
        p_share=float("nan"),
        summary=f"{a} and {b} answered no contested question.",
        notes=[],
    )


def _summed_up(a: str, b: str, table: pd.DataFrame, drawn: Floats) -> Multiverse:
    difference = table["difference"].to_numpy(float)
    measured = ~np.isnan(difference)
    middle = float(np.median(difference[measured])) if measured.any() else float("nan")
    sign = np.sign(middle if np.isnan(difference[0]) else difference[0])
    with_sign = measured & (np.sign(np.nan_to_num(difference)) == sign)
    clear = (table["p"] <= ALPHA).to_numpy()
    counted = table.assign(same_sign=with_sign, significant=with_sign & clear)
    found = {
        "same_sign": int(with_sign.sum()),
        "significant": int((with_sign & clear).sum()),
        "against": int((measured & ~with_sign & clear).sum()),
    }
    p_median, p_share = _joint(table, drawn)
    order = table["difference"].sort_values(kind="stable", na_position="last").index
    return Multiverse(
        a=a,
        b=b,
        table=table.loc[order, COLUMNS].reset_index(drop=True),
        options=_by_option(counted),
        **found,
        p_median=p_median,
        p_share=p_share,
        summary=_summary(
            f"{a} minus {b}", table, middle=middle, p_median=p_median, p_share=p_share, **found
        ),
        notes=_notes(table),
    )


def _by_option(table: pd.DataFrame) -> pd.DataFrame:
    """What the specifications with each option come to; columns `BY_OPTION`."""
    parts = []
    for choice, options in CHOICES.items():
        used = table[choice].unique()
        if len(used) < 2:
            continue
        found = table.groupby(choice).agg(
            specifications=("difference", "size"),
            measured=("difference", "count"),
            median=("difference", "median"),
            least=("difference", "min"),
            most=("difference", "max"),
            same_sign=("same_sign", "sum"),
            significant=("significant", "sum"),
        )
        shown = [option for option in (*options, *sorted({*used} - {*options})) if option in used]
        part = found.loc[shown].rename_axis("option").reset_index()
        parts.append(part.assign(choice=choice))
    return (
        pd.concat(parts)[BY_OPTION].reset_index(drop=True)
        if parts
        else pd.DataFrame(columns=BY_OPTION)
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
    which: str,
    table: pd.DataFrame,
    *,
    same_sign: int,
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
        start = f"The headline is not measurable ({head['reason']}). "
        name = f"the median difference of {_number(middle)} ({which})"
    else:
        start, name = "", f"the headline difference of {_number(head['difference'])} ({which})"
    sentence = (
        f"{start}Of {measured} specifications, {same_sign} ({same_sign / measured:.0%}) have the"
        f" sign of {name}, {significant} ({significant / measured:.0%}) of them with p of"
        f" {ALPHA:g} or less, uncorrected, and {against} are as clear on the other side."
    )
    if not np.isnan(p_median):
        sentence += (
            f" If the models were alike, a median difference as large as {_number(middle)} would"
            f" have {_chance(p_median)}, and as many clear specifications on one side"
            f" {_chance(p_share)}."
        )
    return sentence


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"  # + 0.0: there is no negative zero


def _chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


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
