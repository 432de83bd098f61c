"""Pulling models: from real wheels through real pip, and from a hub server on loopback."""

import hashlib
import http.server
import shutil
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

from probes import sources
from probes.catalogue import ModelEntry, models_folder
from probes.pull import check, pull
from prompts.errors import ModelError

BODY = b"GGUF" + (3).to_bytes(4, "little") + bytes(16) + bytes(range(256)) * 40
PARTS = [BODY[:4000], BODY[4000:8000], BODY[8000:]]


class Told:
    """Keeps what a pull says."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.lines: list[str] = []
        self.steps: list[int] = []

    def say(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)

    def advance(self, done: int, total: int) -> None:
        """Keep how far it is."""
        assert total == len(BODY)
        self.steps.append(done)


def wheel(folder: Path, number: int, content: bytes) -> Path:
    """Write a wheel that holds one data file, stored so that a byte can be damaged."""
    name = f"doxa_made_part{number}"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('never imported')")
        archive.writestr(f"{name}/data.bin", content)
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip is configured to look in, and a models folder."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("DOXA_MODELS", str(tmp_path / "models"))
    for variable in ("HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


def fill(index: Path, parts: list[bytes] = PARTS) -> None:
    """Put a wheel for each part into the index."""
    for number, content in enumerate(parts, 1):
        wheel(index, number, content)


def entry(*, hub: bool = False, sha256: str = hashlib.sha256(BODY).hexdigest()) -> ModelEntry:
    """The made model, from packages and where asked from the hub first."""
    parts = [
        {
            "package": f"doxa-made-part{number}",
            "version": "1.0",
            "member": f"doxa_made_part{number}/data.bin",
            "size": len(content),
        }
        for number, content in enumerate(PARTS, 1)
    ]
    sources: list[dict[str, object]] = [{"parts": parts}]
    if hub:
        sources.insert(0, {"hub": "made/model"})
    return ModelEntry.model_validate(
        {
            "id": "made",
            "backend": "llama_cpp",
            "file": "made.gguf",
            "sha256": sha256,
            "size": len(BODY),
            "licence": "CC0-1.0",
            "terms": "Do as you like.",
            "sources": sources,
        }
    )


def partial() -> Path:
    """Where a pull keeps what has arrived."""
    return models_folder() / "made.gguf.partial"


def test_parts_are_joined_verified_and_moved(index: Path) -> None:
    """The parts make the file, the licence and terms are told first, and nothing else stays."""
    fill(index)
    told = Told()
    path = pull(entry(), progress=told)
    assert path.read_bytes() == BODY
    assert told.steps == [0, 4000, 8000, len(BODY)]
    assert "licence CC0-1.0" in told.lines[0]
    assert told.lines[1] == "Terms: Do as you like."
    assert [p.name for p in models_folder().iterdir()] == ["made.gguf"]
    assert check(entry()) == "present"


def test_second_pull_only_says_so(index: Path) -> None:
    """What is there and right is left alone."""
    fill(index)
    first = pull(entry(), progress=Told())
    before = first.stat()
    told = Told()
    assert pull(entry(), progress=told) == first
    assert first.stat().st_mtime_ns == before.st_mtime_ns
    assert told.steps == []
    assert "already here" in told.lines[0]
    assert len(told.lines) == 1


def test_interrupted_pull_goes_on_after_the_finished_parts(index: Path) -> None:
    """Two parts that arrived are not asked for again, and a torn third is written anew."""
    fill(index, PARTS[:2])
    with pytest.raises(ModelError, match=r"doxa-made-part3==1\.0"):
        pull(entry(), progress=Told())
    assert check(entry()) == "missing"
    with (partial() / "data").open("ab") as stream:
        stream.write(b"torn off while written")
    for path in index.iterdir():
        path.unlink()
    wheel(index, 3, PARTS[2])
    told = Told()
    assert pull(entry(), progress=told).read_bytes() == BODY
    assert told.steps[-1] == len(BODY)


def test_wrong_hash_is_refused_and_leaves_no_model(index: Path) -> None:
    """Packages whose bytes have the wrong SHA-256 are named, and their bytes are not kept."""
    fill(index)
    with pytest.raises(ModelError, match=r"doxa-made-part1.*SHA-256 differs"):
        pull(entry(sha256="0" * 64), progress=Told())
    assert not (models_folder() / "made.gguf").exists()
    assert not (partial() / "data").exists()


def test_wrong_remains_are_fetched_once_more(index: Path) -> None:
    """A pull that goes on from wrong bytes begins again by itself."""
    fill(index)
    partial().mkdir(parents=True)
    (partial() / "data").write_bytes(b"x" * 4000)
    assert pull(entry(), progress=Told()).read_bytes() == BODY


def test_damaged_wheel_is_refused_and_the_parts_before_it_stay(index: Path) -> None:
    """A flipped byte in a part is found by its checksum."""
    fill(index)
    path = index / "doxa_made_part2-1.0-py3-none-any.whl"
    content = bytearray(path.read_bytes())
    content[content.index(PARTS[1]) + 7] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"doxa-made-part2 1\.0 is damaged"):
        pull(entry(), progress=Told())
    assert (partial() / "data").read_bytes() == PARTS[0]


def test_file_that_is_no_zip_is_refused(index: Path) -> None:
    """The complaint of pip about a broken wheel reaches the user in one error."""
    fill(index)
    (index / "doxa_made_part1-1.0-py3-none-any.whl").write_bytes(b"<html>404</html>")
    with pytest.raises(ModelError, match=r"doxa-made-part1==1\.0"):
        pull(entry(), progress=Told())


@pytest.mark.parametrize("content", [PARTS[0][:-1], PARTS[0] + b"x"], ids=["shorter", "longer"])
def test_part_of_another_size_is_refused(index: Path, content: bytes) -> None:
    """A package with more or fewer bytes than the catalogue says is not used."""
    fill(index, [content, *PARTS[1:]])
    with pytest.raises(ModelError, match="does not hold the 4000 bytes"):
        pull(entry(), progress=Told())


def test_full_disk_is_told_before_anything_is_fetched(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how much is missing; the free space is the one thing made up here."""
    fill(index)

    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=len(BODY) - 1000))
    part = max(map(len, PARTS))
    with pytest.raises(ModelError, match=rf"{(1000 + 2 * part) / 1000:.1f} kB are missing"):
        pull(entry(), progress=Told())


def test_models_folder_that_cannot_be_made_is_an_error(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the folder and the environment variable."""
    blocked = index / "file"
    blocked.write_text("")
    monkeypatch.setenv("DOXA_MODELS", str(blocked / "models"))
    with pytest.raises(ModelError, match="DOXA_MODELS"):
        pull(entry(), progress=Told())


def test_wrong_file_is_found_and_replaced(index: Path) -> None:
    """Check tells the wrong hash from the broken header, and pull repairs."""
    fill(index)
    path = models_folder() / "made.gguf"
    path.parent.mkdir()
    path.write_bytes(b"no model")
    assert check(entry()) == "corrupt GGUF"
    path.write_bytes(BODY + b"x")
    assert check(entry()) == "wrong hash"
    pull(entry(), progress=Told())
    assert check(entry()) == "present"


def test_two_pulls_at_once_do_not_mix(index: Path) -> None:
    """While one pull holds the folder another is turned away."""
    fill(index)
    partial().mkdir(parents=True)
    with FileLock(partial() / "lock"), pytest.raises(ModelError, match="by another process"):
        pull(entry(), progress=Told())


def test_entry_without_sources_has_nothing_to_pull(index: Path) -> None:
    """A path that is missing gives an error, one that is there is said to be there."""
    path = index / "own.gguf"
    own = ModelEntry(id="own", backend="llama_cpp", path=str(path))
    assert check(own) == "missing"
    with pytest.raises(ModelError, match="no sources"):
        pull(own, progress=Told())
    path.write_bytes(BODY)
    assert pull(own, progress=Told()) == path
    assert check(own) == "present"
    server = ModelEntry(id="s", backend="openai", url="http://127.0.0.1:1/v1")
    assert check(server) == "no file"


class Hub(http.server.ThreadingHTTPServer):
    """A hub on loopback that serves ``content`` with ranges, or only a status."""

    content = BODY
    status = 200
    breaks_after: int | None = None
    ranges: list[str | None]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.send_response(self.server.status)
        self.end_headers()

    def do_GET(self) -> None:
        assert self.path == "/made/model/resolve/main/made.gguf"
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        rest = self.server.content[begin:]
        self.send_response(206 if asked else 200)
        if asked:
            total = len(self.server.content)
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.server.breaks_after is not None:
            rest, self.server.breaks_after = rest[: self.server.breaks_after], None
        self.wfile.write(rest)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the right file; the package index stays empty until a test fills it."""
    with Hub(("127.0.0.1", 0), _Handler) as server:
        server.ranges = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


def test_hub_comes_first(hub: Hub) -> None:
    """Where the hub answers, no package is needed."""
    told = Told()
    assert pull(entry(hub=True), progress=told).read_bytes() == BODY
    assert hub.ranges == [None]
    assert told.steps[-1] == len(BODY)


def test_partial_hub_download_goes_on_with_a_range(hub: Hub) -> None:
    """What had arrived is not sent again."""
    partial().mkdir(parents=True)
    (partial() / "data").write_bytes(BODY[:1234])
    assert pull(entry(hub=True), progress=Told()).read_bytes() == BODY
    assert hub.ranges == ["bytes=1234-"]


def test_broken_connection_is_taken_up_again(hub: Hub) -> None:
    """A server that hangs up in the middle is asked for the rest."""
    hub.breaks_after = 5000
    assert pull(entry(hub=True), progress=Told()).read_bytes() == BODY
    assert hub.ranges == [None, "bytes=5000-"]


@pytest.mark.parametrize("content", [b"y" * len(BODY), BODY + b"more", BODY[:-5]])
def test_wrong_bytes_from_the_hub_lead_to_the_packages(
    hub: Hub, index: Path, content: bytes
) -> None:
    """Other bytes, too many and too few are all noticed, and the packages make it right."""
    hub.content = content
    fill(index)
    told = Told()
    assert pull(entry(hub=True), progress=told).read_bytes() == BODY
    assert sum("next source" in line for line in told.lines) == 1


def test_refusing_hub_leads_to_the_packages(hub: Hub, index: Path) -> None:
    """A gated file (status 401) is no error where packages have it."""
    hub.status = 401
    fill(index)
    told = Told()
    assert pull(entry(hub=True), progress=told).read_bytes() == BODY
    assert any("status 401" in line for line in told.lines)


def test_closed_network_leads_to_the_packages(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One quiet line says that the hub does not answer."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    fill(index)
    told = Told()
    assert pull(entry(hub=True), progress=told).read_bytes() == BODY
    assert sum("does not answer" in line for line in told.lines) == 1


def test_silent_hub_leads_to_the_packages(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and says nothing is given up."""
    monkeypatch.setattr(sources, "CONNECT_SECONDS", 0.2)
    fill(index)
    told = Told()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert pull(entry(hub=True), progress=told).read_bytes() == BODY
    assert sum("does not answer" in line for line in told.lines) == 1
