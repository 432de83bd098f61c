"""The contender that a user would write: llama-cpp-python's low-level API in a loop.

One full prefill a cell, all of the prompt in one batch, logits of the last row only, and the
library's own settings for all else (flash attention among them).
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import llama_cpp
import numpy as np
from contender import serve

MOST = 1024  # tokens of a prompt


@llama_cpp.llama_log_callback
def quiet(_level: int, _text: bytes, _data: object) -> None:
    """Say nothing."""


llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
llama_cpp.llama_backend_init()
model = llama_cpp.llama_model_load_from_file(
    sys.argv[1].encode(), llama_cpp.llama_model_default_params()
)
settings = llama_cpp.llama_context_default_params()
settings.n_ctx = settings.n_batch = MOST
settings.n_threads = settings.n_threads_batch = int(sys.argv[2])
context = llama_cpp.llama_init_from_model(model, settings)
memory = llama_cpp.llama_get_memory(context)
words = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
batch = llama_cpp.llama_batch_init(MOST, 0, 1)


def score(workload: str) -> dict[str, Any]:
    """Score the cells; labels of several tokens are left out, which saves this loop a decode."""
    cells = json.loads(Path(workload).read_text("utf-8"))
    started = perf_counter()
    answers = {cell["id"]: _score(cell["tokens"], cell["ways"]) for cell in cells}
    return {"seconds": perf_counter() - started, "answers": answers}


def _score(tokens: list[int], ways: list[list[list[int]]]) -> list[float]:
    llama_cpp.llama_memory_clear(memory, False)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i] = token
        batch.pos[i] = i
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = 0
        batch.logits[i] = i == len(tokens) - 1
    if llama_cpp.llama_decode(context, batch) != 0:
        raise RuntimeError("llama.cpp failed.")
    pointer = llama_cpp.llama_get_logits_ith(context, len(tokens) - 1)
    row = np.ctypeslib.as_array(pointer, shape=(words,))
    top = row.max()
    total = top + math.log(np.exp(row - top).sum())
    return [
        float(np.logaddexp.reduce([row[way[0]] - total for way in option if len(way) == 1]))
        for option in ways
    ]


serve({"score": score})
