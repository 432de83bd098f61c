"""A small network that reads an answer with its question: how it answers, evades, and leans.

It is the first layers of the encoder multilingual-e5-small, taught by ``train_reader.py`` what
answers do; ONNX Runtime computes it in 8 bits. ``reader.npz`` holds the vectors of the word pieces
in 4 bits, ``reader.onnx`` the layers and heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from analysis.classify.labels import STANCES, STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Ids = NDArray[np.int64]

VECTORS, LAYERS = (Path(__file__).parent / name for name in ("reader.npz", "reader.onnx"))

HEADS = {"manner": 4, "stance": len(STANCES), "strategy": len(STRATEGIES)}
"""What is told apart, and into how many; one after the other in what the network puts out."""

BEGIN, END = "<s>", "</s>"

READ = ((160, 64), (40, 8))
"""Word pieces read of response and prompt, from the start and from the end of each."""

OPENING, CLOSING = 1_000, 500
"""Characters of a longer text that are cut into pieces."""

BATCH = 8
"""Answers that are computed at once: what they need stays in the cache."""


@dataclass(frozen=True)
class Texts:
    """An answer and its question.

    Attributes:
        response, prompt: as ``clean`` leaves them.
    """

    response: str
    prompt: str


@dataclass(frozen=True)
class Input:
    """An input of the network: its word pieces, and which text each is in, by place in ``READ``."""

    ids: Ids
    parts: Ids


@dataclass(frozen=True)
class Reader:
    """The network.

    Attributes:
        pieces: cuts a text into word pieces.
        codes, scales: vectors of the pieces in 4 bits, (pieces, scales, 16) and (pieces, scales).
        places: (most pieces, dimensions), added by where a piece stands.
        parts: (2, dimensions), added by which text it is in.
        session: the layers and heads.
    """

    pieces: Tokenizer
    codes: NDArray[np.uint8]
    scales: NDArray[np.float16]
    places: Array
    parts: Array
    session: onnxruntime.InferenceSession


@cache
def reader() -> Reader:
    """The network that comes with doxa."""
    return load(VECTORS, LAYERS)


def load(vectors: Path, layers: Path) -> Reader:
    """Read what ``train_reader.py`` wrote."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # one a caller: ``classify`` calls from as many threads as there are cores
    options.intra_op_num_threads = 1
    # the fused kernel of that name isn't vectorised: without it the whole takes a tenth less
    slow = ["SkipLayerNormFusion"]
    session = onnxruntime.InferenceSession(
        layers, options, providers=["CPUExecutionProvider"], disabled_optimizers=slow
    )
    with np.load(vectors, allow_pickle=False) as stored:
        return Reader(
            pieces=Tokenizer.from_str(bytes(stored["pieces"]).decode()),
            codes=stored["codes"],
            scales=stored["scales"],
            places=stored["places"].astype(np.float32),
            parts=stored["parts"].astype(np.float32),
            session=session,
        )


def read(network: Reader, texts: Sequence[Texts]) -> dict[str, Array]:
    """Scores of answers, before any softmax.

    Returns:
        For each of ``HEADS`` an array (n, classes); a stance means
        nothing but on the battery's topics.
    """
    found = np.zeros((len(texts), sum(HEADS.values())), np.float32)
    inputs = sequences(network.pieces, texts)
    for rows in batches([len(one.ids) for one in inputs]):
        ids, parts, mask = padded([inputs[row] for row in rows])
        known, at = np.unique(ids, return_inverse=True)
        vectors = unpacked(network.codes[known], network.scales[known])[at.reshape(ids.shape)]
        given = vectors + network.places[: ids.shape[1]] + network.parts[parts]
        (found[rows],) = network.session.run(None, {"vectors": given, "mask": mask})
    ends = np.cumsum(list(HEADS.values()))
    return dict(zip(HEADS, np.split(found, ends[:-1], axis=1), strict=True))


def sequences(pieces: Tokenizer, texts: Sequence[Texts]) -> list[Input]:
    """Response and prompt in one row, the prompt where there is one, each with its end mark."""
    begin, end = np.array([pieces.token_to_id(BEGIN)]), np.array([pieces.token_to_id(END)])
    found = _cut(pieces, texts)
    result = []
    for one in texts:
        ids, parts = [begin], [np.zeros(1, int)]
        for part, key in enumerate(_fields(one)):
            if key[0] or part == 0:
                ids += [found[key], end]
                parts.append(np.full(len(found[key]) + 1, part))
        result.append(Input(np.concatenate(ids), np.concatenate(parts)))
    return result


def _fields(one: Texts) -> list[tuple[str, tuple[int, int]]]:
    return list(zip((one.response, one.prompt), READ, strict=True))


def _cut(pieces: Tokenizer, texts: Sequence[Texts]) -> dict[tuple[str, tuple[int, int]], Ids]:
    wanted = list(dict.fromkeys(key for one in texts for key in _fields(one)))
    pairs = [part for text, _ in wanted for part in _ends(text)]
    coded = [np.array(one.ids, int) for one in pieces.encode_batch(pairs, add_special_tokens=False)]
    return {
        key: _shortened(np.concatenate([head, tail]), *key[1])
        for key, head, tail in zip(wanted, coded[::2], coded[1::2], strict=True)
    }


def _ends(text: str) -> tuple[str, str]:
    if len(text) <= OPENING + CLOSING:
        return text, ""
    return text[:OPENING], text[-CLOSING:]


def _shortened(ids: Ids, opening: int, closing: int) -> Ids:
    if len(ids) <= opening + closing:
        return ids
    return np.concatenate([ids[:opening], ids[len(ids) - closing :]])


def batches(lengths: Sequence[int]) -> Iterator[NDArray[np.intp]]:
    """Which inputs go together: those of like length."""
    order = np.argsort(lengths, kind="stable")
    return (order[start : start + BATCH] for start in range(0, len(order), BATCH))


def padded(inputs: Sequence[Input]) -> tuple[Ids, Ids, Array]:
    """Ids, parts and a mask of inputs, (n, longest) each."""
    shape = len(inputs), max(len(one.ids) for one in inputs)
    ids, parts, mask = np.zeros(shape, int), np.zeros(shape, int), np.zeros(shape, np.float32)
    for row, one in enumerate(inputs):
        size = len(one.ids)
        ids[row, :size], parts[row, :size], mask[row, :size] = one.ids, one.parts, 1
    return ids, parts, mask


def unpacked(codes: NDArray[np.uint8], scales: NDArray[np.float16]) -> Array:
    """Vectors from 4 bits, (n, dimensions).

    Of each block of 32 numbers, the low halves of 16 bytes are the first 16, the high halves the
    others; 8 stands for 0.
    """
    halves = np.concatenate([codes & 15, codes >> 4], axis=-1).astype(np.float32) - 8
    return (halves * scales[..., None].astype(np.float32)).reshape(len(codes), -1)
