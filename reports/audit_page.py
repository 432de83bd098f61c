"""The audit page: served on this machine only, to whoever knows its address.

What a page of another site could try is refused: it does not know the token, a name that it points
at this machine is not the ``Host`` asked for, and a form that it sends is not JSON. What a model
wrote reaches the page as JSON and is shown as text; the content security policy allows no script
but the page's own, and Trusted Types no markup made of strings.
"""

from __future__ import annotations

import json
import secrets
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

from prompts.errors import DoxaError, UsageError
from reports import audit_session, fonts

if TYPE_CHECKING:
    from pathlib import Path

    from reports.audit_session import Session

LOOPBACK = "127.0.0.1"
MOST_BYTES = 4096
SECONDS = 30
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
PARTS = {
    "": ("audit.html", "text/html; charset=utf-8"),
    "audit.css": ("audit.css", "text/css; charset=utf-8"),
    "audit.js": ("audit.js", "text/javascript; charset=utf-8"),
}


class AuditServer(ThreadingHTTPServer):
    """Serves one session on loopback."""

    def __init__(self, session: Session, port: int = 0) -> None:
        """Listen; port 0 is any that is free.

        Raises:
            UsageError: another program has the port.
        """
        self.session = session
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be used ({error.strerror}).",
                "Leave --port out, and any free one is taken.",
            ) from error

    @property
    def address(self) -> str:
        """What to open in a browser; whoever has it can label."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def handle_error(self, *_: object) -> None:
        """A browser that hangs up is no event."""


class _Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """A request that gets no answer but a status."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "doxa", ""
    timeout = SECONDS

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, *_: object) -> None:
        """Say nothing: addresses hold the token."""

    @property
    def _server(self) -> AuditServer:
        return cast("AuditServer", self.server)

    def _answer(self, respond: Any) -> None:
        try:
            self._check()
            status, kind, body = respond(self._path())
        except _Refused as refused:
            status, kind, body = refused.status, *_json({"what": str(refused), "remedy": ""})
        except DoxaError as error:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            kind, body = _json({"what": error.what, "remedy": error.remedy})
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _check(self) -> None:
        """Refuse who does not ask for this page by its address."""
        port = self._server.server_port
        hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
        if self.headers.get("Host") not in hosts:
            raise _Refused(HTTPStatus.FORBIDDEN, "This page is served on this machine only.")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise _Refused(HTTPStatus.FORBIDDEN, "This page answers no other page.")
        token = urlsplit(self.path).path.removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(token.encode(), self._server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "Open the address that doxa printed.")

    def _path(self) -> str:
        return urlsplit(self.path).path.removeprefix(f"/{self._server.token}").removeprefix("/")

    def _get(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        session = self._server.session
        if path in PARTS:
            name, kind = PARTS[path]
            return HTTPStatus.OK, kind, files("reports").joinpath(name).read_bytes()
        if path.startswith("fonts/") and path.removeprefix("fonts/") in _fonts():
            content = _fonts()[path.removeprefix("fonts/")].read_bytes()
            return HTTPStatus.OK, "font/ttf", content
        if path == "sample":
            return HTTPStatus.OK, *_json(audit_session.sample(session))
        if path == "labels":
            asked = parse_qs(urlsplit(self.path).query).get("annotator", [""])
            name = _name(asked[0])
            found = {"annotator": name, "labels": audit_session.labels(session, name)}
            return HTTPStatus.OK, *_json(found)
        if path == "agreement":
            return HTTPStatus.OK, *_json({"pairs": audit_session.agreements(session)})
        raise _Refused(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _post(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        if path != "label":
            raise _Refused(HTTPStatus.NOT_FOUND, "There is no such page.")
        sent = self._sent()
        session = self._server.session
        number, outcome = sent.get("number"), sent.get("outcome")
        if type(number) is not int or not 0 <= number < len(session.cards):
            raise _Refused(HTTPStatus.NOT_FOUND, "The sample has no such response.")
        if outcome is not None and outcome not in audit_session.outcomes(session.cards[number]):
            raise _Refused(HTTPStatus.BAD_REQUEST, "This response has no such outcome.")
        audit_session.give_label(session, number, _name(sent.get("annotator")), outcome)
        return HTTPStatus.OK, *_json({"number": number, "outcome": outcome})

    def _sent(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Labels are sent as JSON.")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "The length of the label is missing.")
        if int(length) > MOST_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A label is short.")
        try:
            sent = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            sent = None
        if not isinstance(sent, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "That is no label.")
        return sent


def _name(sent: object) -> str:
    try:
        return audit_session.clean_name(sent if isinstance(sent, str) else "")
    except UsageError as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from error


def _json(content: dict[str, Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps(content, allow_nan=False).encode()


@cache
def _fonts() -> dict[str, Path]:
    """Doxa's fonts by the name that the style sheet gives them, such as ``NotoSansArabic``."""
    return {
        path.name.partition("[")[0]: path
        for folder in fonts.directories()
        for path in folder.glob("*.ttf")
        if "Italic" not in path.name
    }
