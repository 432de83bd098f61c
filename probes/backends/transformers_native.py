"""torch and transformers, as far as doxa uses them: load, tokenise, compute, read.

Nothing here knows of cells. Sequences that begin alike are computed together: what they share is
computed once, kept in a ``Memory`` and never changed, and the rest are rows of one call. Padding
stands after a row's tokens, where no token sees it: before them it would use up the window of
sliding attention. Whether a model's own code gives the same numbers so is measured when it is
loaded.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from probes.backends.vocabulary import Vocabulary
from prompts.errors import BackendError, ModelError

# As for llama.cpp: threads that spin for long while they wait are several times slower as soon as
# another program uses one of their cores. Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "30000")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    import transformers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from probes.backends.precision import WantedPrecision

Precision = Literal["native", "bf16", "f32"]

UNKNOWN_CONTEXT = 4096  # where a model does not say how many tokens it was trained with

# of what differs between two ways to compute one row of logits, and of the row's own spread
ROUNDING = {"f32": 1e-3, "bf16": 0.1, "native": 0.1}
_TRIAL = 16  # tokens of the sequence that the ways are compared on

# A turn ends with one of these in some model; files do not always say which of theirs do.
# After llama.cpp's list in src/llama-vocab.cpp.
_ENDS = (
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>", "<turn|>",
    "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>", "<end_of_utterance>", "<EOT>", "_<EOT>",
    "[EOT]", "[EOS]", "<|END_OF_TURN_TOKEN|>", "<|role_end|>",
)  # fmt: skip

# A cache that holds every token of every layer serves these, whatever the window.
_KEPT_WHOLE = {"full_attention", "sliding_attention"}

_LIBRARY: Any = transformers  # annotated in part, and in places wrongly

_LIBRARY.utils.logging.set_verbosity(logging.CRITICAL)
_LIBRARY.utils.logging.disable_progress_bar()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings and progress bars of the libraries off the screen."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Memory:
    """The keys and values of tokens that were computed.

    Attributes:
        layers: keys and values of each layer, both of shape (rows, heads, tokens, size).
    """

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def length(self) -> int:
        """How many tokens a row has."""
        return int(self.layers[0][0].shape[-2])

    def row(self, number: int, length: int) -> Memory:
        """The first tokens of one row."""
        return Memory(
            tuple(
                (keys[number : number + 1, :, :length], values[number : number + 1, :, :length])
                for keys, values in self.layers
            )
        )


class Model:
    """Loaded weights."""

    def __init__(
        self, path: Path, name: str, wanted: WantedPrecision = "auto", device_map: str | None = None
    ) -> None:
        """Load a folder of safetensors, or a GGUF file, whose weights are dequantised.

        Args:
            path: of the folder or file; it was checked before.
            name: of the model, for errors.
            wanted: precision of the weights in memory.
            device_map: how transformers is to spread the layers; one device where it is None.

        Raises:
            ModelError: transformers cannot load it, or it lacks weights.
            BackendError: a GGUF file is wanted in the precision that it has.
        """
        dequantised = path.is_file()
        self.name = name
        self.device, self.precision = _device_and_precision(wanted)
        if self.precision == "native" and dequantised:
            raise BackendError(
                f"transformers widens the weights of {path.name}; it cannot use them as they are.",
                "Ask with --precision f32 or bf16, or ask the file through llama.cpp.",
            )
        where = {"gguf_file": path.name} if dequantised else {}
        how = {"local_files_only": True, "trust_remote_code": False, **where}
        folder = str(path.parent if dequantised else path)
        dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "native": "auto"}[self.precision]
        with _quiet(), _explained(path):
            self._network, found = _LIBRARY.AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                device_map=device_map,
                output_loading_info=True,
                **how,
                **({} if dequantised else {"use_safetensors": True}),
            )
            if device_map is None:
                self._network.to(self.device)
        lacking = sorted({*found["missing_keys"], *map(str, found["mismatched_keys"])})
        if lacking:  # transformers would fill them with random numbers
            raise ModelError(
                f"{path} lacks {len(lacking)} tensors that its model needs, such as {lacking[0]}.",
                "Fetch it again, or try another conversion.",
            )
        self.architecture = type(self._network).__name__
        self.parameters = int(self._network.num_parameters())
        self._said_ends = [
            getattr(config, "eos_token_id", None)
            for config in (
                self._network.generation_config,
                self._network.config,
                self._network.config.get_text_config(),
            )
        ]
        self._network.eval()
        self._network.generation_config = _LIBRARY.GenerationConfig()  # no hidden penalties
        self._accepts = set(inspect.signature(self._network.forward).parameters)
        self._measure()

    @property
    def trained_context(self) -> int:
        """How many tokens the model was trained to see at once."""
        said = getattr(self._text_config, "max_position_embeddings", None)
        return said if isinstance(said, int) and said > 0 else UNKNOWN_CONTEXT

    @property
    def accelerated(self) -> bool:
        """Whether something other than the processor computes."""
        return bool(self._input_device.type != "cpu")

    @property
    def device_name(self) -> str:
        """What computes."""
        if self._input_device.type == "cuda":
            return str(torch.cuda.get_device_name(self._input_device))
        return str(self._input_device)

    @property
    def threads(self) -> int:
        """How many threads compute on the processor."""
        return int(torch.get_num_threads())

    def vocabulary(self, folder: Path) -> Vocabulary:
        """Read the vocabulary of the model's folder.

        Raises:
            ModelError: transformers cannot read it.
        """
        with _quiet(), _explained(folder):
            tokeniser = transformers.AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            first = tuple(tokeniser("a").input_ids[:1])
            words = tokeniser.get_vocab()
        template = tokeniser.chat_template
        if isinstance(template, dict):
            template = template.get("default")
        ends = {tokeniser.eos_token_id, *(words.get(text) for text in _ENDS)}
        for said in self._said_ends:
            ends |= set(said) if isinstance(said, list) else {said}
        return Vocabulary(
            template=template or None,
            bos=str(tokeniser.bos_token or ""),
            eos=str(tokeniser.eos_token or ""),
            begin=first if first == (tokeniser.bos_token_id,) else (),
            tokenise=lambda text: list(tokeniser(text, add_special_tokens=False).input_ids),
            text=lambda tokens: str(
                tokeniser.decode(
                    list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
            ),
            ends=frozenset(ends - {None}).__contains__,
        )

    def compute(
        self,
        rows: Sequence[Sequence[int]],
        memory: Memory | None = None,
        read: Sequence[int] | None = None,
    ) -> tuple[list[NDArray[np.float32]], Memory | None]:
        """Compute sequences that begin alike.

        Args:
            rows: the tokens of each after what they share.
            memory: one row, of the tokens that they share; None where there are none.
            read: of how many tokens at the end of each row the logits are wanted; one by default.

        Returns:
            The logits of each row, shape (read, vocabulary), and the memory of all tokens, which
            after a row's end means nothing; None for a model whose prefixes cannot be shared.
        """
        read = read or [1] * len(rows)
        before = memory.length if memory else 0
        width = max(map(len, rows))
        wanted = [range(len(row) - n, len(row)) for row, n in zip(rows, read, strict=True)]
        columns = sorted(set().union(*wanted))
        device = self._input_device
        given: dict[str, Any] = {
            "input_ids": torch.tensor([[*row, *[0] * (width - len(row))] for row in rows]),
            "position_ids": torch.arange(before, before + width).repeat(len(rows), 1),
            "logits_to_keep": torch.tensor(columns),
        }
        given = {name: given[name].to(device) for name in given if name in self._accepts}
        if self.shares_prefixes:
            given["past_key_values"] = _cache(memory, len(rows))
        with _quiet(), torch.inference_mode():
            out = self._network(**given, use_cache=self.shares_prefixes)
            logits = out.logits
            if logits.shape[1] != len(columns):  # a model that does not choose
                logits = logits[:, columns]
            found = [
                logits[i, [columns.index(column) for column in own]].float().cpu().numpy()
                for i, own in enumerate(wanted)
            ]
        if not self.shares_prefixes:
            return found, None
        layers = tuple((layer.keys, layer.values) for layer in out.past_key_values.layers)
        return found, Memory(layers)

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        limit: int,
        choose: Callable[[NDArray[np.float32]], Sequence[int]],
        done: Callable[[], Sequence[bool]],
    ) -> None:
        """Let the model write on from several prompts until all are done.

        Args:
            prompts: their tokens.
            limit: tokens to write after each, at most.
            choose: gets the logits of the next tokens, shape (prompts, vocabulary), and gives the
                tokens to take.
            done: says which texts have ended; what is chosen for them no longer matters.
        """
        ids, mask = _padded_before(prompts)

        def force(_ids: Tensor, logits: Tensor) -> Tensor:
            chosen = torch.tensor([choose(logits.cpu().numpy())], device=logits.device).T
            return torch.full_like(logits, -torch.inf).scatter(1, chosen, 0.0)

        def stop(ids: Tensor, _scores: object) -> Tensor:
            return torch.tensor(done(), device=ids.device)

        with _quiet(), torch.inference_mode():
            self._network.generate(
                ids.to(self._input_device),
                attention_mask=mask.to(self._input_device),
                generation_config=_LIBRARY.GenerationConfig(
                    max_new_tokens=limit, do_sample=False, pad_token_id=0
                ),
                logits_processor=[force],
                stopping_criteria=[stop],
            )

    def close(self) -> None:
        """Free the weights."""
        del self._network
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @property
    def _text_config(self) -> Any:
        return self._network.config.get_text_config()

    @property
    def _input_device(self) -> Any:
        return self._network.get_input_embeddings().weight.device

    def _measure(self) -> None:
        """Find out which ways to compute together give the numbers of one sequence alone."""
        words = len(self._network.get_input_embeddings().weight)
        text = [i * words // (_TRIAL + 1) for i in range(1, _TRIAL + 1)]
        short, shared, deeper = text[: len(text) // 2], 3, 6
        self.shares_prefixes = False
        alone = [*self.compute([text])[0], *self.compute([short])[0]]
        self.pads = self._agree(alone, lambda: self.compute([text, short])[0])

        def padded_before() -> list[NDArray[np.float32]]:
            ids, mask = _padded_before([text, short])
            positions = (mask.cumsum(1) - 1).clamp(min=0)
            given = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
            given = {name: given[name] for name in given if name in self._accepts}
            with _quiet(), torch.inference_mode():
                out = self._network(**{k: v.to(self._input_device) for k, v in given.items()})
            return list(out.logits[:, -1:].float().cpu().numpy())

        self.pads_before = self._agree(alone, padded_before)

        def in_pieces() -> list[NDArray[np.float32]]:
            _, memory = self.compute([text[:shared]])
            _, memory = self.compute([text[shared:deeper]], memory)
            return self.compute([text[deeper:], short[deeper:]], memory)[0]

        kinds = set(getattr(self._text_config, "layer_types", None) or ())
        self.shares_prefixes = (
            kinds <= _KEPT_WHOLE
            and "past_key_values" in self._accepts
            and not self._network._is_stateful  # noqa: SLF001 - there is no public word for it
        )
        self.shares_prefixes = self.shares_prefixes and self._agree(alone, in_pieces)

    def _agree(
        self,
        alone: Sequence[NDArray[np.float32]],
        together: Callable[[], Sequence[NDArray[np.float32]]],
    ) -> bool:
        try:
            other = np.array(together())
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError):
            return False  # the model's code knows no such call
        plain = np.array(alone)
        apart = float(np.sqrt(np.mean((other - plain) ** 2)))
        return apart <= ROUNDING[self.precision] * float(plain.std())


def _cache(memory: Memory | None, rows: int) -> Any:
    """A cache of transformers in which every row begins with the memory; it holds a copy."""
    cache = transformers.DynamicCache()
    for number, (keys, values) in enumerate(memory.layers if memory else ()):
        cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), number)
    return cache


def _padded_before(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows padded on the left, and a mask with 1 where there is a token."""
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def _device_and_precision(wanted: WantedPrecision) -> tuple[Any, Precision]:
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if wanted != "auto":
        return device, wanted
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return device, "bf16" if fast else "f32"


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        why = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise ModelError(
            f"transformers cannot load {path} ({why}).",
            "It may be damaged, larger than the memory, or need code of its own, which is never "
            "run; a newer transformers may know it.",
        ) from error
