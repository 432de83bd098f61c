"""All benchmarks, each against its peer in the same run: `make bench`.

python tests/benchmarks/bench.py --rows loop,help --runs 3 --write BENCHMARKS.md

Rows are measured one after another on an otherwise idle machine; a second busy program makes
llama.cpp several times slower. The table goes to standard output as each row is done.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import peers
import psutil
from rows_open import against_batched_bench, against_chat_loop, against_llama_server
from rows_scored import (
    against_inspect,
    against_lm_eval,
    against_loop,
    against_prompt_rate,
    lm_eval_gguf,
)
from rows_whole import against_lm_eval_wall, help_time, overhead, peak_memory
from sample import MODELS
from setting import Row, Setting, machine, own_versions
from table import HEADER, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ROWS: dict[str, tuple[Row, tuple[str, ...]]] = {
    "loop": (against_loop, ()),
    "lm-eval": (against_lm_eval, ("lm_eval", "transformers", "torch")),
    "lm-eval-gguf": (lm_eval_gguf, ("lm_eval",)),
    "wall": (against_lm_eval_wall, ("lm_eval", "transformers", "torch")),
    "inspect": (against_inspect, ("inspect_ai",)),
    "chat-loop": (against_chat_loop, ()),
    "llama-server": (against_llama_server, ()),
    "prompt-rate": (against_prompt_rate, ()),
    "writing-rate": (against_batched_bench, ()),
    "memory": (peak_memory, ()),
    "overhead": (overhead, ()),
    "help": (help_time, ()),
}


def main() -> None:
    """Measure the rows that are wanted, print them, and put them into a file if so asked."""
    wanted = _arguments()
    setting = Setting(wanted.runs, wanted.cells, wanted.open_cells, tuple(wanted.models))
    _say(HEADER)
    for name in wanted.rows:
        row, names = ROWS[name]
        lines = []
        before = _spent()
        for line in row(setting):
            _say(str(line))
            lines.append(line)
        everyone, own = (after - earlier for after, earlier in zip(_spent(), before, strict=True))
        others = max(0.0, everyone - own) / everyone
        about = {
            name: f"{_circumstances(setting, names)} Other programs: {others:.0%} of the work."
        }
        _say(f"\n- `{name}`: {about[name]}\n")
        if wanted.write:  # after every row: a later one that fails takes nothing away
            text = wanted.write.read_text("utf-8")
            wanted.write.write_text(replaced(text, lines, about, list(ROWS)), "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=_among(ROWS), default=list(ROWS), metavar="NAME,…")
    parser.add_argument("--models", type=_among(MODELS), default=list(MODELS), metavar="ID,…")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts")
    parser.add_argument("--cells", type=int, default=96, help="scored a model, in steps of 32")
    parser.add_argument("--open-cells", type=int, default=64, help="open questions a model")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="whose table is brought up to date"
    )
    return parser.parse_args()


def _spent() -> tuple[float, float]:
    """Seconds of computing by all programs, and by this one with those that it started."""
    now, mine = psutil.cpu_times(), os.times()
    return now.user + now.nice + now.system, sum(mine[:4])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _among(names: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose of {', '.join(names)}")
        return chosen

    return parse


def _circumstances(setting: Setting, names: tuple[str, ...]) -> str:
    installed = peers.versions() if names else {}
    versions = own_versions() | {name: installed[name] for name in names}
    told = ", ".join(f"{name} {text}" for name, text in versions.items())
    day = datetime.now(UTC).date()
    return f"{machine()}; {told}; median of {setting.runs} runs (smallest–largest); {day}."


if __name__ == "__main__":
    main()
