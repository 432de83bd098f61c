"""The llama.cpp backend on real models: its numbers against a plain reading of the same model."""

from __future__ import annotations

import copy
import json
import math
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import llama_cpp as native
import numpy as np
import psutil
import pytest

from probes.backends.llama_cpp import LlamaCpp
from probes.backends.llama_native import has_fast_bf16
from probes.backends.opening import open_backend
from probes.catalogue import ModelEntry, find
from probes.cell import SCORED, Cell, Option, Sampling
from probes.plan import Selection, plan
from probes.templates import chat_renderer
from prompts.errors import BackendError, ModelError
from prompts.load import load_battery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from probes.backends.precision import WantedPrecision
    from probes.cell import Response

    Open = Callable[[str, WantedPrecision], LlamaCpp]

SMOLLM, GEMMA, QWEN = "smollm2-135m-instruct", "gemma-3-270m", "qwen2.5-coder-0.5b-instruct"

# Written out by hand from the models' pages, to check the template and the base-model frame.
PROMPTS = {
    SMOLLM: (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    ),
    GEMMA: "<bos>{question} {}\n{answer}",
    QWEN: (
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
        "<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    ),
}

# Nats. On 13 cells of each model the furthest label was 0.00002 (SmolLM2, f32), 0.0006 (Gemma, f32)
# and 0.10 (Qwen, native) away from a plain prefill: 4-bit weights are multiplied with activations
# rounded to 8 bits, and where a batch is cut moves what is rounded together.
TOLERANCE: dict[str, float] = {"f32": 2e-3, "native": 0.3}


@pytest.fixture(scope="module", autouse=True)
def own_cache(surroundings: dict[str, str]) -> Iterator[None]:
    """Widened copies go to a folder that is removed after the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", surroundings["XDG_CACHE_HOME"])
        yield


@pytest.fixture(scope="module")
def model(model_paths: dict[str, Path], own_cache: None) -> Iterator[Open]:
    """Open a demo model at a precision, each once."""
    del own_cache
    assert set(model_paths) == set(PROMPTS)
    opened: dict[tuple[str, str], LlamaCpp] = {}

    def get(name: str, precision: WantedPrecision) -> LlamaCpp:
        if (name, precision) not in opened:
            opened[name, precision] = LlamaCpp(find(name), precision)
        return opened[name, precision]

    yield get
    for backend in opened.values():
        backend.close()


@pytest.fixture
def cells(small: Path) -> list[Cell]:
    """The small battery's plan."""
    return plan(load_battery(str(small)), Selection())


def some(cells: list[Cell]) -> list[Cell]:
    """Six cells of both languages with letters, digits and words as labels, in the plan's order."""
    wanted = {
        ("en", "tea/s1.pro", "agree-p1-letters-forced"),
        ("en", "tea/s1.pro", "agree-p2-words-forced"),
        ("en", "tea/choose", "choose-p1-digits-unforced"),
        ("zh", "tea/s2.con", "agree-p1-letters-unforced"),
    }
    found = [cell for cell in cells if (cell.language, cell.item, cell.frame) in wanted]
    return [c for c in found if c.order == "forward" or c.labels in {"words", "letters"}][:-1]


def tokens_of(backend: LlamaCpp, text: str) -> list[int]:
    """llama.cpp's own tokens of a text in which special tokens are written out."""
    raw = text.encode()
    buffer = (native.llama_token * (len(raw) + 8))()
    vocab = native.llama_model_get_vocab(backend._model.handle)
    count = native.llama_tokenize(vocab, raw, len(raw), buffer, len(buffer), False, True)
    return list(buffer[:count])


class Plain:
    """One prompt at a time, prefilled whole, and a log-softmax in double precision."""

    def __init__(self, backend: LlamaCpp) -> None:
        """Make a context with nothing special but the precision of keys and values."""
        self.words = native.llama_vocab_n_tokens(
            native.llama_model_get_vocab(backend._model.handle)
        )
        parameters = native.llama_context_default_params()
        parameters.n_ctx = 1024
        parameters.n_threads = parameters.n_threads_batch = backend._threads
        parameters.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_DISABLED
        if backend._precision == "f32":
            parameters.type_k = parameters.type_v = native.GGML_TYPE_F32
        self.handle = native.llama_init_from_model(backend._model.handle, parameters)
        self.known: dict[tuple[int, ...], np.ndarray[tuple[int, int], np.dtype[np.float64]]] = {}

    def logprob(self, before: list[int], said: list[int]) -> float:
        """The log-probability of some tokens after others."""
        fed = tuple(before + said[:-1])
        if fed not in self.known:
            native.llama_memory_clear(native.llama_get_memory(self.handle), True)
            batch = native.llama_batch_init(len(fed), 0, 1)
            batch.n_tokens = len(fed)
            for i, token in enumerate(fed):
                batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, i, 1
                batch.seq_id[i][0] = 0
                batch.logits[i] = i >= len(before) - 1
            assert native.llama_decode(self.handle, batch) == 0
            rows = [
                np.ctypeslib.as_array(
                    native.llama_get_logits_ith(self.handle, i), shape=(self.words,)
                ).astype(np.float64)
                for i in range(len(before) - 1, len(fed))
            ]
            native.llama_batch_free(batch)
            self.known[fed] = np.array(rows)
        return sum(
            float(row[token] - np.logaddexp.reduce(row))
            for row, token in zip(self.known[fed], said, strict=True)
        )

    def close(self) -> None:
        """Free the context."""
        native.llama_free(self.handle)


def plain_scores(backend: LlamaCpp, cell: Cell, prompt: str) -> list[float]:
    """Each label's log-probability, said with or without a space, by full prefills."""
    plain = Plain(backend)
    before = tokens_of(backend, prompt)
    scores = []
    for option in cell.options:
        ways = set()
        for form in (option.label, *option.also):
            for said in (form, " " + form):
                whole = tokens_of(backend, prompt + said)
                melts = whole[: len(before)] != before  # a line break and a space are one token
                ways.add(tuple(tokens_of(backend, said) if melts else whole[len(before) :]))
        scores.append(
            float(np.logaddexp.reduce([plain.logprob(before, list(way)) for way in sorted(ways)]))
        )
    plain.close()
    return scores


def prompt_of(name: str, cell: Cell) -> str:
    """What a demo model is to see of a cell."""
    question, answer = cell.base_frame
    return PROMPTS[name].format(cell.prompt, question=question, answer=answer)


def furthest(responses: list[Response], other: list[list[float]]) -> float:
    """The largest distance between log-probabilities."""
    return max(
        abs(a - b)
        for response, scores in zip(responses, other, strict=True)
        for a, b in zip(response.logprobs, scores, strict=True)
    )


@pytest.mark.parametrize("name", PROMPTS)
def test_model_sees_its_template_once(name: str, model: Open, cells: list[Cell]) -> None:
    """The chat template, or the question-and-answer frame, around the message; BOS never twice."""
    backend = model(name, "native" if name == QWEN else "f32")
    assert backend.description.base == (name == GEMMA)
    assert (backend.description.chat_template is None) == (name == GEMMA)
    for cell in (cells[0], cells[-1]):
        assert backend.prompt_tokens(cell) == tokens_of(backend, prompt_of(name, cell))
        assert (
            backend.prompt_tokens(cell).count(backend._model.bos)
            == (
                {SMOLLM: 3, GEMMA: 1, QWEN: 0}[name]  # SmolLM2's BOS also begins every turn
            )
        )


@pytest.mark.parametrize(("name", "precision"), [(SMOLLM, "f32"), (GEMMA, "f32"), (QWEN, "native")])
def test_scores_are_those_of_a_plain_prefill(
    name: str, precision: WantedPrecision, model: Open, cells: list[Cell]
) -> None:
    """Shared prefixes and label sequences give what one prompt at a time gives."""
    backend = model(name, precision)
    asked = some(cells)
    assert {cell.labels for cell in asked} == {"letters", "digits", "words"}
    plain = [plain_scores(backend, cell, prompt_of(name, cell)) for cell in asked]
    fast = list(backend.score(asked))
    exact = list(backend.score(asked, exact=True))
    assert furthest(fast, plain) < TOLERANCE[precision]
    assert furthest(exact, plain) < TOLERANCE[precision]
    for cell, response in zip(asked, fast, strict=True):
        assert (response.cell, response.ending) == (cell.id, "complete")
        assert response.tokens_in == len(backend.prompt_tokens(cell))
        assert 0 < sum(math.exp(value) for value in response.logprobs) <= 1 + 1e-6


@pytest.mark.parametrize("name", PROMPTS)
def test_exact_scores_are_a_log_softmax_over_one_prefill(
    name: str, model: Open, cells: list[Cell]
) -> None:
    """In exact mode no label is further than 0.0001 nat from its softmax.

    In the precision that is the default where the processor multiplies BF16. Labels of one token:
    a longer one goes on from the prefill and is compared elsewhere.
    """
    backend = model(name, "bf16")
    asked = [cell for cell in some(cells) if cell.labels != "words" and cell.language == "en"]
    assert len(asked) >= 3
    plain = [plain_scores(backend, cell, prompt_of(name, cell)) for cell in asked]
    assert furthest(list(backend.score(asked, exact=True)), plain) < 1e-4


def test_model_says_what_it_saw(model: Open, cells: list[Cell]) -> None:
    """The text and the tokens that went into the model, for the manifest."""
    backend = model(SMOLLM, "f32")
    shown = backend.shown(cells[0])
    assert shown.text == prompt_of(SMOLLM, cells[0])
    assert list(shown.tokens) == backend.prompt_tokens(cells[0])


@pytest.mark.usefixtures("model_paths")
def test_automatic_precision_is_timed_once_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a first timing says holds for the next load; only a file much faster stays as it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = LlamaCpp(find(SMOLLM), "auto")
    chosen = first.description.details["precision"]
    first.close()
    notes = list(tmp_path.rglob("*.faster"))
    if not has_fast_bf16():
        assert (chosen, notes) == ("native", [])
        return
    speeds = json.loads(notes[0].read_text())
    assert set(speeds) == {"native", "bf16"}
    for speed, precision in ((1.5, "bf16"), (2.5, "native")):
        notes[0].write_text(json.dumps({"native": speed, "bf16": 1.0}))
        again = LlamaCpp(find(SMOLLM), "auto")
        assert again.description.details["precision"] == precision
        again.close()


@pytest.mark.usefixtures("model_paths")
def test_model_larger_than_free_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that would make the machine swap are not loaded, and the error says how much."""
    free = psutil.virtual_memory()._replace(available=2**28)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(ModelError, match=r"needs 0\.3 GiB of memory and 0\.2 GiB are free"):
        LlamaCpp(find(SMOLLM), "native")


def test_memory_for_answers_is_bounded(
    model: Open, cells: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With little memory fewer answers are written at once, and they are the same texts."""
    backend = model(SMOLLM, "f32")
    greedy = Sampling(max_tokens=8, temperature=0.0)
    asked = opened(cells)
    usual = {r.cell: r.text for r in backend.generate(asked, greedy)}
    monkeypatch.setattr(backend, "_generating_context", 256)
    assert {r.cell: r.text for r in backend.generate(asked, greedy)} == usual


@pytest.mark.parametrize(
    ("name", "precision"),
    [(SMOLLM, "f32"), (GEMMA, "native"), (SMOLLM, "auto"), (GEMMA, "auto"), (QWEN, "auto")],
)
def test_scores_do_not_depend_on_neighbours_to_the_last_bit(
    name: str, precision: WantedPrecision, model: Open, cells: list[Cell]
) -> None:
    """Another order of the plan, a limit, a long neighbour, or asking one alone changes no bit."""
    backend = model(name, precision)
    asked = some(cells)
    together = {r.cell: r.logprobs for r in backend.score(asked)}
    assert len(together) == len(asked)
    long = replace(asked[2], stem="A cup of tea. " * 150)  # more than a micro-batch
    assert len(backend.prompt_tokens(long)) > 512
    shuffled = [asked[i] for i in np.random.default_rng(0).permutation(len(asked))]
    beside = {r.cell: r.logprobs for r in backend.score([*shuffled[:4], long, *shuffled[4:]])}
    (apart,) = backend.score([long])
    assert beside == together | {long.id: apart.logprobs}
    limited = {r.cell: r.logprobs for r in backend.score(asked[3:6])}
    assert limited.items() < together.items()
    (alone,) = backend.score([asked[-1]])
    assert alone.logprobs == together[alone.cell]


def test_little_memory_changes_no_bit(
    model: Open, cells: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory holds one cell at a time, its numbers are those of many at a time."""
    backend = model(SMOLLM, "auto")
    asked = [cell for cell in cells if cell.kind in SCORED][:40]
    usual = list(backend.score(asked))
    monkeypatch.setattr(backend, "_scoring_context", 1024)
    assert [r.logprobs for r in backend.score(asked)] == [r.logprobs for r in usual]


def test_order_of_answers_is_that_of_the_question(model: Open, cells: list[Cell]) -> None:
    """Log-probabilities stand in the order shown, so a reversed cell is read by its own options."""
    backend = model(SMOLLM, "f32")
    cell = next(cell for cell in cells if cell.labels == "words")
    turned = replace(cell, options=cell.options[::-1])
    one, other = backend.score([cell, turned])
    assert other.logprobs == pytest.approx(one.logprobs[::-1], abs=1e-3)


def test_long_labels_are_scored_in_groups(model: Open, cells: list[Cell]) -> None:
    """Labels with more tokens together than one batch holds are read like any others."""
    backend = model(SMOLLM, "f32")
    options = tuple(
        Option(f"{start} " + "tea and more " * 30, "x", value)
        for start, value in (("Yes,", 1.0), ("No,", -1.0), ("Well,", 0.0))
    )
    cell = replace(cells[0], options=options)
    ways = 2 * sum(len(tokens_of(backend, option.label)) for option in options)
    assert ways > 512
    (response,) = backend.score([cell])
    plain = plain_scores(backend, cell, prompt_of(SMOLLM, cell))
    assert response.logprobs == pytest.approx(plain, abs=0.02)  # a sum over a hundred tokens


def test_what_is_too_long_is_an_error_and_the_others_go_on(model: Open, cells: list[Cell]) -> None:
    """A prompt or an option without room gets an error response that says how long it is."""
    backend = model(SMOLLM, "f32")
    long_prompt = replace(cells[0], stem="tea " * 5_000)
    long_option = replace(cells[0], options=(*cells[0].options, Option("tea " * 600, "x", None)))
    asked = [cells[0], long_prompt, long_option, cells[1]]
    responses = list(backend.score(asked))
    assert [r.cell for r in responses] == [cell.id for cell in asked]
    assert [r.ending for r in responses] == ["complete", "error", "error", "complete"]
    room = backend.description.details["context"]
    assert f"there is room for {room:,}" in (responses[1].error or "")
    assert "An option has 60" in (responses[2].error or "")
    assert [r.logprobs for r in responses[1:3]] == [(), ()]
    alone = list(backend.score([cells[0], cells[1]]))
    assert [r.logprobs for r in alone] == [responses[0].logprobs, responses[3].logprobs]


def opened(cells: list[Cell], *, language: str = "en") -> list[Cell]:
    """Open cells of a language."""
    return [c for c in cells if c.kind not in SCORED and c.language == language]


def texts(
    backend: LlamaCpp, cells: list[Cell], **settings: float
) -> dict[str, tuple[str | None, str]]:
    """Text and ending of every answer."""
    sampling = Sampling(**{"max_tokens": 24, "temperature": 1.0} | settings)  # type: ignore[arg-type]
    return {r.cell: (r.text, r.ending) for r in backend.generate(cells, sampling)}


def test_same_seed_same_text_other_seed_other_text(model: Open, cells: list[Cell]) -> None:
    """Sampled answers can be had again, and another seed gives other ones."""
    backend = model(SMOLLM, "f32")
    asked = opened(cells)
    first = texts(backend, asked, seed=1)
    assert set(first) == {cell.id for cell in asked}
    assert texts(backend, asked, seed=1) == first
    second = texts(backend, asked, seed=2)
    assert all(second[cell] != first[cell] for cell in first)


@pytest.mark.parametrize("name", [SMOLLM, GEMMA])
def test_texts_do_not_depend_on_what_else_is_written(
    name: str, model: Open, cells: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at once, two at a time, or one alone: the same draws from the same numbers.

    Quantised weights do not keep to that.
    """
    backend = model(name, "bf16")
    asked = [*opened(cells), *opened(cells, language="zh")]
    together = texts(backend, asked)
    assert len(together) == len(asked) > 3
    assert {**texts(backend, asked[-1:])} == {asked[-1].id: together[asked[-1].id]}
    monkeypatch.setattr(backend, "_generating_context", 1024)
    assert texts(backend, asked[::-1]) == together


def test_greedy_answers_have_no_seed(model: Open, cells: list[Cell]) -> None:
    """At temperature 0 the seed changes nothing."""
    backend = model(SMOLLM, "f32")
    asked = opened(cells)[:2]
    greedy = texts(backend, asked, temperature=0.0, seed=1)
    assert texts(backend, asked, temperature=0.0, seed=2) == greedy


def test_endings_of_answers(model: Open, cells: list[Cell]) -> None:
    """An answer ends where the model ends it, at the limit, or where it only repeats itself."""
    backend = model(GEMMA, "f32")
    song = replace(opened(cells)[0], stem="Sing.\nAnswer:" + " la" * 150)
    (looped,) = backend.generate([song], Sampling(max_tokens=200))
    assert looped.ending == "loop"
    assert 32 <= looped.tokens_out < 60
    assert looped.text
    (cut,) = backend.generate([song], Sampling(max_tokens=5))
    assert (cut.ending, cut.tokens_out) == ("length", 5)
    chat = model(SMOLLM, "f32")
    short = replace(opened(cells)[0], stem="What is 2 + 2?")
    (whole,) = chat.generate([short], Sampling(max_tokens=120))
    assert whole.ending == "complete"
    assert whole.text
    assert "<|im_end|>" not in whole.text


def test_more_questions_than_are_written_at_once(model: Open, cells: list[Cell]) -> None:
    """Every question gets one answer, also those that wait; the one that is too long an error."""
    backend = model(SMOLLM, "f32")
    base = opened(cells)[0]
    asked = [replace(base, stem=f"Name the number {i}.") for i in range(20)]
    asked.insert(3, replace(base, stem="tea " * 9_000))
    responses = {r.cell: r for r in backend.generate(asked, Sampling(max_tokens=4))}
    assert set(responses) == {cell.id for cell in asked}
    assert responses[asked[3].id].ending == "error"
    assert "there is room for 8,188" in (responses[asked[3].id].error or "")
    assert all(responses[c.id].ending != "error" for c in asked if c is not asked[3])
    (alone,) = backend.generate([asked[3]], Sampling(max_tokens=4))
    assert alone.ending == "error"


def test_nothing_to_ask_is_nothing(model: Open) -> None:
    """No cell, no answer, no fault."""
    backend = model(SMOLLM, "f32")
    assert list(backend.score([])) == []
    assert list(backend.generate([], Sampling())) == []


@pytest.mark.parametrize("start", ["", "{{ bos_token }}"])
def test_template_with_and_without_bos_gives_one(
    start: str, model: Open, cells: list[Cell]
) -> None:
    """A vocabulary that wants BOS gets it once, whether or not the template writes it."""
    backend = model(GEMMA, "f32")
    prompts = copy.copy(backend._prompts)
    template = start + "user: {{ messages[0].content }}\nmodel:"
    prompts.render = chat_renderer(template, bos="<bos>", eos="<eos>", model="toy")
    tokens = prompts.tokens(cells[0])
    assert tokens == tokens_of(backend, f"<bos>user: {cells[0].prompt}\nmodel:")
    assert tokens.count(backend._model.bos) == 1


def test_settings_tell_apart_what_gives_other_answers(model: Open) -> None:
    """Precision, way of scoring and frame key an answer beside the weights."""
    chat = model(SMOLLM, "f32")
    base = LlamaCpp(find(SMOLLM).model_copy(update={"base": True}), "f32")
    try:
        assert base.description.weights == chat.description.weights
        keys = [
            chat.scoring,
            chat.exact_scoring,
            base.scoring,
            base.exact_scoring,
            chat.scoring | {"precision": model(QWEN, "native").scoring["precision"]},
        ]
        assert all(a != b for i, a in enumerate(keys) for b in keys[:i])
        assert base.generating != chat.generating
    finally:
        base.close()


def test_description_is_what_the_file_says(model: Open, model_paths: dict[str, Path]) -> None:
    """Hash, quantisation and template are those of the file that was opened."""
    about = model(SMOLLM, "f32").description
    assert about.weights == find(SMOLLM).sha256
    assert about.chat_template is not None
    assert about.details["precision"] == "f32"
    assert 130e6 < int(str(about.details["parameters"])) < 140e6
    assert model_paths[SMOLLM].name.startswith("SmolLM2")


def test_model_that_gives_no_numbers_writes_no_answers(
    model_paths: dict[str, Path], cells: list[Cell], tmp_path: Path
) -> None:
    """Damaged weights behind a whole header are an error, not invented text."""
    path = tmp_path / "damaged.gguf"
    shutil.copyfile(model_paths[SMOLLM], path)
    with path.open("r+b") as file:
        half = path.stat().st_size // 2
        file.seek(half)
        file.write(b"\xff" * half)
    backend = open_backend(ModelEntry(id="damaged", backend="llama_cpp", path=str(path)), "native")
    try:
        with pytest.raises(BackendError, match="damaged"):
            list(backend.generate(opened(cells), Sampling(temperature=1.0)))
    finally:
        backend.close()


def test_library_keeps_its_words_to_itself(
    model: Open, cells: list[Cell], capfd: pytest.CaptureFixture[str]
) -> None:
    """llama.cpp's log does not reach the user's screen."""
    list(model(QWEN, "native").score(cells[:1]))
    LlamaCpp(find(SMOLLM), "native").close()
    assert capfd.readouterr() == ("", "")
