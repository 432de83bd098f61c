"""The contender inspect-ai: a client of a server that speaks OpenAI's language.

ask_inspect.py URL
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from contender import serve
from inspect_ai import Task, eval  # noqa: A004 - so it is called
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.solver import generate

SEEN = 20  # most likely tokens that a server tells


def score(workload: str, logs: str) -> dict[str, Any]:
    """Ask for one token and what else it might have been."""
    cells = json.loads(Path(workload).read_text("utf-8"))
    samples = [Sample(input=cell["prompt"], id=cell["id"]) for cell in cells]
    config = GenerateConfig(
        max_tokens=1, temperature=0.0, logprobs=True, top_logprobs=SEEN, max_connections=1
    )
    task = Task(dataset=MemoryDataset(samples), solver=generate(), config=config, name="agree")
    started = perf_counter()
    (log,) = eval(
        task,
        model="llama-cpp-python/local",
        model_base_url=sys.argv[1],
        log_dir=logs,
        display="none",
    )
    seconds = perf_counter() - started
    if log.status != "success" or not log.samples:
        raise RuntimeError(f"inspect-ai ended with {log.status}: {log.error}")
    found = {str(sample.id): sample.output for sample in log.samples}
    return {
        "seconds": seconds,
        "answers": {cell["id"]: _labels(cell["labels"], found[cell["id"]]) for cell in cells},
        "same_tokens": sum(
            found[cell["id"]].usage.input_tokens == len(cell["tokens"]) for cell in cells
        ),
    }


def _labels(labels: list[str], output: Any) -> list[float]:
    logprobs = output.choices[0].logprobs
    likely = logprobs.content[0].top_logprobs if logprobs and logprobs.content else []
    return [
        math.log(sum(math.exp(t.logprob) for t in likely if t.token.strip() == label) or 1e-30)
        for label in labels
    ]


serve({"score": score})
