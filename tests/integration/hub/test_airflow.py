"""Airflow's set-up: secrets that are kept and private, loopback alone, nothing of another Airflow."""

from __future__ import annotations

import configparser
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hub import airflow
from hub.errors import SettingsError
from hub.settings import Settings

URL = "postgresql+psycopg2://casehub:a%25b@127.0.0.1:1/airflow"


def set_up(home: Path) -> airflow.Airflow:
    settings = Settings(home=home, airflow_port=0)
    return airflow.set_up(settings, URL, airflow.base_environment(settings))


def configuration(ready: airflow.Airflow) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ready.home / "airflow.cfg")
    return parser


def test_files_with_secrets_are_their_owners_alone(tmp_path: Path) -> None:
    ready = set_up(tmp_path)
    for name in ("airflow.cfg", "passwords.json", "secrets.json"):
        assert (ready.home / name).stat().st_mode & 0o077 == 0
    assert ready.home.stat().st_mode & 0o077 == 0


def test_secrets_are_made_anew_for_each_home_and_kept_there(tmp_path: Path) -> None:
    first, again, other = set_up(tmp_path / "a"), set_up(tmp_path / "a"), set_up(tmp_path / "b")
    assert first.password == again.password != other.password
    for section, key in (("core", "fernet_key"), ("api", "secret_key"), ("api_auth", "jwt_secret")):
        mine = configuration(first)[section][key]
        assert len(mine) > 30
        assert mine == configuration(again)[section][key] != configuration(other)[section][key]


def test_one_admin_with_a_password_and_no_open_door(tmp_path: Path) -> None:
    core = configuration(set_up(tmp_path))["core"]
    assert core["simple_auth_manager_users"] == "admin:admin"  # name:role
    assert core["simple_auth_manager_all_admins"] == "False"
    passwords = json.loads(Path(core["simple_auth_manager_passwords_file"]).read_text())
    assert list(passwords) == ["admin"]
    assert len(passwords["admin"]) >= 16


def test_loopback_and_the_databases_url_as_given(tmp_path: Path) -> None:
    ready = set_up(tmp_path)
    assert configuration(ready)["api"]["host"] == "127.0.0.1"
    assert ready.url.startswith("http://127.0.0.1:")
    assert configuration(ready)["database"]["sql_alchemy_conn"] == URL


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    home = tmp_path / "100% case hub"
    assert configuration(set_up(home))["logging"]["base_log_folder"] == str(home / "airflow" / "logs")


def test_a_taken_port_names_its_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(home=tmp_path, airflow_port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="CASEHUB_AIRFLOW_PORT"):
            airflow.set_up(settings, URL, {})


def test_environment_of_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production/airflow")
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere/else")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("no_proxy", "intranet")
    monkeypatch.chdir(tmp_path)
    environment = airflow.base_environment(Settings(home=Path("var"), departments="court"))
    assert not [name for name in environment if name.startswith("AIRFLOW")]
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["CASEHUB_HOME"] == str(tmp_path / "var")
    assert environment["CASEHUB_DEPARTMENTS"] == "court"
    assert set(environment["NO_PROXY"].split(",")) >= {"intranet", "127.0.0.1", "localhost"}


def test_what_is_imported_before_tasks_are_forked(tmp_path: Path) -> None:
    """The scheduler finds the file, and what it imports starts no thread that a fork would lose in mid-work."""
    path = os.pathsep.join((str(airflow.ROOT / "hub" / "scheduler"), str(airflow.ROOT)))
    script = (
        "import airflow_local_settings, sys, os, threading\n"
        "assert {'great_expectations', 'pandas', 'polars', 'opencc'} <= set(sys.modules)\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('pipeline', 'connectors', 'matching')]\n"
        "assert threading.active_count() == 1\n"
        "import polars\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    frame = polars.DataFrame({'a': range(100_000)})\n"
        "    os._exit(0 if frame.group_by(polars.col('a') % 7).len().height == 7 else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": path, "HOME": str(tmp_path)}, timeout=100, check=False)
    assert done.returncode == 0
