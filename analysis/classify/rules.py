"""What rules alone can decide: responses that are no answer, in any script.

Thresholds were set on the public SpeechMap answers (see MODEL_CARD.md), where ordinary long
answers, lists and songs in English, Chinese and Finnish must pass, and on loops made for it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from analysis.classify.language import runs
from analysis.classify.text import fold, letters

if TYPE_CHECKING:
    from analysis.classify.labels import Script

WINDOW, KEYBOARD = 2_000, 500
LOOP_LENGTH = 60
PACKED_HEADER = 30
LOOP_COMPRESSION = 0.2
SUSPECT_COMPRESSION = 0.45
LOOP_SHARE = 0.7
ECHO_SHARE = 0.9
SALAD_WINDOW, SALAD_WINDOWS = 300, 8
SALAD_SHARE = 0.25

SALAD_RUNS = 7

_EAST_ASIAN = frozenset({"Han", "Kana", "Hangul"})
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_SPEAKER = re.compile(r"^(?:assistant|answer|response)\s*:", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:outcome|label|class|classification|verdict|confidence)\s*[:=]\s*[\w.%-]+"
    r"|</(?:response|answer|assistant|output|text)>.*",
    re.IGNORECASE,
)


def degenerate(response: str, prompt: str) -> str | None:
    """Name the rule by which a response is no answer, None where no rule applies.

    Args:
        response, prompt: as ``clean`` leaves them.

    Returns:
        ``empty`` (no letter or digit, emoji only included), ``loop``, ``echo`` or ``gibberish``.
    """
    if not any(map(str.isalnum, response)):
        return "empty"
    if loops(response):
        return "loop"
    if echoes(response, prompt):
        return "echo"
    if gibberish(response):
        return "gibberish"
    return None


def loops(text: str) -> bool:
    """Whether the first or the last 2,000 characters mostly say the same again and again.

    Either they compress to under 0.2 bytes a character (as UTF-32, so that no script is favoured;
    ordinary answers take 0.4 and more), or under 0.45 with 70 % of them in 8-grams that are seen
    three times or more.
    """
    return any(len(part) >= LOOP_LENGTH and _loop(part) for part in {text[:WINDOW], text[-WINDOW:]})


def _loop(part: str) -> bool:
    packed = zlib.compress(part.encode("utf-32-le"), 1)
    size = max(len(packed) - PACKED_HEADER, 0) / len(part)
    return size < LOOP_COMPRESSION or (size < SUSPECT_COMPRESSION and _repeated(part))


def _repeated(text: str, n: int = 8, times: int = 3) -> bool:
    grams = [text[i : i + n] for i in range(len(text) - n + 1)]
    counts = Counter(grams)
    repeated = sum(count for count in counts.values() if count >= times)
    return repeated / len(grams) >= LOOP_SHARE


def echoes(response: str, prompt: str) -> bool:
    """Whether a response is nothing but its prompt, or most of it, said again."""
    if len(response) > 2 * len(prompt) + 40:
        return False
    said, asked = _essence(response), _essence(prompt)
    if said == asked:
        return bool(said)
    if len(said) < 12 or len(said) > 1.2 * len(asked) or len(said) < 0.6 * len(asked):
        return False
    grams = {asked[i : i + 5] for i in range(len(asked) - 4)}
    shared = sum(said[i : i + 5] in grams for i in range(len(said) - 4))
    return shared / (len(said) - 4) >= ECHO_SHARE


def without_echo(response: str, prompt: str) -> str:
    """The response without the prompt repeated in front of it, as base models do."""
    if not prompt or not response.startswith(prompt):
        return response
    return _SPEAKER.sub("", response[len(prompt) :].strip(), count=1).strip() or response


def without_data(response: str) -> str:
    """The response without lines that are a JSON object or in the form of a label.

    It stays whole if it has no others.

    A response that imitates a label would else be taken for one that gives what was asked.
    """
    lines = response.split("\n")
    rest = [line for line in lines if not _is_data(line.strip())]
    return "\n".join(rest).strip() if len(rest) < len(lines) and any(rest) else response


def _is_data(line: str) -> bool:
    if _LABEL.fullmatch(line):
        return True
    if not (line.startswith("{") and line.endswith("}")):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _essence(text: str) -> str:
    return "".join(filter(str.isalnum, fold(text)))


def gibberish(text: str) -> bool:
    """Whether a text is mostly signs, unreadable characters, or a salad of scripts or letters.

    Grammatical nonsense and a salad of words in one script are not seen.
    """
    dense = "".join(text[:WINDOW].split())
    readable = sum(map(str.isalnum, dense))
    if len(dense) >= 20 and readable < 0.35 * len(dense) and letters(dense) < 20:
        return True
    if dense.count("\ufffd") > 0.1 * len(dense):
        return True
    starts = range(0, len(text), max(SALAD_WINDOW, len(text) // SALAD_WINDOWS))
    salad = sum(_script_salad(text[start : start + SALAD_WINDOW]) for start in starts)
    return salad / len(starts) >= SALAD_SHARE or _keyboard(text[:KEYBOARD])


def _family(run: tuple[Script, int]) -> str:
    return "East Asian" if run[0] in _EAST_ASIAN else run[0]


def _script_salad(text: str) -> bool:
    """Whether letters of several scripts follow each other without order."""
    if text.isascii():
        return False
    lengths: Counter[str] = Counter()
    families: Counter[str] = Counter()
    for family, group in groupby(runs(text), key=_family):
        families[family] += 1
        lengths[family] += sum(length for _, length in group)
    main = max(lengths, key=lambda family: lengths[family], default="other")
    minority = sum(families.values()) - families[main]
    few = main == "Latin" or len(families) > 2
    return minority >= (SALAD_RUNS if few else 3 * SALAD_RUNS)


def _keyboard(text: str) -> bool:
    """Whether most Latin words have no vowel or no end."""
    latin = [word for word in _LATIN.findall(text) if len(word) > 3]
    if len(latin) < 3 or sum(map(len, latin)) < 0.5 * letters(text):
        return False
    odd = sum(len(word) > 45 or _vowelless(word) for word in latin)
    return odd / len(latin) > 0.5


def _vowelless(word: str) -> bool:
    return word.islower() and not re.search(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýāēīōūąęıışœ]", word)
