"""A receiver of webhooks as a department would run one, and the hub's worker to post to it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import Engine

from api.state import Hub
from api.watches.worker import hub_alone
from hub.settings import Settings


@dataclass
class Receiver:
    """What came, and what is answered."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


@contextlib.contextmanager
def receiver(wrap: Callable[[ThreadingHTTPServer], None] | None = None) -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            found.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            if found.answer is not None:
                found.answer(self)
                return
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if wrap is not None:
        wrap(server)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def worker(engine: Engine, **settings: Any) -> Iterator[Hub]:
    """A hub whose watches are looked after by hand."""
    with hub_alone(Settings(**{"webhook_loopback": True, **settings}), engine) as hub:
        yield hub
