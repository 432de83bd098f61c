"""The arrays that the tests beside this one draw from are what the simulated backend answers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.grid import grid, unit_means
from analysis.measures import stance
from probes.backends.simulated import Simulated
from probes.catalogue import ModelEntry
from probes.cell import Cell, Option

FAMILIES, FRAMES = 200, 4
VALUES = (1, 1 / 3, -1 / 3, -1)


@pytest.fixture(scope="module")
def asked() -> pd.DataFrame:
    """What the backend answers to two statements a family, four frames, both orders."""
    cells = []
    for family, pole, frame, order in itertools.product(
        range(FAMILIES), ("pro", "con"), range(FRAMES), ("forward", "reversed")
    ):
        options = [Option(str(k), str(k), value) for k, value in enumerate(VALUES)]
        options = options[::-1] if (order == "forward") != (pole == "pro") else options
        item = f"t/s{family}.{pole}"
        cells.append(
            Cell(
                kind="agree",
                topic="t",
                domain="d",
                tag="contested",
                language="en",
                family=f"t/s{family}",
                item=item,
                pole=pole,
                frame=f"f{frame}",
                labels="digits",
                forced=True,
                order=order,
                head="",
                stem=item,
                suffix=f"{frame}{order}",
                options=tuple(options),
            )
        )
    backend = Simulated(ModelEntry(id="m", backend="simulated"))
    rows = []
    for cell, response in zip(cells, backend.score(cells), strict=True):
        mass = np.exp(response.logprobs)
        by_value = sorted(
            zip(cell.options, mass / mass.sum(), strict=True), key=lambda o: -o[0].value
        )
        p = [share for _, share in by_value]
        rows.append(
            {f"p{k}": share for k, share in enumerate(p)}
            | {
                name: getattr(cell, name)
                for name in ("language", "topic", "family", "item", "pole")
            }
            | {"frame": cell.frame, "option_order": cell.order, "cell": cell.id, "model": "m"}
            | {"stance": float(stance(p, VALUES)), "declined": 0.0, "K": 4}
            | {"planted": backend.stance(cell.family)}
            | {"noise": backend._noise(cell.item + cell.frame + cell.language)}
        )
    return pd.DataFrame(rows)


def test_a_cell_is_the_scale_at_stance_and_noise(asked: pd.DataFrame, truth: Any) -> None:
    """Answer by answer the same numbers, whatever the order of the options."""
    expected = truth.scale((asked["planted"] + asked["noise"]).to_numpy())
    np.testing.assert_allclose(asked[["p0", "p1", "p2", "p3"]], expected, atol=1e-12)


def test_families_are_distributed_as_the_arrays(asked: pd.DataFrame, truth: Any) -> None:
    """What is measured of a family, through the analysis and through the arrays."""
    arranged = grid(asked, ["m"])
    found = unit_means(arranged, arranged.stance.T)[:, 0]
    names = arranged.units["family"].to_numpy(str)
    planted = asked.drop_duplicates("family").set_index("family")["planted"].loc[names].to_numpy()
    again = np.array([truth.stances(planted) for _ in range(200)])
    off = (found - again.mean(0)) / again.std(0, ddof=1)
    assert abs(off.mean()) < 3 / np.sqrt(FAMILIES)
    assert off.std() == pytest.approx(1, abs=3 / np.sqrt(2 * FAMILIES))
