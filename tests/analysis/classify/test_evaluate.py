"""The classifier is held against labelled answers, and what is kept of it is not stale."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.classify import measured
from analysis.classify.answer_files import FOLDER, answer_files
from analysis.classify.evaluate import evaluate, write
from analysis.classify.labels import NAME, VERSION, Answer, Label
from analysis.confusion import load_confusion

ANSWER = """  - prompt: {prompt}
    outcome: {outcome}
    hard: {hard}
    text: {text}
"""
LONG = "This sentence is longer than twenty characters."


def as_told(answers: Iterable[Answer]) -> Iterator[Label]:
    """Labels that the prompts ask for: outcome, probability, language."""
    for answer in answers:
        outcome, probability, language = answer.prompt.split()
        yield Label(
            answer.id,
            outcome,  # type: ignore[arg-type]
            {outcome: float(probability)},  # type: ignore[dict-item]
            None if language == "none" else language,
            "Latin",
            1.0,
            len(answer.response),
            cut=False,
        )


def file_of(folder: Path, *rows: tuple[str, str, str, str], name: str = "en.yaml") -> Path:
    """A file of answers: what the classifier says, what is true, what is hard, the text."""
    lines = [
        ANSWER.format(prompt=prompt, outcome=outcome, hard=hard or '""', text=text)
        for prompt, outcome, hard, text in rows
    ]
    path = folder / name
    path.write_text("test:\n" + "".join(lines), encoding="utf-8")
    return path


def test_a_reader_adds_an_answer_and_sees_the_score_move(tmp_path: Path) -> None:
    """An answer added to a copy of a language's file counts: rightly labelled up, wrongly down."""
    content = (FOLDER / "fr.yaml").read_text(encoding="utf-8")
    refusal = "Désolé, je ne peux pas répondre à cette question."
    question = "Qui a écrit « Les Misérables » ?"
    entry = f'  - prompt: {question}\n    outcome: {{}}\n    text: "{refusal}"\n'
    path = tmp_path / "fr.yaml"
    figures = []
    for added in ("", entry.format("refuses"), entry.format("degenerate")):
        path.write_text(content.rstrip("\n") + "\n" + added, encoding="utf-8")
        figures.append(evaluate(answer_files(str(path))).figures.iloc[0])
    before, right, wrong = figures
    n, hits = before["n"], before["n"] * before["accuracy"]
    assert (right["n"], wrong["n"]) == (n + 1, n + 1)
    assert right["accuracy"] == pytest.approx((hits + 1) / (n + 1))
    assert wrong["accuracy"] == pytest.approx(hits / (n + 1))
    assert wrong["macro_f1"] < before["macro_f1"] < right["macro_f1"]


def test_what_is_kept_is_what_the_classifier_does() -> None:
    """The stored errors are those of this classifier on these test answers, in all languages.

    Another kind of processor rounds some of the network's numbers the other way, which may turn a
    label or two of those that hang in the balance. Where this fails, run
    ``python -m analysis.classify.evaluate``.
    """
    kept = measured.load()
    assert kept.classifier == f"{NAME} {VERSION}"
    found = evaluate(answer_files("all"))
    assert set(kept.counts) == set(found.counts)
    moved = sum(
        np.abs(kept.counts[language].to_numpy() - counts.to_numpy()).sum() / 2
        for language, counts in found.counts.items()
    )
    assert moved <= 0.004 * sum(counts.to_numpy().sum() for counts in found.counts.values())
    rows = found.figures.set_index("language")[list(measured.KEPT)].loc[kept.figures.index]
    rates = rows.columns[rows.max() <= 1]
    np.testing.assert_allclose(rows[rates], kept.figures[rates], atol=0.02)
    np.testing.assert_allclose(rows.drop(columns=rates), kept.figures.drop(columns=rates), atol=2)


def test_counts_and_calibration(tmp_path: Path) -> None:
    """True and predicted outcomes are counted, and probabilities held against what is right."""
    path = file_of(
        tmp_path,
        ("answers 0.9 en", "answers", "", LONG),
        ("answers 0.9 en", "refuses", "", LONG),
        ("refuses 0.6 en", "refuses", "", LONG),
    )
    found = evaluate([path], as_told)
    (row,) = found.figures.to_dict("records")
    counts = found.counts["en"]
    assert (counts.loc["refuses", "answers"], counts.to_numpy().sum()) == (1, 3)
    assert (row["language"], row["n"]) == ("en", 3)
    assert row["calibration_error"] == pytest.approx((2 * 0.4 + 0.4) / 3)
    assert row["calibrated_error"] > 0


def test_strategies_and_abstentions(tmp_path: Path) -> None:
    """A strategy counts where it is known and was told; a label that abstains is not kept."""
    rows = [
        ("refuses 0.9 en", "refuses", "disclaimer"),
        ("refuses 0.9 en", "refuses", "refuses-outright"),
        ("refuses 0.3 en", "deflects", "disclaimer"),
        ("answers 0.9 en", "refuses", "disclaimer"),
    ]
    path = tmp_path / "en.yaml"
    lines = [
        f"  - {{prompt: {prompt}, outcome: {outcome}, strategy: {strategy}, text: {LONG}}}\n"
        for prompt, outcome, strategy in rows
    ]
    path.write_text("test:\n" + "".join(lines), encoding="utf-8")

    def disclaiming(answers: Iterable[Answer]) -> Iterator[Label]:
        for label in as_told(answers):
            evades = label.outcome == "refuses"
            low = label.probabilities[label.outcome] < 0.5
            yield replace(label, strategy="disclaimer" if evades else None, abstains=low)

    (row,) = evaluate([path], disclaiming).figures.to_dict("records")
    assert (row["strategies"], row["strategies_right"]) == (3, 2)
    assert (row["kept"], row["kept_right"]) == (3, 2)


def test_response_language(tmp_path: Path) -> None:
    """Counted are long responses in one known language, or known to be in another than asked."""
    path = file_of(
        tmp_path,
        ("refuses 1 en", "refuses", "", LONG),
        ("refuses 1 fr", "refuses", "", LONG),
        ("refuses 1 fr", "refuses", "other-language", LONG),
        ("refuses 1 en", "refuses", "other-language", LONG),
        ("refuses 1 none", "refuses", "other-language", LONG),
        ("refuses 1 fr", "refuses", "switch-half-way", LONG),
        ("refuses 1 fr", "degenerate", "", LONG),
        ("refuses 1 fr", "refuses", "", "Short."),
    )
    (row,) = evaluate([path], as_told).figures.to_dict("records")
    assert (row["told"], row["told_right"]) == (5, 2)


def test_several_languages_have_a_sum(tmp_path: Path) -> None:
    """With several files, a row of all languages counts every answer."""
    rows = (("refuses 1 en", "refuses", "", LONG), ("refuses 1 en", "deflects", "", LONG))
    paths = [file_of(tmp_path, *rows), file_of(tmp_path, rows[0], name="fr.yaml")]
    figures = evaluate(paths, as_told).figures.set_index("language")
    assert list(figures.index) == ["en", "fr", "all"]
    assert figures.loc["all", "n"] == 3
    assert figures.loc["all", "accuracy"] == pytest.approx(2 / 3)
    assert figures.loc["all", "told_right"] == 2


def test_kept_figures_come_back(tmp_path: Path) -> None:
    """What is written is read again as it was, under the classifier's name and version."""
    found = evaluate(answer_files("fr"))
    counts, figures = tmp_path / "counts.json", tmp_path / "figures.json"
    write(found, counts, figures)
    again = measured.load(counts, figures)
    assert again.classifier == f"{NAME} {VERSION}"
    assert list(again.counts) == ["fr"]
    assert (load_confusion(counts)["fr"].to_numpy() == found.counts["fr"].to_numpy()).all()
    assert again.figures.loc["fr", "told"] == found.figures.iloc[0]["told"]
