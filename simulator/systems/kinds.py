"""A department's system at work: it takes in rows step by step and serves them in its own way.

Five kinds: HTTP interfaces, files in a folder or bucket, files over SFTP, databases, pushed events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from simulator.garbage import Garbage, as_rows
from simulator.systems.http import Service
from simulator.systems.objects import FolderStore, Store
from simulator.systems.rest import Api
from simulator.systems.rows import ROWS, Rows, mapped, without
from simulator.systems.sftp import SftpServer
from simulator.systems.sql import Database, Layout
from simulator.systems.webhook import WebhookSender

Files = Callable[[pl.DataFrame, list[Garbage]], dict[str, bytes]]


class System(Protocol):
    """What every kind does."""

    def first(self, rows: pl.DataFrame, garbage: list[Garbage]) -> None:
        """Take in what is there at tick 0, and the garbage."""

    def change(self, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        """Take in new and changed rows, and let go of those that are gone."""

    def connection(self) -> str | dict[str, str]:
        """What the hub needs to reach it."""

    def stop(self) -> None:
        """Stop serving."""


class HttpSystem:
    """An interface on a loopback port.

    Args:
        make_api: makes what answers, from the rows.
        folder: for large rows.
        port: 0 takes a free one.
        keeps_deleted: a deleted row stays, flagged in its body, as its department's module renders it.
    """

    def __init__(self, make_api: Callable[[Rows], Api], folder: Path, port: int, *, keeps_deleted: bool = False) -> None:
        self._rows = Rows(folder)
        self._api = make_api(self._rows)
        self._keeps_deleted = keeps_deleted
        self._service = Service(self._api, port)

    def first(self, rows: pl.DataFrame, garbage: list[Garbage]) -> None:
        """Take in what is there at tick 0, and the garbage."""
        self._rows.put(pl.concat([rows.select(ROWS.names()).cast(ROWS), as_rows(garbage, ROWS)]))

    def change(self, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        """Take in changes; faults may happen once more."""
        if self._keeps_deleted:
            self._rows.put(rows)
        else:
            self._rows.put(rows.filter(~pl.col("key").is_in(list(gone))), gone)
        self._api.faults.arm()

    def connection(self) -> str | dict[str, str]:
        """What the hub needs to reach it."""
        return self._api.connection(self._service.url)

    def stop(self) -> None:
        """Stop listening."""
        self._service.stop()


class FileSystem:
    """Files, written anew at each step.

    What is garbage by its bytes is mended at the next step: a snapshot whose keys cannot all be read proves no deletion.
    """

    def __init__(self, files: Files, store: Store, folder: Path) -> None:
        self._files, self._store, self._folder = files, store, folder
        self._rows = pl.DataFrame()
        self._garbage: list[Garbage] = []
        self._written: set[str] = set()
        self._generation = 0

    def first(self, rows: pl.DataFrame, garbage: list[Garbage]) -> None:
        """Write what is there at tick 0, and the garbage."""
        self._garbage = garbage
        self._write(rows)

    def change(self, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        """Write it as it is now. A changed row keeps its place."""
        self._garbage = [item for item in self._garbage if not item.raw]
        kept = without(self._rows, pl.Series("key", gone, dtype=pl.String)).with_row_index("place")
        fresh = rows.filter(~pl.col("key").is_in(list(gone))).cast(self._rows.schema)
        placed = fresh.join(kept.select("key", "place"), on="key", how="left")  # a row that is new goes to the end
        standing = without(kept, fresh["key"])
        held = pl.concat([standing, placed.select(standing.columns)]).sort("place", nulls_last=True, maintain_order=True)
        self._write(held.drop("place"))

    def connection(self) -> str | dict[str, str]:
        """What the hub needs to reach it."""
        return self._store.connection()

    def stop(self) -> None:
        """Nothing runs."""

    def _write(self, rows: pl.DataFrame) -> None:
        self._generation += 1
        self._rows = mapped(rows, self._folder / f"rows.{self._generation}.arrow")
        (self._folder / f"rows.{self._generation - 1}.arrow").unlink(missing_ok=True)
        contents = self._files(self._rows, self._garbage)
        for name, content in contents.items():
            self._store.write(name, content)
        for name in self._written - contents.keys():
            self._store.remove(name)
        self._written = set(contents)


class SftpSystem(FileSystem):
    """Files that are fetched over SFTP."""

    def __init__(self, files: Files, folder: Path, port: int) -> None:
        store = FolderStore(folder / "sftp")
        super().__init__(files, store, folder)
        self._server = SftpServer(store.folder, port)

    def connection(self) -> str | dict[str, str]:
        """What the hub needs to reach it."""
        return self._server.connection()

    def stop(self) -> None:
        """Stop listening."""
        self._server.stop()


class SqlSystem:
    """Tables of a database.

    Args:
        database: where they are.
        layout: what they are.
        tables: a department's rows as rows of each table.
        keeps_deleted: a deleted row stays, flagged.
    """

    def __init__(
        self, database: Database, layout: Layout, tables: Callable[[pl.DataFrame], dict[str, pl.DataFrame]], *, keeps_deleted: bool = False
    ) -> None:
        self._database, self._layout, self._tables = database, layout, tables
        self._keeps_deleted = keeps_deleted
        database.create(layout)

    def first(self, rows: pl.DataFrame, garbage: list[Garbage]) -> None:
        """Insert what is there at tick 0, and the garbage."""
        self._put(pl.concat([rows, as_rows(garbage, rows.schema)]), ())

    def change(self, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        """Insert, replace, delete."""
        self._put(rows if self._keeps_deleted else rows.filter(~pl.col("key").is_in(list(gone))), () if self._keeps_deleted else gone)

    def connection(self) -> str | dict[str, str]:
        """The database's URL."""
        return self._database.url

    def stop(self) -> None:
        """Let go of the database."""
        self._database.stop()

    def _put(self, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        parts = self._tables(rows)
        for table in self._layout.tables:
            self._database.put(table, parts[table.name], gone)


class EventSystem:
    """Events that are pushed; some are sent twice."""

    def __init__(self, sender: WebhookSender, resent: Callable[[pl.DataFrame], list[str]]) -> None:
        self.sender = sender
        self._resent = resent

    def first(self, rows: pl.DataFrame, garbage: list[Garbage]) -> None:
        """Queue an event for each row, then the garbage, then some again."""
        in_time = rows.sort("cursor", maintain_order=True)
        self.sender.enqueue([*in_time["body"], *(str(item.row["body"]) for item in garbage), *self._resent(in_time)])

    def change(self, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        """Queue an event for each change; a deletion is an event too."""
        self.sender.enqueue(rows.sort("cursor", maintain_order=True)["body"].to_list())

    def again(self, bodies: list[str]) -> None:
        """Queue events that were sent before."""
        self.sender.enqueue(bodies)

    def connection(self) -> str | dict[str, str]:
        """The secret that signs."""
        return {"secret": self.sender.secret}

    def stop(self) -> None:
        """Nothing runs."""
