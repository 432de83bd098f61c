"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prompts.errors import ReportError

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write a file beside its place, then move it there; what was there stays until then.

    Raises:
        ReportError: the file cannot be written; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(
            f"{path} cannot be written: {error.strerror or error}.",
            "Give a path in a folder that exists, can be written to and has space left.",
        ) from error
