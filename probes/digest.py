"""SHA-256 of files, and a memory of those of large files that have not changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

import platformdirs


def sha256(path: Path) -> str:
    """Read the whole file and return its SHA-256 in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """Return the file's SHA-256, read anew only when path, size or modification time changed.

    Raises:
        OSError: it cannot be read.
    """
    path = path.resolve()
    status = path.stat()
    key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
    memory = Path(platformdirs.user_cache_dir("doxa")) / "sha256.json"
    known = _known(memory)
    if key not in known:
        known[key] = sha256(path)
        _remember(memory, known)
    return known[key]


def _known(memory: Path) -> dict[str, str]:
    try:
        content = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)}


def _remember(memory: Path, known: dict[str, str]) -> None:
    with contextlib.suppress(OSError):  # a folder that cannot be written costs time, not the answer
        memory.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=memory.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(known, stream)
        Path(name).replace(memory)
