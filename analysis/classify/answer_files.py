"""Answers that a reader of their language has labelled: files such as those in ``answers/``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from analysis.classify.labels import STANCES, Answer, Outcome, Strategy
from prompts.errors import BatteryError, UsageError
from prompts.load import load_battery, read_manifest
from prompts.yaml_text import read_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prompts.load import Battery
    from prompts.yaml_text import Lines

FOLDER = Path(__file__).parent / "answers"
TRAINING = "training"
"""Folder beside the files, with files of the same names that hold answers to learn from only."""

BATTERY = "core"
EVERY = "all"

Half = Literal["train", "test"]


@dataclass(frozen=True)
class Known:
    """An answer and what it is.

    Attributes:
        answer: as the classifier gets it.
        outcome: what a reader says it is.
        strategy: how it deflects or refuses; empty for others.
        hard: what makes it hard, such as ``sarcasm`` or ``other-language``; empty where nothing.
        topic: of the battery; empty where the prompt stands with the answer.
    """

    answer: Answer
    outcome: Outcome
    strategy: str
    hard: str
    topic: str


class _Entry(BaseModel):
    """An answer in a file: to a question of the battery, or to a prompt that stands with it.

    A prompt of its own may have two poles.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    topic: str = ""
    ask: str = ""
    prompt: str = ""
    pro: str = ""
    con: str = ""
    outcome: Outcome
    strategy: Strategy | None = None
    hard: str = ""
    text: str

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if bool(self.prompt) == bool(self.topic or self.ask) or bool(self.topic) != bool(self.ask):
            raise ValueError("it needs either topic and ask, or prompt")
        if bool(self.pro) != bool(self.con):
            raise ValueError("it has one pole; it needs both, pro and con, or none")
        if self.topic and self.pro:
            raise ValueError("the topic has poles of its own, so pro and con don't stand here")
        if (self.topic or self.pro) and self.outcome == "answers":
            raise ValueError("there are poles, so an answer is pro, both or con")
        if not (self.topic or self.pro) and self.outcome in STANCES:
            raise ValueError("there are no poles, so an answer is “answers”")
        return self


def answer_files(names: str) -> list[Path]:
    """The files that are meant by languages or names of files.

    Args:
        names: languages such as ``fr,zh-Hant``, paths of files, or ``all``.

    Raises:
        UsageError: there is no such language and no such file.
    """
    own = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
    asked = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if asked == [EVERY]:
        return list(own.values())
    if not asked:
        raise UsageError("No language is named.", f"Name some of {', '.join(own)}, or {EVERY}.")
    found = []
    for name in asked:
        if name not in own and not Path(name).is_file():
            near = difflib.get_close_matches(name, own, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"There are no test answers in “{name}”, and no such file.",
                f"{hint}There are some in {', '.join(own)}; or name a file of your own, such as "
                "my/fr.yaml.",
            )
        found.append(own.get(name) or Path(name))
    return found


def known_answers(paths: Sequence[Path], half: Half = "test") -> list[Known]:
    """Read one half of files of labelled answers.

    Args:
        paths: files, each named after the language of its answers, such as ``fr.yaml``.
        half: ``train``, with the answers in the folder ``training`` beside a file, or ``test``,
            which nothing may be learned from.

    Raises:
        BatteryError: a file is malformed; the message names file and line.
    """
    if half == "train":
        paths = [one for path in paths for one in (path, path.parent / TRAINING / path.name)]
        paths = [path for path in paths if path.parent.name != TRAINING or path.is_file()]
    read = [(path, *_entries(path, half)) for path in paths]
    framed = set(read_manifest(BATTERY).languages)
    needed = [
        path.stem
        for path, entries, _ in read
        if path.stem in framed and any(entry.topic for _, entry in entries)
    ]
    battery = load_battery(BATTERY, languages=list(dict.fromkeys(needed))) if needed else None
    return [
        _known(entry, f"{_name(path)}:{place}", path, lines.get((half, place), 1), battery)
        for path, entries, lines in read
        for place, entry in entries
    ]


def _name(path: Path) -> str:
    return f"{TRAINING}/{path.stem}" if path.parent.name == TRAINING else path.stem


def _entries(path: Path, half: Half) -> tuple[list[tuple[int, _Entry]], Lines]:
    data, _, lines = read_yaml(path)
    rows: Any = data.get(half) if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise BatteryError(
            f"{path}: there is no list “{half}” with answers in it.",
            "Write it as in the files in analysis/classify/answers.",
        )
    entries = []
    for place, row in enumerate(rows):
        try:
            entries.append((place, _Entry.model_validate(row)))
        except ValidationError as error:
            first = error.errors()[0]
            keys = (half, place, *first["loc"])
            line = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), 1)
            name = ".".join(map(str, first["loc"])) or "the answer"
            raise BatteryError(
                f"{path}, line {line}: {name}: {first['msg'].removeprefix('Value error, ')}.",
                "Correct that line; CONTRIBUTING.md shows the format.",
            ) from error
    return entries, lines


def _known(entry: _Entry, name: str, path: Path, line: int, battery: Battery | None) -> Known:
    language = path.stem
    prompt, pro, con = entry.prompt, entry.pro or None, entry.con or None
    if entry.topic:
        texts = (
            battery.texts(entry.topic, language)
            if battery and language in battery.languages and entry.topic in battery.topics
            else {}
        )
        if entry.ask not in texts:
            raise BatteryError(
                f"{path}, line {line}: the battery has no {entry.topic}, {entry.ask} in "
                f"{language}.",
                "Name a question that `doxa battery show` shows; the file is named after its "
                "language, such as fr.yaml.",
            )
        prompt, pro, con = texts[entry.ask], texts["pro"], texts["con"]
    return Known(
        Answer(name, language, prompt, entry.text, pro, con),
        entry.outcome,
        entry.strategy or "",
        entry.hard,
        entry.topic,
    )
