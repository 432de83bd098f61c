"""How a classifier mistakes outcomes for each other in a language, and rates corrected by it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import gammaln
from scipy.stats import beta

from analysis.tables import OUTCOMES
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

MEASURED = Path(__file__).parent / "classify" / "confusion.json"
"""Counts on the test answers, of the classifier that comes with doxa."""

ANSWERS = "answers"
STANCES = ("pro", "both", "con")

LEAST_TESTED = 5
"""Test answers that an outcome needs before anything is said of how it is recognised."""

MOST_AMPLIFIED = 5.0
"""Points that a corrected rate may move for one point in the rates as labelled."""

STRENGTHS = np.array([1.0, 2, 4, 8, 16, 32, 64])
"""Test answers that what other languages show may count for, beside a language's own."""


@dataclass(frozen=True)
class Errors:
    """How a language's outcomes are labelled.

    Attributes:
        rates: ``(K, K)``, row the true outcome, column the one it is labelled as; rows sum to 1.
        concentration: ``(K, K)`` parameters of the Dirichlet distribution of each row.
        worst: the greatest share of a true outcome that may be labelled as another: over the
            outcomes, Clopper and Pearson's upper 97.5 % bound. 1 where an outcome is untested.
        tested: test answers of the language.
        reason: why rates cannot be corrected by it; empty where they can.
    """

    rates: Floats
    concentration: Floats
    worst: float
    tested: int
    reason: str


NOT_REJECTED = 1.92
"""Below the greatest log-likelihood: the limit of a 95 % likelihood-ratio interval."""


def load_confusion(path: Path = MEASURED) -> dict[str, pd.DataFrame]:
    """Read the counts of true and predicted outcomes by language.

    Returns:
        By language, a row per true and a column per predicted outcome, in the order of
        ``tables.OUTCOMES``, then ``answers``; empty where nothing was measured (no such file).

    Raises:
        AnalysisError: the file holds something else than
            ``{language: {true outcome: {predicted outcome: count}}}``.
    """
    if not path.is_file():
        return {}
    names = [*OUTCOMES, ANSWERS]
    try:
        content = json.loads(path.read_text("utf-8"))
        tables = {language: pd.DataFrame(rows).T for language, rows in content.items()}
        known = all({*table.index, *table.columns} <= set(names) for table in tables.values())
        tables = {
            language: table.reindex(index=names, columns=names).astype(float).fillna(0.0)
            for language, table in tables.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _damaged(path, str(error)) from error
    if not known:
        raise _damaged(path, "an outcome is unknown")
    if any((table.to_numpy() < 0).any() for table in tables.values()):
        raise _damaged(path, "a count is negative")
    return tables


def without_stance(counts: pd.DataFrame) -> pd.DataFrame:
    """The counts for questions without poles, where each stance is an answer."""
    names = np.array([ANSWERS if name in STANCES else name for name in counts.index])
    merged = counts.groupby(names).sum().T.groupby(names).sum().T
    order = [ANSWERS, *(name for name in OUTCOMES if name not in STANCES)]
    return merged.loc[order, order]


def errors(confusion: Mapping[str, pd.DataFrame], language: str, outcomes: Sequence[str]) -> Errors:
    r"""What the test answers of a language say of its errors, steadied by the other languages.

    With n_jk test answers of true outcome j labelled k, and p_jk the share in all languages, row
    j is Dirichlet with parameters :math:`n_{jk} + s_j p_{jk}`: what all languages show counts for
    s_j answers. s_j is the least of `STRENGTHS` that the counts of all languages do not reject
    (likelihood ratio under Dirichlet-multinomial counts), so it is small where languages differ.
    The most likely one was tried: intervals then covered 82 to 94 % in place of 95.

    Args:
        confusion: counts by language.
        language: of the answers to be corrected.
        outcomes: K that a label can be.

    References:
        Empirical Bayes for multinomials: Minka 2000, "Estimating a Dirichlet distribution".
    """
    size = len(outcomes)
    if language not in confusion:
        flat = np.full((size, size), 1 / size)
        return Errors(flat, flat, 1.0, 0, f"there is no test answer in {language}")
    names = list(outcomes)
    every = np.stack([_square(table, names) for table in confusion.values()])
    own = _square(confusion[language], names)
    total = every.sum(0)
    share = (total + 1 / size) / (total.sum(1, keepdims=True) + 1)
    prior = np.stack([_strength(every[:, j], share[j]) * share[j] for j in range(size)])
    concentration = own + (prior if len(every) > 1 else 1 / size)
    rates = concentration / concentration.sum(1, keepdims=True)
    tested, right = own.sum(1), np.diag(own)
    least = np.where(right > 0, beta.ppf(0.025, np.maximum(right, 1), tested - right + 1), 0.0)
    few = [f"{int(n)} {name}" for name, n in zip(names, tested, strict=True) if n < LEAST_TESTED]
    if few:
        reason = f"too few test answers in {language} ({', '.join(few)})"
    elif amplification(rates) > MOST_AMPLIFIED:
        reason = f"the classifier mistakes outcomes for each other too often in {language}"
    else:
        reason = ""
    return Errors(rates, concentration, float(1 - least.min()), int(tested.sum()), reason)


def _square(table: pd.DataFrame, names: list[str]) -> Floats:
    wanted = pd.Index(names)
    rows, columns = table.index.get_indexer(wanted), table.columns.get_indexer(wanted)
    return table.to_numpy(float)[np.ix_(rows, columns)]


def _strength(counts: Floats, share: Floats) -> float:
    """How many answers the shares of all languages count for; counts ``(languages, K)``."""
    prior = STRENGTHS[:, None, None] * share
    likelihood = (
        gammaln(STRENGTHS[:, None])
        - gammaln(STRENGTHS[:, None] + counts.sum(1))
        + (gammaln(prior + counts) - gammaln(prior)).sum(2)
    ).sum(1)
    return float(STRENGTHS[np.flatnonzero(likelihood >= likelihood.max() - NOT_REJECTED)[0]])


def amplification(rates: Floats) -> float:
    """How many points a corrected rate moves, at most, for one point in the labelled rates.

    The largest column of the inverse by absolute sum (the operator norm on L1), halved: rates
    sum to one, so what one label gains another loses. For two outcomes it is 1 over Youden's J.

    Args:
        rates: ``(K, K)``, rows sum to 1.

    Returns:
        Infinite for a singular matrix.

    Examples:
        >>> amplification(np.array([[0.8, 0.2], [0.1, 0.9]])).__round__(3)
        1.429
    """
    if np.linalg.matrix_rank(rates) < len(rates):
        return float("inf")
    back = np.linalg.inv(rates)
    return float(np.abs(back[:, None] - back[None]).sum(2).max() / 2)


def unmixed(labelled: Floats, rates: Floats) -> Floats:
    r"""The true rates that give the labelled ones, :math:`q = C^T \pi` solved for pi.

    For two outcomes this is Rogan and Gladen's (q + Sp - 1) / (Se + Sp - 1). Not kept to [0, 1]:
    see `on_simplex`.

    Args:
        labelled: ``(..., K)`` rates of the labels.
        rates: ``(..., K, K)``, row the true outcome.

    References:
        Bross 1954, "Misclassification in 2 x 2 tables", Biometrics 10; Rogan & Gladen 1978,
        "Estimating prevalence from the results of a screening test", Am. J. Epidemiol. 107;
        several outcomes: Buonaccorsi 2010, "Measurement Error", chapter 2.
    """
    solved = np.linalg.solve(np.swapaxes(rates, -1, -2), labelled[..., None])
    return np.asarray(solved[..., 0], np.float64)


def on_simplex(values: ArrayLike) -> Floats:
    """The nearest rates, none negative and with sum 1, by least squares.

    Args:
        values: ``(K,)`` with sum 1.

    References:
        Duchi et al. 2008, "Efficient projections onto the l1-ball for learning in high
        dimensions", figure 1.

    Examples:
        >>> on_simplex([0.7, 0.4, -0.1]).round(2)
        array([0.65, 0.35, 0.  ])
    """
    values = np.asarray(values, float)
    ordered = np.sort(values)[::-1]
    above = (np.cumsum(ordered) - 1) / np.arange(1, len(values) + 1)
    shift = above[np.flatnonzero(ordered > above)[-1]]
    nearest: Floats = np.maximum(values - shift, 0.0)
    return nearest


def drawn(
    sizes: Sequence[tuple[float, Floats]],
    found: Sequence[Errors],
    *,
    rng: np.random.Generator,
    draws: int,
) -> list[Floats]:
    """True rates of each language as far as run and test answers leave them open.

    Args:
        sizes: for each language, how many independent answers the run's are worth, and the
            ``(K,)`` rates of their labels.
        found: its errors.
        rng: draws.
        draws: number of draws.

    Returns:
        For each language ``(draws, K)``, not kept to [0, 1].
    """
    result = []
    for (size, labelled), one in zip(sizes, found, strict=True):
        shape = (draws, *one.concentration.shape)
        parts = np.maximum(rng.standard_gamma(one.concentration, shape), 1e-12)
        matrices = parts / parts.sum(2, keepdims=True)
        seen = rng.dirichlet(size * labelled + 1 / len(labelled), draws)
        result.append(unmixed(seen, matrices))
    return result


def bounds(low: ArrayLike, high: ArrayLike, worst: float) -> tuple[Floats, Floats]:
    r"""Where a true rate can lie if of every outcome at most a share e is labelled as another.

    .. math:: \Big[ \frac{q - e}{1 - e}, \; \frac{q}{1 - e} \Big]

    Nothing is assumed on which outcomes are mistaken for which, nor on how many of each there are.

    Args:
        low: ``(...)`` least rate of the label.
        high: ``(...)`` greatest rate of the label.
        worst: e.

    Returns:
        Least and most, ``(...)`` in [0, 1].

    References:
        Horowitz & Manski 1995, "Identification and robustness with contaminated and corrupted
        data", Econometrica 63.

    Examples:
        >>> [float(end.round(3)) for end in bounds(0.3, 0.3, 0.1)]
        [0.222, 0.333]
    """
    right = max(1 - worst, 1e-12)
    least = np.clip((np.asarray(low, float) - worst) / right, 0.0, 1.0)
    return least, np.clip(np.asarray(high, float) / right, 0.0, 1.0)


def _damaged(path: Path, why: str) -> AnalysisError:
    return AnalysisError(
        f"{path} holds no counts of true and predicted outcomes ({why}).",
        "Restore it: install doxa again, or train the classifier again.",
    )
