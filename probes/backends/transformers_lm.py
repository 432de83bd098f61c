"""Safetensors folders, and GGUF files through dequantisation, with transformers.

Scored cells are computed in groups that begin alike: what they share is computed once and kept,
and their own parts are computed together. On a processor a group is the forms
of an item with one listing, where little is left to compute; elsewhere it is many items of a
frame, since an accelerator wants many rows at once. Exact scoring takes each cell alone.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING

from probes.backends import llama_native
from probes.backends.answers import Answer, failed, option_logprobs, too_long
from probes.backends.description import describe
from probes.backends.rendering import Prompts, common
from probes.backends.transformers_native import Model
from probes.backends.vocabulary import Vocabulary
from probes.cell import Response, Shown
from probes.digest import remembered_sha256
from probes.label_tokens import log_sum_exp
from probes.weights_folder import check_folder, folder_sha256, quantisation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from probes.backends.precision import WantedPrecision
    from probes.backends.transformers_native import Memory
    from probes.catalogue import ModelEntry
    from probes.cell import Cell, ModelDescription, Sampling
    from probes.label_tokens import LabelTokens

SCORING_CONTEXT = 4096
TOKENS = 8192  # of all rows that are computed together, padding included
LONGEST_LABEL = 512
READ = 256  # rows of logits that are computed together, each as long as the vocabulary
PARALLEL = 16
GENERATING_CONTEXT = 32_768  # tokens of all answers that are being written


class TransformersLM:
    """A backend for weights that transformers can load."""

    def __init__(self, entry: ModelEntry, path: Path, precision: WantedPrecision = "auto") -> None:
        """Load the model.

        Args:
            entry: of the catalogue.
            path: of its folder or GGUF file.
            precision: of the weights in memory.

        Raises:
            ModelError: transformers cannot load it.
            BackendError: its chat template is none, or the precision cannot be had.
        """
        self._entry = entry
        folder = path.is_dir()
        self._weights = folder_sha256(path) if folder else remembered_sha256(path)
        self._quantisation = quantisation(check_folder(path)) if folder else None
        self._model = Model(path, entry.id, precision, entry.device_map)
        self._words = self._model.vocabulary(path) if folder else _of_gguf(path, entry.id)
        self._prompts = Prompts(
            entry.id,
            self._words.tokenise,
            template=None if entry.base else self._words.template,
            bos=self._words.bos,
            eos=self._words.eos,
            begin=self._words.begin,
        )

    @property
    def description(self) -> ModelDescription:
        """What the run file says of the model."""
        return describe(
            self._entry,
            weights=self._weights,
            quantisation=self._quantisation,
            chat_template=self._prompts.template,
            base=self._prompts.base,
            details={
                "architecture": self._model.architecture,
                "parameters": self._model.parameters,
                "transformers": version("transformers"),
                "torch": version("torch"),
                "precision": self._model.precision,
                "device": self._model.device_name,
                "threads": self._model.threads,
                "shared_prefixes": self._model.shares_prefixes,
                "scored_together": self._model.pads,
                "context": min(SCORING_CONTEXT, self._model.trained_context),
                "answers_at_once": PARALLEL if self._model.pads_before else 1,
            },
        )

    @property
    def scoring(self) -> dict[str, object]:
        """The settings that key a scored answer."""
        if self._model.shares_prefixes:
            return {"scoring": "segments", **self.generating}
        if self._model.pads:
            return {"scoring": "padded prefill", **self.generating}
        return self.exact_scoring

    @property
    def exact_scoring(self) -> dict[str, object]:
        """The same for exact scoring."""
        return {"scoring": "full prefill", **self.generating}

    @property
    def generating(self) -> dict[str, object]:
        """The settings that key an open answer, beside the sampling."""
        return {
            "backend": "transformers",
            "precision": self._model.precision,
            "frame": "base" if self._prompts.base else "chat",
        }

    def shown(self, cell: Cell) -> Shown:
        """What the model sees of a cell."""
        return Shown(self._prompts.render(cell, cell.prompt), tuple(self._prompts.tokens(cell)))

    def score(self, cells: Sequence[Cell], *, exact: bool = False) -> Iterator[Response]:
        """Yield the log-probabilities of each cell's option labels, in the order given."""
        prefixes = _Prefixes(self._model)
        group: list[_Asked] = []
        for cell in cells:
            asked = self._asked(cell, exact=exact)
            if group and not (isinstance(asked, _Asked) and self._joins(asked, group, exact=exact)):
                yield from self._score(group, prefixes)
                group = []
            if isinstance(asked, _Asked):
                group.append(asked)
            else:
                yield asked
        if group:
            yield from self._score(group, prefixes)

    def generate(self, cells: Sequence[Cell], sampling: Sampling) -> Iterator[Response]:
        """Yield the answers, several being written at once."""
        prompts = {cell.id: self._prompts.tokens(cell) for cell in cells}
        most = self._model.trained_context - sampling.max_tokens
        for cell in cells:
            if len(prompts[cell.id]) > most:
                yield too_long(cell, len(prompts[cell.id]), most)
        waiting = [cell for cell in cells if len(prompts[cell.id]) <= most]
        waiting.sort(key=lambda cell: len(prompts[cell.id]), reverse=True)  # little padding
        while waiting:
            room = len(prompts[waiting[0].id]) + sampling.max_tokens
            slots = (
                max(1, min(PARALLEL, GENERATING_CONTEXT // room)) if self._model.pads_before else 1
            )
            batch, waiting = waiting[:slots], waiting[slots:]
            yield from self._write(batch, [prompts[cell.id] for cell in batch], sampling)

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def _asked(self, cell: Cell, *, exact: bool) -> _Asked | Response:
        """A cell as it is computed, or the response that says why it cannot be."""
        tokens = self._prompts.tokens(cell)
        context = min(SCORING_CONTEXT, self._model.trained_context)
        if len(tokens) >= context:
            return too_long(cell, len(tokens), context - 1)
        labels = self._prompts.labels(cell, tokens)
        longest = max(map(len, labels.tails), default=1)
        if longest > min(LONGEST_LABEL, context - len(tokens)):
            return failed(cell, f"An option has {longest:,} tokens.", len(tokens))
        if exact or not self._model.shares_prefixes:
            return _Asked(cell, (), tuple(tokens), labels)
        head, stem, listing = self._prompts.cuts(cell, tokens)
        borders = (0, head) if self._model.accelerated else (0, head, stem, listing)
        segments = tuple(tuple(tokens[a:b]) for a, b in pairwise(borders))
        return _Asked(cell, segments, tuple(tokens[borders[-1] :]), labels)

    def _joins(self, asked: _Asked, group: list[_Asked], *, exact: bool) -> bool:
        """Whether a cell is computed together with those before it."""
        lengths = {len(other.own) for other in [asked, *group]}
        rows = len(group) + 1
        return (
            self._model.pads
            and not exact
            and asked.segments == group[0].segments
            and rows * len(lengths) <= READ
            and rows * (max(lengths) + sum(map(len, asked.segments))) <= TOKENS
        )

    def _score(self, group: list[_Asked], prefixes: _Prefixes) -> Iterator[Response]:
        started = time.perf_counter()
        before = prefixes.remember(group[0].segments)
        rows, memory = self._model.compute([asked.own for asked in group], before)
        scores = []
        for number, (asked, (row,)) in enumerate(zip(group, rows, strict=True)):
            total = log_sum_exp(row)
            ways = [way for option in asked.labels.ways for way in option]
            first = {way[0]: float(row[way[0]]) - total for way in ways}
            own = memory.row(number, asked.length) if memory else None
            read = self._read_tails(asked, asked.labels.likely_tails(first.__getitem__), own)
            tails = [read.get(tail, -math.inf) for tail in asked.labels.tails]
            scores.append(option_logprobs(asked.labels, first, tails, self._entry.id))
        seconds = (time.perf_counter() - started) / len(group)
        for asked, logprobs in zip(group, scores, strict=True):
            yield Response(
                cell=asked.cell.id,
                ending="complete",
                logprobs=logprobs,
                tokens_in=asked.length,
                seconds=seconds,
            )

    def _read_tails(
        self, asked: _Asked, tails: Sequence[tuple[int, ...]], memory: Memory | None
    ) -> dict[tuple[int, ...], float]:
        """Summed log-probabilities of label sequences' tokens after their first.

        Args:
            asked: the cell.
            tails: of its labels, those that are wanted.
            memory: of its whole prompt, None for a model that has none.
        """
        begin = () if memory else asked.own
        sums: dict[tuple[int, ...], float] = {}
        for group in self._groups(asked, tails):
            rows, _ = self._model.compute(
                [(*begin, *tail[:-1]) for tail in group], memory, [len(tail) - 1 for tail in group]
            )
            for tail, read in zip(group, rows, strict=True):
                pairs = zip(tail[1:], read, strict=True)
                sums[tail] = sum(float(row[token]) - log_sum_exp(row) for token, row in pairs)
        return sums

    def _groups(
        self, asked: _Asked, tails: Sequence[tuple[int, ...]]
    ) -> Iterator[list[tuple[int, ...]]]:
        """The label sequences that are computed together, in the order given."""
        group: list[tuple[int, ...]] = []
        longest = 0
        for tail in tails:
            longest = max(longest, len(tail))
            rows = len(group) + 1
            crowded = rows * longest > READ or rows * (asked.length + longest) > TOKENS
            if group and (crowded or not self._model.pads):
                yield group
                group, longest = [], len(tail)
            group.append(tail)
        if group:
            yield group

    def _write(
        self, cells: list[Cell], prompts: list[list[int]], sampling: Sampling
    ) -> Iterator[Response]:
        started = time.perf_counter()
        answers = [
            Answer(cell, len(prompt), sampling, self._prompts.stop(cell), self._words.text)
            for cell, prompt in zip(cells, prompts, strict=True)
        ]

        def choose(logits: NDArray[np.float32]) -> list[int]:
            chosen = []
            for answer, row in zip(answers, logits, strict=True):
                token = 0 if answer.ending else answer.sampler.draw(row)
                answer.take(token, ends=self._words.ends(token))
                chosen.append(token)
            return chosen

        self._model.write(
            prompts, sampling.max_tokens, choose, lambda: [bool(a.ending) for a in answers]
        )
        for answer in answers:
            answer.seconds = (time.perf_counter() - started) / len(answers)
            yield answer.response()


def _of_gguf(path: Path, name: str) -> Vocabulary:
    """The vocabulary of a GGUF file, as llama.cpp reads it.

    transformers rebuilds one from the file too, but silently takes a general rule where it does
    not know how the vocabulary splits a text (SmolLM2's digits, for one).
    """
    model = llama_native.Model(path, name, vocabulary_only=True)
    return Vocabulary(
        template=model.metadata("tokenizer.chat_template"),
        bos=model.special(model.bos),
        eos=model.special(model.eos),
        begin=(model.bos,) if model.adds_bos and model.bos >= 0 else (),
        tokenise=model.tokenise,
        text=model.text,
        ends=model.ends,
    )


@dataclass(frozen=True)
class _Asked:
    """A scored cell as it is computed.

    Attributes:
        segments: the tokens that other cells begin with too, piece by piece.
        own: the tokens after them.
    """

    cell: Cell
    segments: tuple[tuple[int, ...], ...]
    own: tuple[int, ...]
    labels: LabelTokens

    @property
    def length(self) -> int:
        return sum(map(len, self.segments)) + len(self.own)


class _Prefixes:
    """The segments of the group before, kept as long as the next group begins with them."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._held: list[tuple[tuple[int, ...], Memory | None]] = []

    def remember(self, segments: tuple[tuple[int, ...], ...]) -> Memory | None:
        """The memory of some segments, of which only what is new is computed."""
        del self._held[common([tokens for tokens, _ in self._held], segments) :]
        for segment in segments[len(self._held) :]:
            memory = self._held[-1][1] if self._held else None
            if segment:
                _, memory = self._model.compute([segment], memory)
            self._held.append((segment, memory))
        return self._held[-1][1] if self._held else None
