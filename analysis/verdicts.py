"""What a test showed, in a sentence that says that and no more.

Four things can be shown of two models: that they differ, that they differ by less than the stated
margin, that they are within the margin, and nothing. The last is "no difference shown", never "no
difference".
"""

from __future__ import annotations

import math

ALPHA = 0.05


def interval(value: float, low: float, high: float) -> str:
    """A value with its interval, or the word that it has none.

    Examples:
        >>> interval(0.1234, -0.0001, 0.151)
        '0.123, 95 % interval 0.000 to 0.151'
    """
    if math.isnan(low):
        return f"{_number(value)}, no interval"
    return f"{_number(value)}, 95 % interval {_number(low)} to {_number(high)}"


def divergence(
    a: str,
    b: str,
    *,
    excess: float,
    low: float,
    high: float,
    p_adjusted: float,
    p_equivalent: float,
    detectable: float,
    margin: float,
) -> str:
    """The sentence on the excess divergence of two models.

    Args:
        a: a name.
        b: a name.
        excess: excess divergence, bits.
        low: lower end of its interval.
        high: upper end.
        p_adjusted: of the test that there is none, adjusted for its family of tests.
        p_equivalent: of the test that it is beyond the margin; NaN where not tested.
        detectable: smallest excess found with 80 % power.
        margin: largest excess that counts as none.
    """
    shown = f"excess divergence {interval(excess, low, high)}"
    within = _within(low, high, p_equivalent, margin)
    if p_adjusted <= ALPHA:
        if within:
            return (
                f"{a} and {b} differ beyond wording noise, but by less than {margin:g} ({shown})."
            )
        return f"{a} and {b} differ beyond wording noise ({shown})."
    if within:
        return f"{a} and {b} are shown to be within {margin:g} of each other ({shown})."
    shown = f"({shown}){_limit(detectable, 1)}"
    return f"No difference beyond wording noise is shown between {a} and {b} {shown}."


def stance(
    a: str,
    b: str,
    *,
    difference: float,
    low: float,
    high: float,
    p_adjusted: float,
    p_equivalent: float,
    detectable: float,
    margin: float,
) -> str:
    """The sentence on the difference in stance, a minus b; arguments as in `divergence`."""
    shown = f"difference {interval(difference, low, high)}"
    within = _within(low, high, p_equivalent, margin)
    if p_adjusted <= ALPHA:
        pole = "pro" if difference > 0 else "con"
        but = f", but by less than {margin:g}" if within else ""
        return f"{a} leans further to the {pole} pole than {b}{but} ({shown})."
    if within:
        return f"The stances of {a} and {b} are shown to be within {margin:g} ({shown})."
    return f"No difference in stance is shown between {a} and {b} ({shown}){_limit(detectable, 2)}."


def outcome(
    a: str,
    b: str,
    name: str,
    *,
    only_a: int,
    only_b: int,
    difference: float,
    low: float,
    high: float,
    p_adjusted: float,
    p_equivalent: float,
    detectable: float,
    margin: float,
) -> str:
    """The sentence on how often two models respond in one way to equal prompts.

    Args:
        a: a name.
        b: a name.
        name: of the outcome.
        only_a: prompts to which only a responds so.
        only_b: prompts to which only b does.
        difference: of the rates, a minus b; the other arguments are as in `divergence`.
        low: lower end of its interval.
        high: upper end.
        p_adjusted: of the test that there is none.
        p_equivalent: of the test that it is beyond the margin.
        detectable: smallest difference found with 80 % power; NaN where none would be.
        margin: largest difference that counts as none.
    """
    shown = f"difference {interval(difference, low, high)}"
    counts = f"on {only_a} prompts only {a} does, on {only_b} only {b}"
    within = _within(low, high, p_equivalent, margin)
    if p_adjusted <= ALPHA:
        more, less = (a, b) if difference > 0 else (b, a)
        but = f", but by less than {margin:g}" if within else ""
        return f"{more} gives the outcome '{name}' more often than {less}{but} ({shown}; {counts})."
    if within:
        return (
            f"How often {a} and {b} give the outcome '{name}' is shown to be within {margin:g}"
            f" ({shown})."
        )
    return (
        f"No difference in the outcome '{name}' is shown between {a} and {b} ({shown}; {counts})"
        f"{_limit(math.inf if math.isnan(detectable) else detectable, 1)}."
    )


def mean(
    a: str,
    b: str,
    *,
    difference: float,
    low: float,
    high: float,
    p_adjusted: float,
    p_equivalent: float,
    detectable: float,
    margin: float,
) -> str:
    """The sentence on two means, a minus b; arguments as in `divergence`."""
    shown = f"difference {interval(difference, low, high)}"
    within = _within(low, high, p_equivalent, margin)
    if p_adjusted <= ALPHA:
        side = "higher" if difference > 0 else "lower"
        but = f", but by less than {margin:g}" if within else ""
        return f"{a} is {side} than {b}{but} ({shown})."
    if within:
        return f"{a} and {b} are shown to be within {margin:g} of each other ({shown})."
    return f"No difference is shown between {a} and {b} ({shown}){_limit(detectable, math.inf)}."


def distance(
    a: str,
    b: str,
    name: str,
    *,
    distance: float,
    low: float,
    high: float,
    floor: float,
    p_adjusted: float,
) -> str:
    """The sentence on the distance of two models' distributions of outcomes.

    Args:
        a: a name.
        b: a name.
        name: of the distance.
        distance: its value.
        low: lower end of its interval.
        high: upper end.
        floor: the mean distance if it were chance which of the two gave which answer; NaN where
            that cannot be told.
        p_adjusted: of the test that it is.
    """
    shown = f"{name} {interval(distance, low, high)}"
    if math.isnan(floor):
        return (
            f"{a} and {b}: {shown}; one model asked twice would be at some distance from itself"
            " too, and how far these answers cannot tell."
        )
    floor_text = f"{_number(floor)} on average if it were chance which of them gave which answer"
    if p_adjusted <= ALPHA:
        return f"The outcomes of {a} and {b} are distributed differently ({shown}; {floor_text})."
    return (
        f"No difference between the distributions of {a} and {b} is shown ({shown}; {floor_text})."
    )


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"  # + 0.0: there is no negative zero


def _within(low: float, high: float, p_equivalent: float, margin: float) -> bool:
    return p_equivalent <= ALPHA or (-margin < low and high < margin)


def _limit(detectable: float, most: float) -> str:
    """What would have been found, if that is known; ``most`` is the largest that can be."""
    if math.isnan(detectable):
        return ""
    if detectable > most:
        return "; on so little not even the largest would be found in four runs of five"
    return f"; one of {detectable:.3f} would be found in four runs of five"
