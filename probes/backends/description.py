"""What the run file says of a model: the catalogue's words beside what the backend found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.cell import ModelDescription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.catalogue import ModelEntry


def describe(
    entry: ModelEntry,
    *,
    weights: str,
    quantisation: str | None = None,
    chat_template: str | None = None,
    base: bool = False,
    details: Mapping[str, object] | None = None,
) -> ModelDescription:
    """Describe an opened model.

    Args:
        entry: of the catalogue: it says who made the model and under what licence.
        weights: SHA-256 that answers are keyed by.
        quantisation: of the weights; the entry's where it is not given.
        chat_template: that prompts are rendered with.
        base: whether it gets the plain question-and-answer frame.
        details: versions, precision, context and the like.
    """
    return ModelDescription(
        id=entry.id,
        name=entry.name,
        developer=entry.developer,
        country=entry.country,
        licence=entry.licence,
        backend=entry.backend,
        weights=weights,
        quantisation=quantisation or entry.quantisation,
        chat_template=chat_template,
        base=base,
        details=dict(details or {}),
    )
