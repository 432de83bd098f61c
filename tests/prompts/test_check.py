"""The checker: each rule finds its slip, and a clean battery has none."""

from pathlib import Path

import pytest

from prompts.check import check
from prompts.load import load_battery


def findings(folder: Path) -> list[str]:
    """What the checker says of a battery."""
    return [str(finding) for finding in check(load_battery(str(folder)))]


def test_clean_battery_has_no_findings(small: Path) -> None:
    """Silence where nothing is wrong."""
    assert findings(small) == []


TEA = "topics/tea.yaml"
ZH = "languages/zh.yaml"
EN = "languages/en.yaml"
LONG = "咖啡给世界带来的好处更多，而且多得多，无论从哪一方面看，无论在哪一个时代，都是如此。" * 2
SLIPS = {
    "placeholder": (TEA, "pupils", "TODO", "en tea/s1.pro: holds a placeholder, TODO"),
    "braces": (
        ZH,
        "学校应该给学生喝茶",
        "学校应该给{who}喝茶",
        "zh tea/s1.pro: holds a placeholder",
    ),
    "double space": (ZH, "喝哪一种饮料", "喝  哪一种饮料", "zh tea/open-1: has spaces"),
    "line break": (ZH, "喝哪一种饮料", "喝\\n哪一种饮料", "zh tea/open-1: has spaces"),
    "direction mark": (
        ZH,
        "有七天",
        "有\\u202e七天",
        "zh facts/s1.pro: holds a direction mark, U+202E",
    ),
    "letters of another script": (
        ZH,
        "有七天",
        "有семь天",
        "zh facts/s1.pro: holds Cyrillic letters",
    ),
    "punctuation": (ZH, "有七天。", "有七天.", "zh facts/s1.pro: punctuation of another script"),
    "traditional character": (
        ZH,
        "学校应该给学生喝茶",
        "學校应该给学生喝茶",
        "a traditional character, “學”",
    ),
    "same text twice": (
        ZH,
        "茶给世界带来的好处更多。",
        "学校应该给学生喝茶。",
        "zh tea/s2.pro: is the same text as tea/s1.pro",
    ),
    "pair out of balance": (
        ZH,
        "咖啡给世界带来的好处更多。",
        LONG,
        "zh tea/s2.pro: 12 characters beside",
    ),
    "far too long": (ZH, "咖啡给世界带来的好处更多。", LONG, "zh tea/s2.con: "),
    "not translated": (
        ZH,
        "学校应该给学生喝茶。",
        "Schools should serve tea to their pupils.",
        "zh tea/s1.pro: is the English text",
    ),
    "words left over": (
        ZH,
        "给学生喝茶",
        "给 all of their pupils 喝茶",
        "zh tea/s1.pro: holds untranslated words, “all of their pupils”",
    ),
    "same instruction": (
        ZH,
        "请阅读下面这句话，说明您的态度。",
        "您在多大程度上同意或不同意？",
        "zh frames: two paraphrases have the same instruction",
    ),
    "same answers": (
        ZH,
        'agree: "非常同意"',
        'agree: "同意"',
        "zh scale: two answers are the same",
    ),
    "same labels": (
        ZH,
        '["A", "B", "C", "D", "E"]',
        '["A", "B", "C", "A", "E"]',
        "zh labels.letters: two labels are the same",
    ),
    "frame in another script": (
        ZH,
        "哪一项最符合？",
        "哪一项最符合?",
        "zh frame 2 closing: punctuation",
    ),
}


@pytest.mark.parametrize("case", SLIPS)
def test_rule_finds_its_slip(case: str, small: Path) -> None:
    """One slip is made, and found where it is."""
    file, old, new, finding = SLIPS[case]
    text = (small / file).read_text("utf-8")
    assert old in text
    (small / file).write_text(text.replace(old, new, 1), "utf-8")
    found = findings(small)
    assert any(finding in line for line in found), found


def test_decomposed_characters_are_found(small: Path) -> None:
    """A letter and its accent as two characters are named as such."""
    path = small / TEA
    path.write_text(path.read_text().replace("pupils", "pupil\u0065\u0301s", 1))
    assert findings(small) == ["en tea/s1.pro: is not in Unicode's composed form (NFC)"]


def test_text_in_another_language_is_found(small: Path) -> None:
    """A whole sentence of Japanese under Chinese is told apart."""
    path = small / ZH
    japanese = (
        "学校は生徒たちにコーヒーではなくお茶を毎朝出すべきだと私は思います。とても良い飲み物です。"
    )
    path.write_text(path.read_text("utf-8").replace("学校应该给学生喝茶。", japanese), "utf-8")
    assert any("zh tea/s1.pro: reads as Japanese" in line for line in findings(small))


def test_language_that_the_detector_does_not_know_is_checked_by_the_other_rules(
    small: Path,
) -> None:
    """A language of three letters is no reason to fail."""
    for file in ("battery.yaml", ZH):
        path = small / file
        path.write_text(path.read_text("utf-8").replace("zh", "yue"), "utf-8")
    (small / ZH).rename(small / "languages/yue.yaml")
    assert isinstance(findings(small), list)
