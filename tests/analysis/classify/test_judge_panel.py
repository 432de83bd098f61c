"""Judges together: who agrees with whom, by language, and what of a run is kept."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analysis.classify import judge_panel
from analysis.classify.classify import classify
from analysis.classify.jsonl import classify_file
from analysis.classify.judge import Unjudged
from analysis.classify.judge_panel import (
    COLUMNS,
    COVERED,
    MAJORITY,
    SAME_IN_BOTH,
    Judges,
    agreements,
    sit,
)
from analysis.classify.labels import NAME, VERSION, Answer, Label
from analysis.judging import judge_run
from analysis.labelling import choose_trained, label_run
from analysis.tables import load
from probes import engine, runfile
from probes.catalogue import ModelEntry
from probes.cell import Sampling
from probes.plan import Selection, plan
from prompts.errors import AnalysisError, ModelError
from prompts.load import load_battery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ONE, TWO, THREE = (ModelEntry(id=name, backend="simulated") for name in ("one", "two", "three"))
POLES = {"pro": "Tea is better.", "con": "Coffee is better."}


@dataclass
class Watch:
    """Counts what is asked."""

    said: list[tuple[str, int, int]] = field(default_factory=list)
    most: float = float("inf")

    def start(self, model: str, done: int, total: int) -> None:
        """A judge begins."""
        self.said.append((model, done, total))

    def advance(self, count: int) -> None:
        """More is judged."""
        self.most -= count
        if self.most <= 0:
            self.most = float("inf")
            raise KeyboardInterrupt

    def finish(self) -> None:
        """The judge is done."""


def answers(n: int = 12) -> list[Answer]:
    """Responses in two languages, each another text, and one with nothing to read."""
    texts = [f"Tea, for reason number {i}." for i in range(n)]
    return [
        *(Answer(str(i), ("en", "fr")[i % 2], "?", text, **POLES) for i, text in enumerate(texts)),
        Answer("blank", "en", "?", "🍵", **POLES),
    ]


def figure(figures: pd.DataFrame, **where: str) -> pd.Series:
    """The one row with these values."""
    for name, value in where.items():
        figures = figures[figures[name] == value]
    (row,) = figures.to_dict("records")
    return pd.Series(row)


def test_agreement_on_known_labels() -> None:
    """Per language: equal labels give kappa 1, and one differing of four what it is by hand."""
    raters = pd.DataFrame(
        {
            "language": ["en"] * 4 + ["fr"] * 4,
            "judge:a": ["pro", "con", "pro", "con"] * 2,
            "judge:b": ["pro", "con", "pro", "con", "pro", "con", "con", "con"],
            MAJORITY: ["pro", "con", "pro", "con"] * 2,
            NAME: ["pro", "con", "pro", None, "refuses", "refuses", "refuses", "refuses"],
        }
    )
    found = agreements(raters)
    both = {"a": "judge:a", "b": "judge:b"}
    assert figure(found, language="en", measure="kappa", **both)["value"] == 1
    assert figure(found, language="fr", measure="agreement", **both)["value"] == 0.75
    assert figure(found, language="fr", measure="kappa", **both)["value"] == pytest.approx(0.5)
    assert figure(found, language="all", measure="agreement", **both)["n"] == 8
    against = {"a": MAJORITY, "b": NAME}
    assert figure(found, language="en", measure="agreement", **against)["n"] == 3
    assert figure(found, language="fr", measure="kappa", **against)["value"] == 0
    assert list(found.columns) == COLUMNS
    pairs = set(zip(found["a"], found["b"], strict=True))
    assert (MAJORITY, "judge:a") not in pairs
    assert len(pairs) == 4


def test_figures_say_how_steady_a_judge_is() -> None:
    """What has nothing to read is not counted: on that, all raters agree by rule."""
    panel = sit([ONE, TWO], answers(), Watch())
    row = figure(panel.figures, language="all", a="judge:one", measure=SAME_IN_BOTH)
    assert (row["value"], row["n"]) == (1.0, 12)
    assert figure(panel.figures, language="fr", a="judge:two", measure=COVERED)["n"] == 6
    assert all(isinstance(label, Label) for label in panel.labels)
    assert panel.name == "judge:one+two"
    assert panel.figures["low"].notna().any()


def test_the_majority_of_three_is_what_two_say() -> None:
    """The label of a panel is the label of most of its judges."""
    three = [
        [label.outcome for label in sit([e], answers(), Watch()).labels] for e in (ONE, TWO, THREE)
    ]
    together = [label.outcome for label in sit([ONE, TWO, THREE], answers(), Watch()).labels]
    decided = 0
    for *votes, outcome in zip(*three, together, strict=True):
        most = max(set(votes), key=votes.count)
        if votes.count(most) > 1:
            decided += 1
            assert outcome == most
    assert decided > 3


def test_a_file_is_judged_line_by_line(tmp_path: Path) -> None:
    """A bad line harms no other, ids may be equal, and the order of the file is kept."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    line = {"id": "same", "language": "en", "prompt": "?", "response": "Tea."} | POLES
    lines = [json.dumps(line), "{bad", json.dumps(line | {"response": ""}), json.dumps(line)]
    source.write_text("\n".join(lines), encoding="utf-8")
    summary = classify_file(source, target, Judges([ONE], Watch()))
    first, bad, blank, last = map(json.loads, target.read_text().splitlines())
    assert (summary.labelled, summary.failed) == (3, 1)
    assert first == last
    assert blank["outcome"] == "degenerate"
    assert bad["line"] == 2


def test_what_a_judge_cannot_read_is_an_error_of_its_line(tmp_path: Path) -> None:
    """The line has its number and the reason, and the lines around it their labels."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    line = {"id": "a", "language": "en", "prompt": "?", "response": "Tea."}
    source.write_text("\n".join(json.dumps(line | {"id": name}) for name in "abc"))

    def unwilling(answers: Iterable[Answer]) -> Iterator[Label | Unjudged]:
        for answer in answers:
            yield Unjudged("b", "No room.") if answer.id == "b" else next(classify([answer]))

    summary = classify_file(source, target, unwilling)
    first, second, third = map(json.loads, target.read_text().splitlines())
    assert (summary.labelled, summary.failed) == (2, 1)
    assert second == {"id": "b", "line": 2, "error": "No room."}
    assert first["outcome"] == third["outcome"]


def test_nothing_to_judge_loads_no_model(tmp_path: Path) -> None:
    """An empty file gives an empty file, even where the judge could not be opened."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n\n", encoding="utf-8")
    gone = ModelEntry(id="gone", backend="llama_cpp", path=str(tmp_path / "gone.gguf"))
    judges = Judges([gone], Watch())
    assert classify_file(source, target, judges).labelled == 0
    assert target.read_text() == ""
    source.write_text('{"id": 1, "language": "en", "prompt": "?", "response": "Tea."}')
    with pytest.raises(ModelError, match="gone"):
        classify_file(source, target, judges)


@pytest.fixture
def run(tmp_path: Path, small: Path) -> Path:
    """A run file with open answers, labelled by the trained classifier."""
    path = tmp_path / "x.sqlite"
    battery = load_battery(str(small))
    cells = plan(battery, Selection(kinds=("open",)))
    engine.run(path, battery, cells, [ONE], Sampling(), "native", Watch())
    assert label_run(path) == len(cells)
    return path


def stored(path: Path) -> dict[tuple[str, str], int]:
    """How many labels each classifier has in a run file."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT classifier, version, count(*) FROM labels GROUP BY 1, 2")
        return {(name, version): n for name, version, n in rows}


def test_labels_of_judges_are_kept_in_the_run_file(run: Path) -> None:
    """Each judge's and the majority's, under names of their own; the majority's then count."""
    before = stored(run)
    panel = judge_run(run, [ONE, TWO], Watch())
    n = before[NAME, VERSION]
    added = {key: count for key, count in stored(run).items() if key not in before}
    assert {name for name, _ in added} == {"judge:one", "judge:two", "judge:one+two"}
    assert set(added.values()) == {n}
    tables = load(run)
    assert tables.classifier == f"{panel.name} {panel.version}"
    assert tables.opened["outcome"].tolist() == [label.outcome for label in panel.labels]
    pd.testing.assert_frame_equal(tables.judges, panel.figures, check_dtype=False)
    alone = tables.judges[(tables.judges["a"] == "judge:one") & (tables.judges["b"] == "")]
    assert set(alone.loc[alone["measure"] == SAME_IN_BOTH, "value"]) == {1.0}
    assert choose_trained(run) == 0
    back = load(run)
    assert (back.classifier, len(back.judges)) == (f"{NAME} {VERSION}", 0)


def test_figures_of_judges_in_words_are_passed_over(run: Path) -> None:
    """A run file that judges labelled before their figures were kept as numbers can be read."""
    panel = judge_run(run, [ONE], Watch())
    with runfile.writing(run) as db, runfile.transaction(db):
        runfile.set_manifest(db, judges={"en, judge:one": "same in both orders 1.000"})
    tables = load(run)
    assert tables.classifier == f"{panel.name} {panel.version}"
    assert tables.judges.empty


def test_a_judge_is_not_asked_twice(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interruption only the rest is asked; until then the labels before it count."""
    monkeypatch.setattr(judge_panel, "BATCH", 2)
    with pytest.raises(KeyboardInterrupt):
        judge_run(run, [ONE], Watch(most=2))
    assert load(run).classifier == f"{NAME} {VERSION}"
    watch = Watch()
    whole = judge_run(run, [ONE], watch)
    n = len(whole.labels)
    assert watch.said == [("judge one", 2, n)]
    again = Watch()
    assert judge_run(run, [ONE], again).labels == whole.labels
    assert again.said == [("judge one", n, n)]


def test_a_run_without_open_answers(tmp_path: Path, small: Path) -> None:
    """There is nothing to judge, and the error says what to ask."""
    path = tmp_path / "x.sqlite"
    battery = load_battery(str(small))
    cells = plan(battery, Selection(kinds=("choose",)))
    engine.run(path, battery, cells, [ONE], Sampling(), "native", Watch())
    with pytest.raises(AnalysisError, match="no open response") as error:
        judge_run(path, [ONE], Watch())
    assert "--kinds open" in error.value.remedy
