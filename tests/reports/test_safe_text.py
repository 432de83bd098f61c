"""Text that others wrote, on each surface."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reports import fonts, safe_text


@given(st.text(), st.sampled_from("=+-@＝＋－＠\t\r"))
def test_csv_formulas_are_text(text: str, start: str) -> None:
    """What a spreadsheet would compute has an apostrophe in front, also after spaces."""
    assert safe_text.for_csv(start + text).startswith("'")
    assert safe_text.for_csv("  =" + text).startswith("'")


def test_csv_leaves_plain_text_alone() -> None:
    """Text that is no formula is not changed."""
    assert safe_text.for_csv("a = b + c") == "a = b + c"
    assert safe_text.for_csv("") == ""


@given(st.text(st.characters(codec="utf-8")))
def test_print_shows_only_what_fonts_can(text: str) -> None:
    """Every character of a printable text has a glyph, or is an invisible one that is allowed."""
    allowed = set("\n\t\u200b\u200c\u200d\u200e\u200f\ufe0f\ufeff\u00ad")
    shown = safe_text.for_print(text, fonts.covered())
    assert all(ord(c) in fonts.covered() or c in allowed for c in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x1b\x00")


def test_print_names_what_it_cannot_show() -> None:
    """Hidden characters are named, runs of them counted, towers of marks cut, long words broken."""
    shown = safe_text.for_print("a\x1b\u202eb😀 " + "ก" * 12, fonts.covered(), 99)
    assert shown == "a[U+001B][U+202E]b[U+1F600] [12 characters that cannot be shown, from U+0E01]"
    tower = safe_text.for_print("Z" + "\u0301" * 300, fonts.covered())
    assert tower == "Z" + "\u0301" * 4 + "[296 characters that cannot be shown, from U+0301]"
    long = safe_text.for_print("A" * 100, fonts.covered())
    assert long.replace("\u200b", "") == "A" * 100
    assert max(map(len, long.split("\u200b"))) == safe_text.LONG_WORD


@given(st.text(min_size=1), st.integers(1, 50), st.integers(1, 5))
def test_cut_accounts_for_every_character(text: str, length: int, lines: int) -> None:
    """The start and the count of what is missing make the whole; neither limit is passed."""
    start, missing = safe_text.cut(text, length, lines)
    assert text.startswith(start)
    assert len(start) + missing == len(text)
    assert len(start) <= length
    assert start.count("\n") < lines


def test_direction_is_that_of_the_first_letter() -> None:
    """Digits and signs have no direction; the first letter decides."""
    assert safe_text.direction("12. «العربية» and English") == "rtl"
    assert safe_text.direction("English, then العربية") == "ltr"
    assert safe_text.direction("123") == "ltr"
