"""Models judge the open responses of a run, and their labels are kept in its file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from analysis.classify.judge import Unjudged, Verdict
from analysis.classify.judge_panel import sit
from analysis.classify.labels import Label
from analysis.labelling import choose, keep, unlabelled
from probes import runfile
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from analysis.classify.judge_panel import Panel
    from probes.catalogue import ModelEntry
    from probes.engine import Watch

NOBODY = ("", "")  # no classifier's name and version: every response lacks its label


def judge_run(path: Path, entries: Sequence[ModelEntry], watch: Watch) -> Panel:
    """Let models judge the open responses of a run, and let their labels count from then on.

    What a judge has said before is in the run file and not asked again. Where there are several
    judges, each one's labels are kept, and those of the majority count.

    Raises:
        RunFileError: there is no such run file, or it cannot be written.
        AnalysisError: the run has no open response.
        DoxaError: a judge cannot be opened, or cannot go on; what it said so far is kept.
    """
    answers = unlabelled(path, NOBODY)
    if not answers:
        raise AnalysisError(
            f"{path} has no open response to judge.",
            "Ask open questions or tasks with `doxa run --kinds open,task`, then label again.",
        )
    panel = sit(entries, answers, watch, _Kept(path))
    labels = [label for label in panel.labels if isinstance(label, Label)]
    if not labels:
        unjudged = next(label for label in panel.labels if isinstance(label, Unjudged))
        raise AnalysisError(
            f"No response of {path} could be judged. {unjudged.error}",
            "Name another judge; `doxa models list` shows the models.",
        )
    with runfile.writing(path) as db, runfile.transaction(db):
        keep(db, panel.name, panel.version, labels)
        choose(db, panel.name, panel.version)
        runfile.set_manifest(db, judges=json.loads(panel.figures.to_json(orient="records")))
    return panel


class _Kept:
    """The labels of single judges in a run file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def known(self, name: str, version: str) -> dict[str, Verdict]:
        with runfile.reading(self._path) as db:
            rows = db.execute(
                "SELECT probe, probabilities FROM labels WHERE classifier = ? AND version = ?",
                (name, version),
            ).fetchall()
        return {str(probe): Verdict(json.loads(said)) for probe, said in rows}

    def keep(self, name: str, version: str, labels: Sequence[Label]) -> None:
        with runfile.writing(self._path) as db, runfile.transaction(db):
            keep(db, name, version, labels)
