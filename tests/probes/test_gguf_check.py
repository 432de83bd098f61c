"""The GGUF header reader: what it reads, and that hostile files give errors."""

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import gguf_check
from probes.gguf_check import read_header
from prompts.errors import ModelError


def text(value: str) -> bytes:
    """A text as GGUF writes it."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def header(*pairs: bytes, version: int = 3, tensors: int = 0, keys: int | None = None) -> bytes:
    """A GGUF header of ready pairs, with counts of one's choice."""
    count = len(pairs) if keys is None else keys
    return b"GGUF" + struct.pack("<IQQ", version, tensors, count) + b"".join(pairs)


def string_pair(key: str, value: str) -> bytes:
    """A key with a text."""
    return text(key) + struct.pack("<I", 8) + text(value)


NAME = string_pair("general.name", "Tiny")
FILE_TYPE = text("general.file_type") + struct.pack("<II", 4, 15)
WORDS = text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
NUMBERS = text("scores") + struct.pack("<IIQ3f", 9, 6, 3, 0.0, 1.0, 2.0)
TENSOR = text("t") + struct.pack("<IQQIQ", 2, 4, 4, 0, 32)


def test_whole_header_is_read(tmp_path: Path) -> None:
    """Texts and numbers are kept by key, arrays are passed over, and the quantisation is named."""
    path = tmp_path / "m.gguf"
    path.write_bytes(header(NAME, WORDS, NUMBERS, FILE_TYPE, TENSOR, tensors=1, keys=4) + bytes(96))
    read = read_header(path)
    assert read.metadata == {"general.name": "Tiny", "general.file_type": 15}
    assert (read.version, read.tensors, read.quantisation) == (3, 1, "Q4_K_M")


HUGE = 2**63
HOSTILE = {
    "empty": (b"", "does not begin with GGUF"),
    "other format": (b"PK\x03\x04" + bytes(60), "does not begin with GGUF"),
    "version 1": (header(version=1), "version is 1"),
    "big endian": (b"GGUF" + struct.pack(">I", 3) + bytes(16), "version is 50331648"),
    "keys": (header(keys=HUGE), "metadata keys"),
    "tensors": (header(tensors=HUGE), "tensors"),
    "key length": (header(struct.pack("<Q", HUGE)), "bytes of text"),
    "value length": (header(text("k") + struct.pack("<IQ", 8, HUGE)), "bytes of text"),
    "value past end": (header(text("k") + struct.pack("<IQ", 8, 1000)), "it ends where"),
    "numbers": (header(text("k") + struct.pack("<IIQ", 9, 10, HUGE)), "it ends where"),
    "texts": (header(text("k") + struct.pack("<IIQ", 9, 8, HUGE)), "texts in arrays"),
    "nested": (header(text("k") + struct.pack("<IIQ", 9, 9, 1)), "unknown type 9"),
    "type": (header(text("k") + struct.pack("<I", 99)), "unknown type 99"),
    "dimensions": (header(tensors=1) + text("t") + struct.pack("<I", 2**31), "dimensions"),
    "cut tensor": (header(TENSOR, tensors=1, keys=0) + bytes(8), "past its end"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_header_is_an_error(tmp_path: Path, case: str) -> None:
    """Every count and length that the file cannot hold is refused with its reason."""
    content, reason = HOSTILE[case]
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=reason):
        read_header(path)


def test_kept_text_is_bounded_in_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many texts that are each allowed are refused together."""
    monkeypatch.setattr(gguf_check, "MAX_KEPT", 1000)
    path = tmp_path / "m.gguf"
    path.write_bytes(header(*(string_pair(f"k{n}", "x" * 300) for n in range(4))))
    with pytest.raises(ModelError, match="more than 1000 bytes of text"):
        read_header(path)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    """A path without a file is told apart from a broken file."""
    with pytest.raises(ModelError, match="cannot be read"):
        read_header(tmp_path / "none.gguf")


WHOLE = header(NAME, WORDS, NUMBERS, FILE_TYPE, TENSOR, tensors=1, keys=4) + bytes(64)


@given(
    cut=st.integers(0, len(WHOLE)),
    flips=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6),
)
def test_damage_gives_a_header_or_a_model_error(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flips: list[tuple[int, int]]
) -> None:
    """Whatever bytes are changed or cut off, nothing but ModelError is ever raised."""
    content = bytearray(WHOLE)
    for place, byte in flips:
        content[place] = byte
    path = tmp_path_factory.mktemp("gguf") / "m.gguf"
    path.write_bytes(content[:cut])
    with contextlib.suppress(ModelError):
        assert read_header(path).version in {2, 3}


def test_quantisation_names_are_llama_cpps() -> None:
    """The file types are numbered as in the library that writes them."""
    llama_cpp = pytest.importorskip("llama_cpp")
    for number, name in gguf_check._QUANTISATIONS.items():
        prefix = "ALL_" if name == "F32" else "MOSTLY_"
        assert getattr(llama_cpp, f"LLAMA_FTYPE_{prefix}{name}") == number
