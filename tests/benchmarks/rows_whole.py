"""Whole commands, as a user gives them: wall time, memory, and what is not the model's work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import answers
import contender
import peers
import psutil
from rows_scored import TASK, write_task
from sample import FRAMES, ROOT, topics_for
from setting import Setting, command, folder, work
from table import Line, ratios, spread

from probes import runfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HELPS = 10
ONE_GIB = 2**30
SLICE = "bench"


def against_lm_eval_wall(setting: Setting) -> Iterator[Line]:
    """From the command to the finished run file, against lm-evaluation-harness likewise."""
    for model in setting.models:
        with folder() as name:
            place = Path(name)
            with work(model, "scored", setting.cells, place) as opened:
                write_task(opened, place)
                native = Path(opened.about["native"])
                count = len(opened.cells)
            battery = _battery(place, setting.cells, ("agree",))
            ours, theirs = [], []
            found: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
            for run in range(setting.runs):
                out = place / f"{run}.sqlite"
                ours.append(_seconds([*_run(battery, model), "--out", out]))
                theirs.append(_seconds(_lm_eval(native, place, place / f"{run}")))
                found = _logprobs(out), _samples(place / f"{run}")
        agreement = answers.scored(*found)
        yield Line(
            "wall",
            model,
            f"{count} cells, from command to finished file; lm-eval hf",
            spread(ours, "s"),
            spread(theirs, "s"),
            median(ratios(ours, theirs)) if agreement.enough else float("nan"),
            8.0,
            str(agreement),
        )


def peak_memory(setting: Setting) -> Iterator[Line]:
    """The most that a fresh `doxa run` holds above its model's file, as it was loaded."""
    for model in setting.models:
        with folder() as name:
            place = Path(name)
            with work(model, "scored", 1, place) as opened:
                file = Path(opened.about["loaded"]).stat().st_size
            battery = _battery(place, setting.cells, ("agree", "open"))
            peaks = [
                _peaks([*_run(battery, model), "--out", place / f"{run}.sqlite"])
                for run in range(setting.runs)
            ]
        above = [(worker - file) / ONE_GIB for _, worker in peaks]
        parent = [own / ONE_GIB for own, _ in peaks]
        yield Line(
            "memory",
            model,
            f"scored and open, peak of the process that holds the model above its file of "
            f"{file / ONE_GIB:.2f} GiB (the command itself: {spread(parent, 'GiB', 2)})",
            spread(above, "GiB", 2),
            "1 GiB",
            1 / max(above),
            1.0,
        )


def overhead(setting: Setting) -> Iterator[Line]:
    """Planning, storing and resuming all scored cells of `core` with a simulated model."""
    wanted, quick = 20_000, 2.0
    rates, resumes = [], []
    count = 0
    for _ in range(setting.runs):
        with folder() as name:
            (Path(name) / "models.toml").write_text(
                '[[model]]\nid = "known"\nbackend = "simulated"\n', "utf-8"
            )
            words = [command(), "run", "--models", "known", "--kinds", "agree,choose"]
            words += ["--out", "run.sqlite"]
            seconds = _seconds(words, Path(name))
            count = len(_logprobs(Path(name) / "run.sqlite"))
            rates.append(count / seconds)
            resumes.append(_seconds(words, Path(name)))
    work = f"{count:,} probes of `core`, simulated, command to finished file"
    rate = spread(rates, "probes/s", 0)
    yield Line(
        "overhead", "simulated", work, rate, f"{wanted:,} probes/s", _each(rates, wanted), 1.0
    )
    work = "the same command on the finished file"
    ratio = quick / median(resumes)
    yield Line("overhead", "simulated", work, spread(resumes, "s", 2), f"{quick} s", ratio, 1.0)


def help_time(_setting: Setting) -> Iterator[Line]:
    """`doxa --help`, as a whole process."""
    wanted = 0.25
    times = [_seconds([command(), "--help"]) for _ in range(HELPS)]
    work = f"`doxa --help`, {HELPS} times"
    ratio = wanted / median(times)
    yield Line("help", "", work, spread(times, "s", 3), f"{wanted} s", ratio, 1.0)


def _each(rates: Sequence[float], wanted: float) -> float:
    return median(rates) / wanted


def _battery(place: Path, cells: int, kinds: Sequence[str]) -> Path:
    """A copy of the battery with a slice of the cells that are asked."""
    copy = place / "battery"
    shutil.copytree(ROOT / "prompts" / "batteries" / "core", copy)
    part = {
        "about": "what the benchmarks ask",
        "topics": topics_for(cells),
        "languages": ["en", "zh", "fr", "es"],
        "kinds": kinds,
        "families": 1,
        "openings": 1,
        "frames": FRAMES,
    }
    with (copy / "battery.yaml").open("a", encoding="utf-8") as file:
        file.write(f"  {SLICE}: {json.dumps(part)}\n")  # JSON is YAML; slices stand last
    return copy


def _run(battery: Path, model: str) -> list[object]:
    return [command(), "run", "--battery", battery, "--slice", SLICE, "--models", model]


def _lm_eval(native: Path, tasks: Path, out: Path) -> list[object]:
    model = f"pretrained={native.parent},gguf_file={native.name},dtype=float32"
    words = [peers.command("lm_eval"), "run", "--model", "hf", "--model_args", model]
    words += ["--tasks", TASK, "--include_path", tasks, "--batch_size", 8, "--device", "cpu"]
    return [*words, "--log_samples", "--output_path", out]


def _seconds(words: Sequence[object], where: Path | None = None) -> float:
    started = perf_counter()
    done = subprocess.run(
        [*map(str, words)],
        check=False,
        cwd=where,
        env=_environment(),
        capture_output=True,
        text=True,
    )
    seconds = perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return seconds


def _environment() -> dict[str, str]:
    """The user's own, without what would keep a contender from all cores; nothing from the net."""
    kept = {k: v for k, v in os.environ.items() if k not in contender.FOREIGN}
    return kept | {"HF_HUB_OFFLINE": "1"}


def _logprobs(out: Path) -> dict[str, list[float]]:
    """The scored answers of a run file, by cell; those of the exact sample left out."""
    with runfile.reading(out) as db:
        rows = db.execute(
            "SELECT cell, logprobs FROM responses JOIN probes ON probe = probes.id "
            "WHERE settings NOT LIKE '%full prefill%' AND logprobs != '[]'"
        )
        return {cell: json.loads(logprobs) for cell, logprobs in rows}


def _samples(out: Path) -> dict[str, list[float]]:
    """What lm-evaluation-harness wrote of each cell."""
    (log,) = out.rglob(f"samples_{TASK}_*.jsonl")
    found = map(json.loads, log.read_text("utf-8").splitlines())
    return {one["doc"]["id"]: [float(a[0]) for a in one["filtered_resps"]] for one in found}


def _peaks(words: Sequence[object]) -> tuple[int, int]:
    """Peak resident bytes of a command and of the largest process that it starts."""
    process = psutil.Popen(
        [*map(str, words)],
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    own = started = 0
    while process.poll() is None:
        own = max(own, _high_water(process.pid))
        for child in process.children(recursive=True):
            started = max(started, _high_water(child.pid))
        time.sleep(0.05)
    return own, started


def _high_water(pid: int) -> int:
    """Linux's own record of a process's peak, in bytes; 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
