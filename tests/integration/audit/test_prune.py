"""What is old may leave; the rest verifies, and nothing younger than 180 days leaves by any way that triggers guard."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from api.audit import sealing
from api.audit.prune import prune
from api.audit.sealing import seal_all
from api.audit.verify import verify
from hub.errors import RequestError, StoreError
from tests.integration.audit.builders import call, check, sealed_log, tamper

DAYS = dt.timedelta(days=1)


def ago(days: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - days * DAYS


@pytest.fixture
def log(database: Engine, heads: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Seals 1 and 2 of 300 days ago, 3 of 200 days ago, 4 of now; five rows each."""
    for seals, days in ((2, 300), (1, 200), (1, 0)):
        monkeypatch.setattr(sealing, "_NOW", f"SELECT now() - interval '{days} days'")
        for _ in range(seals):
            for _ in range(5):
                call(database)
            tamper(
                database,
                f"UPDATE audit.access SET at = at - interval '{days} days' WHERE access_id IN (SELECT access_id FROM audit.unsealed)",
            )
            seal_all(database, heads)
    monkeypatch.undo()
    assert check(database, heads) == set()
    return database


def numbers(engine: Engine) -> tuple[list[int], int]:
    with engine.connect() as connection:
        seals = list(connection.execute(text("SELECT number FROM audit.seal ORDER BY number")).scalars())
        return seals, connection.execute(text("SELECT count(*) FROM audit.access")).scalar_one()


def test_old_seals_leave_a_tombstone_and_the_rest_is_sound(log: Engine, heads: Path) -> None:
    done = prune(log, heads, ago(250))
    assert (done.rows, done.seals, done.tombstone) == (10, 2, 5)
    assert numbers(log) == ([3, 4, 5], 10)
    report = verify(log, heads)
    assert (report.is_sound, report.pruned_rows, report.rows) == (True, 10, 10)
    done = prune(log, heads, ago(190))
    assert (done.rows, done.seals, done.tombstone) == (5, 1, 6)
    call(log)
    seal_all(log, heads)
    report = verify(log, heads)
    assert (report.is_sound, report.pruned_rows, report.rows) == (True, 15, 6)
    assert prune(log, heads, ago(190)).tombstone == 0


def test_younger_than_180_days_is_refused(log: Engine, heads: Path) -> None:
    with pytest.raises(RequestError, match="180 days"):
        prune(log, heads, ago(179.9))
    assert numbers(log) == ([1, 2, 3, 4], 20)


def test_triggers_guard_what_no_tombstone_tells_of(log: Engine, heads: Path) -> None:
    prune(log, heads, ago(250))
    for statement in (
        "DELETE FROM audit.access WHERE access_id = 12",  # 200 days old, but after the tombstone's date
        "DELETE FROM audit.access WHERE access_id = 17",
        "DELETE FROM audit.seal WHERE number = 3",
        "DELETE FROM audit.seal WHERE number = 5",
    ):
        with pytest.raises(Exception, match="append-only"), log.begin() as connection:
            connection.execute(text(statement))
    assert numbers(log) == ([3, 4, 5], 10)


def test_a_young_row_in_an_old_seal_stops_it_all(log: Engine, heads: Path) -> None:
    tamper(log, "UPDATE audit.access SET at = now() WHERE access_id = 3")
    with pytest.raises(StoreError):
        prune(log, heads, ago(250))
    assert numbers(log) == ([1, 2, 3, 4], 20)


def test_a_tombstone_that_was_taken_away_is_found(log: Engine, heads: Path) -> None:
    prune(log, heads, ago(250))
    tamper(log, "DELETE FROM audit.seal WHERE number = 5")
    assert check(log, heads) == {("seal_removed", 1), ("truncated", 5)}


def test_more_removed_than_the_tombstone_tells_is_found(log: Engine, heads: Path) -> None:
    prune(log, heads, ago(250))
    tamper(log, "DELETE FROM audit.access WHERE access_id <= 15", "DELETE FROM audit.seal WHERE number = 3")
    assert check(log, heads) == {("seal_removed", 3)}


def test_a_forged_tombstone_over_young_rows_is_found(log: Engine, heads: Path) -> None:
    """Whoever can switch triggers off can also lie about the age of what he removes; the published heads know it."""
    with sealing.sealing(log) as connection:
        assert connection is not None
        end = sealing.chain_end(connection)
        assert end is not None
        told = sealing.Tombstone(end.number, end.last_place, end.hash, ago(181))
        sealing.append(connection, end, told=told)
    tamper(log, "DELETE FROM audit.access", "DELETE FROM audit.seal WHERE number <= 4")
    seal_all(log, heads)
    assert check(log, heads) == {("pruned_early", 5)}
    with sealing.sealing(log) as connection:
        assert connection is not None
        sealing.append(connection, sealing.chain_end(connection), told=sealing.Tombstone(5, 20, b"x" * 32, ago(1)))
    assert ("pruned_early", 6) in check(log, heads)


def test_an_empty_log_has_nothing_to_prune(database: Engine, heads: Path) -> None:
    assert prune(database, heads, ago(250)).tombstone == 0
    sealed_log(database, heads, seals=1)
    assert prune(database, heads, ago(250)).tombstone == 0
