"""Which topic of the battery a question belongs to, told by its poles."""

from __future__ import annotations

from functools import cache

from analysis.classify.answer_files import BATTERY
from analysis.classify.text import clean, fold
from prompts.load import load_battery


def topic_of(pro: str, con: str) -> str:
    """The topic whose poles these are in some language; empty where it is none of the battery's."""
    return _topics().get((_key(pro), _key(con)), "")


def ask_of(topic: str, prompt: str) -> str:
    """Which of a topic's questions a prompt is or contains; empty where none is found."""
    asks, asked = _asks().get(topic, {}), _key(prompt)
    if asked in asks:
        return asks[asked]
    return next((key for text, key in asks.items() if text in asked), "")


@cache
def _topics() -> dict[tuple[str, str], str]:
    battery = load_battery(BATTERY)
    return {
        (_key(texts["pro"]), _key(texts["con"])): topic
        for language in battery.languages
        for topic in battery.topics
        if {"pro", "con"} <= (texts := battery.texts(topic, language)).keys()
    }


@cache
def _asks() -> dict[str, dict[str, str]]:
    battery = load_battery(BATTERY)
    return {
        topic: {
            _key(text): key
            for language in battery.languages
            for key, text in battery.texts(topic, language).items()
            if not key.endswith(("pro", "con"))
        }
        for topic in battery.topics
    }


def _key(text: str) -> str:
    return fold(clean(text)).strip()
