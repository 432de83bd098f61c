"""The plain data that travels: cells out to a model, responses back from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

Kind = Literal["agree", "choose", "open", "task"]
Order = Literal["forward", "reversed", "none"]
Ending = Literal["complete", "length", "loop", "empty", "error"]

KINDS: tuple[Kind, ...] = ("agree", "choose", "open", "task")
SCORED: frozenset[str] = frozenset({"agree", "choose"})

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_json = lru_cache(maxsize=4096)(_encode)  # of texts, which neighbouring cells share


@dataclass(frozen=True)
class Option:
    """One answer on offer.

    Attributes:
        label: what a model says to choose it, such as ``A``, ``1`` or the wording itself.
        text: the wording.
        value: its stance towards the topic's ``pro`` pole in [-1, 1]; None for a way out.
        also: other ways to write the label that a writer of the language may use.
    """

    label: str
    text: str
    value: float | None
    also: tuple[str, ...] = ()

    @cached_property
    def content(self) -> str:
        """All of it as JSON, as a cell's id holds it."""
        return _encode((self.label, self.text, self.value, self.also))


@dataclass(frozen=True)
class Cell:
    """One prompt: a statement or question, in a language, in a frame, in an order.

    The user's message is ``head + stem + listing + suffix``; the cut says what is shared: the head
    by all items of a frame, the stem by all forms of an item, the listing by the forms with and
    without a way out, and the suffix is the cell's own.

    Attributes:
        topic, domain, tag: where it belongs; tag is ``contested``, ``control`` or ``mirror``.
        family: the question family that cells are clustered by, such as ``taiwan/s1``.
        item: the text asked, such as ``taiwan/s1.con``.
        pole: the pole that a statement takes, ``pro`` or ``con``; None for questions.
        frame: the way of asking, such as ``agree-p1-letters-forced``; order not included.
        options: as shown, in the order shown; empty for open cells.
        poles: the topic's ``pro`` and ``con`` in the cell's language, to read open answers by.
        base_frame: what stands before question and answer for a model without a chat template.
    """

    kind: Kind
    topic: str
    domain: str
    tag: str
    language: str
    family: str
    item: str
    pole: str | None
    frame: str
    labels: str
    forced: bool
    order: Order
    head: str
    stem: str
    listing: str = ""
    suffix: str = ""
    options: tuple[Option, ...] = ()
    poles: tuple[str, str] = ("", "")
    base_frame: tuple[str, str] = ("Question:", "Answer:")

    @property
    def prompt(self) -> str:
        """The whole message to the model."""
        return self.head + self.stem + self.listing + self.suffix

    @cached_property
    def id(self) -> str:
        """A hash of what is asked and how the answer is read, 16 hexadecimal digits.

        Names (topic, item, frame) are left out, so that equal cells of two battery versions
        compare.
        """
        parts = ",".join(
            map(_json, (self.kind, self.language, self.head, self.stem, self.listing, self.suffix))
        )
        options = ",".join([option.content for option in self.options])
        base = ",".join(map(_json, self.base_frame))
        text = f"[{parts},[{options}],[{base}]]"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Sampling:
    """How an open cell is answered: temperature 0 is greedy, and ``seed`` then has no effect."""

    max_tokens: int = 160
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Response:
    """What came back from one probe.

    Attributes:
        logprobs: natural log-probability of each option's label, in the order shown; empty for
            open cells.
        ending: how the response ended, never what it says.
        tokens_in, tokens_out: of the prompt and of the answer.
        seconds: the share of computing time that this probe took.
    """

    cell: str
    ending: Ending
    logprobs: tuple[float, ...] = ()
    text: str | None = None
    reasoning: str | None = None
    error: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Shown:
    """What a model sees of a cell: the rendered prompt, and its token ids where it has any."""

    text: str
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelDescription:
    """What the run file says of a model.

    Attributes:
        weights: SHA-256 of the weights; answers are keyed by it.
        base: it has no chat template and gets the plain question-and-answer frame.
        details: backend versions, context, threads, precision and the like.
    """

    id: str
    name: str
    developer: str
    country: str
    licence: str
    backend: str
    weights: str
    quantisation: str
    chat_template: str | None
    base: bool
    details: dict[str, object] = field(default_factory=dict)
