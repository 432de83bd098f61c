"""How far people or classifiers who labelled the same items agree, beyond what chance gives.

Three coefficients of the form (agreement - expected) / (1 - expected), which differ in what they
expect of chance: that each rater keeps to the own habits (kappa), that items are hard or easy
(AC1), that labels are drawn from what all raters gave (alpha). Where one outcome dominates, kappa
and alpha are low although nearly all labels agree; AC1 is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import cohens_kappa, to_table

from analysis.rates import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

COLUMNS = ["measure", "value", "low", "high", "n", "reason"]

NONE_COMMON = "no item was labelled by both"
ONE_OUTCOME = "every label is the same: nothing can be said beyond chance"


def cohen_kappa(ratings: pd.DataFrame) -> float:
    r"""Cohen's kappa of two raters, unweighted.

    .. math:: \kappa = \frac{p_o - p_e}{1 - p_e}, \quad p_e = \sum_c p_{1c} \, p_{2c}

    with p_o the share of items with equal labels and p_rc the share of label c with rater r.

    Args:
        ratings: ``(n, 2)``, a row per item, a column per rater; items that one of them did not
            label (None or NaN) are left out.

    Returns:
        In [-1, 1]; NaN where no item is left, or all labels are the same.

    References:
        Cohen 1960, "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20:
        37-46.

    Examples:
        >>> a, b = list("aaaaabbbbb"), list("aaaabbbbba")
        >>> round(cohen_kappa(pd.DataFrame({"a": a, "b": b})), 2)
        0.6
    """
    codes = _codes(ratings)
    codes = codes[(codes >= 0).all(axis=1)]
    if len(np.unique(codes)) < 2:
        return float("nan")
    return float(cohens_kappa(to_table(codes)[0], return_results=False))


def gwet_ac1(ratings: pd.DataFrame) -> float:
    r"""Gwet's AC1 of two or more raters.

    .. math:: \mathrm{AC}_1 = \frac{p_a - p_e}{1 - p_e}, \quad
        p_e = \frac{1}{q - 1} \sum_{c=1}^{q} \pi_c (1 - \pi_c)

    with p_a the share of agreeing pairs of raters, averaged over the items with two labels and
    more; pi_c the share of label c among the labels of an item, averaged over items; and q the
    number of labels that occur, at least 2.

    Args:
        ratings: ``(n, r)``, a row per item, a column per rater; None or NaN for no label.

    Returns:
        In [-1, 1]; NaN where no item has two labels.

    References:
        Gwet 2008, "Computing inter-rater reliability and its variance in the presence of high
        agreement", Br. J. Math. Stat. Psychol. 61: 29-48; with missing labels: Gwet 2014,
        "Handbook of Inter-Rater Reliability", 4th edition, chapter 5.

    Examples:
        >>> a, b = list("aaaaabbbbb"), list("aaaabbbbba")
        >>> round(gwet_ac1(pd.DataFrame({"a": a, "b": b})), 2)
        0.6
    """
    counts = _counts(ratings)
    per_item = counts.sum(axis=1)
    paired = per_item >= 2
    if not paired.any():
        return float("nan")
    pairs = per_item[paired] * (per_item[paired] - 1)
    agreeing = ((counts * (counts - 1)).sum(axis=1)[paired] / pairs).mean()
    return float(1 - (1 - agreeing) / _differing_ac1(counts))


def _differing_ac1(counts: Floats) -> float:
    labelled = counts[counts.sum(axis=1) > 0]
    share = (labelled / labelled.sum(axis=1, keepdims=True)).mean(axis=0)
    return float(1 - (share * (1 - share)).sum() / (max(len(share), 2) - 1))


def krippendorff_alpha(ratings: pd.DataFrame) -> float:
    r"""Krippendorff's alpha of two or more raters, for nominal labels.

    .. math:: \alpha = 1 - \frac{D_o}{D_e}, \quad
        D_o = 1 - \frac{1}{N} \sum_i \sum_c \frac{m_{ic} (m_{ic} - 1)}{m_i - 1}, \quad
        D_e = 1 - \frac{\sum_c N_c (N_c - 1)}{N (N - 1)}

    over the items i with m_i >= 2 labels, m_ic of them c; N labels in all, N_c of them c.

    Args:
        ratings: ``(n, r)``, a row per item, a column per rater; None or NaN for no label.

    Returns:
        At most 1; NaN where no item has two labels, or all labels are the same.

    References:
        Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C.

    Examples:
        >>> a, b = list("aaaaabbbbb"), list("aaaabbbbba")
        >>> round(krippendorff_alpha(pd.DataFrame({"a": a, "b": b})), 2)
        0.62
    """
    counts = _counts(ratings)
    counts = counts[counts.sum(axis=1) >= 2]
    expected = _differing_alpha(counts)
    if np.isnan(expected):
        return float("nan")
    per_item = counts.sum(axis=1)
    agreeing = ((counts * (counts - 1)).sum(axis=1) / (per_item - 1)).sum()
    return float(1 - (1 - agreeing / per_item.sum()) / expected)


def _differing_alpha(counts: Floats) -> float:
    total, by_label = counts.sum(), counts.sum(axis=0)
    if total == by_label.max(initial=0):
        return float("nan")
    return float(1 - (by_label * (by_label - 1)).sum() / (total * (total - 1)))


def agreement(ratings: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    r"""Plain agreement and the three coefficients of two raters, with intervals.

    Each coefficient is a line in the plain agreement once chance is given, so its interval is
    Wilson's for the agreement, moved along that line: Cohen's (1960) standard error, which takes
    the expected agreement as known, in the form that is never of width zero.

    Args:
        ratings: ``(n, 2)``, a row per item, a column per rater; items that one of them did not
            label (None or NaN) are left out.
        level: of the intervals.

    Returns:
        Rows ``agreement``, ``kappa``, ``ac1`` and ``alpha`` with columns `COLUMNS`; ``n`` items,
        and a ``reason`` where the value is NaN.

    Examples:
        >>> same = pd.DataFrame({"a": list("ab") * 10, "b": list("ab") * 10})
        >>> agreement(same)[["measure", "value", "low"]].round(2).to_numpy().tolist()
        [['agreement', 1.0, 0.84], ['kappa', 1.0, 0.68], ['ac1', 1.0, 0.68], ['alpha', 1.0, 0.69]]
    """
    both = ratings.dropna()
    n = len(both)
    equal = int((both.iloc[:, 0] == both.iloc[:, 1]).sum())
    observed = equal / n if n else float("nan")
    low, high = (float(end) for end in wilson(equal, n, level))
    counts = _counts(both)
    # of each: its value, and the share of pairs that would differ by chance
    found = {
        "agreement": (observed, 1.0),
        "kappa": (cohen_kappa(both), _differing_kappa(both)),
        "ac1": (gwet_ac1(both), _differing_ac1(counts) if n else float("nan")),
        "alpha": (krippendorff_alpha(both), _differing_alpha(counts)),
    }
    rows: list[list[object]] = []
    for measure, (value, differing) in found.items():
        if np.isnan(value):
            reason = ONE_OUTCOME if n else NONE_COMMON
            rows.append([measure, np.nan, np.nan, np.nan, n, reason])
        else:
            ends = (max(-1.0, 1 - (1 - end) / differing) for end in (low, high))
            rows.append([measure, value, *ends, n, ""])
    return pd.DataFrame(rows, columns=COLUMNS)


def _differing_kappa(both: pd.DataFrame) -> float:
    shares = (both[name].value_counts(normalize=True) for name in both.columns)
    first, second = shares
    return 1 - float(first.mul(second, fill_value=0).sum())


def _codes(ratings: pd.DataFrame) -> NDArray[np.int64]:
    """``(n, r)`` labels as numbers from 0; -1 where there is none."""
    codes = pd.factorize(ratings.to_numpy(object).ravel())[0]
    return codes.reshape(ratings.shape)


def _counts(ratings: pd.DataFrame) -> Floats:
    """``(n, q)``: how many raters gave an item each label that occurs."""
    codes = _codes(ratings)
    occurring = np.arange(codes.max(initial=-1) + 1)
    counts: Floats = (codes[:, :, None] == occurring).sum(axis=1).astype(float)
    return counts
