"""Examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import analysis

MODULES = [module.name for module in pkgutil.iter_modules(analysis.__path__) if not module.ispkg]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name: str) -> None:
    """Every example of a module of the library, run as a reader would."""
    failed, _ = doctest.testmod(importlib.import_module(f"analysis.{name}"))
    assert failed == 0


def test_the_published_tables_have_examples() -> None:
    """Each table that can be had by naming it shows how."""
    for name in ("pairwise.mcnemar_table", "pairwise.permutation_table"):
        assert _examples(name)
    for name in ("distances.distance_table", "distances.distance_matrix"):
        assert _examples(name)


def _examples(name: str) -> list[doctest.Example]:
    module, function = name.split(".")
    found = getattr(importlib.import_module(f"analysis.{module}"), function)
    return [
        example
        for test in doctest.DocTestFinder(recurse=False).find(found)
        for example in test.examples
    ]


def test_the_tables_of_the_readme_are_what_it_says() -> None:
    """The page's own examples, in order, give what stands under them."""
    page = Path(analysis.__file__).with_name("README.md").read_text(encoding="utf-8")
    example = doctest.DocTestParser().get_doctest(page, {}, "README.md", None, 0)
    assert len(example.examples) > 8
    assert doctest.DocTestRunner().run(example).failed == 0
