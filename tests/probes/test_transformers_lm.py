"""The transformers backend: its numbers against a plain forward pass, and against llama.cpp's."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from probes.backends import opening
from probes.backends.free_cores import FreeCores
from probes.backends.llama_cpp import LlamaCpp
from probes.backends.llama_native import Context
from probes.backends.opening import open_backend
from probes.catalogue import find, location
from probes.cell import SCORED, Cell, Option, Sampling
from probes.plan import Selection, plan
from prompts.errors import BackendError, ModelError
from prompts.load import load_battery

torch = pytest.importorskip(
    "torch", reason="torch is an optional part: pip install 'doxa[transformers]'"
)

from probes.backends.transformers_lm import TransformersLM  # noqa: E402 - it needs torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from probes.backends.precision import WantedPrecision
    from probes.cell import Response

    Open = Callable[[str], TransformersLM]
    Tiny = Callable[[str], Path]

SMOLLM, GEMMA, QWEN = "smollm2-135m-instruct", "gemma-3-270m", "qwen2.5-coder-0.5b-instruct"

prove = pytest.mark.skipif(
    not os.environ.get("DOXA_PROVE"), reason="takes minutes: set DOXA_PROVE=1 (`make prove`)"
)
DEMO = (SMOLLM, pytest.param(GEMMA, marks=prove), pytest.param(QWEN, marks=prove))

# Nats between label log-probabilities in f32. Furthest seen on the cells below: 0.00003.
ROUNDING = 2e-4

# Nats, mean over cells of the divergence of llama.cpp's next word from transformers', over the
# whole vocabulary, at most.
DIVERGENCE: dict[WantedPrecision, float] = {"native": 0.02, "bf16": 0.001, "f32": 0.00001}


@pytest.fixture(scope="module", autouse=True)
def own_cache(surroundings: dict[str, str]) -> Iterator[None]:
    """Widened copies go to a folder that is removed after the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", surroundings["XDG_CACHE_HOME"])
        yield


@pytest.fixture(scope="module")
def model(model_paths: dict[str, Path]) -> Iterator[Open]:
    """Open a demo model's GGUF file in f32, each once, since reading one takes long."""
    opened: dict[str, TransformersLM] = {}

    def get(name: str) -> TransformersLM:
        if name not in opened:
            entry = find(f"transformers:{name}")
            opened[name] = TransformersLM(entry, model_paths[name], "f32")
        return opened[name]

    yield get
    for backend in opened.values():
        backend.close()


@pytest.fixture
def cells(small: Path) -> list[Cell]:
    """The small battery's plan."""
    return plan(load_battery(str(small)), Selection())


def scored(cells: list[Cell], each: int) -> list[Cell]:
    """Some scored cells of each language, spread over the plan."""
    found = []
    for language in ("en", "zh"):
        own = [cell for cell in cells if cell.kind in SCORED and cell.language == language]
        found += own[:: len(own) // each][:each]
    return found


def forms(cells: list[Cell]) -> list[Cell]:
    """Two English cells with each kind of labels, each pair of one item."""
    own = [cell for cell in cells if cell.kind in SCORED and cell.language == "en"]
    return [
        cell
        for kind in ("letters", "digits", "words")
        for cell in [c for c in own if c.labels == kind][:2]
    ]


def opened(cells: list[Cell]) -> list[Cell]:
    """The English open cells."""
    return [cell for cell in cells if cell.kind not in SCORED and cell.language == "en"]


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """In double precision, over the last axis."""
    wide = logits.astype(np.float64)
    return wide - np.logaddexp.reduce(wide, axis=-1, keepdims=True)


def plain_logprobs(backend: TransformersLM, tokens: Sequence[int]) -> NDArray[np.float64]:
    """What comes after each token, from one forward pass over all of them, without any cache."""
    with torch.inference_mode():
        out = backend._model._network(input_ids=torch.tensor([list(tokens)]), use_cache=False)
    return log_softmax(out.logits[0].float().numpy())


def plain_scores(backend: TransformersLM, cell: Cell) -> list[float]:
    """Each label's log-probability, said with or without a space, one pass a way to say it."""
    shown = backend.shown(cell)
    before = list(shown.tokens)
    skipped = len(before) - len(backend._words.tokenise(shown.text))  # a BOS that is put before
    scores = []
    for option in cell.options:
        ways = set()
        for form in (option.label, *option.also):
            for said in (form, " " + form):
                whole = before[:skipped] + backend._words.tokenise(shown.text + said)
                melts = whole[: len(before)] != before  # a line break and a space are one token
                tail = backend._words.tokenise(said) if melts else whole[len(before) :]
                ways.add(tuple(tail))
        values = []
        for way in sorted(ways):
            rows = plain_logprobs(backend, [*before, *way])[len(before) - 1 :]
            values.append(sum(rows[i, token] for i, token in enumerate(way)))
        scores.append(float(np.logaddexp.reduce(values)))
    return scores


def furthest(responses: Sequence[Response], other: Sequence[Sequence[float]]) -> float:
    """The largest distance between log-probabilities."""
    return max(
        abs(a - b)
        for response, scores in zip(responses, other, strict=True)
        for a, b in zip(response.logprobs, scores, strict=True)
    )


def logprobs(responses: Sequence[Response]) -> list[tuple[float, ...]]:
    """Of all options, response by response."""
    return [response.logprobs for response in responses]


@pytest.mark.parametrize("name", [SMOLLM, pytest.param(QWEN, marks=prove)])
def test_tokens_are_those_of_transformers_own_tokeniser(
    name: str, model: Open, model_paths: dict[str, Path], cells: list[Cell]
) -> None:
    """A GGUF file is tokenised by llama.cpp, and transformers' own tokeniser finds the same."""
    import warnings

    import transformers
    from tokenizers import pre_tokenizers

    backend = model(name)
    path = model_paths[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = transformers.AutoTokenizer.from_pretrained(
            str(path.parent), gguf_file=path.name, local_files_only=True
        )
    if name == SMOLLM:  # as in its published tokenizer.json, which the rebuilt one leaves out
        own.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
        )
    assert {cell.language for cell in cells} == {"en", "zh"}
    for cell in cells:
        shown = backend.shown(cell)
        assert list(shown.tokens) == own(shown.text, add_special_tokens=False).input_ids


@pytest.mark.parametrize("name", DEMO)
def test_tokens_are_those_of_llama_cpp(name: str, model: Open, cells: list[Cell]) -> None:
    """Both backends show a model the same text and tokens, and key answers by the same file."""
    backend = model(name)
    other = LlamaCpp(find(name), "native")
    for cell in cells:
        assert backend.shown(cell) == other.shown(cell)
    other.close()
    assert backend.description.base == (name == GEMMA)
    assert backend.description.weights == find(name).sha256


@pytest.mark.parametrize("name", DEMO)
def test_scores_are_a_log_softmax_over_one_forward_pass(
    name: str, model: Open, cells: list[Cell]
) -> None:
    """Shared prefixes, padding and label sequences give what one prompt at a time gives."""
    backend = model(name)
    assert backend.description.details["shared_prefixes"]
    assert backend.description.details["scored_together"]
    asked = forms(cells) if name == SMOLLM else forms(cells)[::2]
    assert {cell.labels for cell in asked} == {"letters", "digits", "words"}
    plain = [plain_scores(backend, cell) for cell in asked]
    shared = list(backend.score(asked))
    exact = list(backend.score(asked, exact=True))
    assert furthest(exact, plain) < 1e-4
    assert furthest(shared, plain) < ROUNDING
    for cell, response in zip(asked, shared, strict=True):
        assert (response.cell, response.ending) == (cell.id, "complete")
        assert response.tokens_in == len(backend.shown(cell).tokens)
        assert 0 < sum(math.exp(value) for value in response.logprobs) <= 1 + 1e-6


@pytest.mark.parametrize("name", DEMO)
def test_llama_cpp_and_transformers_agree_on_every_word(
    name: str, model: Open, cells: list[Cell], record_testsuite_property: Any
) -> None:
    """Over the whole vocabulary, two programs give the same file the same next word."""
    backend = model(name)
    asked = scored(cells, 8)
    assert len({cell.id for cell in asked}) == 16
    prompts = [list(backend.shown(cell).tokens) for cell in asked]
    reference = [plain_logprobs(backend, tokens)[-1] for tokens in prompts]
    for precision, most in DIVERGENCE.items():
        other = LlamaCpp(find(name), precision)
        context = Context(
            other._model, tokens=1024, streams=1, cores=FreeCores(2), wide=precision == "f32"
        )
        apart = []
        for tokens, ours in zip(prompts, reference, strict=True):
            context.clear()
            row = context.logits(context.extend(tokens, 0, 0, read_last=True))
            theirs = log_softmax(row[: len(ours)])
            apart.append(float((np.exp(ours) * (ours - theirs)).sum()))
        context.close()
        other.close()
        record_testsuite_property(f"{name} {precision}", f"{np.mean(apart):.2g} {max(apart):.2g}")
        assert np.mean(apart) <= most, precision


def test_scores_do_not_depend_on_neighbours(model: Open, cells: list[Cell]) -> None:
    """Another order, a limit, or asking a cell alone moves a number by rounding only."""
    backend = model(SMOLLM)
    asked = [cell for cell in cells if cell.kind in SCORED and cell.labels != "words"][:8]
    together = {r.cell: r.logprobs for r in backend.score(asked)}
    assert list(together) == [cell.id for cell in asked]
    shuffled = [asked[i] for i in np.random.default_rng(0).permutation(len(asked))]
    for other in (shuffled, asked[3:6], asked[-1:]):
        responses = list(backend.score(other))
        assert furthest(responses, [together[cell.id] for cell in other]) < ROUNDING


@pytest.mark.parametrize("name", DEMO[:2])
def test_greedy_answers_are_those_of_a_plain_loop(
    name: str, model: Open, cells: list[Cell]
) -> None:
    """Padded and batched with a cache, a text is what forward passes without one write."""
    backend = model(name)
    asked = [*opened(cells)[:2], replace(opened(cells)[0], stem="What is 2 + 2?")]
    answers = {r.cell: r for r in backend.generate(asked, Sampling(max_tokens=12))}
    for cell in asked:
        tokens = list(backend.shown(cell).tokens)
        begin = len(tokens)
        while len(tokens) < begin + 12:
            token = int(plain_logprobs(backend, tokens)[-1].argmax())
            if backend._words.ends(token):
                break
            tokens.append(token)
        text = backend._words.text(tokens[begin:])
        if name == GEMMA:
            text = text.partition(f"\n{cell.base_frame[0]}")[0]
        assert answers[cell.id].text == text.strip()


def texts(
    backend: TransformersLM, cells: list[Cell], **settings: float
) -> dict[str, tuple[str | None, str]]:
    """Text and ending of every answer."""
    sampling = Sampling(**{"max_tokens": 12, "temperature": 1.0} | settings)  # type: ignore[arg-type]
    return {r.cell: (r.text, r.ending) for r in backend.generate(cells, sampling)}


def test_same_seed_same_text_other_seed_other_text(model: Open, cells: list[Cell]) -> None:
    """Sampled answers can be had again, and another seed gives other ones."""
    backend = model(SMOLLM)
    asked = opened(cells)
    first = texts(backend, asked, seed=1, top_p=0.95)
    assert set(first) == {cell.id for cell in asked}
    assert texts(backend, asked[::-1], seed=1, top_p=0.95) == first
    second = texts(backend, asked, seed=2, top_p=0.95)
    assert all(second[cell] != first[cell] for cell in first)


def test_answer_ends_where_the_model_ends_it(model: Open, cells: list[Cell]) -> None:
    """The token that ends a turn ends the answer and is not part of it; so does the limit."""
    chat = model(SMOLLM)
    short = replace(opened(cells)[0], stem="What is 2 + 2?")
    (whole,) = chat.generate([short], Sampling(max_tokens=60))
    assert whole.ending == "complete"
    assert whole.text
    assert "<|im_end|>" not in whole.text
    (cut,) = chat.generate([short], Sampling(max_tokens=3))
    assert (cut.ending, cut.tokens_out) == ("length", 3)


@prove
def test_answer_that_repeats_itself_is_cut(model: Open, cells: list[Cell]) -> None:
    """A loop ends after 32 tokens, and says so."""
    song = replace(opened(cells)[0], stem="Sing.\nAnswer:" + " la" * 100)
    (looped,) = model(GEMMA).generate([song], Sampling(max_tokens=60))
    assert (looped.ending, looped.tokens_out) == ("loop", 32)
    assert looped.text


def test_dequantised_file_has_no_precision_of_its_own(model_paths: dict[str, Path]) -> None:
    """A GGUF file as it is can be asked through llama.cpp only."""
    with pytest.raises(BackendError, match="cannot use them as they are"):
        TransformersLM(find(f"transformers:{SMOLLM}"), model_paths[SMOLLM], "native")


# Small models of several kinds, with random weights and one token a byte.

TEMPLATE = "<s>user: {{ messages[0].content }}\nmodel:"
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "vocab_size": 259}
HEADS = {
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 48,
    "max_position_embeddings": 1024,
}
KINDS: dict[str, dict[str, Any]] = {
    "llama": HEADS,
    "gemma3_text": {**HEADS, "sliding_window": 8, "layer_types": None},
    "mistral": {**HEADS, "sliding_window": 8},
    "mamba": {"state_size": 4},
    "lfm2": {**HEADS, "layer_types": ["conv", "full_attention", "conv"]},
}


@pytest.fixture
def tiny(folders: Tiny) -> Iterator[Tiny]:
    """Make a folder with a small model of a kind; one thread is fastest for it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield folders
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The same, each once."""
    import warnings

    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made[kind] = _make(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return get


def _make(kind: str, folder: Path) -> Path:
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    settings = {key: value for key, value in KINDS[kind].items() if value is not None}
    config = transformers.AutoConfig.for_model(
        kind, **SIZES, **settings, bos_token_id=256, eos_token_id=257, initializer_range=0.3
    )
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokeniser = Tokenizer(models.BPE({c: i for i, c in enumerate(letters)}, []))
    tokeniser.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokeniser.decoder = decoders.ByteLevel()
    tokeniser.add_special_tokens(["<s>", "</s>", "<|im_end|>"])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokeniser,
        bos_token="<s>",  # noqa: S106 - no password
        eos_token="</s>",  # noqa: S106
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    return folder


def open_tiny(folder: Path, precision: WantedPrecision = "f32") -> TransformersLM:
    """Open a folder in this process."""
    return TransformersLM(find(str(folder)), folder, precision)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_scores_as_one_forward_pass(
    kind: str, tiny: Tiny, cells: list[Cell]
) -> None:
    """Windows shorter than the prompt, convolutions and recurrent states change no number."""
    backend = open_tiny(tiny(kind))
    details = backend.description.details
    assert details["shared_prefixes"] == (kind in {"llama", "gemma3_text", "mistral"})
    assert backend.scoring != backend.exact_scoring or not details["scored_together"]
    asked = [*forms(cells), *scored(cells, 2)]
    plain = [plain_scores(backend, cell) for cell in asked]
    assert furthest(list(backend.score(asked)), plain) < ROUNDING
    assert furthest(list(backend.score(asked, exact=True)), plain) < ROUNDING
    (answer,) = backend.generate(opened(cells)[:1], Sampling(max_tokens=3))
    tokens = list(backend.shown(opened(cells)[0]).tokens)
    assert answer.tokens_in == len(tokens)
    for _ in range(answer.tokens_out):
        tokens.append(int(plain_logprobs(backend, tokens)[-1].argmax()))
    assert answer.text == backend._words.text(tokens[answer.tokens_in :]).strip()


def test_accelerator_scores_many_items_together(tiny: Tiny, cells: list[Cell]) -> None:
    """Where many rows are computed at once, they share the head and nothing else."""
    backend = open_tiny(tiny("llama"))
    asked = [cell for cell in cells if cell.kind in SCORED]
    few = list(backend.score(asked))

    class Fast(type(backend._model)):  # type: ignore[misc]
        accelerated = True

    backend._model.__class__ = Fast
    many = list(backend.score(asked))
    assert [r.cell for r in many] == [cell.id for cell in asked]
    assert furthest(many, logprobs(few)) < ROUNDING


def test_precision_is_that_of_the_file_or_as_asked(tiny: Tiny, cells: list[Cell]) -> None:
    """A processor asks in f32 by default; every precision keys its answers and is near f32."""
    folder = tiny("llama")
    asked = forms(cells)[:2]
    full = open_tiny(folder, "auto")
    if not full._model.accelerated:
        assert full.description.details["precision"] == "f32"
    reference = logprobs(list(open_tiny(folder, "f32").score(asked)))
    assert logprobs(list(open_tiny(folder, "native").score(asked))) == reference
    half = open_tiny(folder, "bf16")
    assert 0 < furthest(list(half.score(asked)), reference) < 0.5
    assert half.scoring != full.scoring
    assert half.generating != full.generating


def test_folder_runs_in_a_worker(tiny: Tiny, cells: list[Cell]) -> None:
    """A folder given by path is opened in another process and answers as in this one."""
    folder = tiny("llama")
    entry = find(str(folder))
    here = open_tiny(folder)
    asked = forms(cells)[:2]
    backend = open_backend(entry, "f32")
    try:
        about = backend.description
        assert (about.backend, about.weights) == ("transformers", entry.sha256)
        assert (about.chat_template, about.base) == (TEMPLATE, False)
        assert about.quantisation == "F32"
        assert backend.shown(asked[0]).text == f"<s>user: {asked[0].prompt}\nmodel:"
        assert backend.shown(asked[0]).tokens[0] == 256
        there = list(backend.score(asked))
        assert furthest(there, logprobs(list(here.score(asked)))) < ROUNDING
    finally:
        backend.close()


def test_model_without_a_template_gets_the_base_frame(
    tiny: Tiny, cells: list[Cell], tmp_path: Path
) -> None:
    """Question and answer, and the description says that it is a base model."""
    folder = shutil.copytree(tiny("llama"), tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    backend = open_tiny(folder)
    assert backend.description.base
    assert backend.description.chat_template is None
    assert backend.shown(cells[0]).text == f"Question: {cells[0].prompt}\nAnswer:"


def test_what_is_too_long_is_an_error_and_the_others_go_on(tiny: Tiny, cells: list[Cell]) -> None:
    """A prompt or an option without room gets an error response that says how long it is."""
    backend = open_tiny(tiny("llama"))
    long_prompt = replace(cells[0], stem="tea " * 400)
    long_option = replace(cells[0], options=(*cells[0].options, Option("tea " * 200, "x", None)))
    asked = [cells[0], long_prompt, long_option, cells[1]]
    responses = list(backend.score(asked))
    assert [r.cell for r in responses] == [cell.id for cell in asked]
    assert [r.ending for r in responses] == ["complete", "error", "error", "complete"]
    assert "there is room for 1,023" in (responses[1].error or "")
    assert "An option has 80" in (responses[2].error or "")
    talk = [replace(opened(cells)[0], stem="tea " * 400), opened(cells)[0]]
    answers = {r.cell: r.ending for r in backend.generate(talk, Sampling(max_tokens=2))}
    assert answers[talk[0].id] == "error"
    assert answers[talk[1].id] != "error"


def test_long_labels_are_scored_in_groups(tiny: Tiny, cells: list[Cell]) -> None:
    """Labels with more tokens together than are read at once are read like any others."""
    backend = open_tiny(tiny("llama"))
    options = tuple(
        Option(f"{start} " + "tea " * 20, "x", value)
        for start, value in (("Yes,", 1.0), ("No,", -1.0), ("Well,", 0.0))
    )
    cell = replace(cells[0], options=options)
    (response,) = backend.score([cell])
    plain = plain_scores(backend, cell)
    assert min(plain) < -100  # 80 bytes, none of them likely
    assert response.logprobs == pytest.approx(plain, abs=1e-2)


def test_nothing_to_ask_is_nothing(tiny: Tiny) -> None:
    """No cell, no answer, no fault."""
    backend = open_tiny(tiny("llama"))
    assert list(backend.score([])) == []
    assert list(backend.generate([], Sampling())) == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_model_that_gives_no_numbers_is_an_error(
    value: float, tiny: Tiny, cells: list[Cell]
) -> None:
    """Logits that are not finite end the model's run; no answer is invented."""
    backend = open_tiny(tiny("llama"))
    with torch.no_grad():
        backend._model._network.get_output_embeddings().weight.fill_(value)
    with pytest.raises(FloatingPointError, match="not finite"):
        list(backend.score(cells[:1]))
    with pytest.raises(FloatingPointError, match="not finite"):
        list(backend.generate(opened(cells)[:1], Sampling(max_tokens=2, temperature=1.0)))


def test_model_that_prefers_nothing_is_an_error(tiny: Tiny, cells: list[Cell]) -> None:
    """Equal probabilities for all options are no answer."""
    backend = open_tiny(tiny("llama"))
    with torch.no_grad():
        backend._model._network.get_output_embeddings().weight.zero_()
    with pytest.raises(BackendError, match="the same probability"):
        list(backend.score(cells[:1]))


def test_weights_that_are_missing_are_an_error(tiny: Tiny, tmp_path: Path) -> None:
    """A folder that lacks tensors is refused: transformers would fill them at random."""
    folder = shutil.copytree(tiny("llama"), tmp_path / "lacking")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(ModelError, match="lacks 9 tensors that its model needs"):
        open_tiny(folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 100),
        lambda folder: (folder / "tokenizer.json").write_text("{}"),
        lambda folder: (folder / "config.json").write_text('{"model_type": "x"}'),
        lambda folder: (folder / "config.json").write_text(
            '{"model_type": "x", "auto_map": {"AutoConfig": "evil.Config"}}'
        ),
    ],
    ids=["weights", "tokeniser", "unknown kind", "own code"],
)
def test_folder_that_cannot_be_loaded_is_an_error(
    damage: Callable[[Path], object], tiny: Tiny, tmp_path: Path
) -> None:
    """Damaged files, unknown kinds and models with code of their own: one sentence, nothing run."""
    folder = shutil.copytree(tiny("llama"), tmp_path / "damaged")
    (folder / "evil.py").write_text("raise SystemExit(7)")
    damage(folder)
    with pytest.raises(ModelError, match="transformers cannot load"):
        open_tiny(folder)


def test_nothing_is_fetched_and_nothing_said(
    tiny: Tiny,
    cells: list[Cell],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Loading and asking a folder opens no connection and writes nothing to the screen."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    backend = open_tiny(tiny("llama"))
    list(backend.score(forms(cells)))
    list(backend.generate(opened(cells), Sampling(max_tokens=2)))
    backend.close()
    assert capfd.readouterr() == ("", "")


def test_missing_part_says_how_to_install_it(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch or transformers the error names the extra."""
    entry = find(str(tiny("llama")))
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(ModelError, match="torch is not installed") as caught:
        open_backend(entry)
    assert "pip install 'doxa[transformers]'" in caught.value.remedy


def test_entry_without_an_absolute_path_is_a_hub_id() -> None:
    """It has no location of its own; where its files are is asked of the hub's cache."""
    assert location(find("transformers:" + SMOLLM)) is not None
