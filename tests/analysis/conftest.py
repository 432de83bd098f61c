"""Runs with a known truth."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from analysis.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = np.array([1, 1 / 3, -1 / 3, -1])


def scored_rows(
    rng: np.random.Generator,
    leans: dict[str, float],
    *,
    topics: int = 4,
    families: int = 5,
    frames: int = 4,
    languages: tuple[str, ...] = ("en",),
    tag: str = "contested",
    spread: float = 1.0,
    own_spread: float = 0.0,
    wording: float = 0.3,
    acquiescence: float = 0.0,
    position: float = 0.0,
    declines: float = 0.0,
) -> pd.DataFrame:
    """Scored answers of models whose truth is a lean per family, the same for all, plus their own.

    The log-odds between neighbouring options are ``lean of the family + leans[model] + own``,
    with normal noise of ``wording`` per model, statement and frame.
    """
    grid = pd.DataFrame(
        list(
            itertools.product(
                languages, range(topics), range(families), ("pro", "con"), range(frames)
            )
        ),
        columns=["language", "topic", "family", "pole", "frame"],
    )
    truth = rng.normal(0, spread, (len(languages), topics, families))
    parts = []
    for model, lean in leans.items():
        own = rng.normal(0, own_spread, truth.shape)
        at = pd.factorize(grid["language"])[0], grid["topic"], grid["family"]
        sign = np.where(grid["pole"] == "pro", 1, -1)
        base = (truth + own)[at] + lean + sign * acquiescence
        base = base + rng.normal(0, wording, len(grid))
        for order in ("forward", "reversed"):
            first = sign * (1 if order == "forward" else -1)
            strength = (base + position * first)[:, None] * VALUES * 1.5
            p = np.exp(strength - strength.max(1, keepdims=True))
            part = grid.assign(model=model, option_order=order)
            way_out = np.where(grid["frame"] % 2 == 1, declines, 0.0)
            p = p / p.sum(1, keepdims=True)
            part["stance"] = np.where(way_out < 1, p @ VALUES, np.nan)
            part["declined"] = way_out
            part[["p0", "p1", "p2", "p3"]] = p * (1 - way_out[:, None])
            parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    rows["topic"] = tag + "-" + rows["topic"].astype(str)
    rows["family"] = rows["topic"] + "/s" + rows["family"].astype(str)
    rows["item"] = rows["family"] + "." + rows["pole"]
    rows["frame"] = "agree-p" + rows["frame"].astype(str) + "-letters-forced"
    rows["cell"] = rows[["language", "item", "frame", "option_order"]].agg("|".join, axis=1)
    return rows.assign(
        domain="d", tag=tag, kind="agree", labels="letters", forced=True, coverage=0.9, K=4
    )


def models_of(scored: pd.DataFrame) -> pd.DataFrame:
    """The models table of some answers."""
    names = list(scored["model"].unique())
    table = pd.DataFrame({"id": names, "name": names})
    for column in ("developer", "country", "licence", "backend", "weights", "quantisation"):
        table[column] = "x"
    return table.assign(base=False, details=[{} for _ in names], failed=0)


def opened_rows(records: list[dict[str, Any]] | None = None) -> pd.DataFrame:
    """Open responses; what a record does not say is filled in."""
    columns = [
        *("model", "language", "topic", "domain", "kind", "family", "item", "prompt", "text"),
        *("reasoning", "ending", "error"),
    ]
    if not records:
        return pd.DataFrame(columns=columns, dtype=object)
    usual = dict.fromkeys(columns, "x") | {"language": "en", "topic": "t", "kind": "open"}
    usual |= {"ending": "complete", "error": None}
    return pd.DataFrame([{**usual, **record} for record in records])


@pytest.fixture
def answers() -> Callable[..., pd.DataFrame]:
    """`scored_rows`."""
    return scored_rows


@pytest.fixture
def responses() -> Callable[..., pd.DataFrame]:
    """`opened_rows`."""
    return opened_rows


@pytest.fixture
def tables() -> Callable[..., Tables]:
    """Make tables from scored answers and open responses."""

    def make(scored: pd.DataFrame, opened: pd.DataFrame | None = None) -> Tables:
        return Tables({}, models_of(scored), scored, opened_rows() if opened is None else opened)

    return make
