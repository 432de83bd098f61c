"""Labels as writers of other scripts write them: full-width, look-alike and native forms."""

from __future__ import annotations

_FULL_WIDTH = {chr(c): chr(c + 0xFEE0) for c in [*range(ord("0"), ord("9") + 1), *range(65, 91)]}


def _digits(zero: str) -> dict[str, str]:
    return {str(n): chr(ord(zero) + n) for n in range(10)}


_ALSO: dict[str, tuple[dict[str, str], ...]] = {
    "Hans": (_FULL_WIDTH,),
    "Hant": (_FULL_WIDTH,),
    "Jpan": (_FULL_WIDTH,),
    "Kore": (_FULL_WIDTH,),
    "Cyrl": (dict(zip("ABCE", "АВСЕ", strict=True)),),
    "Arab": (_digits("٠"), _digits("۰")),
    "Deva": (_digits("०"),),
}


def also_written(label: str, script: str) -> tuple[str, ...]:
    """Other forms of a label of one letter or a number in a script (ISO 15924).

    Cyrillic А, В, С and Е look like their Latin neighbours and are what a Russian keyboard gives.
    """
    tables = _ALSO.get(script, ())
    forms = ["".join(table[c] for c in label) for table in tables if all(c in table for c in label)]
    return tuple(dict.fromkeys(forms))
