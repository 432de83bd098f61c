"""Sentences that say what a test showed and no more."""

from __future__ import annotations

from analysis import verdicts

USUAL = {
    "low": 0.01,
    "high": 0.11,
    "p_adjusted": 0.5,
    "p_equivalent": 0.5,
    "detectable": 0.07,
    "margin": 0.05,
}


def test_no_difference_shown_is_not_no_difference() -> None:
    """It comes with what would have been found."""
    text = verdicts.divergence("a", "b", excess=0.02, **USUAL)
    assert text.startswith("No difference beyond wording noise is shown")
    assert "0.070 would be found in four runs of five" in text


def test_shown_to_be_within_the_margin() -> None:
    """Equivalence is another sentence, by the test or by the interval."""
    text = verdicts.divergence("a", "b", excess=0.02, **USUAL | {"p_equivalent": 0.01})
    assert "shown to be within 0.05" in text
    text = verdicts.stance("a", "b", difference=0.0, **USUAL | {"low": -0.03, "high": 0.03})
    assert "shown to be within 0.05" in text


def test_a_difference_has_a_direction_and_may_be_small() -> None:
    """Stance: which leans where; a small one is said to be small."""
    found = USUAL | {"p_adjusted": 0.01}
    assert "a leans further to the pro pole than b (" in verdicts.stance(
        "a", "b", difference=0.2, **found
    )
    assert "a leans further to the con pole than b, but by less than 0.05" in verdicts.stance(
        "a", "b", difference=-0.02, **found | {"p_equivalent": 0.001}
    )
    assert "differ beyond wording noise (" in verdicts.divergence("a", "b", excess=0.06, **found)


def test_nothing_is_claimed_from_nan() -> None:
    """Without a test there is no difference shown, and no limit is named."""
    nan = float("nan")
    text = verdicts.divergence(
        "a", "b", excess=0.02, **{**dict.fromkeys(USUAL, nan), "margin": 0.05}
    )
    assert text == (
        "No difference beyond wording noise is shown between a and b (excess divergence 0.020,"
        " no interval)."
    )


def test_outcomes_name_the_model_that_does_it_more() -> None:
    """By McNemar's discordant pairs, or that they are alike, or that nothing is shown."""
    text = verdicts.outcome(
        "a", "b", "refuses", only_a=1, only_b=9, difference=-0.2, **USUAL | {"p_adjusted": 0.02}
    )
    assert text.startswith("b gives the outcome 'refuses' more often than a (")
    assert "on 1 prompts only a does, on 9 only b" in text
    text = verdicts.outcome("a", "b", "refuses", only_a=1, only_b=2, difference=-0.01, **USUAL)
    assert text.startswith("No difference in the outcome 'refuses' is shown")
    text = verdicts.outcome(
        "a", "b", "x", only_a=1, only_b=1, difference=0.0, **USUAL | {"p_equivalent": 0.01}
    )
    assert "shown to be within 0.05" in text


def test_a_detectable_difference_beyond_the_scale_is_none() -> None:
    """Stances cannot be 2.4 apart, nor rates 1.4; five prompts show nothing."""
    little = "on so little not even the largest would be found"
    assert little in verdicts.stance("a", "b", difference=0.1, **USUAL | {"detectable": 2.4})
    assert little not in verdicts.stance("a", "b", difference=0.1, **USUAL | {"detectable": 1.9})
    assert little in verdicts.divergence("a", "b", excess=0.1, **USUAL | {"detectable": 1.4})
    assert little not in verdicts.mean("a", "b", difference=0.1, **USUAL | {"detectable": 50.0})
    for value in (1.4, float("nan")):
        text = verdicts.outcome(
            "a", "b", "x", only_a=1, only_b=0, difference=0.2, **USUAL | {"detectable": value}
        )
        assert little in text
