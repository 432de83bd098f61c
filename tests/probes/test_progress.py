"""How far a run is, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from probes import progress


def told(*, terminal: bool, every: float, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is shown of a model that was asked 3 of 10 cells before, and is stopped at 9."""
    monkeypatch.setattr(progress, "PLAIN_EVERY", every)
    out = io.StringIO()
    watch = progress.watch(Console(file=out, force_terminal=terminal, width=100))
    watch.start("toy-1b", 3, 10)
    watch.advance(2)
    watch.advance(4)
    watch.finish()
    return out.getvalue()


def test_plain_lines_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script's log gets one line at the beginning and one at the end."""
    shown = told(terminal=False, every=1e9, monkeypatch=monkeypatch)
    assert shown.splitlines() == [
        "toy-1b: 3 of 10 cells answered before",
        "toy-1b: 9/10 in 0 s",
    ]


def test_plain_lines_say_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then a line says how fast it goes; cells answered before are no part of the rate."""
    shown = told(terminal=False, every=0, monkeypatch=monkeypatch)
    assert "toy-1b: 5/10, " in shown
    assert shown.count("s left") == 2


def test_terminal_gets_a_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the model's line is drawn over, and its last state stays."""
    shown = told(terminal=True, every=0, monkeypatch=monkeypatch)
    assert "\x1b" in shown
    assert "toy-1b" in shown
    assert " 9/10" in shown
