"""What is known of the classifier is told by language, and nothing is told of another."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.classify.measured import (
    COLUMNS,
    KEPT,
    UNMEASURED,
    Measured,
    abstentions,
    classifier_table,
    counts_for,
    load,
)
from analysis.tables import OUTCOMES
from prompts.errors import AnalysisError

NAMES = [*OUTCOMES, "answers"]


def known() -> Measured:
    """Ten answers of each outcome in English, eight of them right."""
    counts = pd.DataFrame(2 * np.roll(np.eye(7), 1, 1) + 8 * np.eye(7), NAMES, NAMES)
    figures = pd.DataFrame([[60.0, 59.0, 50.0, 45.0, 9.0, 6.0, 0.05, 0.04]], ["en"], list(KEPT))
    return Measured("head 2", {"en": counts}, figures)


def test_a_row_a_language() -> None:
    """Figures of a tested language stand in its row; another language says that it has none."""
    table = classifier_table("head 2", ["en", "sw"], known())
    assert list(table.columns) == COLUMNS
    tested, other = table.to_dict("records")
    assert (tested["n"], tested["refuses_n"], tested["told_right"]) == (70, 10, 59)
    assert tested["refuses_recall"] == pytest.approx(0.8)
    assert tested["low"] < tested["macro_f1"] < tested["high"]
    assert tested["reason"] == ""
    assert other["reason"] == "no test answers in sw"
    assert np.isnan(other["macro_f1"])


def test_labels_of_little_probability_are_counted() -> None:
    """By language, those whose outcome has less than one half; unlabelled responses count not."""
    opened = pd.DataFrame(
        {
            "language": ["en", "en", "fr", "fr"],
            "outcome": ["pro", "con", "answers", None],
            "prob_pro": [0.4, 0.1, np.nan, np.nan],
            "prob_con": [0.3, 0.6, np.nan, np.nan],
            "prob_answers": [np.nan, np.nan, 0.49, np.nan],
        }
    )
    assert abstentions(opened).to_numpy().tolist() == [["en", 2, 1], ["fr", 1, 1]]
    assert abstentions(opened.drop(columns="outcome")).empty


@pytest.mark.parametrize("classifier", ["head 1", "judge 2", ""])
def test_another_classifier_is_not_measured(classifier: str) -> None:
    """Labels of another version, of a judge or of nobody get no errors that are not theirs."""
    assert counts_for(classifier, known()) == {}
    table = classifier_table(classifier, ["en"], known())
    assert table["reason"].tolist() == [UNMEASURED]
    assert table["macro_f1"].isna().all()


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    """Without files nothing is known; a damaged one is an error with a remedy."""
    counts, figures = tmp_path / "counts.json", tmp_path / "figures.json"
    assert load(counts, figures).classifier == ""
    counts.write_text('{"en": {"pro": {"pro": 3}}}', encoding="utf-8")
    for content in ("{", "[]", '{"classifier": "a", "version": "1", "languages": {"en": {}}}'):
        figures.write_text(content, encoding="utf-8")
        with pytest.raises(AnalysisError, match="no figures") as caught:
            load(counts, figures)
        assert "evaluate" in caught.value.remedy
