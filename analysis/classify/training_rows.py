"""The rows that the classifier learns from: the public record, and the answers written for doxa."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.classify.answer_files import EVERY, FOLDER, TRAINING, answer_files, known_answers
from analysis.classify.labels import STANCES
from analysis.classify.language import language_of
from analysis.classify.rules import degenerate, without_echo
from analysis.classify.sentences import SENTENCE
from analysis.classify.text import clean, letters
from probes.reasoning import split_reasoning

if TYPE_CHECKING:
    from pathlib import Path

JUDGED = {"COMPLETE": "answers", "EVASIVE": "deflects", "DENIAL": "refuses"}

MOST_ANSWERS = 800
"""Answering rows of the record that are learned from, a language; the rest says the same."""

RECORD = "record"
"""Source of the rows that are not written for doxa."""

HELD_OUT = "held_out.parquet"
"""What the network makes of answers that it had not seen, from ``train_reader.py``."""

LEAST_LETTERS, MOST_SENTENCES = 12, 4
"""Of an excerpt."""


def everything(path: Path) -> pd.DataFrame:
    """``record`` and ``written`` together."""
    table = pd.concat([record(path), written(files())], ignore_index=True)
    return table.assign(outcome=table.outcome.fillna(""))


def record(path: Path) -> pd.DataFrame:
    """The judged rows of the record.

    Returns:
        ``source, language, group`` (the model), ``manner``, ``asked, text`` (clean), ``id``,
        ``own, strategy, topic, pro, con`` (see ``written``), ``code`` (the language it is in),
        ``rule`` (that it met), ``learned``, ``excerpt``.
    """
    table = pd.read_parquet(path)
    table = table[(table.judge_a == table.judge_b) & table.judge_a.isin(list(JUDGED))]
    table = table.reset_index(drop=True)
    table = pd.DataFrame(
        {
            "source": RECORD,
            "language": table.language,
            "group": table.model,
            "manner": table.judge_a.map(JUDGED),
            "asked": [clean(prompt) for prompt in table.prompt],
            "text": [clean(split_reasoning(response)[1]) for response in table.response],
            "id": table.index.astype(str),
            "own": False,
            "strategy": "",
            "topic": "",
            "pro": "",
            "con": "",
        }
    )
    table = _ruled(table)
    plain = table[table.manner == "answers"].groupby("language").sample(frac=1, random_state=0)
    spare = plain.index[plain.groupby("language").cumcount() >= MOST_ANSWERS]
    return table.assign(learned=table.rule.isna() & ~table.index.isin(spare))


def files() -> list[Path]:
    """Those with test halves too, and those of languages that have only answers to learn from."""
    with_tests = answer_files(EVERY)
    names = {path.name for path in with_tests}
    return with_tests + [
        path for path in sorted((FOLDER / TRAINING).glob("*.yaml")) if path.name not in names
    ]


def written(paths: list[Path]) -> pd.DataFrame:
    """The training halves of the answers written for doxa.

    Returns:
        As ``record``, the group being the topic or the prompt, with ``outcome`` and ``own``:
        whether it was written together with the test halves.
    """
    rows = []
    for known in known_answers(paths, "train"):
        answer = known.answer
        asked = clean(answer.prompt)
        rows.append(
            {
                "source": "written",
                "language": answer.language,
                "group": known.topic or asked,
                "manner": "answers" if known.outcome in STANCES else known.outcome,
                "asked": asked,
                "text": without_echo(clean(answer.response), asked),
                "id": answer.id,
                "own": not answer.id.startswith(TRAINING),
                "outcome": known.outcome,
                "strategy": known.strategy,
                "topic": known.topic,
                "pro": clean(answer.pro or ""),
                "con": clean(answer.con or ""),
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
    sentences = SENTENCE.findall(text)
    if len(sentences) < 2:
        return ""
    start = int(rng.integers(len(sentences)))
    return "".join(sentences[start : start + int(rng.integers(1, MOST_SENTENCES + 1))]).strip()
