"""Scored cells through llama.cpp, decoded in fixed segments.

What all items of a frame share (head) is decoded once, what all forms of an item share (stem)
once, what the forms with and without a way out share (listing) once, then each cell's own suffix.
A segment is always decoded alone and where it stands in memory depends on nothing but the cell,
so a number does not depend on which other cells are asked, nor in what order.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from probes.backends.answers import failed, option_logprobs, too_long
from probes.backends.llama_native import MICRO_BATCH, Item
from probes.backends.rendering import common
from probes.cell import Response
from probes.label_tokens import log_sum_exp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probes.backends.llama_native import Context
    from probes.backends.rendering import Prompts
    from probes.cell import Cell
    from probes.label_tokens import LabelTokens

SEGMENTS = 4  # head, stem, listing, suffix; the sequence of each begins with the one before
WHOLE, FIRST_LABEL = SEGMENTS - 1, SEGMENTS
LABEL_SEQUENCES = 60
SEQUENCES = FIRST_LABEL + LABEL_SEQUENCES


def score(
    context: Context, prompts: Prompts, cells: Sequence[Cell], *, exact: bool
) -> Iterator[Response]:
    """Yield the log-probabilities of each cell's option labels, in the order given.

    Args:
        context: with room for ``SEQUENCES`` sequences, which share their memory.
        prompts: of the context's model.
        cells: to ask.
        exact: decode each cell whole, in one piece.

    Raises:
        BackendError: the model gives every option the same probability.
        FloatingPointError: it gives no numbers.
    """
    segments = _Segments(context)
    whole = exact or not context.model.shares_prefixes
    for cell in cells:
        started = time.perf_counter()
        tokens = prompts.tokens(cell)
        if len(tokens) + MICRO_BATCH > context.tokens:
            yield too_long(cell, len(tokens), context.tokens - MICRO_BATCH)
            continue
        labels = prompts.labels(cell, tokens)
        longest = max(map(len, labels.tails), default=1)
        if longest - 1 > MICRO_BATCH:
            yield failed(cell, f"An option has {longest:,} tokens.", len(tokens))
            continue
        cuts = (0,) * (SEGMENTS - 1) if whole else prompts.cuts(cell, tokens)
        last = segments.decode(tokens, cuts)
        logprobs = _read_labels(context, labels, len(tokens), last)
        yield Response(
            cell=cell.id,
            ending="complete",
            logprobs=logprobs,
            tokens_in=len(tokens),
            seconds=time.perf_counter() - started,
        )


class _Segments:
    """The segments of the cell before, kept as long as the next cell begins with them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._held: list[tuple[int, ...]] = [()] * SEGMENTS

    def decode(self, tokens: list[int], cuts: tuple[int, ...]) -> int:
        """Decode what is new of a cell.

        Returns:
            The index of its last token in the last batch, whose logits were read.
        """
        borders = (0, *cuts, len(tokens))
        segments = [tuple(tokens[a:b]) for a, b in pairwise(borders)]
        fresh = common(segments[:-1], self._held)
        for level in range(fresh, SEGMENTS):  # all before any is decoded: memory fills from there
            self._context.forget(level)
        last = 0
        for level in range(fresh, SEGMENTS):
            if borders[level]:
                self._context.share(level - 1, level)
            if segments[level]:
                last = self._context.extend(
                    segments[level], borders[level], level, read_last=level == WHOLE
                )
        self._held = segments
        return last


def _read_labels(
    context: Context, labels: LabelTokens, length: int, last: int
) -> tuple[float, ...]:
    row = context.logits(last)
    total = log_sum_exp(row)
    first = {way[0]: float(row[way[0]]) - total for ways in labels.ways for way in ways}
    tails = _read_tails(context, labels.tails, length)
    return option_logprobs(labels, first, tails, context.model.name)


def _read_tails(context: Context, tails: Sequence[tuple[int, ...]], start: int) -> list[float]:
    """Summed log-probabilities of each sequence's tokens after its first."""
    sums: list[float] = []
    for group in _groups(tails):
        items: list[Item] = []
        for sequence, tail in enumerate(group, FIRST_LABEL):
            context.share(WHOLE, sequence)
            items += [Item(t, start + i, sequence, read=True) for i, t in enumerate(tail[:-1])]
        context.decode(items)
        index = 0
        for sequence, tail in enumerate(group, FIRST_LABEL):
            total = 0.0
            for token in tail[1:]:
                row = context.logits(index)
                total += float(row[token]) - log_sum_exp(row)
                index += 1
            sums.append(total)
            context.forget(sequence)
    return sums


def _groups(tails: Sequence[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    """Sequences that can be decoded in one micro-batch, in the order given."""
    group: list[tuple[int, ...]] = []
    room = MICRO_BATCH
    for tail in tails:
        if len(group) == LABEL_SEQUENCES or len(tail) - 1 > room:
            yield group
            group, room = [], MICRO_BATCH
        group.append(tail)
        room -= len(tail) - 1
    if group:
        yield group
