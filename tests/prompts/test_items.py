"""A user's own items: what is read comes back whole, and a fault is named by its line."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.errors import BatteryError
from prompts.items import MAX_BYTES, read_items

GOOD = {"id": "a", "language": "en", "topic": "t", "prompt": "Why?"}
CLOSED = GOOD | {"options": ["yes", "no"], "values": [1, -1]}

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@st.composite
def items(draw: st.DrawFn) -> dict[str, object]:
    """An item, closed or open, with any characters."""
    item: dict[str, object] = {
        "id": draw(text),
        "language": draw(st.sampled_from(["en", "zh", "zh-Hant", "yue"])),
        "topic": draw(text),
        "prompt": draw(text),
    }
    options = draw(st.just([]) | st.lists(text, min_size=2, max_size=26, unique=True))
    if options:
        value = st.floats(-1, 1)
        least = draw(st.lists(value, min_size=2, max_size=2))
        rest = draw(
            st.lists(st.none() | value, min_size=len(options) - 2, max_size=len(options) - 2)
        )
        item |= {"options": options, "values": [*least, *rest]}
    return item | draw(st.sampled_from([{}, {"pro": "x", "con": "y"}, {"pro": None}]))


@given(
    st.lists(items(), min_size=1, max_size=5, unique_by=lambda i: (i["id"], i["language"])),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n  \n"]),
)
def test_items_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[dict[str, object]],
    escaped: bool,
    end: str,
) -> None:
    """Any text, escaped or not, with any line ends, is read as it was written."""
    path = tmp_path_factory.mktemp("items") / "x.jsonl"
    content = "".join(json.dumps(item, ensure_ascii=escaped) + end for item in written)
    path.write_bytes(content.encode())
    found, kept, version = read_items(path)
    assert kept == content
    assert len(version) == 12
    for item, was in zip(found, written, strict=True):
        assert json.loads(item.model_dump_json(exclude_unset=True)) == was


MALFORMED = {
    "no JSON": "{",
    "a list": "[1]",
    "a number": "1",
    "deep": "[" * 100_000,
    "a key twice": '{"id": "a", "id": "b", "language": "en", "topic": "t", "prompt": "?"}',
    "no prompt": {key: value for key, value in GOOD.items() if key != "prompt"},
    "empty prompt": GOOD | {"prompt": ""},
    "huge prompt": GOOD | {"prompt": "x" * 20_001},
    "unknown field": GOOD | {"promt": "x"},
    "number as id": GOOD | {"id": 1},
    "long id": GOOD | {"id": "x" * 201},
    "language is a path": GOOD | {"language": "../en"},
    "language with a line break": GOOD | {"language": "en\n"},
    "one option": GOOD | {"options": ["a"], "values": [1]},
    "27 options": GOOD | {"options": [str(i) for i in range(27)], "values": [1] * 27},
    "same options": GOOD | {"options": ["a", "a"], "values": [1, -1]},
    "empty option": GOOD | {"options": ["a", ""], "values": [1, -1]},
    "values without options": GOOD | {"values": [1, -1]},
    "too few values": CLOSED | {"values": [1]},
    "one value": CLOSED | {"values": [1, None]},
    "value too large": CLOSED | {"values": [1.01, -1]},
    "value is a word": CLOSED | {"values": ["1", "-1"]},
    "value is true": CLOSED | {"values": [True, -1]},
    "value is NaN": json.dumps(CLOSED).replace("-1", "NaN"),
    "value is infinite": json.dumps(CLOSED).replace("-1", "1e999"),
    "value of five thousand digits": json.dumps(CLOSED).replace("-1", "1" * 5000),
    "surrogate in prompt": GOOD | {"prompt": "\ud800"},
    "surrogate in option": GOOD | {"options": ["a", "\udfff"], "values": [1, -1]},
    "surrogate in pole": GOOD | {"pro": "\ud800"},
    "surrogate in id": GOOD | {"id": "\ud800"},
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_line_is_named_by_its_number(case: str, tmp_path: Path) -> None:
    """The error names file and line, empty lines counted, and has a remedy."""
    line = MALFORMED[case]
    path = tmp_path / "x.jsonl"
    bad = line if isinstance(line, str) else json.dumps(line)
    path.write_text(json.dumps(GOOD | {"id": "first"}) + "\n\n" + bad + "\n")
    with pytest.raises(BatteryError) as caught:
        read_items(path)
    assert caught.value.what.startswith(f"{path}, line 3: ")
    assert caught.value.remedy


def test_bytes_that_are_no_text_are_named_by_their_line(tmp_path: Path) -> None:
    """A line that is not UTF-8 is an error of that line."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b'\n{"id": "\xff"}\n')
    with pytest.raises(BatteryError, match="line 2"):
        read_items(path)


def test_same_id_needs_another_language(tmp_path: Path) -> None:
    """An id may stand once a language, and the error names both lines."""
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(json.dumps(GOOD | {"language": code}) for code in ("en", "fr")))
    assert len(read_items(path)[0]) == 2
    path.write_text("\n".join(json.dumps(GOOD) for _ in range(2)))
    with pytest.raises(BatteryError, match=r"line 2: the id “a” stands in line 1"):
        read_items(path)


def test_empty_endless_and_missing_files_are_errors(tmp_path: Path) -> None:
    """Nothing to ask, or no end of it, is said so."""
    path = tmp_path / "x.jsonl"
    with pytest.raises(BatteryError, match="No such file"):
        read_items(path)
    path.write_text("\n \n")
    with pytest.raises(BatteryError, match="no item"):
        read_items(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(BatteryError, match=f"larger than {MAX_BYTES:,}"):
        read_items(path)
