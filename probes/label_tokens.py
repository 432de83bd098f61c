"""Which token sequences say an option's label, and how their probabilities add up.

A label may be said with or without a leading space, and these are different tokens. Labels whose
first tokens collide, or that have several tokens, are scored as whole sequences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Tokens = tuple[int, ...]

NEGLIGIBLE = 1e-5
"""Of an option's probability: a way to say it that adds less is not looked into."""


@dataclass(frozen=True)
class LabelTokens:
    """The ways to say each label of a cell.

    Attributes:
        ways: for each option, in the order shown, its token sequences.
        tails: the distinct sequences of two or more tokens, which need a further look into the
            model; their first tokens are read with all others.
    """

    ways: tuple[tuple[Tokens, ...], ...]
    tails: tuple[Tokens, ...]

    def likely_tails(self, first: Callable[[int], float]) -> tuple[Tokens, ...]:
        """Those of the tails that can move an option's log-probability by more than 0.00001.

        The probability of its first token bounds that of a tail. Where one way to say a label
        begins another, all tails are told: what one has is then taken from the other.

        Args:
            first: gives the log-probability of a token right after the prompt.
        """
        begins = {way for option in self.ways for way in option if len(way) == 1}
        if any(tail[:1] in begins for tail in self.tails):
            return self.tails
        likely: set[int] = set()
        for option in self.ways:
            known = sum(math.exp(first(way[0])) for way in option if len(way) == 1)
            likely |= {
                way[0]
                for way in option
                if len(way) > 1 and math.exp(first(way[0])) > NEGLIGIBLE * known
            }
        return tuple(tail for tail in self.tails if tail[0] in likely)


def label_tokens(
    prompt: str, labels: Sequence[Sequence[str]], tokenise: Callable[[str], list[int]]
) -> LabelTokens:
    """Find the token sequences of each label after a prompt.

    The whole of prompt and label is tokenised and the prompt's tokens taken off, so that no
    boundary is guessed; where the label changes the prompt's last tokens, the label alone is
    tokenised.

    Args:
        prompt: as the model sees it.
        labels: for each option, the ways to write its label.
        tokenise: gives the tokens of a text, special tokens parsed and none added.
    """
    before = tokenise(prompt)
    ways = []
    for forms in labels:
        found: dict[Tokens, None] = {}
        for said in (spaced + form for form in forms for spaced in ("", " ")):
            whole = tokenise(prompt + said)
            kept = whole[: len(before)] == before and len(whole) > len(before)
            found[tuple(whole[len(before) :] if kept else tokenise(said))] = None
        ways.append(tuple(found))
    tails = dict.fromkeys(way for option in ways for way in option if len(way) > 1)
    return LabelTokens(tuple(ways), tuple(tails))


def label_logprobs(
    tokens: LabelTokens, first: Callable[[int], float], tails: Sequence[float]
) -> tuple[float, ...]:
    """Sum the probabilities of the ways to say each label.

    Args:
        first: gives the log-probability of a token right after the prompt.
        tails: for each of ``tokens.tails``, the summed log-probability of its tokens after the
            first; minus infinity where it does not count.

    Returns:
        The natural log-probability of each option. What one label shares with a longer one that
        begins with it (``1`` and ``10``) counts for the longer one.
    """
    rest = dict(zip(tokens.tails, tails, strict=True))
    logprob = {way: first(way[0]) + rest.get(way, 0.0) for option in tokens.ways for way in option}
    said = {way: math.exp(value) for way, value in logprob.items()}
    own = dict(said)
    for way, probability in said.items():
        shorter = next((way[:n] for n in range(len(way) - 1, 0, -1) if way[:n] in said), None)
        if shorter:
            own[shorter] -= probability
    result = []
    for option in tokens.ways:
        total = sum(max(own[way], 0.0) for way in option)
        result.append(math.log(total) if total > 0 else -math.inf)
    return tuple(result)


def log_sum_exp(row: NDArray[np.float32]) -> float:
    """The logarithm of the sum of exponentials of a row of logits.

    Raises:
        FloatingPointError: the row holds no finite number, or NaN.
    """
    top = float(row.max())
    if not math.isfinite(top):
        raise FloatingPointError("the model's logits are not finite")
    return top + math.log(float(np.exp(row - top).sum(dtype=np.float64)))
