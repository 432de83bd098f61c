"""The run file: one SQLite file that is the evidence of a run.

Schema changes are functions appended to ``MIGRATIONS``, never edits of an earlier one. An answer
is keyed by cell, weights and settings; probe and response are committed in one transaction; what
is committed is never asked again.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from prompts.errors import RunFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from probes.cell import Cell, ModelDescription, Option, Response

MAGIC = 0x646F7861  # "doxa", SQLite's application_id


def _create(db: sqlite3.Connection) -> None:
    tables = """
        CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE battery (path TEXT PRIMARY KEY, text TEXT NOT NULL);
        CREATE TABLE models (
            weights TEXT PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL,
            developer TEXT NOT NULL, country TEXT NOT NULL, licence TEXT NOT NULL,
            backend TEXT NOT NULL, quantisation TEXT NOT NULL, chat_template TEXT,
            base INTEGER NOT NULL, details TEXT NOT NULL
        );
        CREATE TABLE cells (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, topic TEXT NOT NULL, domain TEXT NOT NULL,
            tag TEXT NOT NULL, language TEXT NOT NULL, family TEXT NOT NULL, item TEXT NOT NULL,
            pole TEXT, frame TEXT NOT NULL, labels TEXT NOT NULL, forced INTEGER NOT NULL,
            option_order TEXT NOT NULL, prompt TEXT NOT NULL, options TEXT NOT NULL,
            pole_pro TEXT NOT NULL, pole_con TEXT NOT NULL
        );
        CREATE TABLE probes (
            id INTEGER PRIMARY KEY, cell TEXT NOT NULL REFERENCES cells (id),
            weights TEXT NOT NULL REFERENCES models (weights), settings TEXT NOT NULL,
            UNIQUE (weights, settings, cell)
        );
        CREATE TABLE responses (
            probe INTEGER PRIMARY KEY REFERENCES probes (id), ending TEXT NOT NULL,
            logprobs TEXT NOT NULL, text TEXT, reasoning TEXT, error TEXT,
            tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, seconds REAL NOT NULL
        );
        CREATE TABLE labels (
            probe INTEGER NOT NULL REFERENCES probes (id), classifier TEXT NOT NULL,
            version TEXT NOT NULL, outcome TEXT NOT NULL, probabilities TEXT NOT NULL,
            response_language TEXT, PRIMARY KEY (probe, classifier, version)
        )
    """
    for statement in tables.split(";"):
        db.execute(statement)


def _audit(db: sqlite3.Connection) -> None:
    db.execute(
        """
        CREATE TABLE audit_labels (
            id INTEGER PRIMARY KEY, probe INTEGER NOT NULL REFERENCES probes (id),
            annotator TEXT NOT NULL, outcome TEXT NOT NULL, labelled TEXT NOT NULL,
            UNIQUE (probe, annotator)
        )
        """
    )


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_create, _audit]


@contextlib.contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a run file for writing, make it where it is missing, and bring it up to date.

    While it is open the file is in WAL mode; closed, it is one plain file.

    Raises:
        RunFileError: the folder is not writable, the disk is full, or the file is no run file or
            one of a newer doxa.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path.absolute(), isolation_level=None)
    with contextlib.closing(db):
        with _explained(path):
            _check_magic(db, path)  # before anything in a file that may be another program's
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA wal_autocheckpoint = 16000")  # pages: fewer copies of the same ones
            db.execute("PRAGMA cache_size = -65536")  # KiB
            db.execute("PRAGMA foreign_keys = ON")
            _migrate(db)
        try:
            with _explained(path):
                yield db
        finally:
            with contextlib.suppress(sqlite3.Error):
                db.execute("PRAGMA journal_mode = DELETE")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a run file for reading only; one of an older doxa is brought up to date first.

    Raises:
        RunFileError: there is no such file, it is no run file or one of a newer doxa, or it is an
            older one that cannot be written.
    """
    if not path.is_file():
        raise RunFileError(f"There is no run file {path}.", "Make one with `doxa run`.")
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        with _explained(path):
            _check_magic(db, path)
            if not _version(db):
                raise RunFileError(f"{path} holds no run.", "Make one with `doxa run`.")
            if _version(db) < len(MIGRATIONS):
                with writing(path):
                    pass
        with _explained(path):
            yield db
    finally:
        db.close()


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFileError(
            f"{path} cannot be written ({error.strerror}).",
            "Name a folder that you may write to with --out.",
        ) from error
    except sqlite3.Error as error:
        message = str(error)
        if "full" in message:
            raise RunFileError(
                f"The disk is full; {path} keeps all that was stored before.",
                "Free some space and give the same command again: it continues.",
            ) from error
        if "locked" in message:
            raise RunFileError(
                f"{path} is being written by another run.", "Wait for it, or name another file."
            ) from error
        if "not a database" in message or "malformed" in message:
            raise RunFileError(
                f"{path} is no run file, or damaged ({message}).",
                "Name another file, or restore a copy.",
            ) from error
        raise RunFileError(
            f"{path} cannot be used ({message}).",
            "Check that the file and its folder are yours to write and not on a broken disk.",
        ) from error


def _check_magic(db: sqlite3.Connection, path: Path) -> None:
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    magic = db.execute("PRAGMA application_id").fetchone()[0]
    if tables and magic != MAGIC:
        raise RunFileError(
            f"{path} is an SQLite file, but not doxa's.", "Name another file with --out."
        )
    if _version(db) > len(MIGRATIONS):
        raise RunFileError(
            f"{path} was written by a newer doxa.", "Update doxa, or name another file."
        )


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _migrate(db: sqlite3.Connection) -> None:
    with transaction(db):
        for number in range(_version(db), len(MIGRATIONS)):
            MIGRATIONS[number](db)
            db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute(f"PRAGMA application_id = {MAGIC}")


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def set_manifest(db: sqlite3.Connection, **entries: Any) -> None:
    """Write manifest entries, as JSON."""
    db.executemany(
        "INSERT OR REPLACE INTO manifest VALUES (?, ?)",
        [(key, json.dumps(value, ensure_ascii=False)) for key, value in entries.items()],
    )


def manifest(db: sqlite3.Connection) -> dict[str, Any]:
    """All manifest entries.

    Raises:
        RunFileError: one is no JSON.
    """
    try:
        return {key: json.loads(value) for key, value in db.execute("SELECT * FROM manifest")}
    except ValueError as error:
        raise RunFileError(
            f"The run file's manifest cannot be read ({error}).", "Restore the file from a copy."
        ) from error


def set_battery(
    db: sqlite3.Connection, name: str, version: str, files: dict[str, str], path: Path
) -> None:
    """Keep the battery's full text, or refuse a battery other than the one kept.

    A run may grow by languages and topics; what it was asked with does not change.

    Raises:
        RunFileError: the run was made with another battery, version or text.
    """
    stored = manifest(db)
    if "battery" in stored:
        before = f"{stored['battery']} {stored['battery_version']}"
        if before != f"{name} {version}":
            raise RunFileError(
                f"{path} was asked with {before}, not with {name} {version}.",
                "Write to a new file with --out, or ask with the battery that it holds.",
            )
        kept = dict(db.execute("SELECT path, text FROM battery"))
        changed = sorted(p for p, text in files.items() if kept.get(p, text) != text)
        if changed:
            raise RunFileError(
                f"{path} was asked with another text of {', '.join(changed)} under the same "
                f"version {version}.",
                "Write to a new file with --out, and give the changed battery a new version.",
            )
    set_manifest(db, battery=name, battery_version=version)
    db.executemany("INSERT OR IGNORE INTO battery VALUES (?, ?)", files.items())


def add_model(db: sqlite3.Connection, model: ModelDescription) -> None:
    """Keep a model's description; the weights' hash is its key."""
    db.execute(
        "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            model.weights,
            model.id,
            model.name,
            model.developer,
            model.country,
            model.licence,
            model.backend,
            model.quantisation,
            model.chat_template,
            model.base,
            json.dumps(model.details, ensure_ascii=False, sort_keys=True),
        ),
    )


def add_cells(db: sqlite3.Connection, cells: Iterable[Cell]) -> None:
    """Keep the cells of a plan; those that are kept already stay as they are."""
    kept = {cell for (cell,) in db.execute("SELECT id FROM cells")}
    db.executemany(
        "INSERT OR IGNORE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                cell.id,
                cell.kind,
                cell.topic,
                cell.domain,
                cell.tag,
                cell.language,
                cell.family,
                cell.item,
                cell.pole,
                cell.frame,
                cell.labels,
                cell.forced,
                cell.order,
                cell.prompt,
                _as_json(cell.options),
                *cell.poles,
            )
            for cell in cells
            if cell.id not in kept
        ),
    )


@lru_cache(maxsize=1024)  # neighbouring cells have the same options
def _as_json(options: tuple[Option, ...]) -> str:
    return json.dumps([asdict(option) for option in options], ensure_ascii=False)


def answered(db: sqlite3.Connection, weights: str, settings: str) -> set[str]:
    """Ids of the cells that a model has answered under these settings, errors not counted."""
    rows = db.execute(
        "SELECT cell FROM probes JOIN responses ON probe = id "
        "WHERE weights = ? AND settings = ? AND ending != 'error'",
        (weights, settings),
    )
    return {cell for (cell,) in rows}


def add_responses(
    db: sqlite3.Connection, weights: str, settings: str, responses: Sequence[Response]
) -> None:
    """Commit responses, each with its probe, in one transaction; an earlier error is replaced."""
    probes = [(weights, settings, response.cell) for response in responses]
    with transaction(db):
        db.executemany(
            "INSERT OR IGNORE INTO probes (weights, settings, cell) VALUES (?, ?, ?)", probes
        )
        db.executemany(
            "INSERT OR REPLACE INTO responses SELECT id, ?, ?, ?, ?, ?, ?, ?, ? FROM probes "
            "WHERE weights = ? AND settings = ? AND cell = ?",
            [
                (
                    response.ending,
                    json.dumps(response.logprobs),
                    response.text,
                    response.reasoning,
                    response.error,
                    response.tokens_in,
                    response.tokens_out,
                    response.seconds,
                    *probe,
                )
                for response, probe in zip(responses, probes, strict=True)
            ],
        )


@dataclass(frozen=True)
class Progress:
    """How far one model is in a run."""

    model: str
    settings: str
    answered: int
    errors: int
    seconds: float


def progress(db: sqlite3.Connection) -> list[Progress]:
    """What is stored, by model and settings."""
    rows = db.execute(
        "SELECT models.id, settings, sum(ending != 'error'), sum(ending = 'error'), sum(seconds) "
        "FROM probes JOIN responses ON probe = probes.id JOIN models USING (weights) "
        "GROUP BY weights, settings ORDER BY models.id, settings"
    )
    return [Progress(*row) for row in rows]
