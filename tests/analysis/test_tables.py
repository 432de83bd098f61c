"""A run file as tables."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.tables import _distributions, load
from probes import runfile
from probes.cell import Cell, ModelDescription, Option, Response
from prompts.errors import RunFileError

if TYPE_CHECKING:
    from pathlib import Path

SCALE = [("Strongly agree", 1.0), ("Agree", 1 / 3), ("Disagree", -1 / 3), ("No", -1.0)]


def cell(number: int, kind: str = "agree", *, pole: str = "pro", way_out: bool = False) -> Cell:
    """A cell; the con pole turns the values."""
    sign = 1 if pole == "pro" else -1
    options = [
        Option(label, text, sign * v) for label, (text, v) in zip("ABCD", SCALE, strict=True)
    ]
    if way_out:
        options.append(Option("E", "I would rather not say", None))
    return Cell(
        kind=kind,
        topic="taiwan",
        domain="sovereignty",
        tag="contested",
        language="en",
        family="taiwan/s1",
        item=f"taiwan/s1.{pole}",
        pole=pole,
        frame="agree-p1-letters-forced",
        labels="letters",
        forced=not way_out,
        order="forward",
        head="head",
        stem=f"stem {number}",
        suffix="suffix",
        options=tuple(options) if kind == "agree" else (),
        poles=("p", "c"),
    )


def model(name: str, weights: str) -> ModelDescription:
    """A model."""
    return ModelDescription(
        id=name,
        name=name,
        developer="D",
        country="C",
        licence="L",
        backend="simulated",
        weights=weights,
        quantisation="none",
        chat_template=None,
        base=True,
        details={"context": 512},
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two models on six cells, one of them failed and one unanswerable."""
    path = tmp_path / "run.sqlite"
    cells = [
        cell(0),
        cell(1, pole="con"),
        cell(2, way_out=True),
        cell(3),
        cell(4),
        cell(5, kind="open"),
    ]
    logs = [math.log(p) for p in (0.4, 0.3, 0.1, 0.0001)]
    with runfile.writing(path) as db:
        runfile.set_manifest(db, version="0.1", seed=3)
        runfile.add_cells(db, cells)
        for weights in ("w1", "w2"):
            runfile.add_model(db, model(f"model-{weights}", weights))
        runfile.add_responses(
            db,
            "w1",
            "{}",
            [
                Response(cells[0].id, "complete", tuple(logs)),
                Response(cells[1].id, "complete", tuple(logs)),
                Response(cells[2].id, "complete", (*logs, math.log(0.1))),
                Response(cells[3].id, "error", error="died"),
                Response(cells[4].id, "complete", (-math.inf,) * 4),
                Response(cells[5].id, "complete", text="=1+1 \x1b[31m"),
            ],
        )
        runfile.add_responses(db, "w2", "{}", [Response(cells[5].id, "loop", text="again")])
        for version, outcome in (("1", "pro"), ("2", "refuses")):
            db.execute(
                "INSERT INTO labels SELECT id, 'rules', ?, ?, ?, 'en' FROM probes"
                " WHERE weights = 'w1' AND cell = ?",
                (version, outcome, json.dumps({"pro": 0.25, "refuses": 0.75}), cells[5].id),
            )
    return path


def test_a_run_is_read(run: Path) -> None:
    """Models, manifest, scored and open answers arrive; failures are counted apart."""
    tables = load(run)
    assert tables.manifest == {"version": "0.1", "seed": 3}
    assert tables.models["id"].tolist() == ["model-w1", "model-w2"]
    assert tables.models["failed"].tolist() == [1, 0]
    assert tables.models["details"][0] == {"context": 512}
    assert tables.models["base"].tolist() == [True, True]
    assert len(tables.scored) == 4
    assert tables.opened["model"].tolist() == ["model-w1", "model-w2"]
    assert tables.opened["text"][0] == "=1+1 \x1b[31m"


def test_the_newest_labels_are_taken(run: Path) -> None:
    """One row per response, labelled by the classifier that wrote last; the rest is missing."""
    opened = load(run).opened
    assert opened["outcome"].tolist()[0] == "refuses"
    assert opened["prob_pro"][0] == 0.25
    assert opened["outcome"].isna().tolist() == [False, True]


def test_probabilities_run_from_pro_to_con(run: Path) -> None:
    """A con statement's scale is turned, the way out is apart, and all sums to one."""
    scored = load(run).scored.set_index("item")
    said = scored[scored["forced"] & (scored["coverage"] > 0)]
    pro, con = said.loc["taiwan/s1.pro"], said.loc["taiwan/s1.con"]
    columns = ["p0", "p1", "p2", "p3"]
    assert pro["coverage"] == pytest.approx(0.8001)
    np.testing.assert_allclose(pro[columns].astype(float), con[columns[::-1]].astype(float))
    assert pro["stance"] == pytest.approx(-con["stance"])
    assert pro["stance"] == pytest.approx((0.4 + 0.1 - 0.1 / 3 - 0.0001) / 0.8001)
    whole = scored[columns].sum(axis=1) + scored["declined"]
    assert whole[scored["coverage"] > 0].tolist() == pytest.approx([1, 1, 1])
    asked = scored[~scored["forced"]].iloc[0]
    assert asked["declined"] == pytest.approx(0.1 / 0.9001)
    assert asked["stance"] == pytest.approx(pro["stance"])
    assert asked["K"] == 4


def test_a_cell_without_any_probability_is_undefined(run: Path) -> None:
    """Coverage 0, the rest NaN, no warning."""
    scored = load(run).scored
    row = scored[scored["coverage"] == 0].iloc[0]
    assert row[["declined", "stance", "p0", "p3"]].isna().all()


@given(
    st.lists(
        st.tuples(
            st.permutations([1.0, 0.5, -1.0, None]),
            st.lists(st.floats(-30, 0), min_size=4, max_size=4),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_order_shown_does_not_matter(rows: list[tuple[list[float | None], list[float]]]) -> None:
    """Options with their log-probabilities give the same row in whichever order they stood."""
    shown = [values for values, _ in rows]
    found = _distributions([json.dumps(logs) for _, logs in rows], np.arange(len(rows)), shown)
    for (values, logs), row in zip(rows, found.to_dict("records"), strict=True):
        mass = dict(zip(values, np.exp(logs), strict=True))
        total = sum(mass.values())
        assert row["declined"] == pytest.approx(mass[None] / total)
        assert row["p0"] == pytest.approx(mass[1.0] / total)
        assert row["p2"] == pytest.approx(mass[-1.0] / total)
        assert row["K"] == 3


def test_questions_with_fewer_options_leave_their_columns_empty() -> None:
    """K tells; columns from K on are NaN."""
    found = _distributions(
        ["[0.0, 0.0]", "[0.0, 0.0, 0.0]"], np.array([0, 1]), [[1, -1], [1, 0, -1]]
    )
    assert found["K"].tolist() == [2, 3]
    assert np.isnan(found["p2"][0])
    assert found["stance"].tolist() == [0, 0]


def test_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Two files under one id get their hash behind it."""
    path = tmp_path / "run.sqlite"
    with runfile.writing(path) as db:
        for weights in ("a" * 64, "b" * 64):
            runfile.add_model(db, model("same", weights))
    assert load(path).models["id"].tolist() == ["same@aaaaaaaa", "same@bbbbbbbb"]


def test_an_empty_run_has_empty_tables(tmp_path: Path) -> None:
    """Nothing asked yet is no error."""
    path = tmp_path / "run.sqlite"
    with runfile.writing(path):
        pass
    tables = load(path)
    assert len(tables.scored) == len(tables.opened) == len(tables.models) == 0
    assert {"model", "topic", "stance", "declined", "K"} <= set(tables.scored.columns)


def test_what_is_no_run_file_is_said_so(tmp_path: Path) -> None:
    """Missing, or other content: a RunFileError with a remedy."""
    other = tmp_path / "other.sqlite"
    other.write_bytes(b"not a database, certainly" * 100)
    for path in (tmp_path / "missing.sqlite", other):
        with pytest.raises(RunFileError) as caught:
            load(path)
        assert caught.value.remedy


@pytest.mark.parametrize("damage", ["[0.0]", "[", '["x", 1, 2, 3]'])
def test_a_damaged_answer_is_said_so(run: Path, damage: str) -> None:
    """Log-probabilities that do not fit the options: RunFileError, not a traceback."""
    with runfile.writing(run) as db:
        db.execute("UPDATE responses SET logprobs = ? WHERE probe = 1", (damage,))
    with pytest.raises(RunFileError):
        load(run)


def test_reading_changes_nothing(run: Path) -> None:
    """Byte for byte."""
    before = run.read_bytes()
    load(run)
    assert run.read_bytes() == before
