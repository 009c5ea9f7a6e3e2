"""Real servers on loopback for the tests of the transports: HTTP, SFTP, S3."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asyncssh
import orjson

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What goes out; a body that is an iterator is sent in chunks for as long as anybody listens."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    return Response(
        status, orjson.dumps(value), {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


def as_xml(text: str, status: int = 200) -> Response:
    """An XML answer."""
    return Response(status, text.encode(), {"Content-Type": "text/xml; charset=utf-8"})


class HttpServer:
    """A server that asks a function, and keeps what it was asked."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.requests: list[Request] = []
        self.clock: str | None = None  # what it says the time is, where that is not the right one
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def date_time_string(self, timestamp: float | None = None) -> str:
                return outer.clock or super().date_time_string(timestamp)

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, self.rfile.read(length))
                outer.requests.append(request)
                self._send(answer(request))

            do_POST = do_GET

            def _send(self, response: Response) -> None:
                try:
                    self.send_response(response.status)
                    for name, value in response.headers.items():
                        self.send_header(name, value)
                    if isinstance(response.body, bytes):
                        self.send_header("Content-Length", response.headers.get("Content-Length", str(len(response.body))))
                        self.end_headers()
                        self.wfile.write(response.body)
                        return
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for chunk in response.body:
                        self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def http_server(answer: Callable[[Request], Response]) -> Iterator[HttpServer]:
    """An HTTP server for the time of a test."""
    server = HttpServer(answer)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class _Login(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("exchange", "right")


class SftpServer:
    """A folder over SFTP, for user `exchange` with password `right`."""

    def __init__(self, folder: Path, *, read_delay_s: float = 0) -> None:
        self._folder, self._delay = folder, read_delay_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = key.export_public_key().decode("ascii").strip()
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(key), self._loop).result(10)
        self.url = f"sftp://exchange@{HOST}:{self._acceptor.get_port()}/out"

    async def _listen(self, key: asyncssh.SSHKey) -> asyncssh.SSHAcceptor:
        delay = self._delay

        class Files(asyncssh.SFTPServer):
            async def read(self, file_obj: object, offset: int, size: int) -> bytes:
                await asyncio.sleep(delay)
                return bytes(super().read(file_obj, offset, size))

        def files(channel: Any) -> asyncssh.SFTPServer:
            return Files(channel, chroot=str(self._folder).encode())

        return await asyncssh.create_server(_Login, HOST, 0, server_host_keys=[key], sftp_factory=files)

    def stop(self) -> None:
        """Stop listening."""

        async def close() -> None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
            rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            await asyncio.wait(rest, timeout=5) if rest else None

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
