"""Checks a folder of safetensors weights that nobody vouches for, before anything loads it.

Pickled weights run code when they are read, so a folder that has only those is refused, and so is
an index that points to a file which is no safetensors file of the folder itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from probes.digest import remembered_sha256
from prompts.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

MAX_CONFIG = 4 * 2**20
MAX_INDEX = 64 * 2**20
CONFIG, INDEX = "config.json", "model.safetensors.index.json"

_PICKLED = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack"}
_READ = {".safetensors", ".json", ".jinja", ".model", ".txt", ".tiktoken"}
_NAMES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def check_folder(folder: Path) -> dict[str, Any]:
    """Make sure that a folder holds safetensors weights that can be read without running anything.

    Returns:
        Its ``config.json``.

    Raises:
        ModelError: it does not, or a file cannot be read.
    """
    config = _json(folder / CONFIG, MAX_CONFIG)
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"{folder} holds an adapter, which changes another model.",
            "Merge it into that model, and save the whole as safetensors.",
        )
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in _PICKLED)
        raise ModelError(
            f"{folder} has no safetensors weights"
            + (f", only {', '.join(pickled[:3])}." if pickled else "."),
            "Pickled weights can run code when they are read, and are refused: save the model as "
            "safetensors, with save_pretrained of transformers.",
        )
    if (folder / INDEX).exists():
        _check_index(folder)
    return config


def quantisation(config: dict[str, Any]) -> str:
    """What a ``config.json`` says of the weights' precision, or ``unknown``."""
    method = config.get("quantization_config")
    method = method.get("quant_method") if isinstance(method, dict) else None
    dtype = config.get("dtype", config.get("torch_dtype"))
    name = method or _NAMES.get(dtype if isinstance(dtype, str) else "", dtype)
    return name[:40] if isinstance(name, str) and name.isprintable() and name else "unknown"


def folder_sha256(folder: Path) -> str:
    """A SHA-256 over the hashes of all files that decide what the model says, by name.

    Raises:
        OSError: one cannot be read.
    """
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in _READ and p.is_file())
    lines = "".join(f"{remembered_sha256(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _check_index(folder: Path) -> None:
    names = _json(folder / INDEX, MAX_INDEX).get("weight_map")
    if not isinstance(names, dict):
        raise _broken(folder / INDEX, "it maps no weights to files")
    for name in {str(name) for name in names.values()}:
        inside = "/" not in name and "\\" not in name and name.endswith(".safetensors")
        if not inside or not (folder / name).is_file():
            raise _broken(folder / INDEX, f"it names {name[:80]!a}, no safetensors file beside it")


def _json(path: Path, limit: int) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise _broken(path, f"it is longer than {limit:,} bytes")
        found = json.loads(content)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}.",
            "Name a folder that holds config.json and safetensors weights.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, "it is no JSON") from error
    if not isinstance(found, dict):
        raise _broken(path, "it is no JSON object")
    return found


def _broken(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path} cannot be used: {why}.", "Fetch the folder again from where it came from."
    )
