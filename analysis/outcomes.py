"""What open responses are: rates of outcomes and of other languages, and two models compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis import verdicts
from analysis.inference import holm
from analysis.pairwise import paired_rates
from analysis.rates import clustered_rate
from analysis.rows import ALL
from analysis.tables import OUTCOMES

RATE = ["model", "language", "kind", "outcome", "n", "total", "rate", "low", "high"]
SWITCH = ["model", "language", "kind", "n", "total", "rate", "low", "high", "mostly"]
PAIRED = [
    *("language", "kind", "outcome", "rate_a", "rate_b", "both", "only_a", "only_b", "n"),
    *("families", "difference", "low", "high", "p", "p_adjusted", "p_equivalent", "detectable"),
    "verdict",
]

ANSWERS = "answers"
"""The outcome of a response that answers a question without poles."""

_GROUP = ["model", "language", "kind"]


def outcome_table(opened: pd.DataFrame) -> pd.DataFrame:
    """How often each model's labelled responses have each outcome; columns `RATE`.

    ``total`` counts the labelled responses. Intervals are Wilson's with question families as
    clusters (`rates.clustered_rate`): wordings and languages of one question go together. They
    take the label as certain; the classifier's own errors are not in them.
    """
    labelled = _labelled(opened)
    shown = [*OUTCOMES, *([ANSWERS] if (labelled["outcome"] == ANSWERS).any() else [])]
    hits = pd.DataFrame({name: labelled["outcome"] == name for name in shown})
    table = _rates(labelled, hits)
    order = table["outcome"].map({name: i for i, name in enumerate(shown)})
    table = table.assign(order=order).sort_values([*_GROUP, "order"], ignore_index=True)
    return table[RATE]


def switch_table(opened: pd.DataFrame) -> pd.DataFrame:
    """How often each model responds in another language than it was asked in; columns `SWITCH`.

    ``total`` counts the responses that have a language. Two scripts of one language are told
    apart (``zh`` asked and ``zh-Hant`` answered is a switch). ``mostly`` is the language that is
    switched to most often, or an empty text. Intervals are as in `outcome_table`.
    """
    columns = [*_GROUP, "family"]
    if "response_language" not in opened.columns:
        return pd.DataFrame(columns=SWITCH)
    told = opened.loc[opened["response_language"].notna(), [*columns, "response_language"]]
    switched = told["response_language"] != told["language"]
    table = _rates(told, pd.DataFrame({"switch": switched}))
    away = pd.concat([told[switched].assign(language=ALL), told[switched]])
    mostly = away.groupby(_GROUP)["response_language"].agg(lambda names: names.mode().iloc[0])
    keys = pd.MultiIndex.from_frame(table[_GROUP])
    table["mostly"] = mostly.reindex(keys).fillna("").to_numpy(str) if len(mostly) else ""
    return table.sort_values(_GROUP, ignore_index=True)[SWITCH]


def paired_outcomes(opened: pd.DataFrame, a: str, b: str, *, margin: float = 0.05) -> pd.DataFrame:
    """Two models on the prompts that both answered, by exact McNemar; columns `PAIRED`.

    The first response of each model to a prompt counts. Where a question family has several
    prompts, labels are swapped for whole families (`inference.mcnemar_clustered`). Holm over all
    rows of one language, and over all rows of ``all``.

    Args:
        opened: ``Tables.opened``.
        a: id of a model.
        b: id of a model.
        margin: difference in rates that counts as none.
    """
    key = ["language", "kind", "prompt"]
    labelled = _labelled(opened, "prompt").drop_duplicates(["model", *key])
    sides = [
        labelled[labelled["model"] == name].set_index(key)[["outcome", "family"]] for name in (a, b)
    ]
    both = sides[0].join(sides[1]["outcome"].rename("other"), how="inner").reset_index()
    shown = [*OUTCOMES, *([ANSWERS] if (labelled["outcome"] == ANSWERS).any() else [])]
    lines = [
        {"language": language, "kind": kind, "outcome": outcome, "families": rates["clusters"]}
        | {name: rates[name] for name in PAIRED if name in rates}
        for part in (both.assign(language=ALL), both)
        for (language, kind), group in part.groupby(["language", "kind"])
        for outcome in shown
        for rates in [
            paired_rates(
                (group["outcome"] == outcome).to_numpy(bool),
                (group["other"] == outcome).to_numpy(bool),
                pd.factorize(group["family"])[0],
                margin=margin,
            )
        ]
    ]
    table = pd.DataFrame(lines, columns=PAIRED)
    table["p_adjusted"] = np.nan
    for whole in (True, False):
        rows = (table["language"] == ALL) == whole
        table.loc[rows, "p_adjusted"] = holm(table.loc[rows, "p"].to_numpy(float))
    table["verdict"] = [
        verdicts.outcome(
            a,
            b,
            line["outcome"],
            margin=margin,
            **{name: line[name] for name in _JUDGED},
        )
        for line in table.to_dict("records")
    ]
    return table


_JUDGED = [
    *("only_a", "only_b", "difference", "low", "high", "p_adjusted", "p_equivalent"),
    "detectable",
]


def _rates(responses: pd.DataFrame, hits: pd.DataFrame) -> pd.DataFrame:
    """A row by group and column of ``hits``: how often it is true, families as clusters."""
    counted = pd.concat([hits, responses[[*_GROUP, "family"]]], axis=1).assign(total=1)
    both = pd.concat([counted.assign(language=ALL), counted])
    sums = both.groupby([*_GROUP, "family"])[[*hits, "total"]].sum()
    lines = []
    for group, part in sums.groupby(level=_GROUP):
        counts, totals = part[list(hits)].to_numpy(float), part[["total"]].to_numpy(float)
        numbers = (counts.sum(0).astype(int), *clustered_rate(counts, totals))
        for name, n, rate, low, high in zip(hits, *numbers, strict=True):
            lines.append([*group, name, n, int(totals.sum()), rate, low, high])
    return pd.DataFrame(lines, columns=RATE)


def _labelled(opened: pd.DataFrame, *more: str) -> pd.DataFrame:
    columns = [*_GROUP, "family", *more]
    if "outcome" not in opened.columns:
        return pd.DataFrame(columns=[*columns, "outcome"], dtype=str)
    return opened.loc[opened["outcome"].notna(), [*columns, "outcome"]]
