"""Numbers as readers see them: fixed decimals, a true minus, a dash for what is undefined."""

from __future__ import annotations

import math

UNDEFINED = "–"
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number(value: float, decimals: int = 2, *, signed: bool = False) -> str:
    """A number with fixed decimals; NaN is a dash.

    A value that rounds to zero has no sign.
    """
    if math.isnan(value):
        return UNDEFINED
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    if not text.strip("+-0."):
        text = text.lstrip("+-")
    return text.replace("-", "\u2212")


def interval(low: float, high: float, decimals: int = 2, *, signed: bool = False) -> str:
    """An interval in square brackets; a dash where an end is undefined."""
    if math.isnan(low) or math.isnan(high):
        return UNDEFINED
    return f"[{number(low, decimals, signed=signed)}, {number(high, decimals, signed=signed)}]"


def percent(share: float) -> str:
    """A share in [0, 1] as a whole percentage."""
    return UNDEFINED if math.isnan(share) else f"{100 * share:.0f}%"


def p_value(p: float) -> str:
    """A p-value to three decimals; smaller ones as a bound."""
    if math.isnan(p):
        return UNDEFINED
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def count(n: int, noun: str, plural: str = "") -> str:
    """A number and its noun: ``one model``, ``3,072 probes``."""
    written = WORDS[n] if n < len(WORDS) else f"{n:,}"
    return f"{written} {noun if n == 1 else plural or noun + 's'}"


def listed(words: list[str]) -> str:
    """Words as a list in a sentence: ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
