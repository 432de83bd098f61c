"""The sample that people label: every stratum in it, the same each time, honest weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.audit_sample import STRATA, draw, weights
from prompts.errors import AnalysisError


def pool(sizes: dict[tuple[str, str, str], int]) -> pd.DataFrame:
    """Open responses with so many in each stratum of model, language and outcome."""
    rows = [(*stratum, i) for stratum, size in sizes.items() for i in range(size)]
    table = pd.DataFrame(rows, columns=[*STRATA, "i"])
    return table.assign(
        probe=range(len(table)), cell=table[[*STRATA, "i"]].astype(str).agg("|".join, axis=1)
    )


SIZES = {
    ("a", "en", "pro"): 100, ("a", "en", "con"): 50, ("a", "ar", "pro"): 20, ("b", "en", "pro"): 25,
    ("b", "ar", "refuses"): 4, ("b", "zh", "degenerate"): 1,
}  # fmt: skip


def test_every_stratum_is_in_the_sample_and_large_ones_more() -> None:
    """Rare outcomes are never left out; the rest goes by size."""
    counts = draw(pool(SIZES), 40).groupby(STRATA).size()
    assert counts.sum() == 40
    assert set(counts.index) == set(SIZES)
    assert counts["a", "en", "pro"] in {18, 19}
    assert counts["b", "zh", "degenerate"] == 1


def test_the_same_seed_draws_the_same_sample() -> None:
    """Row order of the run does not matter; another seed draws another sample."""
    whole = pool(SIZES)
    once = draw(whole, 40, seed=3)
    again = draw(whole.sample(frac=1, random_state=1), 40, seed=3)
    assert once["probe"].tolist() == again["probe"].tolist()
    assert set(draw(whole, 40, seed=4)["probe"]) != set(once["probe"])


def test_a_larger_sample_nearly_holds_the_smaller() -> None:
    """Asking for more does not throw away what was labelled."""
    small, large = (set(draw(pool(SIZES), n)["probe"]) for n in (30, 90))
    assert len(small - large) <= 1


def test_what_was_labelled_stays_when_the_run_grows() -> None:
    """New models and languages in a run take no labelled response out of the sample."""
    before = draw(pool(SIZES), 12)["probe"]
    grown = pool({**SIZES, ("c", "en", "pro"): 100, ("c", "ar", "con"): 80})
    labelled = set(before.head(6))
    assert labelled <= set(draw(grown, 60, labelled=labelled)["probe"])


def test_the_order_tells_nothing() -> None:
    """Models come mixed, not one after another."""
    models = draw(pool(SIZES), 100)["model"]
    assert (models != models.shift()).sum() > 15


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("pqr")),
        st.integers(1, 12),
        min_size=1,
    ),
    st.integers(1, 60),
    st.integers(0, 5),
)
def test_a_sample_has_its_size(
    sizes: dict[tuple[str, str, str], int], size: int, seed: int
) -> None:
    """It holds as many as asked, or all there are, none twice; every stratum if there is room."""
    whole = pool(sizes)
    sample = draw(whole, size, seed=seed)
    assert len(sample) == min(size, len(whole))
    assert sample["probe"].is_unique
    if size >= len(sizes):
        assert sample.groupby(STRATA).ngroups == len(sizes)
        assert weights(whole, set(sample["probe"])).sum() == pytest.approx(len(whole))


def test_small_samples_prefer_no_stratum() -> None:
    """With room for few strata, each response is as likely as any other over the seeds."""
    whole = pool({("a", "en", "pro"): 6, ("a", "en", "con"): 3, ("b", "en", "pro"): 3})
    drawn = pd.concat([draw(whole, 2, seed=seed) for seed in range(250)])
    shares = drawn.groupby(STRATA).size() / len(drawn)
    np.testing.assert_allclose(shares.to_numpy(), [0.25, 0.5, 0.25], atol=0.07)


def test_weights_give_the_rate_of_the_run() -> None:
    """A rare outcome that was sampled more often counts less."""
    whole = pool(SIZES)
    sample = draw(whole, 40)
    weight = weights(whole, set(sample["probe"]))
    refuses = sample.set_index("probe")["outcome"] == "refuses"
    assert (weight[refuses[refuses].index].sum() / weight.sum()) == pytest.approx(4 / 200)


@pytest.mark.parametrize("columns", [{}, {"outcome": None}])
def test_a_run_without_labelled_responses_is_an_error(columns: dict[str, None]) -> None:
    """A run of scored questions only says what to ask."""
    opened = pool(SIZES).drop(columns="outcome").assign(**columns)
    with pytest.raises(AnalysisError, match="--kinds open,task"):
        draw(opened, 10)
