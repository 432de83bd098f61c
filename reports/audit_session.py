"""What the audit page asks for and answers: the sample, labels, and how far people agree."""

from __future__ import annotations

import math
import threading
import unicodedata
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.agreement import agreement
from analysis.audit_cards import Card, Question, cards
from analysis.audit_sample import draw
from analysis.labelling import label_run
from analysis.tables import load
from probes import audit_labels, runfile
from probes.plain_text import UNSEEN
from prompts.errors import UsageError
from reports import languages

if TYPE_CHECKING:
    from pathlib import Path

WITH_POLES = ("pro", "both", "con", "deflects", "refuses", "degenerate", "unclear")
WITHOUT_POLES = ("answers", "deflects", "refuses", "degenerate", "unclear")
UNCLEAR = "unclear"
"""A person cannot tell; it counts as no label where agreement is measured."""

MOST_SHOWN = 20_000
LONGEST_NAME = 60


@dataclass(frozen=True)
class Session:
    """One opening of the audit page.

    Attributes:
        path: the run file, where every label goes at once.
        cards: the sample, in the order in which it is shown. The page knows a response by its
            place in it and by nothing else.
        annotator: who labels; None where the page asks.
    """

    path: Path
    cards: tuple[Card, ...]
    annotator: str | None
    lock: threading.Lock = field(default_factory=threading.Lock)


def open_session(path: Path, *, size: int, seed: int, annotator: str | None) -> Session:
    """Draw the sample of a run; what has no predicted outcome yet is labelled first.

    Raises:
        RunFileError: there is no such run file, or it cannot be written.
        AnalysisError: the run has no open response.
        UsageError: the annotator's name is empty or too long.
    """
    name = None if annotator is None else clean_name(annotator)
    if path.is_file() and path.stat().st_size:
        with runfile.writing(path):
            pass  # a file that cannot be written is refused here and not at the first label
    label_run(path)
    tables = load(path)
    sample = draw(tables.opened, size, seed=seed, labelled=set(tables.audit["probe"]))
    return Session(path, tuple(cards(path, sample)), name)


def clean_name(text: str) -> str:
    """An annotator's name, spelt the same however it was typed.

    Raises:
        UsageError: it is empty or too long.
    """
    name = " ".join(UNSEEN.sub(" ", unicodedata.normalize("NFC", text)).split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise UsageError(
            f"The annotator's name has {len(name)} characters.",
            f"Give a name of 1 to {LONGEST_NAME} characters.",
        )
    return name


def outcomes(card: Card) -> tuple[str, ...]:
    """What a response may be labelled."""
    return WITH_POLES if card.has_poles else WITHOUT_POLES


def sample(session: Session) -> dict[str, Any]:
    """All that the page shows, as JSON; nothing in it tells which model answered."""
    counts = _ratings(session).count()
    return {
        "run": session.path.name,
        "annotator": session.annotator,
        "annotators": [{"name": name, "labelled": int(n)} for name, n in counts.items()],
        "cards": [
            {
                "asked": _question(card.asked),
                "english": None if card.english is None else _question(card.english),
                "text": visible(card.text[:MOST_SHOWN]),
                "hidden": max(0, len(card.text) - MOST_SHOWN),
                "lang": _tag(card.language),
                "ending": card.ending,
                "outcomes": outcomes(card),
            }
            for card in session.cards
        ],
    }


def labels(session: Session, annotator: str) -> list[tuple[int, str]]:
    """Place and outcome of each label of one annotator, in the order in which they were given."""
    place = {card.probe: number for number, card in enumerate(session.cards)}
    with session.lock:
        stored = audit_labels.labels(session.path)
    return [
        (place[probe], outcome)
        for probe, name, outcome in stored
        if name == annotator and probe in place
    ]


def give_label(session: Session, number: int, annotator: str, outcome: str | None) -> None:
    """Keep a label in the run file, or with None take it back.

    Raises:
        RunFileError: the file cannot be written.
    """
    probe = session.cards[number].probe
    with session.lock:
        if outcome is None:
            audit_labels.remove_label(session.path, probe, annotator)
        else:
            audit_labels.set_label(session.path, probe, annotator, outcome)


def agreements(session: Session) -> list[dict[str, Any]]:
    """How far each two annotators agree on what both labelled, in all and by language."""
    ratings = _ratings(session)
    ratings = ratings.mask(ratings == UNCLEAR)
    asked = pd.Series([card.asked.language for card in session.cards])
    found = []
    for a, b in combinations(ratings.columns, 2):
        both = ratings[[a, b]].dropna()
        if both.empty:
            continue
        used = [name for name in (*WITH_POLES, "answers") if (both == name).any(axis=None)]
        matrix = pd.crosstab(both[a], both[b]).reindex(index=used, columns=used, fill_value=0)
        found.append(
            {
                "a": a,
                "b": b,
                "n": len(both),
                "measures": _measures(both),
                "languages": [
                    {"language": languages.name(code), "n": len(part), "measures": _measures(part)}
                    for code, part in both.groupby(asked.reindex(both.index))
                ],
                "outcomes": used,
                "matrix": matrix.to_numpy().tolist(),
            }
        )
    return found


def visible(text: str) -> str:
    """Text in which what cannot be seen or would be obeyed is written as its number."""
    return UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text.replace("\r\n", "\n"))


def _ratings(session: Session) -> pd.DataFrame:
    """A row per card, a column per annotator in the order in which they began."""
    with session.lock:
        stored = audit_labels.labels(session.path)
    by_name: dict[str, dict[int, str]] = {}
    for probe, name, outcome in stored:
        by_name.setdefault(name, {})[probe] = outcome
    return pd.DataFrame(
        {
            name: [given.get(card.probe) for card in session.cards]
            for name, given in by_name.items()
        },
        index=range(len(session.cards)),
        dtype=object,
    )


def _measures(both: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            str(name): None if isinstance(x, float) and math.isnan(x) else x
            for name, x in row.items()
        }
        for row in agreement(both).to_dict("records")
    ]


def _question(question: Question) -> dict[str, str]:
    return {
        "language": languages.name(question.language),
        "lang": _tag(question.language),
        "prompt": visible(question.prompt),
        "pro": visible(question.pro),
        "con": visible(question.con),
    }


def _tag(language: str) -> str:
    """The tag that a browser chooses glyphs by."""
    return "zh-Hans" if language == "zh" else language
