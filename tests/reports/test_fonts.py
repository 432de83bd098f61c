"""The installed fonts."""

from __future__ import annotations

import pytest

from prompts.errors import ReportError
from reports import fonts

SCRIPTS = {
    "en": "Should?",
    "zh": "政府是否应当",
    "ru": "Должно",
    "ar": "ينبغي",
    "fr": "L’État à œuvre",
    "es": "¿Debería?",
    "hi": "क्षत्रिय",
    "de": "Größe",
    "ja": "すべき",
    "ko": "해야",
}


@pytest.mark.parametrize("language", SCRIPTS)
def test_scripts_are_covered(language: str) -> None:
    """Each language of the battery, and Japanese and Korean, have glyphs."""
    assert {ord(character) for character in SCRIPTS[language]} <= fonts.covered()


def test_typst_sees_these_families_and_no_others() -> None:
    """All families are found by their names; fonts of the machine or of typst are not used."""
    known = {fonts.LATIN, *fonts.SCRIPTS, *fonts.CJK}
    assert set(fonts.for_typst().families()) == known
    assert set(fonts.families("en")) == known


@pytest.mark.parametrize(
    ("language", "family"),
    [
        ("zh", "Noto Sans SC"),
        ("zh-Hant", "Noto Sans TC"),
        ("ja", "Noto Sans JP"),
        ("ko", "Noto Sans KR"),
    ],
)
def test_han_is_set_in_its_own_shapes(language: str, family: str) -> None:
    """The language decides which of the four CJK families comes first."""
    order = fonts.families(language)
    assert next(name for name in order if name in fonts.CJK) == family


def test_missing_package_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A font package that is not installed is named, with what to do."""
    monkeypatch.setattr(fonts, "FOLDERS", (("no_such_font_package", "files"),))
    with pytest.raises(ReportError, match="no-such-font-package"):
        fonts.directories.__wrapped__()
