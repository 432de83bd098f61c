"""Where the installed Noto fonts are, which text they can show, and in what order to try them.

The fonts come from PyPI packages and stay where those put them. All are variable fonts; typst
0.15 and vl-convert set them at any weight.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import typst
import vl_convert
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from prompts.errors import ReportError

FOLDERS = (
    ("fontpkg_noto_sans", "files"),
    ("fontpkg_noto_sans_arabic", "files"),
    ("fontpkg_noto_sans_devanagari", "files"),
    ("justmytype_intl_cjk", "fonts/ofl/notosanssc"),
    ("justmytype_intl_cjk", "fonts/ofl/notosanstc"),
    ("justmytype_intl_cjk", "fonts/ofl/notosansjp"),
    ("justmytype_intl_cjk", "fonts/ofl/notosanskr"),
)
LATIN = "Noto Sans"
SCRIPTS = ("Noto Sans Arabic", "Noto Sans Devanagari")
SIMPLIFIED, TRADITIONAL = "Noto Sans SC", "Noto Sans TC"
JAPANESE, KOREAN = "Noto Sans JP", "Noto Sans KR"
CJK = (SIMPLIFIED, TRADITIONAL, JAPANESE, KOREAN)


@cache
def directories() -> tuple[Path, ...]:
    """Folders that hold the fonts.

    Raises:
        ReportError: a font package is not installed.
    """
    found = []
    for package, folder in FOLDERS:
        try:
            path = Path(str(files(package))) / folder
        except ModuleNotFoundError:
            path = Path()
        if not any(path.glob("*.ttf")):
            raise ReportError(
                f"The fonts of the package {package.replace('_', '-')} are missing.",
                "Install doxa again with pip; its fonts are dependencies of it.",
            )
        found.append(path)
    return tuple(found)


@cache
def for_typst() -> typst.Fonts:
    """The fonts that typst may use: these and no others, so that a page is the same anywhere."""
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(directory) for directory in directories()],
    )


@cache
def register_for_charts() -> None:
    """Make the fonts known to vl-convert, once a process."""
    for directory in directories():
        vl_convert.register_font_directory(str(directory))


@cache
def covered() -> frozenset[int]:
    """The code points for which one of the fonts has a glyph."""
    points: set[int] = set()
    for directory in directories():
        for path in directory.glob("*.ttf"):
            if "Italic" not in path.name:
                with TTFont(path, lazy=True) as font:
                    points.update(font.getBestCmap())
    return frozenset(points)


def families(language: str) -> tuple[str, ...]:
    """Font families in the order to try them for text in a language.

    Chinese, Japanese and Korean share code points and differ in their shapes, so the language
    decides which of the four comes first.

    Args:
        language: a tag such as ``zh``, ``zh-Hant`` or ``ja``.
    """
    if re.match(r"zh-(Hant|TW|HK|MO)", language):
        first = TRADITIONAL
    else:
        first = {"ja": JAPANESE, "ko": KOREAN}.get(language.split("-", 1)[0], SIMPLIFIED)
    return (LATIN, *SCRIPTS, first, *(family for family in CJK if family != first))
