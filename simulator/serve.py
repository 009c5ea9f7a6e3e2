"""The sixteen systems as one: started on loopback from a world, moved on tick by tick, stopped.

Enters: a world. Leaves: CASEHUB_CONNECTION_* for the hub, and the truth to judge it by.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import orjson
import polars as pl

from simulator.departments import (
    civil_affairs,
    court,
    education,
    emergency_management,
    health,
    housing,
    justice,
    labour,
    market_regulation,
    mass_organisations,
    petition,
    planning_land,
    police,
    political_legal,
    procuratorate,
    urban_management,
)
from simulator.garbage import Garbage
from simulator.rendering import Rendered
from simulator.systems.kinds import EventSystem, FileSystem, HttpSystem, SftpSystem, SqlSystem, System
from simulator.systems.objects import FolderStore, S3Store
from simulator.systems.open311 import Open311Api
from simulator.systems.rest import CursorApi, LinkApi, OffsetApi
from simulator.systems.soap import SoapApi
from simulator.systems.sql import Layout, ServerDatabase, SqliteDatabase
from simulator.systems.webhook import WebhookSender
from simulator.timeline import Step, Timeline

if TYPE_CHECKING:
    from simulator.world import World


class Department(Protocol):
    """What a module of simulator.departments does."""

    def render(self, records: pl.DataFrame, parties: pl.DataFrame) -> Rendered:
        """World rows in the department's own words."""

    def garbage(self, rows: pl.DataFrame) -> list[Garbage]:
        """Rows that must not be accepted."""


class SqlDepartment(Department, Protocol):
    """One whose system is a database."""

    LAYOUT: Layout

    def tables(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Rows of each table."""


#: Every department's module, and which port after the first its system takes; 0: it takes none.
DEPARTMENTS: dict[str, tuple[Department, int]] = {
    "petition": (petition, 1),
    "political_legal": (political_legal, 2),
    "police": (police, 0),
    "procuratorate": (procuratorate, 0),
    "court": (court, 3),
    "education": (education, 0),
    "labour": (labour, 0),
    "housing": (housing, 4),
    "mass_organisations": (mass_organisations, 0),
    "justice": (justice, 0),
    "civil_affairs": (civil_affairs, 0),
    "health": (health, 5),
    "urban_management": (urban_management, 6),
    "market_regulation": (market_regulation, 0),
    "emergency_management": (emergency_management, 0),
    "planning_land": (planning_land, 0),
}
#: Those that flag a deleted record and go on showing it; elsewhere it is gone.
KEEPS_DELETED = frozenset({"petition", "planning_land"})
GARBAGE = pl.Schema({"department": pl.String(), "kind": pl.String(), "source_record_id": pl.String(), "outcome": pl.String()})


@dataclass(frozen=True)
class Servers:
    """Servers of somebody else's that stand in for the embedded ones where they are given.

    Args:
        mariadb_url: for police, `mysql+pymysql://…`; a SQLite file otherwise.
        postgres_url: for labour, `postgresql+psycopg2://…`; a SQLite file otherwise.
        s3_url: for justice, `http://key:secret@host:port/bucket/prefix`; a folder otherwise.
    """

    mariadb_url: str | None = field(default=None, repr=False)
    postgres_url: str | None = field(default=None, repr=False)
    s3_url: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Servers:
        """CASEHUB_TEST_MARIADB_URL, CASEHUB_TEST_POSTGRES_URL, CASEHUB_TEST_S3_URL."""
        environment = os.environ if environment is None else environment
        names = ("CASEHUB_TEST_MARIADB_URL", "CASEHUB_TEST_POSTGRES_URL", "CASEHUB_TEST_S3_URL")
        return cls(*(environment.get(name) or None for name in names))


class Systems:
    """Sixteen departments' systems, running until `stop`; a context manager.

    Args:
        world: whose records they hold; it is not kept.
        folder: for their files and databases; what an earlier run left in it goes.
        inbox_url: the hub's API, for pushed events; None: nothing is pushed.
        ports: the first port; the systems take the six after it; 0 takes free ones.
        servers: MariaDB, PostgreSQL, S3; None asks the environment.

    Raises:
        SettingsError: a port is taken; names CASEHUB_SIMULATOR_PORT.
    """

    def __init__(self, world: World, folder: Path, *, inbox_url: str | None = None, ports: int = 0, servers: Servers | None = None) -> None:
        self.tick = 0
        self._folder = folder.absolute()
        self._ports = ports
        self._servers = servers or Servers.from_environment()
        self._timeline = Timeline(world, KEEPS_DELETED)
        self._truth_records, self._truth_parties = world.truth_records, world.truth_parties
        self._rows = world.records.select("row", "department", "source_record_id")
        self._held: list[pl.DataFrame] = []
        self._garbage: list[tuple[str, Garbage]] = []
        self.events = EventSystem(WebhookSender("emergency_management", inbox_url), emergency_management.resent)
        self._systems: dict[str, System] = {}
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Systems:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """CASEHUB_CONNECTION_* for every department; their secrets were made for this run."""
        settings = {}
        for department, system in self._systems.items():
            connection = system.connection()
            text = connection if isinstance(connection, str) else orjson.dumps(connection).decode("utf-8")
            settings[f"CASEHUB_CONNECTION_{department.upper()}"] = text
        return settings

    def advance(self, tick: int) -> None:
        """Move all systems on to a tick; the same ticks always bring the same. Events wait for `push_events`.

        Args:
            tick: where to; one that has been is no news.
        """
        while self.tick < tick:
            self.tick += 1
            for department in DEPARTMENTS:
                self._step(department)

    def push_events(self) -> int:
        """Send the events that wait to the hub's inbox.

        Returns:
            Number of requests that were taken.
        """
        return self.events.sender.push()

    def garbage(self) -> pl.DataFrame:
        """Rows that must not be accepted: department, kind, source_record_id (null where it has none), outcome."""
        rows = [(department, item.kind, item.key, item.outcome) for department, item in self._garbage]
        return pl.DataFrame(rows, schema=GARBAGE, orient="row")

    def truth_records(self) -> pl.DataFrame:
        """department, source_record_id, case_truth_id."""
        return self._truth_records

    def truth_parties(self) -> pl.DataFrame:
        """The world's truth of the parties that the feeds hold so far, numbered in the contracts' order."""
        held = pl.concat(self._held).unique(["row", "ordinal"], keep="last")
        keyed = held.join(self._rows, on="row")
        found = self._truth_parties.join(keyed, on=["department", "source_record_id", "ordinal"])
        return found.with_columns(pl.col("place").alias("ordinal")).drop("place", "row").sort("department", "source_record_id", "ordinal")

    def write_truth(self) -> dict[str, str]:
        """The truth as Parquet files in the folder, by name."""
        frames = {"records": self.truth_records(), "parties": self.truth_parties(), "garbage": self.garbage()}
        paths = {name: self._folder / f"truth_{name}.parquet" for name in frames}
        for name, frame in frames.items():
            frame.write_parquet(paths[name])
        return {name: str(path) for name, path in paths.items()}

    def stop(self) -> None:
        """Stop all of them; a second time does nothing."""
        systems, self._systems = self._systems, {}
        for system in systems.values():
            system.stop()

    def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for department, (module, place) in DEPARTMENTS.items():
            shutil.rmtree(self._folder / department, ignore_errors=True)  # a former world's files would be read as this one's
            system = self._make(department, self._ports + place if self._ports else 0)
            self._systems[department] = system
            step = self._timeline.first(department)
            rendered = module.render(step.records, step.parties)
            garbage = module.garbage(rendered.rows)
            system.first(rendered.rows, garbage)
            self._garbage += [(department, item) for item in garbage]
            self._held.append(rendered.parties)
        self._timeline.let_go()

    def _make(self, department: str, port: int) -> System:
        folder, servers = self._folder / department, self._servers
        makers: dict[str, Callable[[], System]] = {
            "petition": lambda: HttpSystem(CursorApi, folder, port, keeps_deleted=department in KEEPS_DELETED),
            "political_legal": lambda: SftpSystem(political_legal.files, folder, port),
            "police": lambda: self._sql(police, folder, servers.mariadb_url),
            "procuratorate": lambda: FileSystem(procuratorate.files, FolderStore(folder / "share"), folder),
            "court": lambda: HttpSystem(SoapApi, folder, port),
            "education": lambda: FileSystem(education.files, FolderStore(folder / "share"), folder),
            "labour": lambda: self._sql(labour, folder, servers.postgres_url),
            "housing": lambda: HttpSystem(OffsetApi, folder, port),
            "mass_organisations": lambda: FileSystem(mass_organisations.files, FolderStore(folder / "share"), folder),
            "justice": lambda: FileSystem(
                justice.files, S3Store(servers.s3_url) if servers.s3_url else FolderStore(folder / "bucket"), folder
            ),
            "civil_affairs": lambda: FileSystem(civil_affairs.files, FolderStore(folder / "share"), folder),
            "health": lambda: HttpSystem(LinkApi, folder, port),
            "urban_management": lambda: HttpSystem(lambda rows: Open311Api(rows, urban_management.SERVICES), folder, port),
            "market_regulation": lambda: FileSystem(market_regulation.files, FolderStore(folder / "share"), folder),
            "emergency_management": lambda: self.events,
            "planning_land": lambda: self._sql(planning_land, folder, None),
        }
        return makers[department]()

    def _sql(self, module: SqlDepartment, folder: Path, url: str | None) -> SqlSystem:
        database = ServerDatabase(url, "labour_bureau") if url else SqliteDatabase(folder / f"{folder.name}.sqlite")
        return SqlSystem(database, module.LAYOUT, module.tables, keeps_deleted=folder.name in KEEPS_DELETED)

    def _step(self, department: str) -> None:
        module, system = DEPARTMENTS[department][0], self._systems[department]
        step = self._timeline.step(department, self.tick)
        if isinstance(system, EventSystem):
            system.again(self._render(module, Step(step.again, step.parties))["body"].to_list())
        else:
            step = self._timeline.touched(step, self.tick)
        system.change(self._render(module, step), step.gone)

    def _render(self, module: Department, step: Step) -> pl.DataFrame:
        rendered = module.render(step.records, step.parties.join(step.records.select("row"), on="row", how="semi", maintain_order="left"))
        self._held.append(rendered.parties)
        return rendered.rows
