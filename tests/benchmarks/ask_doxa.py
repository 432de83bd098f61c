"""The contender doxa: its llama.cpp backend in default precision, weights loaded before."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import sample
from contender import serve

from probes.backends.llama_cpp import LlamaCpp
from probes.backends.llama_native import Model
from probes.backends.precision import at_precision
from probes.catalogue import find, location
from probes.cell import Sampling
from probes.label_tokens import label_tokens

entry = find(sys.argv[1])
backend = LlamaCpp(entry)


def about() -> dict[str, Any]:
    """The file as it came and as it was loaded, and how it is asked."""
    described = backend.description
    native = location(entry)
    assert native is not None
    precision, threads = described.details["precision"], described.details["threads"]
    loaded = at_precision(native, described.weights, precision, threads)  # type: ignore[arg-type]
    return {"native": str(native), "loaded": str(loaded), **described.details}


def workload(kind: str, count: int, path: str) -> int:
    """Write what every contender is asked: prompts, their tokens and the ways to say a label."""
    native = location(entry)
    assert native is not None
    vocabulary = Model(native, entry.id, vocabulary_only=True)
    asked = []
    for cell in _cells(kind, count):
        shown = backend.shown(cell)
        labels = [(option.label, *option.also) for option in cell.options]
        ways = label_tokens(shown.text, labels, vocabulary.tokenise).ways if labels else ()
        asked.append(
            {
                "id": cell.id,
                "prompt": shown.text,
                "tokens": shown.tokens,
                "labels": [option.label for option in cell.options],
                "ways": ways,
                "stop": f"\n{cell.base_frame[0]}" if backend.description.base else None,
            }
        )
    vocabulary.close()
    Path(path).write_text(json.dumps(asked), "utf-8")
    return len(asked)


def score(count: int) -> dict[str, Any]:
    """Score the cells; each answer is the log-probability of every option."""
    cells = _cells("scored", count)
    started = perf_counter()
    answers = {response.cell: response.logprobs for response in backend.score(cells)}
    seconds = perf_counter() - started
    return {"seconds": seconds, "answers": answers}


def generate(count: int) -> dict[str, Any]:
    """Answer the open cells greedily."""
    cells = _cells("open", count)
    sampling = Sampling(max_tokens=sample.OPEN_TOKENS, temperature=0.0)
    started = perf_counter()
    responses = list(backend.generate(cells, sampling))
    seconds = perf_counter() - started
    return {
        "seconds": seconds,
        "tokens": sum(response.tokens_out for response in responses),
        "cut": sum(response.ending == "loop" for response in responses),
        "texts": {response.cell: response.text for response in responses},
    }


def _cells(kind: str, count: int) -> list[sample.Cell]:
    return sample.scored_cells(count) if kind == "scored" else sample.open_cells(count)


serve({"about": about, "workload": workload, "score": score, "generate": generate})
