"""Which precision a model's weights have in memory, and the widened copies of quantised files.

Small quantised models are slow and inexact on a processor: many of their tensors have no fast
kernel, and activations are rounded to 8 bits. The same file widened to BF16 is faster and nearer
to the truth where the processor multiplies BF16 natively. ``native`` measures the file as its
users run it; ``f32`` is the reference.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
import psutil

from probes.backends.llama_native import (
    Precision,
    has_fast_bf16,
    has_gpu,
    prompt_speed,
    system_information,
    widen,
)
from prompts.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

WantedPrecision = Literal["auto", "native", "bf16", "f32"]

GROWTH = {"bf16": 4.5, "f32": 9.0}  # at most, from 4 bits and a little a weight
MEMORY_TO_SPARE = 2 * 2**30
MUCH_FASTER = 2.0
"""Times that the file as it is must be as fast as its wide copy to be preferred: the copy is nearer
to the truth and its answers don't depend on what is asked beside them, so that a timing on a busy
machine, off by half, must not decide."""


def choose(path: Path, weights: str, wanted: WantedPrecision, threads: int) -> Precision:
    """The precision to use for a file; ``auto`` widens unless that costs much or there is no room.

    What a short timing says is remembered beside the widened copies, by file and processor, so
    that a run that is continued does not change its mind.

    Args:
        path: the model's file.
        weights: its SHA-256.
        wanted: what the user says.
        threads: that the model will run on.
    """
    if wanted != "auto":
        return wanted
    size = path.stat().st_size * GROWTH["bf16"]
    roomy = (
        psutil.virtual_memory().available > size + MEMORY_TO_SPARE
        and shutil.disk_usage(_cache()).free > size
    )
    if has_gpu() or not has_fast_bf16() or not roomy:
        return "native"
    note = _cache() / f"{weights}-{_processor(threads)}.faster"
    if not note.is_file():
        with contextlib.suppress(BackendError):  # no room for a copy after all
            copy = at_precision(path, weights, "bf16", threads)
            speeds = {"native": prompt_speed(path, threads), "bf16": prompt_speed(copy, threads)}
            with _beside(note) as unfinished:
                unfinished.write_text(json.dumps(speeds), "utf-8")
                unfinished.replace(note)
    if not note.is_file():
        return "native"
    speeds = json.loads(note.read_text("utf-8"))
    return "native" if speeds["native"] > MUCH_FASTER * speeds["bf16"] else "bf16"


def _processor(threads: int) -> str:
    text = f"{threads} {system_information()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def at_precision(path: Path, weights: str, precision: Precision, threads: int) -> Path:
    """The file to load: the model's own, or a widened copy, made when it is first wanted.

    Args:
        path: the model's file.
        weights: its SHA-256, which names the copy.
        precision: of the weights.
        threads: for widening.

    Raises:
        BackendError: the copy cannot be made.
    """
    if precision == "native":
        return path
    copy = _cache() / f"{weights}-{precision}.gguf"
    if not copy.is_file():
        room = shutil.disk_usage(copy.parent).free
        if room < path.stat().st_size * GROWTH[precision]:
            raise BackendError(
                f"There is no room in {copy.parent} for a copy of {path.name} in {precision}.",
                "Free some space, or ask with --precision native.",
            )
        with _beside(copy) as unfinished:
            widen(path, unfinished, to=precision, threads=threads)
            unfinished.replace(copy)
    return copy


def _cache() -> Path:
    folder = Path(platformdirs.user_cache_dir("doxa")) / "widened"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(dir=target.parent, suffix=".partial")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
