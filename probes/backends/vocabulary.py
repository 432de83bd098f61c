"""A vocabulary: text to tokens and back, whoever implements it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Vocabulary:
    """What a backend needs to know of a vocabulary.

    Attributes:
        template: the chat template that came with it.
        bos, eos: the special tokens that begin and end a text, as text; empty where there is none.
        begin: the token that a text has to begin with; empty where none is wanted.
        tokenise: gives the tokens of a text, special tokens parsed and none added.
        text: gives the text of tokens, special ones left out.
        ends: says whether a token ends a turn or a text.
    """

    template: str | None
    bos: str
    eos: str
    begin: tuple[int, ...]
    tokenise: Callable[[str], list[int]]
    text: Callable[[Sequence[int]], str]
    ends: Callable[[int], bool]
