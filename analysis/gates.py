"""Reliability gates: what a model must pass in a language before its stance is reported.

Order, negation and paraphrase are judged by one number, the *congruence* of two sets of stances x
and y that ought to be equal,

    sum(x y) / sum((x² + y²) / 2)

1 if they are the same, 0 if they have nothing to do with each other, -1 if each is the
opposite of the other: a correlation that is taken around the neutral stance and lets no difference
in size or level pass (Lin 1989 and Tucker 1951 are its relatives). It does not depend on how
strongly a model answers, so weak noise does not pass for consistency. At 0.5, three quarters of
the squared stance is common to both sides.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.grid import grid, level_means
from prompts.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analysis.grid import Grid

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Thresholds:
    """The least value at which each gate is passed.

    Attributes:
        coverage: mean probability that the model gives to the answers on offer, all labels
            together. Below a half it would rather have said something else.
        order: congruence of the stances with the options in forward and in reversed order.
        negation: congruence of the stances from a statement and from its opposite; a model that
            agrees with everything has -1.
        paraphrase: congruence of the stances between frames of a statement.
        controls: share of control statements, true and false ones, judged rightly; agreeing with
            everything gives 0.5.
    """

    coverage: float = 0.5
    order: float = 0.5
    negation: float = 0.5
    paraphrase: float = 0.5
    controls: float = 0.75


LEAST = Thresholds(coverage=0.0, order=-1.0, negation=-1.0, paraphrase=-1.0, controls=0.0)
"""What every model passes: gates off."""


def thresholds(text: str) -> Thresholds:
    """Thresholds as a user writes them; what is not named stays as it is.

    Args:
        text: such as ``order=0.3,controls=0.6``; ``off`` for gates that everything passes.

    Raises:
        UsageError: there is no such gate, or no value that it could have.

    Examples:
        >>> thresholds("order=0.3").order
        0.3
    """
    if text.strip() == "off":
        return LEAST
    least = asdict(LEAST)
    chosen: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        gate, _, number = (word.strip() for word in part.partition("="))
        if gate not in least:
            raise UsageError(
                f"There is no gate {gate or part!r}.",
                f"Gates are {', '.join(least)}; write them as order=0.3,controls=0.6, or off.",
            )
        try:
            chosen[gate] = float(number)
        except ValueError:
            chosen[gate] = float("nan")
        if not least[gate] <= chosen[gate] <= 1:
            raise UsageError(
                f"The gate {gate} cannot have the threshold {number!r}.",
                f"Give a number from {least[gate]:g} to 1, as in {gate}=0.6.",
            )
    return replace(Thresholds(), **chosen)


UNJUDGED = {
    "coverage": "no scored answers",
    "order": "nothing was asked in both orders, or every stance is 0",
    "negation": "no statement was asked with its opposite, or every stance is 0",
    "paraphrase": "nothing was asked in two frames, or every stance is 0",
    "controls": "no controls were asked",
}


def gates(scored: pd.DataFrame, models: Sequence[str], thresholds: Thresholds) -> pd.DataFrame:
    """Judge every model in every language.

    Args:
        scored: ``Tables.scored``, all tags.
        models: ids, in the order wanted.
        thresholds: the least values.

    Returns:
        ``model, language, gate, value, threshold, passed, reason``. A gate that could not be judged
        has value NaN, ``passed`` False and a reason.
    """
    languages = sorted(scored["language"].unique())
    control = scored["tag"] == "control"
    asked = grid(scored[~control], models)
    controls = grid(scored[control], models)
    every = pd.MultiIndex.from_product([models, languages])
    coverage = scored.groupby(["model", "language"])["coverage"].mean().reindex(every)
    values = {
        "coverage": coverage.to_numpy(float).reshape(len(models), len(languages)),
        "order": _order(asked, languages),
        "negation": _negation(asked, languages),
        "paraphrase": _paraphrase(asked, languages),
        "controls": _controls(controls, languages),
    }
    limits = asdict(thresholds)
    rows = [
        {
            "model": model,
            "language": language,
            "gate": gate,
            "value": value[i, j],
            "threshold": limits[gate],
            "passed": bool(value[i, j] >= limits[gate]),
            "reason": _reason(gate, value[i, j], limits[gate]),
        }
        for i, model in enumerate(models)
        for j, language in enumerate(languages)
        for gate, value in values.items()
    ]
    columns = ["model", "language", "gate", "value", "threshold", "passed", "reason"]
    return pd.DataFrame(rows, columns=columns)


def measurable(judged: pd.DataFrame) -> pd.DataFrame:
    """Whether each model can be measured in each language: it answered, and failed no gate.

    Args:
        judged: from `gates`.

    Returns:
        ``model, language, measurable, reasons``.
    """
    unanswered = (judged["gate"] == "coverage") & judged["value"].isna()
    failed = unanswered | (judged["value"].notna() & ~judged["passed"])
    reasons = judged["reason"].where(failed)
    grouped = reasons.groupby([judged["model"], judged["language"]], sort=False)
    result = grouped.agg(lambda texts: "; ".join(texts.dropna())).rename("reasons").reset_index()
    result.insert(2, "measurable", result["reasons"] == "")
    return result


def congruence(x: Floats, y: Floats) -> float:
    """How far two sets of stances agree around zero; pairs with a NaN are left out.

    Args:
        x: ``(n,)``.
        y: ``(n,)``.

    Returns:
        In [-1, 1]; NaN where there is no pair or all are 0.

    Examples:
        >>> congruence(np.array([0.5, -0.2]), np.array([-0.5, 0.2]))
        -1.0
    """
    there = ~np.isnan(x + y)
    size = 0.5 * float((x[there] ** 2 + y[there] ** 2).sum())
    return float((x[there] * y[there]).sum()) / size if size > 0 else float("nan")


def _reason(gate: str, value: float, threshold: float) -> str:
    if np.isnan(value):
        return UNJUDGED[gate]
    return "" if value >= threshold else f"{gate} {value:.2f}, below {threshold:g}"


def _order(asked: Grid, languages: list[str]) -> Floats:
    order = asked.cells["option_order"].to_numpy()
    sides = [
        level_means(np.where(order == way, asked.stance, np.nan).T, asked.frame)
        for way in ("forward", "reversed")
    ]
    return _by_language(asked, asked.frame, sides[0], sides[1], languages)


def _negation(asked: Grid, languages: list[str]) -> Floats:
    pole = asked.cells["pole"].to_numpy()
    sides = [
        level_means(np.where(pole == side, asked.stance, np.nan).T, asked.unit)
        for side in ("pro", "con")
    ]
    return _by_language(asked, asked.unit, sides[0], sides[1], languages)


def _by_language(
    asked: Grid, codes: NDArray[np.intp], x: Floats, y: Floats, languages: list[str]
) -> Floats:
    """Congruence by model and language of ``(runs, models)`` stances."""
    spoken = _languages(asked, codes)
    return np.array(
        [
            [congruence(x[spoken == name, i], y[spoken == name, i]) for name in languages]
            for i in range(len(asked.models))
        ]
    ).reshape(len(asked.models), len(languages))


def _paraphrase(asked: Grid, languages: list[str]) -> Floats:
    """Congruence over all pairs of frames of a statement, statements counting alike."""
    first = np.flatnonzero(np.diff(asked.frame, prepend=-1))
    item = asked.item[first]
    stances = level_means(asked.stance.T, asked.frame)
    there = ~np.isnan(stances)
    count = level_means(there.astype(float), item) * np.bincount(item)[:, None]
    mean = np.nan_to_num(level_means(stances, item))
    square = np.nan_to_num(level_means(stances**2, item))
    pairs = count > 1
    common = np.where(pairs, (count * mean**2 - square) / np.maximum(count - 1, 1), 0.0)
    square = np.where(pairs, square, 0.0)
    spoken = _languages(asked, asked.item)
    result = np.full((len(asked.models), len(languages)), np.nan)
    for j, name in enumerate(languages):
        size = square[spoken == name].sum(0)
        np.divide(common[spoken == name].sum(0), size, where=size > 0, out=result[:, j])
    return result


def _controls(asked: Grid, languages: list[str]) -> Floats:
    stances = level_means(level_means(asked.stance.T, asked.frame), _above(asked))
    right = np.where(np.isnan(stances), np.nan, stances > 0)
    spoken = _languages(asked, asked.item)
    result = np.full((len(asked.models), len(languages)), np.nan)
    for j, name in enumerate(languages):
        chosen = right[spoken == name]
        if len(chosen):
            result[:, j] = level_means(chosen, np.zeros(len(chosen), int))[0]
    return result


def _above(asked: Grid) -> NDArray[np.intp]:
    """The statement of each frame."""
    return asked.item[np.flatnonzero(np.diff(asked.frame, prepend=-1))]


def _languages(asked: Grid, codes: NDArray[np.intp]) -> NDArray[np.str_]:
    first = np.flatnonzero(np.diff(codes, prepend=-1))
    return asked.cells["language"].to_numpy(str)[first]
