"""Open answers through llama.cpp: many are written at once, and a finished one makes room."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from probes.backends.answers import Answer
from probes.backends.llama_native import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probes.backends.llama_native import Context
    from probes.backends.rendering import Prompts
    from probes.cell import Cell, Response, Sampling


def write(
    context: Context,
    prompts: Prompts,
    cells: Sequence[Cell],
    sampling: Sampling,
    *,
    slots: int,
) -> Iterator[Response]:
    """Yield the answers as they are finished.

    Args:
        context: with room for ``slots`` sequences of prompt and answer, each in its own memory.
        prompts: of the context's model.
        cells: to ask; their prompts fit.
        sampling: of every token.
        slots: answers that are written at once.

    Raises:
        FloatingPointError: the model gives no numbers.
    """
    waiting = list(reversed(cells))
    writing: dict[int, Answer] = {}
    while waiting or writing:
        started = time.perf_counter()
        while waiting and len(writing) < slots:
            cell = waiting.pop()
            tokens = prompts.tokens(cell)
            slot = next(i for i in range(slots) if i not in writing)
            stop = prompts.stop(cell)
            answer = Answer(cell, len(tokens), sampling, stop, context.model.text)
            writing[slot] = answer
            _take(answer, context, context.extend(tokens, 0, slot, read_last=True))
        order = [(slot, answer) for slot, answer in writing.items() if not answer.ending]
        if order:
            context.decode([Item(a.tokens[-1], a.position, slot, read=True) for slot, a in order])
        for index, (_, answer) in enumerate(order):
            _take(answer, context, index)
        share = (time.perf_counter() - started) / max(len(writing), 1)
        for answer in writing.values():
            answer.seconds += share
        for slot in [slot for slot, answer in writing.items() if answer.ending]:
            context.forget(slot)
            yield writing.pop(slot).response()


def _take(answer: Answer, context: Context, index: int) -> None:
    token = answer.sampler.draw(context.logits(index))
    answer.take(token, ends=context.model.ends(token))
