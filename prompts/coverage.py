"""How much of a battery stands in each language, as the table in ``prompts/README.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prompts.load import Battery
    from prompts.schema import Topic

KINDS = (
    "statements",
    "mirrored",
    "poles and questions",
    "open",
    "education",
    "law",
    "medicine",
    "controls",
)


def coverage(battery: Battery) -> dict[str, dict[str, int]]:
    """The number of topics that are whole, by language and kind of text.

    A topic is whole in a language and kind when every text that it has in English stands there.
    """
    return {
        code: {
            kind: sum(
                bool(wanted := _keys(topic, kind)) and wanted <= battery.texts(id_, code).keys()
                for id_, topic in battery.topics.items()
            )
            for kind in KINDS
        }
        for code in battery.languages
    }


def coverage_table(battery: Battery) -> str:
    """The coverage as a Markdown table, a row per language, and how many texts each holds."""
    counted = coverage(battery)
    texts = [sum(len(_keys(topic, kind)) for topic in battery.topics.values()) for kind in KINDS]
    rows = [
        [f"{battery.languages[code].english_name} `{code}`", *counted[code].values()]
        for code in counted
    ]
    return "\n".join(
        [
            _row(["topics in", *KINDS]),
            _row(["---", *["--:"] * len(KINDS)]),
            *(_row(row) for row in rows),
            _row(["*texts in each*", *texts]),
        ]
    )


def _keys(topic: Topic, kind: str) -> set[str]:
    return {key for key in topic.texts if _kind(key, topic) == kind}


def _kind(key: str, topic: Topic) -> str:
    if key in {"question", "pro", "con"}:
        return "poles and questions"
    if "-" in key:
        return key.split("-", maxsplit=1)[0]
    if key.startswith("m"):
        return "mirrored"
    return "controls" if topic.kind == "control" else "statements"


def _row(values: Sequence[object]) -> str:
    return "| " + " | ".join(str(value) for value in values) + " |"
