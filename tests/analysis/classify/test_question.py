"""An answer is read once, and what the heads see of it does not depend on its neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.classify.meaning import table
from analysis.classify.question import BITS, Question, Seen, question
from prompts.load import load_battery

TEXTS = load_battery("core", languages=["en"]).texts("death-penalty", "en")
POLES = (TEXTS["pro"], TEXTS["con"])


def asked(response: str, pro: str = POLES[0], con: str = POLES[1]) -> Question:
    """An answer to the battery's question on the death penalty, or to other poles."""
    return question(response, TEXTS["open-1"], pro, con, "en")


def test_the_battery_is_known_by_its_poles() -> None:
    """The battery's own poles name topic and question; turned round they name neither."""
    known, turned = asked("Yes."), asked("Yes.", POLES[1], POLES[0])
    assert (known.topic, known.ask, known.opening) == (
        "death-penalty",
        "open-1",
        "death-penalty/open-1/yes",
    )
    assert (turned.topic, turned.ask) == ("", "")


@pytest.mark.parametrize(
    ("language", "prompt", "asked_for", "other"),
    [
        (
            "en",
            "Should shops open on Sundays?",
            "Shops should open on Sundays.",
            "Shops should stay closed on Sundays.",
        ),
        (
            "de",
            "Gehört Nacktbaden am See verboten?",
            "Nacktbaden sollte am See verboten sein.",
            "Nacktbaden sollte am See erlaubt sein.",
        ),
        ("zh", "该不该给流浪猫喂食？", "应该给流浪猫喂食。", "不该给流浪猫喂食。"),
        ("ja", "犬を飼うべきですか？", "犬を飼うべきだ。", "犬を飼うべきではない。"),
        ("ko", "개를 키워야 할까요?", "개를 키워야 한다.", "개를 키우지 말아야 한다."),
        ("zh-Hant", "應不應該廢除月考？", "應該廢除月考。", "不應該廢除月考。"),
    ],
)
def test_the_pole_that_a_yes_takes(language: str, prompt: str, asked_for: str, other: str) -> None:
    """Of poles of one's own it is seen which the prompt asks for, in whatever order they stand."""
    assert not question("Yes.", prompt, asked_for, other, language).turned
    assert question("Yes.", prompt, other, asked_for, language).turned


def test_questions_of_the_battery_are_not_turned() -> None:
    """The network knows the battery's poles by heart, whichever of them a question asks for."""
    battery = load_battery("core", languages=["en"])
    for name, topic in battery.topics.items():
        if topic.kind == "contested":
            texts = battery.texts(name, "en")
            found = question("Yes.", texts["con"], texts["pro"], texts["con"], "en")
            assert not found.turned


def test_turning_the_poles_turns_the_lean() -> None:
    """What is as near to one pole as it was to the other leans as far the other way."""
    said = "The state should execute the worst murderers. Justice wants it."
    there = Seen([asked(said, *POLES)], table()).near_poles()[0]
    back = Seen([asked(said, *POLES[::-1])], table()).near_poles()[0]
    np.testing.assert_allclose(there[3:6], -back[3:6], atol=1e-6)
    np.testing.assert_allclose(there[[6, 7]], -back[[7, 6]], atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_any_answers_are_rows(responses: list[str]) -> None:
    """Whatever is said, each answer has its row of finite numbers, the same as alone."""
    all_of_them = [asked(response) for response in responses]
    seen = Seen(all_of_them, table())
    near, words = seen.near_poles(), seen.words()
    assert near.shape == (len(responses), 16)
    assert words.shape == (len(responses), 1 << BITS)
    assert np.isfinite(near).all()
    for at, one in enumerate(all_of_them):
        alone = Seen([one], table())
        np.testing.assert_allclose(alone.near_poles()[0], near[at], atol=1e-5)
        assert (alone.words() != words[[at]]).nnz == 0


def test_the_signs_of_an_answer_are_among_its_words() -> None:
    """The same words once and in many lines differ: in how many there are, and in signs."""
    once, often = asked("Nobody knows."), asked("\n".join(["Nobody knows."] * 12))
    seen = Seen([once, often], table())
    bare, styled = seen.sentence_words(), seen.words()
    assert set(bare[0].indices) <= set(bare[1].indices)
    assert not set(styled[0].indices) <= set(styled[1].indices)
