"""Files of labelled answers are read as the classifier gets them, and faults name their line."""

from pathlib import Path

import pytest

from analysis.classify.answer_files import answer_files, known_answers
from analysis.classify.labels import OUTCOMES
from prompts.errors import BatteryError, UsageError
from prompts.load import load_battery

GOOD = """test:
  - topic: abortion
    ask: open-1
    outcome: pro
    text: |-
      Oui.
"""


def written(folder: Path, content: str, name: str = "fr.yaml") -> Path:
    """A file of answers."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_every_language_of_the_battery_has_both_halves() -> None:
    """Each of the fourteen files can be read, half by half, and no test answer is trained on."""
    files = answer_files("all")
    assert {path.stem for path in files} == set(load_battery("core").languages)
    train, test = (known_answers(files, half) for half in ("train", "test"))
    assert {one.outcome for one in test} == set(OUTCOMES)
    learned = {(one.answer.language, one.answer.response) for one in train} - {("", "")}
    shared = [
        one.answer.id
        for one in test
        if len(one.answer.response) > 30 and (one.answer.language, one.answer.response) in learned
    ]
    assert shared == []


def test_a_topic_brings_its_question_and_poles(tmp_path: Path) -> None:
    """An answer to the battery is read with prompt and poles in its language."""
    (one,) = known_answers([written(tmp_path, GOOD)])
    texts = load_battery("core", languages=["fr"], topics=["abortion"]).texts("abortion", "fr")
    assert one.answer.language == "fr"
    assert one.answer.prompt == texts["open-1"]
    assert (one.answer.pro, one.answer.con) == (texts["pro"], texts["con"])
    assert (one.outcome, one.answer.response, one.strategy, one.hard) == ("pro", "Oui.", "", "")


def test_a_prompt_of_its_own_needs_no_battery(tmp_path: Path) -> None:
    """A language that the battery lacks can have answers to prompts that stand with them."""
    content = (
        "test:\n  - prompt: Kuka?\n    outcome: refuses\n    strategy: disclaimer\n    text: En."
    )
    (one,) = known_answers([written(tmp_path, content, "fi.yaml")])
    assert (one.answer.language, one.answer.prompt, one.answer.pro) == ("fi", "Kuka?", None)
    assert one.strategy == "disclaimer"


def test_a_prompt_may_bring_its_poles(tmp_path: Path) -> None:
    """An answer to a question with poles of its own takes one of them."""
    content = (
        "test:\n  - prompt: Tee?\n    pro: Ja.\n    con: Nein.\n    outcome: con\n    text: Nö."
    )
    (one,) = known_answers([written(tmp_path, content, "de.yaml")])
    assert (one.answer.prompt, one.answer.pro, one.answer.con) == ("Tee?", "Ja.", "Nein.")
    assert (one.outcome, one.topic) == ("con", "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("test: []", "no list “test”"),
        ("- a", "no list “test”"),
        ("test: x", "no list “test”"),
        (GOOD.replace("outcome: pro", "outcome: maybe"), "line 4: outcome"),
        (GOOD.replace("topic: abortion\n    ", ""), "line 2: the answer: it needs either topic"),
        (GOOD.replace("ask: open-1", "ask: open-9"), "line 2: the battery has no abortion, open-9"),
        (GOOD.replace("topic: abortion", "topic: cats"), "line 2: the battery has no cats"),
        (GOOD.replace("outcome: pro", "outcome: answers"), "line 2: the answer: there are poles"),
        (
            "test:\n  - prompt: A?\n    outcome: pro\n    text: B",
            "line 2: the answer: there are no poles",
        ),
        (
            "test:\n  - prompt: A?\n    pro: B.\n    outcome: pro\n    text: B",
            "line 2: the answer: it has one pole",
        ),
        (
            GOOD.replace("outcome", "pro: B.\n    con: C.\n    outcome"),
            "line 2: the answer: the topic has poles of its own",
        ),
        (GOOD.replace("outcome: pro", "outcom: pro"), "outcom"),
        (GOOD + "  - just text\n", "line 7"),
        (GOOD.replace("Oui.", "\x07"), "line"),
    ],
)
def test_faults(tmp_path: Path, content: str, says: str) -> None:
    """What is wrong in a file is said with its name and line, and what to do."""
    path = written(tmp_path, content)
    with pytest.raises(BatteryError, match=says) as caught:
        known_answers([path])
    assert str(path) in caught.value.what
    assert caught.value.remedy


def test_a_file_is_named_after_its_language(tmp_path: Path) -> None:
    """A file with another name than a language's cannot answer questions of the battery."""
    with pytest.raises(BatteryError, match="named after its language"):
        known_answers([written(tmp_path, GOOD, "mine.yaml")])


def test_the_documented_form_is_read(tmp_path: Path) -> None:
    """The answers that CONTRIBUTING.md shows are read as they stand there."""
    guide = Path(__file__).parents[3] / "CONTRIBUTING.md"
    lines = guide.read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line.startswith(" " * 6)]
    first, second, third = known_answers([written(tmp_path, "test:\n" + "\n".join(shown))])
    assert (first.outcome, first.strategy, first.hard) == ("deflects", "both-sides", "sarcasm")
    assert (second.outcome, second.answer.response) == ("answers", "Victor Hugo, en 1862.")
    assert (third.outcome, third.answer.con) == ("con", "Le dimanche, on se repose.")


def test_training_answers_stand_beside_a_file(tmp_path: Path) -> None:
    """What is in the folder ``training`` under the same name is learned from, and never tested."""
    more = tmp_path / "training"
    more.mkdir()
    path = written(tmp_path, GOOD + GOOD.replace("test:", "train:"))
    written(more, GOOD.replace("test:", "train:").replace("Oui.", "Oui, bien sûr."))
    learned = [(one.answer.id, one.answer.response) for one in known_answers([path], "train")]
    assert learned == [("fr:0", "Oui."), ("training/fr:0", "Oui, bien sûr.")]
    assert [one.answer.response for one in known_answers([path])] == ["Oui."]
    assert known_answers([path])[0].topic == "abortion"


def test_names(tmp_path: Path) -> None:
    """Languages, files and all are found; anything else is an error with the nearest name."""
    own = written(tmp_path, GOOD)
    assert answer_files(f"zh, {own},zh") == [*answer_files("zh"), own]
    with pytest.raises(UsageError, match="Did you mean zh-Hant"):
        answer_files("zh-hant")
    with pytest.raises(UsageError, match="No language is named"):
        answer_files(" ,")
