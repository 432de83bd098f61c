"""The commands of ``doxa models``."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from probes.cli_models import app, terminal_progress
from prompts.errors import ModelError


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No models here, and no catalogue of the user's."""
    monkeypatch.setenv("DOXA_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


def test_list_shows_whole_ids_at_eighty_columns() -> None:
    """An id can be copied from the table, with who made the model and whether it is here."""
    shown = CliRunner().invoke(app, ["list"], env={"COLUMNS": "80"}).output
    for part in ("smollm2-135m-instruct", "gemma-3-270m", "qwen2.5-coder-0.5b-instruct"):
        assert part in shown
    assert shown.count("not here") == 3


def test_check_without_names_tolerates_what_is_missing(empty: Path) -> None:
    """A model that nobody pulled is no fault, unless it was asked for or is broken."""
    assert CliRunner().invoke(app, ["check"]).exit_code == 0
    asked = CliRunner().invoke(app, ["check", "gemma-3-270m"])
    assert isinstance(asked.exception, ModelError)
    assert "doxa models pull gemma-3-270m" in asked.exception.remedy
    empty.mkdir()
    (empty / "gemma-3-270m-q4_k_m.gguf").write_bytes(b"broken")
    broken = CliRunner().invoke(app, ["check"])
    assert isinstance(broken.exception, ModelError)
    assert "corrupt GGUF" in broken.output


def test_pull_of_an_unknown_name_fetches_nothing(empty: Path) -> None:
    """All names are looked up before the first byte is fetched."""
    result = CliRunner().invoke(app, ["pull", "gemma-3-270m", "gema"])
    assert isinstance(result.exception, ModelError)
    assert not empty.exists()


@pytest.mark.parametrize("command", ["list", "pull", "check"])
def test_help_has_an_example(command: str) -> None:
    """Every command's help ends with a line that can be typed."""
    assert f"Example: doxa models {command}" in CliRunner().invoke(app, [command, "--help"]).output


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_are_shown_as_text(terminal: bool) -> None:
    """Markup in a line is not obeyed, and a long one is not broken in a log."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=40, color_system=None)
    with terminal_progress(console) as progress:
        progress.say("[red]" + "x" * 60)
        for done in range(0, 101, 5):
            progress.advance(done, 100)
    assert "[red]" + "x" * 60 in out.getvalue()
    if not terminal:
        assert out.getvalue().count(" of 100 bytes") == 10
