"""Sample sizes: the simulation is the analysis, and the power is as planned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analysis import power
from analysis.components import VALUES, Components, answers
from analysis.inference import holm
from analysis.noise import excess_divergence, splits
from analysis.power import Question, plan_power
from analysis.rows import Settings
from analysis.simulation import (
    READ_OFF,
    Design,
    Planted,
    by_family,
    p_values,
    simulate,
    simulated_power,
)
from analysis.study import compare
from probes.backends.simulated import Simulated
from probes.catalogue import ModelEntry
from probes.plan import Selection, plan
from prompts.errors import UsageError
from prompts.load import load_battery

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis.tables import Tables

    Whole = Callable[..., Tables]

PLAIN = Components(topic=0.1, family=0.15, statement=0.1, order=0.1)


def headline(table: pd.DataFrame) -> pd.Series:
    """The row of all languages and topics."""
    return table[(table["language"] == "all") & (table["topic"] == "all")].iloc[0]


@pytest.fixture(scope="module")
def asked() -> tuple[pd.DataFrame, np.ndarray]:
    """Two simulated backends asked part of the battery, as rows and as the arrays of `simulate`."""
    battery = load_battery("core", languages=["en"], topics=["abortion", "drugs", "taiwan"])
    cells = [cell for cell in plan(battery, Selection(kinds=("agree",))) if cell.forced]
    rows, positions = [], []
    for name in ("one", "two"):
        model = Simulated(ModelEntry(id=name, backend="simulated"))
        for cell, response in zip(cells, model.score(cells), strict=True):
            order = np.argsort([-option.value for option in cell.options])
            p = np.exp(np.array(response.logprobs))[order]
            noise = model._noise(cell.item + cell.frame + cell.language)
            positions.append(model.stance(cell.family) + noise)
            rows.append(
                {
                    "model": name, "language": "en", "topic": cell.topic, "domain": cell.domain,
                    "tag": cell.tag, "kind": cell.kind, "family": cell.family, "item": cell.item,
                    "pole": cell.pole, "frame": cell.frame, "labels": cell.labels, "forced": True,
                    "option_order": cell.order, "cell": cell.id, "coverage": p.sum(), "K": 4,
                    "declined": 0.0, "stance": p @ VALUES / p.sum(),
                }
                | {f"p{k}": p[k] / p.sum() for k in range(4)}
            )  # fmt: skip
    scored = pd.DataFrame(rows).assign(position=positions)
    scored = scored.sort_values(["model", "topic", "family", "item", "frame", "option_order"])
    families = scored["family"].nunique() // 3
    frames = scored["frame"].nunique()
    shape = (2, 1, 3, families, 2, frames, 2)
    return scored, answers(scored["position"].to_numpy().reshape(shape), 2.5)


def test_arrays_answer_as_the_simulated_backend(asked: tuple[pd.DataFrame, np.ndarray]) -> None:
    """At the same positions the arrays hold the probabilities that the backend gives."""
    scored, p = asked
    assert scored[["p0", "p1", "p2", "p3"]].to_numpy() == pytest.approx(p.reshape(-1, 4))


def test_arrays_are_tested_as_compare_does(
    asked: tuple[pd.DataFrame, np.ndarray], tables: Whole
) -> None:
    """From backend to p-value, stance and excess of the arrays are those of a comparison."""
    scored, p = asked
    found = compare(tables(scored), "one", "two", draws=500)
    design = Design(*p.shape[2:4], frames=p.shape[5])
    of_stance = by_family("stance", p)
    assert of_stance.mean() == pytest.approx(headline(found.stance)["difference"])
    of_excess = by_family("excess", p)
    streams = {"stance": ("flips", of_stance), "excess": ("swaps", of_excess)}
    for measure, (name, measured) in streams.items():
        seed = Settings().stream(f"{name}/all/all")
        (own,) = p_values(measure, measured, design, seed, draws=500)
        table = found.stance if measure == "stance" else found.divergence
        assert own == pytest.approx(headline(table)["p"], rel=1e-6)


def test_few_families_are_tested_as_compare_does(
    asked: tuple[pd.DataFrame, np.ndarray], tables: Whole
) -> None:
    """Below ten families both use the t test."""
    scored, p = asked
    scored = scored[scored["family"].str.endswith(("s1", "s2"))]
    p = p[:, :, :, :2]
    found = headline(compare(tables(scored), "one", "two", draws=200).stance)
    measured = by_family("stance", p)
    (own,) = p_values("stance", measured, Design(3, 2, p.shape[5]), [0], draws=200)
    assert found["families"] == 6
    assert own == pytest.approx(found["p"])


def test_planted_difference_is_the_one_asked_for() -> None:
    """The shift and the own parts that are solved for give the stated expectations."""
    shift = power._solve(lambda x: power._moved(PLAIN, x, 20, 0), 0.15, 8)
    a, b = simulate(Design(20, 4, 4), PLAIN, Planted(shift, 1), 400, np.random.default_rng(5))
    assert ((a - b) @ VALUES).mean() == pytest.approx(0.15, abs=0.006)
    own = power._solve(lambda x: power._excess(PLAIN, Planted(0, x), 20, 0), 0.05, 64)
    rng = np.random.default_rng(6)
    a, b = simulate(Design(20, 4, 8), PLAIN, Planted(0, own), 20, rng).mean(axis=6)
    a, b = (side.reshape(-1, 8, 4) for side in (a, b))
    assert excess_divergence(a, b, splits(8, rng)).excess.mean() == pytest.approx(0.05, rel=0.1)
    assert power._excess(PLAIN, Planted(0, 0), 20, 0) == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize("samples", [1, 3])
def test_samples_are_shares_around_the_probabilities(samples: int) -> None:
    """Sampled answers are whole numbers of samples whose mean is the probability."""
    position = np.array([-0.8, 0.1, 0.6])
    fixed = Components(shared=0, topic=0, family=0, statement=0, wording=0, order=0)
    for shift in position:
        design = Design(1, 1, 4, samples)
        planted = Planted(2 * shift, 1)
        p = simulate(design, fixed, planted, 800, np.random.default_rng(7))
        assert p * samples == pytest.approx(np.round(p * samples))
        assert p.sum(-1) == pytest.approx(1)
        mean = p[0].reshape(-1, 4).mean(0)
        assert mean == pytest.approx(answers(np.array(shift), fixed.sharpness), abs=0.015)


def test_without_a_difference_few_runs_find_one() -> None:
    """The tests that are planned with find nothing more often than they may."""
    design = Design(10, 2, 4)
    same = Planted(0, 1)
    # topics are fixed and balanced, so that the swap of families errs to the safe side
    assert simulated_power("stance", design, PLAIN, same, runs=600, seed=1) < 0.075
    noise = Planted(0, 0)
    assert simulated_power("excess", design, PLAIN, noise, runs=600, seed=1) < 0.075


def test_power_grows_with_what_is_asked_and_falls_with_pairs() -> None:
    """More families help; samples instead of probabilities and more pairs cost."""
    planted = Planted(0.15, 1)

    def found(*, families: int = 2, samples: int = READ_OFF, pairs: int = 1) -> float:
        design = Design(10, families, 4, samples)
        return simulated_power("stance", design, PLAIN, planted, pairs=pairs, runs=400)

    usual = found()
    assert found(families=4) > usual + 0.1
    assert found(samples=1) < usual
    assert found(pairs=10) < usual - 0.1


def test_the_first_step_of_holm_is_holm_where_no_other_pair_differs() -> None:
    """What the simulation asks of a p-value is what Holm asks of it beside p-values of one."""
    for p in (0.004, 0.0049, 0.0051, 0.2):
        assert (holm([p, *[1.0] * 9])[0] <= 0.05) == (p * 10 <= 0.05)


def test_plan_is_the_least_that_is_enough() -> None:
    """The planned number reaches the power in fresh runs, and clearly fewer do not."""
    question = Question(2, 10, 0.12, frames=(4,), samples=(READ_OFF,))
    found = plan_power(question, components=PLAIN)
    row = found.needed.set_index("measure").loc["stance"]
    assert row["low"] <= row["power"] <= row["high"]
    assert row["power"] >= 0.8
    assert row["prompts"] == 10 * row["families"] * 2 * 4 * 2
    shift = power._solve(lambda x: power._moved(PLAIN, x, 10, 0), 0.12, 8)

    def fresh(families: int) -> float:
        design = Design(10, families, 4)
        return simulated_power("stance", design, PLAIN, Planted(shift, 1), runs=800, seed=99)

    families = int(row["families"])
    assert families > 1
    assert fresh(families) == pytest.approx(row["power"], abs=0.05)
    assert fresh(families - 1) < 0.83


def test_same_seed_same_plan() -> None:
    """Threads and progress change nothing."""
    question = Question(3, 5, 0.2, frames=(4,), samples=(0, 1))
    seen: list[tuple[int, int]] = []
    one = plan_power(question, components=PLAIN, progress=lambda done, of: seen.append((done, of)))
    two = plan_power(question, components=PLAIN)
    pd.testing.assert_frame_equal(one.needed, two.needed)
    assert seen[-1] == (4, 4)


def test_what_cannot_be_planned_is_said() -> None:
    """Too few frames for a noise floor and more families than are tried have reasons, not zeros."""
    found = plan_power(Question(2, 20, 0.002, frames=(2,), samples=(0,)), components=PLAIN)
    rows = found.needed.set_index("measure")
    assert math.isnan(rows.loc["stance", "families"])
    assert "more than 50 families" in rows.loc["stance", "reason"]
    assert math.isnan(rows.loc["excess", "families"])
    assert "needs 4 frames" in rows.loc["excess", "reason"]
    assert len(plan_power(Question(2, 1, 1.5, (4,), (0,)), components=PLAIN).needed) == 1


@pytest.mark.parametrize(
    ("changed", "option"),
    [
        ({"difference": -0.1}, "--difference -0.1"),
        ({"difference": 0.0}, "--difference 0"),
        ({"difference": 2.0}, "--difference 2"),
        ({"difference": math.nan}, "--difference nan"),
        ({"models": 1}, "--models 1"),
        ({"models": 1000}, "--models 1000"),
        ({"topics": 0}, "--topics 0"),
        ({"frames": (4, 0)}, "--frames 0"),
        ({"samples": (-1,)}, "--samples -1"),
    ],
)
def test_nonsense_is_refused(changed: dict[str, object], option: str) -> None:
    """The error names the option and what it may be."""
    with pytest.raises(UsageError) as error:
        Question(**({"models": 2, "topics": 20, "difference": 0.1} | changed))  # type: ignore[arg-type]
    assert option in error.value.what


def test_excess_that_such_models_cannot_have_is_left_out() -> None:
    """Models that answer almost at random are never far apart; a note says so."""
    dull = Components(sharpness=0.01, topic=0.1, family=0.1, statement=0)
    found = plan_power(Question(2, 5, 0.5, (4,), (0,)), components=dull)
    assert set(found.needed["measure"]) == {"stance"}
    assert any("no two models have an excess divergence of 0.5" in note for note in found.notes)
