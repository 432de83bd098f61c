"""A user's own items: one JSON object a line, closed (with options) or open."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from prompts.errors import BatteryError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 64 * 2**20

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Pole = Annotated[str, Field(max_length=4_000)]


class Item(BaseModel):
    """One item of a user's own.

    Attributes:
        options: the answers on offer, or none for an open question.
        values: the stance of each option in [-1, 1]; null for a way out.
        pro, con: the poles, in the item's language, for the classifier of open answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Name
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?$")]
    topic: _Name
    prompt: Annotated[str, Field(min_length=1, max_length=20_000)]
    options: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), max_length=26)
    values: tuple[Annotated[float, Field(ge=-1, le=1, strict=True)] | None, ...] = ()
    pro: _Pole | None = None
    con: _Pole | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.options) == 1:
            raise ValueError("one option is no choice; give at least two, or none")
        if len(set(self.options)) != len(self.options):
            raise ValueError("two options are the same")
        if len(self.options) != len(self.values):
            raise ValueError(f"{len(self.options)} options but {len(self.values)} values")
        if self.options and sum(value is not None for value in self.values) < 2:
            raise ValueError("at least two options need a value")
        return self


def read_items(path: Path) -> tuple[list[Item], str, str]:
    """Read a file of items.

    Returns:
        The items, the file's text, and a version made of its hash.

    Raises:
        BatteryError: the file or a line of it is malformed; the message names the line.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BatteryError(
            f"{path}: cannot be read ({error.strerror}).", "Check the name and the permissions."
        ) from error
    if len(raw) > MAX_BYTES:
        raise BatteryError(f"{path}: larger than {MAX_BYTES:,} bytes.", "Split the file.")
    items: list[Item] = []
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            item = Item.model_validate(
                json.loads(line.decode("utf-8"), object_pairs_hook=_without_duplicates)
            )
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(key) for key in first["loc"]) or "the item"
            message = first["msg"].removeprefix("Value error, ")
            raise BatteryError(
                f"{path}, line {number}: {name}: {message}.",
                'An item is {"id", "language", "topic", "prompt"} and, when closed, '
                '"options" and "values".',
            ) from error
        except (ValueError, RecursionError) as error:
            raise BatteryError(
                f"{path}, line {number}: not a JSON object in UTF-8, or one with a key twice.",
                "One object a line, without line breaks inside.",
            ) from error
        if earlier := seen.get((item.id, item.language)):
            raise BatteryError(
                f"{path}, line {number}: the id “{item.id}” stands in line {earlier} too.",
                "Give every item of a language an id of its own.",
            )
        seen[item.id, item.language] = number
        items.append(item)
    if not items:
        raise BatteryError(f"{path}: holds no item.", "Write one JSON object a line.")
    digest = hashlib.sha256(raw).hexdigest()[:12]
    return items, raw.decode("utf-8"), digest


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
