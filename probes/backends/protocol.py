"""What a backend is: two ways of asking and a description, results as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probes.cell import Cell, ModelDescription, Response, Sampling, Shown


class Backend(Protocol):
    """A model that can be asked.

    A cell that cannot be asked (too long for the context, say) yields a response whose ending is
    ``error``; an exception is for what ends the model's whole run.
    """

    @property
    def description(self) -> ModelDescription:
        """What the run file says of the model."""
        ...

    @property
    def scoring(self) -> dict[str, object]:
        """The settings that can change a scored number, as they key its answer."""
        ...

    @property
    def exact_scoring(self) -> dict[str, object]:
        """The same for exact scoring; equal where the backend knows no other."""
        ...

    @property
    def generating(self) -> dict[str, object]:
        """The same for open answers, beside the sampling."""
        ...

    def shown(self, cell: Cell) -> Shown:
        """What the model sees of a cell, as the manifest keeps it of the first of each kind."""
        ...

    def score(self, cells: Sequence[Cell], *, exact: bool = False) -> Iterator[Response]:
        """Yield the log-probabilities of each cell's option labels.

        Args:
            cells: to ask.
            exact: share nothing between cells: one full prefill each.
        """
        ...

    def generate(self, cells: Sequence[Cell], sampling: Sampling) -> Iterator[Response]:
        """Yield the answer to each open cell, in any order."""
        ...

    def close(self) -> None:
        """Give memory and files back."""
        ...
