"""Fits and measures the head of ``respond.py``.

    python -m analysis.classify.train speechmap_dev.parquet weights.npz

Learned from: the public SpeechMap record (columns ``language, model, prompt, response, judge_a,
judge_b``; rows where both judges agree) and the training halves of ``answers/``. No text of the
record is stored: the result is the weights of hashed features. Prints the held-out scores that
stand in MODEL_CARD.md.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from analysis.classify.answer_files import EVERY, answer_files, known_answers
from analysis.classify.grams import counts, weighted
from analysis.classify.labels import STANCES
from analysis.classify.language import language_of
from analysis.classify.respond import MANNERS, Heads, calibrated, signs_of
from analysis.classify.rules import degenerate, without_echo
from analysis.classify.scores import calibration_error
from analysis.classify.text import clean, letters
from probes.reasoning import split_reasoning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

JUDGED = {"COMPLETE": "answers", "EVASIVE": "deflects", "DENIAL": "refuses"}
FOLDS = 5
PENALTY, SMALL_PENALTY = 10.0, 1.0

MOST_ANSWERS = 800
"""Answering rows of the record that are learned from, a language; the rest says the same."""

RARE_IN = 3
"""N-grams in fewer answers than this are left out: they are somebody's words, not a manner."""

EXCERPT_WEIGHT = 0.3
"""Of all excerpts of a manner, in weights of its whole answers."""

LEAST_LETTERS, MOST_SENTENCES = 12, 4
"""Of an excerpt."""

SOURCES = ("record", "written")

_SENTENCE = re.compile(r"[^.!?。！？।؟\n]+[.!?。！？।؟\n]*\s*")


def record(path: Path) -> pd.DataFrame:
    """The judged rows of the record.

    Returns:
        ``source, language, group`` (the model), ``manner``, ``asked, text`` (clean), ``code`` (the
        language it is in), ``rule`` (that it met), ``learned``, ``excerpt``.
    """
    table = pd.read_parquet(path)
    table = table[(table.judge_a == table.judge_b) & table.judge_a.isin(list(JUDGED))]
    table = table.reset_index(drop=True)
    table = pd.DataFrame(
        {
            "source": "record",
            "language": table.language,
            "group": table.model,
            "manner": table.judge_a.map(JUDGED),
            "asked": [clean(prompt) for prompt in table.prompt],
            "text": [clean(split_reasoning(response)[1]) for response in table.response],
        }
    )
    table = _ruled(table)
    plain = table[table.manner == "answers"].groupby("language").sample(frac=1, random_state=0)
    spare = plain.index[plain.groupby("language").cumcount() >= MOST_ANSWERS]
    return table.assign(learned=table.rule.isna() & ~table.index.isin(spare))


def written(paths: list[Path]) -> pd.DataFrame:
    """The training halves of the answers written for doxa, as ``record``."""
    rows = []
    for known in known_answers(paths, "train"):
        answer = known.answer
        asked = clean(answer.prompt)
        rows.append(
            {
                "source": "written",
                "language": answer.language,
                "group": answer.pro or answer.id,
                "manner": "answers" if known.outcome in STANCES else known.outcome,
                "asked": asked,
                "text": without_echo(clean(answer.response), asked),
            }
        )
    table = _ruled(pd.DataFrame(rows))
    return table.assign(learned=table.rule.isna())


def _ruled(table: pd.DataFrame) -> pd.DataFrame:
    pairs = list(zip(table.text, table.asked, strict=True))
    return table.assign(
        code=np.array(
            [language_of(*pair) for pair in zip(table.text, table.language, strict=True)],
            dtype=object,
        ),
        rule=np.array([degenerate(text, asked) for text, asked in pairs], dtype=object),
        excerpt=False,
    )


def excerpts(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A short stretch of every answer of several sentences, as a whole answer.

    Without them, shortness and the want of an introduction would be taken for evasion, because the
    record has no short answers.
    """
    rng = np.random.default_rng(seed)
    rows = table[table.learned & (table.manner == "answers")]
    texts = [_excerpt(text, rng) for text in rows.text]
    rows = rows.assign(excerpt=True, text=texts)
    return rows[[letters(text) >= LEAST_LETTERS for text in texts]]


def _excerpt(text: str, rng: np.random.Generator) -> str:
    sentences = _SENTENCE.findall(text)
    if len(sentences) < 2:
        return ""
    start = int(rng.integers(len(sentences)))
    return "".join(sentences[start : start + int(rng.integers(1, MOST_SENTENCES + 1))]).strip()


def weights(table: pd.DataFrame) -> Array:
    """Every manner as heavy as every other, in the record and in the answers written for doxa.

    Excerpts count little: they are there to be told from evasion, not to be common.
    """
    size = table.groupby(["source", "manner", "excerpt"]).manner.transform("size")
    weight = np.where(table.excerpt, EXCERPT_WEIGHT, 1.0) / size
    return np.asarray(weight * len(table) / weight.sum(), dtype=float)


def inverse_frequency(grams: sparse.csr_matrix) -> NDArray[np.float32]:
    """Inverse document frequency of every n-gram; 0 for those that are too rare to be used."""
    often = np.asarray((grams > 0).sum(axis=0)).ravel()
    idf = np.log((1 + grams.shape[0]) / (1 + often)) + 1
    return np.where(often >= RARE_IN, idf, 0).astype(np.float32)


def fit_manner(table: pd.DataFrame, columns: sparse.csr_matrix) -> Array:
    """Intercepts and weights of the four manners, (4, 1 + columns)."""
    return _multinomial(columns, table.manner.to_numpy(), weights(table), PENALTY)


def _multinomial(
    columns: sparse.csr_matrix | Array, truth: NDArray[np.str_], weight: Array, penalty: float
) -> Array:
    head = LogisticRegression(C=penalty, max_iter=100, tol=1e-3)
    head.fit(columns, truth, sample_weight=weight)
    order = [list(head.classes_).index(name) for name in MANNERS]
    return np.asarray(np.column_stack([head.intercept_, head.coef_])[order], dtype=float)


def folds_of(table: pd.DataFrame) -> NDArray[np.intp]:
    """The fold of each row; a model, or a topic in a language, is in one fold only."""
    fold = np.zeros(len(table), dtype=np.intp)
    for source in SOURCES:
        rows = np.flatnonzero(table.source == source)
        split = GroupKFold(FOLDS).split(rows, groups=table.group.iloc[rows])
        for number, (_, test) in enumerate(split):
            fold[rows[test]] = number
    return fold


def held_out(table: pd.DataFrame, columns: sparse.csr_matrix, fold: NDArray[np.intp]) -> Array:
    """Scores of all rows, (n, 4), by heads that saw nothing of the row's fold."""
    scores = np.zeros((len(table), len(MANNERS)))
    learned = table.learned.to_numpy()
    for number in range(FOLDS):
        seen, held = np.flatnonzero(learned & (fold != number)), fold == number
        head = fit_manner(table.iloc[seen], columns[seen])
        scores[held] = columns[held] @ head[:, 1:].T + head[:, 0]
    return scores


def calibration(table: pd.DataFrame, scores: Array) -> Array:
    """From held-out scores to probabilities in the mix of manners of the answers for doxa."""
    rows = ~table.excerpt.to_numpy() & table.learned.to_numpy()
    part = table[rows]
    size = part.groupby("source").manner.transform("size")
    mix = part[part.source == "written"].manner.value_counts(normalize=True)
    share = part.groupby(["source", "manner"]).manner.transform("size") / size
    weight = (part.manner.map(mix) / share / size).to_numpy()
    weight = weight * len(part) / weight.sum()
    return _multinomial(scores[rows], part.manner.to_numpy(), weight, SMALL_PENALTY)


def report(table: pd.DataFrame, probabilities: Array) -> str:
    """Scores by source and language; what a rule calls degenerate is degenerate.

    In the record, which does not know degenerate responses, that counts as deflecting.
    """
    lines = []
    named = np.array(MANNERS)[probabilities.argmax(axis=1)]
    said = np.where(table.rule.notna(), "degenerate", named)
    said = np.where((table.source == "record") & (said == "degenerate"), "deflects", said)
    whole = table[~table.excerpt]
    for name, rows in whole.groupby(whole.source + " " + whole.language).groups.items():
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
    scale = np.maximum(np.abs(heads.ngrams).max(axis=1, keepdims=True), 1e-9) / 127
    np.savez_compressed(
        path,
        idf=heads.idf.astype(np.float16),
        ngrams=np.round(heads.ngrams / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        signs=heads.signs,
        calibration=heads.calibration,
    )


def fit(table: pd.DataFrame) -> tuple[Heads, str]:
    """Fit the head, and tell how it does on what it did not see.

    Args:
        table: rows of ``record`` and ``written``.
    """
    table = pd.concat([table, excerpts(table)], ignore_index=True)
    grams = counts(list(table.text), list(table.asked))
    idf = inverse_frequency(grams[table.learned.to_numpy()])
    found = signs_of(list(table.text), list(table.asked), list(table.code))
    columns = sparse.hstack([weighted(grams, idf), sparse.csr_matrix(found[:, 1:])]).tocsr()
    scores = held_out(table, columns, folds_of(table))
    weights_of_scores = calibration(table, scores)
    learned = np.flatnonzero(table.learned)
    head = fit_manner(table.iloc[learned], columns[learned])
    many = grams.shape[1]
    heads = Heads(
        idf=idf,
        ngrams=head[:, 1 : 1 + many].astype(np.float32),
        signs=np.column_stack([head[:, 0], head[:, 1 + many :]]),
        calibration=weights_of_scores,
    )
    return heads, report(table, calibrated(weights_of_scores, scores))


def main() -> None:
    """Fit everything, print held-out scores, and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("record", type=Path)
    parser.add_argument("weights", type=Path)
    paths = parser.parse_args()
    table = pd.concat([record(paths.record), written(answer_files(EVERY))], ignore_index=True)
    heads, text = fit(table)
    print(text)  # noqa: T201
    save(heads, paths.weights)


if __name__ == "__main__":
    main()
