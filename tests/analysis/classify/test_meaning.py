"""Vectors of meaning are near for translations, and the table is numbers only."""

from pathlib import Path

import numpy as np

from analysis.classify import meaning
from analysis.classify.meaning import vectors_of
from analysis.classify.text import fold
from prompts.load import load_battery


def test_translations_are_nearest() -> None:
    """Most statements of the battery are nearer to their English than to any other topic's."""
    battery = load_battery("core", languages=["en", "fr", "zh", "ru"])
    names = [name for name, topic in battery.topics.items() if topic.kind == "contested"]

    def poles(language: str) -> np.ndarray:
        texts = [fold(battery.texts(name, language)["pro"]) for name in names]
        found = vectors_of(texts, meaning.table())
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    english = poles("en")
    for language in ("fr", "zh", "ru"):
        nearest = (poles(language) @ english.T).argmax(axis=1)
        assert (nearest == np.arange(len(names))).mean() > 0.8, language


def test_nothing_means_nothing() -> None:
    """A text without words has a vector of zeros; no text at all is fine."""
    assert not vectors_of(["", "!!!"], meaning.table()).any()
    assert vectors_of([], meaning.table()).shape == (0, 64)


def test_the_table_is_small_and_holds_numbers_only() -> None:
    """The stored table is a few megabytes of numbers, without text and without pickle."""
    assert meaning.TABLE.stat().st_size < 4_000_000
    with np.load(meaning.TABLE, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "if" for name in stored.files)
    assert meaning.table().shape == (2**meaning.BITS, 64)


def test_a_table_comes_back(tmp_path: Path) -> None:
    """What is saved in 8 bits is read as it was, to half a step."""
    table = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    meaning.save(table, tmp_path / "table.npz")
    again = meaning.load(tmp_path / "table.npz")
    assert np.abs(again - table).max() <= np.abs(table).max() / 254 + 1e-6
