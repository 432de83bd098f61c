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
    assert about == {"manifest": tables.manifest, "notes": study.notes}


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
