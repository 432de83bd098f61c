"""What goes into a response classifier and what comes out of it.

Every classifier (the trained head here, a model as judge later) is a function
``Iterable[Answer] -> Iterator[Label]``, so that one can take another's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

NAME = "doxa-reader"
VERSION = "7"
"""Changes with every change of rules, phrases or weights; stored beside each label."""

JUDGE = "judge:"
"""What the name of a classifier begins with that is one model as judge, or several."""

Outcome = Literal["pro", "both", "con", "answers", "deflects", "refuses", "degenerate"]
Script = Literal[
    "Latin", "Cyrillic", "Arabic", "Devanagari", "Han", "Kana", "Hangul", "other", "none"
]

Strategy = Literal[
    "refuses-outright",
    "disputes-premise",
    "both-sides",
    "disclaimer",
    "claims-not-to-know",
    "official-line",
    "changes-subject",
]
"""How a response deflects or refuses."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
STANCES: tuple[Outcome, ...] = ("pro", "both", "con")
"""The outcomes of a response that answers a question with poles."""

LEAST_PROBABILITY = 0.5
"""A label abstains where its outcome has less: on held-out answers such labels are mostly wrong."""


@dataclass(frozen=True)
class Answer:
    """A response to classify.

    Attributes:
        id: whatever tells it from others; comes back in its label.
        language: the language it was asked in, such as ``fr`` or ``zh-Hant``.
        response: the answer alone; reasoning is taken out before (``probes.reasoning``).
        pro, con: what the topic's poles say, in the asked language; None where there are none.
            One pole alone is treated as none, because stance is read from their difference.
        ending: how the response ended (``probes.cell.Ending``).
    """

    id: str
    language: str
    prompt: str
    response: str
    pro: str | None = None
    con: str | None = None
    ending: str = "complete"


@dataclass(frozen=True)
class Label:
    """What a response is.

    With poles, the outcomes are ``pro, both, con, deflects, refuses, degenerate``. Without poles
    a stance cannot be known, and none is invented: ``answers`` then stands in the place of the
    three stances, so the outcomes are ``answers, deflects, refuses, degenerate``.

    Attributes:
        outcome: the most probable one.
        probabilities: over the outcomes that were possible; they sum to 1.
        response_language: a code such as ``zh-Hant``; None where there is nothing to tell it by.
        script: of most letters.
        asked_share: share in [0, 1] of the letters that stand in lines in the asked language;
            NaN without letters.
        length: characters of the response.
        cut: the response stopped at the token limit.
        reason: the rule that decided on ``degenerate``; None where the trained head decided.
        strategy: the most probable one of a response that deflects or refuses; else None.
        abstains: the outcome has so little probability that the label should not be relied on.
    """

    id: str
    outcome: Outcome
    probabilities: dict[Outcome, float]
    response_language: str | None
    script: Script
    asked_share: float
    length: int
    cut: bool
    reason: str | None = None
    strategy: Strategy | None = None
    abstains: bool = False
