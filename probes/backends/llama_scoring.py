"""Scored cells through llama.cpp: the plan as a prefix tree over tokens, each token decoded once.

What all items of a frame share (head) is decoded once, what all forms of an item share (stem)
once, what the forms with and without a way out share (listing) once, then each cell's own suffix:
level by level, for many cells at once. Where segments end is found from the cell alone, so a
number does not depend on which other cells are asked, nor in what order.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from probes.backends.answers import failed, option_logprobs, too_long
from probes.backends.llama_memory import in_pieces
from probes.backends.llama_native import MICRO_BATCH
from probes.backends.llama_streams import LEAST, Node, grow
from probes.cell import Response
from probes.label_tokens import log_sum_exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from probes.backends.llama_native import Context
    from probes.backends.rendering import Prompts
    from probes.cell import Cell
    from probes.label_tokens import LabelTokens

    Tokens = tuple[int, ...]
    Begin = tuple[Tokens, Tokens]  # where the segments of a prompt's beginning end; its tokens

HALVES = 2  # children are grown in other streams than their parents'


def score(
    prompts: Prompts,
    cells: Sequence[Cell],
    open_context: Callable[[int, int], Context],
    *,
    most: int,
    tokens: int,
    at_once: int,
    whole: bool,
) -> Iterator[Response]:
    """Yield the log-probabilities of each cell's option labels, in the order given.

    Args:
        prompts: of the model.
        cells: to ask.
        open_context: makes a memory for tokens in so many streams.
        most: tokens of a prompt.
        tokens: that memory may hold in all streams; fewer cells are asked at once when theirs are
            long.
        at_once: cells, at most.
        whole: decode each cell in one piece, sharing nothing.

    Raises:
        BackendError: the model gives every option the same probability.
        FloatingPointError: it gives no numbers.
    """

    def width(room: int) -> int:
        fitting = (tokens // room - 1) // HALVES if room else at_once
        return max(1, min(at_once, len(cells), fitting))

    tree: _Tree | None = None
    prepared = (_prepared(prompts, cell, most, whole=whole) for cell in cells)
    try:
        for room, part in _parts(prepared, width):
            started = time.perf_counter()
            asked = [one for one in part if isinstance(one, _Asked)]
            if asked and (tree is None or tree.room < room):
                if tree:
                    tree.close()
                streams = HALVES * width(room) + 1
                tree = _Tree(open_context(streams * room, streams), width(room))
            found = iter(tree.ask(asked) if tree and asked else ())
            share = (time.perf_counter() - started) / max(len(asked), 1)
            for one in part:
                yield one.response(next(found), share) if isinstance(one, _Asked) else one
    finally:
        if tree:
            tree.close()


@dataclass(frozen=True)
class _Asked:
    """A cell on its way through the model.

    Attributes:
        borders: where its segments end in its tokens; the last is their number.
    """

    cell: Cell
    tokens: Tokens
    borders: Tokens
    labels: LabelTokens

    @cached_property
    def room(self) -> int:
        """Tokens that a stream needs to hold it with each of its labels."""
        longest = max(map(len, self.labels.tails), default=1)
        return in_pieces(len(self.tokens) + max(longest, LEAST))

    def begin(self, level: int) -> Begin:
        """Its first segments, up to one."""
        return self.borders[: level + 1], self.tokens[: self.borders[level]]

    def response(self, logprobs: tuple[float, ...], seconds: float) -> Response:
        """What came back from it."""
        return Response(
            cell=self.cell.id,
            ending="complete",
            logprobs=logprobs,
            tokens_in=len(self.tokens),
            seconds=seconds,
        )


def _prepared(prompts: Prompts, cell: Cell, most: int, *, whole: bool) -> _Asked | Response:
    tokens = prompts.tokens(cell)
    if len(tokens) > most:
        return too_long(cell, len(tokens), most)
    labels = prompts.labels(cell, tokens)
    longest = max(map(len, labels.tails), default=1)
    if longest > MICRO_BATCH:
        return failed(cell, f"An option has {longest:,} tokens.", len(tokens))
    cuts = () if whole else prompts.cuts(cell, tokens)
    return _Asked(cell, tuple(tokens), (*cuts, len(tokens)), labels)


def _parts(
    prepared: Iterable[_Asked | Response], width: Callable[[int], int]
) -> Iterator[tuple[int, list[_Asked | Response]]]:
    """Neighbours that are asked together, with the room that each stream has to have by then."""
    room = 0
    part: list[_Asked | Response] = []
    for one in prepared:
        needed = max(room, one.room) if isinstance(one, _Asked) else room
        if len(part) >= width(needed):
            yield room, part
            part = []
        part.append(one)
        room = needed
    yield room, part


class _Tree:
    """The streams in which cells are asked; the last head stays for the cells that come next."""

    def __init__(self, context: Context, width: int) -> None:
        self.room = context.room
        self._context = context
        self._width = width
        self._spare = HALVES * width
        self._held: Begin | None = None

    def ask(self, asked: Sequence[_Asked]) -> list[tuple[float, ...]]:
        """The log-probabilities of the options of some cells, which have as many segments."""
        levels = len(asked[0].borders)
        firsts: list[dict[int, float]] = [{} for _ in asked]
        streams: dict[Begin, int] = {}
        for level in range(levels):
            begins = list(dict.fromkeys(one.begin(level) for one in asked))
            leaf = level == levels - 1
            read = partial(self._read_firsts, asked, begins, firsts)
            nodes = [self._node(begin, streams, leaf=leaf) for begin in begins]
            grown = grow(self._context, nodes, level % HALVES * self._width, read)
            streams = dict(zip(begins, grown, strict=True))
            if level == 0 and not leaf:
                self._hold(begins[-1], grown[-1])
        leaves = [streams[one.begin(levels - 1)] for one in asked]
        rests = self._rests(asked, firsts, leaves, levels)
        return [
            option_logprobs(one.labels, first, rest, self._context.model.name)
            for one, first, rest in zip(asked, firsts, rests, strict=True)
        ]

    def close(self) -> None:
        """Free the memory."""
        self._context.close()

    def _node(self, begin: Begin, streams: Mapping[Begin, int], *, leaf: bool) -> Node:
        borders, tokens = begin
        if begin == self._held:
            return Node(self._spare, len(tokens), ())
        start = borders[-2] if len(borders) > 1 else 0
        parent = streams.get((borders[:-1], tokens[:start]))
        return Node(parent, start, tokens[start:], read=int(leaf))

    def _hold(self, begin: Begin, stream: int) -> None:
        if begin != self._held:
            self._context.forget(self._spare)
            self._context.share(stream, self._spare)
            self._held = begin

    def _read_firsts(
        self,
        asked: Sequence[_Asked],
        begins: Sequence[Begin],
        firsts: list[dict[int, float]],
        node: int,
        index: int,
    ) -> None:
        """Take the log-probabilities of the first tokens of labels, where a prompt has ended."""
        row = self._context.logits(index)
        total = log_sum_exp(row)
        level = len(begins[node][0]) - 1
        for one, first in zip(asked, firsts, strict=True):
            if one.begin(level) == begins[node]:
                for ways in one.labels.ways:
                    first |= {way[0]: float(row[way[0]]) - total for way in ways}

    def _rests(
        self,
        asked: Sequence[_Asked],
        firsts: Sequence[Mapping[int, float]],
        leaves: Sequence[int],
        levels: int,
    ) -> list[list[float]]:
        """Of each label of several tokens, the log-probability of those after its first."""
        found: dict[tuple[int, Tokens], float] = {}
        wanted = [
            (i, before)
            for i, (one, first) in enumerate(zip(asked, firsts, strict=True))
            for before in dict.fromkeys(
                tail[:-1] for tail in one.labels.likely_tails(first.__getitem__)
            )
        ]
        for begin in range(0, len(wanted), self._width):
            group = wanted[begin : begin + self._width]
            nodes = [
                Node(leaves[i], len(asked[i].tokens), before, read=len(before))
                for i, before in group
            ]
            read = partial(self._read_rests, asked, group, found)
            grow(self._context, nodes, levels % HALVES * self._width, read)
        return [
            [found.get((i, tail), -math.inf) for tail in one.labels.tails]
            for i, one in enumerate(asked)
        ]

    def _read_rests(
        self,
        asked: Sequence[_Asked],
        group: Sequence[tuple[int, Tokens]],
        found: dict[tuple[int, Tokens], float],
        node: int,
        index: int,
    ) -> None:
        i, before = group[node]
        rows = [self._context.logits(index - k) for k in reversed(range(len(before)))]
        totals = [log_sum_exp(row) for row in rows]
        for tail in asked[i].labels.tails:
            if tail[:-1] == before:
                found[i, tail] = sum(
                    float(row[token]) - total
                    for row, total, token in zip(rows, totals, tail[1:], strict=True)
                )
