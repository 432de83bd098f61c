"""The stance heads know the battery's topics in all languages, and say where they do not know."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.classify import meaning, poles
from analysis.classify.labels import STANCES
from analysis.classify.poles import heads, leaning, probabilities
from analysis.classify.question import Seen, question
from prompts.load import load_battery

BATTERY = load_battery("core")
CONTESTED = [name for name, topic in BATTERY.topics.items() if topic.kind == "contested"]


def undecided(answers: int) -> np.ndarray:
    """Scores of a network that doesn't know."""
    return np.zeros((answers, len(STANCES)), np.float32)


@pytest.mark.parametrize("language", BATTERY.languages)
def test_poles_are_told_apart(language: str) -> None:
    """The battery's own poles, said as answers, are mostly read right, and seldom turned round."""
    right = total = 0
    for name in CONTESTED:
        texts = BATTERY.texts(name, language)
        said = {key: texts[key] for key in ("pro", "con")}
        asked = [
            question(text, texts["question"], texts["pro"], texts["con"], language)
            for text in said.values()
        ]
        found = probabilities(heads(), asked, undecided(2))
        right += int(found[0, 0] > found[0, 2]) + int(found[1, 2] > found[1, 0])
        total += 2
    assert right > 0.7 * total


@settings(max_examples=25, deadline=None)
@given(
    st.text(max_size=400), st.text(max_size=80), st.text(max_size=80), st.sampled_from(CONTESTED)
)
def test_any_text_has_probabilities(response: str, prompt: str, pole: str, topic: str) -> None:
    """Of a known topic or of any two poles, probabilities of the three stances sum to one."""
    texts = BATTERY.texts(topic, "en")
    asked = [
        question(response, prompt, texts["pro"], texts["con"], "en"),
        question(response, prompt, pole or "yes", "no", None),
    ]
    found = probabilities(heads(), asked, undecided(2))
    assert found.shape == (2, len(STANCES))
    assert found.sum(axis=1) == pytest.approx(1)
    assert found.min() >= 0


def test_an_answer_does_not_depend_on_its_neighbours() -> None:
    """Known and unknown topics in one batch give what each gives alone."""
    texts = BATTERY.texts("death-penalty", "en")
    known = (texts["pro"], texts["con"])
    unknown = ("Cats are better than dogs.", "Dogs are better than cats.")
    said = ["Nobody should be executed, innocent people die.", "Cats, of course.", "", "Both."]
    pairs = [known, unknown, known, unknown]
    asked = [question(text, "", *pair, "en") for text, pair in zip(said, pairs, strict=True)]
    together = probabilities(heads(), asked, undecided(4))
    for one, row in zip(asked, together, strict=True):
        assert row == pytest.approx(probabilities(heads(), [one], undecided(1))[0], abs=1e-6)


def test_the_network_counts() -> None:
    """What the network says of an answer moves the probabilities its way, on any poles."""
    texts = BATTERY.texts("death-penalty", "en")
    for pair in ((texts["pro"], texts["con"]), ("Cats are better.", "Dogs are better.")):
        asked = [question("That is how I see it.", texts["open-1"], *pair, "en")] * 3
        scores = np.float32([[2, 0, -2], [0, 0, 0], [-2, 0, 2]])
        found = probabilities(heads(), asked, scores)[:, 0]
        assert found[0] > found[1] > found[2]


def test_a_yes_takes_the_pole_that_is_asked_for() -> None:
    """Where a question asks for ``con``, what the network says is turned round."""
    pair = ("Dogs should stay allowed on beaches.", "Dogs should be banned from beaches.")
    prompt = "Should dogs be banned from beaches?"
    asked = [
        question("That is how I see it.", prompt, *poles, "en") for poles in (pair, pair[::-1])
    ]
    scores = np.float32([[2, 0, -2]] * 2)
    turned, plain = leaning(Seen(asked, meaning.table()), scores)
    np.testing.assert_array_equal(turned, plain[::-1])
    assert plain[0] > plain[2]


def test_poles_turned_round_are_no_topic_of_the_battery() -> None:
    """Poles given the other way round by a user are read by the general head."""
    texts = BATTERY.texts("death-penalty", "en")
    turned = question("Yes.", texts["open-1"], texts["con"], texts["pro"], "en")
    assert (turned.topic, turned.ask) == ("", "")
    assert heads().place(turned.topic) == -1


def test_the_weights_are_small_and_hold_numbers_only() -> None:
    """The stored weights are numbers, know every contested topic, and come back as they were."""
    assert poles.WEIGHTS.stat().st_size < 2_000_000
    with np.load(poles.WEIGHTS, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "iuf" for name in stored.files)
    assert sorted(map(heads().place, CONTESTED)) == list(range(len(CONTESTED)))
    assert heads().place("no such topic") == -1


def test_saved_heads_read_the_same(tmp_path: Path) -> None:
    """Weights saved again and loaded give the same probabilities."""
    path = tmp_path / "poles.npz"
    poles.save(heads(), path)
    texts = BATTERY.texts("abortion", "en")
    asked = [question("It is her own body.", texts["open-1"], texts["pro"], texts["con"], "en")]
    before, after = (probabilities(one, asked, undecided(1)) for one in (heads(), poles.load(path)))
    np.testing.assert_allclose(before, after, atol=5e-3)
