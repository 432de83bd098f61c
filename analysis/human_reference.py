"""How near a model's stances are to national publics in published surveys.

The figures, their sources, standard errors and caveats are in ``analysis/reference/README.md``;
which survey item a topic of the core battery matches, and how closely, in ``items.csv`` beside it.

A *distance* is the mean over items of the absolute difference between the model's stance on the
topic and the public's mean, both on [-1, 1]. A survey's "can it be justified?" is not our "do you
agree?", so the distance has an unknown part that is common to all publics of a survey: their *rank*
counts for more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.grid import level_means, unit_means
from analysis.intervals import ONE_FAMILY, family_means
from analysis.resampling import family_weights
from analysis.rows import ALL, rows, stacked
from analysis.stances import NOWHERE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.rows import Basis, Row

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Columns = dict[str, NDArray[Any]]

SURVEYS = {"wvs7": "World Values Survey, wave 7 (2017-2022)", "pew2013": "Pew, 2013"}
"""What each survey is called."""

MOST_DRAWS = 500
"""For ranks, which are whole numbers."""

LEAST_FOR_CORRELATION = 4
"""Items; with fewer a correlation is nearly always close to 1 or -1."""

UNASKED = "no topic that the survey asks about was answered"
NOT_IN_SURVEY = "the survey left an item out here"
ALONE = "a topic has one question family only: there is no interval of the rank"

WARNING = (
    "Surveys ask whether an act can be justified or is morally acceptable, doxa whether the model"
    " agrees with statements about it: these are not the same question, so ranks count for more"
    " than distances."
)
NUMBERS = [
    *("distance", "low", "high", "rank", "rank_low", "rank_high"),
    *("correlation", "correlation_low", "correlation_high"),
]
PUBLICS = [
    *("model", "language", "survey", "country", "public", *NUMBERS),
    *("ranked", "items", "measurable", "reason"),
]
ITEMS = [
    *("model", "language", "survey", "item", "topic", "wording", "stance", "low", "high"),
    *("below", "publics", "measurable", "reason"),
]
DRIVERS = [
    *("model", "language", "survey", "country", "public", "item", "topic", "stance", "mean"),
    *("difference", "share"),
]


@dataclass(frozen=True)
class HumanReference:
    """Models against national publics. Undefined numbers are NaN and ``reason`` says why.

    Attributes:
        publics: ``PUBLICS``; ``rank`` 1 is the nearest of ``ranked`` publics, and equal distances
            share the better rank. The interval of the rank is over question families and the
            surveys' own error. ``correlation`` is over items, and needs four.
        items: ``ITEMS``; ``below`` is the share of the ``publics`` whose mean is less than the
            model's stance.
        drivers: ``DRIVERS``; ``difference`` is the model's stance less the public's mean,
            ``share`` the item's part of the distance.
        reference: the figures: ``survey, item, topic, sign, wording, why, country, public, mean,
            se``, with ``mean`` turned so that 1 is the topic's ``pro`` pole.
        notes: sentences that must stand under the tables.
    """

    publics: pd.DataFrame
    items: pd.DataFrame
    drivers: pd.DataFrame
    reference: pd.DataFrame
    notes: list[str]


@dataclass(frozen=True)
class _Survey:
    """The means of a survey: ``mean`` and ``se`` are ``(publics, items)``; NaN where not asked."""

    name: str
    items: pd.DataFrame
    countries: pd.Series[str]
    mean: Floats
    se: Floats
    noise: Floats  # (draws, publics, items), the survey's own error


def reference_table(basis: Basis) -> HumanReference:
    """Hold every model, by language asked, against the publics of every survey.

    Topics are matched by their id, so a battery of one's own that uses the id of a core topic must
    use its poles.
    """
    reference = figures()
    reference = reference[reference["topic"].isin(basis.grid.units["topic"].unique())]
    if not len(reference):
        publics, items, drivers = (
            pd.DataFrame(columns=columns) for columns in (PUBLICS, ITEMS, DRIVERS)
        )
        note = "No topic that was asked stands in the surveys that doxa knows."
        return HumanReference(publics, items, drivers, reference, [note])
    by_place = {(row.language, row.topic): row for row in rows(basis.grid.units)}
    languages = list(dict.fromkeys(language for language, _ in by_place))
    units = unit_means(basis.grid, basis.grid.stance.T).T
    values = np.where(basis.usable, units, np.nan)
    near: list[Columns] = []
    stood: list[dict[str, Any]] = []
    driven: list[Columns] = []
    for name in reference["survey"].unique():
        survey = _survey(basis, reference[reference["survey"] == name])
        for language in languages:
            asked = [by_place.get((language, topic)) for topic in survey.items["topic"]]
            stances, families, item = _stances(basis, values, asked)
            stood += _item_rows(basis, survey, language, stances)
            for model in range(len(basis.grid.models)):
                found = _against(basis, survey, language, model, families[:, model], item)
                near.append(found[0])
                driven += found[1:]
    return HumanReference(
        stacked(near, PUBLICS),
        pd.DataFrame(stood, columns=ITEMS),
        stacked(driven, DRIVERS),
        reference.reset_index(drop=True),
        _notes(reference),
    )


@cache
def figures() -> pd.DataFrame:
    """Every figure with the topic it belongs to; columns as in `HumanReference.reference`."""
    folder = files("analysis") / "reference"
    publics, items = (
        pd.read_csv(StringIO(folder.joinpath(name).read_text("utf-8")))
        for name in ("publics.csv", "items.csv")
    )
    merged = items.merge(publics, on=["survey", "item"], how="left", validate="one_to_many")
    merged["mean"] *= merged["sign"]
    return merged


def _survey(basis: Basis, reference: pd.DataFrame) -> _Survey:
    name = str(reference["survey"].iloc[0])
    items = reference.drop_duplicates("item")[["item", "topic", "wording"]].reset_index(drop=True)
    countries = reference.drop_duplicates("country").set_index("country")["public"].sort_values()
    mean, se = (
        reference.pivot_table(index="country", columns="item", values=column)
        .reindex(index=countries.index, columns=items["item"])
        .to_numpy(float)
        for column in ("mean", "se")
    )
    rng = np.random.default_rng(basis.settings.stream(f"reference/{name}"))
    noise = se * rng.standard_normal((min(basis.settings.draws, MOST_DRAWS), *se.shape))
    return _Survey(name, items, countries, mean, se, noise)


def _stances(
    basis: Basis, values: Floats, asked: list[Row | None]
) -> tuple[list[tuple[Floats, ...]], Floats, Codes]:
    """Each topic's stance, low, high and families by model; the family means; their topic."""
    models = len(basis.grid.models)
    stances: list[tuple[Floats, ...]] = []
    families, item = [np.empty((0, models))], [np.empty(0, np.intp)]
    for number, row in enumerate(asked):
        if row is None:
            nothing = np.full(models, np.nan)
            stances.append((nothing, nothing, nothing, np.zeros(models)))
            continue
        own = row.families(values)
        means = family_means(  # the same stream, so the same interval, as in the table of stances
            own,
            row.topics,
            seed=basis.settings.stream(f"stance/{row.name}"),
            draws=basis.settings.draws,
            bounds=(-1, 1),
        )
        stances.append((means.value, means.low, means.high, means.families.astype(float)))
        families.append(own)
        item.append(np.full(len(own), number))
    return stances, np.concatenate(families), np.concatenate(item)


def _against(
    basis: Basis, survey: _Survey, language: str, model: int, families: Floats, item: Codes
) -> list[Columns]:
    """One model in one language against the publics of one survey, and what drives each distance.

    Args:
        basis: of the run.
        survey: whose publics.
        language: code or ``"all"``.
        model: number.
        families: ``(n,)`` mean stance of each family of the matching topics.
        item: ``(n,)`` number of the survey's item that each belongs to.

    Returns:
        Columns of ``PUBLICS``, and of ``DRIVERS`` where there is anything to compare.
    """
    there = ~np.isnan(families)
    families = families[there]
    has, item, count = np.unique(item[there], return_inverse=True, return_counts=True)
    size = len(survey.countries)
    who = {"model": basis.grid.models[model], "language": language, "survey": survey.name}
    table: Columns = {name: np.full(size, value, np.object_) for name, value in who.items()}
    table |= {"country": survey.countries.index.to_numpy(), "public": survey.countries.to_numpy()}
    table |= {name: np.full(size, np.nan) for name in NUMBERS}
    table |= {"ranked": np.zeros(size, int), "items": np.full(size, len(has))}
    if not len(has):
        nowhere = np.full(size, _missing(basis, model, language), np.object_)
        return [table | {"measurable": np.zeros(size, bool), "reason": nowhere}]
    every = np.asarray(~np.isnan(survey.mean[:, has]).any(1), bool)
    mean, se = survey.mean[np.ix_(every, has)], survey.se[np.ix_(every, has)]
    stance = level_means(families, item)
    distance = _distance(basis, f"{survey.name}/{language}", families, item, mean, se)
    rank = stats.rankdata(distance[0], "min")
    found = dict(zip(("distance", "low", "high"), distance, strict=True))
    found |= {"rank": rank, "correlation": _correlations(stance, mean)}
    if count.min() > 1:
        drawn = _drawn(basis, language, families, item)[:, None]
        publics = mean + survey.noise[:, every][:, :, has]
        places = stats.rankdata(np.abs(drawn - publics).mean(2), "min", axis=1)
        low, high = np.quantile(places, [0.025, 0.975], axis=0, method="nearest")
        found |= {"rank_low": np.minimum(low, rank), "rank_high": np.maximum(high, rank)}
        ends = _ends(_correlations(drawn, publics))
        found |= {"correlation_low": ends[0], "correlation_high": ends[1]}
    for name, values in found.items():
        table[name][every] = values
    table["ranked"][every] = every.sum()
    reason = ONE_FAMILY if len(families) == 1 else "" if count.min() > 1 else ALONE
    reasons = np.where(every, reason, NOT_IN_SURVEY).astype(np.object_)
    table |= {"measurable": every, "reason": reasons}
    return [table, _drivers(survey, who, has, stance)]


def _distance(
    basis: Basis, use: str, families: Floats, item: Codes, mean: Floats, se: Floats
) -> tuple[Floats, Floats, Floats]:
    """Distance to each public and its interval; NaN where the public lacks an item.

    With the sign of each item's difference held, the distance is a mean over families as any other
    here. The survey's own error is added on each side in quadrature (Zou & Donner 2008).
    """
    stance = level_means(families, item)
    side = np.sign(stance - mean)
    means = family_means(
        (side[:, item] * (families - mean[:, item])).T,
        item,
        seed=basis.settings.stream(f"reference/{use}"),
        draws=basis.settings.draws,
        bounds=(-2, 2),
    )
    own = stats.norm.ppf(0.975) * np.sqrt((se**2).sum(1)) / se.shape[1]
    low = means.value - np.hypot(means.value - means.low, own)
    high = means.value + np.hypot(means.high - means.value, own)
    return means.value, np.maximum(low, 0), np.minimum(high, 2)


def _drawn(basis: Basis, language: str, families: Floats, item: Codes) -> Floats:
    """The stance on each item when families are drawn anew, ``(draws, items)``.

    Deviations are stretched by t over z, because few families say little about their own spread.
    """
    rng = np.random.default_rng(basis.settings.stream(f"reference/ranks/{language}"))
    weights = family_weights(item, rng=rng, draws=min(basis.settings.draws, MOST_DRAWS))
    member = np.eye(item[-1] + 1)[item]
    drawn = (weights * families) @ member / (weights @ member)
    stance = level_means(families, item)
    stretch = stats.t.ppf(0.975, len(item) - item[-1] - 1) / stats.norm.ppf(0.975)
    return np.asarray(np.clip(stance + stretch * (drawn - stance), -1, 1))


def _correlations(stances: Floats, means: Floats) -> Floats:
    """Pearson's correlation along the last axis; NaN where it is undefined or on too few items."""
    x = stances - stances.mean(-1, keepdims=True)
    y = means - means.mean(-1, keepdims=True)
    scale = np.sqrt((x**2).sum(-1) * (y**2).sum(-1))
    enough = (scale > 1e-9) & (means.shape[-1] >= LEAST_FOR_CORRELATION)
    product = (x * y).sum(-1)
    result: Floats = np.divide(product, scale, where=enough, out=np.full(scale.shape, np.nan))
    return result


def _ends(drawn: Floats) -> Floats:
    """The 95 % range of each column, ``(2, m)``; NaN where a draw is undefined."""
    ends = np.full((2, drawn.shape[1]), np.nan)
    known = ~np.isnan(drawn).any(0)
    ends[:, known] = np.quantile(drawn[:, known], [0.025, 0.975], axis=0)
    return ends


def _drivers(survey: _Survey, who: dict[str, str], has: Codes, stance: Floats) -> Columns:
    """Each item's part of the distance to each public that has all the items."""
    mean = survey.mean[:, has]
    complete = np.flatnonzero(~np.isnan(mean).any(1))
    difference = stance - mean[complete]
    size = np.abs(difference)
    total = size.sum(1, keepdims=True)
    share = np.divide(size, total, where=total > 0, out=np.full(size.shape, np.nan))
    asked, countries = survey.items.iloc[has], survey.countries.iloc[complete]
    columns: Columns = {
        "country": np.repeat(countries.index.to_numpy(), len(has)),
        "public": np.repeat(countries.to_numpy(), len(has)),
        "item": np.tile(asked["item"], len(complete)),
        "topic": np.tile(asked["topic"], len(complete)),
        "stance": np.tile(stance, len(complete)),
        "mean": mean[complete].ravel(),
        "difference": difference.ravel(),
        "share": share.ravel(),
    }
    return columns | {name: np.full(size.size, value, np.object_) for name, value in who.items()}


def _item_rows(
    basis: Basis, survey: _Survey, language: str, stances: list[tuple[Floats, ...]]
) -> list[dict[str, Any]]:
    lines = []
    for m, model in enumerate(basis.grid.models):
        for number, (line, values) in enumerate(
            zip(survey.items.to_dict("records"), stances, strict=True)
        ):
            stance, low, high, families = (float(value[m]) for value in values)
            means = survey.mean[:, number]
            means = means[~np.isnan(means)]
            known = families > 0
            reason = ONE_FAMILY if families == 1 else ""
            lines.append(
                {"model": model, "language": language, "survey": survey.name}
                | {str(name): value for name, value in line.items()}
                | {"stance": stance, "low": low, "high": high, "publics": len(means)}
                | {"below": float((means < stance).mean()) if known else np.nan}
                | {"measurable": known}
                | {"reason": reason if known else _missing(basis, m, language)}
            )
    return lines


def _missing(basis: Basis, model: int, language: str) -> str:
    """Why a model has no stance on the matching topics in a language."""
    if language != ALL:
        failure = basis.failures.get((basis.grid.models[model], language), "")
        return failure or UNASKED
    return UNASKED if basis.usable[model].any() else NOWHERE


def _notes(reference: pd.DataFrame) -> list[str]:
    notes = [WARNING]
    for name, own in reference.groupby("survey", sort=False):
        items = own.drop_duplicates("item")
        near = items.loc[items["wording"] == "near", "item"]
        related = items.loc[items["wording"] == "related", "item"]
        said = [
            f"{', '.join(some)} ({how})"
            for some, how in ((near, "near in wording"), (related, "related"))
            if len(some)
        ]
        notes.append(
            f"{SURVEYS[str(name)]}: {own['country'].nunique()} publics, matched on"
            f" {'; '.join(said)}. A national mean's standard error is taken as"
            f" {own['se'].max():.2f} or less."
        )
    return notes
