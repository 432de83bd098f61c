"""GGUF files through llama.cpp."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import psutil

from probes.backends.answers import too_long
from probes.backends.description import describe
from probes.backends.free_cores import FreeCores
from probes.backends.llama_memory import in_pieces, require_room, tokens_that_fit
from probes.backends.llama_native import MICRO_BATCH, Context, Model, has_gpu
from probes.backends.llama_scoring import score
from probes.backends.llama_streams import LEAST
from probes.backends.llama_writing import write
from probes.backends.precision import at_precision, choose
from probes.backends.rendering import Prompts
from probes.catalogue import location
from probes.cell import Shown
from probes.digest import remembered_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probes.backends.precision import WantedPrecision
    from probes.catalogue import ModelEntry
    from probes.cell import Cell, ModelDescription, Response, Sampling

SCORED_AT_ONCE = 32
SCORING_CONTEXT = 16_640  # tokens of all cells that are being scored
LONGEST_SCORED = 4096
PARALLEL = 64
GENERATING_CONTEXT = 32_768  # tokens of all answers that are being written


class LlamaCpp:
    """A backend for one GGUF file."""

    def __init__(self, entry: ModelEntry, precision: WantedPrecision = "auto") -> None:
        """Load the model.

        Raises:
            ModelError: the file cannot be loaded, or not without swapping.
            BackendError: it cannot be widened to the precision that is wanted.
        """
        path = location(entry)
        assert path is not None
        self._entry = entry
        self._weights = remembered_sha256(path)
        self._threads = psutil.cpu_count(logical=False) or 1
        self._cores = FreeCores(self._threads)
        self._precision = choose(path, self._weights, precision, self._threads)
        file = at_precision(path, self._weights, self._precision, self._threads)
        require_room(file, entry.id)
        self._model = Model(file, entry.id)
        model = self._model
        self._prompts = Prompts(
            entry.id,
            model.tokenise,
            template=None if entry.base else model.metadata("tokenizer.chat_template"),
            bos=model.special(model.bos),
            eos=model.special(model.eos),
            begin=[model.bos] if model.adds_bos and model.bos >= 0 else [],
        )
        self._wide = self._precision == "f32"
        room = tokens_that_fit(self._model, wide=self._wide)
        self._scoring_context = min(SCORING_CONTEXT, room)
        # a cell's two generations of streams, and the head that is kept
        self._longest = min(LONGEST_SCORED, model.trained_context, self._scoring_context // 3)
        together = self._precision in {"bf16", "f32"} and not has_gpu()
        self._scored_at_once = SCORED_AT_ONCE if together else 1
        self._generating_context = min(GENERATING_CONTEXT, room)

    @property
    def description(self) -> ModelDescription:
        """What the run file says of the model."""
        return describe(
            self._entry,
            weights=self._weights,
            chat_template=self._prompts.template,
            base=self._prompts.base,
            details={
                "architecture": self._model.description,
                "parameters": self._model.parameters,
                "llama_cpp_python": version("llama-cpp-python"),
                "precision": self._precision,
                "threads": self._threads,
                "micro_batch": MICRO_BATCH,
                "flash_attention": False,
                "context": self._longest,
                "scored_at_once": self._scored_at_once,
                "answers_at_once": PARALLEL,
                "tokens_at_once": self._generating_context,
                "memory_per_token": self._model.memory_per_token(wide=self._wide),
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
        return {"precision": self._precision, "frame": "base" if self._prompts.base else "chat"}

    def prompt_tokens(self, cell: Cell) -> list[int]:
        """The tokens that the model sees for a cell."""
        return self._prompts.tokens(cell)

    def shown(self, cell: Cell) -> Shown:
        """What the model sees of a cell."""
        return Shown(self._prompts.render(cell, cell.prompt), tuple(self._prompts.tokens(cell)))

    def score(self, cells: Sequence[Cell], *, exact: bool = False) -> Iterator[Response]:
        """Yield the log-probabilities of each cell's option labels, in the order given."""
        whole = exact or not self._model.shares_prefixes
        yield from score(
            self._prompts,
            cells,
            self._context,
            most=self._longest,
            tokens=self._scoring_context,
            at_once=1 if whole else self._scored_at_once,
            whole=whole,
        )

    def generate(self, cells: Sequence[Cell], sampling: Sampling) -> Iterator[Response]:
        """Yield the answers, several being written at once; a finished one makes room."""
        lengths = {cell.id: len(self._prompts.tokens(cell)) for cell in cells}
        most = min(self._model.trained_context, self._generating_context) - sampling.max_tokens
        fitting = [cell for cell in cells if lengths[cell.id] <= most]
        for cell in cells:
            if lengths[cell.id] > most:
                yield too_long(cell, lengths[cell.id], most)
        if not fitting:
            return
        longest = max(lengths[cell.id] for cell in fitting) + sampling.max_tokens
        room = in_pieces(longest)
        fit = self._generating_context // room
        slots = max(1, min(PARALLEL, len(fitting), fit - 1))
        # beside a lone answer a dummy is written, and one stream holds what begins every prompt
        streams = max(slots, LEAST) + 1 if fit > LEAST else 1
        context = self._context(streams * room, streams)
        try:
            yield from write(context, self._prompts, fitting, sampling, slots=slots)
        finally:
            context.close()

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def _context(self, tokens: int, streams: int) -> Context:
        return Context(
            self._model, tokens=tokens, streams=streams, cores=self._cores, wide=self._wide
        )
