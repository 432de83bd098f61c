"""What a table's rows are made of: a language or all, a topic or all, and the families behind."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.gates import Thresholds, gates, measurable
from analysis.grid import grid, level_means
from analysis.inference import benjamini_hochberg, holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analysis.grid import Grid

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

ALL = "all"
THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Settings:
    """How a run is analysed.

    Attributes:
        draws: bootstrap resamples, and permutations.
        seed: of both and of the splits of frames.
        margin: difference (excess divergence in bits, stance) that counts as none.
        thresholds: of the gates.
    """

    draws: int = 2000
    seed: int = 0
    margin: float = 0.05
    thresholds: Thresholds = THRESHOLDS

    def stream(self, use: str) -> list[int]:
        """The seed of one use of chance, which does not depend on what else is computed."""
        return [self.seed, zlib.crc32(use.encode())]


@dataclass(frozen=True)
class Basis:
    """Scored answers to contested topics, and where they can be read.

    Attributes:
        grid: the answers.
        gates: from `gates.gates`.
        measurable: from `gates.measurable`.
        usable: ``(models, units)``, the model passes the gates in the unit's language.
        settings: of the analysis.
    """

    grid: Grid
    gates: pd.DataFrame
    measurable: pd.DataFrame
    usable: NDArray[np.bool_]
    settings: Settings

    @cached_property
    def failures(self) -> dict[tuple[str, str], str]:
        """Why a model cannot be measured in a language, or an empty text."""
        table = self.measurable
        keys = zip(table["model"], table["language"], strict=True)
        return dict(zip(keys, table["reasons"], strict=True))


@dataclass(frozen=True)
class Row:
    """One row of a table for each model or pair.

    Attributes:
        language: code or ``"all"``.
        topic: id or ``"all"``.
        units: ``(u,)`` which units it is made of.
        family: ``(u,)`` their families as ascending numbers within the row, by topic.
        topics: ``(families,)`` topic of each family as ascending numbers.
    """

    language: str
    topic: str
    units: Codes
    family: Codes
    topics: Codes

    @property
    def name(self) -> str:
        """For `Settings.stream`."""
        return f"{self.language}/{self.topic}"

    def families(self, values: Floats) -> Floats:
        """Average the languages of each family: ``(m, units)`` to ``(families, m)``."""
        return level_means(values[:, self.units].T, self.family)

    def mean(self, families: Floats) -> Floats:
        """Average families within topics, then topics: ``(families, m)`` to ``(m,)``."""
        topics = level_means(families, self.topics)
        mean: Floats = level_means(topics, np.zeros(len(topics), int))[0]
        return mean

    def weights(self, there: NDArray[np.bool_]) -> Floats:
        """What each unit weighs in the mean, ``(u, m)``; 0 where it is not ``there``.

        Args:
            there: ``(m, units)``.
        """
        here = there[:, self.units].T.astype(float)
        languages = np.add.reduceat(here, _starts(self.family), axis=0)
        begin = _starts(self.topics)
        families = np.add.reduceat((languages > 0).astype(float), begin, axis=0)
        topics = (families > 0).sum(0)
        topic = self.topics[self.family]
        parts = languages[self.family] * families[topic] * topics
        share: Floats = np.divide(here, parts, where=here > 0, out=np.zeros_like(here))
        return share


def basis(scored: pd.DataFrame, models: Sequence[str], settings: Settings) -> Basis:
    """Judge the gates and arrange the answers to contested topics.

    Args:
        scored: ``Tables.scored``.
        models: ids in the order wanted.
        settings: of the analysis.

    Raises:
        AnalysisError: probabilities do not sum to one.
    """
    judged = gates(scored, models, settings.thresholds)
    passed = measurable(judged)
    asked = grid(scored[scored["tag"] == "contested"], models)
    verdict = passed.set_index(["model", "language"])["measurable"].to_dict()
    usable = np.array(
        [[verdict[model, language] for language in asked.units["language"]] for model in models],
        dtype=bool,
    ).reshape(len(models), len(asked.units))
    return Basis(asked, judged, passed, usable, settings)


def rows(units: pd.DataFrame) -> list[Row]:
    """All languages and each of them; in it all topics and each of them.

    Args:
        units: ``language, topic, family``, from `Grid`.
    """
    language, topic = units["language"].to_numpy(str), units["topic"].to_numpy(str)
    # numbered by topic first, so that sorting by family sorts by topic too
    names = units["topic"] + "\0" + units["family"]
    family = pd.factorize(names, sort=True)[0]
    topic_code = pd.factorize(units["topic"], sort=True)[0]
    found = []
    for spoken in [ALL, *np.unique(language)]:
        here = np.ones(len(units), bool) if spoken == ALL else language == spoken
        for about in [ALL, *np.unique(topic[here])]:
            chosen = np.flatnonzero(here & ((topic == about) | (about == ALL)))
            if not len(chosen):
                continue
            chosen = chosen[np.argsort(family[chosen], kind="stable")]
            first = chosen[_starts(family[chosen])]
            found.append(
                Row(
                    str(spoken),
                    str(about),
                    chosen,
                    np.unique(family[chosen], return_inverse=True)[1],
                    np.unique(topic_code[first], return_inverse=True)[1],
                )
            )
    return found


def adjust(table: pd.DataFrame) -> pd.Series[float]:
    """Adjusted p-values: Holm over the headline rows, Benjamini-Hochberg over the topic map.

    Four families of tests: the rows of all topics in all languages, those of all topics in one
    language, and the two maps of single topics.

    Args:
        table: with ``language, topic, p``.
    """
    result = pd.Series(np.nan, index=table.index, dtype=float)
    for one_topic in (False, True):
        for one_language in (False, True):
            family = ((table["topic"] != ALL) == one_topic) & (
                (table["language"] != ALL) == one_language
            )
            correct = benjamini_hochberg if one_topic else holm
            result[family] = correct(table.loc[family, "p"].to_numpy(float))
    return result


def stacked(parts: list[dict[str, NDArray[Any]]], columns: list[str]) -> pd.DataFrame:
    """One table of parts that each hold some of its rows by column."""
    if not parts:
        return pd.DataFrame(columns=columns)
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return pd.DataFrame(whole).reindex(columns=columns)


def _starts(codes: Codes) -> Codes:
    return np.flatnonzero(np.diff(codes, prepend=-1))
