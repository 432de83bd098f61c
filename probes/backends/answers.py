"""From what a model gives to a response: option log-probabilities, a text with its ending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.cell import Response
from probes.label_tokens import label_logprobs
from probes.loops import loops
from probes.reasoning import split_reasoning
from probes.sampling import Sampler
from prompts.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from probes.cell import Cell, Ending, Sampling
    from probes.label_tokens import LabelTokens


def option_logprobs(
    labels: LabelTokens, first: Mapping[int, float], tails: Sequence[float], model: str
) -> tuple[float, ...]:
    """The log-probability of each option, in the order shown.

    Args:
        labels: the ways to say each option.
        first: the log-probability of each way's first token.
        tails: for each of ``labels.tails``, that of the tokens after its first.
        model: its name, for the error.

    Raises:
        BackendError: all are equal to the last bit.
    """
    if len(first) > 1 and len(set(first.values())) == 1:
        raise BackendError(
            f"{model} gives every option the same probability to the last bit.",
            "Its output is not usable; pull the file again or try another conversion.",
        )
    return label_logprobs(labels, first.__getitem__, tails)


def too_long(cell: Cell, length: int, room: int) -> Response:
    """The response to a prompt that does not fit, lengths in tokens."""
    what = f"The prompt has {length:,} tokens; there is room for {max(room, 0):,}."
    return failed(cell, what, length)


def failed(cell: Cell, what: str, length: int) -> Response:
    """The response to a cell that cannot be asked."""
    return Response(cell=cell.id, ending="error", error=what, tokens_in=length)


class Answer:
    """An answer that is being written.

    Attributes:
        cell: that is answered.
        sampler: draws its tokens.
        tokens: that were written so far.
        ending: None while it is being written.
        seconds: of computing time; whoever writes it adds them.
    """

    def __init__(
        self,
        cell: Cell,
        prompt_length: int,
        sampling: Sampling,
        stop: str | None,
        detokenise: Callable[[Sequence[int]], str],
    ) -> None:
        """Begin an answer.

        Args:
            cell: that is answered.
            prompt_length: in tokens.
            sampling: of every token, and how many there may be.
            stop: a text that ends it and is not part of it.
            detokenise: gives the text of tokens, special ones left out.
        """
        self.cell = cell
        self.sampler = Sampler(sampling, cell)
        self.tokens: list[int] = []
        self.ending: Ending | None = None
        self.seconds = 0.0
        self._prompt_length = prompt_length
        self._limit = sampling.max_tokens
        self._stop = stop
        self._detokenise = detokenise

    @property
    def position(self) -> int:
        """Where the last token stands, counted from the prompt's first."""
        return self._prompt_length + len(self.tokens) - 1

    def take(self, token: int, *, ends: bool) -> None:
        """Add the next token, which may end the turn; what comes after an ending is dropped."""
        if self.ending:
            return
        if ends:
            self.ending = "complete"
            return
        self.tokens.append(token)
        if self._stopped():
            self.ending = "complete"
        elif loops(self.tokens):
            self.ending = "loop"
        elif len(self.tokens) >= self._limit:
            self.ending = "length"

    def _stopped(self) -> bool:
        if not self._stop:
            return False
        most = len(self._stop.encode()) + 1  # a token is a byte or more
        return self._stop in self._detokenise(self.tokens[-most:])

    def response(self) -> Response:
        """The response, reasoning apart."""
        assert self.ending is not None
        written = self._detokenise(self.tokens)
        if self._stop:
            written = written.partition(self._stop)[0]
        reasoning, text = split_reasoning(written)
        blank = self.ending == "complete" and not text.strip()
        return Response(
            cell=self.cell.id,
            ending="empty" if blank else self.ending,
            text=text,
            reasoning=reasoning,
            tokens_in=self._prompt_length,
            tokens_out=len(self.tokens),
            seconds=self.seconds,
        )
