"""A run file as tables: what everything else in ``analysis`` starts from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.agreement import COLUMNS
from analysis.classify.labels import JUDGE
from probes import runfile
from probes.cell import SCORED
from prompts.errors import RunFileError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_CELL = (
    "language, topic, domain, tag, kind, family, item, pole, frame, labels, forced, option_order,"
    " id AS cell"
)

OUTCOMES = ("pro", "both", "con", "deflects", "refuses", "degenerate")
"""What an open response can be, in the order in which tables show it."""


@dataclass(frozen=True)
class Tables:
    """A run as DataFrames.

    Attributes:
        manifest: the run's settings by key.
        models: a row per model: ``id, name, developer, country, licence, backend, weights,
            quantisation, base, details, failed``; ``failed`` counts scored probes that ended in an
            error or came back without an answer, which are not in ``scored``.
        scored: a row per scored probe: ``model, language, topic, domain, tag, kind, family, item,
            pole, frame, labels, forced, option_order, cell, coverage, declined, stance, K, p0, p1,
            ...``. ``p0`` is the probability of the option nearest the ``pro`` pole; columns from
            ``K`` on are NaN. ``declined`` and the ``p`` columns sum to one. ``stance`` is
            conditional on answering and NaN where all probability declines. A cell whose labels
            all have probability zero has coverage 0 and NaN in the rest.
        opened: a row per open or task response: ``model, probe, language, topic, domain, kind,
            family, item, cell, prompt, text, reasoning, ending, error`` and, where labelled,
            ``outcome, response_language, prob_<outcome>``.
        exact: as ``scored``, the sample that was asked again with one full prefill a cell.
        examples: ``kind, language, prompt``, one prompt of each scored kind.
        audit: a row per label that a person gave: ``probe, model, language, topic, kind, family,
            item, cell, annotator, outcome, labelled``; ``outcome`` may be ``unclear``, and
            ``labelled`` is when, ISO 8601 in UTC. ``probe`` is that of ``opened``.
        classifier: name and version of what labelled ``opened``, such as ``doxa-reader 1``;
            empty where nothing is labelled.
        judges: how far the judges that labelled ``opened`` agree and can be relied on, as
            `judge_panel.Panel.figures`; no rows where something else labelled it.
    """

    manifest: dict[str, Any]
    models: pd.DataFrame
    scored: pd.DataFrame
    opened: pd.DataFrame
    exact: pd.DataFrame = field(default_factory=pd.DataFrame)
    examples: pd.DataFrame = field(default_factory=pd.DataFrame)
    audit: pd.DataFrame = field(default_factory=pd.DataFrame)
    classifier: str = ""
    judges: pd.DataFrame = field(default_factory=pd.DataFrame)


def load(path: Path) -> Tables:
    """Read a run file without changing it.

    A model that was asked with several settings is read in those that answered most cells, so
    that no cell counts twice. Where responses were labelled more than once, the labels of the
    classifier and version that the manifest names are taken, else of those that wrote last, so
    that one table holds one classifier.

    Raises:
        RunFileError: the file is missing, is no run file, is of a newer version or is damaged.
    """
    try:
        with runfile.reading(path) as db:
            manifest = runfile.manifest(db)
            models = _models(db)
            names = models.set_index("weights")["id"]
            scored, failed, exact = _scored(db, names)
            chosen = manifest.get("classifier") or db.execute(_CLASSIFIER).fetchone() or ()
            opened = _opened(db, names, chosen)
            classifier = " ".join(chosen)
            examples = pd.read_sql_query(_EXAMPLES, db)
            audit = pd.read_sql_query(_AUDIT, db)
    except pd.errors.DatabaseError as error:
        raise RunFileError(
            f"{path} cannot be read as a run file ({error}).", "Restore it from a copy."
        ) from error
    except ValueError as error:
        raise RunFileError(
            f"{path} holds an answer that cannot be read ({error}).",
            "The file is damaged: restore it from a copy, or run again.",
        ) from error
    models["failed"] = models["id"].map(failed).fillna(0).astype(int)
    audit.insert(1, "model", audit.pop("weights").map(names))
    judges = _judges(manifest.pop("judges", []), classifier)
    return Tables(manifest, models, scored, opened, exact, examples, audit, classifier, judges)


def _judges(figures: object, classifier: str) -> pd.DataFrame:
    """The figures that a run file keeps of judges, if it is their labels that count.

    Older run files have them in words, which are passed over.
    """
    found = figures if isinstance(figures, list) and classifier.startswith(JUDGE) else []
    table = pd.DataFrame(found, columns=["language", "a", "b", *COLUMNS])
    return table.astype({"value": float, "low": float, "high": float})


def only(tables: Tables, models: Sequence[str]) -> Tables:
    """The tables as if no other models had been asked."""
    return replace(
        tables,
        models=tables.models[tables.models["id"].isin(models)],
        scored=tables.scored[tables.scored["model"].isin(models)],
        opened=tables.opened[tables.opened["model"].isin(models)],
    )


_CLASSIFIER = "SELECT classifier, version FROM labels ORDER BY rowid DESC LIMIT 1"


_ORDER = "language, kind, topic, item, frame, option_order, cells.id"


_AUDIT = """
    SELECT probe, weights, language, topic, kind, family, item, cells.id AS cell, annotator,
        outcome, labelled
    FROM audit_labels JOIN probes ON probe = probes.id JOIN cells ON cells.id = cell
    ORDER BY audit_labels.id
"""


_EXAMPLES = """
    SELECT kind, language, prompt FROM (
        SELECT kind, language, prompt,
            row_number() OVER (PARTITION BY kind ORDER BY language != 'en', rowid) AS place
        FROM cells WHERE option_order != 'none' AND tag = 'contested'
    ) WHERE place = 1 ORDER BY kind
"""


def _models(db: sqlite3.Connection) -> pd.DataFrame:
    columns = "id, name, developer, country, licence, backend, weights, quantisation, base, details"
    models = pd.read_sql_query(f"SELECT {columns} FROM models ORDER BY id, weights", db)  # noqa: S608
    models["base"] = models["base"].astype(bool)
    models["details"] = pd.Series([json.loads(text) for text in models["details"]], dtype=object)
    twice = models["id"].duplicated(keep=False)
    models.loc[twice, "id"] += "@" + models.loc[twice, "weights"].str[:8]
    return models


def _scored(
    db: sqlite3.Connection, names: pd.Series[str]
) -> tuple[pd.DataFrame, pd.Series[int], pd.DataFrame]:
    """Return the scored table, the number of failed probes by model, and the exact sample."""
    kinds = ",".join(f"'{kind}'" for kind in sorted(SCORED))
    cells = pd.read_sql_query(
        f"SELECT {_CELL}, options FROM cells WHERE kind IN ({kinds}) ORDER BY {_ORDER}",  # noqa: S608
        db,
    )
    cells["forced"] = cells["forced"].astype(bool)
    answers = pd.read_sql_query(
        "SELECT probes.cell, weights, settings, logprobs, ending FROM probes"  # noqa: S608
        " JOIN responses ON responses.probe = probes.id JOIN cells ON cells.id = probes.cell"
        f" WHERE kind IN ({kinds})",
        db,
    )
    answers["model"] = answers["weights"].map(names)
    main = _main_settings(answers)
    bad = (answers["ending"] == "error") | answers["logprobs"].isin(["", "[]"])
    failed = answers.loc[bad & main, "model"].value_counts()
    again = answers["settings"].str.contains('"full prefill"', regex=False) & ~main
    kept = ~bad & (main | again)
    at = pd.Index(cells["cell"]).get_indexer(pd.Index(answers["cell"]))
    # an order of its own: that of asking differs where a run was stopped and continued
    order = np.lexsort((at, pd.factorize(answers["weights"], sort=True)[0]))
    order = order[kept.to_numpy()[order]]
    again = again.iloc[order].reset_index(drop=True)
    answers = answers.iloc[order].reset_index(drop=True)
    at = at[order]

    codes, texts = pd.factorize(cells["options"])
    values = [[option["value"] for option in json.loads(text)] for text in texts]
    numbers = _distributions(answers["logprobs"].tolist(), codes[at], values)
    scored = pd.concat(
        [cells.drop(columns="options").iloc[at].reset_index(drop=True), numbers], axis=1
    )
    scored.insert(0, "model", answers["model"])
    return scored[~again].reset_index(drop=True), failed, scored[again].reset_index(drop=True)


def _main_settings(answers: pd.DataFrame) -> pd.Series[bool]:
    """Whether each answer was given with the settings that its model answered most cells with."""
    key = ["weights", "settings"]
    size = answers.groupby(key)["cell"].transform("size")
    largest = (
        answers[key].assign(size=size).drop_duplicates().sort_values(["size", "settings"])
    ).drop_duplicates("weights", keep="last")
    return pd.Series(
        pd.MultiIndex.from_frame(answers[key]).isin(pd.MultiIndex.from_frame(largest[key])),
        index=answers.index,
    )


def _distributions(
    logprobs: list[str], codes: NDArray[np.intp], values: list[list[float | None]]
) -> pd.DataFrame:
    """Turn log-probabilities in the order shown into probabilities ordered from pro to con.

    Args:
        logprobs: n JSON arrays.
        codes: ``(n,)``, which list of ``values`` belongs to each.
        values: the stance of each option in the order shown; None for a way out.
    """
    parsed = json.loads("[" + ",".join(logprobs) + "]")
    n = len(parsed)
    width = max((sum(v is not None for v in shown) for shown in values), default=0)
    result = np.full((n, width + 4), np.nan)  # coverage, declined, stance, K, p0 ...
    lengths = np.fromiter((len(row) for row in parsed), int, n)
    expected = np.array([len(shown) for shown in values], dtype=int)
    if n and (lengths != expected[codes]).any():
        row = int(np.argmax(lengths != expected[codes]))
        raise ValueError(f"{lengths[row]} log-probabilities for {expected[codes[row]]} options")
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        sets = [shown for shown in values if len(shown) == length]
        where = np.cumsum(expected == length) - 1
        value = np.array([[np.nan if v is None else v for v in shown] for shown in sets], float)
        order = np.argsort(-value, axis=1, kind="stable")  # NaN, the way out, sorts last
        own = where[codes[rows]]
        log = np.array([parsed[row] for row in rows], dtype=float)
        mass = np.exp(np.take_along_axis(log, order[own], axis=1))
        total = mass.sum(axis=1)
        share = np.divide(mass, total[:, None], where=total[:, None] > 0, out=mass * np.nan)
        stances = np.take_along_axis(value, order, axis=1)[own]
        answers = ~np.isnan(stances)
        answered = np.where(answers, share, 0.0).sum(axis=1)
        lean = np.where(answers, share * np.nan_to_num(stances), 0.0).sum(axis=1)
        result[rows, 0] = total
        result[rows, 1] = np.where(total > 0, np.where(answers, 0.0, share).sum(axis=1), np.nan)
        result[rows, 2] = np.divide(
            lean, answered, where=answered > 0, out=np.full(len(rows), np.nan)
        )
        result[rows, 3] = answers.sum(axis=1)
        kept = min(int(length), width)
        result[rows, 4 : 4 + kept] = np.where(answers, share, np.nan)[:, :kept]
    columns = ["coverage", "declined", "stance", "K", *(f"p{k}" for k in range(width))]
    return pd.DataFrame(result, columns=columns).astype({"K": int})


def _opened(
    db: sqlite3.Connection, names: pd.Series[str], classifier: Sequence[str]
) -> pd.DataFrame:
    opened = pd.read_sql_query(
        "SELECT probes.id AS probe, weights, settings, language, topic, domain, kind, family,"  # noqa: S608
        " item, cells.id AS cell, prompt, text, reasoning, ending, error FROM probes"
        " JOIN responses ON responses.probe = probes.id JOIN cells ON cells.id = probes.cell"
        f" WHERE kind IN ('open', 'task') ORDER BY weights, {_ORDER}",
        db,
    )
    opened = opened[_main_settings(opened)].drop(columns="settings").reset_index(drop=True)
    opened.insert(0, "model", opened.pop("weights").map(names))
    labels = pd.read_sql_query(
        "SELECT probe, outcome, response_language, probabilities FROM labels"
        " WHERE classifier = ? AND version = ?",
        db,
        params=tuple(classifier) or ("", ""),
    )
    if len(labels):
        chances = pd.DataFrame(
            json.loads("[" + ",".join(labels.pop("probabilities")) + "]"), index=labels.index
        )
        labels = labels.join(chances.add_prefix("prob_"))
        opened = opened.merge(labels, on="probe", how="left")
    return opened
