"""Reads the header of a GGUF file that nobody vouches for, within bounds.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Every count and length is
held against the file's size and a limit before anything is read or kept, so a hostile header
gives an error and never exhausts memory.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from prompts.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

MAX_KEYS = 65_536
MAX_TENSORS = 1_000_000
MAX_ELEMENTS = (
    8_000_000  # strings in an array; the largest vocabularies have a few hundred thousand
)
MAX_KEPT = 16 * 2**20  # bytes of text kept: names and a chat template
MAX_NAME = 65_535
MAX_DIMENSIONS = 8

_SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9

# general.file_type as llama.cpp numbers it (llama_ftype in llama.h)
_QUANTISATIONS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip


@dataclass(frozen=True)
class GGUFHeader:
    """What a GGUF file says of itself.

    Attributes:
        version: of the format, 2 or 3.
        tensors: how many.
        metadata: its numbers and texts by key; arrays are checked and left out.
    """

    version: int
    tensors: int
    metadata: dict[str, str | int | float | bool]

    @property
    def quantisation(self) -> str:
        """The name of ``general.file_type``, or ``unknown``."""
        file_type = self.metadata.get("general.file_type")
        return _QUANTISATIONS.get(file_type, "unknown") if isinstance(file_type, int) else "unknown"


class _Broken(Exception):  # noqa: N818
    """The header contradicts itself, the file's size or a limit."""


class _Reader:
    """Reads from a file only what is there, and counts the text that it meets."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream = stream
        self.left = size
        self.kept = 0
        self.elements = 0

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise _Broken(f"it ends where {count} more bytes should follow")
        self.left -= count
        data = self.stream.read(count)
        if len(data) != count:
            raise _Broken("it became shorter while it was read")
        return data

    def skip(self, count: int) -> None:
        if count > self.left:
            raise _Broken(f"it ends where {count} more bytes should follow")
        self.left -= count
        self.stream.seek(count, 1)

    def number(self, code: str) -> int | float | bool:
        value: int | float | bool = struct.unpack("<" + code, self.take(struct.calcsize(code)))[0]
        return value

    def count(self, code: str, limit: int, what: str) -> int:
        value = int(self.number(code))
        if value > limit:
            raise _Broken(f"it claims {value} {what}, more than the {limit} that doxa allows")
        return value

    def text(self, limit: int) -> str:
        length = self.count("Q", limit, "bytes of text")
        self.kept += length
        if self.kept > MAX_KEPT:
            raise _Broken(f"its header has more than {MAX_KEPT} bytes of text")
        return self.take(length).decode("utf-8", "replace")

    def skip_array(self) -> None:
        kind = int(self.number("I"))
        length = int(self.number("Q"))
        if kind in _SCALARS:
            self.skip(length * struct.calcsize(_SCALARS[kind]))
        elif kind == _STRING:
            self.elements += length
            if self.elements > MAX_ELEMENTS:
                raise _Broken(f"it claims {self.elements} texts in arrays")
            for _ in range(length):
                self.skip(int(self.number("Q")))
        else:
            raise _Broken(f"it has an array of the unknown type {kind}")


def read_header(path: Path) -> GGUFHeader:
    """Read a GGUF file's header and check that the tensors it names lie inside the file.

    Raises:
        ModelError: it cannot be read, is not GGUF, or contradicts itself.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            return _header(_Reader(stream, size))
    except OSError as error:
        raise ModelError(
            f"The model file {path} cannot be read: {error.strerror or error}.",
            "Check its path and permissions.",
        ) from error
    except _Broken as error:
        raise ModelError(
            f"{path} is not a whole GGUF file: {error}.",
            "Fetch the file again from where it came from.",
        ) from error


def _header(reader: _Reader) -> GGUFHeader:
    if reader.left < 4 or reader.take(4) != b"GGUF":
        raise _Broken("it does not begin with GGUF")
    version = int(reader.number("I"))
    if version not in {2, 3}:
        raise _Broken(f"its version is {version}, and only 2 and 3 in little-endian order are read")
    tensors = reader.count("Q", MAX_TENSORS, "tensors")
    keys = reader.count("Q", MAX_KEYS, "metadata keys")
    metadata: dict[str, str | int | float | bool] = {}
    for _ in range(keys):
        key = reader.text(MAX_NAME)
        kind = int(reader.number("I"))
        if kind in _SCALARS:
            metadata[key] = reader.number(_SCALARS[kind])
        elif kind == _STRING:
            metadata[key] = reader.text(MAX_KEPT)
        elif kind == _ARRAY:
            reader.skip_array()
        else:
            raise _Broken(f"its key {key!a} has the unknown type {kind}")
    furthest = max((_tensor_offset(reader) for _ in range(tensors)), default=0)
    if furthest > reader.left:
        raise _Broken(f"a tensor should begin {furthest} bytes after the header, past its end")
    return GGUFHeader(version, tensors, metadata)


def _tensor_offset(reader: _Reader) -> int:
    reader.skip(reader.count("Q", MAX_NAME, "bytes of a tensor's name"))
    dimensions = reader.count("I", MAX_DIMENSIONS, "dimensions of a tensor")
    reader.skip(8 * dimensions + 4)
    return int(reader.number("Q"))
