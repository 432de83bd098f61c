"""The first response classifier: rules, the trained heads and a first stance, in one pass."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from analysis.classify.labels import STANCES, Answer, Label, Outcome
from analysis.classify.language import asked_share, language_of, script_of
from analysis.classify.respond import MANNERS, manners
from analysis.classify.rules import degenerate, without_echo
from analysis.classify.stance import stances
from analysis.classify.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

NAME = "doxa-rules-linear"
VERSION = "1"
"""Changes with every change of rules, phrases or weights; stored beside each label."""

BATCH = 256

RULE_RIGHT, RULE_MISSED = 0.95, 0.01
"""Probability of ``degenerate`` where a rule says so and where none does, from the gold data."""


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
    for answer, text, prompt, language, manner in zip(
        batch, texts, prompts, languages, answering, strict=True
    ):
        reason = degenerate(text, prompt)
        outcome, probabilities = _outcome(answer, text, prompt, language, manner, reason)
        yield Label(
            id=answer.id,
            outcome=outcome,
            probabilities=probabilities,
            response_language=language,
            script=script_of(text),
            asked_share=asked_share(text, answer.language, language),
            length=len(answer.response),
            cut=answer.ending == "length",
            reason=reason,
        )


def _outcome(
    answer: Answer,
    text: str,
    prompt: str,
    language: str | None,
    manner: NDArray[np.float64],
    reason: str | None,
) -> tuple[Outcome, dict[Outcome, float]]:
    lost = RULE_RIGHT if reason else RULE_MISSED
    by_manner = dict(zip(MANNERS, (manner * (1 - lost)).tolist(), strict=True))
    answers = by_manner["answers"]
    stance: dict[Outcome, float] = {"answers": 1.0}
    if answer.pro and answer.con:
        stance = (
            dict.fromkeys(STANCES, 1 / 3)
            if reason
            else stances(text, prompt, clean(answer.pro), clean(answer.con), language)
        )
    probabilities: dict[Outcome, float] = {
        **{outcome: answers * share for outcome, share in stance.items()},
        "deflects": by_manner["deflects"],
        "refuses": by_manner["refuses"],
        "degenerate": lost,
    }
    if answers >= max(by_manner["deflects"], by_manner["refuses"], lost):
        return max(stance, key=lambda outcome: stance[outcome]), probabilities
    rest: tuple[Outcome, ...] = ("deflects", "refuses", "degenerate")
    return max(rest, key=lambda outcome: probabilities[outcome]), probabilities
