"""``doxa classify``, as a user calls it."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from analysis.tables import load

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


JUDGE = ("--classifier", "judge", "--judge")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--judge", "smollm2-135m-instruct"), 2, "Give --classifier judge too"),
        (("--classifier", "judge"), 2, "Name one or several with --judge"),
        ((*JUDGE, " , "), 2, "Name one or several with --judge"),
        ((*JUDGE, "smollm2-135m"), 1, "Did you mean smollm2-135m-instruct?"),
        (("--classifier", "oracle"), 2, "oracle"),
    ],
)
@pytest.mark.parametrize("verb", ["classify", "label"])
def test_wrong_judges_are_one_line(
    doxa: Doxa, verb: str, words: tuple[str, ...], status: int, says: str
) -> None:
    """A judge that is missing or unknown is said in a line, before any file is opened."""
    files = ("x.sqlite",) if verb == "label" else ("--input", "x", "--output", "y")
    done = doxa(verb, *files, *words)
    assert done.returncode == status
    assert done.stdout == ""
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_judges_label_a_file_and_say_how_far_they_agree(tmp_path: Path, doxa: Doxa) -> None:
    """The labels are in the file as ever, the agreement beside it and on the screen."""
    (tmp_path / "models.toml").write_text(
        "".join(f'[[model]]\nid = "{name}"\nbackend = "simulated"\n' for name in ("one", "two"))
    )
    line = {"id": "a", "language": "en", "prompt": "Hm?", "pro": "Tea.", "con": "Coffee."}
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [line | {"response": f"Tea, {i}."} for i in range(9)]
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = doxa("classify", "--input", source, "--output", target, *JUDGE, "one,two")
    assert done.returncode == 0, done.stderr
    assert "Labelled 9 responses" in done.stdout
    assert "judge:one+two 1-" in done.stdout
    assert "Krippen-" in done.stdout
    labels = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(labels) == 9
    with (tmp_path / "out.agreement.csv").open(encoding="utf-8", newline="") as file:
        found = {(row["a"], row["b"], row["measure"]) for row in csv.DictReader(file)}
    assert {("judge:one", "judge:two", name) for name in ("kappa", "ac1", "alpha")} < found
    assert ("majority", "doxa-reader", "agreement") in found


def test_judges_are_measured_on_known_answers(tmp_path: Path, doxa: Doxa) -> None:
    """`--evaluate` scores a judge as it scores the classifier that comes with doxa."""
    (tmp_path / "models.toml").write_text('[[model]]\nid = "one"\nbackend = "simulated"\n')
    path = tmp_path / "fi.yaml"
    path.write_text(FI, encoding="utf-8")
    done = doxa("classify", "--evaluate", path, *JUDGE, "one")
    assert done.returncode == 0, done.stderr
    assert "50%" in done.stdout


def test_a_run_is_labelled_by_a_judge_and_back(tmp_path: Path, doxa: Doxa, small: Path) -> None:
    """`doxa label` makes a judge's labels count, and the trained classifier's again."""
    (tmp_path / "models.toml").write_text('[[model]]\nid = "one"\nbackend = "simulated"\n')
    run = ("--battery", small, "--kinds", "open", "--models", "one", "--out", "x.sqlite")
    assert doxa("run", *run).returncode == 0
    for words, name in (((*JUDGE, "one"), "judge:one 1-"), ((), "doxa-reader ")):
        done = doxa("label", "x.sqlite", *words)
        assert done.returncode == 0, done.stderr
        assert load(tmp_path / "x.sqlite").classifier.startswith(name)
    assert "the trained classifier’s labels count" in done.stdout


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
    assert "1 lines have no label" in done.stdout
    assert [json.loads(line).get("line") for line in target.read_text().splitlines()] == [None, 2]
