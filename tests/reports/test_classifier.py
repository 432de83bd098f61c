"""The section on the classifier holds what was measured of it, and says where nothing was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from analysis.classify.judge_panel import COLUMNS
from analysis.classify.measured import classifier_table
from reports.classifier import classifier
from reports.content import document
from reports.document import Bullets, Paragraph, Table
from reports.judge_table import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.classify.measured import Measured
    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables
    from reports.document import Section

    Errors = Callable[..., Measured]

LANGUAGES = ("en", "fr")


def shown(section: Section | None) -> tuple[dict[str, list[str]], str]:
    """The cells by language, and all sentences."""
    assert section is not None
    cells: dict[str, list[str]] = {}
    text: list[str] = []
    for block in section.blocks:
        if isinstance(block, Table):
            cells = {row[0].text: [cell.text for cell in row[1:]] for row in block.rows}
        elif isinstance(block, Bullets):
            text += block.items
        elif isinstance(block, Paragraph):
            text.append(block.text)
    return cells, " ".join(text)


def measured(study: Study, known: Measured) -> Study:
    """The study with errors of its classifier in English and French."""
    table = classifier_table(study.classifier_name, LANGUAGES, known)
    return replace(study, classifier=table.assign(labelled=50, abstained=7))


def test_it_is_in_the_report(made_up: tuple[Tables, Study, Exploration]) -> None:
    """After the outcomes."""
    titles = [part.title for part in document(*made_up).sections]
    assert titles.index("The classifier") > titles.index("Open responses: outcomes")


def test_every_language_has_its_errors(study: Study, errors_in: Errors) -> None:
    """Test answers, macro-F1 with its interval, recalls, stance and language, by language."""
    cells, text = shown(classifier(measured(study, errors_in(LANGUAGES))))
    assert list(cells) == ["English", "French"]
    n, f1, refusals, deflections, stance, language, calibration = cells["French"]
    assert n == "140"
    assert f1.startswith("0.90\n[0.8")
    assert refusals == deflections == "90%\nof 20"
    assert stance.endswith(("of 58", "of 56"))
    assert language == "99%\nof 90"
    assert calibration == "0.04\n(0.04)"
    assert "doxa-head 9" in text
    assert "In this run 14 of 100 labels abstain" in text
    assert "does not abstain, 95% were right" in text
    assert "not to be trusted" not in text


def test_where_it_is_not_to_be_trusted_comes_from_the_figures(
    study: Study, errors_in: Errors
) -> None:
    """A classifier that errs often is said to, language by language."""
    good, bad = errors_in(("en",)), errors_in(("fr",), 7)
    both = replace(good, counts=good.counts | bad.counts, figures=errors_in(LANGUAGES).figures)
    _, text = shown(classifier(measured(study, both)))
    assert "not to be trusted in French: macro-F1 below 0.80" in text
    assert "misses more refusals than it finds in French." in text
    assert "misses more deflections than it finds in French." in text
    _, middling = shown(classifier(measured(study, errors_in(LANGUAGES, 15))))
    assert "In English and French the macro-F1 is not shown to reach 0.80" in middling


def test_a_language_without_test_answers_says_so(study: Study, errors_in: Errors) -> None:
    """It has a row without numbers, and a sentence."""
    cells, text = shown(classifier(measured(study, errors_in(("fr",)))))
    assert cells["English"][:2] == ["0", "not measured"]
    assert "no test answers in English: errors were not measured there" in text


def test_another_classifier_is_not_measured(study: Study, errors_in: Errors) -> None:
    """Labels of a judge or of a user get no errors that are not theirs."""
    named = replace(study, classifier_name="judge <b>qwen</b> 1")
    cells, text = shown(classifier(measured(named, errors_in(LANGUAGES))))
    assert cells == {}
    assert "labelled by judge <b>qwen</b> 1. Its errors were not measured" in text
    _, none = shown(classifier(measured(study, errors_in(("ru",)))))
    assert "no test answers in the languages of this run" in none


def test_judges_are_shown_with_their_agreement(study: Study, errors_in: Errors) -> None:
    """Whose labels they are, what each judge is worth by itself, and how far two raters agree."""
    names = ["judge:one", "judge:two"]
    rows = [("en", names[0], "", measure, 0.5, 0.25, 0.75, 8, "") for measure in ALONE]
    rows += [("en", *names, measure, 0.9, 0.6, 1.0, 8, "") for measure in ("agreement", "ac1")]
    nan = float("nan")
    rows += [("en", *names, name, nan, nan, nan, 8, "all alike") for name in ("kappa", "alpha")]
    figures = pd.DataFrame(rows, columns=COLUMNS)
    judged = replace(study, classifier_name="judge:one+two 1-abc", judges=figures)
    section = classifier(measured(judged, errors_in(LANGUAGES)))
    assert section is not None
    first, second = (block for block in section.blocks if isinstance(block, Table))
    assert [cell.text for cell in first.rows[0]] == [
        "English",
        "one",
        "8",
        *["0.50\n[0.25, 0.75]"] * 2,
    ]
    assert [cell.text for cell in second.rows[0]] == [
        "English",
        "one\ntwo",
        "8",
        "0.90\n[0.60, 1.00]",
        "–\n–",
        "0.90\n[0.60, 1.00]",
        "–\n–",
    ]
    _, text = shown(section)
    assert "labelled by judge:one+two 1-abc: language models" in text
    assert "that does not say who is right" in text


def test_unlabelled_answers_have_no_section(study: Study) -> None:
    """Nothing is said of a classifier that was not used."""
    assert classifier(replace(study, classifier_name="")) is None
