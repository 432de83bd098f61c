"""The summary: what a decision maker needs, in sentences whose numbers come from the study."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.confusion_correction import CORRECTED, RAW
from analysis.rate_correction import NO_SUCH, POWERED
from reports import charts
from reports.document import Bullets, Section
from reports.figures import count, interval, listed, number, p_value, percent
from reports.labels import ALL
from reports.records import largest, records

if TYPE_CHECKING:
    import pandas as pd

    from analysis.study import Study
    from reports.labels import Labels
    from reports.records import Row

MOST_PAIRS = 6
CONSIDERED = {POWERED: "by people’s labels", CORRECTED: "corrected for the classifier’s errors"}


def summary(study: Study, labels: Labels) -> Section:
    """The section, one sentence a point."""
    items = [
        _scope(study, labels),
        *_measured(study, labels),
        *_pairs(study, labels),
        *_farthest(study, labels),
        *_leanings(study, labels),
        *_written(study, labels),
    ]
    return Section("Summary", (Bullets(tuple(items)),))


def _scope(study: Study, labels: Labels) -> str:
    models = study.models
    scored, opened = int(models["scored"].sum()), int(models["opened"].sum())
    errors = int(models["errors"].sum())
    text = (
        f"{count(len(models), 'model')} answered in {count(len(labels.languages), 'language')}: "
        f"{count(scored, 'scored answer')} and {count(opened, 'written answer')}."
    )
    if errors:
        is_are = "is" if errors == 1 else "are"
        text += f" {count(errors, 'probe')} ended in an error and {is_are} left out."
    return text[0].upper() + text[1:]


def _measured(study: Study, labels: Labels) -> list[str]:
    rows = study.measurable
    if rows.empty:
        return ["Nothing was scored, so no stance and no divergence can be reported."]
    good, total = int(rows["measurable"].sum()), len(rows)
    if good == total:
        return [f"All {total} combinations of model and language passed the reliability gates."]
    failing = []
    for model, name in labels.models.items():
        bad = rows[(rows["model"] == model) & ~rows["measurable"].astype(bool)]
        if len(bad) and len(bad) == (rows["model"] == model).sum():
            failing.append(f"{name} in no language")
        elif len(bad):
            names = [labels.languages[code] for code in bad["language"]]
            failing.append(f"{name} not in {listed(names)}")
    return [
        f"{good} of {total} combinations of model and language can be measured: "
        f"{'; '.join(failing)}. The others answered consistently enough to have a stance to report."
        if good
        else f"None of the {total} combinations of model and language can be measured: the models "
        "answer the same question differently when only its form changes, so no stance and no "
        "divergence is reported."
    ]


def _whole(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["language"] == ALL) & (frame["topic"] == ALL) & frame["measurable"]]


def _pairs(study: Study, labels: Labels) -> list[str]:
    if len(study.models) < 2:
        return ["One model was asked; a divergence needs two."]
    rows = _whole(study.divergence).sort_values("excess", ascending=False, kind="stable")
    sentences = [
        f"{labels.named(row['verdict'])} Adjusted p {_equals(row['p_adjusted'])}; noise floors "
        f"{number(row['noise_a'], 3)} and {number(row['noise_b'], 3)} bits."
        for row in records(rows.head(MOST_PAIRS))
    ]
    if len(rows) > MOST_PAIRS:
        sentences.append(f"The other {len(rows) - MOST_PAIRS} pairs are nearer; see the table.")
    if rows.empty and not study.divergence.empty:
        sentences.append("No pair of models can be compared over all languages and topics.")
    return sentences


def _equals(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def _farthest(study: Study, labels: Labels) -> list[str]:
    rows = study.divergence
    rows = rows[(rows["language"] == ALL) & (rows["topic"] != ALL) & rows["measurable"]]
    if rows.empty:
        return []
    clear = rows[(rows["low"] > 0) & (rows["p_adjusted"] < 0.05)]
    if clear.empty:
        return ["On no single topic is a divergence beyond the noise floor shown."]
    top = largest(clear, "excess")
    assert top is not None
    widest = (
        f"The widest gap on one topic is between {labels.pair(top)} on "
        f"“{labels.topics[top['topic']]}”: {number(top['excess'], 3)} bits "
        f"{interval(top['low'], top['high'], 3)}."
    )
    share = (
        f"Of {len(rows)} measurable comparisons of a pair on a topic, {len(clear)} "
        f"{'lies' if len(clear) == 1 else 'lie'} clearly beyond the noise floor."
    )
    return [f"{widest} {share}"]


def _leanings(study: Study, labels: Labels) -> list[str]:
    rows = study.stance
    rows = rows[(rows["language"] == ALL) & (rows["topic"] != ALL) & rows["measurable"]]
    sentences = []
    for model, name in labels.models.items():
        own = rows[rows["model"] == model]
        clear = own[(own["low"] > 0) | (own["high"] < 0)]
        ends = []
        for side, row in (("pro", _extreme(clear, 1)), ("con", _extreme(clear, -1))):
            if row is not None:
                ends.append(
                    f"to the {side} side on “{labels.topics[row['topic']]}” "
                    f"({number(row['stance'], signed=True)} "
                    f"{interval(row['low'], row['high'], signed=True)})"
                )
        if ends:
            sentences.append(f"{name} leans most {' and '.join(ends)}.")
        elif len(own):
            sentences.append(f"{name} leans clearly to neither side on any topic.")
    return sentences


def _extreme(rows: pd.DataFrame, sign: int) -> Row | None:
    side = rows[rows["stance"] * sign > 0]
    return largest(side.assign(size=side["stance"].abs()), "size")


def _written(study: Study, labels: Labels) -> list[str]:
    sentences = []
    for model, name in labels.models.items():
        top, how = _commonest(study, model)
        if top is None:
            continue
        called = charts.OUTCOMES.get(top["outcome"], (str(top["outcome"]), ""))[0]
        called = "is degenerate" if called == "degenerate" else called
        bounds = (
            ""
            if math.isnan(top["low"])
            else f", 95% interval {percent(top['low'])} to {percent(top['high'])}"
        )
        sentences.append(
            f"Asked openly, {name} most often {called} ({percent(top['rate'])} of "
            f"{count(int(top['total']), 'answer')}{bounds}; {how})."
        )
    return sentences


def _commonest(study: Study, model: str) -> tuple[Row | None, str]:
    """A model's commonest outcome with its rate, and how that was got; corrected where it can."""
    if len(study.corrected):
        mine = _openly(study.corrected, model)
        mine = mine[mine["reason"] != NO_SUCH]
        top = largest(mine.assign(rate=mine["corrected"]), "rate")
        if top and not (mine["method"] == RAW).any():
            return top, CONSIDERED[top["method"]]
    return largest(_openly(study.outcomes, model), "rate"), "as labelled"


def _openly(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    mine = (rows["model"] == model) & (rows["language"] == ALL) & (rows["kind"] == "open")
    return rows[mine & rows["rate"].notna()]
