"""The form of a response is seen, and its length is not."""

from hypothesis import given
from hypothesis import strategies as st

from analysis.classify.form import FORMS, form


def seen(response: str, prompt: str = "") -> dict[str, float]:
    """The form by name."""
    return dict(zip(FORMS, form(response, prompt), strict=True))


@given(st.text(max_size=200), st.text(max_size=50))
def test_any_text_has_a_form(response: str, prompt: str) -> None:
    """Every number is between nought and one."""
    assert len(form(response, prompt)) == len(FORMS)
    assert all(0 <= value <= 1 for value in form(response, prompt))


def test_what_is_seen() -> None:
    """Lists, questions, quotation marks, echoed words and broken ends are seen."""
    assert seen("One.\n- two\n- three.")["a list"] == 1
    assert seen("هل تريد شيئا آخر؟")["ends with a question"] == 1
    assert seen("“No,” he said.")["quotes"] == 1
    assert seen("Harbours are old.", "Tell me of harbours.")["of the prompt's words"] == 0.5
    assert seen("Great question! Let me")["hardly begun"] == 1
    assert seen("Great question! It is so.")["hardly begun"] == 0


def test_length_is_not_seen() -> None:
    """The same sentence twice has the form of one."""
    text = "The harbour was built by the town. "
    assert form(text.strip(), "Why?") == form((text * 2).strip(), "Why?")
