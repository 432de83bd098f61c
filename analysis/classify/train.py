"""Fits and measures the heads of ``respond.py``, ``evasion.py`` and ``poles.py``.

    python -m analysis.classify.train speechmap_dev.parquet FOLDER

writes ``weights.npz``, ``evasion.npz`` and ``poles.npz``.

Learned from: the public SpeechMap record (columns ``language, model, prompt, response, judge_a,
judge_b``; rows where both judges agree) and the training halves of ``answers/``. No text of the
record is stored: the result is the weights of hashed features. Prints the held-out scores that
stand in MODEL_CARD.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.utils.parallel import Parallel, delayed

from analysis.classify import evasion, poles, regression, respond, train_evasion, train_poles
from analysis.classify.fitting import fit_regression
from analysis.classify.grams import BUCKETS, counts, weighted
from analysis.classify.labels import STRATEGIES
from analysis.classify.question import Question, question
from analysis.classify.respond import (
    ESSAY_MANNERS,
    MANNERS,
    Head,
    Heads,
    Last,
    are_long,
    ask_for_essays,
    prompt_words,
    signs_of,
)
from analysis.classify.scores import calibration_error
from analysis.classify.training_rows import excerpts, files, record, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FOLDS = 5
PENALTY = 10.0
NEVER = -9.0
"""Intercept of a manner that no answer to learn from has."""

ELSEWHERE = ""
"""The topic of prompts that are not the battery's."""

ANSWERING_WEIGHT = 1.5
"""Of responses to other prompts that answer: models answer more often than those written here."""

OWN_WEIGHT, LAST_PENALTY = 2.0, 1.0
"""Of answers written together with the test halves; inverse strength of the L2 penalty of the last
regressions."""

RARE_IN = 3
"""N-grams in fewer answers than this are left out: they are somebody's words, not a manner."""

EXCERPT_WEIGHT = 0.3
"""Of all excerpts of a manner, in weights of its whole answers."""


def weights(table: pd.DataFrame) -> Array:
    """Every manner as heavy as every other, in each of three domains that weigh the same.

    These are the record, the answers to the battery's questions, and those to prompts of their own.
    Excerpts count little: they are there to be told from evasion, not to be common. Answers that
    were written together with the test halves count more than those that were written after.
    """
    domain = table.source.where(table.topic.fillna("") == "", "battery")
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


def folds_of(table: pd.DataFrame, seed: int = 0) -> NDArray[np.intp]:
    """The fold of each row.

    In one fold only are a model of the record; a prompt that is not the battery's; and, among the
    answers written together with the test halves, a topic in a language. Of the others each answer
    has its own, with its excerpt.
    """
    rng = np.random.default_rng(seed)
    together = table.own | (table.topic == "")
    group = np.where(
        table.source == "record",
        table.group,
        np.where(together, table.language + table.group, table.id),
    )
    names, kinds = pd.factorize(group)
    return rng.permutation(np.arange(len(kinds)) % FOLDS)[names]


def questions(table: pd.DataFrame) -> list[Question | None]:
    """The answers, read; None of excerpts."""
    rows = zip(table.text, table.asked, table.pro, table.con, table.code, strict=True)
    return [
        None if excerpt else question(*row)
        for row, excerpt in zip(rows, table.excerpt, strict=True)
    ]


def held_out(table: pd.DataFrame, columns: sparse.csr_matrix) -> tuple[Array, Array]:
    """Scores of all rows, (n, 4) and (n, 3), by both heads of manners without the row's fold."""
    scores = np.zeros((len(table), len(MANNERS))), np.zeros((len(table), len(ESSAY_MANNERS)))
    fold = table.fold.to_numpy()
    fitted = Parallel(n_jobs=-1)(
        delayed(manner_heads)(
            table[fold != number].drop(columns="question"), columns[fold != number]
        )
        for number in range(FOLDS)
    )
    for number, heads in enumerate(fitted):
        for found, head in zip(scores, heads, strict=True):
            found[fold == number] = _scores(head, columns[fold == number])
    return scores


def manner_heads(table: pd.DataFrame, columns: sparse.csr_matrix) -> tuple[Head, Head]:
    """The head of all manners, from what is to be learned, and that of essays, from the record."""
    truth = table.manner.to_numpy(str)
    rows = np.flatnonzero(table.learned)
    every = fit_head(columns[rows], truth[rows], weights(table.iloc[rows]), MANNERS)
    rows = np.flatnonzero((table.source == "record") & ~table.excerpt & table.rule.isna())
    part = table.iloc[rows]
    size = part.groupby(["language", "manner"]).manner.transform("size").to_numpy(float)
    weight = 1 / np.sqrt(size)
    weight *= len(rows) / weight.sum()
    return every, fit_head(columns[rows], truth[rows], weight, ESSAY_MANNERS)


def _scores(head: Head, columns: sparse.csr_matrix) -> Array:
    signs = columns[:, BUCKETS:].toarray()
    return head.scores(columns[:, :BUCKETS], np.column_stack([np.ones(len(signs)), signs]))


@dataclass(frozen=True)
class Scored:
    """What the last regressions learn from: all by heads that had not seen the row.

    Attributes:
        scores: of the heads of manners and of essays.
        said: (n, NUMBERS), of ``evasion.py``; zeros of excerpts.
    """

    scores: tuple[Array, Array]
    said: Array


def last(table: pd.DataFrame, scored: Scored) -> Last:
    """The last regressions."""
    truth = table.manner.to_numpy(str)
    excerpt, usable = table.excerpt.to_numpy(), table.rule.isna().to_numpy()
    known, essay = _kinds(table)
    rows = (
        usable & known,
        usable & ~excerpt & ~essay & ~known & (table.source == "written").to_numpy(),
        usable & essay & ~excerpt,
    )
    weight = np.where(table.own, OWN_WEIGHT, 1.0)
    weight *= np.where(rows[1] & (truth == "answers"), ANSWERING_WEIGHT, 1.0)
    found = respond.columns(scored.scores, scored.said)
    return Last(
        *(
            fit_regression(numbers[own], truth[own], MANNERS, weight[own], LAST_PENALTY)
            for numbers, own in zip(found, rows, strict=True)
        )
    )


def _kinds(table: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    known = np.array([bool(one and one.topic) for one in table.question])
    return known, (table.essay | are_long(list(table.text))).to_numpy()


def held_out_probabilities(table: pd.DataFrame, scored: Scored) -> Array:
    """Probabilities of the manners, (n, 4), by last regressions without the row's fold."""
    result = np.zeros((len(table), len(MANNERS)))
    known, essay = _kinds(table)
    for number in range(FOLDS):
        held = table.fold.to_numpy() == number
        fitted = last(table[~held], _part(scored, ~held))
        part = _part(scored, held)
        result[held] = respond.combined(fitted, part.scores, part.said, known[held], essay[held])
    return result


def _part(scored: Scored, rows: NDArray[np.bool_]) -> Scored:
    return Scored((scored.scores[0][rows], scored.scores[1][rows]), scored.said[rows])


def strategy_head(table: pd.DataFrame, columns: sparse.csr_matrix) -> tuple[Head, str]:
    """The head of the strategies, and how often it is right on answers it did not see."""
    rows = np.flatnonzero((table.strategy != "") & ~table.excerpt & table.learned)
    fold = table.fold.to_numpy()
    truth = table.strategy.to_numpy(str)[rows]
    weight = 1 / np.sqrt(pd.Series(truth).map(pd.Series(truth).value_counts()).to_numpy(float))
    weight *= len(weight) / weight.sum()
    own, said = columns[rows], np.empty(len(rows), dtype=object)
    for number in range(FOLDS):
        seen, held = fold[rows] != number, fold[rows] == number
        head = fit_head(own[seen], truth[seen], weight[seen], STRATEGIES)
        said[held] = np.array(STRATEGIES)[_scores(head, own[held]).argmax(axis=1)]
    macro = f1_score(truth, said.astype(str), average="macro")
    line = f"strategy: macro-F1 {macro:.3f} accuracy {(truth == said).mean():.3f} n {len(rows)}"
    return fit_head(own, truth, weight, STRATEGIES), line


def report(table: pd.DataFrame, probabilities: Array) -> str:
    """Scores by language, and by whether the record, the battery or something else was asked.

    What a rule calls degenerate is degenerate. In the record, which does not know degenerate
    responses, that counts as deflecting.
    """
    lines = []
    named = np.array(MANNERS)[probabilities.argmax(axis=1)]
    said = np.where(table.rule.notna(), "degenerate", named)
    said = np.where((table.source == "record") & (said == "degenerate"), "deflects", said)
    whole = table[~table.excerpt]
    kind = np.where(whole.topic != "", "battery", np.where(whole.pro != "", "poles", "prompts"))
    kind = np.where(whole.source == "record", "record", kind)
    for name, rows in whole.groupby(kind + " " + whole.language).groups.items():
        truth = table.manner[rows].to_numpy()
        macro = f1_score(truth, said[rows], labels=np.unique(truth), average="macro")
        right = truth == said[rows]
        error = calibration_error(probabilities[rows].max(axis=1), right)
        lines.append(
            f"{name}: macro-F1 {macro:.3f} accuracy {right.mean():.3f} "
            f"calibration error {error:.3f} n {len(rows)}"
        )
    return "\n".join(lines)


def save(heads: Heads, path: Path) -> None:
    """Write the weights compactly: n-gram weights in 8 bits, the small ones as they are."""
    parts: dict[str, NDArray[np.generic]] = {
        "idf": heads.idf.astype(np.float16),
        "gate": heads.gate.astype(np.float16),
    }
    for name, head in (
        ("manner", heads.manner),
        ("essay", heads.essay),
        ("strategy", heads.strategy),
    ):
        scale = np.maximum(np.abs(head.ngrams).max(axis=1, keepdims=True), 1e-9) / 127
        parts |= {
            f"{name}_ngrams": np.round(head.ngrams / scale).astype(np.int8),
            f"{name}_scale": scale.astype(np.float32),
            f"{name}_signs": head.signs,
        }
    for name, fitted in (
        ("topic", heads.last.topic),
        ("other", heads.last.other),
        ("essays", heads.last.essay),
    ):
        parts |= regression.stored(name, fitted)
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]  # the stubs know one keyword


def prepared(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``record`` and ``written`` with excerpts, and ``fold, essay, question`` of each."""
    table = pd.concat([table, excerpts(table)], ignore_index=True)
    essay = ask_for_essays(list(table.asked), gate(table)) & ~table.excerpt
    table = table.assign(fold=folds_of(table), essay=essay)
    return table.assign(question=pd.Series(questions(table), dtype=object))


def gate(table: pd.DataFrame) -> NDArray[np.float32]:
    """``Heads.gate``: prompts of the record from all others."""
    prompts = table.groupby("asked").source.first()
    model = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=500)
    model.fit(prompt_words(list(prompts.index)), (prompts == "record").to_numpy())
    return np.append(model.coef_[0], model.intercept_[0]).astype(np.float32)


def fit(table: pd.DataFrame) -> tuple[Heads, evasion.Heads, str]:
    """Fit the heads of manners, and tell how they do on what they did not see.

    Args:
        table: from ``prepared``.
    """
    grams = counts(list(table.text), list(table.asked))
    idf = inverse_frequency(grams[table.learned.to_numpy()])
    found = signs_of(list(table.text), list(table.asked), list(table.code))
    columns = sparse.hstack([weighted(grams, idf), sparse.csr_matrix(found[:, 1:])]).tocsr()
    evading, said = fit_evasion(table)
    scored = Scored(held_out(table, columns), said)
    manner, essay = manner_heads(table, columns)
    strategy, line = strategy_head(table, columns)
    heads = Heads(
        idf=idf,
        manner=manner,
        essay=essay,
        strategy=strategy,
        last=last(table, scored),
        gate=gate(table),
    )
    text = report(table, held_out_probabilities(table, scored))
    return heads, evading, f"{text}\n{line}"


def fit_evasion(table: pd.DataFrame) -> tuple[evasion.Heads, Array]:
    """The heads of ``evasion.py``, and what they and theirs say of answers they did not see."""
    rows = np.flatnonzero(~table.excerpt & table.rule.isna())
    part = table.iloc[rows]
    read = list(part.question)
    topics = [*sorted({one.topic for one in read if one.topic}), ELSEWHERE]
    record = (part.source == "record").to_numpy()
    data = train_evasion.answers_of(read, part.manner.to_numpy(str), record, topics)
    learned = np.flatnonzero(part.manner != "degenerate")
    said = np.zeros((len(table), evasion.NUMBERS))
    scores = train_evasion.held_out(data, learned, part.fold.to_numpy(), topics)
    said[rows] = np.column_stack([scores, evasion.signs(data.seen)])
    return train_evasion.fit(data, learned, topics), said


def main() -> None:
    """Fit everything, print held-out scores, and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("record", type=Path)
    parser.add_argument("folder", type=Path)
    paths = parser.parse_args()
    table = prepared(pd.concat([record(paths.record), written(files())], ignore_index=True))
    heads, evading, text = fit(table)
    stances, line = train_poles.fit(table[table.source == "written"])
    save(heads, paths.folder / respond.WEIGHTS.name)
    evasion.save(evading, paths.folder / evasion.WEIGHTS.name)
    poles.save(stances, paths.folder / poles.WEIGHTS.name)
    print(text, line, sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
