"""The shape of a battery's files: what is refused, and what for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from prompts.schema import TEXT_KEY, FrameSpec, Language, Manifest, Topic

SMALL = Path(__file__).parents[1] / "data" / "small"
FILES: dict[str, tuple[str, type[BaseModel]]] = {
    "battery": ("battery.yaml", Manifest),
    "topic": ("topics/tea.yaml", Topic),
    "control": ("topics/facts.yaml", Topic),
    "language": ("languages/en.yaml", Language),
}
GONE = object()


def data(name: str) -> dict[str, Any]:
    """The data of a clean file."""
    content: dict[str, Any] = yaml.safe_load((SMALL / FILES[name][0]).read_text("utf-8"))
    return content


def changed(name: str, keys: str, value: object) -> dict[str, Any]:
    """The data of a clean file with one value replaced, added or taken out."""
    content = data(name)
    *path, last = keys.split("/")
    place: Any = content
    for key in path:
        place = place[int(key) if isinstance(place, list) else key]
    if value is GONE:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return content


@pytest.mark.parametrize("name", FILES)
def test_clean_files_are_accepted(name: str) -> None:
    """The files that the other tests damage are whole."""
    FILES[name][1].model_validate(data(name))


REFUSED: dict[str, tuple[str, str, object, str]] = {
    "pole is missing": ("topic", "texts/pro", GONE, "texts pro are missing"),
    "question is missing": ("topic", "texts/question", GONE, "texts question are missing"),
    "opposite is missing": ("topic", "texts/s2.con", GONE, "texts s2.con are missing"),
    "no such text": ("topic", "texts/statement", "x", "is no name of a text"),
    "statement without pole": ("topic", "texts/s3", "x", "is no name of a text"),
    "statement nought": ("topic", "texts/s0.pro", "x", "is no name of a text"),
    "name with a tail": ("topic", "texts/open-1x", "x", "is no name of a text"),
    "name with a line break": ("topic", "texts/open-1\n", "x", "is no name of a text"),
    "empty text": ("topic", "texts/pro", "", "at least 1 character"),
    "huge text": ("topic", "texts/pro", "x" * 4_001, "at most 4000"),
    "text is a number": ("topic", "texts/pro", 1, "valid string"),
    "text is nothing": ("topic", "texts/pro", None, "valid string"),
    "no source": ("topic", "sources", [], "at least one source"),
    "unknown field": ("topic", "colour", "red", "Extra inputs"),
    "unknown kind": ("topic", "kind", "other", "'contested', 'control' or 'mirror'"),
    "id is a path": ("topic", "id", "../etc", "should match"),
    "id is empty": ("topic", "id", "", "should match"),
    "title is long": ("topic", "title", "x" * 33, "at most 32"),
    "control without opposite": ("control", "texts/s1.con", GONE, "s1.con"),
    "one paraphrase": ("language", "agree", data("language")["agree"][:1], "at least 2 items"),
    "frame without text": ("language", "agree/0/statement", "x", "{text} exactly once"),
    "frame with two texts": (
        "language",
        "choose/1/question",
        "{text} {text}",
        "{text} exactly once",
    ),
    "option without label": ("language", "option", "{text}", "{label} and {text} exactly once"),
    "four letters": ("language", "labels/letters", list("ABCD"), "at least 5"),
    "empty label": ("language", "labels/digits/2", "", "at least 1 character"),
    "direction": ("language", "direction", "up", "'ltr' or 'rtl'"),
    "script": ("language", "script", "latin", "should match"),
    "code of a language": ("language", "language", "English", "should match"),
    "no answer": ("language", "scale/decline", GONE, "Field required"),
    "version": ("battery", "version", "1.0", "should match"),
    "no language": ("battery", "languages", [], "at least 1 item"),
    "no topic": ("battery", "topics", [], "at least 1 item"),
    "paraphrase nought": ("battery", "frames/agree/0/paraphrase", 0, "greater than or equal to 1"),
    "forced is a word": ("battery", "frames/agree/0/forced", "yes", "valid boolean"),
    "unknown alphabet": ("battery", "frames/agree/0/labels", "runes", "'letters'"),
    "slice of no topic": ("battery", "slices/sip/topics", ["cocoa"], "sip names cocoa"),
    "slice of no language": ("battery", "slices/sip/languages", ["fr"], "sip names fr"),
    "slice of no frame": ("battery", "slices/sip/frames", ["p9-letters-forced"], "sip names p9"),
    "slice of no kind": ("battery", "slices/sip/kinds", ["sing"], "'agree'"),
    "slice of no family": ("battery", "slices/sip/families", 0, "greater than or equal to 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_malformed_files_are_refused(case: str) -> None:
    """One thing is wrong, and the message says which."""
    name, keys, value, fault = REFUSED[case]
    with pytest.raises(ValidationError) as caught:
        FILES[name][1].model_validate(changed(name, keys, value))
    assert fault in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize("key", ["question", "s1.pro", "s99.con", "open-1", "law-12", "m1.us"])
def test_names_of_texts(key: str) -> None:
    """These are names of texts."""
    assert TEXT_KEY.fullmatch(key)


def test_name_of_a_frame_says_what_it_is() -> None:
    """Paraphrase, labels and whether an answer is forced stand in the name."""
    assert FrameSpec(paraphrase=2, labels="words", forced=False).name == "p2-words-unforced"
