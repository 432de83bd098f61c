"""The classifier's scores on a terminal."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from rich.console import Console

from analysis.classify.evaluate import Evaluation
from analysis.classify.scores import scores
from reports.score_table import print_evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.classify.measured import Measured


def printed(evaluation: Evaluation, *, terminal: bool, width: int) -> list[str]:
    """The lines that are printed."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, no_color=True)
    print_evaluation(evaluation, console)
    style = r"\x1b\[\d*m" if terminal else "(?!)"
    return re.sub(style, "", out.getvalue()).splitlines()


@pytest.fixture(name="evaluation")
def _evaluation(errors_in: Callable[..., Measured]) -> Evaluation:
    known = errors_in(("zh-Hant",))
    figures = pd.DataFrame([scores(known.counts["zh-Hant"]) | known.figures.iloc[0].to_dict()])
    figures.insert(0, "language", "zh-Hant")
    return Evaluation({code: table.astype(int) for code, table in known.counts.items()}, figures)


@pytest.mark.parametrize("terminal", [False, True])
def test_scores_and_what_is_taken_for_what(evaluation: Evaluation, terminal: bool) -> None:
    """In eighty columns nothing is cut: scores with intervals, recalls, and every mistake."""
    lines = printed(evaluation, terminal=terminal, width=80)
    assert all("…" not in line and len(line.rstrip()) <= 80 for line in lines)
    text = " ".join(" ".join(lines).split())
    assert "140 90% 0.90 0.92 93% 98.9% 0.04 (traditional) [" in text
    refuses = next(line.split() for line in lines if line.split()[:1] == ["refuses"])
    assert refuses == ["refuses", "20", "0.90", "0.90", "·", "·", "·", "·", "18", "2", "·"]


def test_without_a_terminal_there_are_no_rules(evaluation: Evaluation) -> None:
    """Output for a file is plain text."""
    assert not set("━─\x1b") & set("".join(printed(evaluation, terminal=False, width=80)))
