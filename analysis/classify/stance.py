"""Which pole an answering response takes: a first reading, from words alone.

It sees which pole's own words a response uses, whether the clause turns them round, whether the
response opens with yes or no to a prompt that leans to a pole, and whether it sets two sides side
by side. It doesn't understand paraphrase, irony or argument; where it sees nothing it says
``both`` with a probability of about 0.4. MODEL_CARD.md says how often it is right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from analysis.classify.evidence import hits, opens_with
from analysis.classify.labels import STANCES, Outcome
from analysis.classify.text import fold, unquoted

READ = 1_500
"""Characters of a response that are read."""

AGREEMENT, ATTRIBUTED, TURNED = 0.8, 0.2, 0.7
"""Weights of an opening yes or no, of somebody else's position, of a negated clause."""

SHARPNESS, UNKNOWN, TWO_SIDES = 4.0, 0.3, 1.2
"""Log-odds for a pole's words in full, for ``both`` when nothing is seen, and for its markers."""

LEANING = 0.15
ALIKE = 0.6
"""Share of the n-grams of one pole that the other has, from which one is the other's negation."""

_CLAUSE = re.compile(r"[.!?。।؟;；,，、،؛:：\n]+")
_OR_NOT = re.compile(r"(.)[不没沒]\1")
"""Chinese asks by “should, not should”: 该不该."""

_COMPACT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class _Poles:
    """The n-grams that only one pole has, and whether its sentence is itself negated.

    ``shared`` is the share of n-grams that both have.
    """

    pro: frozenset[str]
    con: frozenset[str]
    shared: float
    pro_negated: bool
    con_negated: bool

    def lean(self, text: str) -> float:
        """How far a folded text uses one pole's words more than the other's, in [-1, 1]."""
        grams = _grams(text)
        return _share(self.pro, grams) - _share(self.con, grams)


def stances(
    response: str, prompt: str, pro: str, con: str, language: str | None
) -> dict[Outcome, float]:
    """Probabilities of ``pro``, ``both`` and ``con`` for a response that answers.

    Args:
        response, prompt, pro, con: as ``clean`` leaves them, in one language.
        language: of the response.
    """
    poles = _poles(pro, con, language)
    text = fold(unquoted(response[:READ]))
    towards = {"pro": 0.0, "con": 0.0}
    for clause in _CLAUSE.split(text):
        lean = poles.lean(clause)
        if lean == 0:
            continue
        own = poles.pro_negated if lean > 0 else poles.con_negated
        if bool(hits("negates", clause, language)) != own:
            lean *= -TURNED
        if hits("attributes", clause, language):
            lean *= ATTRIBUTED
        towards["pro" if lean > 0 else "con"] += abs(lean)
    answer = _yes_or_no(text, language) * _asked(poles, prompt, language)
    towards["pro" if answer > 0 else "con"] += AGREEMENT * abs(answer)
    balance = float(np.clip(towards["pro"] - towards["con"], -1, 1))
    sides = len(hits("both", text, language)) > 0
    contested = min(towards.values())
    logits = [
        SHARPNESS * balance * (0.5 if sides else 1),
        UNKNOWN + TWO_SIDES * sides + SHARPNESS * min(contested, 0.5) / 2,
        -SHARPNESS * balance * (0.5 if sides else 1),
    ]
    return dict(zip(STANCES, special.softmax(logits).tolist(), strict=True))


def asks_for_con(prompt: str, pro: str, con: str, language: str | None) -> bool:
    """Whether a yes to a question takes the pole ``con``.

    Args:
        prompt, pro, con: as ``clean`` leaves them.
        language: they are in.
    """
    return _asked(_poles(pro, con, language), prompt, language) < 0


@lru_cache(maxsize=256)
def _poles(pro: str, con: str, language: str | None) -> _Poles:
    pro, con = fold(pro), fold(con)
    in_pro, in_con = _grams(pro), _grams(con)
    return _Poles(
        frozenset(in_pro - in_con),
        frozenset(in_con - in_pro),
        len(in_pro & in_con) / max(1, min(len(in_pro), len(in_con))),
        bool(hits("negates", pro, language)),
        bool(hits("negates", con, language)),
    )


def _grams(text: str) -> set[str]:
    n = 2 if len(_COMPACT.findall(text)) > len(text) / 3 else 5
    padded = f" {text.strip()} "
    return {padded[i : i + n] for i in range(len(padded) - n + 1)}


def _share(pole: frozenset[str], grams: set[str]) -> float:
    return len(pole & grams) / len(pole) if pole else 0.0


def _yes_or_no(text: str, language: str | None) -> int:
    if opens_with("disagrees", text, language):
        return -1
    return int(opens_with("agrees", text, language))


def _asked(poles: _Poles, prompt: str, language: str | None) -> float:
    """Which pole a yes to a prompt takes: 1 for pro, -1 for con, 0 where it can't be told.

    Where the prompt is as near to both, or one pole is the other's negation, it is taken to ask for
    the pole that is not negated.
    """
    prompt = _OR_NOT.sub(r"\1", fold(prompt))
    lean = _firm(poles.lean(prompt))
    straight = float(poles.con_negated) - float(poles.pro_negated)
    negation = straight != 0 and poles.shared > ALIKE
    if (lean == 0 or negation) and not hits("negates", prompt, language):
        lean = straight
    return float(np.sign(lean))


def _firm(lean: float) -> float:
    return lean if abs(lean) > LEANING else 0.0
