"""Texts that read as another language than the one they stand under."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST = 40  # characters; below that the detector guesses
SURE = 0.9


def wrong_language(texts: dict[str, str], language: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each text that another of the battery's languages fits far better.

    Args:
        texts: by name.
        language: the code that they stand under, such as ``zh-Hant``.
    """
    from lingua import IsoCode639_1, LanguageDetectorBuilder  # noqa: PLC0415 - slow to load

    own = language.split("-", maxsplit=1)[0]
    codes = ("en", "zh", "ru", "ar", "fr", "es", "de", "hi", "ja", "ko", "pt", "tr", "fa")
    try:
        iso = [IsoCode639_1.from_str(code.upper()) for code in dict.fromkeys((*codes, own))]
    except ValueError:
        return  # the detector does not know this language
    detector = LanguageDetectorBuilder.from_iso_codes_639_1(*iso).build()
    for name, text in texts.items():
        if len(text) < SHORTEST:
            continue
        best = detector.compute_language_confidence_values(text)[0]
        found = best.language.iso_code_639_1.name.lower()
        if found != own and best.value > SURE:
            yield name, f"{best.language.name.capitalize()} ({best.value:.0%})"
