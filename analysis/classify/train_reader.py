"""Teaches the network of ``reader.py``.

    python -m analysis.classify.train_reader speechmap_dev.parquet FOLDER

writes ``reader.npz``, ``reader.onnx``, and ``held_out.parquet``: what the network makes of the part
of the answers that it did not see, for ``train.py``. The encoder's vectors of word pieces stay as
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

from analysis.classify.e5_file import SPECIAL, encoder_file, read_encoder
from analysis.classify.labels import STANCES, STRATEGIES
from analysis.classify.network import Network, tokenizer, write
from analysis.classify.reader import HEADS, LAYERS, VECTORS, Texts, load, padded, read, sequences
from analysis.classify.respond import MANNERS
from analysis.classify.training_rows import HELD_OUT, everything, excerpts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from analysis.classify.e5_file import Encoder
    from analysis.classify.reader import Input

DEPTH, EPOCHS, BATCH = 3, 3, 64
PACE, HEAD_PACE, WARMING, DECAY = 3e-4, 1e-3, 0.06, 0.01
"""Rates of learning of the encoder's layers and of what is new; share of the steps in which they
rise; decay of the weights."""

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

SIXTHS, FIFTHS = 6, 5
"""One of so many parts is left out: of the answers and prompts, and of the record's models."""

DEGENERATE_TIMES, OWN_TIMES, EXCERPTS = 3, 2, 0.15
"""How often degenerate answers that no rule tells are shown, and those written together with the
test halves; the share of excerpts."""

SHOWN = 1_500
"""Characters of a text whose word pieces are kept."""

SAMPLED = 300
"""Answers from which the ranges of what the network computes are taken."""

UNKNOWN = -1


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

    A stance is learned on the battery's topics, whose poles the network has to know by heart.
    """
    stance = table.outcome.where(~table.excerpt & (table.topic != ""), "")
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


def kept_pieces(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.intp]:
    """The encoder's word pieces that texts are made of, the marks, and single characters."""
    every = tokenizer(encoder, np.arange(len(encoder.pieces)))
    often: Counter[int] = Counter()
    for one in every.encode_batch(list(texts), add_special_tokens=False):
        often.update(set(one.ids))
    kept = {encoder.special[name] for name in SPECIAL} | {k for k, n in often.items() if n >= OFTEN}
    kept |= {at for at, piece in enumerate(encoder.pieces) if len(piece) == 1}
    return np.array(sorted(kept))


def taught(
    encoder: Encoder,
    kept: NDArray[np.intp],
    rows: Rows,
    tell: Callable[[str], None],
    *,
    depth: int = DEPTH,
    seed: int = 0,
) -> tuple[Network, Tokenizer]:
    """A network that learned from all of some rows.

    Args:
        encoder: what it begins as.
        kept: from ``kept_pieces``.
        rows: to learn from.
        tell: is told now and then how far it is.
        depth: layers of the encoder.
        seed: of the order of the rows.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network, pieces = Network(encoder, kept, depth), tokenizer(encoder, kept)
    optimiser, steps = _optimiser(network), EPOCHS * -(-len(rows.texts) // BATCH)
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(step / (WARMING * steps), (steps - step) / steps, 1.0)
    )
    network.train()
    smooth = 0.0
    for step, (places, inputs) in enumerate(_drawn(rows, pieces, rng)):
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
    return network.eval(), pieces


def _optimiser(network: Network) -> torch.optim.Optimizer:
    new = [*network.body.pool.parameters(), *network.body.heads.parameters(), network.parts]
    known = {id(one) for one in new}
    old = [one for one in network.parameters() if id(one) not in known]
    groups = [{"params": old, "lr": PACE}, {"params": new, "lr": HEAD_PACE}]
    return torch.optim.AdamW(groups, weight_decay=DECAY)


def _drawn(
    rows: Rows, pieces: Tokenizer, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.intp], list[Input]]]:
    stance = rows.truth["stance"] != UNKNOWN
    for _ in range(EPOCHS):
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
    return np.asarray(np.where(table.source == "record", table.group.map(models), part) == 0)


def learned_from(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``everything`` as the network learns from them."""
    degenerate = table.outcome == "degenerate"
    hard = table[degenerate & table.rule.isna()]
    short = excerpts(table).sample(frac=EXCERPTS, random_state=0)
    parts = [table[table.learned | degenerate], *[hard] * (DEGENERATE_TIMES - 1)]
    parts += [table[table.own]] * (OWN_TIMES - 1)
    return pd.concat([*parts, short], ignore_index=True)


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
    asked = parser.parse_args()
    table = everything(asked.record)
    out = left_out(table)
    shown = learned_from(table[~out])
    encoder = read_encoder(encoder_file())
    texts = dict.fromkeys([*shown.text.str[:SHOWN], *shown.asked])
    network, pieces = taught(encoder, kept_pieces(encoder, list(texts)), rows_of(shown), print)
    vectors, layers = asked.folder / VECTORS.name, asked.folder / LAYERS.name
    some = texts_of(shown.sample(SAMPLED, random_state=0))
    write(network, pieces, some, vectors, layers)
    part = table[out].reset_index(drop=True)
    scores = read(load(vectors, layers), texts_of(part))
    columns = {f"{name}_{at}": row for name, of in scores.items() for at, row in enumerate(of.T)}
    part[["source", "id"]].assign(**columns).to_parquet(asked.folder / HELD_OUT)


if __name__ == "__main__":
    main()
