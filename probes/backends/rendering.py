"""What a model sees of a cell: its prompt as tokens, where its segments end, its labels."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from probes.label_tokens import label_tokens
from probes.templates import base_render, chat_renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from probes.cell import Cell
    from probes.label_tokens import LabelTokens

_SENTINEL = "§"  # stands for what differs, to find where the tokens of what is shared end
_KEPT = 256  # beginnings whose tokens are kept: neighbouring cells share theirs


class Prompts:
    """Renders and tokenises cells for one model."""

    def __init__(
        self,
        name: str,
        tokenise: Callable[[str], list[int]],
        *,
        template: str | None,
        bos: str,
        eos: str,
        begin: Sequence[int],
    ) -> None:
        """Prepare the chat template, or the base-model frame where there is none.

        Args:
            name: of the model, for errors.
            tokenise: gives the tokens of a text, special tokens parsed and none added.
            template: the chat template to ask with.
            bos, eos: special tokens as text, for the template.
            begin: the token that a prompt has to begin with; empty where the vocabulary wants none.

        Raises:
            BackendError: the template is no template.
        """
        self.template = template
        self.base = template is None
        self.render = (
            base_render
            if template is None
            else chat_renderer(template, bos=bos, eos=eos, model=name)
        )
        self._tokenise = tokenise
        self._begin = list(begin)
        self._labels: dict[tuple[tuple[int, ...], tuple[tuple[str, ...], ...]], LabelTokens] = {}
        self._begun: dict[tuple[tuple[str, str], str], list[int]] = {}

    def tokens(self, cell: Cell) -> list[int]:
        """The tokens of a cell's prompt."""
        return self._tokens(cell, cell.prompt)

    def cuts(self, cell: Cell, tokens: Sequence[int]) -> tuple[int, ...]:
        """Where head, stem and listing end: found from the cell alone, never from others."""
        cuts = []
        shared = ""
        for part in (cell.head, cell.stem, cell.listing):
            shared += part
            other = self._begun_with(cell, shared)
            cuts.append(min(common(tokens, other), len(tokens) - 1))
        return tuple(accumulate(cuts, max))

    def opening(self, cell: Cell) -> list[int]:
        """The tokens that stand before any message of a chat: BOS, the template's system turn.

        None for a base model, whose frame is another in every language: what comes first would
        depend on the cell that is asked first.
        """
        if self.base:
            return []
        some, other = (self._tokens(cell, message) for message in (_SENTINEL, "a"))
        return some[: common(some, other)]

    def labels(self, cell: Cell, tokens: Sequence[int]) -> LabelTokens:
        """The tokens that say each option's label after a cell's prompt."""
        labels = tuple((option.label, *option.also) for option in cell.options)
        # what stands before a label changes its tokens only through the prompt's last ones
        key = (tuple(tokens[-8:]), labels)
        if key not in self._labels:
            rendered = self.render(cell, cell.prompt)
            self._labels[key] = label_tokens(rendered, labels, self._tokenise)
        return self._labels[key]

    def stop(self, cell: Cell) -> str | None:
        """What ends an answer besides the model: a base model goes on with questions of its own."""
        return f"\n{cell.base_frame[0]}" if self.base else None

    def _begun_with(self, cell: Cell, shared: str) -> list[int]:
        """The tokens of a message that goes on otherwise after what is shared."""
        key = (cell.base_frame, shared)
        if key not in self._begun:
            if len(self._begun) >= _KEPT:
                self._begun.clear()
            self._begun[key] = self._tokens(cell, shared + _SENTINEL)
        return self._begun[key]

    def _tokens(self, cell: Cell, message: str) -> list[int]:
        """The tokens of a rendered message, with BOS once where the vocabulary wants it."""
        tokens = self._tokenise(self.render(cell, message))
        return tokens if tokens[: len(self._begin)] == self._begin else [*self._begin, *tokens]


def common(some: Sequence[object], other: Sequence[object]) -> int:
    """How many items two sequences begin with in common."""
    return next(
        (i for i, (a, b) in enumerate(zip(some, other, strict=False)) if a != b),
        min(len(some), len(other)),
    )
