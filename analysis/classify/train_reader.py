"""Teaches the network of ``reader.py``.

    python -m analysis.classify.train_reader written speechmap_dev.parquet FOLDER
    python -m analysis.classify.train_reader record speechmap_dev.parquet FOLDER

The first step learns from the answers written for doxa, and writes ``first.npz`` and
``first.onnx``. The second teaches that network on, in a tenth of the time, with the essays of the
record among some of the others: with all of them for ``reader.npz`` and ``reader.onnx``, and three
times without a third of the models. ``held_out.parquet``, for ``train.py``, is what the networks
make of answers that they did not see: of the record, the one without that model; of a part of the
others, the one that stays.

    python -m analysis.classify.train_reader newest speechmap_dev.parquet FOLDER

between the two teaches the first on with the answers that were added since.

The encoder's vectors of word pieces stay as they are; its first layers learn, from every answer at
once, how it answers, how it evades if it does, and which pole it takes. No text is stored.
"""

from __future__ import annotations

import argparse
import tempfile
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from analysis.classify.e5_file import SPECIAL, encoder_file, read_encoder
from analysis.classify.network import Network, restored, tokenizer, write
from analysis.classify.reader import LAYERS, VECTORS, load, read
from analysis.classify.teaching import UNKNOWN, Course, rows_of, teach, texts_of
from analysis.classify.training_rows import HELD_OUT, RECORD, everything, excerpts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analysis.classify.e5_file import Encoder
    from analysis.classify.reader import Reader, Texts

DEPTH = 4

FIRST = Course(epochs=4, pace=3e-4, head_pace=1e-3)
ON = Course(epochs=1, pace=1e-4, head_pace=2e-4)

OFTEN = 2
"""Texts that a word piece must occur in, if it isn't a single character."""

SIXTHS, LEFT_OUT = 6, 2
"""One of so many parts of the written answers and prompts is left out. Which one: nothing was
chosen by how it does, as was depth, say, by how part 0 does.
"""

THIRDS = 3
"""Parts of the record's models."""

DEGENERATE_TIMES, OWN_TIMES, EXCERPTS = 3, 2, 0.15
"""How often degenerate answers that no rule tells are shown, and those written together with the
test halves; the share of excerpts."""

SHOWN = 1_500
"""Characters of a text whose word pieces are kept."""

SAMPLED = 300
"""Answers from which the ranges of what the network computes are taken."""

FIRST_VECTORS, FIRST_LAYERS, FIRST_IDS = "first.npz", "first.onnx", "first.txt"

NEWEST_TIMES, NEWEST_AMONG = 3, 8_000
RECORD_TIMES, RECORD_AMONG = 2, 3_000
"""When a network is taught on: how often what it is taught is shown; among how many others."""


def kept_pieces(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.intp]:
    """The encoder's word pieces that texts are made of, the marks, and single characters."""
    every = tokenizer(encoder, np.arange(len(encoder.pieces)))
    often: Counter[int] = Counter()
    for one in every.encode_batch(list(texts), add_special_tokens=False):
        often.update(set(one.ids))
    kept = {encoder.special[name] for name in SPECIAL} | {k for k, n in often.items() if n >= OFTEN}
    kept |= {at for at, piece in enumerate(encoder.pieces) if len(piece) == 1}
    return np.array(sorted(kept))


def left_out(table: pd.DataFrame) -> NDArray[np.bool_]:
    """The part of the written answers that no network sees: prompts, and answers to the battery."""
    key = table.group.where(table.topic == "", table.source + table.id)
    part = np.array([zlib.crc32(one.encode()) % SIXTHS for one in key])
    return np.asarray((table.source != RECORD) & (part == LEFT_OUT))


def thirds(table: pd.DataFrame) -> NDArray[np.intp]:
    """Which third of the record's models a row is of, or ``UNKNOWN``."""
    names = np.random.default_rng(1).permutation(
        sorted(table.group[table.source == RECORD].unique())
    )
    models = {name: place % THIRDS for place, name in enumerate(names)}
    found = table.group.map(models).where(table.source == RECORD, UNKNOWN)
    return found.to_numpy(np.intp)


def learned_from(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``everything`` as the network learns from them."""
    degenerate = table.outcome == "degenerate"
    hard = table[degenerate & table.rule.isna()]
    short = excerpts(table).sample(frac=EXCERPTS, random_state=0)
    parts = [table[table.learned | degenerate], *[hard] * (DEGENERATE_TIMES - 1)]
    parts += [table[table.own]] * (OWN_TIMES - 1)
    return pd.concat([*parts, short], ignore_index=True)


def among(rows: pd.DataFrame, times: int, others: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows so many times, and so many of others at most."""
    parts: list[pd.DataFrame] = [
        *[rows] * times,
        others.sample(min(count, len(others)), random_state=0),
    ]
    return pd.concat(parts, ignore_index=True)


def learn_written(
    encoder: Encoder, shown: pd.DataFrame, texts: Sequence[str], folder: Path
) -> None:
    """Teach a network from the encoder on, and write it, and of which answers it learned.

    Args:
        encoder: that it begins as.
        shown: rows of ``learned_from`` to learn from.
        texts: whose word pieces it is to know.
        folder: for the files.
    """
    kept = kept_pieces(encoder, texts)
    network, pieces = Network(encoder, kept, DEPTH), tokenizer(encoder, kept)
    teach(network, pieces, rows_of(shown), FIRST, print)
    write(network, pieces, _some(shown), folder / FIRST_VECTORS, folder / FIRST_LAYERS)
    _note(shown, folder)


def learn_newest(encoder: Encoder, shown: pd.DataFrame, folder: Path) -> None:
    """Teach the first network in a folder on with the answers that it hasn't learned from.

    Args:
        encoder: that it began as.
        shown: rows of ``learned_from``, those among them.
        folder: of the files.
    """
    known = (folder / FIRST_IDS).read_text(encoding="utf-8").split("\n")
    new = ~shown.id.isin(known) & ~shown.excerpt.astype(bool)
    learn_on(encoder, among(shown[new], NEWEST_TIMES, shown[~new], NEWEST_AMONG), folder)
    _note(shown, folder)


def _note(shown: pd.DataFrame, folder: Path) -> None:
    ids = "\n".join(shown.id.drop_duplicates())
    (folder / FIRST_IDS).write_text(ids, encoding="utf-8")


def learn_on(
    encoder: Encoder,
    shown: pd.DataFrame,
    folder: Path,
    vectors: str = FIRST_VECTORS,
    layers: str = FIRST_LAYERS,
) -> Reader:
    """Teach the first network in a folder on, and write it there.

    Args:
        encoder: that it began as.
        shown: rows of ``learned_from`` to learn from.
        folder: of the files.
        vectors, layers: names of the new files.
    """
    network, pieces = restored(encoder, folder / FIRST_VECTORS, folder / FIRST_LAYERS)
    teach(network, pieces, rows_of(shown), ON, print)
    write(network, pieces, _some(shown), folder / vectors, folder / layers)
    return load(folder / vectors, folder / layers)


def _some(shown: pd.DataFrame) -> list[Texts]:
    return texts_of(shown.sample(min(SAMPLED, len(shown)), random_state=0))


def learn_record(encoder: Encoder, table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Teach the first network on with the record: with all, and without each third of it.

    Args:
        encoder: that it began as.
        table: ``everything``.
        folder: of the files.

    Returns:
        Scores of the rows that were not seen: ``source, id``, and a column for each.
    """
    out, part = left_out(table), thirds(table)

    def taught(seen: NDArray[np.bool_], folder_of: str = "") -> Reader:
        shown = learned_from(table[seen & ~out])
        essays = shown.source == RECORD
        rows = among(shown[essays], RECORD_TIMES, shown[~essays], RECORD_AMONG)
        return learn_on(encoder, rows, folder, folder_of + VECTORS.name, folder_of + LAYERS.name)

    found = [scores_of(taught(np.ones(len(table), bool)), table[out])]
    for number in range(THIRDS):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            one = taught(part != number, f"{Path(own).name}/")
            found.append(scores_of(one, table[part == number]))
    return pd.concat(found, ignore_index=True)


def scores_of(reader: Reader, table: pd.DataFrame) -> pd.DataFrame:
    """What a network makes of rows: ``source, id``, and a column for each score."""
    scores = read(reader, texts_of(table))
    columns = {f"{name}_{at}": row for name, of in scores.items() for at, row in enumerate(of.T)}
    return table[["source", "id"]].reset_index(drop=True).assign(**columns)


def main() -> None:
    """Take one of the steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("step", choices=["written", "newest", "record"])
    parser.add_argument("record", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    torch.manual_seed(0)
    encoder, table = read_encoder(encoder_file()), everything(asked.record)
    if asked.step == "record":
        learn_record(encoder, table, asked.folder).to_parquet(asked.folder / HELD_OUT)
        return
    shown = learned_from(table[(table.source != RECORD) & ~left_out(table)])
    if asked.step == "written":
        known = table[table.learned & ~left_out(table)]
        texts = list(dict.fromkeys([*known.text.str[:SHOWN], *known.asked]))
        learn_written(encoder, shown, texts, asked.folder)
    else:
        learn_newest(encoder, shown, asked.folder)


if __name__ == "__main__":
    main()
