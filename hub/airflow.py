"""Airflow: set up in `var/airflow` and run as processes of the hub's own choosing, on loopback alone.

Three processes do: scheduler (with the LocalExecutor's workers), DAG processor and API server. No triggerer, for no task
is deferred; no log servers, which would listen on all addresses: the API server reads the log files itself. Settings and
secrets are one file that only its owner can read, so `AIRFLOW_HOME=var/airflow airflow …` works from a shell too.
"""

from __future__ import annotations

import base64
import configparser
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from hub.errors import HubError
from hub.private_files import private, write_private
from hub.processes import Child, Processes, wait_until
from hub.settings import Settings, require_free_port

ROOT = Path(__file__).parent.parent
DAGS = ROOT / "dags"
USER = "admin"
START_TIMEOUT_S = 120.0
_SECRETS: Mapping[str, Callable[[], str]] = {
    "fernet_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "secret_key": lambda: secrets.token_urlsafe(32),
    "jwt_secret": lambda: secrets.token_urlsafe(64),
    "password": lambda: secrets.token_urlsafe(12),
}


@dataclass(frozen=True)
class Airflow:
    """An Airflow that is set up: where it will answer, and who may enter."""

    home: Path
    url: str
    password: str
    environment: Mapping[str, str]
    since: datetime

    def given(self, more: Mapping[str, str]) -> Airflow:
        """The same, with more in its processes' environment."""
        return replace(self, environment={**self.environment, **more})

    def command(self, *words: str) -> list[str]:
        """Command line of one of Airflow's own commands."""
        return [sys.executable, "-m", "airflow", *words]

    def log(self, name: str) -> Path:
        """Where a component's output goes."""
        return self.home / "logs" / f"{name}.log"


def set_up(settings: Settings, database_url: str, environment: Mapping[str, str], dags: Path = DAGS) -> Airflow:
    """Write Airflow's configuration, its secrets and its one user.

    Args:
        settings: home and ports.
        database_url: of the metadata database.
        environment: what the processes, and so the tasks, are given: the hub's settings and the connections.
        dags: folder of DAG files.

    Raises:
        SettingsError: CASEHUB_AIRFLOW_PORT is taken.
    """
    home = settings.home.resolve() / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    port = require_free_port(settings.host, settings.airflow_port, "airflow_port")
    kept = _kept_secrets(home / "secrets.json")
    passwords = home / "passwords.json"
    write_private(passwords, json.dumps({USER: kept["password"]}))
    url = f"http://{settings.host}:{port}"
    parser = configparser.RawConfigParser()
    written = _configuration(home, dags, kept, (settings.host, port), database_url)
    # Airflow takes a lone % for the beginning of another setting's name.
    parser.read_dict({section: {name: value.replace("%", "%%") for name, value in values.items()} for section, values in written.items()})
    with private(home / "airflow.cfg").open("w") as file:
        parser.write(file)
    own = {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return Airflow(home, url, kept["password"], {**environment, **own}, datetime.now(UTC))


def hold_schedules(airflow: Airflow) -> Airflow:
    """The same, but its departments run when they are asked alone, until `let_schedules_go`; to be called before `start`."""
    held_by = airflow.home / "schedules-held"
    held_by.touch()
    return airflow.given({"CASEHUB_SCHEDULES_HELD_BY": str(held_by)})


def let_schedules_go(airflow: Airflow) -> None:
    """Leave departments to their schedules from when the DAGs are read next, which is within a minute or two."""
    Path(airflow.environment["CASEHUB_SCHEDULES_HELD_BY"]).unlink(missing_ok=True)


def start_migration(airflow: Airflow, processes: Processes) -> Child:
    """Begin to make or update the metadata's tables, which takes seconds; `finish_migration` waits for it."""
    return processes.start("airflow-migrate", airflow.command("db", "migrate"), airflow.environment, airflow.log("migrate"))


def finish_migration(migration: Child, processes: Processes) -> None:
    """Wait until the tables are there.

    Raises:
        HubError: Airflow refused; names its log.
    """
    code = migration.process.wait()
    processes.stop([migration])
    if code != 0:
        raise HubError("Airflow 建表失败 · Airflow could not make its tables", remedy=f"查看 {migration.log} · read {migration.log}")


def start(airflow: Airflow, processes: Processes) -> list[Child]:
    """Start the components; `wait_until_healthy` says when they are of use.

    The API server first: what starts last is stopped first, and tasks that end while the scheduler waits for them report to it.
    """
    with_preload = {**airflow.environment, "PYTHONPATH": os.pathsep.join((str(ROOT / "hub" / "scheduler"), str(ROOT)))}
    return [
        processes.start("airflow-api-server", airflow.command("api-server"), airflow.environment, airflow.log("api-server")),
        processes.start("airflow-scheduler", airflow.command("scheduler", "--skip-serve-logs"), with_preload, airflow.log("scheduler")),
        processes.start("airflow-dag-processor", airflow.command("dag-processor"), airflow.environment, airflow.log("dag-processor")),
    ]


def wait_until_healthy(airflow: Airflow, processes: Processes) -> None:
    """Wait until the API answers and scheduler and DAG processor have reported to it.

    Raises:
        HubError: a component ended or is late; names the log to read.
    """
    with httpx.Client(base_url=airflow.url, trust_env=False, timeout=5) as client:
        wait_until(lambda: _is_healthy(client), "Airflow", timeout_s=START_TIMEOUT_S, processes=processes, log=airflow.log("api-server"))


def _is_healthy(client: httpx.Client) -> bool:
    try:
        health = client.get("/api/v2/monitor/health").raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def base_environment(settings: Settings) -> dict[str, str]:
    """This process's environment for children: settings spelt out, and free of what would lead Airflow or Python astray.

    AIRFLOW variables of the shell point to some other Airflow; a proxy must not stand between processes of one machine; and a
    dozen of interpreters that may not keep byte code compile everything a dozen times.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW") and name != "PYTHONDONTWRITEBYTECODE"}
    own = {f"CASEHUB_{name.upper()}": _as_text(value) for name, value in settings if value is not None}
    beside = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1", "localhost", settings.host)))
    return {**kept, **own, "CASEHUB_HOME": str(settings.home.resolve()), "NO_PROXY": beside, "no_proxy": beside}


def _as_text(value: object) -> str:
    """A setting as its variable holds it: secrets told, lists and tables as JSON."""
    reveal = getattr(value, "get_secret_value", None)
    if isinstance(value, dict | list | tuple):
        return json.dumps(value)
    return str(reveal() if reveal else value)


def _kept_secrets(path: Path) -> dict[str, str]:
    """Secrets made at the first start and kept, for what Airflow has encrypted with them must stay readable."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if set(kept) != set(_SECRETS):
        kept = {name: kept.get(name) or make() for name, make in _SECRETS.items()}
        write_private(path, json.dumps(kept))
    return kept


def _configuration(
    home: Path, dags: Path, kept: Mapping[str, str], address: tuple[str, int], database_url: str
) -> dict[str, dict[str, str]]:
    host, port = address
    url = f"http://{host}:{port}"
    return {
        "core": {
            "dags_folder": str(dags),
            "executor": "LocalExecutor",
            "parallelism": str(min(8, (os.cpu_count() or 2) + 2)),
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",  # a DAG first seen while paused stays paused
            "fernet_key": kept["fernet_key"],
            "execution_api_server_url": f"{url}/execution/",
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_all_admins": "False",
            "simple_auth_manager_passwords_file": str(home / "passwords.json"),
            "hostname_callable": "socket.gethostname",  # asking for the full name waits for a name server
            "mp_start_method": "fork",  # Python 3.14 would start tasks anew, without what was imported for them
            "plugins_folder": str(home / "plugins"),
        },
        "database": {"sql_alchemy_conn": database_url},
        "api": {"host": host, "port": str(port), "base_url": url, "workers": "1", "secret_key": kept["secret_key"]},
        "api_auth": {"jwt_secret": kept["jwt_secret"]},
        "logging": {"base_log_folder": str(home / "logs"), "logging_level": "INFO"},
        "scheduler": {
            "enable_health_check": "False",
            "max_dagruns_to_create_per_loop": "50",
            # After a kill -9 the next scheduler takes over at once what the dead one was doing.
            "scheduler_health_check_threshold": "15",
            "orphaned_tasks_check_interval": "10",
            "task_instance_heartbeat_timeout": "60",
        },
        # A task's supervisor looks at its heartbeat for whether the task is gone: with 5 s, the default, each task holds its place
        # for five seconds after its end.
        "workers": {"min_heartbeat_interval": "1", "max_failed_heartbeats": "20"},
        "dag_processor": {"parsing_processes": "1", "min_file_process_interval": "60", "refresh_interval": "60"},
        "usage_data_collection": {"enabled": "False"},
    }
