"""Which responses people are asked to label: a sample stratified by what is known beforehand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Collection

STRATA = ["model", "language", "outcome"]


def draw(
    opened: pd.DataFrame, size: int, *, seed: int = 0, labelled: Collection[int] = ()
) -> pd.DataFrame:
    r"""Draw responses to label, in random order.

    Strata are model, language and predicted outcome. Each gets one response, and the others in
    proportion to its size; where the sample is smaller than the number of strata, all are in
    proportion. Fractions are rounded at random, so that no stratum is preferred. Inside a stratum
    every response has a number made of its content and the seed, and the lowest are taken: the
    sample stays the same when it is drawn again, and a larger one nearly holds the smaller.

    Args:
        opened: ``Tables.opened`` of a labelled run; responses without a predicted outcome, such
            as errors, are left out.
        size: how many; all where there are fewer.
        seed: another seed draws another sample.
        labelled: probes that people have labelled already; these come first in their stratum, so
            that a run that has grown since keeps them.

    Returns:
        Rows of ``opened``, ordered at random.

    Raises:
        AnalysisError: the run has no response to label.

    References:
        Permanent random numbers: Ohlsson 1995, "Coordination of samples using permanent random
        numbers", in Business Survey Methods. Rounding: systematic sampling of the fractions,
        Madow 1949, Ann. Math. Stat. 20: 333-354.
    """
    if "outcome" not in opened.columns or not opened["outcome"].notna().any():
        raise AnalysisError(
            "The run has no open response to label.",
            "Ask open questions or tasks with `doxa run --kinds open,task`, then audit again.",
        )
    pool = opened[opened["outcome"].notna()]
    pool = pool.assign(
        _place=[
            _place(seed, model, cell)
            for model, cell in zip(pool["model"], pool["cell"], strict=True)
        ],
        _new=~pool["probe"].isin(list(labelled)),
    ).sort_values(["_new", "_place"])
    shares = _allocation(pool.groupby(STRATA).size(), size, seed)
    rank = pool.groupby(STRATA).cumcount()
    taken = pool[rank < shares.reindex(pd.MultiIndex.from_frame(pool[STRATA])).to_numpy(int)]
    return taken.sort_values("_place", ignore_index=True)[opened.columns]


def weights(opened: pd.DataFrame, audited: Collection[int]) -> pd.Series[float]:
    """How many responses of the run each labelled one stands for, by probe.

    The size of its stratum over the number of labelled responses in it: with it a mean over the
    labelled ones estimates that of the run's strata that have any, whatever their shares in the
    sample.

    Args:
        opened: ``Tables.opened`` of a labelled run.
        audited: probes that were labelled.
    """
    pool = opened[opened["outcome"].notna()]
    chosen = pool[pool["probe"].isin(list(audited))]
    worth = pool.groupby(STRATA).size() / chosen.groupby(STRATA).size()
    by_probe = worth.reindex(pd.MultiIndex.from_frame(chosen[STRATA])).to_numpy(float)
    return pd.Series(by_probe, index=chosen["probe"])


def _place(*parts: object) -> int:
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7])


def _allocation(sizes: pd.Series[int], size: int, seed: int) -> pd.Series[int]:
    """How many of each stratum; they sum to ``size``, or to all there are."""
    total, strata = int(sizes.sum()), len(sizes)
    if size >= total:
        return sizes
    each = 1 if size >= strata else 0
    order = np.argsort([_place(seed, *stratum) for stratum in sizes.index])
    rest = sizes.to_numpy()[order] - each
    start = _place(seed) / 2**56
    ends = np.cumsum(rest) * (size - each * strata) / max(rest.sum(), 1)
    steps = np.floor(np.round(ends, 9) + start).astype(int)
    shares = np.empty(strata, dtype=int)
    shares[order] = each + np.diff(steps, prepend=0)
    return pd.Series(shares, index=sizes.index, dtype=int)
