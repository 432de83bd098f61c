"""Servers that a benchmark starts on loopback and ends again."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any

import httpx
from contender import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WAIT = 120  # seconds for a server to load its model
ANSWER = 600  # seconds for one answer


@contextlib.contextmanager
def server(words: Sequence[object], ready: str) -> Iterator[str]:
    """Start a server and yield its address once it answers.

    Args:
        words: its command line; the port is added.
        ready: the path that answers when the model is loaded.

    Raises:
        RuntimeError: it does not come up.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {name: text for name, text in os.environ.items() if name not in FOREIGN}
    process = subprocess.Popen(
        [*map(str, words), "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, address + ready)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(address).status_code == httpx.codes.OK:
                return
        time.sleep(0.2)
    raise RuntimeError(f"A server does not come up: {process.args!r}")


def complete(
    address: str, cells: Sequence[dict[str, Any]], *, clients: int, tokens: int
) -> dict[str, Any]:
    """Let so many clients ask a llama-server for the answers, each one after another."""
    with httpx.Client(base_url=address, timeout=ANSWER) as client:

        def ask(cell: dict[str, Any]) -> dict[str, Any]:
            request = {
                "prompt": cell["tokens"],
                "n_predict": tokens,
                "temperature": 0.0,
                "stop": [cell["stop"]] if cell["stop"] else [],
            }
            answer: dict[str, Any] = client.post("/completion", json=request).json()
            return answer

        started = perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(ask, cells))
        seconds = perf_counter() - started
    return {
        "seconds": seconds,
        "tokens": sum(answer["tokens_predicted"] for answer in answers),
        "texts": {c["id"]: answer["content"] for c, answer in zip(cells, answers, strict=True)},
    }
