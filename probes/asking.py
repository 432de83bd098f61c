"""What ``doxa run`` and ``doxa status`` do: from words on the command line to a run, and back."""

from __future__ import annotations

import gc
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from probes import runfile
from probes.backends.opening import check_file, open_backend
from probes.catalogue import find
from probes.cell import KINDS, SCORED, Sampling
from probes.engine import NOISE_SAMPLE, run
from probes.plain_text import for_terminal
from probes.plan import counts, plan, selection
from probes.progress import watch
from prompts.errors import ModelError, RunFileError, UsageError
from prompts.load import load_battery, topics_of_domains

if TYPE_CHECKING:
    from pathlib import Path

    from probes.backends.precision import WantedPrecision
    from probes.backends.protocol import Backend
    from probes.catalogue import ModelEntry
    from probes.cell import Cell, Kind
    from probes.engine import Failure
    from prompts.load import Battery

TIMED_SCORED = 8
TIMED_OPEN = 2


@dataclass(frozen=True)
class Request:
    """What is to be asked of whom."""

    battery: Battery
    cells: list[Cell]
    models: list[ModelEntry]


def parse_request(
    *,
    models: str,
    battery: str,
    part: str | None,
    languages: str | None,
    topics: str | None,
    domains: str | None,
    kinds: str | None,
    limit: int | None,
) -> Request:
    """Look everything up before anything is asked.

    Args:
        models, languages, topics, domains, kinds: names with commas between them.
        battery: a name, a folder, or a file of items.
        part: a slice of the battery.
        limit: cells a model, at most.

    Raises:
        UsageError: a name is unknown, or nothing is left to ask.
        BatteryError: the battery is malformed.
        ModelError: a model is unknown.
    """
    chosen_topics = _names(topics)
    if domains:
        chosen_topics = [*(chosen_topics or []), *topics_of_domains(battery, _names(domains) or [])]
    loaded = load_battery(battery, languages=_names(languages), topics=chosen_topics, part=part)
    chosen_kinds = _kinds(_names(kinds))
    cells = plan(loaded, selection(loaded.slices[part] if part else None, chosen_kinds, limit))
    gc.freeze()  # they stay to the end: Python's collector need not look through them again
    if not cells:
        raise UsageError(
            "These languages, topics and kinds hold no cell to ask.", "Widen one of them."
        )
    entries = [find(name) for name in dict.fromkeys(_names(models) or [])]
    if not entries:
        raise UsageError("--models names no model.", "`doxa models list` shows the models.")
    return Request(loaded, cells, entries)


def ask(
    request: Request, out: Path, sampling: Sampling, precision: WantedPrecision, *, exact: bool
) -> list[Failure]:
    """Run the request into a run file, with progress on standard error."""
    return run(
        out,
        request.battery,
        request.cells,
        request.models,
        sampling,
        precision,
        watch(Console(stderr=True)),
        exact=exact,
    )


def preview(request: Request, *, max_tokens: int, precision: WantedPrecision) -> None:
    """Print what a run would ask, in cells and tokens, and how long each model would take.

    Times come from asking a few cells of the plan itself.
    """
    console = Console()
    by_language = counts(request.cells)
    languages = list(dict.fromkeys(cell.language for cell in request.cells))
    kinds = [kind for kind in KINDS if any(by_language[code, kind] for code in languages)]
    title = for_terminal(f"{request.battery.name} {request.battery.version}")
    table = Table(box=SIMPLE_HEAD, title=Text(title))
    table.add_column("cells")
    for kind in kinds:
        table.add_column(kind, justify="right")
    table.add_column("all", justify="right")
    for code in languages:
        row = [by_language[code, kind] for kind in kinds]
        table.add_row(code, *(f"{n:,}" for n in row), f"{sum(row):,}")
    if len(languages) > 1:
        row = [sum(by_language[code, kind] for code in languages) for kind in kinds]
        table.add_row("all", *(f"{n:,}" for n in row), f"{sum(row):,}")
    console.print(table)
    for entry in request.models:
        console.print(
            _expectation(entry, request.cells, max_tokens, precision), highlight=False, markup=False
        )


def show_status(path: Path) -> None:
    """Print how far each model of a run is.

    Raises:
        RunFileError: there is no such run file, or it holds nothing yet.
    """
    with runfile.reading(path) as db:
        manifest = runfile.manifest(db)
        kinds = Counter[bool]()
        for kind, number in db.execute("SELECT kind, count(*) FROM cells GROUP BY kind"):
            kinds[kind in SCORED] += number
        rows = runfile.progress(db)
    if not {"battery", "battery_version", "started"} <= manifest.keys():
        raise RunFileError(f"{path} holds no run yet.", "Ask some models with `doxa run`.")
    console = Console()
    summary = (
        f"{manifest['battery']} {manifest['battery_version']}: {kinds[True]:,} scored and "
        f"{kinds[False]:,} open cells, started {manifest['started']}, "
        + (f"ended {manifest['ended']}" if "ended" in manifest else "not ended")
    )
    console.print(for_terminal(summary), highlight=False, markup=False)
    table = Table(box=SIMPLE_HEAD)
    table.add_column("model", no_wrap=True)
    table.add_column("asked", overflow="fold")
    for name in ("answered", "of", "errors", "seconds"):
        table.add_column(name, justify="right")
    shared = {row.model for row in rows if "segments" in row.settings}
    for row in rows:
        sample = "full prefill" in row.settings and row.model in shared
        scored = kinds["scoring" in row.settings]
        total = min(scored, NOISE_SAMPLE) if sample else scored
        table.add_row(
            Text(for_terminal(row.model)),
            Text(for_terminal(_in_words(row.settings, sample=sample))),
            f"{row.answered:,}",
            f"{total:,}",
            f"{row.errors:,}",
            f"{row.seconds:,.0f}",
        )
    console.print(table)


def _in_words(settings: str, *, sample: bool) -> str:
    found = json.loads(settings)
    what = "engine noise" if sample else "scored" if "scoring" in found else "open"
    values = (f"{key} {value}" for key, value in found.items() if key != "scoring")
    return f"{what} ({', '.join([*values, *filter(None, [found.get('scoring')])])})"


def _expectation(
    entry: ModelEntry, cells: list[Cell], max_tokens: int, precision: WantedPrecision
) -> str:
    try:
        if entry.backend == "llama_cpp":
            check_file(entry)
        backend = open_backend(entry, precision)
    except ModelError as error:
        return f"{entry.id}: {error.what} {error.remedy}"
    try:
        seconds, tokens = _timed(backend, cells, max_tokens)
    finally:
        backend.close()
    return f"{entry.id}: about {tokens:,.0f} tokens of prompt, {_duration(seconds)}"


def _timed(backend: Backend, cells: list[Cell], max_tokens: int) -> tuple[float, float]:
    """Expected seconds and prompt tokens of the cells, from a few of them."""
    seconds = tokens = 0.0
    scored = [cell for cell in cells if cell.kind in SCORED]
    opened = [cell for cell in cells if cell.kind not in SCORED]
    for part, most in ((scored, TIMED_SCORED), (opened, TIMED_OPEN)):
        if not part:
            continue
        sample = _runs_of(part, most)
        started = time.perf_counter()
        if part is scored:
            responses = list(backend.score(sample))
        else:
            responses = list(backend.generate(sample, Sampling(max_tokens=max_tokens)))
        share = len(part) / len(sample)
        seconds += (time.perf_counter() - started) * share
        tokens += sum(response.tokens_in for response in responses) * share
    return seconds, tokens


def _runs_of(cells: list[Cell], most: int) -> list[Cell]:
    """Up to ``most`` cells: neighbours from the middle, so that they share what the rest shares."""
    begin = max(0, len(cells) // 2 - most // 2)
    return cells[begin : begin + most]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} seconds"
    minutes = seconds / 60
    return f"about {minutes:.0f} minutes" if minutes < 90 else f"about {minutes / 60:.1f} hours"


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _kinds(names: list[str] | None) -> list[Kind] | None:
    if names is None:
        return None
    for name in names:
        if name not in KINDS:
            raise UsageError(f"There is no kind “{name}”.", f"Name some of: {', '.join(KINDS)}.")
    return [kind for kind in KINDS if kind in names]
