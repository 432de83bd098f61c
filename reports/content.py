"""What a report of a run says, from its tables and its study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports import (
    answers,
    classifier,
    divergence,
    gates,
    language_effect,
    languages,
    multiverse,
    origin,
    place,
    publics,
    stance,
    switches,
    variance,
)
from reports.document import (
    Cell,
    Column,
    Definitions,
    Document,
    Heading,
    Paragraph,
    Quote,
    Section,
    Table,
)
from reports.figures import count, listed
from reports.how_to_read import TERMS
from reports.labels import labels as labels_of
from reports.records import records
from reports.summary import summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables
    from reports.document import Block
    from reports.labels import Labels

KINDS = {
    "agree": ("agree or disagree", "scored"),
    "choose": ("choice between two poles", "scored"),
    "open": ("open question", "written"),
    "task": ("scenario", "written"),
}
LONGEST_VALUE = 400


def document(tables: Tables, study: Study, explored: Exploration) -> Document:
    """Everything that a report shows, in order; sections without data say so in a sentence."""
    labels = labels_of(study, tables.manifest.get("topics", {}))
    about = tables.manifest
    sections = [
        summary(study, labels),
        _asked(tables, study, labels),
        Section(
            "The models and their gates",
            (
                *_models(study, labels),
                *gates.gates(study, labels),
                *gates.engine_noise(study, labels),
            ),
        ),
        divergence.divergence(study, labels),
        stance.stance(study, labels),
        stance.mirrors(study, labels),
        multiverse.multiverse(study, labels),
        language_effect.language_effect(explored, labels),
        origin.origin(explored, labels),
        place.place(explored, labels),
        publics.publics(explored, labels),
        variance.variance(explored),
        answers.outcomes(study, labels),
        classifier.classifier(study),
        switches.switches(study, labels),
        answers.side_by_side(tables, labels),
        Section("How to read this", (Definitions(TERMS),)),
        _manifest(tables, study, labels),
    ]
    return Document(
        title=f"Stated stances of {count(len(labels.models), 'language model')}",
        subtitle=f"{'How far apart they are, ' if len(labels.models) > 1 else ''}"
        f"asked in {_listed_languages(labels)}",
        facts=tuple(_facts(about)),
        keys=tuple(_keys(study, labels)),
        sections=tuple(section for section in sections if section is not None),
    )


def _listed_languages(labels: Labels) -> str:
    return listed(list(labels.languages.values())) if labels.languages else "no language"


def _facts(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    battery = f"{about.get('battery', 'not recorded')} {about.get('battery_version', '')}".strip()
    started, ended = str(about.get("started", "")), str(about.get("ended", ""))
    yield "Run", _span(started, ended)
    yield "Battery", battery + (f", slice {about['slice']}" if about.get("slice") else "")
    yield "Measured with", f"doxa {about.get('doxa', '(version not recorded)')}"


def _span(started: str, ended: str) -> str:
    start, end = (time[:16].replace("T", " ") for time in (started, ended))
    if not start:
        return "time not recorded"
    if not end:
        return start
    return f"{start} to {end[11:] if end[:10] == start[:10] else end}"


def _keys(study: Study, labels: Labels) -> Iterator[tuple[str, str]]:
    models = study.models
    yield f"{len(labels.models)}", "models"
    yield f"{len(labels.languages)}", "languages"
    yield f"{len(labels.topics)}", "topics"
    yield f"{int(models['scored'].sum()):,}", "scored answers"
    yield f"{int(models['opened'].sum()):,}", "written answers"
    if len(study.measurable):
        good = int(study.measurable["measurable"].sum())
        yield f"{good} of {len(study.measurable)}", "model × language\nmeasurable"


def _asked(tables: Tables, study: Study, labels: Labels) -> Section:
    title = "What was asked"
    if study.asked.empty:
        return Section(title, (Paragraph("Nothing was asked yet."),))
    kinds = [kind for kind in KINDS if (study.asked["kind"] == kind).any()]
    cells = {(row["language"], row["kind"]): row["cells"] for row in records(study.asked)}
    rows = [
        (
            Cell(name, "strong"),
            *(Cell(f"{cells.get((code, kind), 0):,}") for kind in kinds),
            Cell(f"{sum(cells.get((code, kind), 0) for kind in kinds):,}"),
        )
        for code, name in labels.languages.items()
    ]
    blocks: list[Block] = [
        Paragraph(_asked_in_words(study, kinds)),
        Table(
            "Prompts put to each model, by language and kind",
            (
                Column("Language", 1),
                *(
                    Column(f"{KINDS[kind][0].capitalize()}\n({KINDS[kind][1]})", right=True)
                    for kind in kinds
                ),
                Column("All", right=True),
            ),
            tuple(rows),
        ),
    ]
    for row in records(tables.examples):
        label = f"Example: {KINDS[row['kind']][0]} in {languages.name(row['language'])}"
        blocks.append(Quote(label, answers.passage(row["prompt"], row["language"], 1000, 20)))
    for kind in ("open", "task"):
        own = tables.opened[tables.opened["kind"] == kind] if len(tables.opened) else tables.opened
        if len(own):
            first = own.iloc[0]
            language = str(first["language"])
            label = f"Example: {KINDS[kind][0]} in {languages.name(language)}"
            shown = answers.passage(str(first["prompt"]).strip(), language, 500, 8)
            blocks.append(Quote(label, shown))
    return Section(title, tuple(blocks))


def _asked_in_words(study: Study, kinds: list[str]) -> str:
    parts = []
    for kind in kinds:
        rows = study.asked[study.asked["kind"] == kind]
        families = int(rows["families"].max())
        parts.append(
            f"{count(families, 'question family', 'question families')} by {KINDS[kind][0]}"
        )
    return (
        f"In each language, at most {listed(parts)}. A scored question is asked in several "
        "wordings, label sets and orders of its options; each such form is one prompt."
    )


def _models(study: Study, labels: Labels) -> list[Block]:
    rows = [
        (
            Cell(labels.models[row["id"]], "strong"),
            Cell(f"{row['developer']}\n{row['country']}"),
            Cell(row["licence"]),
            Cell("base" if row["base"] else "instruct"),
            Cell(row["quantisation"] or "none"),
            Cell(str(row["weights"])[:12]),
            Cell(f"{row['scored']:,}"),
            Cell(f"{row['opened']:,}"),
            Cell(f"{row['errors']:,}"),
        )
        for row in records(study.models)
    ]
    blocks: list[Block] = [
        Table(
            "Models",
            (
                Column("Model", 1.2),
                Column("Developer, country", 1.1),
                Column("Licence", 0.8),
                Column("Kind"),
                Column("Quantis-\nation"),
                Column("SHA-256"),
                Column("Scored", right=True),
                Column("Written", right=True),
                Column("Errors", right=True),
            ),
            tuple(rows),
        )
    ]
    base = [labels.models[row["id"]] for row in records(study.models) if row["base"]]
    if base:
        is_are = "is a base model" if len(base) == 1 else "are base models"
        blocks.append(
            Paragraph(
                f"{listed(base)} {is_are}: not trained to follow instructions, and asked in a "
                "plain question-and-answer frame."
            )
        )
    return blocks


def _manifest(tables: Tables, study: Study, labels: Labels) -> Section:
    blocks: list[Block] = [
        Paragraph("Everything needed to make this run again, as the run file records it."),
        _entries("Settings", tables.manifest),
        Heading("Models"),
    ]
    for row in records(study.models):
        details = (
            row["details"] if isinstance(row["details"], dict) else {"details": row["details"]}
        )
        entries = {"id": row["id"], "backend": row["backend"], "weights": row["weights"]} | details
        blocks.append(_entries(labels.models[row["id"]], entries))
    return Section("Appendix: manifest", tuple(blocks))


def _entries(caption: str, entries: Mapping[str, Any]) -> Table:
    rows = tuple((Cell(key), Cell(_shortened(value))) for key, value in _flat(entries))
    return Table(caption, (Column("Setting", 1), Column("Value", 2.6)), rows)


def _flat(entries: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in sorted(entries.items()):
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shortened(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if len(text) > LONGEST_VALUE:
        return f"{text[:LONGEST_VALUE]} [… {len(text) - LONGEST_VALUE:,} more characters]"
    return text
