"""Prefixes that sequences share, each sequence in a memory of its own (a stream), many at once.

A stream holds its tokens from its first place on, whatever the others hold, and a decode has at
least two tokens and reads none or at least two: with weights in BF16 or F32 on a processor, not a
bit of a result then depends on what else is decoded. Quantised weights and GPUs do not keep to
that; there a node has to be decoded alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.backends.llama_native import MICRO_BATCH, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from probes.backends.llama_native import Context

LEAST = 2  # tokens of a sequence in a decode: a single one is multiplied in another way
DECODE = 12  # tokens that a decode costs besides its own: the weights have to be read


@dataclass(frozen=True)
class Node:
    """Tokens that follow on what a stream holds.

    Attributes:
        parent: the stream to begin with; None for an empty one.
        start: the position of the first token.
        tokens: to decode; none where the stream is only copied.
        read: how many of the last tokens' logits are read.
    """

    parent: int | None
    start: int
    tokens: tuple[int, ...]
    read: int = 0


def grow(
    context: Context, nodes: Sequence[Node], first: int, read: Callable[[int, int], None]
) -> list[int]:
    """Decode nodes, each in a stream of its own.

    llama.cpp decodes streams together where they stand in a row and get equally many tokens, so
    nodes are put in the order of their length, and shorter ones padded; the padding comes last and
    is forgotten, so nothing sees it.

    Args:
        context: whose sequences do not share their memory.
        nodes: none of whose parents is one of the streams that are filled.
        first: of as many streams as there are nodes.
        read: is told, after a decode, of each of its nodes that is read, and the index of that
            node's last token in the batch.

    Returns:
        The stream of each node.
    """
    order = sorted(range(len(nodes)), key=lambda i: len(nodes[i].tokens))
    streams = {i: stream for stream, i in enumerate(order, first)}
    for i in order:
        parent = nodes[i].parent
        context.forget(streams[i])
        if parent is not None:
            context.share(parent, streams[i])
    new = [i for i in order if nodes[i].tokens]
    for run in runs(
        [len(nodes[i].tokens) for i in new], [context.room - nodes[i].start for i in new]
    ):
        together = [new[k] for k in run]
        if len(nodes[together[-1]].tokens) > MICRO_BATCH:
            (i,) = together
            node = nodes[i]
            last = context.extend(node.tokens, node.start, streams[i], read_last=node.read > 0)
            if node.read:
                read(i, last)
        else:
            _decode(context, nodes, together, streams, read)
    return [streams[i] for i in range(len(nodes))]


def runs(lengths: Sequence[int], rooms: Sequence[int]) -> list[range]:
    """Which nodes are decoded together, so that padding and decodes cost least.

    Args:
        lengths: of the nodes in tokens, ascending; a run is padded to its last.
        rooms: how many tokens each node's stream can take, at least its own.

    Returns:
        Neighbouring places in the list; no run has more tokens than a micro-batch or pads a stream
        beyond its room, except a single node that is longer.
    """
    cheapest = [0.0]
    begins = [0]
    for end in range(1, len(lengths) + 1):
        width = max(LEAST, lengths[end - 1])
        cost, begin = min(
            (cheapest[begin] + width * (end - begin) + DECODE, begin)
            for begin in range(end)
            if begin == end - 1
            or (width * (end - begin) <= MICRO_BATCH and width <= min(rooms[begin:end]))
        )
        cheapest.append(cost)
        begins.append(begin)
    found = []
    end = len(lengths)
    while end:
        found.append(range(begins[end], end))
        end = begins[end]
    return found[::-1]


def _decode(
    context: Context,
    nodes: Sequence[Node],
    together: Sequence[int],
    streams: dict[int, int],
    read: Callable[[int, int], None],
) -> None:
    width = max(LEAST, len(nodes[together[-1]].tokens))
    items: list[Item] = []
    rows = sum(nodes[i].read for i in together)
    for i in together:
        node = nodes[i]
        length = len(node.tokens)
        wanted = set(range(length - node.read, length))
        if rows == 1 and node.read:
            wanted.add(length if length < width else length - LEAST)
        for place in range(width):
            token = node.tokens[min(place, length - 1)]
            items.append(Item(token, node.start + place, streams[i], place in wanted))
    context.decode(items)
    for k, i in enumerate(together):
        node = nodes[i]
        if len(node.tokens) < width:
            context.forget(streams[i], node.start + len(node.tokens))
        if node.read:
            read(i, k * width + len(node.tokens) - 1)
