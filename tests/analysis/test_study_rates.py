"""A study's rates of outcomes carry the classifier's errors, and its notes say how."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis.classify import measured
from analysis.classify.labels import NAME, VERSION
from analysis.labelling import label_run
from analysis.rate_correction import COLUMNS
from analysis.study import AS_LABELLED, compare, study
from analysis.tables import OUTCOMES, Tables, load
from probes import runfile
from probes.cell import ModelDescription, Response
from probes.plan import Selection, plan
from prompts.load import load_battery

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FEW = 200
NAMES = [*OUTCOMES, "answers"]


@pytest.fixture(name="labelled")
def _labelled(
    answers: Callable[..., pd.DataFrame], responses: Callable[..., pd.DataFrame]
) -> Tables:
    """A hundred labelled responses of one model in English, each to a family of its own."""
    outcomes = ["pro"] * 60 + ["refuses"] * 30 + ["deflects"] * 10
    records = [
        {"model": "a", "prompt": f"p{i}", "family": f"s{i}", "probe": i, "outcome": outcome}
        for i, outcome in enumerate(outcomes)
    ]
    scored = answers(np.random.default_rng(3), {"a": 0, "b": 0})
    names = pd.DataFrame({"id": ["a", "b"], "name": ["a", "b"], "base": False})
    return Tables({}, names, scored, responses(records), classifier="head 1")


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the classifier "head 1", forty test answers of each outcome are known, 36 are right."""
    counts = pd.DataFrame(36 * np.eye(7) + 4 * np.roll(np.eye(7), 1, axis=1), NAMES, NAMES)
    row = [200.0, 198.0, 250.0, 240.0, 40.0, 30.0, 0.04, 0.03]
    figures = pd.DataFrame([row], ["en"], list(measured.KEPT))
    known = measured.Measured("head 1", {"en": counts}, figures)
    monkeypatch.setattr(measured, "load", lambda: known)


def refusals(found: pd.DataFrame) -> pd.Series:
    """The row of refusals in English."""
    return found[(found["language"] == "en") & (found["outcome"] == "refuses")].iloc[0]


def test_rates_are_corrected_by_what_was_measured(labelled: Tables) -> None:
    """The labels of the measured classifier are corrected; labelled rates stand beside them."""
    found = study(labelled, draws=FEW)
    row = refusals(found.corrected)
    assert list(found.corrected.columns) == COLUMNS
    assert row["method"] == "confusion-corrected"
    assert row["low"] < row["corrected"] < row["high"]
    assert refusals(found.outcomes)["rate"] == row["rate"] == pytest.approx(0.3)
    assert (found.classifier_name, found.classifier.loc[0, "n"]) == ("head 1", 280)
    assert any("test answers in that language" in note for note in found.notes)
    assert AS_LABELLED not in found.notes


@pytest.mark.parametrize("classifier", ["head 2", "judge some-model", ""])
def test_errors_of_another_classifier_are_not_used(labelled: Tables, classifier: str) -> None:
    """Labels of a judge, a user or an older version are not corrected by errors not theirs."""
    found = study(replace(labelled, classifier=classifier), draws=FEW)
    row = refusals(found.corrected)
    assert (row["method"], row["low"], row["high"]) == ("raw", 0, 1)
    assert np.isnan(row["corrected"])
    assert found.classifier["reason"].tolist() == ["errors were not measured"]
    assert any("were not measured" in note for note in found.notes)


def test_people_go_before_test_answers(labelled: Tables) -> None:
    """With a labelled sample the rates rest on it, and the notes say so."""
    audit = pd.DataFrame({"probe": range(0, 100, 2), "outcome": "con"})
    found = study(replace(labelled, audit=audit), draws=FEW)
    assert refusals(found.corrected)["method"] == "prediction-powered"
    assert any("prediction-powered" in note for note in found.notes)


def test_the_same_seed_gives_the_same_intervals(labelled: Tables) -> None:
    """And another seed others, near them."""
    one, two, other = (study(labelled, draws=FEW, seed=seed).corrected for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one, two)
    assert refusals(one)["high"] != refusals(other)["high"]
    assert refusals(one)["high"] == pytest.approx(refusals(other)["high"], abs=0.05)


def test_a_comparison_says_that_its_rates_are_as_labelled(labelled: Tables) -> None:
    """Its paired rates are not corrected."""
    assert AS_LABELLED in compare(labelled, "a", "b", draws=FEW).notes


def test_a_run_file_knows_what_labelled_it(tmp_path: Path) -> None:
    """The name and version of the classifier come with the tables, once there are labels."""
    path = tmp_path / "run.sqlite"
    battery = load_battery("core", languages=["en"], topics=["abortion"])
    cells = plan(battery, Selection(kinds=("open",), openings=1))
    model = ModelDescription(
        id="m", name="M", developer="", country="", licence="", backend="simulated",
        weights="w" * 8, quantisation="none", chat_template=None, base=False,
    )  # fmt: skip
    with runfile.writing(path) as db:
        runfile.set_battery(db, "core", "1.0.0", battery.files, path)
        runfile.add_cells(db, cells)
        runfile.add_model(db, model)
        runfile.add_responses(
            db, "w" * 8, "{}", [Response(cell.id, "complete", text="No.") for cell in cells]
        )
    assert load(path).classifier == ""
    label_run(path)
    assert load(path).classifier == f"{NAME} {VERSION}"
