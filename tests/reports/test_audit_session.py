"""The audit without a browser: what is shown, what is hidden, what is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from analysis.audit_cards import Question
from analysis.tables import load
from probes import audit_labels, runfile
from probes.cell import ModelDescription
from prompts.errors import AnalysisError, RunFileError, UsageError
from reports import audit_session
from reports.audit_session import Session, open_session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="session")
def _session(run_file: Path) -> Session:
    """The whole run as sample."""
    return open_session(run_file, size=200, seed=0, annotator=None)


def place(session: Session, language: str, topic: str) -> int:
    """A card of a language whose English names a topic."""
    return next(
        number
        for number, card in enumerate(session.cards)
        if card.asked.language == language and card.english and topic in card.english.prompt
    )


def test_what_has_no_prediction_is_labelled_first(run_file: Path) -> None:
    """A run that was never reported on is classified by the audit, as a report would."""
    assert "outcome" not in load(run_file).opened.columns
    open_session(run_file, size=5, seed=0, annotator=None)
    assert load(run_file).opened["outcome"].notna().all()


def test_english_is_that_of_the_run_or_of_the_battery(session: Session) -> None:
    """Abortion was asked in English, Taiwan was not; both have their English and its poles."""
    for topic in ("abortion", "Taiwan"):
        card = session.cards[place(session, "ar", topic)]
        assert card.english is not None
        assert card.english.language == "en"
        assert card.english.pro
        assert card.english.con
        assert card.english.pro != card.asked.pro
    english = [card for card in session.cards if card.asked.language == "en"]
    assert english
    assert all(card.english is None for card in english)


def test_an_item_of_ones_own_without_english_says_so(run_file: Path) -> None:
    """An item in another language that nobody asked in English has no English."""
    with runfile.writing(run_file) as db:
        db.execute("UPDATE cells SET language = 'zh' WHERE item = 'rain'")
    session = open_session(run_file, size=200, seed=0, annotator=None)
    own = [card for card in session.cards if not card.has_poles]
    assert len(own) == 3
    assert all(card.english is None for card in own)
    assert own[0].asked == Question("zh", "Why does it rain?", "", "")


def test_outcomes_depend_on_the_poles(session: Session) -> None:
    """Without poles nothing is pro or con; with poles an answer takes a side or both."""
    for card in session.cards:
        offered = audit_session.outcomes(card)
        assert ("answers" in offered) == (not card.has_poles)
        assert ("pro" in offered) == card.has_poles
        assert offered[-1] == "unclear"


def test_the_page_does_not_know_the_model(session: Session) -> None:
    """Neither a model's name nor the prediction nor a key that gives them away is sent."""
    sent = audit_session.sample(session)
    text = json.dumps(sent)
    for secret in ("smollm2", "SmolLM2", "gemma", "qwen", "Alibaba", "prob_", "probe", "predict"):
        assert secret not in text
    fields = {"asked", "english", "text", "hidden", "lang", "ending", "outcomes"}
    assert all(set(card) == fields for card in sent["cards"])


def test_what_cannot_be_seen_is_written_out(session: Session) -> None:
    """Escapes, controls and overrides arrive as their numbers, markup as it is."""
    texts = "\n".join(card["text"] for card in audit_session.sample(session)["cards"])
    assert "[U+001B][31mred" in texts
    assert "[U+202E]gpj.exe" in texts
    assert "<script>alert(1)</script>" in texts
    assert not any(sign in texts for sign in "\x00\x1b\x07\u202e")


def test_a_huge_answer_is_cut(run_file: Path) -> None:
    """The page gets the beginning and how much is missing."""
    with runfile.writing(run_file) as db:
        db.execute("UPDATE responses SET text = ?", ("word " * 10_000,))
    session = open_session(run_file, size=1, seed=0, annotator=None)
    (card,) = audit_session.sample(session)["cards"]
    assert len(card["text"]) == 20_000
    assert card["hidden"] == 30_000


def test_labels_are_in_the_run_file_and_its_tables(session: Session) -> None:
    """A label is there for every reader at once, replaced by a later one, gone after undo."""
    audit_session.give_label(session, 0, "Ana", "refuses")
    audit_session.give_label(session, 1, "Ana", "unclear")
    audit_session.give_label(session, 0, "Bo", "deflects")
    audit = load(session.path).audit
    assert audit[["annotator", "outcome"]].to_numpy().tolist() == [
        ["Ana", "refuses"],
        ["Ana", "unclear"],
        ["Bo", "deflects"],
    ]
    opened = load(session.path).opened.set_index("probe")
    assert (audit.set_index("probe")["model"] == opened.loc[audit["probe"], "model"]).all()
    assert audit["labelled"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00").all()
    audit_session.give_label(session, 0, "Ana", "deflects")
    audit_session.give_label(session, 1, "Ana", None)
    assert audit_session.labels(session, "Ana") == [(0, "deflects")]
    assert audit_session.labels(session, "Bo") == [(0, "deflects")]


def test_agreement_of_two(session: Session) -> None:
    """What both labelled counts, by language too; what one could not tell does not."""
    for number in range(10):
        audit_session.give_label(session, number, "Ana", "refuses" if number < 6 else "deflects")
        audit_session.give_label(session, number, "Bo", "refuses" if number < 5 else "deflects")
    audit_session.give_label(session, 9, "Bo", "unclear")
    audit_session.give_label(session, 10, "Bo", "refuses")
    (pair,) = audit_session.agreements(session)
    assert (pair["a"], pair["b"], pair["n"]) == ("Ana", "Bo", 9)
    assert [row["measure"] for row in pair["measures"]] == ["agreement", "kappa", "ac1", "alpha"]
    assert pair["measures"][0]["value"] == pytest.approx(8 / 9)
    assert pair["outcomes"] == ["deflects", "refuses"]
    assert pair["matrix"] == [[3, 0], [1, 5]]
    assert sum(row["n"] for row in pair["languages"]) == 9
    json.dumps(pair, allow_nan=False)


def test_one_annotator_has_no_agreement(session: Session) -> None:
    """With one person, or two who share nothing, there is no figure."""
    audit_session.give_label(session, 0, "Ana", "refuses")
    audit_session.give_label(session, 1, "Bo", "refuses")
    assert audit_session.agreements(session) == []


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("  Ana   María ", "Ana María"), ("Jose\u0301", "José"), ("a\x1b[31mb\u202e", "a [31mb")],
)
def test_a_name_is_spelt_one_way(typed: str, kept: str) -> None:
    """Spaces, composed letters and control characters make no second annotator."""
    assert audit_session.clean_name(typed) == kept


@pytest.mark.parametrize("typed", ["", " \n\t", "\x00", "x" * 61])
def test_a_name_is_needed(typed: str) -> None:
    """An empty or endless name is refused."""
    with pytest.raises(UsageError, match="annotator"):
        audit_session.clean_name(typed)


def test_missing_run_file(tmp_path: Path) -> None:
    """The error is that of every command, and no file is made."""
    with pytest.raises(RunFileError, match="no run file"):
        open_session(tmp_path / "none.sqlite", size=1, seed=0, annotator=None)
    assert list(tmp_path.iterdir()) == []


def test_run_without_open_responses(tmp_path: Path) -> None:
    """A run of scored questions only says what to ask."""
    path = tmp_path / "scored.sqlite"
    with runfile.writing(path) as db:
        runfile.add_model(
            db,
            ModelDescription("m", "M", "D", "C", "L", "simulated", "w", "none", None, base=False),
        )
    with pytest.raises(AnalysisError, match="no open response"):
        open_session(path, size=1, seed=0, annotator=None)


def test_an_older_run_file_is_brought_up_to_date(run_file: Path) -> None:
    """A run of a doxa without audits can be audited, and loses nothing."""
    with runfile.writing(run_file) as db:
        db.execute("DROP TABLE audit_labels")
        db.execute("PRAGMA user_version = 1")
    session = open_session(run_file, size=200, seed=0, annotator="Ana")
    audit_session.give_label(session, 0, "Ana", "refuses")
    assert audit_labels.labels(run_file) == [(session.cards[0].probe, "Ana", "refuses")]
