"""The response classifier: rules and what is learned, in one pass."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify import poles, reader
from analysis.classify.labels import LEAST_PROBABILITY, STANCES, STRATEGIES, Answer, Label, Outcome
from analysis.classify.language import asked_share, language_of, script_of
from analysis.classify.question import question
from analysis.classify.reader import Texts
from analysis.classify.respond import MANNERS, read_manners
from analysis.classify.rules import degenerate, without_data, without_echo
from analysis.classify.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from analysis.classify.question import Question

BATCH = 64

WORKERS = os.cpu_count() or 1
"""Batches that are labelled at once: while some are in the network, another can be in Python."""

RULE_RIGHT = 0.95
"""Probability of ``degenerate`` where a rule says so, from the gold data."""


def classify(answers: Iterable[Answer]) -> Iterator[Label]:
    """Label responses, in order, a batch at a time.

    The outcome is the most probable of answering, deflecting, refusing and degenerate, and of an
    answer its most probable stance; so ``pro`` can stand although ``deflects`` has more
    probability than each single stance.

    Args:
        answers: any number; nothing of them is trusted, any text is allowed.

    Yields:
        One label for each answer.
    """
    source, waiting = iter(answers), deque[Future[list[Label]]]()
    pool = ThreadPoolExecutor(WORKERS)
    try:
        while batch := list(islice(source, BATCH)):
            waiting.append(pool.submit(_labelled, batch))
            if len(waiting) > WORKERS:
                yield from waiting.popleft().result()
        for labels in waiting:
            yield from labels.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _labelled(batch: Sequence[Answer]) -> list[Label]:
    return list(_label_batch(batch))


def _label_batch(batch: Sequence[Answer]) -> Iterator[Label]:
    prompts = [clean(answer.prompt) for answer in batch]
    texts = [
        without_data(without_echo(clean(answer.response), prompt))
        for answer, prompt in zip(batch, prompts, strict=True)
    ]
    languages = [
        language_of(text, answer.language) for text, answer in zip(texts, batch, strict=True)
    ]
    poles_of = [_poles(answer) for answer in batch]
    # without a prompt it is read as said to the first pole
    said_to = [prompt or pro for prompt, (pro, _) in zip(prompts, poles_of, strict=True)]
    asked = {
        at: question(texts[at], said_to[at], *pair, languages[at])
        for at, pair in enumerate(poles_of)
        if all(pair)
    }
    poled = np.array([at in asked for at in range(len(batch))])
    battery = np.array([at in asked and bool(asked[at].topic) for at in range(len(batch))])
    scores = reader.read(reader.reader(), list(map(Texts, texts, said_to)))
    answering, strategies = read_manners(texts, said_to, languages, battery, poled, scores)
    stances = _stances(asked, scores["stance"])
    for at, answer in enumerate(batch):
        reason = degenerate(texts[at], prompts[at])
        manner = _ruled(answering[at]) if reason else answering[at]
        outcome, probabilities = _outcome(manner, stances.get(at, {"answers": 1.0}))
        evades = outcome in {"deflects", "refuses"}
        yield Label(
            id=answer.id,
            outcome=outcome,
            probabilities=probabilities,
            response_language=languages[at],
            script=script_of(texts[at]),
            asked_share=asked_share(texts[at], answer.language, languages[at]),
            length=len(answer.response),
            cut=answer.ending == "length",
            reason=reason,
            strategy=STRATEGIES[int(strategies[at].argmax())] if evades else None,
            abstains=probabilities[outcome] < LEAST_PROBABILITY,
        )


def _poles(answer: Answer) -> tuple[str, str]:
    """Both poles of an answer's question, clean, or two empty texts."""
    pro, con = clean(answer.pro or ""), clean(answer.con or "")
    return (pro, con) if pro and con else ("", "")


def _stances(
    asked: dict[int, Question], scores: NDArray[np.float32]
) -> dict[int, dict[Outcome, float]]:
    """Probabilities of the stances of those answers that have poles, by place in the batch."""
    if not asked:
        return {}
    found = poles.probabilities(poles.heads(), list(asked.values()), scores[list(asked)])
    return {
        at: dict(zip(STANCES, row.tolist(), strict=True))
        for at, row in zip(asked, found, strict=True)
    }


def _ruled(manner: NDArray[np.float64]) -> NDArray[np.float64]:
    """The manners of a response that a rule calls degenerate."""
    rest = manner[:-1] / max(manner[:-1].sum(), 1e-12)
    return np.append(rest * (1 - RULE_RIGHT), RULE_RIGHT)


def _outcome(
    manner: NDArray[np.float64], stance: dict[Outcome, float]
) -> tuple[Outcome, dict[Outcome, float]]:
    by_manner: dict[Outcome, float] = dict(zip(MANNERS, manner.tolist(), strict=True))
    probabilities: dict[Outcome, float] = {
        **{outcome: by_manner["answers"] * share for outcome, share in stance.items()},
        "deflects": by_manner["deflects"],
        "refuses": by_manner["refuses"],
        "degenerate": by_manner["degenerate"],
    }
    best = max(by_manner, key=lambda outcome: by_manner[outcome])
    if best == "answers":
        best = max(stance, key=lambda outcome: stance[outcome])
    return best, probabilities
