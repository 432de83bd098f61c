"""The command `doxa audit` as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes import runfile

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Doxa = Callable[..., subprocess.CompletedProcess[str]]


def test_help_has_an_example(doxa: Doxa) -> None:
    """The help says how it is typed and what happens to labels."""
    done = doxa("audit", "--help")
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    assert "Example: doxa audit runs/x.sqlite --sample 200" in words
    assert "stored in the run file at once" in words


WRONG = {
    "no run": (["none.sqlite"], 1, "There is no run file none.sqlite"),
    "no open response": (["empty.sqlite"], 1, "no open response"),
    "not a run file": (["text.sqlite"], 1, "no run file, or damaged"),
    "empty sample": (["empty.sqlite", "--sample", "0"], 2, "--sample"),
    "negative seed": (["empty.sqlite", "--seed", "-1"], 2, "--seed"),
    "no such port": (["empty.sqlite", "--port", "65536"], 2, "--port"),
    "empty name": (["empty.sqlite", "--annotator", " "], 2, "annotator"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_audited_is_one_line(case: str, doxa: Doxa, tmp_path: Path) -> None:
    """It says what is wrong and what to do, serves nothing, and leaves other files alone."""
    words, status, fault = WRONG[case]
    with runfile.writing(tmp_path / "empty.sqlite"):
        pass
    (tmp_path / "text.sqlite").write_text("a table that somebody wrote\n" * 99)
    done = doxa("audit", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("doxa: ")
    assert done.stderr.count("\n") == 1
    assert fault in done.stderr
    assert not (tmp_path / "none.sqlite").exists()
    assert (tmp_path / "text.sqlite").read_text().startswith("a table")
