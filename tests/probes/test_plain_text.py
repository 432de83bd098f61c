"""Text that others wrote, on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.plain_text import for_terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jclear", "clear"),
        ("a\r\nb\tc", "a b c"),
        ("safe \u202egpj.exe", "safe gpj.exe"),
        ("nul\x00", "nul"),
        ("नमस्ते العربية 中文", "नमस्ते العربية 中文"),
    ],
)
def test_terminal_examples(text: str, shown: str) -> None:
    """Escape sequences, controls and overrides are gone; scripts of all kinds stay."""
    assert for_terminal(text) == shown


@given(st.text(st.characters(codec="utf-8")))
def test_terminal_holds_nothing_that_is_obeyed(text: str) -> None:
    """No text leaves a control character or a bidirectional override."""
    shown = for_terminal(text)
    assert not [c for c in shown if unicodedata.category(c) == "Cc"]
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
