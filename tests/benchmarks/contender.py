"""A contender: a process that loads a model once and is then asked, again and again, to do a job.

Jobs and results are JSON, one a line, so that every contender runs in an environment of its own
and only knows of the others what it is told. This file needs nothing but Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
FOREIGN = ("PYTHONPATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOMP_SPINCOUNT")


class Contender:
    """A script of this folder, waiting for jobs in another process."""

    def __init__(self, python: str | Path, script: str, *arguments: object) -> None:
        """Start it; what it says besides its results is kept for when it fails.

        Args:
            python: the interpreter of its environment.
            script: of this folder, ending with a call of ``serve``.
            arguments: for the script.
        """
        environment = {name: text for name, text in os.environ.items() if name not in FOREIGN}
        words = [str(python), str(HERE / script), *map(str, arguments)]
        self._script = script
        self._process = subprocess.Popen(
            words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, job: str, **how: object) -> Any:
        """Let it do a job and return what it found.

        Raises:
            RuntimeError: it died of it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([job, how]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._script} died of {job}; what it said stands above.")
        return json.loads(line)

    def __enter__(self) -> Self:
        """Use it in a with statement, which ends it."""
        return self

    def __exit__(self, *why: object) -> None:
        """End it."""
        self.end()

    def end(self) -> None:
        """Close its input, which ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve(jobs: dict[str, Callable[..., Any]]) -> None:
    """Do the jobs that come on standard input; whatever libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as results:
        os.dup2(2, 1)
        for line in sys.stdin:
            job, how = json.loads(line)
            results.write(json.dumps(jobs[job](**how)) + "\n")
            results.flush()
