"""Text from models and files, made safe for a line on a terminal."""

from __future__ import annotations

import re
import unicodedata

ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC and other strings: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]"  # two-byte escapes
    r"|\x9b[0-?]*[ -/]*[@-~]",  # CSI as one C1 character
    re.DOTALL,
)
OVERRIDES = "\u202a-\u202e\u2066-\u2069"
UNSEEN = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{OVERRIDES}\u2028\u2029]")


def for_terminal(text: str) -> str:
    """One line without anything that a terminal obeys.

    Escape sequences, control characters and bidirectional overrides are removed; line breaks and
    tabs become spaces. What is left must still not be read as Rich markup: wrap it in
    ``rich.text.Text``.
    """
    text = re.sub(r"[\r\n\t\u2028\u2029]+", " ", ANSI.sub("", text))
    return "".join(
        character
        for character in UNSEEN.sub("", text)
        if unicodedata.category(character) not in {"Cc", "Cs"}
    )
