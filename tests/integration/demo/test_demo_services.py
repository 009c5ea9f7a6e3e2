"""What the demo is started with: a port that is taken is told before anything is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cli.demo_services import SYSTEM_PORTS, Starter
from cli.demo_world import WorldNote
from hub import processes
from hub.errors import SettingsError
from hub.settings import Settings
from simulator.serve import DEPARTMENTS


def test_a_taken_port_of_the_systems_names_its_setting(tmp_path: Path) -> None:
    with socket.socket() as taken, processes.running(tmp_path) as started:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        last = taken.getsockname()[1]
        for first in (last, last - SYSTEM_PORTS + 1):
            settings = Settings(home=tmp_path, api_port=0, simulator_port=first)
            with pytest.raises(SettingsError, match="CASEHUB_SIMULATOR_PORT"):
                Starter(settings, started, WorldNote(100, 1), tmp_path)
        Starter(Settings(home=tmp_path, api_port=0, simulator_port=0), started, WorldNote(100, 1), tmp_path)


def test_all_ports_of_the_systems_are_looked_at() -> None:
    assert max(place for _, place in DEPARTMENTS.values()) + 1 == SYSTEM_PORTS
