"""Open answers through llama.cpp: many are written at once, and a finished one makes room."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.backends.answers import Answer
from probes.backends.llama_native import Item
from probes.backends.llama_streams import LEAST, Node, grow

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
        context: with a stream for each slot, at least ``LEAST``, and one more; or with one alone,
            and then the numbers of an answer may differ in their last bits.
        prompts: of the context's model.
        cells: to ask; their prompts fit.
        sampling: of every token.
        slots: answers that are written at once.

    Raises:
        FloatingPointError: the model gives no numbers.
    """
    opening = _opened(context, prompts, cells[0])
    waiting = list(reversed(cells))
    writing: list[Answer] = []  # each in the stream of its place: llama.cpp wants them in a row
    while waiting or writing:
        started = time.perf_counter()
        if waiting and len(writing) < slots:
            some = [waiting.pop() for _ in range(min(len(waiting), slots - len(writing)))]
            writing += _begin(context, prompts, some, sampling, len(writing), opening)
        else:
            _go_on(context, writing)
        share = (time.perf_counter() - started) / len(writing)
        for answer in writing:
            answer.seconds += share
        for place in reversed(range(len(writing))):
            if writing[place].ending:
                yield writing[place].response()
                _take_out(context, writing, place)


@dataclass(frozen=True)
class _Opening:
    """What stands before every message, and the stream that holds it."""

    stream: int
    tokens: tuple[int, ...]

    def node(self, prompt: tuple[int, ...]) -> Node:
        """What is left to decode of a prompt; all of it where it begins otherwise."""
        length = len(self.tokens)
        if length and prompt[:length] == self.tokens and len(prompt) > length:
            return Node(self.stream, length, prompt[length:], read=1)
        return Node(None, 0, prompt, read=1)


def _opened(context: Context, prompts: Prompts, cell: Cell) -> _Opening:
    last = context.streams - 1
    shares = context.model.shares_prefixes and last >= LEAST
    tokens = tuple(prompts.opening(cell)) if shares else ()
    if tokens:
        grow(context, [Node(None, 0, tokens)], last, lambda *_: None)
    return _Opening(last, tokens)


def _begin(
    context: Context,
    prompts: Prompts,
    cells: Sequence[Cell],
    sampling: Sampling,
    first: int,
    opening: _Opening,
) -> list[Answer]:
    """Answers with their first token, in the order of their streams, which begin at ``first``."""
    tokens = [tuple(prompts.tokens(cell)) for cell in cells]
    answers = [
        Answer(cell, len(prompt), sampling, prompts.stop(cell), context.model.text)
        for cell, prompt in zip(cells, tokens, strict=True)
    ]
    streams = grow(
        context,
        [opening.node(prompt) for prompt in tokens],
        first,
        lambda node, index: _take(answers[node], context, index),
    )
    return [answers[streams.index(stream)] for stream in sorted(streams)]


def _go_on(context: Context, writing: Sequence[Answer]) -> None:
    """Decode the last token of every answer and draw its next; beside a lone one a dummy."""
    places = range(len(writing))
    beside = range(len(writing), min(LEAST, context.streams))
    items = [Item(writing[i].tokens[-1], writing[i].position, i, read=True) for i in places]
    context.decode([*items, *(Item(items[0].token, 0, i, read=True) for i in beside)])
    for i in beside:
        context.forget(i)
    for i in places:
        _take(writing[i], context, i)


def _take(answer: Answer, context: Context, index: int) -> None:
    token = answer.sampler.draw(context.logits(index))
    answer.take(token, ends=context.model.ends(token))


def _take_out(context: Context, writing: list[Answer], place: int) -> None:
    """Let the last answer take the place of a finished one."""
    last = writing.pop()
    context.forget(place)
    if place < len(writing):
        context.share(len(writing), place)
        context.forget(len(writing))
        writing[place] = last
