"""Labels that begin with the same token, by the vocabularies of real models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.catalogue import ModelEntry, find
from probes.label_collisions import label_collisions
from prompts.errors import ModelError, UsageError
from prompts.load import load_battery

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Doxa = Callable[..., subprocess.CompletedProcess[str]]

SMOLLM = "smollm2-135m-instruct"


def change(path: Path, old: str, new: str) -> None:
    """Replace text in a file."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.mark.usefixtures("model_paths")
def test_answers_with_the_same_first_word_collide(small: Path) -> None:
    """“Strongly agree” and “Strongly disagree” share a token, with and without a space before."""
    found = label_collisions(load_battery(str(small), languages=["en"]), find(SMOLLM))
    assert [finding.what for finding in found if finding.where == "en words"] == [
        f"“Strongly agree”, “Strongly disagree” begin with the same token, {token!r}, of {SMOLLM}"
        for token in ("Strong", " Strong")
    ]


@pytest.mark.usefixtures("model_paths")
def test_each_set_is_listed_whole_and_once(small: Path) -> None:
    """This vocabulary writes a space before a number as a token of its own, and no other letter."""
    found = label_collisions(load_battery(str(small), languages=["en"]), find(SMOLLM))
    assert [str(finding) for finding in found if finding.where != "en words"] == [
        f"en digits: “1”, “2”, “3” begin with the same token, ' ', of {SMOLLM}"
    ]


@pytest.mark.usefixtures("model_paths")
def test_labels_that_share_nothing_are_not_listed(small: Path) -> None:
    """With other words for the answers, the words are no longer listed."""
    change(small / "languages/en.yaml", '"Strongly disagree"', '"Never"')
    found = label_collisions(load_battery(str(small), languages=["en"]), find(SMOLLM))
    assert {finding.where for finding in found} == {"en digits"}


@pytest.mark.usefixtures("model_paths")
def test_native_forms_are_looked_at_too(small: Path) -> None:
    """Full-width letters are several tokens each in a small vocabulary, and the first is shared."""
    found = label_collisions(load_battery(str(small), languages=["zh"]), find(SMOLLM))
    letters = [finding.what for finding in found if finding.where == "zh letters"]
    assert any("“Ａ”, “Ｂ”" in what for what in letters)


@pytest.mark.usefixtures("model_paths")
def test_command_lists_them_and_finds_no_fault(small: Path, doxa: Doxa) -> None:
    """The list is information: a clean battery stays clean, with exit status 0."""
    done = doxa("battery", "check", small, "--model", SMOLLM)
    assert done.returncode == 0, done.stderr
    assert "en words: “Strongly agree”, “Strongly disagree” begin with" in done.stdout
    assert "scored as whole sequences" in done.stdout
    assert "nothing found" in done.stdout


def test_model_without_known_tokens_is_refused(small: Path) -> None:
    """A server's tokens are not known here."""
    entry = ModelEntry(id="far", backend="openai", url="http://127.0.0.1:9/v1")
    with pytest.raises(UsageError, match="not known"):
        label_collisions(load_battery(str(small)), entry)


def test_model_that_is_not_there_is_an_error(small: Path, tmp_path: Path) -> None:
    """A missing file is named."""
    entry = ModelEntry(id="gone", backend="llama_cpp", path=str(tmp_path / "gone.gguf"))
    with pytest.raises(ModelError, match=r"gone\.gguf"):
        label_collisions(load_battery(str(small)), entry)
