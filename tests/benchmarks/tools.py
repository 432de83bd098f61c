"""llama.cpp's own benchmark programs, asked about a file that doxa loaded."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import peers

MICRO_BATCH = 512


def prompt_rate(about: dict[str, Any]) -> float:
    """Tokens a second of llama-bench on a prompt of a whole micro-batch."""
    settings = ["-p", MICRO_BATCH, "-ub", MICRO_BATCH, "-n", 0, "-r", 3, "-o", "json"]
    (found,) = json.loads(_output("llama-bench", about, settings))
    return float(found["avg_ts"])


def writing_rate(about: dict[str, Any], *, sequences: int, prompt: int, answer: int) -> Any:
    """What llama-batched-bench measures for so many sequences: its last line, as a dictionary.

    ``t_pp``, ``t_tg`` and ``t`` are the seconds for prompts, answers and both.
    """
    room = sequences * (prompt + answer)
    shape = ["-npp", prompt, "-ntg", answer, "-npl", sequences, "-c", room]
    batch = ["-b", 2048, "-ub", MICRO_BATCH, "--output-format", "jsonl"]
    lines = _output("llama-batched-bench", about, [*shape, *batch]).splitlines()
    return json.loads(next(line for line in reversed(lines) if line.startswith("{")))


def _output(name: str, about: dict[str, Any], settings: list[object]) -> str:
    words = [peers.tool(name), "-m", about["loaded"], "-t", about["threads"], *settings]
    done = subprocess.run([*map(str, words)], check=True, capture_output=True, text=True)
    return done.stdout
