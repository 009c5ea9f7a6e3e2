"""What the demo starts beside the database: sixteen simulated systems, the query API and Airflow, each a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from cli.demo_world import WorldNote
from hub import airflow
from hub.airflow import Airflow
from hub.errors import HubError
from hub.processes import Child, Processes, wait_until
from hub.settings import Settings, require_free_port

TIMEOUT_S = 600.0  # a world of millions takes its time
SYSTEM_PORTS = 7  # that the simulated systems take: one to move them on by, and those of the systems


@dataclass(frozen=True)
class Services:
    """Where everything is that was started."""

    processes: Processes
    api: str
    airflow: Airflow
    control: str  # of the simulator

    def push_events(self) -> None:
        """Have the emergency bureau send its events to the hub's inbox."""
        self._ask("push")

    def truth(self) -> dict[str, Path]:
        """The simulated truth, as Parquet files: records, parties, garbage."""
        return {name: Path(path) for name, path in self._ask("truth").items()}

    def _ask(self, action: str) -> dict[str, str]:
        try:
            answer = httpx.post(f"{self.control}/{action}", timeout=TIMEOUT_S, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            raise HubError(
                f"模拟系统未完成 {action} · the simulator did not {action} ({type(error).__name__})",
                remedy="查看 CASEHUB_HOME（默认 var）中的 demo/simulator.log · read demo/simulator.log in CASEHUB_HOME, by default var",
            ) from None
        found: dict[str, str] = answer.json()
        return found


@dataclass
class Starter:
    """Starts the services side by side and waits for each where it is needed."""

    settings: Settings
    processes: Processes
    world: WorldNote
    folder: Path

    def __post_init__(self) -> None:
        """Settle the API's address, which the simulator is told before the API is there.

        Raises:
            SettingsError: a port is taken; names the setting.
        """
        first = self.settings.simulator_port
        for place in range(SYSTEM_PORTS if first else 0):  # their own process would tell its log alone
            require_free_port("127.0.0.1", first + place, "simulator_port")
        port = require_free_port(self.settings.host, self.settings.api_port, "api_port")
        self.api = f"http://{self.settings.host}:{port}"
        self.environment = {**airflow.base_environment(self.settings), "CASEHUB_API_PORT": str(port)}
        self._connections = self.folder / "simulator" / "connections.json"

    def begin(self, metadata_url: str) -> tuple[Airflow, Child]:
        """Start the simulator, and Airflow's migration beside it."""
        ready = airflow.set_up(self.settings, metadata_url, self.environment)
        self._connections.unlink(missing_ok=True)
        words = ["--records", str(self.world.records), "--seed", str(self.world.seed), "--folder", str(self._connections.parent)]
        self._start("simulator", ["-m", "simulator", *words, "--inbox-url", self.api], self.environment)
        return ready, airflow.start_migration(ready, self.processes)

    def wait_for_systems(self) -> dict[str, str]:
        """CASEHUB_CONNECTION_* of the simulated systems, and `control`."""
        self._wait(self._connections.exists, "the simulated systems", "simulator")
        found: dict[str, str] = json.loads(self._connections.read_text())
        return found

    def start_api(self, connections: Mapping[str, str]) -> None:
        """Start the query API, which also is the inbox for pushed events."""
        self._start("api", ["-m", "cli.main", "serve"], {**self.environment, **connections})

    def wait_for_api(self) -> None:
        """Wait until it can answer."""
        self._wait(lambda: _answers(f"{self.api}/readyz"), "the query API", "api")

    def _start(self, name: str, words: list[str], environment: Mapping[str, str]) -> None:
        with_path = {**environment, "PYTHONPATH": str(airflow.ROOT)}
        self.processes.start(name, [sys.executable, *words], with_path, self.folder / f"{name}.log")

    def _wait(self, is_true: Callable[[], bool], what: str, name: str) -> None:
        wait_until(is_true, what, timeout_s=TIMEOUT_S, processes=self.processes, log=self.folder / f"{name}.log")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
