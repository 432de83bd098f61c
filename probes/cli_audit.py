"""The command ``doxa audit``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reports.audit_session import Session


RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="A run file, such as runs/x.sqlite.")]


def audit(
    run_file: RunFile,
    sample: Annotated[int, typer.Option(min=1, help="Responses to label.")] = 200,
    annotator: Annotated[
        str | None, typer.Option(help="Who labels; the page asks when left out.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any that is free.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws another sample.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """Label a sample of a run's open responses by hand, on a page on this machine.

    Every label is stored in the run file at once. A second person's pass shows how far two agree.
    """
    from reports.audit_page import AuditServer
    from reports.audit_session import open_session

    session = open_session(run_file, size=sample, seed=seed, annotator=annotator)
    with AuditServer(session, port) as server:
        typer.echo(f"{len(session.cards)} responses to label: {server.address}")
        typer.echo("Every label is stored at once. Ctrl-C ends it; the same command continues.")
        if browser and sys.stdout.isatty():
            typer.launch(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _summarise(session)


def _summarise(session: Session) -> None:
    """How many each annotator labelled, and how far two agree."""
    from rich.console import Console

    from reports import audit_session
    from reports.figures import interval, number

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print()
    for one in audit_session.sample(session)["annotators"]:
        console.print(f"{one['name']}: {one['labelled']} of {len(session.cards)} labelled.")
    for pair in audit_session.agreements(session):
        found = ", ".join(
            f"{row['measure']} {number(row['value'])} {interval(row['low'], row['high'])}"
            for row in pair["measures"]
            if row["value"] is not None
        )
        console.print(f"{pair['a']} and {pair['b']} on {pair['n']}: {found}.")
