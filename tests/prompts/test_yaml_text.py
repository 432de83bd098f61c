"""YAML from strangers: what it may not hold, and on which line that stands."""

import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prompts.errors import BatteryError
from prompts.yaml_text import MAX_BYTES, MAX_DEPTH, read_yaml


def write(folder: Path, text: str | bytes) -> Path:
    """Write a file of YAML."""
    path = folder / "x.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


REFUSED = {
    "alias": ("a: 1\nb: &x [1]\nc: *x\n", 2, "alias"),
    "alias as key": ("a: &x foo\n*x : bar\n", 1, "alias"),
    "billion laughs": ("a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n", 1, "alias"),
    "alias to itself": ("\n&a [*a]\n", 2, "alias"),
    "merge": ("a: 1\nb:\n  <<: {c: 1}\n", 3, "merge"),
    "tag on a text": ("a: 1\nb: !!str x\n", 2, "tag"),
    "tag on a number that is none": ("a: !!int abc\n", 1, "tag"),
    "tag on a mapping": ("a:\n  !!python/object:os.system {x: 1}\n", 2, "tag"),
    "tag on a sequence": ("a: !!omap [x: 1]\n", 1, "tag"),
    "own tag": ("a: !secret x\n", 1, "tag"),
    "date": ("a: 1\n\nb: 2020-01-01\n", 3, "timestamp"),
    "duplicate key": ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", 5, "“c” stands twice"),
    "duplicate key by another spelling": ("a: 1\n'a': 2\n", 2, "“a” stands twice"),
    "key that is a list": ("a: 1\n? [x]\n: 1\n", 2, "a value of type"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "another document"),
    "escape sequence": ('a: 1\nb: "\\e[31m"\n', 2, "U+001B"),
    "NUL": ("a: 1\nb: \0\n", 2, "not allowed"),
    "surrogate": ('a: 1\nb: "\\ud800"\n', 2, "Unicode"),
    "number of five thousand digits": ("a: 1\nb: " + "1" * 5000 + "\n", 2, "number"),
    "tab": ("a: 1\nb:\n\tc: 1\n", 3, "token"),
    "unfinished": ("a: 1\nb: [1\n", 3, "expected"),
    "not UTF-8": (b"a: 1\nb: 2\nc: \xff\n", 3, "not UTF-8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_batteries_may_not_use_is_refused_with_its_line(case: str, tmp_path: Path) -> None:
    """The error names the file, the line and the fault, and says what to do."""
    text, line, fault = REFUSED[case]
    path = write(tmp_path, text)
    with pytest.raises(BatteryError) as caught:
        read_yaml(path)
    assert f"{path}, line {line}: " in caught.value.what
    assert fault in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["[" * 2_000_000, "- " * 1_000_000, "{a: " * 1_000_000])
def test_nesting_without_end_does_not_end_the_process(text: str, tmp_path: Path) -> None:
    """Depth is counted before anything recursive sees the file, so no stack overflows."""
    with pytest.raises(BatteryError, match="nested more than"):
        read_yaml(write(tmp_path, text))


def test_depth_is_allowed_up_to_the_limit(tmp_path: Path) -> None:
    """The deepest nesting that is allowed is read, one more is not."""
    read_yaml(write(tmp_path, "[" * MAX_DEPTH + "]" * MAX_DEPTH))
    with pytest.raises(BatteryError, match="nested"):
        read_yaml(write(tmp_path, "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)))


def test_size_is_allowed_up_to_the_limit(tmp_path: Path) -> None:
    """A file of the largest size is read, one more byte is not."""
    text = "#" * (MAX_BYTES - 6) + "\na: 1\n"
    assert read_yaml(write(tmp_path, text))[0] == {"a": 1}
    with pytest.raises(BatteryError, match="more than the 4,194,304 bytes"):
        read_yaml(write(tmp_path, "#" + text))


def test_endless_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A link to a device that never ends is refused like any file that is too large."""
    (tmp_path / "x.yaml").symlink_to("/dev/zero")
    with pytest.raises(BatteryError, match="more than"):
        read_yaml(tmp_path / "x.yaml")


def test_missing_file_and_folder_are_errors(tmp_path: Path) -> None:
    """What cannot be read is named with the reason."""
    with pytest.raises(BatteryError, match="No such file"):
        read_yaml(tmp_path / "x.yaml")
    with pytest.raises(BatteryError, match="directory"):
        read_yaml(tmp_path)


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Every value is found on the line where it begins."""
    text = "# a comment\na: 1\n\nb:\n  - x\n  - c: 'y'\n    d: >\n      long\n"
    data, read, lines = read_yaml(write(tmp_path, text))
    assert read == text
    assert data == {"a": 1, "b": ["x", {"c": "y", "d": "long\n"}]}
    assert lines == {
        (): 2,
        ("a",): 2,
        ("b",): 5,
        ("b", 0): 5,
        ("b", 1): 6,
        ("b", 1, "c"): 6,
        ("b", 1, "d"): 7,
    }


def test_empty_file_is_nothing(tmp_path: Path) -> None:
    """A file without content gives None, for the schema to refuse."""
    assert read_yaml(write(tmp_path, "# nothing\n"))[0] is None


texts = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(string.ascii_letters, min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_plain_data_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    """What PyYAML writes of plain data is read as the same data."""
    path = write(tmp_path_factory.mktemp("yaml"), yaml.safe_dump(value, allow_unicode=True))
    assert read_yaml(path)[0] == value
