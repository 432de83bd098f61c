"""Loading batteries: whole ones, parts of them, and what is wrong with damaged ones."""

from pathlib import Path

import pytest

from prompts.errors import BatteryError, UsageError
from prompts.load import BATTERIES, load_battery, read_manifest, topics_of_domains

CORE = read_manifest("core")


def change(file: Path, old: str, new: str) -> None:
    """Replace what stands exactly once in a file."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")


def test_core_holds_what_its_folders_hold() -> None:
    """No file of core is forgotten in its manifest."""
    core = BATTERIES / "core"
    assert {path.stem for path in (core / "topics").glob("*.yaml")} == set(CORE.topics)
    assert {path.stem for path in (core / "languages").glob("*.yaml")} == set(CORE.languages)
    assert len(set(CORE.topics)) == len(CORE.topics)


@pytest.mark.parametrize("language", CORE.languages)
def test_every_topic_of_core_is_whole_in_every_language(language: str) -> None:
    """Each language has every text of every topic, and nothing else."""
    battery = load_battery("core", languages=[language])
    assert list(battery.topics) == list(CORE.topics)
    for id_, topic in battery.topics.items():
        texts = battery.texts(id_, language)
        assert texts.keys() == topic.texts.keys()
        assert all(text.strip() for text in texts.values())


@pytest.mark.parametrize("part", CORE.slices)
def test_every_slice_of_core_loads(part: str) -> None:
    """A slice loads its own topics and languages only."""
    battery = load_battery("core", part=part)
    chosen = CORE.slices[part]
    assert tuple(battery.topics) == (chosen.topics or CORE.topics)
    assert tuple(battery.languages) == (chosen.languages or CORE.languages)


def test_folder_is_a_battery_too(small: Path) -> None:
    """A battery outside the package loads by its folder, with the text of every file read."""
    battery = load_battery(str(small))
    assert (battery.name, battery.version) == ("small", "1.2.3")
    assert battery.files == {
        str(path.relative_to(small)): path.read_text("utf-8") for path in small.rglob("*.yaml")
    }
    assert battery.texts("tea", "zh")["pro"] == "茶是更适合早上的饮料。"


def test_files_of_other_languages_and_topics_are_not_opened(small: Path) -> None:
    """Who asks in one language needs no other, even where the other is broken."""
    (small / "languages/zh.yaml").write_text("[broken")
    (small / "topics/facts.yaml").unlink()
    battery = load_battery(str(small), languages=["en"], topics=["tea"])
    assert set(battery.files) == {"battery.yaml", "topics/tea.yaml", "languages/en.yaml"}
    with pytest.raises(BatteryError, match=r"zh\.yaml"):
        load_battery(str(small), topics=["tea"])
    with pytest.raises(BatteryError, match=r"facts\.yaml"):
        load_battery(str(small), languages=["en"])


def test_languages_and_topics_override_those_of_a_slice(small: Path) -> None:
    """What the user names counts before what the slice says."""
    battery = load_battery(str(small), part="sip", languages=["en", "en"], topics=["facts"])
    assert (list(battery.languages), list(battery.topics)) == (["en"], ["facts"])


def test_languages_are_asked_in_the_order_given(small: Path) -> None:
    """The order is the user's."""
    assert list(load_battery(str(small), languages=["zh", "en"]).languages) == ["zh", "en"]


UNKNOWN = {
    "language": ({"languages": ["zhh"]}, "no language “zhh”", "Did you mean zh?"),
    "topic": ({"topics": ["tee"]}, "no topic “tee”", "Did you mean tea?"),
    "slice": ({"part": "sips"}, "no slice “sips”", "Did you mean sip?"),
    "unlike any": ({"topics": ["quantum"]}, "no topic “quantum”", "It has: tea, facts"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_names_get_a_suggestion(case: str, small: Path) -> None:
    """A misspelt name is wrong use, and what was perhaps meant is named."""
    asked, what, remedy = UNKNOWN[case]
    with pytest.raises(UsageError) as caught:
        load_battery(str(small), **asked)  # type: ignore[arg-type]
    assert what in caught.value.what
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("name", ["cores", "", "/", "../core", "/dev/null"])
def test_unknown_battery_names_those_that_are_there(name: str) -> None:
    """A battery that does not exist is wrong use."""
    with pytest.raises(UsageError, match="core"):
        load_battery(name)


DAMAGES = {
    "missing translation": (
        "languages/zh.yaml",
        '    s1.con: "学校应该给学生喝咖啡。"\n',
        "",
        ("languages/zh.yaml", "no translation of tea: s1.con"),
    ),
    "missing topic": (
        "languages/zh.yaml",
        "  mirror-rain:\n",
        "  mirror-rains:\n",
        ("languages/zh.yaml", "no translation of mirror-rain"),
    ),
    "extra key": (
        "languages/zh.yaml",
        '    open-2: "茶最大的好处是什么？"\n',
        '    open-2: "茶最大的好处是什么？"\n    open-3: "茶？"\n',
        ("languages/zh.yaml", "tea has open-3, which topics/tea.yaml has not"),
    ),
    "duplicate id": (
        "languages/zh.yaml",
        '    open-2: "茶最大的好处是什么？"\n',
        '    open-1: "茶最大的好处是什么？"\n',
        ("languages/zh.yaml, line 47", "“open-1” stands twice"),
    ),
    "wrong id": ("topics/tea.yaml", "id: tea\n", "id: te\n", ("topics/tea.yaml", "“te”")),
    "wrong language": (
        "languages/en.yaml",
        "language: en\n",
        "language: fr\n",
        ("languages/en.yaml", "“fr”"),
    ),
    "missing paraphrase": (
        "battery.yaml",
        "{paraphrase: 2, labels: words, forced: true}",
        "{paraphrase: 3, labels: words, forced: true}",
        ("languages/en.yaml", "2 agree and 2 choose frames; the battery asks for 3 and 1"),
    ),
    "empty text": (
        "topics/tea.yaml",
        '  s2.con: "Coffee has done more good for the world."\n',
        '  s2.con: ""\n',
        ("topics/tea.yaml, line 16: texts.s2.con", "at least 1 character"),
    ),
    "missing field": (
        "languages/en.yaml",
        '  decline: "I would rather not say"\n',
        "",
        ("languages/en.yaml, line 7: scale.decline", "Field required"),
    ),
    "not a mapping": (
        "battery.yaml",
        "languages: [en, zh]\n",
        "languages: en\n",
        ("battery.yaml, line 5: languages", "valid tuple"),
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_battery_names_file_line_and_fault(case: str, small: Path) -> None:
    """The person who must correct it learns where, what and how."""
    file, old, new, parts = DAMAGES[case]
    change(small / file, old, new)
    with pytest.raises(BatteryError) as caught:
        load_battery(str(small))
    assert all(part in caught.value.what for part in parts), caught.value.what
    assert caught.value.remedy


def test_empty_file_is_refused(small: Path) -> None:
    """A file without content is no battery."""
    (small / "battery.yaml").write_text("")
    with pytest.raises(BatteryError, match=r"battery.yaml, line 1: the file"):
        load_battery(str(small))


def test_several_faults_are_counted(small: Path) -> None:
    """The first fault is named, and how many others there are."""
    change(small / "topics/tea.yaml", "title: Tea or coffee\n", "")
    change(small / "topics/tea.yaml", "domain: drinks\n", "")
    with pytest.raises(BatteryError, match=r"\(1 more like this\.\)"):
        load_battery(str(small))


def test_domains_hold_topics(small: Path) -> None:
    """The topics of some domains come in the battery's order; an unknown domain is wrong use."""
    assert topics_of_domains(str(small), ["mirror", "drinks"]) == ["tea", "mirror-rain"]
    with pytest.raises(UsageError, match="Did you mean drinks"):
        topics_of_domains(str(small), ["drink"])


def test_own_items_are_a_battery(tmp_path: Path) -> None:
    """A file of items loads with the frames of its languages, and narrows like a battery."""
    path = tmp_path / "mine.jsonl"
    line = '{{"id": "{}", "language": "{}", "topic": "{}", "prompt": "?"}}\n'
    path.write_text(
        line.format(1, "en", "x") + line.format(1, "zh", "x") + line.format(2, "sw", "y")
    )
    battery = load_battery(str(path))
    assert battery.name == "mine"
    assert len(battery.version) == 12
    assert battery.files == {"mine.jsonl": path.read_text()}
    assert list(battery.languages) == ["en", "zh", "sw"]
    assert battery.languages["sw"].language == "en"
    assert [item.id for item in load_battery(str(path), topics=["y"]).items] == ["2"]
    assert [item.language for item in load_battery(str(path), languages=["zh"]).items] == ["zh"]
    for asked in ({"languages": ["fr"]}, {"topics": ["z"]}, {"part": "demo"}):
        with pytest.raises(UsageError):
            load_battery(str(path), **asked)  # type: ignore[arg-type]
    path.write_text(path.read_text() + line.format(3, "en", "x"))
    assert load_battery(str(path)).version != battery.version
