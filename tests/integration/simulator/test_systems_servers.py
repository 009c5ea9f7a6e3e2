"""Departments on servers of their own: labour on PostgreSQL, justice on S3, police on MariaDB where its URL is given."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from connectors.contract_files import load_contracts
from simulator.serve import Servers, Systems
from simulator.world import World
from tests.integration.simulator.hub_side import mapped, pull
from tests.outside import MARIADB, NO_MARIADB


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server in this process."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield f"http://key:secret-of-this-test@127.0.0.1:{port}/exchange/justice"
    server.stop()


def same_as_without(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, department: str, servers: Servers) -> None:
    """A department gives the same rows from a server as from the stand-in, at each tick."""
    contract, seen = load_contracts()[department], []
    for number, chosen in enumerate((Servers(), servers)):
        with Systems(world, tmp_path / str(number), servers=chosen) as systems:
            name = f"CASEHUB_CONNECTION_{department.upper()}"
            monkeypatch.setenv(name, systems.environment()[name])
            turns = []
            for tick in (0, 2):
                systems.advance(tick)
                pulled = pull(contract)
                turns.append((pulled.rows.height, mapped(contract, pulled).records.sort_by("source_record_id")))
            seen.append(turns)
    assert seen[0][0] != seen[0][1]
    assert seen[0] == seen[1]


def test_labour_on_postgresql(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    same_as_without(world, tmp_path, monkeypatch, "labour", Servers(postgres_url=database_url))


def test_justice_on_s3(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_url: str) -> None:
    same_as_without(world, tmp_path, monkeypatch, "justice", Servers(s3_url=s3_url))


@pytest.mark.skipif(not MARIADB, reason=NO_MARIADB)
def test_police_on_mariadb(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same_as_without(world, tmp_path, monkeypatch, "police", Servers(mariadb_url=MARIADB))


def test_servers_come_from_the_environment() -> None:
    given = {"CASEHUB_TEST_MARIADB_URL": "mysql+pymysql://a/b", "CASEHUB_TEST_S3_URL": ""}
    assert Servers.from_environment(given) == Servers(mariadb_url="mysql+pymysql://a/b")
    assert "mysql" not in repr(Servers.from_environment(given))
