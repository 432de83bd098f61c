"""A topic is told by its poles, in every language of the battery."""

import pytest

from analysis.classify.topics import ask_of, topic_of
from prompts.load import load_battery

BATTERY = load_battery("core")


@pytest.mark.parametrize("language", BATTERY.languages)
def test_topics_are_told_by_their_poles(language: str) -> None:
    """The poles of each contested topic lead to it, turned round they do not."""
    for name, topic in BATTERY.topics.items():
        texts = BATTERY.texts(name, language)
        if topic.kind == "contested":
            assert topic_of(texts["pro"], texts["con"]) == name
            assert topic_of(texts["con"], texts["pro"]) == ""


def test_asks() -> None:
    """A question is found as it stands and inside a base model's frame; another is not."""
    text = BATTERY.texts("death-penalty", "fr")["open-1"]
    assert ask_of("death-penalty", text) == "open-1"
    assert ask_of("death-penalty", f"Question : {text}\nRéponse :") == "open-1"
    assert ask_of("death-penalty", "Quelle heure est-il ?") == ""
    assert ask_of("no such topic", text) == ""
