"""The contender that a user would write for text: a loop over ``Llama.create_chat_completion``.

Prompts come with their template applied, so that all contenders see the same tokens.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import as_is
from contender import serve
from llama_cpp import Llama

model = Llama(
    sys.argv[1],
    n_ctx=1024,
    n_threads=int(sys.argv[2]),
    n_threads_batch=int(sys.argv[2]),
    chat_format=as_is.NAME,
    verbose=False,
)


def generate(workload: str, tokens: int) -> dict[str, Any]:
    """Answer the cells one after another, greedily."""
    cells = json.loads(Path(workload).read_text("utf-8"))
    texts: dict[str, str] = {}
    written = read = 0
    started = perf_counter()
    for cell in cells:
        answer = model.create_chat_completion(
            [{"role": "user", "content": cell["prompt"]}],
            max_tokens=tokens,
            temperature=0.0,
            stop=cell["stop"],
        )
        texts[cell["id"]] = answer["choices"][0]["message"]["content"]
        written += answer["usage"]["completion_tokens"]
        read += answer["usage"]["prompt_tokens"]
    seconds = perf_counter() - started
    return {"seconds": seconds, "tokens": written, "read": read, "texts": texts}


serve({"generate": generate})
