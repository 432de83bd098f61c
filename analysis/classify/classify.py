"""The response classifier: rules, the trained heads and the stance, in one pass."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from analysis.classify.labels import Answer, Label, Outcome
from analysis.classify.language import asked_share, language_of, script_of
from analysis.classify.respond import MANNERS, manners
from analysis.classify.rules import degenerate, without_echo
from analysis.classify.stance import stances
from analysis.classify.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

BATCH = 256

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
    source = iter(answers)
    while batch := list(islice(source, BATCH)):
        yield from _label_batch(batch)


def _label_batch(batch: Sequence[Answer]) -> Iterator[Label]:
    prompts = [clean(answer.prompt) for answer in batch]
    texts = [
        without_echo(clean(answer.response), prompt)
        for answer, prompt in zip(batch, prompts, strict=True)
    ]
    languages = [
        language_of(text, answer.language) for text, answer in zip(texts, batch, strict=True)
    ]
    answering = manners(texts, prompts, languages)
    for at, answer in enumerate(batch):
        reason = degenerate(texts[at], prompts[at])
        manner = _ruled(answering[at]) if reason else answering[at]
        stance: dict[Outcome, float] = {"answers": 1.0}
        if answer.pro and answer.con:
            poles = clean(answer.pro), clean(answer.con)
            stance = stances(texts[at], prompts[at], *poles, languages[at])
        outcome, probabilities = _outcome(manner, stance)
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
        )


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
