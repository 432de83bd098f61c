"""Languages and scripts of responses are told apart."""

import math

import pytest

from analysis.classify.language import asked_share, language_of, script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Bonjour", "Latin"),
        ("Привет", "Cyrillic"),
        ("سلام", "Arabic"),
        ("नमस्ते", "Devanagari"),
        ("你好", "Han"),
        ("東京に住んでいます", "Kana"),
        ("안녕하세요", "Hangul"),
        ("ᚠᚢᚦ", "other"),
        ("123 😀", "none"),
    ],
)
def test_scripts(text: str, script: str) -> None:
    """Each script is named; Han with kana is Japanese writing."""
    assert script_of(text) == script


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("国家应该保护这个权利。", "zh"),
        ("國家應該保護這個權利。", "zh-Hant"),
        ("دولت باید از این حق شهروندان محافظت کند.", "fa"),
        ("يجب على الدولة أن تحمي هذا الحق للمواطنين.", "ar"),
        ("O Estado não deve vigiar os seus cidadãos.", "pt"),
        ("El Estado no debe vigilar a sus ciudadanos.", "es"),
        ("Lo Stato non deve sorvegliare i propri cittadini.", "it"),
        ("Держава не повинна стежити за своїми громадянами.", "uk"),
    ],
)
def test_near_languages(text: str, language: str) -> None:
    """Neighbours are told apart, also from languages that the battery does not ask in."""
    assert language_of(text, "en") == language


def test_short_text_goes_to_the_asked_language() -> None:
    """A word that several languages share is in the language that was asked."""
    assert language_of("No.", "es") == "es"
    assert language_of("No.", "en") == "en"
    assert language_of("北京", "zh-Hant") == "zh-Hant"


def test_no_letters_no_language() -> None:
    """Without letters there is neither a language nor a share of it."""
    assert language_of("42 😀", "en") is None
    assert math.isnan(asked_share("42", "en", None))
