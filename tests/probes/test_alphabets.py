"""Labels as writers of other scripts write them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.alphabets import also_written

FORMS = {
    ("A", "Hans"): ("Ａ",),
    ("3", "Hant"): ("３",),
    ("10", "Jpan"): ("１０",),
    ("A", "Cyrl"): ("А",),
    ("C", "Cyrl"): ("С",),
    ("D", "Cyrl"): (),
    ("2", "Cyrl"): (),
    ("2", "Arab"): ("٢", "۲"),
    ("12", "Deva"): ("१२",),
    ("A", "Arab"): (),
    ("A", "Latn"): (),
    ("同意", "Hans"): (),
    ("Agree", "Latn"): (),
}


@pytest.mark.parametrize("case", FORMS)
def test_forms_of_a_label(case: tuple[str, str]) -> None:
    """The native, full-width and look-alike forms, where the script has them."""
    assert also_written(*case) == FORMS[case]


@given(st.integers(0, 9_999), st.sampled_from(["Hans", "Hant", "Jpan", "Kore", "Arab", "Deva"]))
def test_other_digits_mean_the_same_number(number: int, script: str) -> None:
    """Python reads every other form of a number as that number."""
    forms = also_written(str(number), script)
    assert forms
    assert all(int(form) == number and form != str(number) for form in forms)


@given(st.text(max_size=4), st.sampled_from(["Hans", "Cyrl", "Arab", "Deva", "Latn", "Xxxx"]))
def test_any_label_is_taken(label: str, script: str) -> None:
    """No text fails; where there are forms they have the label's length and are not the label."""
    for form in also_written(label, script):
        assert len(form) == len(label)
        assert (form != label) == (label != "")


def test_cyrillic_forms_look_alike_and_are_other_letters() -> None:
    """They are Cyrillic letters, not the Latin ones again."""
    for letter in "ABCE":
        (form,) = also_written(letter, "Cyrl")
        assert unicodedata.name(form).startswith("CYRILLIC CAPITAL LETTER")
