"""The command ``doxa plan power``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from probes.cli_plan import app
from prompts.errors import DoxaError, RunFileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

SMALL = "--models 2 --topics 5 --difference 0.4 --frames 4 --samples 0"


def power(words: str) -> Result:
    """Run ``doxa plan power`` with these words."""
    return CliRunner().invoke(app, ["power", *words.split()], env={"COLUMNS": "80"})


def test_plan_is_printed() -> None:
    """A table a measure, with nothing on the error stream but progress."""
    done = power(SMALL)
    assert done.exit_code == 0
    assert "Difference in stance of 0.4" in done.stdout
    assert "Excess divergence of 0.4 bits" in done.stdout
    assert done.stderr == ""


def test_json_is_json_alone() -> None:
    """With --json the output is one object."""
    content = json.loads(power(f"{SMALL} --json").stdout)
    assert content["question"]["frames"] == [4]
    assert {row["measure"] for row in content["needed"]} == {"stance", "excess"}
    assert all(row["power"] >= 0.8 for row in content["needed"])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("--models 1 --topics 5 --difference 0.1", "--models 1"),
        ("--models 2 --topics 5 --difference -0.1", "--difference -0.1"),
        ("--models 2 --topics 5 --difference nan", "--difference nan"),
        ("--models 2 --topics 0 --difference 0.1", "--topics 0"),
        ("--models 2 --topics 5 --difference 0.1 --frames four", "--frames four"),
        ("--models 2 --topics 5 --difference 0.1 --samples 1,-3", "--samples -3"),
    ],
)
def test_nonsense_is_a_wrong_use(words: str, names: str) -> None:
    """The error names the option, and nothing is simulated."""
    error = power(words).exception
    assert isinstance(error, UsageError)
    assert names in error.what


def test_components_of_a_run_that_is_not_there(tmp_path: Path) -> None:
    """--from of a missing file is an error of the run file."""
    error = power(f"{SMALL} --from {tmp_path / 'x.sqlite'}").exception
    assert isinstance(error, RunFileError)
    assert isinstance(error, DoxaError)
