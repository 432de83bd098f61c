"""Where the time of the two main paths goes: scored cells and open ones, by function and decode.

python tests/benchmarks/profile_paths.py smollm2-135m-instruct
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from typing import TYPE_CHECKING
from unittest.mock import patch

import sample

from probes.backends.llama_cpp import LlamaCpp
from probes.backends.llama_native import Context
from probes.catalogue import find
from probes.cell import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from probes.backends.llama_native import Item
    from probes.cell import Response

CELLS, OPEN_CELLS, SHOWN = 96, 64, 8


def main() -> None:
    """Print, for each path, what it decodes and the functions that take most of its own time."""
    backend = LlamaCpp(find(sys.argv[1]))
    scored, opened = sample.scored_cells(CELLS), sample.open_cells(OPEN_CELLS)
    sampling = Sampling(max_tokens=sample.OPEN_TOKENS, temperature=0.7)
    list(backend.score(scored[:32]))  # memory is touched for the first time
    prompts = [backend.prompt_tokens(cell) for cell in scored]
    unique, all_tokens = sample.distinct_tokens(prompts), sum(map(len, prompts))
    title = f"{CELLS} scored cells, {unique:,} unique of {all_tokens:,} tokens"
    _profile(title, lambda: backend.score(scored))
    _profile(f"{OPEN_CELLS} open cells, sampled", lambda: backend.generate(opened, sampling))


def _profile(title: str, path: Callable[[], Iterator[Response]]) -> None:
    decodes: list[tuple[int, int, int]] = []
    unwrapped = Context.decode

    def decode(context: Context, items: Sequence[Item]) -> None:
        streams = len({item.sequence for item in items})
        decodes.append((len(items), streams, sum(item.read for item in items)))
        unwrapped(context, items)

    profile = cProfile.Profile()
    with patch.object(Context, "decode", decode):
        profile.runcall(lambda: list(path()))
    tokens, streams, read = (sum(column) for column in zip(*decodes, strict=True))
    stats = pstats.Stats(profile)
    times = stats.stats  # type: ignore[attr-defined]
    total = stats.total_tt  # type: ignore[attr-defined]
    sys.stdout.write(
        f"\n{title}: {total:.1f} s; {tokens:,} tokens in {len(decodes):,} decodes of "
        f"{streams / len(decodes):.0f} streams on average, {read:,} rows of logits read\n"
    )
    most = sorted(times.items(), key=lambda entry: -entry[1][2])[:SHOWN]
    for (file, _, name), (_, calls, own, _, _) in most:
        where = file.rpartition("/")[2]
        sys.stdout.write(f"{own / total:6.1%}  {calls:>7,} calls  {where} {name}\n")


main()
