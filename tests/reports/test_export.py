"""Tables as files for other tools."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from prompts.errors import ReportError
from reports.export import export

if TYPE_CHECKING:
    from pathlib import Path

    from analysis.exploration import Exploration
    from analysis.study import Study
    from analysis.tables import Tables

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def test_parquet_holds_what_was_written(
    made_up: tuple[Tables, Study, Exploration], tmp_path: Path
) -> None:
    """Parquet gives back answers and numbers unchanged, hostile ones too."""
    tables, study, explored = made_up
    paths = export(tables, study, explored, tmp_path / "new" / "folder")
    assert all(path.is_file() for path in paths)
    again = pd.read_parquet(tmp_path / "new/folder/opened.parquet")
    assert again["text"].tolist() == tables.opened["text"].tolist()
    stance = pd.read_parquet(tmp_path / "new/folder/stance.parquet")
    pd.testing.assert_frame_equal(stance, study.stance, check_dtype=False)
    about = json.loads((tmp_path / "new/folder/manifest.json").read_text(encoding="utf-8"))
    assert about["manifest"] == tables.manifest
    assert about["notes"] == study.notes


def test_specifications_are_rows(
    made_up: tuple[Tables, Study, Exploration], tmp_path: Path
) -> None:
    """Each specification with its pair, each option, and what they come to; NaN is null."""
    tables, study, explored = made_up
    assert study.multiverse is not None
    found = replace(study.multiverse, p_median=float("nan"))
    export(tables, replace(study, multiverse=found), explored, tmp_path)
    again = pd.read_csv(tmp_path / "multiverse.csv", keep_default_na=False, na_values=[""])
    assert set(zip(again["a"], again["b"], strict=True)) == {(found.a, found.b)}
    assert again["difference"].tolist() == pytest.approx(found.table["difference"].tolist())
    options = pd.read_parquet(tmp_path / "multiverse_options.parquet")
    assert options["measured"].tolist() == found.options["measured"].tolist()
    about = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["multiverse"]
    assert about["summary"] == found.summary
    assert about["same_sign"] == found.same_sign
    assert about["p_median"] is None
    assert "table" not in about


def test_without_a_measurable_pair_the_files_are_the_same(
    made_up: tuple[Tables, Study, Exploration], tmp_path: Path
) -> None:
    """Tables without rows, with their columns."""
    tables, study, explored = made_up
    with_pair = export(tables, study, explored, tmp_path / "one")
    without = export(tables, replace(study, multiverse=None), explored, tmp_path / "two")
    assert [path.name for path in with_pair] == [path.name for path in without]
    one, two = (pd.read_csv(tmp_path / name / "multiverse.csv") for name in ("one", "two"))
    assert len(two) == 0
    assert list(one.columns) == list(two.columns)
    assert json.loads((tmp_path / "two/manifest.json").read_text())["multiverse"] is None


def test_language_switches_are_exported(
    made_up: tuple[Tables, Study, Exploration], tmp_path: Path
) -> None:
    """With their intervals."""
    export(*made_up, tmp_path)
    again = pd.read_parquet(tmp_path / "switches.parquet")
    pd.testing.assert_frame_equal(again, made_up[1].switches, check_dtype=False)


def test_csv_holds_no_formula(
    made_up: tuple[Tables, Study, Exploration], hostile: dict[str, str], tmp_path: Path
) -> None:
    """No text cell of any CSV starts like a formula, no cell holds NUL, numbers stay numbers."""
    tables, study, explored = made_up
    opened = tables.opened.copy()
    opened.loc[:3, "text"] = ["=1+1", "+cmd", " @SUM(A1)", "\t=2"]
    for path in export(replace(tables, opened=opened), study, explored, tmp_path):
        if path.suffix == ".csv":
            content = path.read_text(encoding="utf-8")
            assert "\x00" not in content
    with (tmp_path / "opened.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(opened)
    assert not [row["text"] for row in rows if row["text"].lstrip(" ").startswith(FORMULA)]
    assert f"'{hostile['formula']}" in {row["text"] for row in rows}
    stance = pd.read_csv(tmp_path / "stance.csv")
    assert stance["stance"].tolist() == pytest.approx(study.stance["stance"].tolist(), nan_ok=True)
    assert (stance["stance"] < 0).any()


def test_unwritable_folder_is_an_error(
    made_up: tuple[Tables, Study, Exploration], tmp_path: Path
) -> None:
    """A folder that cannot be made is an error with a remedy."""
    tables, study, explored = made_up
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match="cannot be made"):
        export(tables, study, explored, tmp_path / "file" / "folder")
