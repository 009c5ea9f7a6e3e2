"""How the API is run: one port of one address, which is CASEHUB_HOST and CASEHUB_API_PORT."""

from __future__ import annotations

import contextlib
import gc
import logging
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from api.app import create_app
from api.departments import Directory
from api.middleware import MAX_REQUESTS
from api.protocol import Protocol
from api.watches.worker import watching
from hub.errors import SettingsError
from hub.memory import share_arenas
from hub.settings import Settings
from schema.search import query_of

START_TIMEOUT_S = 20.0
GARBAGE = 20_000  # new objects after which circles among them are looked for; a search makes as many


def serve(settings: Settings, engine: Engine) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP, and look after watches meanwhile.

    Raises:
        SettingsError: the port is taken; names the setting.
        ContractError: there is no such folder of contracts.
    """
    with contextlib.closing(_listen(settings)) as port:
        server = _server(settings, engine)
        _settle_down()
        with watching(server.application.state.hub):
            try:
                server.run(sockets=[port])
            except (KeyboardInterrupt, SystemExit):  # once it has shut down, uvicorn passes on the signal that told it to
                if not server.should_exit:
                    raise


@contextlib.contextmanager
def serving(settings: Settings, engine: Engine, directory: Directory | None = None) -> Iterator[str]:
    """Serve in a thread for as long as this lasts.

    Args:
        settings: the process's; port 0 takes a free one.
        engine: the store's.
        directory: the departments; None reads every contract that the settings name.

    Yields:
        The address, http://host:port.

    Raises:
        SettingsError: the port is taken; names the setting.
        ContractError: there is no such folder of contracts.
    """
    with contextlib.closing(_listen(settings)) as port:
        server = _server(settings, engine, directory)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [port]}, name="casehub-api", daemon=True)
        thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            yield f"http://{settings.host}:{port.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(START_TIMEOUT_S)


def _settle_down() -> None:
    """Keep the garbage collector from what this process has for good, and from looking for circles dozens of times a request.

    A full round over modules, models and routes takes some 50 ms, in which nothing is answered. Answers are made in many
    threads: what each frees in pieces is to be there for the others.
    """
    share_arenas()
    query_of("")  # works out tables of characters once
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


class _Server(uvicorn.Server):
    """Lets go those who wait for changes when it ends, instead of waiting for them."""

    def __init__(self, application: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.application = application

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Shut down for a terminal that is closed, too: an exception wherever it found this thread would leave others waited for."""
        is_told = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        former = signal.signal(signal.SIGHUP, self.handle_exit) if is_told else None
        with super().capture_signals():
            try:
                yield
            finally:
                if is_told:
                    signal.signal(signal.SIGHUP, former)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self.application.state.changes.close()
        await super().shutdown(sockets)


def _server(settings: Settings, engine: Engine, directory: Directory | None = None) -> _Server:
    """Without uvicorn's access log: its lines hold query strings. The API writes its own."""
    logging.getLogger("uvicorn.access").disabled = True  # `access_log=False` alone gives way to any handler that somebody adds
    app = create_app(settings, engine, directory)
    return _Server(
        app,
        uvicorn.Config(
            app,
            http=Protocol,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),  # else uvicorn believes whatever comes over loopback
            forwarded_allow_ips=settings.trusted_proxies,
            lifespan="on",
            limit_concurrency=_most_connections(),
            timeout_keep_alive=10,
            timeout_graceful_shutdown=10,
        ),
    )


def _most_connections() -> int:
    """Connections that are taken, on most of which nothing is asked; beyond half of the files that may be open uvicorn's own 503 is sent.

    What is answered at a time `RequestPlaces` bounds: as uvicorn counts, who only connects would shut everybody out.
    """
    return max(2 * MAX_REQUESTS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


def _listen(settings: Settings) -> socket.socket:
    """A socket that is bound and listens, so that nobody can take the port between asking and serving."""
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.api_port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"无法监听 {settings.host} 的端口 {settings.api_port} · "
            f"port {settings.api_port} on {settings.host} cannot be listened on ({error.strerror})",
            remedy="停止占用端口的程序，或更改 CASEHUB_API_PORT · stop what listens there or set CASEHUB_API_PORT to another port",
            setting="CASEHUB_API_PORT",
        ) from None
    return listener
