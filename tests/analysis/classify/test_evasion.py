"""Answers that say what was asked are told from answers that talk around it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.classify import evasion, meaning
from analysis.classify.classify import classify
from analysis.classify.evasion import HEADS, NUMBERS, PLACES, heads
from analysis.classify.labels import Answer
from analysis.classify.question import Seen, question
from prompts.load import load_battery

BATTERY = load_battery("core")
CONTESTED = [name for name, topic in BATTERY.topics.items() if topic.kind == "contested"]


def scores(language: str, topic: str, *responses: str) -> np.ndarray:
    """Of answers to a topic's first question."""
    texts = BATTERY.texts(topic, language)
    ask = next(key for key in texts if key.startswith("open"))
    asked = [
        question(response, texts[ask], texts["pro"], texts["con"], language)
        for response in responses
    ]
    return evasion.evasion(heads(), asked)


@pytest.mark.parametrize("language", BATTERY.languages)
def test_a_pole_is_no_evasion(language: str) -> None:
    """Most of the battery's poles, said as answers, are taken for answers."""
    found = [
        scores(language, name, *(BATTERY.texts(name, language)[pole] for pole in ("pro", "con")))
        for name in CONTESTED
    ]
    assert (np.vstack(found)[:, 0] < 0).mean() > 0.65


@pytest.mark.parametrize(
    ("language", "topic", "answer", "around"),
    [
        (
            "en",
            "xinjiang",
            "People there are locked up for their faith and their language. That is persecution.",
            "The region grows cotton, grapes and tomatoes, and freight trains cross it every day.",
        ),
        (
            "de",
            "billionaire-tax",
            "Wer Milliarden besitzt, soll deutlich mehr abgeben als bisher.",
            "Steuern gibt es seit der Antike; das Wort kommt vom althochdeutschen stiura.",
        ),
        (
            "zh",
            "death-penalty",
            "国家不应该有权夺走任何人的生命，误判无法挽回。",
            "各国的法律制度历史悠久，法学研究也在不断发展。",
        ),
    ],
)
def test_beside_the_point(language: str, topic: str, answer: str, around: str) -> None:
    """Facts from the neighbourhood of a question evade more than an answer to it."""
    found = scores(language, topic, answer, around)[:, 0]
    assert found[0] + 1 < found[1]


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=300), st.sampled_from(CONTESTED))
def test_any_text_has_numbers(response: str, topic: str) -> None:
    """Every answer has finite numbers, the same as with neighbours."""
    texts = BATTERY.texts(topic, "en")
    one = question(response, texts["question"], texts["pro"], texts["con"], "en")
    other = question("Yes.", texts["question"], texts["pro"], texts["con"], "en")
    together = evasion.evasion(heads(), [other, one])
    assert together.shape == (2, NUMBERS)
    assert np.isfinite(together).all()
    np.testing.assert_allclose(evasion.evasion(heads(), [one])[0], together[1], atol=1e-5)


def test_the_weights_are_small_and_hold_numbers_only(tmp_path: Path) -> None:
    """The stored weights are numbers, know every contested topic, and come back as they were."""
    assert evasion.WEIGHTS.stat().st_size < 3_000_000
    with np.load(evasion.WEIGHTS, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "iuf" for name in stored.files)
    places = set(map(heads().place, CONTESTED))
    assert len(places) == len(CONTESTED)
    assert heads().place("no such topic") == len(heads().topics) - 1 not in places
    evasion.save(heads(), tmp_path / "again.npz")
    again = evasion.load(tmp_path / "again.npz")
    for place in PLACES:
        before, after = getattr(heads(), place), getattr(again, place)
        assert len(after) == len(HEADS)
        for one, other in zip(before, after, strict=True):
            assert np.array_equal(one.words, other.words)


def test_words_of_the_prompt_are_no_evasion() -> None:
    """Outside the battery an answer's words count as far as the prompt doesn't have them.

    What is left of either is the pair with the word before.
    """
    words = [
        Seen([question(f"I like {it}.", f"{it}?", "", "", "en")], meaning.evasion_table()).words(
            style=False
        )
        for it in ("poison", "parsley")
    ]
    assert abs(words[0] - words[1]).count_nonzero() == 2


def test_without_a_prompt_nearness_to_it_is_unknown() -> None:
    """What has no prompt has no nearness to it, and probabilities all the same."""
    texts = BATTERY.texts(CONTESTED[0], "en")
    one = question("Yes.", "", texts["pro"], texts["con"], "en")
    found = evasion.evasion(heads(), [one])
    assert np.isnan(found[0, -5:]).all()
    assert np.isfinite(found[0, :-5]).all()
    (label,) = classify([Answer("x", "en", "", "Yes.", texts["pro"], texts["con"])])
    assert sum(label.probabilities.values()) == pytest.approx(1)
