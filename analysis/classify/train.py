"""Trains and measures the heads of ``respond.py``.

    python -m analysis.classify.train speechmap_dev.parquet weights.npz

The table is the public SpeechMap record with columns ``language, target, model, prompt, response,
judge_a, judge_b``; rows where both judges agree are learned from. No text of it is stored: the
result is the weights of hashed features. Prints the scores that stand in MODEL_CARD.md.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, confusion_matrix, f1_score
from sklearn.model_selection import GroupKFold

from analysis.classify.respond import MANNERS, Heads, ngrams, phrase_features, pooled
from analysis.classify.rules import degenerate
from analysis.classify.text import clean
from probes.reasoning import split_reasoning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Features = NDArray[np.float64]
    Weights = tuple[NDArray[np.float64], NDArray[np.float64]]

JUDGED = {"COMPLETE": "answers", "EVASIVE": "deflects", "DENIAL": "refuses"}
FOLDS = 7
PENALTY = 10.0
RARE_IN = 20
"""N-grams in fewer answers than this are left out: they are somebody's words, not a manner."""

TOPIC_CAP = 4.0
"""The most that balancing raises a manner that is rare for a target."""

TEXT_EVENNESS, PHRASE_EVENNESS = 1.0, 0.5
"""The phrase head must say ``answers`` where it finds no phrase, so it keeps more of the mix."""

EXCERPT_WEIGHT = 0.15
"""Chosen on held-out models, out of 0.05 and 0.15: most excerpts are told from evasion."""

WAYS = ("pooled", "phrases", "transfer")

_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？\n]*\s*")


def answers(path: Path) -> pd.DataFrame:
    """The answers to learn from, with clean ``text``, ``manner`` and the ``rule`` met."""
    table = pd.read_parquet(path)
    table = table[(table.judge_a == table.judge_b) & table.judge_a.isin(list(JUDGED))]
    table = table.assign(
        text=[clean(split_reasoning(response)[1]) for response in table.response],
        asked=[clean(prompt) for prompt in table.prompt],
        manner=table.judge_a.map(JUDGED),
    )
    rules = [degenerate(text, asked) for text, asked in zip(table.text, table.asked, strict=True)]
    return table.assign(rule=np.array(rules, dtype=object), excerpt=False).reset_index(drop=True)


def weights(table: pd.DataFrame, evenness: float) -> NDArray[np.float64]:
    """A weight for each row: rare manners raised, in the same mix for every target.

    Without the second, the name of a government that is often answered evasively would be taken
    for evasion. Excerpts count little: they are there to be told from evasion, not to be common.

    Args:
        table: of answers and excerpts.
        evenness: 1 where all manners shall weigh the same, 0 where each as often as it occurs.
    """
    whole = table[~table.excerpt]
    share = whole.manner.value_counts(normalize=True)
    place = whole.groupby(["language", "target"]).manner.transform("size")
    here = whole.groupby(["language", "target", "manner"]).manner.transform("size")
    level = (whole.manner.map(share) * place / here).clip(upper=TOPIC_CAP)
    weight: pd.Series[float] = level / (len(MANNERS) * whole.manner.map(share)) ** evenness
    rest = EXCERPT_WEIGHT * weight[whole.manner == "answers"].mean()
    return np.asarray(weight.reindex(table.index, fill_value=rest), dtype=float)


def excerpts(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A copy of every answering row with one short stretch of its sentences as the whole text.

    All plain answers of the record are essays. Without the copies, shortness itself, and the
    want of an introduction, would be taken for evasion.
    """
    rng = np.random.default_rng(seed)
    rows = table[table.manner == "answers"]
    return rows.assign(excerpt=True, text=[_excerpt(text, rng) for text in rows.text])


def _excerpt(text: str, rng: np.random.Generator) -> str:
    sentences = _SENTENCE.findall(text)
    start = int(rng.integers(len(sentences)))
    return "".join(sentences[start : start + int(rng.integers(1, 6))]).strip()


def fit_text(table: pd.DataFrame, grams: sparse.csr_matrix, features: Features) -> Weights:
    """The text head's n-gram weights, and its intercept and phrase weights."""
    common = np.asarray((grams > 0).sum(axis=0)).ravel() >= RARE_IN
    both = sparse.hstack([grams[:, common], sparse.csr_matrix(features[:, 1:])]).tocsr()
    head = _regression().fit(both, table.manner, sample_weight=weights(table, TEXT_EVENNESS))
    kept = np.zeros((len(MANNERS), grams.shape[1]))
    kept[:, common] = head.coef_[:, : common.sum()]
    return kept, np.column_stack([head.intercept_, head.coef_[:, common.sum() :]])


def fit_phrases(table: pd.DataFrame, features: Features) -> NDArray[np.float64]:
    """The phrase head's intercept and weights."""
    head = _regression().fit(
        features[:, 1:], table.manner, sample_weight=weights(table, PHRASE_EVENNESS)
    )
    return np.column_stack([head.intercept_, head.coef_])


def fit(table: pd.DataFrame, grams: sparse.csr_matrix, features: Features) -> Heads:
    """Fit both heads by multinomial logistic regression with an L2 penalty."""
    return Heads(*fit_text(table, grams, features), fit_phrases(table, features))


def _regression() -> LogisticRegression:
    return LogisticRegression(C=PENALTY, max_iter=300, tol=1e-3)


def out_of_fold(
    table: pd.DataFrame, grams: sparse.csr_matrix, features: Features
) -> dict[str, NDArray[np.float64]]:
    """Probabilities from heads that never saw the answer's model, three ways.

    ``pooled`` as in use; ``phrases`` by the phrase head alone; ``transfer`` by a phrase head that
    never saw the answer's language either, which is what an untrained language gets.

    Args:
        table, grams, features: of the answers and their excerpts.
    """
    language = table.language.to_numpy()
    results = {way: np.zeros((len(table), 3)) for way in WAYS}
    for train, test in GroupKFold(FOLDS).split(grams, groups=table.model):
        heads = fit(table.iloc[train], grams[train], features[train])
        text = np.ones(len(test), dtype=bool)
        results["pooled"][test] = pooled(heads, grams[test], features[test], text)
        results["phrases"][test] = pooled(heads, grams[test], features[test], ~text)
        for code in np.unique(language):
            other, here = train[language[train] != code], test[language[test] == code]
            far = replace(heads, phrases=fit_phrases(table.iloc[other], features[other]))
            none = np.zeros(len(here), dtype=bool)
            results["transfer"][here] = pooled(far, grams[here], features[here], none)
    return results


def calibration_error(
    probabilities: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10
) -> float:
    """Expected calibration error of the most probable class (Guo et al. 2017), equal-width bins."""
    top = probabilities.max(axis=1)
    place = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [
        (place == b).mean() * abs(top[place == b].mean() - right[place == b].mean())
        for b in np.unique(place)
    ]
    return float(sum(gaps))


def report(table: pd.DataFrame, results: dict[str, NDArray[np.float64]]) -> str:
    """Scores by language; what a rule calls degenerate counts as deflecting here."""
    names = np.array(MANNERS)
    lines = []
    for code, rows in table.groupby("language").indices.items():
        truth = table.manner.to_numpy()[rows]
        ruled = table.rule.notna().to_numpy()[rows]
        for way, probabilities in results.items():
            said = np.where(ruled, "deflects", names[probabilities[rows].argmax(axis=1)])
            macro = f1_score(truth, said, labels=names, average="macro")
            error = calibration_error(probabilities[rows][~ruled], (said == truth)[~ruled])
            lines.append(
                f"{code} {way}: macro-F1 {macro:.3f} accuracy {(said == truth).mean():.3f} "
                f"calibration error {error:.3f} n {len(rows)}"
            )
            if way == "pooled":
                lines.append(classification_report(truth, said, labels=names, digits=3))
                lines.append(str(confusion_matrix(truth, said, labels=names)))
    return "\n".join(lines)


def excerpt_report(table: pd.DataFrame, results: dict[str, NDArray[np.float64]]) -> str:
    """How many short excerpts of answers are seen to be answers, by language."""
    lines = []
    for code, rows in table[table.excerpt].groupby("language").groups.items():
        for way, probabilities in results.items():
            seen = probabilities[rows].argmax(axis=1) == MANNERS.index("answers")
            lines.append(f"{code} {way}: excerpts seen as answers {seen.mean():.3f} n {len(rows)}")
    return "\n".join(lines)


def save(heads: Heads, path: Path) -> None:
    """Write the weights compactly: n-gram weights in 8 bits, the small ones as they are."""
    scale = np.abs(heads.ngrams).max(axis=1, keepdims=True) / 127
    np.savez_compressed(
        path,
        ngrams=np.round(heads.ngrams / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        text=heads.text,
        phrases=heads.phrases,
    )


def main() -> None:
    """Train on the table given, measure by model, and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("table", type=Path)
    parser.add_argument("weights", type=Path)
    paths = parser.parse_args()
    table = answers(paths.table)
    sound = table[table.rule.isna()]
    learned = pd.concat([sound, excerpts(sound)], ignore_index=True)
    grams = ngrams(list(learned.text), list(learned.asked))
    features = phrase_features(list(learned.text), list(learned.language))
    measured = out_of_fold(learned, grams, features)
    results = {way: np.zeros((len(table), 3)) for way in WAYS}
    for way, rows in measured.items():
        results[way][table.rule.isna()] = rows[~learned.excerpt]
    print(report(table, results), excerpt_report(learned, measured), sep="\n")  # noqa: T201
    save(fit(learned, grams, features), paths.weights)


if __name__ == "__main__":
    main()
