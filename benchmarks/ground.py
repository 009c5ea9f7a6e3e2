"""A platform to measure on: an embedded store and the simulated systems in processes of their own, in a throw-away folder."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

from hub import postgres
from hub.database import make_engine
from hub.migrations import migrate
from hub.settings import Settings
from schema.tables import SCHEMAS

WAIT_S = 600.0
_REFILL = "INSERT INTO ops.inbox (department, event_id, body) SELECT department, event_id, body FROM public.pushed"


@dataclass(frozen=True)
class Ground:
    """The store, and the environment in which `casehub` finds it and the systems."""

    engine: Engine
    environment: dict[str, str]

    def empty(self) -> None:
        """A store as new, but with the pushed events waiting in the inbox as they did at first."""
        with self.engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS public.pushed AS SELECT department, event_id, body FROM ops.inbox"))
            for schema in SCHEMAS:
                connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
            connection.execute(text("DROP TABLE alembic_version"))
        migrate(self.engine)
        with self.engine.begin() as connection:
            connection.execute(text(_REFILL))
        self.settle()

    def settle(self) -> None:
        """Write out what the last run left dirty, so that the next does not pay for it."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))


@contextlib.contextmanager
def ground(records: int, seed: int = 2026) -> Iterator[Ground]:
    """A migrated store and sixteen systems with so many records in all, for as long as this lasts."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casehub-bench-", ignore_cleanup_errors=True)))
        home.chmod(0o755)  # the server's unprivileged user must be able to enter
        server = stack.enter_context(postgres.running(Settings(home=home, postgres_port=0)))
        engine = make_engine(server.url())
        stack.callback(engine.dispose)
        migrate(engine)
        environment = {"CASEHUB_DATABASE_URL": server.url().render_as_string(hide_password=False), "CASEHUB_LOG_LEVEL": "ERROR"}
        environment |= stack.enter_context(_systems(home, records, seed, environment))
        yield Ground(engine, environment)


@contextlib.contextmanager
def _systems(home: Path, records: int, seed: int, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The simulated systems, their events pushed through a query API that ends right after."""
    folder, api_port = home / "simulator", 18481
    command = [sys.executable, "-m", "simulator", "--records", str(records), "--seed", str(seed), "--folder", str(folder), "--port", "0"]
    command += ["--inbox-url", f"http://127.0.0.1:{api_port}"]
    with process(command, environment):
        connections = _wait_for(folder / "connections.json")
        control = connections.pop("control")
        served = {**environment, **connections, "CASEHUB_API_PORT": str(api_port)}
        with process([sys.executable, "-m", "cli.main", "serve"], served):
            wait_until_ready(f"http://127.0.0.1:{api_port}/healthz")
            httpx.post(f"{control}/push", timeout=WAIT_S).raise_for_status()
        yield connections


@contextlib.contextmanager
def process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A process beside this one, for as long as this lasts."""
    running = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - own words
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


def _wait_for(path: Path) -> dict[str, str]:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if path.exists():
            found: dict[str, str] = json.loads(path.read_text())
            return found
        time.sleep(0.1)
    sys.exit(f"the simulated systems did not come up within {WAIT_S:.0f} s")


def wait_until_ready(url: str) -> None:
    """Wait until something answers there.

    Raises:
        SystemExit: nothing does.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).is_success:
                return
        time.sleep(0.1)
    sys.exit(f"nothing answers at {url}")
