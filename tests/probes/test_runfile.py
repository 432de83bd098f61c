"""The run file: what is committed stays, and what is no run file is left alone."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from probes import runfile
from probes.cell import Cell, ModelDescription, Option, Response
from prompts.errors import RunFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = ModelDescription(
    id="toy", name="Toy", developer="Nobody", country="Nowhere", licence="MIT", backend="simulated",
    weights="w" * 64, quantisation="none", chat_template=None, base=False, details={"größe": 1},
)  # fmt: skip
CELL = Cell(
    kind="agree", topic="tea", domain="drinks", tag="contested", language="zh", family="tea/s1",
    item="tea/s1.con", pole="con", frame="agree-p1-letters-forced", labels="letters", forced=True,
    order="forward", head="头", stem="茎", suffix="尾", poles=("茶", "咖啡"),
    options=(Option("A", "同意", -1.0, ("Ａ",)), Option("B", "反对", 1.0), Option("C", "-", None)),
)  # fmt: skip
ANSWER = Response(cell=CELL.id, ending="complete", logprobs=(-0.1, -2.5, -9.0), tokens_in=7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a run file is to be."""
    return tmp_path / "runs" / "x.sqlite"


@contextlib.contextmanager
def holding(path: Path, *cells: Cell) -> Iterator[sqlite3.Connection]:
    """A run file with a model and cells."""
    with runfile.writing(path) as db:
        runfile.add_model(db, MODEL)
        runfile.add_cells(db, cells or [CELL])
        yield db


def stored(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Settings, cell and ending of every response."""
    return db.execute(
        "SELECT settings, cell, ending FROM probes JOIN responses ON probe = id ORDER BY id"
    ).fetchall()


def test_empty_file_becomes_a_run_file(path: Path) -> None:
    """It is made with its folder, marked as doxa's, and of the newest schema."""
    path.parent.mkdir()
    path.touch()
    with runfile.writing(path) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        assert {"manifest", "battery", "models", "cells", "probes", "responses", "labels"} <= tables
        assert db.execute("PRAGMA application_id").fetchone() == (runfile.MAGIC,)
        assert db.execute("PRAGMA user_version").fetchone() == (len(runfile.MIGRATIONS),)
    with runfile.reading(path) as db:
        assert runfile.manifest(db) == {}


def test_closed_file_is_one_plain_file(path: Path) -> None:
    """The write-ahead log stands beside the file only while it is open."""
    with holding(path):
        assert path.with_name("x.sqlite-wal").exists()
    assert [file.name for file in path.parent.iterdir()] == ["x.sqlite"]
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_closed_file_is_plain_after_an_error_too(path: Path) -> None:
    """What stops a run does not leave its log behind, and what was committed stays."""

    def stops() -> None:
        with holding(path) as db:
            runfile.add_responses(db, MODEL.weights, "s", [ANSWER])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stops()
    assert [file.name for file in path.parent.iterdir()] == ["x.sqlite"]
    with runfile.reading(path) as db:
        assert len(stored(db)) == 1


def test_migrations_bring_an_older_file_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of today is read at once by a doxa with one migration more."""
    with holding(path) as db:
        runfile.add_responses(db, MODEL.weights, "s", [ANSWER])
    monkeypatch.setattr(
        runfile,
        "MIGRATIONS",
        [*runfile.MIGRATIONS, lambda db: db.execute("ALTER TABLE cells ADD COLUMN colour TEXT")],
    )
    with runfile.reading(path) as db:
        assert db.execute("SELECT id, colour FROM cells").fetchall() == [(CELL.id, None)]
        assert len(stored(db)) == 1


def test_migration_that_stops_halfway_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose making was interrupted can be made by the next command."""

    def stops(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (x)")
        raise KeyboardInterrupt

    whole = runfile.MIGRATIONS
    monkeypatch.setattr(runfile, "MIGRATIONS", [*whole, stops])
    with pytest.raises(KeyboardInterrupt), runfile.writing(path):
        pass
    monkeypatch.setattr(runfile, "MIGRATIONS", whole)
    with holding(path) as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchall()


def test_newer_file_is_refused_and_left_alone(path: Path) -> None:
    """A file of a later doxa is neither read nor written."""
    with holding(path) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    for opened in (runfile.reading, runfile.writing):
        with pytest.raises(RunFileError, match="newer doxa"), opened(path):
            pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_foreign_database_is_refused_and_left_alone(path: Path, mode: str) -> None:
    """Another program's SQLite file is not written to, not even in its journal mode."""
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.execute("CREATE TABLE bookmarks (url)")
        db.commit()
    before = path.read_bytes()
    for opened in (runfile.reading, runfile.writing):
        with pytest.raises(RunFileError, match="not doxa's"), opened(path):
            pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"id,language\n" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    """A table somebody wrote is not overwritten by a misspelt --out."""
    path.parent.mkdir()
    path.write_bytes(content)
    for opened in (runfile.reading, runfile.writing):
        with pytest.raises(RunFileError) as caught, opened(path):
            pass
        assert str(path) in caught.value.what
    assert path.read_bytes() == content


def test_cut_off_file_is_an_error(path: Path) -> None:
    """A half copied run file says that it is damaged."""
    with holding(path, *(replace(CELL, stem=f"{i}" * 500) for i in range(50))):
        pass
    path.write_bytes(path.read_bytes()[: 3 * 4096])
    with pytest.raises(RunFileError, match="damaged"), runfile.reading(path) as db:
        db.execute("SELECT * FROM cells").fetchall()


def test_missing_file_is_not_made_by_reading(path: Path) -> None:
    """Asking for the state of a run that does not exist makes no file."""
    with pytest.raises(RunFileError, match="no run file"), runfile.reading(path):
        pass
    assert not path.parent.exists()


@pytest.mark.parametrize("name", [":memory:", "a b?c#d%20.sqlite", "файл.sqlite", "file:x"])
def test_any_name_is_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No name means anything else than a file of that name."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path.joinpath(name).relative_to(tmp_path)
    with holding(path) as db:
        runfile.add_responses(db, MODEL.weights, "s", [ANSWER])
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with runfile.reading(path) as db:
        assert len(stored(db)) == 1


def test_reading_writes_nothing(path: Path) -> None:
    """An opened run file cannot be changed through it."""
    with holding(path):
        pass
    with (
        pytest.raises(RunFileError, match="readonly"),
        runfile.reading(path) as db,
    ):
        db.execute("DELETE FROM cells")


def test_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A folder below a file, a folder in place of the file: one clear error each."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "x.sqlite", tmp_path / "file" / "a" / "x.sqlite", tmp_path):
        with pytest.raises(RunFileError) as caught, runfile.writing(path):
            pass
        assert str(path) in caught.value.what
        assert caught.value.remedy


def fill(db: sqlite3.Connection) -> None:
    """Store answers, one transaction each, until there is no room."""
    for number in range(10_000):
        cell = replace(CELL, stem=f"{number} " + "x" * 500)
        runfile.add_cells(db, [cell])
        runfile.add_responses(db, MODEL.weights, "s", [replace(ANSWER, cell=cell.id)])


def test_full_disk_keeps_what_was_stored(path: Path) -> None:
    """The error says so, the file is whole, and with room again the run goes on."""

    def fills_up() -> None:
        with holding(path) as db:
            db.execute("PRAGMA max_page_count = 60")
            fill(db)

    with pytest.raises(RunFileError, match=r"disk is full.*keeps all that was stored"):
        fills_up()
    with runfile.writing(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = len(stored(db))
        assert kept > 50
        runfile.add_responses(db, MODEL.weights, "other", [ANSWER])
        assert len(stored(db)) == kept + 1


FILL = """
import resource, sys
from pathlib import Path
from prompts.errors import RunFileError
sys.path.insert(0, sys.argv[2])
import test_runfile
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
    with test_runfile.holding(Path(sys.argv[1])) as db:
        test_runfile.fill(db)
except RunFileError as error:
    print(error)
"""


def test_file_that_may_not_grow_keeps_what_was_stored(
    path: Path, request: pytest.FixtureRequest
) -> None:
    """A limit that the system itself sets is met like a full disk: one error, a whole file."""
    done = subprocess.run(
        [sys.executable, "-c", FILL, path, request.path.parent],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert str(path) in done.stdout
    with runfile.writing(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert len(stored(db)) > 10


def test_file_in_use_is_said_to_be_in_use(path: Path) -> None:
    """While another program holds the file, the error names the reason."""
    with holding(path):
        pass

    def both_write() -> None:
        with (
            contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
            runfile.writing(path) as db,
        ):
            other.execute("BEGIN IMMEDIATE")
            db.execute("PRAGMA busy_timeout = 10")
            runfile.add_responses(db, MODEL.weights, "s", [ANSWER])

    with pytest.raises(RunFileError, match="another run"):
        both_write()


def test_battery_of_a_run_does_not_change(path: Path) -> None:
    """Another battery, version or text is refused; other files of the same battery are added."""
    files = {"battery.yaml": "a", "topics/tea.yaml": "b"}
    with runfile.writing(path) as db:
        runfile.set_battery(db, "core", "1.0.0", files, path)
        runfile.set_battery(db, "core", "1.0.0", {"battery.yaml": "a", "new.yaml": "c"}, path)
        for name, version, changed, fault in (
            ("mine", "1.0.0", files, "asked with core 1.0.0, not with mine 1.0.0"),
            ("core", "1.0.1", files, "asked with core 1.0.0, not with core 1.0.1"),
            ("core", "1.0.0", files | {"topics/tea.yaml": "B"}, "another text of topics/tea.yaml"),
        ):
            with pytest.raises(RunFileError) as caught:
                runfile.set_battery(db, name, version, changed, path)
            assert fault in caught.value.what
            assert "--out" in caught.value.remedy
        assert dict(db.execute("SELECT * FROM battery")) == files | {"new.yaml": "c"}
        assert runfile.manifest(db) == {"battery": "core", "battery_version": "1.0.0"}


def test_manifest_keeps_plain_data(path: Path) -> None:
    """What is written comes back, and a later value takes the place of an earlier."""
    with runfile.writing(path) as db:
        runfile.set_manifest(db, a=[1, {"ü": None}], b="x")
        runfile.set_manifest(db, b=0.5)
        assert runfile.manifest(db) == {"a": [1, {"ü": None}], "b": 0.5}
        db.execute("INSERT INTO manifest VALUES ('c', 'no JSON')")
        with pytest.raises(RunFileError, match="manifest"):
            runfile.manifest(db)


def test_answers_are_keyed_by_weights_and_settings(path: Path) -> None:
    """The same cell asked of other weights, or with other settings, is another answer."""
    other = replace(MODEL, weights="v" * 64)
    with holding(path) as db:
        runfile.add_model(db, other)
        runfile.add_responses(db, MODEL.weights, "s", [ANSWER])
        assert runfile.answered(db, MODEL.weights, "s") == {CELL.id}
        assert runfile.answered(db, MODEL.weights, "t") == set()
        assert runfile.answered(db, other.weights, "s") == set()
        runfile.add_responses(db, other.weights, "s", [ANSWER])
        runfile.add_responses(db, MODEL.weights, "t", [ANSWER])
        assert len(stored(db)) == 3


def test_error_is_asked_again_and_replaced(path: Path) -> None:
    """An error is no answer; the answer that follows takes its place, and nothing is twice."""
    error = Response(cell=CELL.id, ending="error", error="too long")
    with holding(path) as db:
        runfile.add_responses(db, MODEL.weights, "s", [error])
        assert runfile.answered(db, MODEL.weights, "s") == set()
        assert [(row.answered, row.errors) for row in runfile.progress(db)] == [(0, 1)]
        runfile.add_responses(db, MODEL.weights, "s", [ANSWER])
        assert stored(db) == [("s", CELL.id, "complete")]
        assert db.execute("SELECT error, logprobs FROM responses").fetchone() == (
            None,
            json.dumps(ANSWER.logprobs),
        )
        assert [(row.answered, row.errors) for row in runfile.progress(db)] == [(1, 0)]


def test_probe_and_response_are_stored_together_or_not_at_all(path: Path) -> None:
    """Of several responses, one of which belongs to no cell, none is stored."""
    with holding(path) as db:
        with pytest.raises(sqlite3.IntegrityError):
            runfile.add_responses(db, MODEL.weights, "s", [ANSWER, replace(ANSWER, cell="none")])
        assert db.execute("SELECT count(*) FROM probes").fetchone() == (0,)
        runfile.add_responses(db, MODEL.weights, "s", [ANSWER])
        assert len(stored(db)) == 1


def test_cells_and_models_are_kept_whole(path: Path) -> None:
    """Every field of a cell and a model can be read back; adding them again changes nothing."""
    with holding(path) as db:
        runfile.add_responses(db, MODEL.weights, "s", [ANSWER])
        runfile.add_cells(db, [CELL])
        runfile.add_model(db, replace(MODEL, name="Toy, renamed"))
        db.row_factory = sqlite3.Row
        (cell,) = db.execute("SELECT * FROM cells").fetchall()
        assert cell["prompt"] == CELL.prompt == "头茎尾"
        assert (cell["pole"], cell["forced"], cell["option_order"]) == ("con", 1, "forward")
        assert (cell["pole_pro"], cell["pole_con"]) == CELL.poles
        assert json.loads(cell["options"])[0] == {
            "label": "A",
            "text": "同意",
            "value": -1.0,
            "also": ["Ａ"],
        }
        (model,) = db.execute("SELECT * FROM models").fetchall()
        assert (model["name"], model["weights"]) == ("Toy, renamed", MODEL.weights)
        assert json.loads(model["details"]) == {"größe": 1}


def test_damaged_text_of_an_answer_is_kept_as_it_came(path: Path) -> None:
    """Control characters, quotes and long texts are stored, not obeyed."""
    text = "\x1b[2J'); DROP TABLE cells; --\0<script>" + "x" * 100_000
    with holding(path) as db:
        runfile.add_responses(
            db, MODEL.weights, "s", [Response(cell=CELL.id, ending="complete", text=text)]
        )
        assert db.execute("SELECT text FROM responses").fetchone() == (text,)
