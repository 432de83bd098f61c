"""Labels the open responses of a run file that have none yet, and says whose labels count."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from analysis.classify.labels import NAME, VERSION, Answer, Label
from probes import runfile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

_ANSWERS = """
    SELECT probes.id, language, prompt, text, pole_pro, pole_con, ending
    FROM probes JOIN responses ON probe = probes.id JOIN cells ON cells.id = cell
    WHERE text IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM labels
        WHERE labels.probe = probes.id AND classifier = ? AND version = ?
    )
    ORDER BY probes.id
"""


def label_run(path: Path) -> int:
    """Classify what has not been classified by this version, and keep the labels in the run file.

    Returns:
        How many responses were labelled now; the file is not opened for writing if it is none.

    Raises:
        RunFileError: there is no such run file, or it cannot be written.
    """
    answers = unlabelled(path, (NAME, VERSION))
    if not answers:
        return 0
    from analysis.classify.classify import classify

    labels = list(classify(answers))
    with runfile.writing(path) as db, runfile.transaction(db):
        keep(db, NAME, VERSION, labels)
        choose(db, NAME, VERSION)
    return len(labels)


def choose_trained(path: Path) -> int:
    """Let the labels of the classifier that comes with doxa count again.

    Returns:
        As `label_run`, which comes first.

    Raises:
        RunFileError: there is no such run file, or it cannot be written.
    """
    labelled = label_run(path)
    with runfile.writing(path) as db, runfile.transaction(db):
        choose(db, NAME, VERSION)
    return labelled


def unlabelled(path: Path, classifier: tuple[str, str]) -> list[Answer]:
    """The responses that a classifier of some name and version has not labelled."""
    with runfile.reading(path) as db:
        rows = db.execute(_ANSWERS, classifier).fetchall()
    return [
        Answer(
            id=str(probe),
            language=language,
            prompt=prompt,
            response=text,
            pro=pro or None,
            con=con or None,
            ending=ending,
        )
        for probe, language, prompt, text, pro, con, ending in rows
    ]


def keep(db: sqlite3.Connection, name: str, version: str, labels: Iterable[Label]) -> None:
    """Store labels under the name and version of who gave them."""
    db.executemany(
        "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                int(label.id),
                name,
                version,
                label.outcome,
                json.dumps(label.probabilities, sort_keys=True),
                label.response_language,
            )
            for label in labels
        ],
    )


def choose(db: sqlite3.Connection, name: str, version: str) -> None:
    """Let these labels count: reports and tables are made from them."""
    runfile.set_manifest(db, classifier=[name, version])
