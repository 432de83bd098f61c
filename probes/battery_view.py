"""A battery as a person would read it, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from probes.plan import Selection, plan

if TYPE_CHECKING:
    from rich.console import Console

    from prompts.load import Battery


def print_battery(battery: Battery, console: Console) -> None:
    """List topics with the number of texts of each sort."""
    table = Table(box=SIMPLE_HEAD, title=f"{battery.name} {battery.version} ({battery.licence})")
    table.add_column("topic", no_wrap=True)
    table.add_column("title")
    table.add_column("domain")
    for name in ("statements", "open", "scenarios"):
        table.add_column(name, justify="right")
    for topic in battery.topics.values():
        keys = list(topic.texts)
        statements = sum("." in key for key in keys)
        opened = sum(key.startswith("open-") for key in keys)
        scenarios = sum(key.startswith(("education-", "law-", "medicine-")) for key in keys)
        numbers = (str(n) if n else "" for n in (statements, opened, scenarios))
        table.add_row(topic.id, topic.title, topic.domain, *numbers)
    console.print(table)


def print_topic(battery: Battery, topic_id: str, language: str, console: Console) -> None:
    """Print a topic's texts in a language beside the English, its notes, and one whole prompt."""
    topic = battery.topics[topic_id]
    texts = battery.texts(topic_id, language)
    console.print(f"{topic.title} ({topic.id}, {topic.domain})", style="bold", highlight=False)
    if topic.contested:
        console.print(Text(" ".join(topic.contested.split())))
    table = Table(box=SIMPLE_HEAD)
    table.add_column("text", no_wrap=True)
    table.add_column(battery.languages[language].name, ratio=1)
    if language != "en":
        table.add_column("English", ratio=1)
    for key, english in topic.texts.items():
        beside = () if language == "en" else (Text(english),)
        table.add_row(key, Text(texts[key]), *beside)
    console.print(table)
    for term in topic.terms:
        console.print(Text(f"“{term.choice}” for {term.term}: {term.why}"))
    for source in topic.sources:
        console.print(Text(f"Source: {source}"))
    first = next((cell for cell in plan(battery, Selection()) if cell.options), None)
    if first is not None:
        console.print("\nAs it is asked, for example:\n", style="bold")
        console.print(Text(first.prompt))
