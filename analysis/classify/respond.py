"""How a response answers: it answers, deflects, refuses, or is no answer at all; and how it evades.

Two readings go together. Linear heads for all languages, fitted by ``train.py``, read hashed
character n-grams, the phrases of ``evidence.py`` and the outward form of ``form.py``: one learned
all manners from all answers, one what models do that are asked for an essay, from the record
alone. The network of ``reader.py`` reads what is said. Small regressions, fitted to answers that
neither had seen, take the scores of both and give the probabilities: one where the question is the
battery's, one for other prompts, one for essays, and one for the strategies of what evades.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

from analysis.classify import regression
from analysis.classify.evidence import FEATURES, evidence
from analysis.classify.form import FORMS, form
from analysis.classify.grams import counts, weighted
from analysis.classify.pieces import matrix, pieces
from analysis.classify.text import fold, reading_length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from scipy import sparse

    from analysis.classify.regression import Regression

    Array = NDArray[np.float64]

Manner = Literal["answers", "deflects", "refuses", "degenerate"]
MANNERS: tuple[Manner, ...] = ("answers", "deflects", "refuses", "degenerate")
ESSAY_MANNERS = MANNERS[:3]
"""The record doesn't know degenerate responses."""

HEADS = ("manner", "essay", "strategy")
LASTS = ("topic", "other", "unasked", "essays", "strategies")

FORM_SCALE = 0.3
"""Of the form beside the phrases: the penalty of the regression holds it back more."""

LONG = 1_500.0
"""Latin characters from which any response is an essay, whose scores mean something else."""

ESSAY_SHARE = 0.7
"""Of the head of essays, beside the network, in what is seen of an essay."""

GATE_BITS = 12

LEAST = 1e-12
"""A probability below this counts as this."""

SIGNS = len(FEATURES) + len(FORMS)
WEIGHTS = Path(__file__).parent / "weights.npz"


@dataclass(frozen=True)
class Head:
    """A linear head; rows are what it tells apart.

    Attributes:
        ngrams: (rows, BUCKETS).
        signs: (rows, 1 + SIGNS), intercepts and weights of phrases and form.
    """

    ngrams: NDArray[np.float32]
    signs: Array

    def scores(self, grams: sparse.csr_matrix, found: Array) -> Array:
        """Linear scores, (n, rows), from weighted n-grams and ``signs_of``."""
        return np.asarray(grams @ self.ngrams.T + found @ self.signs.T, dtype=np.float64)


@dataclass(frozen=True)
class Last:
    """The regressions over ``columns`` that give the probabilities.

    Attributes:
        topic, other: of ``MANNERS``, where the question is the battery's and where it isn't.
        unasked: of ``MANNERS``, where it isn't known, by the linear head alone: to the network a
            plain fact may then as well be beside the point.
        essays: of ``MANNERS``, of essays.
        strategies: of ``labels.STRATEGIES``.
    """

    topic: Regression
    other: Regression
    unasked: Regression
    essays: Regression
    strategies: Regression


@dataclass(frozen=True)
class Heads:
    """The fitted weights.

    Attributes:
        idf: (BUCKETS,), inverse document frequency of an n-gram.
        manner: rows as ``MANNERS``.
        essay: rows as ``ESSAY_MANNERS``.
        strategy: rows as ``labels.STRATEGIES``.
        last: see there.
        gate: (2**GATE_BITS + 1,), of the words of a prompt, whether it asks for what the record's
            do: a text that criticises a government. The last is the intercept.
    """

    idf: NDArray[np.float32]
    manner: Head
    essay: Head
    strategy: Head
    last: Last
    gate: NDArray[np.float32]


@dataclass(frozen=True)
class Scored:
    """What the regressions learn from and see, a row for each answer.

    Attributes:
        heads: scores of the linear heads, by ``HEADS``.
        network: scores of the network, by ``reader.HEADS``.
        known: where the question is the battery's.
        asked: where there is a prompt.
        poled: where the question has two poles, the battery's or others.
        essay: which responses are essays.
    """

    heads: Mapping[str, Array]
    network: Mapping[str, NDArray[np.float32]]
    known: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    poled: NDArray[np.bool_]
    essay: NDArray[np.bool_]

    def part(self, rows: NDArray[np.bool_]) -> Scored:
        """Some of the answers."""
        return Scored(
            {name: found[rows] for name, found in self.heads.items()},
            {name: found[rows] for name, found in self.network.items()},
            self.known[rows],
            self.asked[rows],
            self.poled[rows],
            self.essay[rows],
        )


@cache
def heads() -> Heads:
    """The weights that come with doxa."""
    return load(WEIGHTS)


def read_manners(
    responses: Sequence[str],
    prompts: Sequence[str],
    languages: Sequence[str | None],
    known: NDArray[np.bool_],
    poled: NDArray[np.bool_],
    network: Mapping[str, NDArray[np.float32]],
) -> tuple[Array, Array]:
    """How each response answers, and how it evades if it does.

    Args:
        responses, prompts: as ``clean`` leaves them.
        languages: of the responses.
        known, poled: as in ``Scored``.
        network: what ``reader.read`` says of the same.

    Returns:
        (n, 4) probabilities, columns as ``MANNERS``; (n, 7) probabilities, columns as
        ``labels.STRATEGIES``.
    """
    fitted = heads()
    scored = Scored(
        heads=scores_of(fitted, responses, prompts, languages),
        network=network,
        known=known,
        asked=np.array([bool(prompt) for prompt in prompts]),
        poled=poled,
        essay=ask_for_essays(prompts, fitted.gate) | are_long(responses),
    )
    return combined(fitted.last, scored), strategies(fitted.last, scored)


def scores_of(
    fitted: Heads,
    responses: Sequence[str],
    prompts: Sequence[str],
    languages: Sequence[str | None],
) -> dict[str, Array]:
    """Scores of the linear heads, by ``HEADS``."""
    grams = weighted(counts(responses, prompts), fitted.idf)
    found = signs_of(responses, prompts, languages)
    each: dict[str, Head] = {name: getattr(fitted, name) for name in HEADS}
    return {name: head.scores(grams, found) for name, head in each.items()}


def are_long(responses: Sequence[str]) -> NDArray[np.bool_]:
    """Which responses are as long as essays, whatever was asked."""
    return np.array([reading_length(text) > LONG for text in responses], bool)


def ask_for_essays(prompts: Sequence[str], gate: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which prompts ask for an essay, as those of the record do.

    Args:
        prompts: as ``clean`` leaves them.
        gate: ``Heads.gate``.
    """
    return np.asarray(prompt_words(prompts) @ gate[:-1] + gate[-1] > 0)


def prompt_words(prompts: Sequence[str]) -> sparse.csr_matrix:
    """What the gate sees of prompts, (n, 2**GATE_BITS)."""
    return matrix([[(pieces(fold(prompt)), "prompt", 1.0)] for prompt in prompts], GATE_BITS)


def combined(fitted: Last, scored: Scored) -> Array:
    """Probabilities of the manners, (n, 4).

    An essay on a topic of the battery is taken in both ways, and the logarithms are averaged.
    """
    known, asked, essay = scored.known, scored.asked, scored.essay
    total = np.zeros((len(essay), len(MANNERS)))
    other = ~known & ~essay
    rows = known, other & asked, other & ~asked, essay
    lasts = fitted.topic, fitted.other, fitted.unasked, fitted.essays
    for last, own, found in zip(lasts, rows, columns(scored), strict=False):
        total[own] += np.log(np.maximum(last.probabilities(found[own]), LEAST))
    total /= (1 + (known & essay))[:, None]
    result = np.exp(total)
    return np.asarray(result / result.sum(axis=1, keepdims=True))


def strategies(fitted: Last, scored: Scored) -> Array:
    """Probabilities of the strategies, if it evades, (n, 7)."""
    return fitted.strategies.probabilities(columns(scored)[-1])


def columns(scored: Scored) -> tuple[Array, ...]:
    """What the regressions see, in the order of ``LASTS``."""
    manner, essay, strategy = (scored.heads[name] for name in HEADS)
    read, evading = scored.network["manner"], scored.network["strategy"]
    return (
        np.hstack([manner, essay, read]),
        np.hstack([manner, read, evading, scored.poled[:, None]]),
        manner,
        _mixed(essay, read[:, : len(ESSAY_MANNERS)]),
        np.hstack([strategy, evading]),
    )


def _mixed(essay: Array, read: NDArray[np.float32]) -> Array:
    """Two views of essays as one, (n, 3).

    A regression on both, which would learn from the few models that neither has seen, does worse.
    """
    own, other = (special.log_softmax(each, axis=1) for each in (essay, read.astype(np.float64)))
    return np.asarray(ESSAY_SHARE * own + (1 - ESSAY_SHARE) * other)


def signs_of(
    responses: Sequence[str], prompts: Sequence[str], languages: Sequence[str | None]
) -> Array:
    """A one for the intercept, the phrases and the scaled form: (n, 1 + SIGNS)."""
    rows = [
        [1.0, *evidence(response, language), *(FORM_SCALE * x for x in form(response, prompt))]
        for response, prompt, language in zip(responses, prompts, languages, strict=True)
    ]
    return np.array(rows).reshape(len(rows), 1 + SIGNS)


def load(path: Path) -> Heads:
    """Read weights that ``save`` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        manner, essay, strategy = (
            Head(
                ngrams=stored[f"{name}_ngrams"].astype(np.float32) * stored[f"{name}_scale"],
                signs=stored[f"{name}_signs"],
            )
            for name in HEADS
        )
        idf = stored["idf"].astype(np.float32)
        last = Last(*(regression.restored(name, stored) for name in LASTS))
        gate = stored["gate"].astype(np.float32)
        return Heads(idf, manner, essay, strategy, last, gate)


def save(fitted: Heads, path: Path) -> None:
    """Write weights compactly: those of n-grams in 8 bits with a scale a row, the rest as it is."""
    parts: dict[str, NDArray[np.generic]] = {
        "idf": fitted.idf.astype(np.float16),
        "gate": fitted.gate.astype(np.float16),
    }
    for name in HEADS:
        head: Head = getattr(fitted, name)
        scale = np.maximum(np.abs(head.ngrams).max(axis=1, keepdims=True), 1e-9) / 127
        parts |= {
            f"{name}_ngrams": np.round(head.ngrams / scale).astype(np.int8),
            f"{name}_scale": scale.astype(np.float32),
            f"{name}_signs": head.signs,
        }
    for name in LASTS:
        parts |= regression.stored(name, getattr(fitted.last, name))
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]  # the stubs know one keyword
