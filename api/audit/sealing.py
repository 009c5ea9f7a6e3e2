"""SEAL: rows that committed enter in the order in which the sealer finds them; seals that chain them leave, and the chain's head with them.

Requests insert without waiting for one another, so a row with a lower number may commit after one with a higher: a row's place is given
at sealing, not before, and a number that never comes is no loss. A trigger notes each new row in `audit.unsealed` within its own
transaction; sealing takes it from there in the transaction that writes the seal. So a row is sealed once, whoever is killed when.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, text

from api.audit.canonical import COLUMNS, GENESIS, GONE, Seal, Tombstone, canonical_row, row_hash, stored, utc_text
from api.audit.heads import Head, publish
from hub.database import store_errors
from schema.tables import seal as seal_table

MAX_ROWS = 5_000  # of one seal
MAX_SEALS = 20  # of one transaction
UNTIDIED, UNTIDIED_S = 5_000, 60.0  # rows that may wait in the list of the index of ids, and for how long: who looks for an id reads it
_LOCK = 470312  # beside the migrations' 470311

_TRY = "SELECT pg_try_advisory_xact_lock(:lock)"
_NOW = "SELECT now()"
_LAST = "SELECT number, hash, last_place, sealed_at FROM audit.seal ORDER BY number DESC LIMIT 1"
_WAITING = "SELECT access_id FROM audit.unsealed ORDER BY access_id LIMIT :most"
_ROWS = f"SELECT {COLUMNS} FROM audit.access WHERE access_id = ANY(:ids)"
_TAKE = "DELETE FROM audit.unsealed WHERE access_id = ANY(:ids)"
_TIDY = "SELECT gin_clean_pending_list('audit.ix_access_ids')"

_log = logging.getLogger("api.audit")


@dataclass(frozen=True)
class End:
    """Where the chain ends: its last seal's number, hash, last place and time."""

    number: int
    hash: bytes
    last_place: int
    sealed_at: dt.datetime

    @property
    def head(self) -> Head:
        """As it is published."""
        return Head(self.number, self.hash.hex(), self.last_place, utc_text(self.sealed_at))


@dataclass(frozen=True)
class Sealed:
    """What one sealing did: rows and seals it added, and where the chain ends (None: nothing was ever sealed)."""

    rows: int
    seals: int
    head: Head | None


def seal(engine: Engine) -> Sealed | None:
    """Chain what waits, at most `MAX_SEALS` times `MAX_ROWS` rows.

    Returns:
        What was done; None where another sealer is at work.

    Raises:
        StoreUnavailable: the database went away; nothing was sealed.
    """
    with sealing(engine) as connection:
        if connection is None:
            return None
        end, rows, seals = chain_end(connection), 0, 0
        while seals < MAX_SEALS:
            ids = list(connection.execute(text(_WAITING), {"most": MAX_ROWS}).scalars())
            if not ids:
                break
            hashes = _hashes(connection, ids)
            end = append(connection, end, ids, [hashes.get(access_id, GONE) for access_id in ids])
            connection.execute(text(_TAKE), {"ids": ids})
            rows, seals = rows + len(ids), seals + 1
    return Sealed(rows, seals, None if end is None else end.head)


def seal_all(engine: Engine, head_file: Path) -> int:
    """Chain all that waits, publishing the head after each transaction.

    Returns:
        Rows that were chained here.

    Raises:
        StoreUnavailable: the database went away.
        SettingsError: the head cannot be published.
    """
    rows = 0
    while True:
        done = seal(engine)
        if done is None or done.head is None:
            return rows
        publish(head_file, done.head)  # after the commit: a head of what was rolled back would cry wolf
        rows += done.rows
        if done.seals < MAX_SEALS:
            return rows


def tidy(engine: Engine) -> None:
    """Work in what waits in the list of the index of ids, or some request would have to.

    A few rows at a time that takes four times as long, and writes each page of the index again after every checkpoint.
    """
    with store_errors(), engine.begin() as connection:
        connection.execute(text(_TIDY))


@contextlib.contextmanager
def sealing(engine: Engine) -> Iterator[Connection | None]:
    """A transaction that alone may append to the chain; yields None where another has it."""
    with store_errors(), engine.begin() as connection:
        yield connection if connection.execute(text(_TRY), {"lock": _LOCK}).scalar_one() else None


def chain_end(connection: Connection) -> End | None:
    """Where the chain ends; None before the first seal."""
    row = connection.execute(text(_LAST)).one_or_none()
    return None if row is None else End(row.number, bytes(row.hash), row.last_place, row.sealed_at)


def append(
    connection: Connection, end: End | None, ids: Sequence[int] = (), hashes: Sequence[bytes] = (), told: Tombstone | None = None
) -> End:
    """Add a seal, of rows or of a tombstone, and say where the chain then ends."""
    first_place = 1 if end is None else end.last_place + 1
    new = Seal(
        number=1 if end is None else end.number + 1,
        previous_hash=GENESIS if end is None else end.hash,
        first_place=first_place,
        last_place=first_place + len(ids) - 1,
        sealed_at=connection.execute(text(_NOW)).scalar_one(),
        access_ids=ids,
        row_hashes=hashes,
        tombstone=told,
    ).hashed()
    connection.execute(insert(seal_table).values(**stored(new)))
    return End(new.number, new.hash, new.last_place, new.sealed_at)


def _hashes(connection: Connection, ids: list[int]) -> dict[int, bytes]:
    found = connection.execute(text(_ROWS), {"ids": ids}).mappings()
    return {row["access_id"]: row_hash(canonical_row(row)) for row in found}


class Sealer:
    """Seals in a thread, again and again, until it is stopped; what goes wrong is logged, and tried again."""

    def __init__(self, engine: Engine, head_file: Path, interval_s: float) -> None:
        self._engine, self._head_file, self._interval_s = engine, head_file, interval_s
        self._untidied, self._tidied_at = 0, time.monotonic()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="casehub-audit-sealer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Seal what is left, and end."""
        self._is_over.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_over.wait(self._interval_s)
            try:
                self._untidied += seal_all(self._engine, self._head_file)
                self._tidy()
            except Exception as error:  # the edge of the thread: rows wait, and verify tells if they wait for long
                _log.error("the audit log could not be sealed: %s", type(error).__name__)

    def _tidy(self) -> None:
        if self._untidied >= UNTIDIED or (self._untidied and time.monotonic() - self._tidied_at > UNTIDIED_S):
            tidy(self._engine)
            self._untidied, self._tidied_at = 0, time.monotonic()
