"""How much memory a model may take: nothing here is allowed to make the machine swap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from prompts.errors import BackendError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from probes.backends.llama_native import Model

MOST = 512 * 2**20  # bytes for keys and values, however much is free
SHARE = 0.25  # of the free memory, for the same
LEAST_TOKENS = 1024
SPARE = 256 * 2**20
PIECE = 256  # tokens: llama.cpp gives out memory in such pieces


def require_room(path: Path, name: str) -> None:
    """Make sure that a file's weights fit into free memory.

    Raises:
        ModelError: they do not.
    """
    needed, free = path.stat().st_size + SPARE, psutil.virtual_memory().available
    if needed > free:
        raise ModelError(
            f"{name} needs {needed / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free.",
            "Close other programs, or choose a smaller model or quantisation.",
        )


def tokens_that_fit(model: Model, *, wide: bool) -> int:
    """How many tokens' keys and values may be held at once.

    Raises:
        BackendError: not even ``LEAST_TOKENS``.
    """
    bound = min(MOST, int(psutil.virtual_memory().available * SHARE))
    tokens = bound // model.memory_per_token(wide=wide)
    if tokens < LEAST_TOKENS:
        raise BackendError(
            f"There is not enough free memory for the context of {model.name}.",
            "Close other programs, or choose a smaller model.",
        )
    return tokens


def in_pieces(tokens: int) -> int:
    """The memory, in tokens, that llama.cpp gives to so many."""
    return -(-tokens // PIECE) * PIECE
