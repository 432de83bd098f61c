"""What open responses are: rates, and two models on equal prompts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis import verdicts
from analysis.inference import holm, mcnemar_exact
from analysis.intervals import wilson
from analysis.rows import ALL
from analysis.tables import OUTCOMES

RATE = ["model", "language", "kind", "outcome", "n", "total", "rate", "low", "high"]
PAIRED = [
    *("language", "kind", "outcome", "rate_a", "rate_b", "both", "only_a", "only_b", "n", "p"),
    *("p_adjusted", "verdict"),
]


def outcome_table(opened: pd.DataFrame) -> pd.DataFrame:
    """How often each model's labelled responses have each outcome; columns `RATE`.

    ``total`` counts the labelled responses. Intervals are Wilson's and take the label as
    certain; the classifier's own errors are not in them.
    """
    labelled = _labelled(opened)
    keys = ["model", "language", "kind"]
    both = pd.concat([labelled.assign(language=ALL), labelled])
    counts = pd.DataFrame({name: both["outcome"] == name for name in OUTCOMES})
    sums = counts.groupby([both[key] for key in keys]).sum().reset_index()
    table = sums.melt(keys, var_name="outcome", value_name="n")
    order = table["outcome"].map({name: i for i, name in enumerate(OUTCOMES)})
    table = table.assign(order=order).sort_values([*keys, "order"], ignore_index=True)
    table["total"] = table.groupby(keys)["n"].transform("sum")
    table["rate"] = table["n"] / table["total"]
    table["low"], table["high"] = wilson(table["n"], table["total"])
    return table[RATE]


def paired_outcomes(opened: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Two models on the prompts that both answered, by exact McNemar; columns `PAIRED`.

    The first response of each model to a prompt counts. Holm over all rows of one language, and
    over all rows of ``all``.
    """
    labelled = _labelled(opened).drop_duplicates(["model", "language", "kind", "prompt"])
    key = ["language", "kind", "prompt"]
    sides = [labelled[labelled["model"] == name].set_index(key)["outcome"] for name in (a, b)]
    both = pd.concat(sides, axis=1, keys=["a", "b"], join="inner").reset_index()
    lines = []
    for part in (both.assign(language=ALL), both):
        for (language, kind), group in part.groupby(["language", "kind"]):
            for outcome in OUTCOMES:
                in_a, in_b = (group[side] == outcome for side in ("a", "b"))
                lines.append(
                    {
                        "language": language,
                        "kind": kind,
                        "outcome": outcome,
                        "rate_a": in_a.mean(),
                        "rate_b": in_b.mean(),
                        "both": int((in_a & in_b).sum()),
                        "only_a": int((in_a & ~in_b).sum()),
                        "only_b": int((~in_a & in_b).sum()),
                        "n": len(group),
                    }
                )
    table = pd.DataFrame(
        lines, columns=[c for c in PAIRED if c not in {"p", "p_adjusted", "verdict"}]
    )
    table["p"] = mcnemar_exact(table["only_a"].to_numpy(int), table["only_b"].to_numpy(int))
    table["p_adjusted"] = np.nan
    for whole in (True, False):
        rows = (table["language"] == ALL) == whole
        table.loc[rows, "p_adjusted"] = holm(table.loc[rows, "p"].to_numpy(float))
    table["verdict"] = [
        verdicts.outcome(
            a,
            b,
            line["outcome"],
            only_a=line["only_a"],
            only_b=line["only_b"],
            p_adjusted=line["p_adjusted"],
        )
        for line in table.to_dict("records")
    ]
    return table[PAIRED]


def _labelled(opened: pd.DataFrame) -> pd.DataFrame:
    columns = ["model", "language", "kind", "prompt"]
    if "outcome" not in opened.columns:
        return pd.DataFrame(columns=[*columns, "outcome"], dtype=str)
    return opened.loc[opened["outcome"].notna(), [*columns, "outcome"]]
