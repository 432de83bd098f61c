"""Scored cells: doxa's engine against the ways in which they are asked elsewhere."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from typing import TYPE_CHECKING, Any

import answers
import peers
from contender import Contender
from sample import distinct_tokens
from servers import server
from setting import Setting, Work, folder, work
from table import Line, ratios, spread
from tools import prompt_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLE_OF_GGUF = 2  # cells: it takes most of a minute for each
TASK = "doxa_agree"


def against_loop(setting: Setting) -> Iterator[Line]:
    """A loop over the low-level API, one full prefill a cell, on the same file and as it came."""
    for model in setting.models:
        with folder() as place, _opened(model, setting, place) as opened:
            for file, target in (("loaded", 2.5), ("native", 4.0)):
                path, threads = opened.about[file], opened.about["threads"]
                with Contender(sys.executable, "ask_loop.py", path, threads) as loop:
                    yield _compared(
                        "loop",
                        model,
                        f"a loop, {'same' if file == 'loaded' else 'native'} file",
                        opened,
                        setting,
                        partial(loop.ask, "score", workload=str(opened.path)),
                        target,
                    )


def against_lm_eval(setting: Setting) -> Iterator[Line]:
    """lm-evaluation-harness, `hf` with `gguf_file`, float32, batch 8, `multiple_choice`."""
    lines = []
    for model in setting.models:
        with folder() as place, _opened(model, setting, place) as opened:
            native = Path(opened.about["native"])
            write_task(opened, Path(place))
            where = ("hf", native.parent, native.name, place)
            with Contender(peers.python(), "ask_lm_eval.py", *where) as peer:
                same = peer.ask("same_tokens", workload=str(opened.path))
                lines.append(
                    _compared(
                        "lm-eval",
                        model,
                        f"lm-eval hf, {same} of {len(opened.cells)} prompts of the same tokens",
                        opened,
                        setting,
                        partial(peer.ask, "score", task=TASK),
                        3.5,
                    )
                )
        yield lines[-1]
    if len(lines) > 1:
        mean = geometric_mean(line.ratio for line in lines)
        yield Line("lm-eval", "geometric mean", "scoring time", "", "", mean, 5.0)


def lm_eval_gguf(setting: Setting) -> Iterator[Line]:
    """lm-evaluation-harness's own `gguf` model through llama_cpp.server, for the record."""
    for model in setting.models:
        with folder() as place, _opened(model, setting, place) as opened:
            write_task(opened, Path(place))
            with (
                server(_llama_cpp_server(opened), "/v1/models") as address,
                Contender(peers.python(), "ask_lm_eval.py", "gguf", address, place) as peer,
            ):
                found = peer.ask("score", task=TASK, limit=SAMPLE_OF_GGUF)
            ours = opened.doxa.ask("score", count=setting.cells)
        each = found["seconds"] / SAMPLE_OF_GGUF
        own = ours["seconds"] / len(opened.cells)
        zeros = all(value == 0 for answer in found["answers"].values() for value in answer)
        told = "all its log-probabilities are 0" if zeros else ""
        agreement = answers.scored(ours["answers"], found["answers"])
        yield Line(
            "lm-eval-gguf",
            model,
            f"seconds a cell, lm-eval gguf on {SAMPLE_OF_GGUF} cells, once",
            f"{own:.3f} s",
            f"{each:.1f} s",
            each / own,
            None,
            told or str(agreement),
        )


def against_inspect(setting: Setting) -> Iterator[Line]:
    """inspect-ai through llama_cpp.server: the 20 likeliest tokens, one connection."""
    for model in setting.models:
        with (
            folder() as place,
            _opened(model, setting, place) as opened,
            server(_llama_cpp_server(opened), "/v1/models") as address,
            Contender(peers.python(), "ask_inspect.py", f"{address}/v1") as peer,
        ):
            yield _compared(
                "inspect",
                model,
                "inspect-ai and llama_cpp.server, same file",
                opened,
                setting,
                partial(peer.ask, "score", workload=str(opened.path), logs=place),
                8.0,
            )


def against_prompt_rate(setting: Setting) -> Iterator[Line]:
    """Unique tokens a second against llama-bench's prompt rate, same file and micro-batch."""
    for model in setting.models:
        with folder() as place, _opened(model, setting, place) as opened:
            unique = distinct_tokens(opened.prompts)
            ours, theirs = [], []
            for _ in range(setting.runs):
                ours.append(unique / opened.doxa.ask("score", count=setting.cells)["seconds"])
                theirs.append(prompt_rate(opened.about))
        all_tokens = sum(map(len, opened.prompts))
        yield Line(
            "prompt-rate",
            model,
            f"{unique:,} unique of {all_tokens:,} tokens a second, llama-bench pp512",
            spread(ours, "tok/s", 0),
            spread(theirs, "tok/s", 0),
            median(own / other for own, other in zip(ours, theirs, strict=True)),
            0.9,
        )


def write_task(opened: Work, place: Path) -> None:
    """Write the workload as a task of lm-evaluation-harness."""
    items = [
        {"id": cell["id"], "prompt": cell["prompt"], "choices": cell["labels"], "target": 0}
        for cell in opened.cells
    ]
    data = place / "items.jsonl"
    data.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    task = {
        "task": TASK,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "output_type": "multiple_choice",
        "test_split": "test",
        "doc_to_text": "prompt",
        "doc_to_choice": "choices",
        "doc_to_target": "target",
        "target_delimiter": "",
        "metric_list": [{"metric": "acc"}],
    }
    (place / f"{TASK}.yaml").write_text(json.dumps(task), "utf-8")  # JSON is YAML


def _opened(model: str, setting: Setting, place: str) -> Any:
    return work(model, "scored", setting.cells, Path(place))


def _compared(
    row: str,
    model: str,
    peer: str,
    opened: Work,
    setting: Setting,
    ask: Callable[[], dict[str, Any]],
    target: float,
) -> Line:
    """Ask both in turn, after one round that is not timed but whose answers are compared."""
    agreement = answers.scored(
        opened.doxa.ask("score", count=setting.cells)["answers"], ask()["answers"]
    )
    ours, theirs = [], []
    for _ in range(setting.runs if agreement.enough else 1):
        ours.append(opened.doxa.ask("score", count=setting.cells)["seconds"])
        theirs.append(ask()["seconds"])
    return Line(
        row,
        model,
        f"{len(opened.cells)} cells, scoring time; {peer}",
        spread(ours, "s"),
        spread(theirs, "s"),
        median(ratios(ours, theirs)) if agreement.enough else float("nan"),
        target,
        str(agreement),
    )


def _llama_cpp_server(opened: Work) -> list[object]:
    settings = {
        "--model": opened.about["loaded"],
        "--n_ctx": 1024,
        "--n_threads": opened.about["threads"],
        "--n_threads_batch": opened.about["threads"],
        "--logits_all": True,
        "--chat_format": "as-is",
    }
    script = Path(__file__).parent / "serve_llama_cpp.py"
    return [peers.python(), script, *(word for pair in settings.items() for word in pair)]
