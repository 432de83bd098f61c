"""The tables of a run as Parquet and CSV, for other tools."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING

import pandas as pd

from analysis.multiverse import BY_OPTION, COLUMNS
from prompts.errors import ReportError
from reports import files, safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables


def export(tables: Tables, study: Study, explored: Exploration, directory: Path) -> list[Path]:
    """Write every table of a run and of its study, each as Parquet and as CSV.

    Parquet holds text as it was written. In CSV, text that a spreadsheet would compute has an
    apostrophe in front. ``manifest.json`` holds the run's settings, the study's notes and what
    the multiverse comes to.

    Args:
        tables: the run.
        study: what the run shows.
        explored: what lies behind it.
        directory: made where it is missing; files of the same name are replaced.

    Returns:
        The files written.

    Raises:
        ReportError: the folder or a file cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"The folder {directory} cannot be made: {error.strerror or error}.",
            "Give a folder that can be written to.",
        ) from error
    frames = {
        "models": study.models,
        "scored": tables.scored,
        "opened": tables.opened.drop(columns="probe"),  # it tells in what order cells were asked
        "asked": study.asked,
        "gates": study.gates,
        "measurable": study.measurable,
        "stance": study.stance,
        "divergence": study.divergence,
        "mirrors": study.mirrors,
        "outcomes": study.outcomes,
        "outcomes_corrected": study.corrected,
        "classifier": study.classifier,
        "judges": study.judges,
        "switches": study.switches,
        **_multiverse(study),
        "shares": explored.shares,
        "language_effect": explored.languages,
        "countries": explored.countries,
        "origin": explored.origin,
        "map_points": explored.map.points,
        "map_axes": explored.map.axes,
        "map_drivers": explored.map.drivers,
        "map_clusters": explored.map.clusters,
        "audit": tables.audit,
        "publics": explored.reference.publics,
        "publics_items": explored.reference.items,
    }
    written = []
    for name, frame in frames.items():
        flat = _flat(frame)
        for suffix, content in (("parquet", _parquet(flat)), ("csv", _csv(flat))):
            path = directory / f"{name}.{suffix}"
            files.write(path, content)
            written.append(path)
    path = directory / "manifest.json"
    about = {
        "manifest": tables.manifest,
        "notes": study.notes,
        "multiverse": {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in vars(study.multiverse).items()
            if not isinstance(value, pd.DataFrame)
        }
        if study.multiverse
        else None,
    }
    files.write(path, json.dumps(about, ensure_ascii=False, indent=2).encode())
    return [*written, path]


def _multiverse(study: Study) -> Mapping[str, pd.DataFrame]:
    """Its specifications and its options, with the pair; without one, no rows."""
    found = study.multiverse
    if found is None:
        return {
            "multiverse": pd.DataFrame(columns=["a", "b", *COLUMNS]),
            "multiverse_options": pd.DataFrame(columns=["a", "b", *BY_OPTION]),
        }
    pair = pd.DataFrame({"a": [found.a], "b": [found.b]})
    return {
        "multiverse": pair.merge(found.table, how="cross"),
        "multiverse_options": pair.merge(found.options, how="cross"),
    }


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with mappings and lists as JSON text."""
    nested = [
        column
        for column in frame.columns
        if frame[column].map(lambda value: isinstance(value, dict | list)).any()
    ]
    as_json = {
        column: frame[column].map(lambda value: json.dumps(value, ensure_ascii=False))
        for column in nested
    }
    return frame.assign(**as_json)


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _csv(frame: pd.DataFrame) -> bytes:
    safe = frame.copy()
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column].dtype):
            safe[column] = frame[column].map(
                lambda value: safe_text.for_csv(value) if isinstance(value, str) else value
            )
    return safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode()
