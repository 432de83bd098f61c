"""What a person is shown to label a response: the prompt, its English, and the topic's poles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes import runfile
from prompts.yaml_text import parse_yaml

if TYPE_CHECKING:
    import sqlite3

    import pandas as pd

ENGLISH = "en"


@dataclass(frozen=True)
class Question:
    """A prompt in one language, with the topic's poles, empty where there are none."""

    language: str
    prompt: str
    pro: str
    con: str


@dataclass(frozen=True)
class Card:
    """A response to label. The model is not in it: people label without knowing it.

    Attributes:
        probe: the response's key in the run file.
        english: the same question in English; None where it was asked in English, or where the
            run knows no English of it.
        language: of the response, as the classifier tells it; that of the question where it
            cannot tell.
        ending: how the response ended.
    """

    probe: int
    asked: Question
    english: Question | None
    text: str
    language: str
    ending: str

    @property
    def has_poles(self) -> bool:
        """Whether an answer can be for one side."""
        return bool(self.asked.pro and self.asked.con)


def cards(path: Path, sample: pd.DataFrame) -> list[Card]:
    """A card for each row of a sample, in its order.

    English is that of the same item asked in English in this run, else of the battery's text that
    the run file keeps.

    Args:
        path: the run file.
        sample: rows of ``Tables.opened``.

    Raises:
        RunFileError: the file cannot be read.
        BatteryError: the battery's text in it is damaged.
    """
    with runfile.reading(path) as db:
        poles = {
            cell: (pro, con)
            for cell, pro, con in db.execute("SELECT id, pole_pro, pole_con FROM cells")
        }
        asked_in_english = {
            (kind, item): Question(ENGLISH, prompt, pro, con)
            for kind, item, prompt, pro, con in db.execute(
                "SELECT kind, item, prompt, pole_pro, pole_con FROM cells"
                " WHERE language = ? AND kind IN ('open', 'task')",
                (ENGLISH,),
            )
        }
        kept = {topic: _texts(db, topic) for topic in sample["topic"].unique()}

    def english(row: dict[Any, Any]) -> Question | None:
        if row["language"] == ENGLISH:
            return None
        if found := asked_in_english.get((row["kind"], row["item"])):
            return found
        texts = kept[row["topic"]]
        prompt = texts.get(row["item"].removeprefix(f"{row['topic']}/"))
        if prompt is None:
            return None
        return Question(ENGLISH, prompt, texts.get("pro", ""), texts.get("con", ""))

    return [
        Card(
            probe=int(row["probe"]),
            asked=Question(row["language"], row["prompt"], *poles[row["cell"]]),
            english=english(row),
            text=row["text"],
            language=_or(row["response_language"], row["language"]),
            ending=row["ending"],
        )
        for row in sample.to_dict("records")
    ]


def _texts(db: sqlite3.Connection, topic: str) -> dict[str, str]:
    """A topic's English texts, by key; none for a user's own items."""
    name = f"topics/{topic}.yaml"
    found = db.execute("SELECT text FROM battery WHERE path = ?", (name,)).fetchone()
    if found is None:
        return {}
    data, _, _ = parse_yaml(found[0].encode(), Path(name))
    texts: dict[str, str] = data["texts"]
    return texts


def _or(value: object, default: str) -> str:
    return value if isinstance(value, str) else default
