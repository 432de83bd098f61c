"""Fits and measures the heads of ``respond.py`` and ``poles.py``, joined to the network.

    python -m analysis.classify.train speechmap_dev.parquet FOLDER

reads ``held_out.parquet`` of ``train_reader.py`` from the folder, writes ``weights.npz`` and
``poles.npz`` there, and prints the held-out scores that stand in MODEL_CARD.md.

Learned from: the public SpeechMap record (columns ``language, model, prompt, response, judge_a,
judge_b``; rows where both judges agree) and the training halves of ``answers/``. No text of the
record is stored: the result is the weights of hashed features.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from analysis.classify import poles, respond, train_poles
from analysis.classify.fitting import fit_regression
from analysis.classify.grams import BUCKETS, counts, weighted
from analysis.classify.labels import STRATEGIES
from analysis.classify.question import Question, question
from analysis.classify.reader import HEADS
from analysis.classify.regression import Regression
from analysis.classify.respond import (
    ESSAY_MANNERS,
    LASTS,
    MANNERS,
    Head,
    Heads,
    Last,
    Scored,
    are_long,
    ask_for_essays,
    prompt_words,
    signs_of,
)
from analysis.classify.scores import calibration_error, clustered_f1_interval, macro_f1
from analysis.classify.training_rows import HELD_OUT, RECORD, everything, excerpts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FOLDS = 5
PENALTY = 10.0
NEVER = -9.0
"""Intercept of a manner that no answer to learn from has."""

OWN_WEIGHT, LAST_PENALTY = 2.0, 1.0
"""Of answers written together with the test halves; inverse strength of the L2 penalty of the last
regressions."""

ANSWERING_WEIGHT = 2.0
"""Of responses to other prompts that answer: models answer more often than those written here."""

RARE_IN = 3
"""N-grams in fewer answers than this are left out: they are somebody's words, not a manner."""

EXCERPT_WEIGHT = 0.3
"""Of all excerpts of a manner, in weights of its whole answers."""


UNFITTED = Last(*[Regression(np.zeros((1, 1)), np.zeros(0), np.ones(0))] * len(LASTS))


def prepared(table: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``everything`` with the network's scores of them, and ``fold, question`` of each.

    Args:
        table: the rows.
        scores: of ``held_out.parquet``; NaN stands for those of the other rows.
    """
    table = table.merge(scores, on=["source", "id"], how="left", validate="one_to_one")
    return table.assign(fold=folds_of(table), question=pd.Series(questions(table), dtype=object))


def folds_of(table: pd.DataFrame, seed: int = 0) -> NDArray[np.intp]:
    """The fold of each row.

    In one fold only are a model of the record; a prompt that is not the battery's; and, among the
    answers written together with the test halves, a topic in a language. Of the others each answer
    has its own.
    """
    rng = np.random.default_rng(seed)
    together = table.own | (table.topic == "")
    group = np.where(
        table.source == RECORD,
        table.group,
        np.where(together, table.language + table.group, table.id),
    )
    names, kinds = pd.factorize(group)
    return rng.permutation(np.arange(len(kinds)) % FOLDS)[names]


def questions(table: pd.DataFrame) -> list[Question | None]:
    """The answers to questions with poles, read."""
    rows = zip(table.text, table.asked, table.pro, table.con, table.code, strict=True)
    return [question(*row) if row[2] else None for row in rows]


def weights(table: pd.DataFrame) -> Array:
    """Every manner as heavy as every other, in each of three domains that weigh the same.

    These are the record, the answers to the battery's questions, and those to prompts of their own.
    Excerpts count little: they are there to be told from evasion, not to be common. Answers that
    were written together with the test halves count more than those that were written after.
    """
    domain = table.source.where(table.topic == "", "battery")
    size = table.groupby([domain, table.manner, table.excerpt]).manner.transform("size")
    weight = np.where(table.excerpt, EXCERPT_WEIGHT, 1.0) / size
    weight = weight * np.where(table.own, OWN_WEIGHT, 1.0)
    weight /= weight.groupby(domain).transform("sum")
    return np.asarray(weight * len(table) / weight.sum(), dtype=float)


def inverse_frequency(grams: sparse.csr_matrix) -> NDArray[np.float32]:
    """Inverse document frequency of every n-gram; 0 for those that are too rare to be used."""
    often = np.asarray((grams > 0).sum(axis=0)).ravel()
    idf = np.log((1 + grams.shape[0]) / (1 + often)) + 1
    return np.where(often >= RARE_IN, idf, 0).astype(np.float32)


def fit_head(
    columns: sparse.csr_matrix, truth: NDArray[np.str_], weight: Array, names: Sequence[str]
) -> Head:
    """A head that tells each name from all others.

    Args:
        columns: weighted n-grams, then phrases and form.
        truth: the name of each row.
        weight: of each row.
        names: the head's rows, in order.
    """
    used = np.flatnonzero(columns.getnnz(axis=0))
    part = columns[:, used]
    found = np.zeros((len(names), columns.shape[1]), np.float32)
    intercepts = np.full(len(names), NEVER)
    for place, name in enumerate(names):
        if (truth == name).any():
            head = LogisticRegression(solver="liblinear", C=PENALTY, tol=0.02, max_iter=40)
            head.fit(part, (truth == name).astype(int), sample_weight=weight)
            found[place, used], intercepts[place] = head.coef_[0], head.intercept_[0]
    return Head(found[:, :BUCKETS], np.column_stack([intercepts, found[:, BUCKETS:]]))


def fit_heads(table: pd.DataFrame) -> Heads:
    """The linear heads from some of the answers, and their excerpts, without a last step.

    The head of all manners learns from what is to be learned, that of essays from the record.
    """
    table = pd.concat([table, excerpts(table)], ignore_index=True)
    grams = counts(list(table.text), list(table.asked))
    idf = inverse_frequency(grams[table.learned.to_numpy()])
    signs = signs_of(list(table.text), list(table.asked), list(table.code))
    columns = _columns(grams, signs, idf)
    whole = ~table.excerpt & table.rule.isna()
    record, evades = whole & (table.source == RECORD), whole & (table.strategy != "")

    def head(name: str, rows: pd.Series[bool], weight: Array, names: Sequence[str]) -> Head:
        truth = table.loc[rows, name].to_numpy(str)
        return fit_head(columns[rows.to_numpy()], truth, weight, names)

    return Heads(
        idf=idf,
        manner=head("manner", table.learned, weights(table[table.learned]), MANNERS),
        essay=essay_head(table[record], columns[record.to_numpy()]),
        strategy=head("strategy", evades, evened(table[evades], "strategy"), STRATEGIES),
        last=UNFITTED,
        gate=gate(table),
    )


def _columns(grams: sparse.csr_matrix, signs: Array, idf: NDArray[np.float32]) -> sparse.csr_matrix:
    """Weighted n-grams, phrases and form, as ``fit_head`` takes them."""
    return sparse.hstack([weighted(grams, idf), sparse.csr_matrix(signs[:, 1:])]).tocsr()


def essay_head(record: pd.DataFrame, columns: sparse.csr_matrix) -> Head:
    """The head of essays, from rows of the record and their columns."""
    truth, weight = record.manner.to_numpy(str), evened(record, "language", "manner")
    return fit_head(columns, truth, weight, ESSAY_MANNERS)


def essay_scores(record: pd.DataFrame, idf: NDArray[np.float32]) -> Array:
    """Scores, (n, 3), of rows of the record by heads that learned from the other folds' models."""
    grams = counts(list(record.text), list(record.asked))
    signs = signs_of(list(record.text), list(record.asked), list(record.code))
    columns = _columns(grams, signs, idf)
    scores = np.zeros((len(record), len(ESSAY_MANNERS)))
    for number in record.fold.unique():
        held = (record.fold == number).to_numpy()
        head = essay_head(record[~held], columns[~held])
        scores[held] = head.scores(weighted(grams[held], idf), signs[held])
    return scores


def evened(table: pd.DataFrame, *names: str) -> Array:
    """Weights by which rare kinds count nearly as much as common ones: by the root of their size.

    Args:
        table: the rows.
        names: columns that tell the kinds.
    """
    weight = 1 / np.sqrt(table.groupby(list(names))[names[0]].transform("size").to_numpy(float))
    return np.asarray(weight * len(weight) / weight.sum())


def gate(table: pd.DataFrame) -> NDArray[np.float32]:
    """``Heads.gate``: prompts of the record from all others."""
    prompts = table.groupby("asked").source.first()
    model = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=500)
    model.fit(prompt_words(list(prompts.index)), (prompts == RECORD).to_numpy())
    return np.append(model.coef_[0], model.intercept_[0]).astype(np.float32)


def network_scores(table: pd.DataFrame) -> dict[str, NDArray[np.float32]]:
    """The network's scores of rows of ``prepared``, by ``reader.HEADS``."""
    return {
        name: table[[f"{name}_{at}" for at in range(size)]].to_numpy(np.float32)
        for name, size in HEADS.items()
    }


def scored(table: pd.DataFrame, heads: Heads) -> Scored:
    """What the last regressions see of rows of ``prepared`` that heads and network hadn't seen."""
    texts, asked = list(table.text), list(table.asked)
    return Scored(
        heads=respond.scores_of(heads, texts, asked, list(table.code)),
        network=network_scores(table),
        known=(table.topic != "").to_numpy(),
        asked=(table.asked != "").to_numpy(),
        poled=(table.pro != "").to_numpy(),
        essay=ask_for_essays(asked, heads.gate) | are_long(texts),
    )


def fit_last(table: pd.DataFrame, seen: Scored) -> Last:
    """The last regressions, from answers and what is seen of them."""
    truth, strategy = table.manner.to_numpy(str), table.strategy.to_numpy(str)
    weight = np.where(table.own, OWN_WEIGHT, 1.0)
    weight *= np.where(~seen.known & (truth == "answers"), ANSWERING_WEIGHT, 1.0)
    other = ~seen.essay & ~seen.known
    rows = seen.known, other, other, seen.essay, strategy != ""
    names = *[MANNERS] * 4, STRATEGIES
    truths = *[truth] * 4, strategy
    return Last(
        *(
            fit_regression(found[own], true[own], classes, weight[own], LAST_PENALTY)
            for found, own, true, classes in zip(
                respond.columns(seen), rows, truths, names, strict=True
            )
        )
    )


def report(table: pd.DataFrame, seen: Scored) -> str:
    """Scores by language, and by whether the record, the battery or something else was asked.

    By last regressions that were fitted without the row's fold. Intervals are 95 %, over models or
    prompts.
    """
    probabilities = np.zeros((len(table), len(MANNERS)))
    strategies = np.zeros((len(table), len(STRATEGIES)))
    for number in range(FOLDS):
        held = (table.fold == number).to_numpy()
        last, part = fit_last(table[~held], seen.part(~held)), seen.part(held)
        probabilities[held] = respond.combined(last, part)
        strategies[held] = respond.strategies(last, part)
    table = table.reset_index(drop=True)
    said = np.array(MANNERS)[probabilities.argmax(axis=1)]
    kind = np.where(table.topic != "", "battery", np.where(table.pro != "", "poles", "prompts"))
    kind = np.where(table.source == RECORD, "record", kind)
    groups = [*table.groupby(kind + " " + table.language).groups.items()]
    groups += [*table.groupby(kind).groups.items()]
    lines = []
    for name, rows in groups:
        truth = table.manner[rows].to_numpy()
        tables = _tables(truth, said[rows], table.group[rows])
        low, high = clustered_f1_interval(tables)
        right = truth == said[rows]
        error = calibration_error(probabilities[rows].max(axis=1), right)
        lines.append(
            f"{name}: macro-F1 {macro_f1(tables.sum(axis=0)):.3f} [{low:.3f}, {high:.3f}] "
            f"accuracy {right.mean():.3f} calibration error {error:.3f} "
            f"n {len(rows)} evade {(truth != 'answers').sum()} clusters {len(tables)}"
        )
    evades = (table.strategy != "").to_numpy()
    true, told = table.strategy[evades], np.array(STRATEGIES)[strategies[evades].argmax(axis=1)]
    macro, right = f1_score(true, told, average="macro"), (true == told).mean()
    lines.append(f"strategy: macro-F1 {macro:.3f} accuracy {right:.3f} n {evades.sum()}")
    return "\n".join(lines)


def _tables(truth: NDArray[np.str_], said: NDArray[np.str_], group: pd.Series[str]) -> Array:
    """Counts of true and predicted manners, (groups, 4, 4), a table for each model or prompt."""
    owner, names = pd.factorize(group)
    true, told = (np.array([MANNERS.index(one) for one in each]) for each in (truth, said))
    size = len(MANNERS)
    counts = np.bincount((owner * size + true) * size + told, minlength=len(names) * size**2)
    return counts.reshape(len(names), size, size).astype(np.float64)


def fit(table: pd.DataFrame) -> tuple[Heads, str]:
    """All of ``respond.py``, and how it does on answers that it had not seen.

    The last regressions learn from the answers that the network had not seen, by heads fitted to
    the others; the heads that stay learn from all.

    Args:
        table: from ``prepared``.
    """
    unseen, record = table.manner_0.notna(), table.source == RECORD
    part = table[unseen & table.rule.isna()]
    # of essays only the head of essays is looked at, and its scores are replaced below
    heads = fit_heads(table[record | ~unseen])
    seen = scored(part, heads)
    essays = (part.source == RECORD).to_numpy()
    seen.heads["essay"][essays] = essay_scores(part[essays], heads.idf)
    heads = replace(fit_heads(table), last=fit_last(part, seen))
    return heads, report(part, seen)


def main() -> None:
    """Fit everything, print held-out scores, and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("record", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    table = prepared(everything(asked.record), pd.read_parquet(asked.folder / HELD_OUT))
    heads, text = fit(table)
    print(text)  # noqa: T201
    respond.save(heads, asked.folder / respond.WEIGHTS.name)
    leaning, text = train_poles.fit(table[(table.source == "written") & table.rule.isna()])
    print(text)  # noqa: T201
    poles.save(leaning, asked.folder / poles.WEIGHTS.name)


if __name__ == "__main__":
    main()
