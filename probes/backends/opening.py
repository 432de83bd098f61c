"""From a catalogue entry to a backend; a backend's libraries are imported when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.catalogue import location
from probes.digest import remembered_sha256
from probes.gguf_check import read_header
from prompts.errors import ModelError

if TYPE_CHECKING:
    from probes.backends.precision import WantedPrecision
    from probes.backends.protocol import Backend
    from probes.catalogue import ModelEntry


def open_backend(entry: ModelEntry, precision: WantedPrecision = "auto") -> Backend:
    """Load the model of an entry.

    Args:
        entry: from the catalogue.
        precision: of the weights in memory, where the backend has a choice.

    Raises:
        ModelError: its file is missing, is not the one that the catalogue names, or cannot be
            loaded; or its backend is not in this version.
    """
    if entry.backend == "simulated":
        from probes.backends.simulated import Simulated

        return Simulated(entry)
    if entry.backend == "llama_cpp":
        check_file(entry)
        from probes.worker import Worker

        return Worker(entry, precision, _open_llama)
    raise ModelError(
        f"{entry.id} wants the backend {entry.backend}, which this version does not have.",
        "Use a GGUF file with the backend llama_cpp.",
    )


def _open_llama(entry: ModelEntry, precision: WantedPrecision) -> Backend:
    """Runs in the worker, so that only it loads llama.cpp."""
    from probes.backends.llama_cpp import LlamaCpp

    return LlamaCpp(entry, precision)


def check_file(entry: ModelEntry) -> None:
    """Make sure that the entry's file is there and is the right one.

    Raises:
        ModelError: it is missing, is no whole GGUF file, or has another SHA-256 than the
            catalogue says.
    """
    path = location(entry)
    if path is None or not path.is_file():
        remedy = (
            f"Fetch it with `doxa models pull {entry.id}`."
            if entry.sources
            else "Correct its path in your models.toml."
        )
        raise ModelError(f"{entry.id}: there is no file {path}.", remedy)
    read_header(path)
    if entry.sha256 and remembered_sha256(path) != entry.sha256:
        raise ModelError(
            f"{entry.id}: {path} is not the file that the catalogue names (another SHA-256).",
            f"It may be damaged or half copied: remove it and `doxa models pull {entry.id}` again."
            if entry.sources
            else "Correct the sha256 in your models.toml, or the file.",
        )
