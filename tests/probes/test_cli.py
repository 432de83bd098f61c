"""The installed command, as a user and a script call it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest

from probes import runfile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Doxa = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = [
    "run", "status", "compare", "report", "export", "classify", "label", "audit", "plan power",
    "models list", "models pull", "models check", "battery show", "battery check",
]  # fmt: skip
SIMULATED = '[[model]]\nid = "{}"\nbackend = "simulated"\n'
ITEM = '{"id": "x", "language": "en", "topic": "mine", "prompt": "Cats?", "options": ["yes", "no"], "values": [1, -1]}\n'  # noqa: E501


@pytest.fixture(autouse=True)
def here(tmp_path: Path, small: Path) -> Path:
    """A folder with two simulated models, a small battery and an item."""
    assert small.parent == tmp_path
    (tmp_path / "models.toml").write_text(SIMULATED.format("one") + SIMULATED.format("two"))
    (tmp_path / "mine.jsonl").write_text(ITEM)
    return tmp_path


def one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The only line of an error, after checking that it is the only one."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("doxa: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("\n")
    return done.stderr


@pytest.mark.parametrize("words", COMMANDS)
def test_help_has_an_example(words: str, doxa: Doxa) -> None:
    """Every command's help says how it is typed, and succeeds."""
    done = doxa(*words.split(), "--help")
    assert done.returncode == 0
    assert f"Example: doxa {words}" in " ".join(done.stdout.split())
    assert done.stderr == ""


@pytest.mark.parametrize("words", ["--help", "models --help", "battery --help"])
def test_help_of_a_group_lists_its_commands(words: str, doxa: Doxa) -> None:
    """The overview names every command."""
    done = doxa(*words.split())
    assert done.returncode == 0
    for command in COMMANDS:
        group, _, last = command.rpartition(" ")
        if group == words.removesuffix("--help").strip():
            assert last in done.stdout


RUN = "run --battery small --models one --out x.sqlite"
WRONG_USE = {
    "no such command": ("launch", "launch"),
    "no such option": ("run --colour red", "--colour"),
    "missing option": ("run --out x.sqlite", "--models"),
    "missing argument": ("status", "RUN"),
    "no run file named": ("run --battery small --models one", "--out"),
    "no model named": ("run --battery small --models , --out x.sqlite", "--models"),
    "limit nought": (f"{RUN} --limit 0", "--limit"),
    "limit is a word": (f"{RUN} --limit few", "--limit"),
    "negative seed": (f"{RUN} --seed -1", "--seed"),
    "hot": (f"{RUN} --temperature 9", "--temperature"),
    "no tokens": (f"{RUN} --max-tokens 0", "--max-tokens"),
    "precision": (f"{RUN} --precision int8", "--precision"),
    "unknown language": (f"{RUN} --languages en,zhh", "no language “zhh”. Did you mean zh?"),
    "unknown topic": (f"{RUN} --topics tee", "no topic “tee”. Did you mean tea?"),
    "unknown domain": (f"{RUN} --domains drink", "no domain “drink”. Did you mean drinks?"),
    "unknown kind": (f"{RUN} --kinds agree,sing", "no kind “sing”"),
    "unknown slice": (f"{RUN} --slice sipp", "no slice “sipp”. Did you mean sip?"),
    "unknown battery": ("run --battery smal --models one --out x.sqlite", "no battery “smal”"),
    "nothing to ask": (f"{RUN} --topics facts --kinds open", "no cell to ask"),
    "unknown gate": ("report none.sqlite --pdf x.pdf --gates ordre=0.3", "no gate 'ordre'"),
    "gate beyond one": ("compare none.sqlite a b --gates order=3", "threshold '3'"),
    "margin of nought": ("export none.sqlite --to x --margin 0", "--margin"),
    "slice of items": ("run --battery mine.jsonl --models one --slice sip", "no slices"),
    "topic to show": ("battery show tee --battery small", "Did you mean tea?"),
    "language to show": ("battery show tea --battery small --language fr", "no language “fr”"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_exits_with_two(case: str, doxa: Doxa, here: Path) -> None:
    """One line names what was wrong, and nothing is written."""
    words, fault = WRONG_USE[case]
    assert fault in one_line(doxa(*words.split()), 2)
    assert not (here / "x.sqlite").exists()


def gguf(here: Path, model_paths: dict[str, Path]) -> None:
    """Entries whose files are missing, no GGUF, cut off, and not the one that is named."""
    source = model_paths["smollm2-135m-instruct"]
    (here / "text.gguf").write_text("not a model")
    (here / "cut.gguf").write_bytes(source.read_bytes()[: 10 * 2**20])
    entry = '[[model]]\nid = "{}"\nbackend = "llama_cpp"\npath = "{}"\n'
    (here / "models.toml").write_text(
        SIMULATED.format("one")
        + entry.format("missing", "none.gguf")
        + entry.format("text", "text.gguf")
        + entry.format("cut", "cut.gguf")
        + entry.format("other", source)
        + f'sha256 = "{"0" * 64}"\n'
        + entry.format("torch", "x").replace("llama_cpp", "transformers")
    )


FAILURES = {
    "missing": "there is no file",
    "text": "does not begin with GGUF",
    "cut": "cut.gguf",
    "other": "another SHA-256",
    "torch": "there is no folder",
}


@pytest.mark.parametrize("model", FAILURES)
def test_model_that_cannot_be_asked_is_one_line(
    model: str, doxa: Doxa, here: Path, model_paths: dict[str, Path]
) -> None:
    """A missing, corrupt or wrong file is said in one line, with what to do, and exit status 1."""
    gguf(here, model_paths)
    done = doxa("run", "--battery", "small", "--models", model, "--out", "x.sqlite")
    assert FAILURES[model] in one_line(done, 1)
    timed = doxa("run", "--battery", "small", "--models", model, "--limit", 2, "--dry-run")
    if timed.returncode == 0:
        assert FAILURES[model] in " ".join(timed.stdout.split())
    else:
        assert timed.returncode == 1
        assert FAILURES[model] in timed.stderr


def test_model_that_fails_leaves_the_others_measured(
    doxa: Doxa, here: Path, model_paths: dict[str, Path]
) -> None:
    """The exit status tells of the failure, the run file holds the rest."""
    gguf(here, model_paths)
    done = doxa("run", "--battery", "small", "--models", "missing,one,text", "--out", "x.sqlite")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.startswith("doxa: ") for line in lines[-2:]] == [True, True]
    assert "none.gguf" in lines[-2]
    assert "text.gguf" in lines[-1]
    with runfile.reading(here / "x.sqlite") as db:
        assert [(row.model, row.answered) for row in runfile.progress(db)] == [
            ("one", 6),
            ("one", 100),
        ]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("onee", "Did you mean one"), ("gemma", "gemma-3-270m"), ("x.gguf", "list")],
)
def test_unknown_model_is_one_line(name: str, remedy: str, doxa: Doxa, here: Path) -> None:
    """It is looked up before anything is asked, and what looks alike is named."""
    done = doxa("run", "--battery", "small", "--models", f"one,{name}", "--out", "x.sqlite")
    assert remedy in one_line(done, 1)
    assert not (here / "x.sqlite").exists()


def test_broken_catalogue_is_one_line(doxa: Doxa, here: Path) -> None:
    """A fault in the user's models.toml is named with the file."""
    (here / "models.toml").write_text("[[model]\n")
    assert "models.toml" in one_line(doxa(*RUN.split()), 1)


DAMAGES = {
    "missing translation": ("    law-1:", "    # law-1:", "no translation of tea: law-1"),
    "duplicate id": ("    s1.con:", "    s1.pro:", "line 43: the key “s1.pro” stands twice"),
    "alias": ('pro: "茶是', 'pro: &x "茶是', "line 40: an anchor or alias"),
    "escape": ('pro: "茶是', 'pro: "\\e[2J茶是', "control character, U+001B"),
    "no YAML": ("texts:", "texts: [", "languages/zh.yaml, line"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_battery_is_one_line(case: str, doxa: Doxa, small: Path) -> None:
    """File, line and fault, for running and for checking."""
    old, new, fault = DAMAGES[case]
    path = small / "languages/zh.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    assert fault in one_line(doxa(*RUN.split()), 1)
    assert fault in one_line(doxa("battery", "check", "small"), 1)


def test_items_that_are_malformed_are_one_line(doxa: Doxa, here: Path) -> None:
    """The line of a user's file is named; so is the file that is not there."""
    (here / "bad.jsonl").write_text(ITEM + '{"id": "y"}\n')
    done = doxa("run", "--battery", "bad.jsonl", "--models", "one", "--out", "x.sqlite")
    assert "bad.jsonl, line 2: language" in one_line(done, 1)
    done = doxa("run", "--battery", "none.jsonl", "--models", "one", "--out", "x.sqlite")
    assert "none.jsonl: cannot be read" in one_line(done, 1)


NO_RUNS = {
    "missing": None,
    "empty": b"",
    "text": b"hello\n" * 1000,
}


@pytest.mark.parametrize("case", NO_RUNS)
@pytest.mark.parametrize(
    "words", ["status {}", "compare {} one two", "report {} --pdf x.pdf", "export {} --to x"]
)
def test_file_that_is_no_run_is_one_line(case: str, words: str, doxa: Doxa, here: Path) -> None:
    """Every command that reads a run file says what is wrong with it."""
    content = NO_RUNS[case]
    if content is not None:
        (here / "bad.sqlite").write_bytes(content)
    assert "bad.sqlite" in one_line(doxa(*words.format("bad.sqlite").split()), 1)
    assert not (here / "x").exists()
    assert not (here / "x.pdf").exists()


def test_run_file_that_was_only_begun_has_no_status(doxa: Doxa, here: Path) -> None:
    """A file in which nothing stands yet says so."""
    with runfile.writing(here / "x.sqlite"):
        pass
    assert "holds no run yet" in one_line(doxa("status", "x.sqlite"), 1)


def test_run_file_of_another_battery_version_is_one_line(
    doxa: Doxa, here: Path, small: Path
) -> None:
    """A new version of a battery goes to a new file; what was measured stays."""
    assert doxa(*RUN.split()).returncode == 0
    before = (here / "x.sqlite").read_bytes()
    path = small / "battery.yaml"
    path.write_text(path.read_text().replace("1.2.3", "1.2.4"))
    assert "asked with small 1.2.3, not with small 1.2.4" in one_line(doxa(*RUN.split()), 1)
    path.write_text(path.read_text().replace("1.2.4", "1.2.3").replace("A battery", "One"))
    assert "another text of battery.yaml" in one_line(doxa(*RUN.split()), 1)
    done = doxa("run", "--battery", "mine.jsonl", "--models", "one", "--out", "x.sqlite")
    assert "asked with small 1.2.3, not with mine" in one_line(done, 1)
    with runfile.reading(here / "x.sqlite") as db:
        assert sum(row.answered for row in runfile.progress(db)) == 106
    assert len((here / "x.sqlite").read_bytes()) == len(before)


def test_folder_that_cannot_be_written_is_one_line(doxa: Doxa) -> None:
    """A folder below a file is no folder; a folder is no run file."""
    for out in ("mine.jsonl/x.sqlite", "small"):
        done = doxa("run", "--battery", "small", "--models", "one", "--out", out)
        assert out in one_line(done, 1)


def test_full_disk_is_one_line_and_keeps_what_was_stored(
    command: str, surroundings: dict[str, str], doxa: Doxa, here: Path
) -> None:
    """Where a file may not grow any more the run stops, and with room again it goes on."""
    words = ["run", "--battery", "core", "--languages", "en", "--models", "one", "--limit", "600"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh", command, *words, "--out", "x.sqlite"],
        cwd=here,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("doxa: ")
    assert "x.sqlite" in done.stderr.splitlines()[-1]
    again = doxa(*words, "--out", "x.sqlite")
    assert again.returncode == 0, again.stderr
    with runfile.reading(here / "x.sqlite") as db:
        assert [row.answered for row in runfile.progress(db)] == [600]


def test_output_to_a_full_device_is_one_line(
    command: str, surroundings: dict[str, str], here: Path
) -> None:
    """What cannot be printed is a failure that is said, not a traceback."""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [command, "battery", "show", "--battery", "small"],
            cwd=here, env=surroundings, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("doxa: ")
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_continues_and_grows(doxa: Doxa, here: Path) -> None:
    """The same command asks nothing again; other topics and languages come into the same file."""
    first = doxa(*RUN.split(), "--topics", "tea", "--languages", "en", "--limit", 5)
    assert (first.returncode, first.stdout) == (0, "")
    assert first.stderr.splitlines()[0] == "one: 0 of 5 cells answered before"
    again = doxa(*RUN.split(), "--topics", "tea", "--languages", "en", "--limit", 5)
    assert again.stderr.splitlines()[0] == "one: 5 of 5 cells answered before"
    whole = doxa(*RUN.replace("one", "one,two").split())
    assert whole.stderr.splitlines()[0] == "one: 5 of 106 cells answered before"
    status = doxa("status", "x.sqlite")
    assert status.returncode == 0
    assert "small 1.2.3: 100 scored and 6 open cells" in " ".join(status.stdout.split())
    with runfile.reading(here / "x.sqlite") as db:
        assert [(row.model, row.answered) for row in runfile.progress(db)] == [
            ("one", 6),
            ("one", 100),
            ("two", 6),
            ("two", 100),
        ]
        # what a later layer needs of a run is there: every open answer is labelled
        assert db.execute("SELECT count(DISTINCT probe) FROM labels").fetchone() == (12,)


def test_selection_words_narrow(doxa: Doxa) -> None:
    """Slices, domains and kinds of the command line make the plan that the preview counts."""
    for words, total in (
        ("--slice sip", "zh 4 1 5"),
        ("--domains mirror --languages zh", "zh 12 12"),
        ("--kinds choose,task --languages en", "en 2 1 3"),
        ("--languages en --limit 7", "en 7 7"),
    ):
        preview = "run --battery small --models one --dry-run " + words
        done = doxa(*preview.split())
        assert done.returncode == 0
        assert total in " ".join(done.stdout.split())


def test_dry_run_counts_and_times_and_writes_nothing(doxa: Doxa, here: Path) -> None:
    """Cells, tokens and expected time are shown; no file is made, whatever the battery's name."""
    (here / "[red].jsonl").write_text(ITEM)
    before = sorted(here.rglob("*"))
    for battery, count in (("small", "106"), ("[red].jsonl", "8")):
        done = doxa(
            "run", "--battery", battery, "--models", "one", "--dry-run", "--out", "x.sqlite"
        )
        assert done.returncode == 0, done.stderr
        assert count in done.stdout
        assert battery.removesuffix(".jsonl") in done.stdout
        assert "one: about" in done.stdout
        assert "seconds" in done.stdout
    assert sorted(here.rglob("*")) == before


def test_real_model_is_asked(doxa: Doxa, here: Path, model_paths: dict[str, Path]) -> None:
    """A few cells of a demo model, scored and open, and of a user's own items by a file's path."""
    assert model_paths
    words = "run --battery small --languages en --topics tea --models smollm2-135m-instruct"
    words += " --max-tokens 8 --kinds choose,open --limit 3"
    preview = doxa(*words.split(), "--dry-run")
    assert "smollm2-135m-instruct: about" in preview.stdout
    done = doxa(*words.split(), "--out", "x.sqlite")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    with runfile.reading(here / "x.sqlite") as db:
        answers = db.execute(
            "SELECT kind, ending, logprobs, text, tokens_out FROM responses "
            "JOIN probes ON probe = probes.id JOIN cells ON cells.id = cell "
            "WHERE settings NOT LIKE '%full prefill%'"
        ).fetchall()
        assert sorted(kind for kind, *_ in answers) == ["choose", "choose", "open"]
        for kind, ending, logprobs, text, tokens in answers:
            assert ending != "error"
            assert len(json.loads(logprobs)) == (3 if kind == "choose" else 0)
            assert (text is None, tokens) == ((True, 0) if kind == "choose" else (False, 8))
    path = model_paths["smollm2-135m-instruct"]
    own = doxa(
        "run", "--battery", "mine.jsonl", "--models", path, "--limit", 2, "--out", "y.sqlite"
    )
    assert own.returncode == 0, own.stderr
    with runfile.reading(here / "y.sqlite") as db:
        assert db.execute("SELECT DISTINCT topic, family FROM cells").fetchall() == [("mine", "x")]
        assert db.execute("SELECT count(*) FROM responses").fetchone()[0] >= 2
    status = doxa("status", "y.sqlite")
    assert "2 scored and 0 open cells" in " ".join(status.stdout.split())


@pytest.mark.usefixtures("model_paths")
def test_same_command_gives_the_same_tables_byte_for_byte(doxa: Doxa, here: Path) -> None:
    """However a run was stopped and continued; texts of quantised weights do not keep to that."""
    words = "run --battery small --topics tea --models smollm2-135m-instruct,gemma-3-270m"
    words += " --precision bf16 --max-tokens 12 --kinds choose,open --temperature 1"
    for out, limits in (("whole", ([],)), ("parts", (["--limit", "5"], ["--limit", "9"], []))):
        for limit in limits:
            done = doxa(*words.split(), *limit, "--out", f"{out}.sqlite")
            assert done.returncode == 0, done.stderr
        assert doxa("export", f"{out}.sqlite", "--to", out).returncode == 0
    files = sorted(path.name for path in (here / "whole").iterdir())
    assert {"scored.csv", "scored.parquet", "opened.csv", "opened.parquet"} <= set(files)
    assert files == sorted(path.name for path in (here / "parts").iterdir())
    for name in files:
        if name != "manifest.json":  # which says when a run began and ended
            whole, parts = (
                (here / "whole" / name).read_bytes(),
                (here / "parts" / name).read_bytes(),
            )
            assert whole == parts, name


def test_output_through_a_pipe_is_plain(doxa: Doxa, surroundings: dict[str, str]) -> None:
    """No colours and no cursor movements reach a script, on either stream."""
    env = surroundings | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for words in (
        RUN,
        RUN + " --dry-run",
        "status x.sqlite",
        "models list",
        "battery show --battery small",
        "battery show tea --battery small --language zh",
        "battery check small",
        "compare x.sqlite one two",
        "run --help",
        "status none.sqlite",
    ):
        done = doxa(*words.split(), env=env)
        assert "\x1b" not in done.stdout + done.stderr
        assert "\r" not in done.stdout + done.stderr


def test_battery_is_shown_as_a_person_would_read_it(doxa: Doxa) -> None:
    """A topic in its language beside the English, its notes, and one whole prompt."""
    listed = doxa("battery", "show", "--battery", "small")
    assert listed.returncode == 0
    assert "mirror-rain" in listed.stdout
    shown = doxa("battery", "show", "tea", "--battery", "small", "--language", "zh")
    assert shown.returncode == 0
    for part in (
        "学校应该给学生喝茶。",
        "Schools should serve tea",
        "Source: A book",
        "A. 非常同意",
    ):
        assert part in shown.stdout
    assert doxa("battery", "check", "small").returncode == 0


def test_slips_of_a_battery_are_listed(doxa: Doxa, small: Path) -> None:
    """Findings go to the output, their number to the one line of the failure."""
    path = small / "topics/tea.yaml"
    path.write_text(path.read_text().replace("pupils", "TODO"))
    done = doxa("battery", "check", "small")
    assert done.returncode == 1
    assert "en tea/s1.pro: holds a placeholder, TODO" in done.stdout
    assert done.stderr.count("\n") == 1


def test_hostile_run_file_does_not_write_to_the_terminal(doxa: Doxa, here: Path) -> None:
    """Escapes and markup in a run file that somebody sent are shown as text."""
    assert doxa(*RUN.split(), "--limit", 3).returncode == 0
    evil = "[/b][red]\x1b]0;title\x07\x1b[31m\u202e"
    db = sqlite3.connect(here / "x.sqlite")
    db.execute("UPDATE models SET id = ?", [evil])
    db.execute("UPDATE manifest SET value = ? WHERE key = 'battery'", [json.dumps(evil)])
    db.commit()
    db.close()
    done = doxa("status", "x.sqlite")
    assert done.returncode == 0, done.stderr
    assert "[/b][red]" in done.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_names_with_escapes_are_shown_as_text(doxa: Doxa) -> None:
    """What a user or a script passes on is not obeyed by the terminal either."""
    for words in (
        ("status", "\x1b[31mx\n.sqlite"),
        ("run", "--models", "\x1b[31mx", "--battery", "small", "--out", "x.sqlite"),
        ("run", "--models", "one", "--battery", "\x1b[2J", "--out", "x.sqlite"),
        ("run", "--models", "one", "--battery", "small", "--topics", "\x1b[2J", "--out", "x"),
    ):
        done = doxa(*words)
        assert done.returncode in {1, 2}
        assert "\x1b" not in done.stderr
        assert done.stderr.count("\n") == 1


def test_reader_that_leaves_ends_the_command_quietly(
    command: str, surroundings: dict[str, str], here: Path
) -> None:
    """A pipe into `head` gives no error text."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [command, "battery", "show", "--battery", "small"],
        cwd=here, env=surroundings, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert done.stderr == ""
