"""What lies behind the headline: shares of variance, languages, countries, the map, publics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.decomposition import decomposition_notes, decomposition_table
from analysis.human_reference import HumanReference, reference_table
from analysis.language_effect import language_table
from analysis.opinion_map import OpinionMap, opinion_map
from analysis.origin import country_table, origin_table
from analysis.rows import THRESHOLDS, Settings, basis
from analysis.study import models_of

if TYPE_CHECKING:
    import pandas as pd

    from analysis.gates import Thresholds
    from analysis.tables import Tables


@dataclass(frozen=True)
class Exploration:
    """Tables beside those of a `Study`. Undefined numbers are NaN, and ``reason`` says why.

    Attributes:
        shares: of the variance of stances, from `decomposition.decomposition_table`.
        share_notes: sentences that must stand under them.
        languages: each model in two languages, from `language_effect.language_table`.
        countries: mean stances of the models of a country, from `origin.country_table`.
        origin: differences between countries' models, from `origin.origin_table`.
        map: models and languages on two axes.
        reference: models against national publics.
    """

    shares: pd.DataFrame
    share_notes: list[str]
    languages: pd.DataFrame
    countries: pd.DataFrame
    origin: pd.DataFrame
    map: OpinionMap
    reference: HumanReference


def explore(
    tables: Tables,
    *,
    draws: int = 2000,
    seed: int = 0,
    margin: float = 0.05,
    thresholds: Thresholds = THRESHOLDS,
) -> Exploration:
    """Look behind the headline of a run; arguments and errors are those of `study.study`."""
    found = basis(tables.scored, models_of(tables), Settings(draws, seed, margin, thresholds))
    return Exploration(
        shares=decomposition_table(found),
        share_notes=decomposition_notes(found),
        languages=language_table(found),
        countries=country_table(found, tables.models),
        origin=origin_table(found, tables.models),
        map=opinion_map(found),
        reference=reference_table(found),
    )
