"""Open cells: doxa's engine against the ways in which text is generated elsewhere."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import answers
import peers
from contender import Contender
from sample import OPEN_TOKENS
from servers import complete, server
from setting import Setting, Work, folder, work
from table import Line, ratios, spread
from tools import writing_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLOTS = 16


def against_chat_loop(setting: Setting) -> Iterator[Line]:
    """A loop over `Llama.create_chat_completion` on the same file."""
    for model in setting.models:
        with folder() as place, _opened(model, setting, place) as opened:
            where = (opened.about["loaded"], opened.about["threads"])
            with Contender(sys.executable, "ask_chat.py", *where) as loop:
                how = {"workload": str(opened.path), "tokens": OPEN_TOKENS}
                ask = partial(loop.ask, "generate", **how)
                yield from _compared(
                    "chat-loop",
                    model,
                    "create_chat_completion, same file",
                    opened,
                    setting,
                    ask,
                    4.0,
                )


def against_llama_server(setting: Setting) -> Iterator[Line]:
    """A llama-server with 16 slots, asked by 16 clients, started anew for every run."""
    for model in setting.models:
        with folder() as place, _opened(model, setting, place) as opened:
            yield from _compared(
                "llama-server",
                model,
                f"llama-server, {SLOTS} slots, same file",
                opened,
                setting,
                partial(_ask_llama_server, opened),
                1.0,
            )


def _ask_llama_server(opened: Work) -> dict[str, Any]:
    room = SLOTS * -(-(max(map(len, opened.prompts)) + OPEN_TOKENS) // 256) * 256
    file, threads = opened.about["loaded"], opened.about["threads"]
    words = [peers.tool("llama-server"), "-m", file, "-t", threads, "-np", SLOTS, "-c", room]
    with server(words, "/health") as address:
        return complete(address, opened.cells, clients=SLOTS, tokens=OPEN_TOKENS)


def against_batched_bench(setting: Setting) -> Iterator[Line]:
    """Generated tokens a second against llama-batched-bench, prompts and answers as long."""
    for model in setting.models:
        with folder() as place, _opened(model, setting, place) as opened:
            prompt = round(median(map(len, opened.prompts)))
            sequences = opened.about["answers_at_once"]
            ours, theirs, decoding = [], [], []
            for _ in range(setting.runs):
                found = opened.doxa.ask("generate", count=setting.open_cells)
                ours.append(found["tokens"] / found["seconds"])
                answer = max(1, round(found["tokens"] / len(opened.cells)))
                peer = writing_rate(opened.about, sequences=sequences, prompt=prompt, answer=answer)
                theirs.append(sequences * answer / peer["t"])
                decoding.append(sequences * answer / peer["t_tg"])
        yield Line(
            "writing-rate",
            model,
            f"generated tokens a second, prompts included; llama-batched-bench, {sequences} "
            f"sequences of {prompt} + {answer} tokens (without prompts: "
            f"{spread(decoding, 'tok/s', 0)})",
            spread(ours, "tok/s", 0),
            spread(theirs, "tok/s", 0),
            median(own / other for own, other in zip(ours, theirs, strict=True)),
            0.85,
        )


def _opened(model: str, setting: Setting, place: str) -> Work:
    return work(model, "open", setting.open_cells, Path(place))


def _compared(
    row: str,
    model: str,
    peer: str,
    opened: Work,
    setting: Setting,
    ask: Callable[[], dict[str, Any]],
    target: float,
) -> Iterator[Line]:
    """Ask both in turn; a line for the tokens a second and one for the wall time."""
    mine, other = [], []
    for _ in range(setting.runs):
        mine.append(opened.doxa.ask("generate", count=setting.open_cells))
        other.append(ask())
    alike = answers.opened(mine[0]["texts"], other[0]["texts"])
    rates, their_rates = _rates(mine), _rates(other)
    yield Line(
        row,
        model,
        f"{len(opened.cells)} answers of at most {OPEN_TOKENS} tokens, generated tokens a second; "
        f"{peer}",
        spread(rates, "tok/s", 0),
        spread(their_rates, "tok/s", 0),
        median(own / theirs for own, theirs in zip(rates, their_rates, strict=True)),
        target,
        alike,
    )
    ours, theirs = ([found["seconds"] for found in part] for part in (mine, other))
    yield Line(
        row,
        model,
        f"the same, wall time; {mine[0]['tokens']:,} and {other[0]['tokens']:,} tokens, "
        f"{mine[0]['cut']} loops cut",
        spread(ours, "s"),
        spread(theirs, "s"),
        median(ratios(ours, theirs)),
        target,
        alike,
    )


def _rates(found: list[dict[str, Any]]) -> list[float]:
    return [one["tokens"] / one["seconds"] for one in found]
