"""llama.cpp's low-level interface, as far as doxa uses it: load, tokenise, decode, read.

Nothing here knows of cells. Logits are read in place, as numpy rows over llama.cpp's own buffer.
"""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

# Read when the library is loaded. Threads that wait by spinning for long are several times slower
# as soon as another program uses one of their cores; those that never spin lose a quarter of the
# speed when none does.
os.environ.setdefault("GOMP_SPINCOUNT", "30000")

import llama_cpp as native

from probes.backends.free_cores import FreeCores
from prompts.errors import BackendError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Precision = Literal["native", "bf16", "f32"]

MICRO_BATCH = 512
_PIECE = 512
TRIES, TRIED_TOKENS = 4, 48

_log: list[str] = []


@native.llama_log_callback  # type: ignore[untyped-decorator]
def _keep_log(level: int, text: bytes, _data: object) -> None:
    if level >= 3:  # warnings and errors; ggml's levels rise from debug
        _log.append(text.decode("utf-8", "replace").strip())
        del _log[:-20]


native.llama_log_set(_keep_log, ctypes.c_void_p(0))
native.llama_backend_init()


@dataclass(frozen=True)
class Item:
    """One token of a batch: what it is, where it stands, in which sequence, and if it is read."""

    token: int
    position: int
    sequence: int
    read: bool


class Model:
    """A loaded GGUF file and its vocabulary."""

    def __init__(self, path: Path, name: str, *, vocabulary_only: bool = False) -> None:
        """Load the file.

        Args:
            path: of the file.
            name: of the model, for errors.
            vocabulary_only: leave the weights out; the model can tokenise and not be asked.

        Raises:
            ModelError: llama.cpp cannot load it.
        """
        parameters = native.llama_model_default_params()
        parameters.n_gpu_layers = -1 if native.llama_supports_gpu_offload() else 0
        parameters.vocab_only = vocabulary_only
        parameters.use_extra_bufts = not has_amx()
        self.name = name
        del _log[:]
        self.handle = native.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.handle:
            why = next((line for line in reversed(_log) if line), "no reason given")
            raise ModelError(
                f"llama.cpp cannot load {path} ({why}).",
                "Check the file with `doxa models check`, or pull it again.",
            )
        self.vocab = native.llama_model_get_vocab(self.handle)
        self.words = native.llama_vocab_n_tokens(self.vocab)
        self.trained_context = native.llama_model_n_ctx_train(self.handle)
        self.parameters = native.llama_model_n_params(self.handle)
        self.shares_prefixes = not (
            native.llama_model_is_recurrent(self.handle)
            or native.llama_model_is_hybrid(self.handle)
        )

    def metadata(self, key: str) -> str | None:
        """A value of the file's metadata, as text."""
        size = native.llama_model_meta_val_str(self.handle, key.encode(), None, 0)
        if size < 0:
            return None
        buffer = ctypes.create_string_buffer(size + 1)
        native.llama_model_meta_val_str(self.handle, key.encode(), buffer, size + 1)
        return buffer.value.decode("utf-8", "replace")

    @property
    def file_bytes(self) -> int:
        """Bytes of all weights."""
        return int(native.llama_model_size(self.handle))

    def memory_per_token(self, *, wide: bool) -> int:
        """Bytes that keys and values of one token take in all layers, at most.

        Args:
            wide: they are kept in 32 bits instead of 16.
        """
        heads = native.llama_model_n_head(self.handle)
        usual = native.llama_model_n_embd(self.handle) // max(heads, 1)
        kind = self.metadata("general.architecture")
        sizes = (self.metadata(f"{kind}.attention.{part}_length") for part in ("key", "value"))
        width = sum(int(size) if size else usual for size in sizes)
        layers = native.llama_model_n_layer(self.handle)
        return int(layers * native.llama_model_n_head_kv(self.handle) * width * (4 if wide else 2))

    @property
    def description(self) -> str:
        """Architecture, size and quantisation in llama.cpp's words."""
        buffer = ctypes.create_string_buffer(256)
        native.llama_model_desc(self.handle, buffer, 256)
        return buffer.value.decode("utf-8", "replace")

    @property
    def bos(self) -> int:
        """The token that begins a text; -1 if the vocabulary has none."""
        return int(native.llama_vocab_bos(self.vocab))

    @property
    def eos(self) -> int:
        """The token that ends a text; -1 if the vocabulary has none."""
        return int(native.llama_vocab_eos(self.vocab))

    @property
    def adds_bos(self) -> bool:
        """Whether the vocabulary wants texts to begin with BOS."""
        return bool(native.llama_vocab_get_add_bos(self.vocab))

    def tokenise(self, text: str) -> list[int]:
        """Tokens of a text; special tokens written in it are parsed, none are added."""
        raw = text.encode("utf-8")
        room = len(raw) + 8
        buffer = (native.llama_token * room)()
        count = native.llama_tokenize(self.vocab, raw, len(raw), buffer, room, False, True)
        if count < 0:
            raise BackendError(
                f"{self.name} cannot tokenise a text of {len(raw):,} bytes.", "Shorten the item."
            )
        return list(buffer[:count])

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of a token; special tokens are empty unless they are asked for."""
        buffer = ctypes.create_string_buffer(_PIECE)
        count = native.llama_token_to_piece(self.vocab, token, buffer, _PIECE, 0, special)
        return buffer.raw[: max(count, 0)]

    def special(self, token: int) -> str:
        """How a special token is written; empty for -1, which is none."""
        return self.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        return b"".join(map(self.piece, tokens)).decode("utf-8", "replace")

    def ends(self, token: int) -> bool:
        """Whether the token ends a turn or a text."""
        return bool(native.llama_vocab_is_eog(self.vocab, token))

    def close(self) -> None:
        """Free the weights."""
        if self.handle:
            native.llama_model_free(self.handle)
            self.handle = None


class Context:
    """A model's memory of sequences (the KV memory) and what was decoded last."""

    def __init__(
        self,
        model: Model,
        *,
        tokens: int,
        streams: int,
        cores: FreeCores,
        wide: bool,
    ) -> None:
        """Make room for some tokens, in all sequences together.

        Flash attention is off and the micro-batch fixed: both change the numbers.

        Args:
            model: whose memory it is.
            tokens: of all sequences.
            streams: that share the memory out in equal parts, a sequence in each.
            cores: say how many threads to compute with.
            wide: keep keys and values in 32 bits instead of 16.

        Raises:
            BackendError: there is not enough memory.
        """
        parameters = native.llama_context_default_params()
        parameters.n_ctx = tokens
        parameters.n_batch = MICRO_BATCH
        parameters.n_ubatch = MICRO_BATCH
        parameters.n_seq_max = streams
        parameters.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.kv_unified = False
        parameters.swa_full = True
        parameters.no_perf = True
        if wide:
            parameters.type_k = parameters.type_v = native.GGML_TYPE_F32
        self.model = model
        self.handle = native.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise BackendError(
                f"There is not enough memory for {model.name} with {tokens:,} tokens of context.",
                "Close other programs, or choose a smaller model.",
            )
        self.room = native.llama_n_ctx_seq(self.handle)
        self.streams = streams
        self._cores = cores
        self.memory = native.llama_get_memory(self.handle)
        self._batch = native.llama_batch_init(MICRO_BATCH, 0, 1)

    def decode(self, items: Sequence[Item]) -> None:
        """Decode up to a micro-batch of tokens.

        Raises:
            BackendError: there is no room in the KV memory, or llama.cpp failed.
        """
        assert 0 < len(items) <= MICRO_BATCH
        batch = self._batch
        batch.n_tokens = len(items)
        for i, item in enumerate(items):
            batch.token[i] = item.token
            batch.pos[i] = item.position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = item.sequence
            batch.logits[i] = item.read
        threads = self._cores.threads()
        native.llama_set_n_threads(self.handle, threads, threads)
        status = native.llama_decode(self.handle, batch)
        if status != 0:
            why = "no room in its KV memory" if status == 1 else f"llama.cpp's status {status}"
            raise BackendError(
                f"{self.model.name} could not be asked ({why}).",
                "Shorten the items, or ask fewer at once.",
            )

    def extend(self, tokens: Sequence[int], start: int, sequence: int, *, read_last: bool) -> int:
        """Decode tokens one after another into a sequence, in micro-batches from its start.

        Returns:
            The index of the last token in the last batch, whose logits were read if so asked.
        """
        last = 0
        for begin in range(0, len(tokens), MICRO_BATCH):
            chunk = tokens[begin : begin + MICRO_BATCH]
            final = begin + len(chunk) == len(tokens)
            last = len(chunk) - 1
            self.decode(
                [
                    Item(token, start + begin + i, sequence, read_last and final and i == last)
                    for i, token in enumerate(chunk)
                ]
            )
        return last

    def logits(self, index: int) -> NDArray[np.float32]:
        """The logits of a token of the last batch, as a view: shape (vocabulary,)."""
        pointer = native.llama_get_logits_ith(self.handle, index)
        return np.ctypeslib.as_array(pointer, shape=(self.model.words,))

    def clear(self) -> None:
        """Forget all sequences."""
        native.llama_memory_clear(self.memory, False)

    def forget(self, sequence: int, start: int = 0) -> None:
        """Forget a sequence from a position on."""
        native.llama_memory_seq_rm(self.memory, sequence, start, -1)

    def share(self, source: int, target: int) -> None:
        """Let an empty sequence begin with all that another holds."""
        native.llama_memory_seq_cp(self.memory, source, target, -1, -1)

    def close(self) -> None:
        """Free the memory."""
        if self.handle:
            native.llama_batch_free(self._batch)
            native.llama_free(self.handle)
            self.handle = None


def system_information() -> str:
    """What llama.cpp was built for and finds in this processor."""
    return str(native.llama_print_system_info().decode("utf-8", "replace"))


def has_fast_bf16() -> bool:
    """Whether this processor multiplies BF16 numbers natively, as llama.cpp was built to see."""
    return "AVX512_BF16 = 1" in system_information()


def has_amx() -> bool:
    """Whether llama.cpp was built to use this processor's tile registers for quantised weights.

    Where GCC drops the set-up of the tiles as unused, that ends the process with an illegal
    instruction (ggml-org/llama.cpp#26954), and which compiler built it can't be asked.
    """
    return "AMX_INT8 = 1" in system_information()


def has_gpu() -> bool:
    """Whether llama.cpp was built to put layers on a GPU."""
    return bool(native.llama_supports_gpu_offload())


def prompt_speed(path: Path, threads: int) -> float:
    """Tokens a second of a file on short prompts, the best of a few tries.

    Raises:
        ModelError: llama.cpp cannot load the file.
        BackendError: there is not enough memory.
    """
    model = Model(path, path.name)
    context = Context(model, tokens=MICRO_BATCH, streams=1, cores=FreeCores(threads), wide=False)
    best = 0.0
    for _ in range(TRIES):
        context.clear()
        started = time.perf_counter()
        context.extend(range(TRIED_TOKENS), 0, 0, read_last=True)
        context.logits(TRIED_TOKENS - 1)
        best = max(best, TRIED_TOKENS / (time.perf_counter() - started))
    context.close()
    model.close()
    return best


def widen(source: Path, target: Path, *, to: Precision, threads: int) -> None:
    """Write a copy of a GGUF file with all its weights in BF16 or F32.

    Raises:
        BackendError: llama.cpp cannot do it, or the disk is full.
    """
    parameters = native.llama_model_quantize_default_params()
    parameters.nthread = threads
    parameters.ftype = (
        native.LLAMA_FTYPE_MOSTLY_BF16 if to == "bf16" else native.LLAMA_FTYPE_ALL_F32
    )
    parameters.allow_requantize = True
    status = native.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(parameters)
    )
    if status != 0:
        why = next((line for line in reversed(_log) if line), f"status {status}")
        raise BackendError(
            f"{source} could not be widened to {to} ({why}).",
            "Ask with --precision native, or make room on the disk.",
        )
