"""Prompts as a model wants to see them: its own chat template, or the base-model frame.

A chat template is a program that came with the weights, so it runs in Jinja's sandbox, and its
time and what it renders are bounded.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from prompts.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from jinja2 import Template
    from jinja2.runtime import Context

    from probes.cell import Cell

MAX_TEMPLATE = 256 * 2**10
MAX_RENDERED_BEYOND_PROMPT = 64 * 2**10
MAX_SECONDS = 5.0

# a date in a system prompt would make every day's numbers differ
FIXED_DATE = "26 Jul 2024"


def chat_renderer(template: str, *, bos: str, eos: str, model: str) -> Callable[[Cell, str], str]:
    """Return a function that renders a cell with some text as the user's message.

    Args:
        template: the model's Jinja chat template.
        bos, eos: its special tokens, as text.
        model: its name, for errors.

    Raises:
        BackendError: the template is no template, or fails when it is rendered.
    """
    compiled = _compile(template, model)

    def render(cell: Cell, message: str) -> str:
        del cell
        pieces = []
        room = len(message) + MAX_RENDERED_BEYOND_PROMPT
        with _explained(model), _time_limit():
            for piece in compiled.generate(
                messages=[{"role": "user", "content": message}],
                add_generation_prompt=True,
                bos_token=bos,
                eos_token=eos,
                enable_thinking=False,
                date_string=FIXED_DATE,
            ):
                pieces.append(piece)
                room -= len(piece)
                if room < 0:
                    raise SecurityError(
                        f"it adds more than {MAX_RENDERED_BEYOND_PROMPT:,} characters"
                    )
            text = "".join(pieces)
            text.encode()  # a lone surrogate is no text
        return text

    return render


def base_render(cell: Cell, message: str) -> str:
    """The plain question-and-answer frame, in the cell's language."""
    question, answer = cell.base_frame
    return f"{question} {message}\n{answer}"


@functools.lru_cache(maxsize=8)
def _compile(template: str, model: str) -> Template:
    if len(template) > MAX_TEMPLATE:
        raise BackendError(
            f"The chat template of {model} has {len(template):,} characters.",
            f"At most {MAX_TEMPLATE:,} are read; do not trust this file.",
        )
    environment = _Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _fixed_date
    with _explained(model):
        return environment.from_string(template)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, without the arithmetic that one line can make endless or huge."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply numbers of ordinary size, and nothing else."""
        if operator == "**" or not all(_ordinary(side) for side in (left, right)):
            raise SecurityError(f"it uses {operator} on more than small numbers")
        return super().call_binop(context, operator, left, right)


def _ordinary(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**53


@contextlib.contextmanager
def _explained(model: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise BackendError(
            f"The chat template of {model} fails: {why}.",
            "The file may be damaged or made for another program; try another conversion.",
        ) from error


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Raise TimeoutError in Python code that runs too long: a template may loop for ever."""
    end = time.monotonic() + MAX_SECONDS

    def watch(_frame: FrameType, _event: str, _value: object) -> Any:
        if time.monotonic() > end:
            raise TimeoutError(f"it runs longer than {MAX_SECONDS:.0f} seconds")
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        yield
    finally:
        sys.settrace(before)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _fixed_date(form: str) -> Any:
    del form
    return FIXED_DATE
