"""English names of languages and countries, for headings."""

from __future__ import annotations

ALL = "all"
NAMES = {
    ALL: "All languages",
    "ar": "Arabic",
    "bn": "Bengali",
    "cs": "Czech",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "mr": "Marathi",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "sw": "Swahili",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
    "zh-Hant": "Chinese (traditional)",
}
COUNTRIES = {
    "cn": "China",
    "fr": "France",
    "gb": "United Kingdom",
    "il": "Israel",
    "in": "India",
    "jp": "Japan",
    "ma": "Morocco",
    "ru": "Russia",
    "tr": "Turkey",
    "us": "United States",
}


def country(code: str) -> str:
    """The country's English name, or its code in capitals where doxa knows no name."""
    return COUNTRIES.get(code, code.upper())


def name(code: str) -> str:
    """The language's English name, or its code where doxa knows no name."""
    return NAMES.get(code, code)
