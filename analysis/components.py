"""What the answers of two models vary by, on the scale of the simulated backend.

A model that stands at *position* x gives the option of value v a weight of

    exp(-sharpness (x - v)²)

as the simulated backend does. Positions are sums of independent parts, one per level, and each
part has a standard deviation here. Only a model's own part moves its difference from another model;
what all models have in common cancels and only says where on the scale they stand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.gates import gates, measurable
from analysis.grid import probability_columns
from analysis.rows import THRESHOLDS
from probes.backends.simulated import SHARPNESS, WORDING_NOISE
from probes.plan import AGREE_VALUES
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.tables import Tables

    Floats = NDArray[np.float64]

VALUES = np.array(AGREE_VALUES)
LEVELS = ["language", "topic", "family", "item", "frame", "option_order"]

_SHARP = np.geomspace(0.3, 30, 41)


@dataclass(frozen=True)
class Components:
    """Standard deviations of the parts of a position, and the sharpness of answers.

    ``sharpness`` and ``wording`` are by default those of the simulated backend. The others are
    planning values, not measurements: models that share most of what moves them (``shared``), and
    differ on a topic and on a question family about as much as on a wording. The simulated
    backend's own models share nothing, which would be ``Components(shared=0, topic=0,
    family=0.58, statement=0, order=0)`` and needs several times the families.

    Attributes:
        sharpness: 0 answers at random, 10 puts nearly all on one option.
        shared: what the models have in common on a family.
        topic: a model's own, on all families of a topic.
        family: its own, on a family.
        statement: its own, on one of the two statements of a family.
        wording: its own, on a statement in a frame.
        order: its own, on a statement in a frame and an order of options.
    """

    sharpness: float = SHARPNESS
    shared: float = 0.5
    topic: float = 0.25
    family: float = 0.25
    statement: float = 0.15
    wording: float = WORDING_NOISE
    order: float = 0.15


@dataclass(frozen=True)
class Estimate:
    """Components of a run.

    Attributes:
        components: what a run cannot tell keeps its default.
        notes: on what they were estimated, and what could not be.
    """

    components: Components
    notes: list[str]


def answers(position: Floats, sharpness: float) -> Floats:
    """What a model at a position answers on the four-point scale.

    Args:
        position: ``(...)`` towards the ``pro`` pole.
        sharpness: of its answers.

    Returns:
        ``(..., 4)`` probabilities of the options from most pro to most con.

    Examples:
        >>> answers(np.array(1.0), 2.5).round(2)
        array([0.75, 0.25, 0.01, 0.  ])
    """
    # exp(-s (x - v)²) without the part that all options share; values are -3, -1, 1, 3 thirds
    third = np.exp(sharpness / 1.5 * position)
    weights = np.empty((*position.shape, len(VALUES)))
    np.power(third, 3, out=weights[..., 0])
    weights[..., 1] = third * math.exp(sharpness * (1 - 1 / 9))
    weights[..., 2] = math.exp(sharpness * (1 - 1 / 9)) / third
    np.divide(1, weights[..., 0], out=weights[..., 3])
    weights /= weights.sum(-1, keepdims=True)
    return weights


def estimate(tables: Tables) -> Estimate:
    """Components of a run by the method of moments.

    Each cell's stance is taken back to the position that would give it, with one sharpness that
    matches the mean spread within answers. What a model adds by language, frame, pole and order
    alone is taken out, because it is the same in all families. The nested means of each model's
    deviations from the mean of all models then give the variances level by level, from below; a
    negative one is 0.

    Args:
        tables: of a run with statements on the four-point scale and two models or more. Those
            models are used that pass the gates together, in the languages where they do; or all
            where no two pass in the same language.

    Raises:
        AnalysisError: there are no such statements, or fewer than two models answered the same.

    References:
        Searle, Casella & McCulloch 1992, "Variance components", chapter 5.
    """
    scored = tables.scored
    chosen = scored[
        (scored["tag"] == "contested")
        & (scored["kind"] == "agree")
        & (scored["K"] == len(VALUES))
        & scored["stance"].notna()
    ]
    chosen, notes = _readable(scored, chosen)
    sharpness, position = _positions(chosen)
    wide = (
        chosen.assign(position=position)
        .pivot_table(index=[*LEVELS, "pole"], columns="model", values="position")
        .dropna()
    )
    models = wide.shape[1]
    if models < 2 or not len(wide):
        raise AnalysisError(
            "The run does not hold two models that answered the same statements on a scale of four"
            " options.",
            "Take a run of two models or more with `agree` questions, or leave --from away.",
        )
    wide = _without_bias(wide)
    mean = wide.mean(axis=1)
    own = pd.DataFrame([_nested(wide[model] - mean) for model in wide.columns]).mean() * (
        models / (models - 1)
    )
    common = _nested(mean) - own / models
    found: dict[str, float] = {"sharpness": sharpness}
    names = dict(zip(LEVELS[1:], ("topic", "family", "statement", "wording", "order"), strict=True))
    for level, name in names.items():
        if np.isnan(own[level]):
            notes.append(f"The part '{name}' cannot be told from this run; the default is used.")
        else:
            found[name] = _root(own[level])
    if np.isnan(own["family"]):  # one family a topic: what is the topic's cannot be told apart
        found["family"] = found.pop("topic", Components.family)
        found["topic"] = 0.0
        notes[-1] = (
            "One question family a topic: what is the topic's cannot be told from what is the"
            " family's, and all of it is taken to be the family's."
        )
    if not np.isnan(common["topic"]):
        found["shared"] = _root(common["topic"] + np.nan_to_num(common["family"]))
    notes.insert(
        0,
        f"Variance components are estimated from {models} models on {len(wide):,} cells each.",
    )
    return Estimate(replace(Components(), **found), notes)


def _readable(scored: pd.DataFrame, chosen: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The answers where the gates are passed by two models or more, else all."""
    models = list(chosen["model"].unique())
    if len(models) < 2:
        return chosen, []
    passed = measurable(gates(scored, models, THRESHOLDS))
    able = passed[passed["measurable"]].groupby("language")["model"].agg(set)
    together: set[str] = max(able, key=len, default=set())
    if len(together) > 1:
        spoken = [language for language, known in able.items() if together <= known]
        return chosen[chosen["model"].isin(together) & chosen["language"].isin(spoken)], []
    note = (
        "No two models pass the gates in any language, so the components are those of models that"
        " cannot be read; plan with care."
    )
    return chosen, [note]


def _positions(chosen: pd.DataFrame) -> tuple[float, Floats]:
    """The sharpness of answers, and the position behind each stance."""
    if not len(chosen):
        return SHARPNESS, np.empty(0)
    p = chosen[probability_columns(chosen)[: len(VALUES)]].to_numpy(float)
    p = p / p.sum(1, keepdims=True)
    stance = p @ VALUES
    within = float((p @ VALUES**2 - stance**2).mean())
    spreads = []
    for sharpness in _SHARP:
        at = answers(_invert(stance, sharpness), sharpness)
        spreads.append(float((at @ VALUES**2 - (at @ VALUES) ** 2).mean()))
    order = np.argsort(spreads)
    sharpness = float(np.interp(within, np.array(spreads)[order], _SHARP[order]))
    return sharpness, _invert(stance, sharpness)


def _without_bias(wide: pd.DataFrame) -> pd.DataFrame:
    """Take out each model's mean in a frame, order, pole and language; keep that of the language.

    What is left is scaled up for the means that were taken from it.
    """
    group = wide.groupby(level=["language", "frame", "option_order", "pole"])
    size = group.transform("size").clip(lower=2).to_numpy()
    left = (wide - group.transform("mean")).mul(np.sqrt(size / (size - 1)), axis=0)
    return left + wide.groupby(level="language").transform("mean")


def _invert(stance: Floats, sharpness: float) -> Floats:
    reach = 1.5 + 7.5 / sharpness  # where nearly all weight is on the last option
    positions = np.linspace(-reach, reach, 2001)
    return np.interp(stance, answers(positions, sharpness) @ VALUES, positions)


def _nested(values: pd.Series[float]) -> pd.Series[float]:
    """Variances of the levels below language; NaN for a level that never has two members."""
    table = pd.DataFrame({"mean": values, "error": 0.0}).groupby(level=LEVELS).mean()
    found = {}
    for depth in range(len(LEVELS) - 1, 0, -1):
        groups = table.groupby(level=LEVELS[:depth])
        size, error = groups["mean"].size(), groups["error"].mean()
        df = size - 1
        if df.sum() == 0:
            found[LEVELS[depth]], extra = np.nan, 0.0
        else:
            spread = (groups["mean"].var(ddof=1).fillna(0.0) - error) * df
            found[LEVELS[depth]] = extra = float(spread.sum() / df.sum())
        table = pd.DataFrame({"mean": groups["mean"].mean(), "error": (extra + error) / size})
    return pd.Series(found)[LEVELS[1:]]


def _root(variance: float) -> float:
    return float(np.sqrt(max(variance, 0.0)))
