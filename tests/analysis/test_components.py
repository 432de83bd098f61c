"""Variance components: what was planted is found, and what cannot be told is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis.components import VALUES, Components, answers, estimate
from analysis.simulation import Design, Planted, simulate
from prompts.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.tables import Tables

    Whole = Callable[..., Tables]


def table(p: np.ndarray) -> pd.DataFrame:
    """Simulated answers ``(models, topics, families, 2, frames, 2, 4)`` as scored rows."""
    at = np.indices(p.shape[:-1]).reshape(p.ndim - 1, -1)
    rows = pd.DataFrame(dict(zip(("m", "t", "f", "s", "g", "o"), at, strict=True)))
    rows["model"] = "m" + rows["m"].astype(str)
    rows["topic"] = "t" + rows["t"].astype(str).str.zfill(3)
    rows["family"] = rows["topic"] + "/s" + rows["f"].astype(str).str.zfill(3)
    rows["pole"] = np.where(rows["s"] == 0, "con", "pro")
    rows["item"] = rows["family"] + "." + rows["pole"]
    rows["frame"] = "agree-p" + rows["g"].astype(str)
    rows["option_order"] = np.where(rows["o"] == 0, "forward", "reversed")
    rows["cell"] = rows["item"] + rows["frame"] + rows["option_order"]
    flat = p.reshape(-1, 4)
    rows[["p0", "p1", "p2", "p3"]] = flat
    rows["stance"] = flat @ VALUES
    return rows.drop(columns=list("mtfsgo")).assign(
        language="en", domain="d", tag="contested", kind="agree", labels="letters", forced=True,
        coverage=0.9, declined=0.0, K=4,
    )  # fmt: skip


def planted(components: Components, topics: int, families: int, seed: int = 0) -> pd.DataFrame:
    """One run of two models."""
    design = Design(topics, families, frames=4)
    rng = np.random.default_rng(seed)
    return table(simulate(design, components, Planted(0, 1), 1, rng)[:, 0])


def test_answers_are_those_of_the_definition() -> None:
    """The fast form gives the weights exp(-s (x - v)²), scaled to sum to one."""
    position = np.linspace(-2, 2, 9)
    weights = np.exp(-2.5 * (position[:, None] - VALUES) ** 2)
    expected = weights / weights.sum(1, keepdims=True)
    assert answers(position, 2.5) == pytest.approx(expected)
    assert np.isfinite(answers(np.array([-20.0, 20.0]), 2.5)).all()


def test_planted_components_are_found(tables: Whole) -> None:
    """With many families every standard deviation and the sharpness come back."""
    truth = Components(shared=0.4, topic=0.2, family=0.3, statement=0.2, wording=0.25, order=0.15)
    found = estimate(tables(planted(truth, 60, 6))).components
    for name, value in vars(truth).items():
        assert getattr(found, name) == pytest.approx(value, rel=0.15, abs=0.03), name


def test_bias_of_pole_and_order_is_no_component(tables: Whole) -> None:
    """Agreeing with everything and liking the first option cancel in families, and stay out."""
    truth = Components(shared=0.4, topic=0, family=0.2, statement=0.0, wording=0.1, order=0.0)
    rng = np.random.default_rng(1)
    design = Design(30, 4, frames=4)
    p = simulate(design, truth, Planted(0, 1), 1, rng)[:, 0]
    lean = np.log(p[0, ..., 0] / p[0, ..., 3]) / (4 * truth.sharpness)  # its position
    side = np.array([-1, 1])
    biased = lean + 0.2 * side[:, None, None] + 0.1 * side
    p[0] = answers(biased, truth.sharpness)
    found = estimate(tables(table(p))).components
    assert found.statement < 0.06
    assert found.order < 0.06
    assert found.family == pytest.approx(0.2, abs=0.04)


def test_one_family_a_topic_is_taken_for_the_familys(tables: Whole) -> None:
    """What cannot be told apart counts where more families help, and a note says so."""
    truth = Components(shared=0.4, topic=0.3, family=0.4, statement=0, wording=0.1, order=0)
    found = estimate(tables(planted(truth, 150, 1)))
    assert found.components.topic == 0
    assert found.components.family == pytest.approx(0.5, rel=0.15)
    assert any("One question family a topic" in note for note in found.notes)


def test_models_that_cannot_be_read_come_with_a_warning(tables: Whole) -> None:
    """Where no two models pass the gates all are used, and the note says it."""
    scored = planted(Components(), 10, 3).assign(coverage=0.1)
    assert any("cannot be read" in note for note in estimate(tables(scored)).notes)


def test_readable_models_alone_are_used(tables: Whole) -> None:
    """A third model that fails a gate changes nothing."""
    scored = planted(Components(), 10, 3)
    third = scored[scored["model"] == "m0"].assign(model="m9", coverage=0.1)
    third[["p0", "p1", "p2", "p3"]] = 0.25
    third["stance"] = 0.0
    with_third = estimate(tables(pd.concat([scored, third], ignore_index=True)))
    alone = estimate(tables(scored))
    assert with_third == alone


@pytest.mark.parametrize("what", ["one model", "no statements", "nothing in common"])
def test_too_little_is_an_error(what: str, tables: Whole) -> None:
    """One model, other kinds of questions, or no cell in common say what is missing."""
    scored = planted(Components(), 4, 2)
    if what == "one model":
        scored = scored[scored["model"] == "m0"]
    elif what == "no statements":
        scored = scored.assign(kind="choose")
    else:
        first = scored["topic"] == "t000"
        scored = scored[(scored["model"] == "m0") == first]
    with pytest.raises(AnalysisError) as error:
        estimate(tables(scored))
    assert "--from" in error.value.remedy
