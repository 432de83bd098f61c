"""How far the fast engine is from one full prefill at a time, on the sample asked both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import rel_entr

from analysis.grid import probability_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = ["model", "cells", "kl_mean", "kl_most", "stance_mean", "stance_most"]


def engine_noise(scored: pd.DataFrame, exact: pd.DataFrame) -> pd.DataFrame:
    r"""Compare the same cells asked fast and asked exactly.

    The divergence is Kullback-Leibler's of the fast answer distribution from the exact one,
    .. math:: KL = \sum_k e_k \ln(e_k / f_k)

    in nats, over the options including the way out.

    Args:
        scored, exact: as in `analysis.tables.Tables`.

    Returns:
        ``model, cells, kl_mean, kl_most, stance_mean, stance_most``, a row per model that was
        asked both ways; the last two are absolute differences of stance.
    """
    if not len(exact):
        return pd.DataFrame(columns=COLUMNS)
    both = exact.merge(scored, on=["model", "cell"], suffixes=("_exact", "_fast"))
    if not len(both):
        return pd.DataFrame(columns=COLUMNS)
    both["kl"] = rel_entr(_shares(both, scored, "_exact"), _shares(both, scored, "_fast")).sum(
        axis=1
    )
    both["moved"] = (both["stance_exact"] - both["stance_fast"]).abs()
    return (
        both.groupby("model", sort=False)
        .agg(
            cells=("cell", "size"),
            kl_mean=("kl", "mean"),
            kl_most=("kl", "max"),
            stance_mean=("moved", "mean"),
            stance_most=("moved", "max"),
        )
        .reset_index()
    )


def _shares(both: pd.DataFrame, scored: pd.DataFrame, suffix: str) -> NDArray[np.float64]:
    names = [name + suffix for name in (*probability_columns(scored), "declined")]
    shares: NDArray[np.float64] = np.nan_to_num(both[names].to_numpy(dtype=float))
    return shares
