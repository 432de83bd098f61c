"""Lets a network learn how responses answer, how they evade, and which pole they take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from analysis.classify.labels import STANCES, STRATEGIES
from analysis.classify.reader import HEADS, Texts, padded, sequences
from analysis.classify.respond import MANNERS
from analysis.classify.stance import asks_for_con
from analysis.classify.training_rows import RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from analysis.classify.network import Network
    from analysis.classify.reader import Input

BATCH = 64
WARMING, DECAY = 0.06, 0.01
"""Share of the steps in which the rates of learning rise; decay of the weights."""

STRATEGY_WEIGHT, RECORD_WEIGHT, ELSEWHERE_WEIGHT = 0.5, 3.0, 1.5
"""In the loss, beside 1: of strategies; of the record's answers and of those to prompts without
poles, which are fewer than those to the battery, and whose prompts are met once.
"""
ALIKE = 40
"""Batches that are drawn together, so that inputs of like length go together."""

UNASKED = 0.05
"""How often the prompt of a question that isn't the battery's is left out."""

UNKNOWN = -1


@dataclass(frozen=True)
class Course:
    """How a network is taught.

    Attributes:
        epochs: how often it sees every row.
        pace, head_pace: highest rates of learning, of the encoder's layers and of what is new.
    """

    epochs: int
    pace: float
    head_pace: float


@dataclass(frozen=True)
class Rows:
    """What is learned from.

    Attributes:
        texts: of each answer.
        weight: of each in the loss.
        truth: by the name of a head, the class of each, or ``UNKNOWN``.
    """

    texts: list[Texts]
    weight: NDArray[np.float32]
    truth: dict[str, NDArray[np.intp]]


def rows_of(table: pd.DataFrame) -> Rows:
    """The rows of a table of ``training_rows``; of excerpts no stance is known.

    The network doesn't see the poles. Those of the battery's topics it has to know by heart; to
    other questions it learns what a yes is.
    """
    stance = table.outcome.where(~table.excerpt & (table.pro != ""), "")
    stance = stance.where(~_turned(table), stance.replace({"pro": "con", "con": "pro"}))
    elsewhere = (table.topic == "") & (table.pro == "")
    weight = np.where(elsewhere, ELSEWHERE_WEIGHT, 1.0)
    named = {
        "manner": (table.manner, MANNERS),
        "stance": (stance, STANCES),
        "strategy": (table.strategy.where(~table.excerpt, ""), STRATEGIES),
    }
    return Rows(
        texts_of(table),
        np.where(table.source == RECORD, RECORD_WEIGHT, weight).astype(np.float32),
        {
            name: np.array([names.index(one) if one in names else UNKNOWN for one in column])
            for name, (column, names) in named.items()
        },
    )


def _turned(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Of which questions with poles of their own a yes takes ``con``."""
    rows = zip(table.topic, table.asked, table.pro, table.con, table.code, strict=True)
    return np.array([not topic and bool(of[1]) and asks_for_con(*of) for topic, *of in rows])


def texts_of(table: pd.DataFrame) -> list[Texts]:
    """The answers as the network sees them."""
    return [Texts(*row) for row in zip(table.text, table.asked, strict=True)]


def teach(
    network: Network,
    pieces: Tokenizer,
    rows: Rows,
    course: Course,
    tell: Callable[[str], None],
    seed: int = 0,
) -> None:
    """Let a network learn from all of some rows.

    Args:
        network: learns.
        pieces: its tokenizer.
        rows: to learn from.
        course: how.
        tell: is told now and then how far it is.
        seed: of the order of the rows.
    """
    rng = np.random.default_rng(seed)
    optimiser = _optimiser(network, course)
    steps = course.epochs * -(-len(rows.texts) // BATCH)
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(step / (WARMING * steps), (steps - step) / steps, 1.0)
    )
    network.train()
    smooth = 0.0
    for step, (places, inputs) in enumerate(_drawn(rows, pieces, course.epochs, rng)):
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(*map(torch.from_numpy, padded(inputs)))
        loss = loss_of(scores.float(), rows, places)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        pace.step()
        smooth += (float(loss.detach()) - smooth) / min(step + 1, 50)
        if step % 50 == 0:
            tell(f"step {step} of {steps}, loss {smooth:.3f}")
    network.eval()


def _optimiser(network: Network, course: Course) -> torch.optim.Optimizer:
    new = [*network.body.pool.parameters(), *network.body.heads.parameters(), network.parts]
    known = {id(one) for one in new}
    old = [one for one in network.parameters() if id(one) not in known]
    groups = [{"params": old, "lr": course.pace}, {"params": new, "lr": course.head_pace}]
    return torch.optim.AdamW(groups, weight_decay=DECAY)


def _drawn(
    rows: Rows, pieces: Tokenizer, epochs: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.intp], list[Input]]]:
    stance = rows.truth["stance"] != UNKNOWN
    for _ in range(epochs):
        asked = stance | (rng.random(len(rows.texts)) >= UNASKED)
        texts = [
            text if whole else replace(text, prompt="")
            for text, whole in zip(rows.texts, asked, strict=True)
        ]
        inputs = sequences(pieces, texts)
        order, batches = rng.permutation(len(inputs)), []
        for start in range(0, len(order), ALIKE * BATCH):
            part = order[start : start + ALIKE * BATCH]
            part = part[np.argsort([len(inputs[row].ids) for row in part], kind="stable")]
            batches += [part[at : at + BATCH] for at in range(0, len(part), BATCH)]
        for at in rng.permutation(len(batches)).tolist():
            yield batches[at], [inputs[row] for row in batches[at]]


def loss_of(scores: torch.Tensor, rows: Rows, places: NDArray[np.intp]) -> torch.Tensor:
    """The loss of a batch: cross-entropy of all heads, of what is known."""
    total = torch.zeros(())
    parts = torch.split(scores, list(HEADS.values()), dim=1)
    for (name, truth), part in zip(rows.truth.items(), parts, strict=True):
        weight = torch.from_numpy(np.where(truth[places] == UNKNOWN, 0, rows.weight[places]))
        known = torch.from_numpy(np.maximum(truth[places], 0))
        error = functional.cross_entropy(part, known, reduction="none") * weight
        share = STRATEGY_WEIGHT if name == "strategy" else 1.0
        total = total + share * error.sum() / torch.clamp(weight.sum(), min=1.0)
    return total
