"""The contender lm-evaluation-harness, through its Python interface, model loaded before.

ask_lm_eval.py hf FOLDER FILE TASKS, or ask_lm_eval.py gguf URL TASKS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from contender import serve
from lm_eval import simple_evaluate
from lm_eval.models.gguf import GGUFLM
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

kind, *where, tasks = sys.argv[1:]
model = (
    HFLM(where[0], gguf_file=where[1], dtype="float32", batch_size=8, device="cpu")
    if kind == "hf"
    else GGUFLM(where[0])
)
manager = TaskManager(include_path=tasks)


def score(task: str, limit: int | None = None) -> dict[str, Any]:
    """Score the cells of a task; the time is that of the requests alone."""
    spent = 0.0
    unwrapped = model.loglikelihood

    def timed(requests: Any, **options: Any) -> Any:
        nonlocal spent
        started = perf_counter()
        found = unwrapped(requests, **options)
        spent += perf_counter() - started
        return found

    model.loglikelihood = timed
    try:
        found = simple_evaluate(
            model, tasks=[task], task_manager=manager, limit=limit, bootstrap_iters=0
        )
    finally:
        model.loglikelihood = unwrapped
    answers = {
        sample["doc"]["id"]: [logprob for logprob, _ in sample["filtered_resps"]]
        for sample in found["samples"][task]
    }
    return {"seconds": spent, "answers": answers}


def same_tokens(workload: str) -> int:
    """In how many cells the model sees the very tokens that doxa shows it."""
    count = 0
    for cell in json.loads(Path(workload).read_text("utf-8")):
        context, continuation = model._encode_pair(cell["prompt"], cell["labels"][0])
        count += [*context, *continuation[:-1]] == cell["tokens"]
    return count


serve({"score": score, "same_tokens": same_tokens})
