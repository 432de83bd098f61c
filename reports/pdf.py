"""The report of a run as a PDF: tagged, A4, with all fonts inside."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typst

from probes.plain_text import for_terminal
from prompts.errors import ReportError
from reports import files, fonts, safe_text
from reports.content import document

if TYPE_CHECKING:
    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables
    from reports.document import Document

TEMPLATE = Path(__file__).with_name("report.typ")
LONG_WORD = 68


def write_pdf(tables: Tables, study: Study, explored: Exploration, path: Path) -> None:
    """Write the report of a run; a file already there is replaced only when all is done.

    The same run gives the same bytes: the file's date is the run's.

    Raises:
        ReportError: the folder cannot be written to, or the report cannot be laid out.
    """
    files.write(path, render(document(tables, study, explored), made=_started(tables.manifest)))


def render(content: Document, made: datetime | None = None) -> bytes:
    """Lay a document out.

    Args:
        content: the document; its texts are made safe here and can never be markup.
        made: the date to write into the file.

    Raises:
        ReportError: typst cannot lay the document out.
    """
    inputs = _printable(asdict(content)) | {"fonts": fonts.families("en")}
    inputs["footer"] = " · ".join(value for _, value in inputs["facts"])
    try:
        compiler = typst.Compiler(
            str(TEMPLATE), root=str(TEMPLATE.parent), font_paths=fonts.for_typst()
        )
        pdf = compiler.compile(
            format="pdf",
            sys_inputs={"data": json.dumps(inputs)},
            timestamp=made or datetime(1970, 1, 1, tzinfo=UTC),
        )
    except typst.TypstError as error:
        raise ReportError(
            f"The report could not be laid out: {for_terminal(error.message)}.",
            "This is a fault in doxa: please report it with the run file.",
        ) from error
    assert isinstance(pdf, bytes)
    return pdf


def _printable(value: Any, key: str = "") -> Any:
    if isinstance(value, str):
        return value if key == "svg" else safe_text.for_print(value, fonts.covered(), LONG_WORD)
    if isinstance(value, dict):
        return {name: _printable(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(inner) for inner in value]
    return value


def _started(manifest: dict[str, Any]) -> datetime | None:
    with contextlib.suppress(KeyError, ValueError, TypeError):
        return datetime.fromisoformat(manifest["started"])
    return None
