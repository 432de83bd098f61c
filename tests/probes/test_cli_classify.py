"""``doxa classify``, as a user calls it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Doxa = Callable[..., subprocess.CompletedProcess[str]]

FI = """test:
  - prompt: Kuka sen teki?
    outcome: degenerate
    text: ""
  - prompt: Kuka sen teki?
    outcome: refuses
    text: ""
"""


def test_scores_of_a_file_of_ones_own(tmp_path: Path, doxa: Doxa) -> None:
    """A user's own answers are scored by outcome, and nothing else is printed."""
    path = tmp_path / "fi.yaml"
    path.write_text(FI, encoding="utf-8")
    done = doxa("classify", "--evaluate", str(path))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("refuses"))
    assert row[:2] == ["refuses", "1"]
    assert "50%" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--evaluate", "frr"), "Did you mean fr?"),
        (("--evaluate", "fr", "--input", "x"), "takes no --input"),
        (("--input", "x"), "--output is missing"),
        ((), "--input is missing"),
    ],
)
def test_wrong_use_is_one_line(doxa: Doxa, words: tuple[str, ...], says: str) -> None:
    """What is missing or misspelt is said in a line, with exit status 2."""
    done = doxa("classify", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_faulty_file_is_one_line(tmp_path: Path, doxa: Doxa) -> None:
    """A fault in a file of answers is named with its line."""
    path = tmp_path / "fi.yaml"
    path.write_text(FI.replace("degenerate", "nonsense"), encoding="utf-8")
    done = doxa("classify", "--evaluate", str(path))
    assert done.returncode == 1
    assert f"{path}, line 3: outcome" in done.stderr
    assert done.stderr.count("\n") == 1


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path, doxa: Doxa) -> None:
    """The others are labelled, and the file says why."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    good = {"id": "a", "language": "en", "prompt": "Hm?", "response": ""}
    source.write_bytes(json.dumps(good).encode() + b'\n{"id": "b\xff"}\n')
    done = doxa("classify", "--input", str(source), "--output", str(target))
    assert done.returncode == 0
    assert "Labelled 1 responses (1 degenerate)." in done.stdout
    assert "1 lines could not be read" in done.stdout
    assert [json.loads(line).get("line") for line in target.read_text().splitlines()] == [None, 2]
