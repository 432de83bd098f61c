"""The model catalogue: the shipped entries, the user's own, and what is wrong with them."""

import hashlib
import struct
from pathlib import Path

import pytest

from probes.catalogue import SHIPPED, catalogue, find, location
from prompts.errors import ModelError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory, and configuration and cache folders of the test's own."""
    for variable, name in (("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def own(text: str) -> Path:
    """Write the user's catalogue."""
    path = Path.cwd() / "models.toml"
    path.write_text(text, "utf-8")
    return path


def test_three_models_of_three_countries_are_shipped() -> None:
    """The demo's models are there, verified by hash, and with Gemma's terms for Gemma."""
    entries = catalogue()
    assert list(entries) == ["smollm2-135m-instruct", "gemma-3-270m", "qwen2.5-coder-0.5b-instruct"]
    assert all(entry.sha256 and entry.size and entry.sources for entry in entries.values())
    assert len({entry.country for entry in entries.values()}) == 3
    assert "ai.google.dev/gemma/terms" in (entries["gemma-3-270m"].terms or "")
    assert [entry.base for entry in entries.values()] == [False, True, False]


def test_own_entry_replaces_a_shipped_one_and_adds(tmp_path: Path) -> None:
    """The current directory wins over the configuration folder, which wins over the shipped."""
    config = tmp_path / "config" / "doxa" / "models.toml"
    config.parent.mkdir(parents=True)
    entry = '[[model]]\nid = "{}"\nbackend = "openai"\nurl = "http://127.0.0.1:{}/v1"\n'
    config.write_text(entry.format("gemma-3-270m", 1) + entry.format("server", 2))
    own(entry.format("server", 3))
    assert find("gemma-3-270m").url == "http://127.0.0.1:1/v1"
    assert find("server").url == "http://127.0.0.1:3/v1"
    assert find("server").developer == "unknown"
    assert "smollm2-135m-instruct" in catalogue()


def test_relative_path_counts_from_the_catalogue(here: Path) -> None:
    """A path is found beside the file that names it; a hub id of transformers stays as it is."""
    own(
        '[[model]]\nid = "a"\nbackend = "llama_cpp"\npath = "weights/a.gguf"\n'
        '[[model]]\nid = "b"\nbackend = "transformers"\npath = "Qwen/Qwen3-0.6B"\n'
    )
    assert location(find("a")) == here / "weights" / "a.gguf"
    assert find("b").path == "Qwen/Qwen3-0.6B"
    assert location(find("b")) is None


FILE = f"""
[[model]]
id = "x"
backend = "llama_cpp"
file = "x"
size = {{size}}
sha256 = "{"0" * 64}"
[[model.sources]]
parts = [{{{{package = "{{package}}", version = "1", member = "x", size = 1}}}}]
"""
WRONG = {
    "syntax": ("[[model]\n", "cannot be read"),
    "other tables": ("[models]\n", "other than"),
    "not a list": ('model = "x"\n', "other than"),
    "not a table": ("model = [1]\n", "entry 1"),
    "twice": (2 * '[[model]]\nid = "x"\nbackend = "simulated"\n', "two entries"),
    "unknown field": ('[[model]]\nid = "x"\nbackend = "simulated"\nfoo = 1\n', "field foo"),
    "backend": ('[[model]]\nid = "x"\nbackend = "magic"\n', "field backend"),
    "no url": ('[[model]]\nid = "x"\nbackend = "openai"\n', "needs 'url'"),
    "no file": ('[[model]]\nid = "x"\nbackend = "llama_cpp"\n', "either 'path' or 'file'"),
    "no hash": ('[[model]]\nid = "x"\nbackend = "llama_cpp"\nfile = "x.gguf"\n', "'sha256'"),
    "outside": ('[[model]]\nid = "x"\nbackend = "llama_cpp"\nfile = "../x"\n', "field file"),
    "control": (
        '[[model]]\nid = "x"\nbackend = "simulated"\nname = "\\u001b[31m"\n',
        "control character",
    ),
    "option as package": (
        FILE.format(size=1, package="--pre"),
        "field sources.0.parts.0.package",
    ),
    "sum": (
        FILE.format(size=2, package="p"),
        "the parts have 1 bytes",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_malformed_catalogue_names_file_and_fault(case: str) -> None:
    """The error names the file and the fault, and has a remedy."""
    text, fault = WRONG[case]
    path = own(text)
    with pytest.raises(ModelError) as caught:
        catalogue()
    assert str(path) in caught.value.what
    assert fault in caught.value.what
    assert caught.value.remedy


def test_fault_names_the_entry() -> None:
    """Of several entries the faulty one is named."""
    own(
        '[[model]]\nid = "fine"\nbackend = "simulated"\n'
        '[[model]]\nid = "bad"\nbackend = "simulated"\nsize = -1\n'
    )
    with pytest.raises(ModelError, match=r"entry 2 \('bad'\), field size"):
        catalogue()


def test_unknown_id_suggests_what_looks_alike() -> None:
    """A misspelt id gets the id that was meant."""
    with pytest.raises(ModelError) as caught:
        find("gema-3-270")
    assert "gemma-3-270m" in caught.value.remedy


def test_gguf_path_works_in_place_of_an_id(here: Path) -> None:
    """An existing file gives an entry with its own hash, and no claims about who made it."""
    evil = b"Tiny\x1b[31m\n model"
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    content += struct.pack("<Q", 12) + b"general.name" + struct.pack("<IQ", 8, len(evil)) + evil
    path = here / "tiny (copy).gguf"
    path.write_bytes(content)
    entry = find("tiny (copy).gguf")
    assert entry.sha256 == hashlib.sha256(content).hexdigest()
    assert (entry.developer, entry.country, entry.base) == ("unknown", "unknown", True)
    assert location(entry) == path
    assert entry.name == "Tiny[31m model"
    path.write_bytes(content + b"more")
    assert find(str(path)).sha256 == hashlib.sha256(content + b"more").hexdigest()


def test_path_to_something_else_is_an_error(here: Path) -> None:
    """A file named .gguf that is none is refused with the reason."""
    (here / "x.gguf").write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelError, match="does not begin with GGUF"):
        find("x.gguf")


def test_shipped_catalogue_stands_beside_the_code() -> None:
    """The error messages point to a file that exists."""
    assert SHIPPED.is_file()
