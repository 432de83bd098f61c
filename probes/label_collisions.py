"""Option labels that begin with the same token of a model, by its vocabulary alone.

They are no fault: such labels are scored as whole sequences (see ``label_tokens``), which needs a
further look into the model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probes.backends.llama_native import Model
from probes.backends.opening import check_file
from probes.catalogue import location
from probes.label_tokens import label_tokens
from probes.plan import Selection, plan
from probes.templates import base_render, chat_renderer
from prompts.check import Finding
from prompts.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from probes.catalogue import ModelEntry
    from probes.cell import Cell
    from prompts.load import Battery


def label_collisions(battery: Battery, entry: ModelEntry) -> list[Finding]:
    """Find the labels of a battery's frames that share a first token, by language and alphabet.

    Raises:
        ModelError: the model's file is missing, is another one, or cannot be loaded.
        UsageError: the model is no GGUF file, so its tokens are not known.
    """
    if entry.backend != "llama_cpp":
        raise UsageError(
            f"The tokens of {entry.id} are not known: its backend is {entry.backend}.",
            "Name a model whose backend is llama_cpp.",
        )
    check_file(entry)
    path = location(entry)
    assert path is not None
    model = Model(path, entry.id, vocabulary_only=True)
    try:
        render = _renderer(model, entry)
        shared: dict[tuple[str, str, int], dict[str, None]] = {}
        for cell in _one_of_each_frame(battery):
            for token, forms in _colliding(cell, render(cell, cell.prompt), model.tokenise):
                shared.setdefault((cell.language, cell.labels, token), {}).update(forms)
        said = {token: model.piece(token).decode("utf-8", "replace") for _, _, token in shared}
    finally:
        model.close()
    return [
        Finding(
            f"{language} {alphabet}",
            f"{', '.join(f'“{form}”' for form in forms)} begin with the same token, "
            f"{said[token]!r}, of {entry.id}",  # a vocabulary may hold anything
        )
        for (language, alphabet, token), forms in shared.items()
    ]


def _one_of_each_frame(battery: Battery) -> list[Cell]:
    """One cell for each language and frame: labels do not depend on the topic."""
    asked = [topic for topic in battery.topics.values() if "question" in topic.texts][:1]
    small = replace(battery, topics={topic.id: topic for topic in asked or battery.topics.values()})
    cells = plan(small, Selection(kinds=("agree", "choose"), families=1))
    return list({(cell.language, cell.frame): cell for cell in reversed(cells)}.values())[::-1]


def _colliding(
    cell: Cell, rendered: str, tokenise: Callable[[str], list[int]]
) -> Iterator[tuple[int, dict[str, None]]]:
    """Yield each token that begins labels of several options, with all that it begins."""
    forms = [
        (number, form)
        for number, option in enumerate(cell.options)
        for form in (option.label, *option.also)
    ]
    tokens = label_tokens(rendered, [[form] for _, form in forms], tokenise)
    begins: dict[int, dict[tuple[int, str], None]] = {}
    for form, ways in zip(forms, tokens.ways, strict=True):
        for way in ways:
            begins.setdefault(way[0], {})[form] = None
    for token, sharing in begins.items():
        if len({number for number, _ in sharing}) > 1:
            yield token, dict.fromkeys(form for _, form in sharing)


def _renderer(model: Model, entry: ModelEntry) -> Callable[[Cell, str], str]:
    template = model.metadata("tokenizer.chat_template")
    if entry.base or template is None:
        return base_render
    bos, eos = (
        model.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""
        for token in (model.bos, model.eos)
    )
    return chat_renderer(template, bos=bos, eos=eos, model=entry.id)
