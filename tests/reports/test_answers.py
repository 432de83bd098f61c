"""The section on outcomes says what the rates are, with the classifier's errors and without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analysis.rate_correction import notes
from reports.answers import _answer, outcomes
from reports.divergence import divergence
from reports.document import Bullets, Table
from reports.labels import Labels, labels
from reports.summary import summary

if TYPE_CHECKING:
    from analysis.study import Study
    from reports.document import Section


@pytest.fixture(name="names")
def _names(study: Study) -> Labels:
    return labels(study, {})


def lines(section: Section) -> dict[tuple[str, str], list[str]]:
    """The first table's cells of outcomes, by model and what the rates are."""
    table = next(block for block in section.blocks if isinstance(block, Table))
    found, model = {}, ""
    size = len(table.columns)
    for row in table.rows:
        if len(row) == size:
            model = row[0].text
        what = row[-7]
        found[model, what.text] = [cell.text for cell in row[-6:]]
    return found


def said(section: Section) -> str:
    """The small print."""
    return " ".join(
        text for block in section.blocks if isinstance(block, Bullets) for text in block.items
    )


def test_raw_and_corrected_rates_stand_together(study: Study, names: Labels) -> None:
    """Each model has its labelled rates, and the second line says how the others were got."""
    found = lines(outcomes(study, names))
    assert [what for _, what in found] == [
        *("as labelled", "corrected"),
        *("as labelled", "worst case"),
        *("as labelled", "by people’s\nlabels"),
    ]
    rows = study.corrected[
        (study.corrected["language"] == "all") & (study.corrected["kind"] == "open")
    ].set_index(["model", "outcome"])
    row = rows.loc["smollm2-135m-instruct", "refuses"]
    cell = found[names.models["smollm2-135m-instruct"], "corrected"][4]
    bounds = f"[{100 * row['low']:.0f}, {100 * row['high']:.0f}]"
    assert cell == f"{100 * row['corrected']:.0f}%\n{bounds}"
    assert all("%" not in text for text in found[names.models["gemma-3-270m"], "worst case"])


def test_the_method_is_said(study: Study, names: Labels) -> None:
    """Under the table stands which method was used how often, and why not a better one."""
    text = said(outcomes(study, names))
    assert "prediction-powered" in text
    assert "test answers in that language" in text
    assert "too few test answers in" in text


def test_a_bound_that_says_nothing_is_left_out(study: Study, names: Labels) -> None:
    """Where a rate could be anything, there is no line of intervals from 0 to 100."""
    empty = study.corrected.assign(low=0.0, high=1.0, corrected=float("nan"), method="raw")
    found = lines(outcomes(replace(study, corrected=empty), names))
    assert {what for _, what in found} == {"as labelled"}


def test_a_corrected_line_has_no_uncorrected_rates(study: Study, names: Labels) -> None:
    """Where stances could not be corrected, their place is empty, and the summary takes none."""
    rows = study.corrected.copy()
    stances = rows["outcome"].isin(["pro", "both", "con"])
    rows.loc[stances, ["method", "corrected", "reason"]] = ["raw", float("nan"), "because"]
    changed = replace(study, corrected=rows)
    cells = lines(outcomes(changed, names))[names.models["smollm2-135m-instruct"], "corrected"]
    assert cells[:3] == ["–"] * 3
    assert all("%" in text for text in cells[3:])
    (block,) = summary(changed, names).blocks
    assert isinstance(block, Bullets)
    written = [text for text in block.items if text.startswith("Asked openly")]
    assert all(text.endswith("as labelled).") for text in written)


def test_without_corrections_rates_stand_as_labelled(study: Study, names: Labels) -> None:
    """A study by hand without corrected rates has its labelled ones."""
    bare = replace(study, corrected=pd.DataFrame())
    assert {what for _, what in lines(outcomes(bare, names))} == {"as labelled"}


def test_notes_on_rates_stand_once(study: Study, names: Labels) -> None:
    """What the study says of rates stands under the rates, not under the divergences."""
    rates = notes(study.corrected)
    both = replace(study, notes=[*study.notes, *rates])
    elsewhere = said(divergence(both, names))
    assert study.notes[0] in elsewhere
    assert not any(note in elsewhere for note in rates)


def test_the_summary_says_how_its_rates_were_got(study: Study, names: Labels) -> None:
    """The commonest outcome is by the corrected rates where there are some, else as labelled."""
    (block,) = summary(study, names).blocks
    assert isinstance(block, Bullets)
    written = [text for text in block.items if text.startswith("Asked openly")]
    assert [text.rsplit("; ", 1)[1] for text in written] == [
        "corrected for the classifier’s errors).",
        "as labelled).",
        "by people’s labels).",
    ]
    shifted = study.corrected.copy()
    shifted.loc[shifted["outcome"] == "degenerate", "corrected"] += 1
    (block,) = summary(replace(study, corrected=shifted), names).blocks
    assert isinstance(block, Bullets)
    assert sum("is degenerate" in text for text in block.items) >= 2


@pytest.mark.parametrize(("probability", "said"), [(0.9, "refuses"), (0.3, "refuses (uncertain)")])
def test_a_label_that_abstains_is_called_uncertain(probability: float, said: str) -> None:
    """What the classifier does not rely on is not printed as if it did."""
    row = {
        "text": "No.",
        "outcome": "refuses",
        "ending": "complete",
        "response_language": "en",
        "prob_refuses": probability,
    }
    assert _answer("m", row, "en").remark == said
