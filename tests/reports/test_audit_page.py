"""The audit page over HTTP, as a browser, another site and a broken program would ask it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.tables import load
from prompts.errors import UsageError
from reports import audit_session
from reports.audit_page import AuditServer
from reports.audit_session import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="server")
def _server(classified: Path, tmp_path: Path) -> Iterator[AuditServer]:
    """A server on a free port, answering."""
    run = Path(shutil.copy(classified, tmp_path))
    session = open_session(run, size=200, seed=0, annotator=None)
    with AuditServer(session) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: AuditServer,
    path: str,
    body: object = None,
    *,
    token: str | None = None,
    method: str | None = None,
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """Send a request and return status, headers and content; JSON unless it is bytes."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if sent is not None:
        named = {"Content-Type": "application/json", **named}
    where = f"/{server.token if token is None else token}/{path}"
    connection.request(method or ("GET" if sent is None else "POST"), where, sent, named)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.headers), content


def label(number: int = 0, outcome: Any = "refuses", annotator: Any = "Ana") -> dict[str, Any]:
    """What the page sends."""
    return {"number": number, "outcome": outcome, "annotator": annotator}


PATHS = ("", "audit.css", "audit.js", "sample", "labels?annotator=Ana", "agreement")


@pytest.mark.parametrize("path", PATHS)
def test_everything_is_served_with_the_policy(server: AuditServer, path: str) -> None:
    """Every answer forbids scripts from elsewhere, sniffing, framing and keeping."""
    status, headers, content = ask(server, path)
    assert status == 200
    assert content
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_the_page_names_nothing_from_elsewhere(server: AuditServer) -> None:
    """No address of another machine stands in the page, and no script or style inside it."""
    for path in ("", "audit.css", "audit.js"):
        content = ask(server, path)[2].decode()
        assert "//" not in content.replace("\n// ", "\n") or path == "audit.js"
        assert "http:" not in content
        assert "https:" not in content
    page = ask(server, "")[2].decode()
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    script = ask(server, "audit.js")[2].decode()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in script


@pytest.mark.parametrize("path", [*PATHS, "label", "fonts/NotoSans", "none"])
@pytest.mark.parametrize("token", ["", "wrong", "ü%00", "../"])
def test_without_the_token_nothing_is_served(server: AuditServer, path: str, token: str) -> None:
    """Not even whether a page exists."""
    token = token.encode("ascii", "ignore").decode()
    assert ask(server, path, token=token)[0] == 403
    assert ask(server, path, label(), token=token)[0] == 403
    assert load(server.session.path).audit.empty


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "[::1]:{port}"]
)
def test_another_host_is_refused(server: AuditServer, host: str) -> None:
    """A name that an attacker points at this machine does not reach the page, token or not."""
    named = host.replace("{port}", str(server.server_port))
    assert ask(server, "sample", Host=named)[0] == 403
    assert ask(server, "label", label(), Host=named)[0] == 403
    assert ask(server, "sample", Host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_another_origin_is_refused(server: AuditServer, origin: str) -> None:
    """A page of another site that learnt the address can still not label."""
    assert ask(server, "label", label(), Origin=origin)[0] == 403
    own = f"http://127.0.0.1:{server.server_port}"
    assert ask(server, "label", label(), Origin=own)[0] == 200


def test_only_loopback_listens(server: AuditServer) -> None:
    """No other machine can reach the page, and two servers have two tokens."""
    assert server.server_address[0] == "127.0.0.1"
    with AuditServer(server.session) as other:
        assert other.token != server.token
        assert len(other.token) >= 32


BAD = {
    "no JSON": (b"{", 400),
    "not UTF-8": (b'"\xff"', 400),
    "a list": (b"[]", 400),
    "deep": (b"[" * 4000, 400),
    "nothing": (b"", 400),
    "too long": (b'"' + b"x" * 5000 + b'"', 413),
    "no name": ({"number": 0, "outcome": "pro"}, 400),
    "empty name": (label(annotator=" "), 400),
    "name is a number": (label(annotator=3), 400),
    "long name": (label(annotator="x" * 61), 400),
    "unknown probe": (label(number=10_000), 404),
    "negative probe": (label(number=-1), 404),
    "true as probe": (label(number=True), 404),
    "probe is a text": ({**label(), "number": "0"}, 404),
    "unknown outcome": (label(outcome="great"), 400),
    "outcome is a list": (label(outcome=["pro"]), 400),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_label_is_refused(server: AuditServer, case: str) -> None:
    """It gets a status and a sentence; nothing is stored, and the next label is."""
    body, status = BAD[case]
    found, _, content = ask(server, "label", body)
    assert found == status
    assert json.loads(content)["what"]
    assert load(server.session.path).audit.empty
    assert ask(server, "label", label())[0] == 200


def test_an_outcome_that_the_prompt_does_not_have_is_refused(server: AuditServer) -> None:
    """A side where there are no poles, and a plain answer where there are."""
    for number, card in enumerate(server.session.cards):
        wrong = "answers" if card.has_poles else "pro"
        assert ask(server, "label", label(number, wrong))[0] == 400


def test_a_form_of_another_page_is_refused(server: AuditServer) -> None:
    """What a browser sends without asking, forms and plain text, is no label."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert ask(server, "label", label(), Content_Type=kind)[0] == 415


def test_other_pages_and_methods(server: AuditServer) -> None:
    """There is nothing but what the page needs, and no way to the files around it."""
    for path in (
        "none",
        "audit.py",
        "../audit_page.py",
        "fonts/",
        "fonts/../audit_page.py",
        "label",
    ):
        assert ask(server, path)[0] == 404
    assert ask(server, "sample", label())[0] == 404
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD"):
        assert ask(server, "label", method=method)[0] == 501


def test_fonts_are_served(server: AuditServer) -> None:
    """Every font that the style sheet names is there."""
    sheet = ask(server, "audit.css")[2].decode()
    names = {part.split('"')[0] for part in sheet.split('url("')[1:]}
    assert len(names) == 7
    for name in names:
        status, headers, content = ask(server, name)
        assert (status, headers["Content-Type"]) == (200, "font/ttf")
        assert content[:4] == b"\x00\x01\x00\x00"


def test_a_label_is_stored_before_the_answer(server: AuditServer) -> None:
    """Another program sees it in the file, which is one plain file, as soon as the page does."""
    assert ask(server, "label", label(3))[0] == 200
    path = server.session.path
    assert [file.name for file in path.parent.glob("run.sqlite*")] == ["run.sqlite"]
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as db:
        rows = db.execute("SELECT probe, annotator, outcome FROM audit_labels").fetchall()
    assert rows == [(server.session.cards[3].probe, "Ana", "refuses")]


def test_many_label_at_once(server: AuditServer) -> None:
    """Labels that arrive together are all stored, each once."""
    cards = len(server.session.cards)
    names = ("Ana", "Bo", "Cleo")
    sent = [label(number, annotator=name) for number in range(cards) for name in names]
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda one: ask(server, "label", one)[0], sent))
    assert statuses == [200] * len(sent)
    for name in names:
        assert sorted(audit_session.labels(server.session, name)) == [
            (number, "refuses") for number in range(cards)
        ]


def test_labelling_beside_another_writer(server: AuditServer) -> None:
    """While a run is being continued, labels are stored; when it holds the file, one error."""
    other = sqlite3.connect(server.session.path, isolation_level=None, timeout=0.1)
    other.execute("PRAGMA journal_mode = WAL")
    assert ask(server, "label", label(0))[0] == 200
    other.execute("BEGIN IMMEDIATE")
    status, _, content = ask(server, "label", label(1))
    assert status == 500
    assert "being written by another run" in json.loads(content)["what"]
    other.execute("ROLLBACK")
    other.close()
    assert ask(server, "label", label(1))[0] == 200
    assert len(audit_session.labels(server.session, "Ana")) == 2


def test_a_port_in_use_is_an_error(server: AuditServer) -> None:
    """It names the port and what to do."""
    with pytest.raises(UsageError, match=str(server.server_port)) as caught:
        AuditServer(server.session, server.server_port)
    assert "--port" in caught.value.remedy


def test_a_client_that_hangs_up_stops_nothing(
    server: AuditServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """A connection closed half way leaves no trace on the terminal."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.putrequest("POST", f"/{server.token}/label")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"{")
    connection.close()
    assert ask(server, "sample")[0] == 200
    assert capfd.readouterr() == ("", "")
