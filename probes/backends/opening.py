"""From a catalogue entry to a backend; a backend's libraries are imported when it is opened."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from probes.catalogue import location
from probes.digest import remembered_sha256
from probes.gguf_check import read_header
from probes.weights_folder import check_folder, folder_sha256
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
    if entry.backend == "transformers":
        _require_transformers(entry)
        check_file(entry)
        from probes.worker import Worker

        return Worker(entry, precision, _open_transformers)
    raise ModelError(
        f"{entry.id} wants the backend {entry.backend}, which this version does not have.",
        "Use a GGUF file with the backend llama_cpp, or a folder with transformers.",
    )


def _open_llama(entry: ModelEntry, precision: WantedPrecision) -> Backend:
    """Runs in the worker, so that only it loads llama.cpp."""
    from probes.backends.llama_cpp import LlamaCpp

    return LlamaCpp(entry, precision)


def _open_transformers(entry: ModelEntry, precision: WantedPrecision) -> Backend:
    """Runs in the worker, so that only it loads torch."""
    from probes.backends.transformers_lm import TransformersLM

    return TransformersLM(entry, _weights(entry), precision)


def _require_transformers(entry: ModelEntry) -> None:
    lacking = [
        name for name in ("torch", "transformers", "accelerate", "gguf") if find_spec(name) is None
    ]
    if lacking:
        raise ModelError(
            f"{entry.id} is asked through transformers, and {', '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} not installed.",
            "Install what is needed with `pip install 'doxa[transformers]'`.",
        )


def check_file(entry: ModelEntry) -> None:
    """Make sure that the entry's file or folder is there and is the right one.

    Raises:
        ModelError: it is missing, is no whole GGUF file or no folder of safetensors, or has
            another SHA-256 than the catalogue says.
    """
    path = _weights(entry) if entry.backend == "transformers" else location(entry)
    if path is not None and path.is_dir() and entry.backend == "transformers":
        check_folder(path)
        _compare(entry, path, folder_sha256(path))
        return
    if path is None or not path.is_file():
        remedy = (
            f"Fetch it with `doxa models pull {entry.id}`."
            if entry.sources
            else "Correct its path in your models.toml."
        )
        raise ModelError(f"{entry.id}: there is no file {path}.", remedy)
    read_header(path)
    _compare(entry, path, remembered_sha256(path))


def _weights(entry: ModelEntry) -> Path:
    """Where the weights of an entry are; those of a hub id in the hub's cache on this machine.

    Raises:
        ModelError: the hub's cache does not hold them.
    """
    path = location(entry)
    if path is not None:
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    assert entry.path is not None
    try:
        return Path(snapshot_download(entry.path, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"{entry.id}: there is no folder {entry.path}, and nothing of that name from the "
            "Hugging Face hub on this machine.",
            f"Correct its path in your models.toml, or fetch it with `hf download {entry.path}`.",
        ) from error


def _compare(entry: ModelEntry, path: Path, found: str) -> None:
    if entry.sha256 and found != entry.sha256:
        raise ModelError(
            f"{entry.id}: {path} is not the file that the catalogue names (another SHA-256).",
            f"It may be damaged or half copied: remove it and `doxa models pull {entry.id}` again."
            if entry.sources
            else "Correct the sha256 in your models.toml, or the file.",
        )
