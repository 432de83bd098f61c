"""YAML as plain data with strict rules, and the line on which each value stands.

Batteries come from strangers: no anchors or aliases, no tags, no duplicate keys, no control
characters, bounded size and depth. Only mappings, sequences and plain scalars come out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml

from prompts.errors import BatteryError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 12

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STR = "tag:yaml.org,2002:str"
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # Unicode's Cc, less tab and line feed
_constructor = yaml.constructor.SafeConstructor()

Lines = dict[tuple[str | int, ...], int]


def read_yaml(path: Path) -> tuple[Any, str, Lines]:
    """Read a YAML file.

    Returns:
        The data, the file's text, and the line (from 1) of every value by its path of keys.

    Raises:
        BatteryError: the file is missing, too large, not UTF-8, not YAML, or uses what batteries
            may not use; the message names file and line.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BatteryError(
            f"{path}: cannot be read ({error.strerror}).", "Check the name and the permissions."
        ) from error
    return parse_yaml(raw, path)


def parse_yaml(raw: bytes, path: Path) -> tuple[Any, str, Lines]:
    """As `read_yaml`, of a file's content; ``path`` is what errors call it."""
    if len(raw) > MAX_BYTES:
        raise BatteryError(
            f"{path}: more than the {MAX_BYTES:,} bytes that are allowed.",
            "Split the battery into several files.",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BatteryError(f"{path}, line {line}: not UTF-8.", "Save the file as UTF-8.") from error
    try:
        _check_events(text, path)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        before = raw[: getattr(error, "position", 0)]  # of a character that YAML does not allow
        line = mark.line + 1 if mark else before.count(b"\n") + 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", "not YAML")
        raise BatteryError(
            f"{path}, line {line}: {problem}.",
            "Texts that hold : # or quotes stand in double quotes.",
        ) from error
    lines: Lines = {}
    return _plain(root, path, (), lines), text, lines


def _check_events(text: str, path: Path) -> None:
    """Refuse what may not be used before the recursive composer sees it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if getattr(event, "anchor", None):
            raise BatteryError(
                f"{path}, line {line}: an anchor or alias (&name, *name).",
                "Write the text out; aliases are not allowed.",
            )
        if tag := getattr(event, "tag", None):
            raise BatteryError(
                f"{path}, line {line}: a tag, {tag}.",
                "Remove it, and write the value in double quotes.",
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise BatteryError(
                f"{path}, line {line}: nested more than {MAX_DEPTH} deep.", "Flatten it."
            )


def _plain(node: yaml.Node | None, path: Path, keys: tuple[str | int, ...], lines: Lines) -> Any:
    if node is None:
        return None
    lines[keys] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node, path)
            if key in found:
                raise BatteryError(
                    f"{path}, line {key_node.start_mark.line + 1}: the key “{key}” stands twice.",
                    "Remove one of the two.",
                )
            found[key] = _plain(value_node, path, (*keys, key), lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(n, path, (*keys, i), lines) for i, n in enumerate(node.value)]
    return _scalar(node, path)


def _scalar(node: yaml.Node, path: Path) -> Any:
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALARS:
        raise BatteryError(
            f"{_where(node, path)}: a value of type {node.tag}.", "Write it in double quotes."
        )
    if node.tag == _STR:
        if found := _CONTROL.search(node.value):
            raise BatteryError(
                f"{_where(node, path)}: a control character, U+{ord(found[0]):04X}.", "Remove it."
            )
        return node.value
    try:
        return cast("Any", _constructor.construct_object(node))
    except ValueError as error:
        raise BatteryError(
            f"{_where(node, path)}: a number that cannot be read.", "Write it in double quotes."
        ) from error


def _where(node: yaml.Node, path: Path) -> str:
    return f"{path}, line {node.start_mark.line + 1}"
