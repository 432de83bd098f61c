"""Teaches the network of ``reader.py``.

    python -m analysis.classify.train_reader speechmap_dev.parquet FOLDER
    python -m analysis.classify.train_reader speechmap_dev.parquet FOLDER --on FOLDER --newest 75

writes ``reader.npz``, ``reader.onnx``, and ``held_out.parquet``: what the network makes of the part
of the answers that it did not see, for ``train.py``. The second form teaches on the network in a
folder, in a sixth of the time: the answers that were added last, often, among some of the others.
The encoder's vectors of word pieces stay as
they are; its first layers learn, from every answer at once, how it answers, how it evades if it
does, and which pole it takes. No text is stored.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from analysis.classify.answer_files import TRAINING
from analysis.classify.e5_file import SPECIAL, encoder_file, read_encoder
from analysis.classify.labels import STANCES, STRATEGIES
from analysis.classify.network import Network, restored, tokenizer, write
from analysis.classify.reader import HEADS, LAYERS, VECTORS, Texts, load, padded, read, sequences
from analysis.classify.respond import MANNERS
from analysis.classify.stance import asks_for_con
from analysis.classify.training_rows import HELD_OUT, everything, excerpts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from analysis.classify.e5_file import Encoder
    from analysis.classify.reader import Input

DEPTH, BATCH = 4, 64
WARMING, DECAY = 0.06, 0.01
"""Share of the steps in which the rates of learning rise; decay of the weights."""

STRATEGY_WEIGHT, RECORD_WEIGHT, ELSEWHERE_WEIGHT = 0.5, 3.0, 1.5
"""In the loss, beside 1: of strategies; of the record's answers and of those to prompts without
poles, which are fewer than those to the battery, and whose prompts are met once.
"""
ALIKE = 40
"""Batches that are drawn together, so that inputs of like length go together."""

OFTEN = 2
"""Texts that a word piece must occur in, if it isn't a single character."""

UNASKED = 0.05
"""How often the prompt of a question that isn't the battery's is left out."""

SIXTHS, FIFTHS, LEFT_OUT = 6, 5, 1
"""One of so many parts is left out: of the answers and prompts, and of the record's models. Which
one: nothing was chosen by how it does, as was depth, say, by how part 0 does.
"""

DEGENERATE_TIMES, OWN_TIMES, EXCERPTS = 3, 2, 0.15
"""How often degenerate answers that no rule tells are shown, and those written together with the
test halves; the share of excerpts."""

SHOWN = 1_500
"""Characters of a text whose word pieces are kept."""

SAMPLED = 300
"""Answers from which the ranges of what the network computes are taken."""

UNKNOWN = -1


NEWEST_TIMES, AMONG = 3, 12_000
"""When a network is taught on: how often the newest answers are shown; among how many others."""


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


FIRST = Course(epochs=3, pace=3e-4, head_pace=1e-3)
ON = Course(epochs=1, pace=1e-4, head_pace=2e-4)


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
        np.where(table.source == "record", RECORD_WEIGHT, weight).astype(np.float32),
        {
            name: np.array([names.index(one) if one in names else UNKNOWN for one in column])
            for name, (column, names) in named.items()
        },
    )


def _turned(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Of which questions with poles of their own a yes takes ``con``."""
    rows = zip(table.topic, table.asked, table.pro, table.con, table.code, strict=True)
    return np.array([not topic and bool(of[1]) and asks_for_con(*of) for topic, *of in rows])


def kept_pieces(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.intp]:
    """The encoder's word pieces that texts are made of, the marks, and single characters."""
    every = tokenizer(encoder, np.arange(len(encoder.pieces)))
    often: Counter[int] = Counter()
    for one in every.encode_batch(list(texts), add_special_tokens=False):
        often.update(set(one.ids))
    kept = {encoder.special[name] for name in SPECIAL} | {k for k, n in often.items() if n >= OFTEN}
    kept |= {at for at, piece in enumerate(encoder.pieces) if len(piece) == 1}
    return np.array(sorted(kept))


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


def left_out(table: pd.DataFrame) -> NDArray[np.bool_]:
    """A part of ``everything``: models of the record, prompts, and answers to the battery."""
    names = np.random.default_rng(1).permutation(
        sorted(table.group[table.source == "record"].unique())
    )
    models = {name: place % FIFTHS for place, name in enumerate(names)}
    key = table.group.where(table.topic == "", table.source + table.id)
    part = [zlib.crc32(one.encode()) % SIXTHS for one in key]
    return np.asarray(np.where(table.source == "record", table.group.map(models), part) == LEFT_OUT)


def learned_from(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``everything`` as the network learns from them."""
    degenerate = table.outcome == "degenerate"
    hard = table[degenerate & table.rule.isna()]
    short = excerpts(table).sample(frac=EXCERPTS, random_state=0)
    parts = [table[table.learned | degenerate], *[hard] * (DEGENERATE_TIMES - 1)]
    parts += [table[table.own]] * (OWN_TIMES - 1)
    return pd.concat([*parts, short], ignore_index=True)


def newest(table: pd.DataFrame, count: int) -> NDArray[np.bool_]:
    """Which rows are among the last so many of a language's answers to learn from only."""
    place = pd.to_numeric(table.id.str.extract(rf"^{TRAINING}/[^:]+:(\d+)$", expand=False))
    after = table.assign(place=place).groupby("language").place.rank(ascending=False)
    return np.asarray(after <= count)


def taught_on(table: pd.DataFrame, ids: pd.Series[str]) -> pd.DataFrame:
    """Of rows of ``learned_from``, those that a network is taught on with.

    Args:
        table: the rows.
        ids: of the newest.
    """
    last = table.id.isin(ids) & ~table.excerpt.astype(bool)
    others = table[~last]
    some = others.sample(min(AMONG, len(others)), random_state=0)
    parts: list[pd.DataFrame] = [*[table[last]] * NEWEST_TIMES, some]
    return pd.concat(parts, ignore_index=True)


def texts_of(table: pd.DataFrame) -> list[Texts]:
    """The answers as the network sees them."""
    return [Texts(*row) for row in zip(table.text, table.asked, strict=True)]


def main() -> None:
    """Teach the network, and write it and what it makes of the answers that it did not see."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("record", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--on", type=Path, help="the folder of a network that is taught on")
    parser.add_argument("--newest", type=int, default=100, help="answers a language added since")
    asked = parser.parse_args()
    table = everything(asked.record)
    out = left_out(table)
    shown = learned_from(table[~out])
    encoder = read_encoder(encoder_file())
    torch.manual_seed(0)
    if asked.on:
        network, pieces = restored(encoder, asked.on / VECTORS.name, asked.on / LAYERS.name)
        shown, course = taught_on(shown, table.id[newest(table, asked.newest)]), ON
    else:
        texts = dict.fromkeys([*shown.text.str[:SHOWN], *shown.asked])
        kept = kept_pieces(encoder, list(texts))
        network, pieces, course = Network(encoder, kept, DEPTH), tokenizer(encoder, kept), FIRST
    teach(network, pieces, rows_of(shown), course, print)
    vectors, layers = asked.folder / VECTORS.name, asked.folder / LAYERS.name
    some = texts_of(shown.sample(SAMPLED, random_state=0))
    write(network, pieces, some, vectors, layers)
    part = table[out].reset_index(drop=True)
    scores = read(load(vectors, layers), texts_of(part))
    columns = {f"{name}_{at}": row for name, of in scores.items() for at, row in enumerate(of.T)}
    part[["source", "id"]].assign(**columns).to_parquet(asked.folder / HELD_OUT)


if __name__ == "__main__":
    main()
