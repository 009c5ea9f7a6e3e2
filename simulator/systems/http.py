"""A small HTTP server on loopback: one thread a connection, one application a port.

The systems' applications take a `Request` and give a `Response`; everything else about HTTP is here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from hub.settings import require_free_port

HOST = "127.0.0.1"
MAX_BODY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One request as an application sees it; header names are lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


App = Callable[[Request], Response]


def as_json(document: object, status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    return Response(status, orjson.dumps(document), headers=headers)


class Faults:
    """Faults that a system shows once after each step of time, such as a 500 or a 429, and then no more."""

    def __init__(self, *names: str) -> None:
        self._names = frozenset(names)
        self._armed = set(names)
        self._lock = threading.Lock()

    def arm(self) -> None:
        """Let every fault happen once more."""
        with self._lock:
            self._armed = set(self._names)

    def strikes(self, name: str) -> bool:
        """Whether the fault happens now; True the first time alone."""
        with self._lock:
            if name not in self._armed:
                return False
            self._armed.remove(name)
            return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    app: App

    def handle_error(self, *_: Any) -> None:
        """Clients that hang up are no news; the log must not hold what they sent."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "department"
    sys_version = ""
    wbufsize = -1  # header and body leave together: unbuffered, Nagle and delayed acks cost 40 ms a page
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: Any, **__: Any) -> None:
        """Silent: query strings would bring personal data into logs."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self._send(as_json({"error": "request too large"}, 413))
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
        )
        self._send(self.server.app(request))

    def _send(self, response: Response) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(response.status)
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
            for name, value in response.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(response.body)
            self.wfile.flush()


class Service:
    """An application that listens on a loopback port until it is stopped.

    Args:
        app: what answers.
        port: the port; 0 takes a free one.

    Raises:
        SettingsError: the port is taken; names `CASEHUB_SIMULATOR_PORT`.
    """

    def __init__(self, app: App, port: int = 0) -> None:
        free = require_free_port(HOST, port, "simulator_port") if port else 0
        self._server = _Server((HOST, free), _Handler)
        self._server.app = app
        self.port = int(self._server.server_address[1])
        self.url = f"http://{HOST}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def joined(bodies: Iterable[str]) -> bytes:
    """A JSON array of rows that are JSON text already."""
    return ("[" + ",".join(bodies) + "]").encode("utf-8")
