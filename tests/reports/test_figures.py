"""Numbers as readers see them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import figures


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "shown"),
    [
        (0.1234, 3, False, "0.123"),
        (-0.5, 2, True, "\u22120.50"),
        (0.5, 2, True, "+0.50"),
        (-0.0001, 2, True, "0.00"),
        (math.nan, 2, True, "–"),
    ],
)
def test_number(value: float, decimals: int, signed: bool, shown: str) -> None:
    """Decimals are fixed, the minus is a minus, a rounded zero has no sign, NaN is a dash."""
    assert figures.number(value, decimals, signed=signed) == shown


@given(st.floats(0, 1))
def test_p_value_is_never_zero(p: float) -> None:
    """A p-value is shown to three decimals or as a bound, never as 0.000."""
    assert figures.p_value(p) != "0.000"


def test_sentences() -> None:
    """Counts agree with their nouns, lists read as English."""
    assert figures.count(1, "model") == "one model"
    assert figures.count(3072, "answer") == "3,072 answers"
    assert figures.listed(["a"]) == "a"
    assert figures.listed(["a", "b", "c"]) == "a, b and c"
    assert figures.interval(math.nan, 1) == "–"
    assert figures.percent(math.nan) == "–"
