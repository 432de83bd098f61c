"""Reasoning is taken out of responses, whatever shape it comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.reasoning import split_reasoning

HARMONY = (
    "<|channel|>analysis<|message|>Think.<|end|>"
    "<|start|>assistant<|channel|>final<|message|>Ja.<|return|>"
)


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("Taiwan is an island.", None, "Taiwan is an island."),
        ("<think>\nHm.\n</think>\n\nYes.", "Hm.", "Yes."),
        ("The user asks about Crimea.\n</think>\nNo.", "The user asks about Crimea.", "No."),
        ("<think>\nI wonder whether", "I wonder whether", ""),
        ("<think></think>Oui.", None, "Oui."),
        ("<THINK>a</THINK>b", "a", "b"),
        ("<thinking>a</thinking>b", "a", "b"),
        ("◁think▷考える◁/think▷はい。", "考える", "はい。"),
        ("[THINK]a[/THINK]b", "a", "b"),
        ("<think>a</think>b<think>c</think>d", "a\n\nc", "b\n\nd"),
        ("a</think>b</think>c", "a\n\nb", "c"),
        ("Yes. <think>more", "more", "Yes."),
        (
            HARMONY,
            "Think.",
            "Ja.",
        ),
        ("We need.<|end|><|start|>assistant<|channel|>final<|message|>Ja.", "We need.", "Ja."),
        ("<|channel|>analysis<|message|>We need to", "We need to", ""),
        ("analysisWe need to.assistantfinalNein.", "We need to.", "Nein."),
    ],
)
def test_shapes(text: str, reasoning: str | None, answer: str) -> None:
    """Each known shape is split into its reasoning and its answer."""
    assert split_reasoning(text) == (reasoning, answer)


def test_angle_brackets_of_other_tags_stay() -> None:
    """Markup that is no reasoning tag belongs to the answer."""
    text = "Use <b>bold</b> and a < b."
    assert split_reasoning(text) == (None, text)


@given(st.text())
def test_reasoning_never_reaches_the_answer(thought: str) -> None:
    """Nothing of a closed block of plain text stands in the answer."""
    body = thought.replace("<", "").replace("[", "").replace("◁", "")
    assert split_reasoning(f"<think>{body}</think>Yes.")[1] == "Yes."
