"""Loading a battery: by name, by folder, or a file of one's own items."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from prompts.errors import BatteryError, UsageError
from prompts.items import Item, read_items
from prompts.schema import Frames, Language, Manifest, Slice, Texts, Topic
from prompts.yaml_text import read_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

BATTERIES = Path(__file__).parent / "batteries"

_Schema = TypeVar("_Schema", bound=BaseModel)


@dataclass(frozen=True)
class Battery:
    """A battery, or the part of it that was asked for.

    Attributes:
        files: the text of every file read, by its path inside the battery.
        items: a user's own items; then ``topics`` is empty.
    """

    name: str
    version: str
    licence: str
    frames: Frames
    topics: dict[str, Topic]
    languages: dict[str, Language]
    slices: dict[str, Slice]
    files: dict[str, str]
    items: tuple[Item, ...] = field(default=())

    def texts(self, topic: str, language: str) -> Texts:
        """The texts of a topic in a language, by key."""
        if language == "en":
            return self.topics[topic].texts
        return self.languages[language].texts[topic]


def load_battery(
    name: str,
    *,
    languages: Sequence[str] | None = None,
    topics: Sequence[str] | None = None,
    part: str | None = None,
) -> Battery:
    """Load a battery; files of other languages and topics are not opened.

    Args:
        name: a battery that comes with doxa, a battery's folder, or a ``.jsonl`` file of items.
        languages, topics: which to load; all of the battery (or of its slice) by default.
        part: a slice of the battery.

    Raises:
        BatteryError: a file is missing or malformed.
        UsageError: the battery, a language, a topic or the slice does not exist.
    """
    if name.endswith(".jsonl"):
        return _load_items(Path(name), languages, topics, part)
    folder = _find(name)
    files: dict[str, str] = {}
    manifest = _read(folder, "battery.yaml", Manifest, files)
    chosen = (
        manifest.slices[_known("slice", [part], manifest.slices)[0]] if part else Slice(about="")
    )
    language_codes = _known(
        "language", languages or chosen.languages or manifest.languages, manifest.languages
    )
    topic_ids = _known("topic", topics or chosen.topics or manifest.topics, manifest.topics)
    loaded_topics = {id_: _read(folder, f"topics/{id_}.yaml", Topic, files) for id_ in topic_ids}
    loaded_languages = {
        code: _read(folder, f"languages/{code}.yaml", Language, files) for code in language_codes
    }
    _check_names(folder, loaded_topics, loaded_languages)
    _check_complete(folder, loaded_topics, loaded_languages, manifest)
    return Battery(
        name=manifest.name,
        version=manifest.version,
        licence=manifest.licence,
        frames=manifest.frames,
        topics=loaded_topics,
        languages=loaded_languages,
        slices=manifest.slices,
        files=files,
    )


def read_manifest(name: str) -> Manifest:
    """The manifest alone of a battery that comes with doxa or stands in a folder."""
    return _read(_find(name), "battery.yaml", Manifest, {})


def _find(name: str) -> Path:
    if (Path(name) / "battery.yaml").is_file():
        return Path(name)
    if (BATTERIES / name / "battery.yaml").is_file():
        return BATTERIES / name
    known = ", ".join(sorted(path.parent.name for path in BATTERIES.glob("*/battery.yaml")))
    raise UsageError(
        f"There is no battery “{name}”.",
        f"Name one of these: {known}; or a folder with a battery.yaml; or a .jsonl file of items.",
    )


def _known(
    what: str, asked: Sequence[str | None], known: Sequence[str] | dict[str, Slice]
) -> list[str]:
    unique = [name for name in dict.fromkeys(asked) if name is not None]
    for name in unique:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"The battery has no {what} “{name}”.", f"{hint}It has: {', '.join(known)}."
            )
    return unique


def _read(folder: Path, relative: str, schema: type[_Schema], files: dict[str, str]) -> _Schema:
    path = folder / relative
    data, text, lines = read_yaml(path)
    files[relative] = text
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        keys = tuple(first["loc"])
        line = next((lines[keys[:n]] for n in range(len(keys), -1, -1) if keys[:n] in lines), 1)
        field_name = ".".join(str(key) for key in keys) or "the file"
        more = f" ({error.error_count() - 1} more like this.)" if error.error_count() > 1 else ""
        message = first["msg"].removeprefix("Value error, ")
        raise BatteryError(
            f"{path}, line {line}: {field_name}: {message}.{more}",
            "Correct that line; prompts/README.md shows the format.",
        ) from error


def _check_names(folder: Path, topics: dict[str, Topic], languages: dict[str, Language]) -> None:
    stated = [(f"topics/{name}.yaml", name, topic.id) for name, topic in topics.items()]
    stated += [(f"languages/{name}.yaml", name, file.language) for name, file in languages.items()]
    for relative, name, inside in stated:
        if name != inside:
            raise BatteryError(
                f"{folder / relative}: the file says that it is “{inside}”.",
                "The name of the file and the id in it must be the same.",
            )


def _check_complete(
    folder: Path, topics: dict[str, Topic], languages: dict[str, Language], manifest: Manifest
) -> None:
    most = max(spec.paraphrase for spec in manifest.frames.agree)
    most_choose = max(spec.paraphrase for spec in manifest.frames.choose)
    for code, language in languages.items():
        path = folder / f"languages/{code}.yaml"
        if len(language.agree) < most or len(language.choose) < most_choose:
            raise BatteryError(
                f"{path}: {len(language.agree)} agree and {len(language.choose)} choose frames; "
                f"the battery asks for {most} and {most_choose}.",
                "Add the paraphrases that are missing.",
            )
        for id_, topic in topics.items():
            expected = topic.texts.keys()
            found = expected if code == "en" else language.texts.get(id_, {}).keys()
            if missing := sorted(expected - found):
                raise BatteryError(
                    f"{path}: no translation of {id_}: {', '.join(missing)}.",
                    f"Add it under texts, {id_}; the English stands in topics/{id_}.yaml.",
                )
            if extra := sorted(found - expected):
                raise BatteryError(
                    f"{path}: {id_} has {', '.join(extra)}, which topics/{id_}.yaml has not.",
                    "Remove it, or add the English.",
                )


def _load_items(
    path: Path, languages: Sequence[str] | None, topics: Sequence[str] | None, part: str | None
) -> Battery:
    if part:
        raise UsageError("A file of items has no slices.", "Leave --slice out.")
    items, text, version = read_items(path)
    items_languages = list(dict.fromkeys(item.language for item in items))
    items_topics = list(dict.fromkeys(item.topic for item in items))
    chosen_languages = _known("language", languages or items_languages, items_languages)
    chosen_topics = _known("topic", topics or items_topics, items_topics)
    core = BATTERIES / "core"
    manifest = _read(core, "battery.yaml", Manifest, {})
    framed = [code for code in chosen_languages if code in manifest.languages]
    # an item in a language that no frame is written for is asked in the English frame
    frames = {
        code: _read(core, f"languages/{code if code in framed else 'en'}.yaml", Language, {})
        for code in chosen_languages
    }
    return Battery(
        name=path.stem,
        version=version,
        licence="the user's own",
        frames=manifest.frames,
        topics={},
        languages=frames,
        slices={},
        files={path.name: text},
        items=tuple(
            item
            for item in items
            if item.language in chosen_languages and item.topic in chosen_topics
        ),
    )


def topics_of_domains(name: str, domains: Sequence[str]) -> list[str]:
    """The topics of a battery that belong to some domains.

    Raises:
        UsageError: the battery has no such domain.
    """
    folder = _find(name)
    manifest = _read(folder, "battery.yaml", Manifest, {})
    domain_of = {
        id_: _read(folder, f"topics/{id_}.yaml", Topic, {}).domain for id_ in manifest.topics
    }
    chosen = _known("domain", domains, list(dict.fromkeys(domain_of.values())))
    return [id_ for id_ in manifest.topics if domain_of[id_] in chosen]
