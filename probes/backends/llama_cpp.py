"""GGUF files through llama.cpp.

Scored cells are decoded in fixed segments: what all items of a frame share (head) once, what all
forms of an item share (stem) once, what the forms with and without a way out share (listing) once,
then each cell's own suffix. A segment is always decoded alone and where it stands in memory depends
on nothing but the cell, so a number does not depend on which other cells are asked, nor in what
order.
"""

from __future__ import annotations

import hashlib
import time
from importlib.metadata import version
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import psutil

from probes.backends.llama_native import MICRO_BATCH, Context, Item, Model, Sampler
from probes.backends.precision import at_precision, choose
from probes.catalogue import location
from probes.cell import ModelDescription, Response
from probes.digest import remembered_sha256
from probes.label_tokens import LabelTokens, label_logprobs, label_tokens, log_sum_exp
from probes.loops import loops
from probes.reasoning import split_reasoning
from probes.templates import base_render, chat_renderer
from prompts.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probes.backends.precision import WantedPrecision
    from probes.catalogue import ModelEntry
    from probes.cell import Cell, Ending, Sampling

SCORING_CONTEXT = 4096
LABEL_SEQUENCES = 60
PARALLEL = 16
GENERATING_CONTEXT = 32_768  # tokens of all answers that are being written
SEGMENTS = 4  # head, stem, listing, suffix; the sequence of each begins with the one before
WHOLE, FIRST_LABEL = SEGMENTS - 1, SEGMENTS

_SENTINEL = "§"  # stands for what differs, to find where the tokens of what is shared end


class LlamaCpp:
    """A backend for one GGUF file."""

    def __init__(self, entry: ModelEntry, precision: WantedPrecision = "auto") -> None:
        """Load the model.

        Raises:
            ModelError: the file cannot be loaded.
            BackendError: it cannot be widened to the precision that is wanted.
        """
        path = location(entry)
        assert path is not None
        self._entry = entry
        self._weights = remembered_sha256(path)
        self._threads = psutil.cpu_count(logical=False) or 1
        self._precision = choose(path, precision)
        self._model = Model(
            at_precision(path, self._weights, self._precision, self._threads), entry.id
        )
        template = self._model.metadata("tokenizer.chat_template")
        self._base = entry.base or template is None
        self._template = None if self._base else template
        self._render = (
            base_render
            if self._base or template is None
            else chat_renderer(
                template,
                bos=self._special(self._model.bos),
                eos=self._special(self._model.eos),
                model=entry.id,
            )
        )
        self._labels: dict[tuple[tuple[int, ...], tuple[tuple[str, ...], ...]], LabelTokens] = {}

    @property
    def description(self) -> ModelDescription:
        """What the run file says of the model."""
        return ModelDescription(
            id=self._entry.id,
            name=self._entry.name,
            developer=self._entry.developer,
            country=self._entry.country,
            licence=self._entry.licence,
            backend="llama_cpp",
            weights=self._weights,
            quantisation=self._entry.quantisation,
            chat_template=self._template,
            base=self._base,
            details={
                "architecture": self._model.description,
                "parameters": self._model.parameters,
                "llama_cpp_python": version("llama-cpp-python"),
                "precision": self._precision,
                "threads": self._threads,
                "micro_batch": MICRO_BATCH,
                "flash_attention": False,
                "context": SCORING_CONTEXT,
                "parallel_answers": PARALLEL,
            },
        )

    @property
    def scoring(self) -> dict[str, object]:
        """The settings that key a scored answer."""
        return {
            "scoring": "segments" if self._model.shares_prefixes else "full prefill",
            **self.generating,
        }

    @property
    def exact_scoring(self) -> dict[str, object]:
        """The same for exact scoring."""
        return {"scoring": "full prefill", **self.generating}

    @property
    def generating(self) -> dict[str, object]:
        """The settings that key an open answer, beside the sampling."""
        return {"precision": self._precision, "frame": "base" if self._base else "chat"}

    def prompt_tokens(self, cell: Cell) -> list[int]:
        """The tokens that the model sees for a cell."""
        return self._tokens(cell, cell.prompt)

    def _tokens(self, cell: Cell, message: str) -> list[int]:
        """The tokens of a rendered message, with BOS once where the vocabulary wants it."""
        tokens = self._model.tokenise(self._render(cell, message))
        bos = self._model.bos
        wanted = self._model.adds_bos and bos >= 0 and tokens[:1] != [bos]
        return [bos, *tokens] if wanted else tokens

    def score(self, cells: Sequence[Cell], *, exact: bool = False) -> Iterator[Response]:
        """Yield the log-probabilities of each cell's option labels, in the order given."""
        context = Context(
            self._model,
            tokens=min(SCORING_CONTEXT, self._model.trained_context),
            sequences=FIRST_LABEL + LABEL_SEQUENCES,
            unified=True,
            threads=self._threads,
            wide=self._precision == "f32",
        )
        prefixes = _Prefixes(context)
        try:
            for cell in cells:
                started = time.perf_counter()
                tokens = self.prompt_tokens(cell)
                if len(tokens) + MICRO_BATCH > context.tokens:
                    yield _too_long(cell, len(tokens), context.tokens - MICRO_BATCH)
                    continue
                labels = self._label_tokens(cell, tokens)
                longest = max(map(len, labels.tails), default=1)
                if longest - 1 > MICRO_BATCH:
                    yield _error(cell, f"An option has {longest:,} tokens.", len(tokens))
                    continue
                cuts = (0,) * (SEGMENTS - 1) if exact else self._cuts(cell, tokens)
                last = prefixes.decode(tokens, cuts)
                logprobs = self._read_labels(context, labels, len(tokens), last)
                yield Response(
                    cell=cell.id,
                    ending="complete",
                    logprobs=logprobs,
                    tokens_in=len(tokens),
                    seconds=time.perf_counter() - started,
                )
        finally:
            context.close()

    def generate(self, cells: Sequence[Cell], sampling: Sampling) -> Iterator[Response]:
        """Yield the answers, several being written at once; a finished one makes room."""
        prompts = {cell.id: self.prompt_tokens(cell) for cell in cells}
        most = self._model.trained_context - sampling.max_tokens
        for cell in cells:
            if len(prompts[cell.id]) > most:
                yield _too_long(cell, len(prompts[cell.id]), most)
        waiting = [cell for cell in reversed(cells) if len(prompts[cell.id]) <= most]
        if not waiting:
            return
        room = max(len(prompts[cell.id]) for cell in waiting) + sampling.max_tokens
        slots = max(1, min(PARALLEL, len(waiting), GENERATING_CONTEXT // room))
        context = Context(
            self._model,
            tokens=slots * (-(-room // 256) * 256),
            sequences=slots,
            unified=False,
            threads=self._threads,
            wide=self._precision == "f32",
        )
        writing: dict[int, _Answer] = {}
        try:
            while waiting or writing:
                started = time.perf_counter()
                while waiting and len(writing) < slots:
                    cell = waiting.pop()
                    tokens = prompts[cell.id]
                    slot = next(i for i in range(slots) if i not in writing)
                    answer = _Answer(cell, len(tokens), sampling, self._stop(cell))
                    writing[slot] = answer
                    last = context.extend(tokens, 0, slot, read_last=True)
                    log_sum_exp(context.logits(last))  # refuses a model that gives no numbers
                    answer.take(answer.sampler.draw(context, last), self._model)
                order = [(slot, answer) for slot, answer in writing.items() if not answer.ending]
                if order:
                    context.decode(
                        [Item(a.tokens[-1], a.position, slot, read=True) for slot, a in order]
                    )
                for index, (_, answer) in enumerate(order):
                    answer.take(answer.sampler.draw(context, index), self._model)
                share = (time.perf_counter() - started) / max(len(writing), 1)
                for answer in writing.values():
                    answer.seconds += share
                yield from self._finish(context, writing)
        finally:
            for answer in writing.values():
                answer.sampler.close()
            context.close()

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def _finish(self, context: Context, writing: dict[int, _Answer]) -> Iterator[Response]:
        for slot, answer in list(writing.items()):
            if answer.ending:
                del writing[slot]
                context.forget(slot)
                answer.sampler.close()
                yield answer.response()

    def _stop(self, cell: Cell) -> str | None:
        """What ends an answer besides the model: a base model goes on with questions of its own."""
        return f"\n{cell.base_frame[0]}" if self._base else None

    def _special(self, token: int) -> str:
        return (
            self._model.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""
        )

    def _cuts(self, cell: Cell, tokens: list[int]) -> tuple[int, ...]:
        """Where all segments but the last end: found from the cell alone, never from others."""
        cuts = [0] * (SEGMENTS - 1)
        if self._model.shares_prefixes:
            shared = ""
            for level, part in enumerate((cell.head, cell.stem, cell.listing)):
                shared += part
                other = self._tokens(cell, shared + _SENTINEL)
                cuts[level] = min(_same(tokens, other), len(tokens) - 1)
        return tuple(accumulate(cuts, max))

    def _label_tokens(self, cell: Cell, tokens: list[int]) -> LabelTokens:
        labels = tuple((option.label, *option.also) for option in cell.options)
        # what stands before a label changes its tokens only through the prompt's last ones
        key = (tuple(tokens[-8:]), labels)
        if key not in self._labels:
            rendered = self._render(cell, cell.prompt)
            self._labels[key] = label_tokens(rendered, labels, self._model.tokenise)
        return self._labels[key]

    def _read_labels(
        self, context: Context, labels: LabelTokens, length: int, last: int
    ) -> tuple[float, ...]:
        row = context.logits(last)
        total = log_sum_exp(row)
        first = {way[0]: float(row[way[0]]) - total for ways in labels.ways for way in ways}
        tails = self._read_tails(context, labels.tails, length)
        logprobs = label_logprobs(labels, first.__getitem__, tails)
        if len(set(first.values())) == 1 and len(first) > 1:
            raise BackendError(
                f"{self._entry.id} gives every option the same probability to the last bit.",
                "Its output is not usable; pull the file again or try another conversion.",
            )
        return logprobs

    def _read_tails(
        self, context: Context, tails: Sequence[tuple[int, ...]], start: int
    ) -> list[float]:
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


class _Prefixes:
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
        fresh = _same(segments[:-1], self._held)
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


class _Answer:
    """An answer that is being written."""

    def __init__(
        self, cell: Cell, prompt_length: int, sampling: Sampling, stop: str | None
    ) -> None:
        digest = hashlib.sha256(f"{sampling.seed}/{cell.id}".encode()).digest()
        self.cell = cell
        self.prompt_length = prompt_length
        self.limit = sampling.max_tokens
        self.stop = stop.encode() if stop else None
        self.written = b""
        self.sampler = Sampler(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=int.from_bytes(digest[:4], "big"),
        )
        self.tokens: list[int] = []
        self.ending: Ending | None = None
        self.seconds = 0.0

    @property
    def position(self) -> int:
        return self.prompt_length + len(self.tokens) - 1

    def take(self, token: int, model: Model) -> None:
        if model.ends(token):
            self.ending = "complete"
            return
        self.tokens.append(token)
        self.written += model.piece(token)
        if self.stop and self.stop in self.written:
            self.written = self.written[: self.written.index(self.stop)]
            self.ending = "complete"
        elif loops(self.tokens):
            self.ending = "loop"
        elif len(self.tokens) >= self.limit:
            self.ending = "length"

    def response(self) -> Response:
        raw = self.written.decode("utf-8", "replace")
        reasoning, text = split_reasoning(raw)
        assert self.ending is not None
        blank = self.ending == "complete" and not text.strip()
        return Response(
            cell=self.cell.id,
            ending="empty" if blank else self.ending,
            text=text,
            reasoning=reasoning,
            tokens_in=self.prompt_length,
            tokens_out=len(self.tokens),
            seconds=self.seconds,
        )


def _same(some: Sequence[object], other: Sequence[object]) -> int:
    """How many items two sequences begin with in common."""
    return next(
        (i for i, (a, b) in enumerate(zip(some, other, strict=False)) if a != b),
        min(len(some), len(other)),
    )


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


def _too_long(cell: Cell, length: int, room: int) -> Response:
    what = f"The prompt has {length:,} tokens; there is room for {max(room, 0):,}."
    return _error(cell, what, length)


def _error(cell: Cell, what: str, length: int) -> Response:
    return Response(cell=cell.id, ending="error", error=what, tokens_in=length)
