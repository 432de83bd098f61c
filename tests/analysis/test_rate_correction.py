"""Which way a row of rates is corrected, and why one is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis import rate_correction
from analysis.confusion import (
    amplification,
    bounds,
    errors,
    load_confusion,
    on_simplex,
    unmixed,
    without_stance,
)
from analysis.prediction_powered import powered_rate
from analysis.rate_correction import COLUMNS, corrected_outcomes, notes
from analysis.tables import OUTCOMES
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [*OUTCOMES, "answers"]
NOBODY = pd.DataFrame()


def counts(right: int, wrong: int = 0) -> pd.DataFrame:
    """``right`` of each outcome are seen, ``wrong`` are taken for each other one."""
    table = np.full((6, 6), wrong) + (right - wrong) * np.eye(6)
    return pd.DataFrame(table, OUTCOMES, OUTCOMES).reindex(
        index=NAMES, columns=NAMES, fill_value=0.0
    )


def opened(outcomes: list[str], language: str = "en") -> pd.DataFrame:
    """Labelled responses, one to a family."""
    n = len(outcomes)
    table = pd.DataFrame({"probe": range(n), "outcome": outcomes, "language": language})
    return table.assign(
        model="m",
        kind="open",
        family=[f"f{i}" for i in range(n)],
        cell=[f"{language}{i}" for i in range(n)],
    )


def row(table: pd.DataFrame, outcome: str, language: str = "en") -> pd.Series:
    """One line of the table."""
    return table[(table["language"] == language) & (table["outcome"] == outcome)].iloc[0]


MIXED = ["pro"] * 60 + ["refuses"] * 30 + ["deflects"] * 10


def test_two_classes_are_rogan_and_gladen() -> None:
    """With two outcomes the solved matrix is (q + Sp - 1) / (Se + Sp - 1)."""
    rates = np.array([[0.8, 0.2], [0.1, 0.9]])
    found = unmixed(np.array([0.38, 0.62]), rates)
    assert found[0] == pytest.approx((0.38 + 0.9 - 1) / (0.8 + 0.9 - 1))
    assert amplification(rates) == pytest.approx(1 / 0.7)


def test_amplification_of_a_useless_classifier() -> None:
    """Labels that do not depend on the truth cannot be corrected at all."""
    assert amplification(np.full((3, 3), 1 / 3)) == np.inf


def test_simplex() -> None:
    """Rates are not moved where they are rates, and become rates where they are not."""
    assert on_simplex([0.2, 0.8]) == pytest.approx([0.2, 0.8])
    assert on_simplex([1.2, -0.2]) == pytest.approx([1.0, 0.0])


def test_good_test_answers_correct() -> None:
    """With many test answers a row is corrected towards the truth, and says so."""
    table = corrected_outcomes(opened(MIXED), NOBODY, {"en": counts(180, 4)})
    assert list(table.columns) == COLUMNS
    assert set(table["method"]) == {"confusion-corrected"}
    assert row(table, "pro")["corrected"] > row(table, "pro")["rate"]
    assert row(table, "con")["corrected"] < 0.02
    assert row(table, "con")["high"] > 0, "none seen is not a certain zero"
    assert "confusion" not in " ".join(notes(table))
    assert "test answers in that language" in " ".join(notes(table))


@pytest.mark.parametrize(
    ("confusion", "why"),
    [
        ({}, "were not measured"),
        ({"fr": counts(50)}, "no test answer in en"),
        ({"en": counts(3)}, "too few test answers"),
        ({"en": counts(10, 9)}, "mistakes outcomes for each other"),
    ],
)
def test_not_correctable(confusion: dict[str, pd.DataFrame], why: str) -> None:
    """Where test answers say too little there is a bound and a reason in place of a rate."""
    table = corrected_outcomes(opened(MIXED), NOBODY, confusion)
    assert set(table["method"]) == {"raw"}
    assert table["corrected"].isna().all()
    assert table["reason"].str.contains(why).all()
    assert (table["low"] <= table["rate"]).all()
    assert (table["rate"] <= table["high"]).all()
    assert "not correctable" in " ".join(notes(table))


def test_bounds_hold_whatever_is_mistaken() -> None:
    """No truth and no way of mistaking up to the worst share leaves the bounds."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        rates = rng.dirichlet(np.ones(4), 4) * 0.3 + 0.7 * np.eye(4)
        truth = rng.dirichlet(np.ones(4))
        labelled = truth @ rates
        worst = float(1 - np.diag(rates).min())
        low, high = bounds(labelled, labelled, worst)
        assert (low <= truth + 1e-12).all()
        assert (truth <= high + 1e-12).all()


def test_people_come_first() -> None:
    """With enough labels by people a row rests on them, also against the matrix."""
    run = opened(MIXED)
    audit = pd.DataFrame({"probe": range(0, 100, 2), "outcome": "con"})
    table = corrected_outcomes(run, audit, {"en": counts(100)})
    assert set(table["method"]) == {"prediction-powered"}
    assert row(table, "con")["corrected"] == pytest.approx(1)
    assert row(table, "con")["low"] < 1


def test_few_or_unclear_labels_do_not_count() -> None:
    """Labels under the least number, or unclear ones, leave the row to the matrix, with why."""
    run = opened(MIXED)
    few = pd.DataFrame({"probe": range(5), "outcome": "pro"})
    unclear = pd.DataFrame({"probe": range(50), "outcome": "unclear"})
    for audit in (few, unclear):
        table = corrected_outcomes(run, audit, {"en": counts(100)})
        assert set(table["method"]) == {"confusion-corrected"}
    assert (
        "people labelled 5" in corrected_outcomes(run, few, {"en": counts(100)})["reason"].iloc[0]
    )


def test_unlabelled_strata_are_shared_out() -> None:
    """A predicted outcome that nobody labelled still counts: the weights sum to the run."""
    run = opened(MIXED)
    audit = pd.DataFrame({"probe": range(40), "outcome": "pro"})  # no refusal is among them
    weights = rate_correction._weights(run, run["probe"].isin(audit["probe"]))
    assert weights[:40].sum() == pytest.approx(len(run))


def test_labelled_by_all_is_the_plain_rate() -> None:
    """Where people labelled everything, the classifier has no say."""
    rng = np.random.default_rng(1)
    y = (rng.random(200) < 0.3).astype(float)
    rate, low, high = powered_rate(rng.random(200), y, np.ones(200), range(200))
    assert rate == pytest.approx(y.mean())
    assert low < rate < high


def test_one_family_gives_no_interval() -> None:
    """From one family nothing is known of the spread."""
    assert np.isnan(powered_rate([1, 0], [1, 0], [1, 1], ["f", "f"])[0])


def test_questions_without_poles() -> None:
    """Without poles stances are one outcome; the rows of stances say that there are none."""
    table = corrected_outcomes(
        opened(["answers"] * 80 + ["refuses"] * 20), NOBODY, {"en": counts(90, 2)}
    )
    assert row(table, "answers")["method"] == "confusion-corrected"
    assert row(table, "pro")["reason"] == rate_correction.NO_SUCH
    assert np.isnan(row(table, "pro")["corrected"])
    assert without_stance(counts(10)).loc["answers", "answers"] == 30


def test_all_languages_need_each() -> None:
    """One language that cannot be corrected keeps the row of all languages from it."""
    run = pd.concat([opened(MIXED), opened(MIXED, "fr")], ignore_index=True)
    one = corrected_outcomes(run, NOBODY, {"en": counts(90)})
    both = corrected_outcomes(run, NOBODY, {"en": counts(90), "fr": counts(90)})
    assert row(one, "pro")["method"] == "confusion-corrected"
    assert row(one, "pro", "all")["method"] == "raw"
    assert row(both, "pro", "all")["method"] == "confusion-corrected"


def test_refusals_are_corrected_where_stances_cannot_be() -> None:
    """Stances taken for each other leave deflecting, refusing and degenerate correctable."""
    table = counts(36, 1)
    for stance in ("pro", "both", "con"):
        table.loc[stance, ["pro", "both", "con"]] = 12
        table.loc["refuses", stance] = 4
    truth = np.array([0.2, 0.1, 0.1, 0.1, 0.4, 0.1])
    rates = table.loc[list(OUTCOMES), list(OUTCOMES)].to_numpy(float)
    labels = np.repeat(
        OUTCOMES, np.round(1000 * truth @ (rates / rates.sum(1)[:, None])).astype(int)
    )
    found = corrected_outcomes(opened(list(labels)), NOBODY, {"en": table})
    refuses, pro = row(found, "refuses"), row(found, "pro")
    assert refuses["method"] == "confusion-corrected"
    assert refuses["corrected"] == pytest.approx(0.4, abs=0.02)
    assert refuses["rate"] < 0.35
    assert refuses["low"] < 0.4 < refuses["high"]
    assert pro["method"] == "raw"
    assert np.isnan(pro["corrected"])
    assert pro["low"] <= pro["rate"] <= pro["high"]
    assert "mistakes outcomes for each other too often" in pro["reason"]
    said = " ".join(notes(found))
    assert "In en, stances are mistaken for each other too often to be corrected" in said
    assert "not correctable" not in said


def test_notes_name_each_reason_once() -> None:
    """Reasons come with the languages that they hold for, and rows of all languages count once."""
    run = pd.concat([opened(MIXED), opened(MIXED, "fr"), opened(MIXED, "de")], ignore_index=True)
    table = corrected_outcomes(run, NOBODY, {"en": counts(90), "it": counts(90)})
    corrected, raw, whole = notes(table)
    assert corrected.startswith("In 1 of 3 combinations")
    assert "(there is no test answer in de, fr);" in raw
    assert whole == "Rates over all languages are corrected where those of each are."


def test_other_languages_steady_a_small_one() -> None:
    """Where languages are alike, a language with few test answers borrows from them."""
    alone = errors({"en": counts(8)}, "en", OUTCOMES)
    helped = errors({"en": counts(8)} | {str(i): counts(80, 2) for i in range(8)}, "en", OUTCOMES)
    assert helped.concentration.sum() > alone.concentration.sum()


def test_nothing_labelled() -> None:
    """Without labels the table is empty and has its columns."""
    table = corrected_outcomes(opened(MIXED).drop(columns="outcome"), NOBODY, {})
    assert list(table.columns) == COLUMNS
    assert not len(table)
    assert notes(table) == []


def test_load(tmp_path: Path) -> None:
    """Counts come back with every outcome, and no file is no measurement."""
    path = tmp_path / "confusion.json"
    assert load_confusion(path) == {}
    path.write_text(json.dumps({"en": {"pro": {"pro": 9, "both": 1}}}))
    assert load_confusion(path)["en"].loc["pro", "both"] == 1
    assert list(load_confusion(path)["en"].index) == NAMES


@pytest.mark.parametrize(
    "text",
    ["nonsense", "[1]", '{"en": 3}', '{"en": {"pro": {"x": 1}}}', '{"en": {"pro": {"pro": -1}}}'],
)
def test_damaged(tmp_path: Path, text: str) -> None:
    """A damaged file is an error that says what to do."""
    path = tmp_path / "confusion.json"
    path.write_text(text)
    with pytest.raises(AnalysisError, match="holds no counts"):
        load_confusion(path)
