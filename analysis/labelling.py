"""Labels the open responses of a run file that have none yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from analysis.classify.labels import NAME, VERSION, Answer
from probes import runfile

if TYPE_CHECKING:
    from pathlib import Path

_UNLABELLED = """
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
    with runfile.reading(path) as db:
        rows = db.execute(_UNLABELLED, (NAME, VERSION)).fetchall()
    if not rows:
        return 0
    from analysis.classify.classify import classify

    answers = [
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
    labels = [
        (
            int(label.id),
            NAME,
            VERSION,
            label.outcome,
            json.dumps(label.probabilities, sort_keys=True),
            label.response_language,
        )
        for label in classify(answers)
    ]
    with runfile.writing(path) as db, runfile.transaction(db):
        db.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?, ?, ?)", labels)
    return len(labels)
