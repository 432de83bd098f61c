"""Which precision a model's weights have in memory, and the widened copies of quantised files.

Small quantised models are slow and inexact on a processor: many of their tensors have no fast
kernel, and activations are rounded to 8 bits. The same file widened to BF16 is faster and nearer
to the truth where the processor multiplies BF16 natively. ``native`` measures the file as its
users run it; ``f32`` is the reference.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
import psutil

from probes.backends.llama_native import Precision, has_fast_bf16, has_gpu, widen
from prompts.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

WantedPrecision = Literal["auto", "native", "bf16", "f32"]

GROWTH = {"bf16": 4.5, "f32": 9.0}  # at most, from 4 bits and a little a weight
MEMORY_TO_SPARE = 2 * 2**30


def choose(path: Path, wanted: WantedPrecision) -> Precision:
    """The precision to use for a file; ``auto`` widens where that pays and there is room."""
    if wanted != "auto":
        return wanted
    size = path.stat().st_size * GROWTH["bf16"]
    folder = _cache()
    roomy = (
        psutil.virtual_memory().available > size + MEMORY_TO_SPARE
        and shutil.disk_usage(folder).free > size
    )
    return "bf16" if has_fast_bf16() and not has_gpu() and roomy else "native"


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
