"""What people say that responses are, kept in the run file: one label a probe and annotator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from probes import runfile

if TYPE_CHECKING:
    from pathlib import Path


def set_label(path: Path, probe: int, annotator: str, outcome: str) -> None:
    """Keep a label; an earlier one of the same annotator is replaced.

    It is committed, and the run file is one plain file again, when this returns.

    Raises:
        RunFileError: the file cannot be written, or holds no such probe.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with runfile.writing(path) as db, runfile.transaction(db):
        db.execute(
            "INSERT OR REPLACE INTO audit_labels (probe, annotator, outcome, labelled)"
            " VALUES (?, ?, ?, ?)",
            (probe, annotator, outcome, now),
        )


def remove_label(path: Path, probe: int, annotator: str) -> None:
    """Forget a label; nothing happens where there is none.

    Raises:
        RunFileError: the file cannot be written.
    """
    with runfile.writing(path) as db, runfile.transaction(db):
        db.execute("DELETE FROM audit_labels WHERE probe = ? AND annotator = ?", (probe, annotator))


def labels(path: Path) -> list[tuple[int, str, str]]:
    """Probe, annotator and outcome of every label, in the order in which they were given.

    Raises:
        RunFileError: the file cannot be read.
    """
    with runfile.reading(path) as db:
        return db.execute(
            "SELECT probe, annotator, outcome FROM audit_labels ORDER BY id"
        ).fetchall()
