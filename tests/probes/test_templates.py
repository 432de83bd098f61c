"""Chat templates: honest ones, and programs that came with hostile weights."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from probes.cell import Cell
from probes.gguf_check import read_header
from probes.templates import (
    FIXED_DATE,
    MAX_RENDERED_BEYOND_PROMPT,
    MAX_TEMPLATE,
    base_render,
    chat_renderer,
)
from prompts.errors import BackendError

if TYPE_CHECKING:
    from pathlib import Path

CELL = Cell(
    kind="open", topic="t", domain="d", tag="contested", language="fr", family="f", item="i",
    pole=None, frame="open", labels="none", forced=False, order="none", head="", stem="Pourquoi ?",
    suffix="", base_frame=("Question :", "Réponse :"),
)  # fmt: skip


def rendered(template: str, message: str = "Hello", bos: str = "<s>", eos: str = "</s>") -> str:
    """A message in a template."""
    return chat_renderer(template, bos=bos, eos=eos, model="toy")(CELL, message)


def test_message_stands_between_the_turns() -> None:
    """A plain template of the usual shape, with the answer's beginning."""
    template = (
        "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] | trim }}"
        "{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
    )
    assert rendered(template) == "<s><|user|>\nHello</s>\n<|assistant|>\n"


def test_model_without_bos_token_renders_without_it() -> None:
    """A vocabulary without BOS gives an empty text, not None or undefined."""
    assert rendered("{{ bos_token }}{{ messages[0].content }}", bos="") == "Hello"


def test_thinking_is_off() -> None:
    """A reasoning model's template closes the reasoning block, as Qwen3's does."""
    template = (
        "{{ messages[0].content }}<|im_start|>assistant\n"
        "{%- if enable_thinking is defined and enable_thinking is false %}"
        "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
    )
    assert rendered(template).endswith("assistant<think>\n\n</think>\n\n")


@pytest.mark.parametrize("call", ["strftime_now('%d %b %Y')", "date_string"])
def test_date_is_the_same_every_day(call: str) -> None:
    """A date in the prompt would make tomorrow's numbers differ from today's."""
    assert rendered(f"{{{{ {call} }}}}") == FIXED_DATE


def test_templates_may_leave_a_loop() -> None:
    """Break and continue are known, as to other programs that read chat templates."""
    template = "{% for m in [1, 2, 3] %}{% if m == 2 %}{% break %}{% endif %}{{ m }}{% endfor %}"
    assert rendered(template) == "1"


def test_braces_in_a_message_are_text() -> None:
    """A question is never run as a template."""
    assert rendered("{{ messages[0].content }}", "{{ 7 * 7 }}{% if %}") == "{{ 7 * 7 }}{% if %}"


HOSTILE = {
    "class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals of a function": "{{ raise_exception.__globals__['sys'] }}{{ 1 / 0 }}",
    "changing the messages": "{{ messages.append(1) }}",
    "format": "{{ '{0.__class__.__mro__}'.format('').x.y }}",
    "reading a file": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}",
    "python": "{{ __import__('os') }}",
    "recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "deep expression": "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "long text": "{{ 'x' * 10 ** 10 }}",
    "long text by multiplication": "{{ 'x' * 10000000000 }}",
    "large list": "{{ [0] * 10000000000 }}",
    "large power": "{{ 10 ** 10 ** 10 }}",
    "large factorial": "{{ 99999999999 * 99999999999 * 99999999999 }}",
    "large range": "{{ range(10000000000) | list }}",
    "endless output": "{% for a in range(99999) %}" * 2 + "x" + "{% endfor %}" * 2,
    "large output": "{{ 'x' | center(70000) }}",
    "surrogate": "{{ '\\ud800' }}",
    "division": "{{ 1 / 0 }}",
    "missing message": "{{ messages[5].content }}",
    "own error": "{{ raise_exception('only for tools') }}",
    "wrong types": "{{ 'a' + 1 }}",
    "wrong sort": "{{ [1, 'a'] | sort }}",
    "unfinished": "{% for m in messages %}",
    "unknown tag": "{% launch %}",
    "unknown filter": "{{ 1 | launch }}",
    "too large": "x" * (MAX_TEMPLATE + 1),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_or_broken_template_is_one_clear_error(case: str) -> None:
    """It names the model and says what to do; nothing escapes, hangs or fills the memory."""
    begun = time.monotonic()
    with pytest.raises(BackendError) as caught:
        rendered(HOSTILE[case])
    assert "toy" in caught.value.what
    assert caught.value.remedy
    assert time.monotonic() - begun < 60


def test_endless_template_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that writes nothing is stopped after a while, and what traced before traces again."""
    monkeypatch.setattr("probes.templates.MAX_SECONDS", 0.3)
    loop = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3
    before = sys.gettrace()
    with pytest.raises(BackendError, match="longer than"):
        rendered(loop)
    assert sys.gettrace() is before


def test_attributes_of_python_render_as_nothing() -> None:
    """What the sandbox hides is undefined, not shown."""
    assert rendered("{{ cycler.__init__ }}{{ messages[0]|attr('__class__') }}") == ""


def test_long_message_is_not_the_template_s_fault() -> None:
    """The limit counts what the template adds, not what is asked."""
    message = "x" * (2 * MAX_RENDERED_BEYOND_PROMPT)
    assert rendered("{{ messages[0].content }}", message) == message


def test_base_model_gets_question_and_answer() -> None:
    """The plain frame is in the cell's language and ends where the answer begins."""
    assert base_render(CELL, "Pourquoi ?") == "Question : Pourquoi ?\nRéponse :"


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct"])
def test_real_templates_render(name: str, model_paths: dict[str, Path]) -> None:
    """The demo's chat models: the message once, in a user's turn, then the assistant's."""
    template = read_header(model_paths[name]).metadata["tokenizer.chat_template"]
    assert isinstance(template, str)
    text = rendered(template, "Is tea good?", bos="<|im_start|>", eos="<|im_end|>")
    assert text.count("Is tea good?") == 1
    assert text.endswith("<|im_start|>user\nIs tea good?<|im_end|>\n<|im_start|>assistant\n")
