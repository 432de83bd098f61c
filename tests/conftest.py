"""What tests of several layers share: a small battery and the demo's real models."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from probes.catalogue import find, location, models_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Doxa = Callable[..., subprocess.CompletedProcess[str]]

# a busy machine is no fault of the code
hypothesis.settings.register_profile("doxa", deadline=None)
hypothesis.settings.load_profile("doxa")

DEMO_MODELS = ("smollm2-135m-instruct", "gemma-3-270m", "qwen2.5-coder-0.5b-instruct")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A copy of a small, clean battery in English and Chinese, to be damaged."""
    return Path(shutil.copytree(Path(__file__).parent / "data" / "small", tmp_path / "small"))


@pytest.fixture(scope="session")
def model_paths() -> dict[str, Path]:
    """The files of the demo's three models, by id; without them the tests that need them fail."""
    paths = {name: location(find(name)) for name in DEMO_MODELS}
    missing = [name for name, path in paths.items() if path is None or not path.is_file()]
    if missing:
        pytest.fail(
            f"These tests ask real models. Fetch them with `doxa models pull {' '.join(missing)}`, "
            "or say with DOXA_MODELS in which folder they are.",
            pytrace=False,
        )
    return {name: path for name, path in paths.items() if path is not None}


@pytest.fixture(scope="session")
def command() -> str:
    """The installed command."""
    path = Path(sysconfig.get_path("scripts")) / "doxa"
    if not path.is_file():
        pytest.fail(f"There is no command {path}. Install doxa: `pip install -e .`.", pytrace=False)
    return str(path)


@pytest.fixture(scope="session")
def surroundings() -> Iterator[dict[str, str]]:
    """An environment with the models in it and nothing else of the user's."""
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    with tempfile.TemporaryDirectory(prefix="doxa-tests-") as folder:  # widened models are large
        yield {
            **kept,
            "DOXA_MODELS": str(models_folder()),
            "XDG_CACHE_HOME": f"{folder}/cache",
            "XDG_CONFIG_HOME": f"{folder}/config",
        }


@pytest.fixture
def doxa(command: str, surroundings: dict[str, str], tmp_path: Path) -> Doxa:
    """Run the installed command in an empty folder and return how it went."""

    def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
        settings = {"cwd": tmp_path, "env": surroundings, "timeout": 300} | options
        return subprocess.run(
            [command, *map(str, words)], capture_output=True, text=True, check=False, **settings
        )

    return run
