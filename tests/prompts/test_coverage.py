"""The table of what stands in which language, and the one that the README shows."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from prompts.coverage import KINDS, coverage, coverage_table
from prompts.load import BATTERIES, load_battery

if TYPE_CHECKING:
    from pathlib import Path

README = BATTERIES.parent / "README.md"


def test_readme_shows_what_the_command_prints(tmp_path: Path) -> None:
    """The table between the README's markers is the command's output, to the letter."""
    shown = README.read_text("utf-8").split("<!-- coverage -->")[1].split("<!-- /coverage -->")[0]
    printed = subprocess.run(
        [sys.executable, "-c", "from probes.cli import main; main()", "battery", "table", "core"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(BATTERIES.parents[1]), "PYTHONUTF8": "1"},
    )
    assert shown.strip().splitlines() == printed.stdout.decode("utf-8").strip().splitlines()


def test_core_has_no_hole() -> None:
    """Every language has every topic of every kind that the English has."""
    counted = coverage(load_battery("core"))
    assert all(row == counted["en"] for row in counted.values())
    assert all(counted["en"].values())


def test_small_battery_is_counted(small: Path) -> None:
    """Each text counts under one kind, and a topic counts once."""
    counted = coverage(load_battery(str(small)))
    assert list(counted) == ["en", "zh"]
    assert tuple(counted["zh"]) == KINDS
    assert counted["zh"] == {
        "statements": 1,
        "mirrored": 1,
        "poles and questions": 3,
        "open": 1,
        "education": 0,
        "law": 1,
        "medicine": 0,
        "controls": 1,
    }


def test_missing_text_leaves_a_hole(small: Path) -> None:
    """A topic that lacks one statement in a language is not counted there."""
    battery = load_battery(str(small))
    zh = battery.languages["zh"]
    tea = {key: text for key, text in zh.texts["tea"].items() if key != "s2.con"}
    broken = replace(
        battery,
        languages={
            **battery.languages,
            "zh": zh.model_copy(update={"texts": {**zh.texts, "tea": tea}}),
        },
    )
    assert coverage(broken)["zh"] == {**coverage(battery)["zh"], "statements": 0}
    assert "`zh` | 0 | 1 | 3 |" in coverage_table(broken)
