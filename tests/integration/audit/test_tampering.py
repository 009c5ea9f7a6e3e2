"""Each way of changing the log as a superuser, triggers switched off, and that the verifier names what was changed."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from api.audit import verify as verifying
from api.audit.canonical import Seal, Tombstone, seal_of, stored
from api.audit.sealing import seal_all
from api.audit.verify import verify
from schema.tables import seal as seal_table
from tests.integration.audit.builders import call, check, found, sealed_log, tamper, tampering


@pytest.fixture
def log(database: Engine, heads: Path) -> Engine:
    """Four seals of five rows."""
    sealed_log(database, heads)
    return database


def test_an_untouched_log_is_sound(log: Engine, heads: Path) -> None:
    report = verify(log, heads)
    assert report.is_sound
    assert (report.seals, report.rows, report.last_seal, report.waiting) == (4, 20, 4, 0)
    assert report.hash == json.loads(heads.read_text().splitlines()[-1])["hash"]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param(["UPDATE audit.access SET caller = 'wang' WHERE access_id = 7"], {("edited", 7)}, id="caller edited"),
        pytest.param(["UPDATE audit.access SET at = at + interval '1 microsecond' WHERE access_id = 7"], {("edited", 7)}, id="time edited"),
        pytest.param(
            ["UPDATE audit.access SET person_ids = NULL, entity_ids = NULL WHERE access_id = 7"], {("edited", 7)}, id="ids erased"
        ),
        pytest.param(["UPDATE audit.access SET purpose = 'mediation' WHERE access_id = 7"], {("edited", 7)}, id="null filled in"),
        pytest.param(["""UPDATE audit.access SET shape = '{"entry":"phone"}' WHERE access_id = 7"""], {("edited", 7)}, id="shape edited"),
        pytest.param(["DELETE FROM audit.access WHERE access_id = 7"], {("removed", 7)}, id="row removed"),
        pytest.param(
            ["INSERT INTO audit.access (caller, action, outcome) VALUES ('li', 'cases.read', 200)"], {("added", 21)}, id="row added"
        ),
        pytest.param(
            [
                "INSERT INTO audit.access (access_id, caller, action) OVERRIDING SYSTEM VALUE VALUES (-1, 'li', 'x')",
            ],
            {("added", -1)},
            id="row added below",
        ),
        pytest.param(
            [
                "ALTER TABLE audit.access ALTER access_id DROP IDENTITY",
                "UPDATE audit.access SET access_id = -7 WHERE access_id = 7",
                "UPDATE audit.access SET access_id = 7 WHERE access_id = 13",
                "UPDATE audit.access SET access_id = 13 WHERE access_id = -7",
            ],
            {("reordered", 7), ("reordered", 13)},
            id="rows of two seals exchanged",
        ),
        pytest.param(
            ["UPDATE audit.seal SET access_ids = ARRAY[7, 6, 8, 9, 10] WHERE number = 2"],
            {("seal_edited", 2), ("reordered", 6), ("reordered", 7)},
            id="order within a seal",
        ),
        pytest.param(
            [
                "DELETE FROM audit.access WHERE access_id = 10",
                "UPDATE audit.seal SET access_ids = ARRAY[6, 7, 8, 9], row_hashes = substr(row_hashes, 1, 128), last_place = 9 "
                "WHERE number = 2",
            ],
            {("seal_edited", 2), ("seal_edited", 3), ("rewritten", 2)},
            id="row removed from its seal too",
        ),
        pytest.param(
            ["UPDATE audit.seal SET sealed_at = sealed_at - interval '1 day' WHERE number = 2"],
            {("seal_edited", 2), ("rewritten", 2), ("misdated", 1)},
        ),
        pytest.param(
            ["UPDATE audit.seal SET hash = sha256('x') WHERE number = 2"], {("seal_edited", 2), ("seal_edited", 3), ("rewritten", 2)}
        ),
    ],
)
def test_what_a_superuser_changes_is_found(log: Engine, heads: Path, statements: list[str], expected: set[tuple[str, int]]) -> None:
    tamper(log, *statements)
    assert check(log, heads) == expected


def test_a_removed_seal_is_found_and_its_rows_stand_alone(log: Engine, heads: Path) -> None:
    tamper(log, "DELETE FROM audit.seal WHERE number = 2")
    assert check(log, heads) == {("seal_removed", 2), *(("added", number) for number in range(6, 11))}


def test_a_removed_seal_with_its_rows_is_found(log: Engine, heads: Path) -> None:
    tamper(log, "DELETE FROM audit.access WHERE access_id BETWEEN 6 AND 10", "DELETE FROM audit.seal WHERE number = 2")
    assert check(log, heads) == {("seal_removed", 2)}


def test_a_removed_beginning_is_found(log: Engine, heads: Path) -> None:
    tamper(log, "DELETE FROM audit.access WHERE access_id <= 10", "DELETE FROM audit.seal WHERE number <= 2")
    assert check(log, heads) == {("seal_removed", 1)}


def test_a_truncated_tail_is_found_by_the_published_head(log: Engine, heads: Path) -> None:
    tamper(log, "DELETE FROM audit.access WHERE access_id > 10", "DELETE FROM audit.seal WHERE number > 2")
    assert check(log, heads) == {("truncated", 4)}


def test_a_log_that_was_emptied_is_found(log: Engine, heads: Path) -> None:
    tamper(log, "DELETE FROM audit.access", "DELETE FROM audit.seal")
    assert check(log, heads) == {("truncated", 4)}


def test_a_chain_made_anew_over_edited_rows_is_found(log: Engine, heads: Path) -> None:
    """Every hash right, each from the one before: only what was published tells."""
    tamper(log, "UPDATE audit.access SET caller = 'wang' WHERE access_id = 7")
    _rewrite(log)
    assert check(log, heads) == {("rewritten", 2), ("rewritten", 3), ("rewritten", 4)}
    assert verify(log, heads.with_name("none")).counts.keys() == {"not_published"}


def test_a_tail_that_was_cut_off_and_has_grown_again_is_found(log: Engine, heads: Path) -> None:
    tamper(log, "DELETE FROM audit.access WHERE access_id > 10", "DELETE FROM audit.seal WHERE number > 2")
    for _ in range(3):
        call(log)
        seal_all(log, heads)
    assert check(log, heads) == {("rewritten", 3), ("rewritten", 4)}


def test_a_row_removed_before_it_was_sealed_is_found(log: Engine, heads: Path) -> None:
    call(log)
    tamper(log, "DELETE FROM audit.access WHERE access_id = 21")
    seal_all(log, heads)
    assert check(log, heads) == {("removed", 21)}


def test_a_row_that_waits_for_too_long_is_found(log: Engine, heads: Path) -> None:
    call(log)
    assert check(log, heads) == set()
    tamper(log, "UPDATE audit.access SET at = at - interval '2 minutes' WHERE access_id = 21")
    assert check(log, heads) == {("unsealed", 21)}


def test_a_row_added_now_that_says_then_is_found(log: Engine, heads: Path) -> None:
    tamper(log, "UPDATE audit.seal SET sealed_at = sealed_at - interval '1 hour' WHERE number = 3")  # what comes after it is an hour late
    call(log)
    tamper(log, "UPDATE audit.access SET at = at - interval '3 hours' WHERE access_id = 21")
    seal_all(log, heads)
    assert ("backdated", 21) in check(log, heads)


def test_a_row_chained_twice_is_found(log: Engine, heads: Path) -> None:
    tamper(log, "INSERT INTO audit.unsealed VALUES (7)")
    seal_all(log, heads)
    assert check(log, heads) == {("sealed_twice", 7)}


def test_heads_that_cannot_be_read_or_are_missing_are_told(log: Engine, heads: Path) -> None:
    lines = heads.read_text().splitlines()
    heads.write_text("\n".join([lines[0], '{"number": 2', *lines[2:]]) + "\n")
    assert found(verify(log, heads)) == {("unreadable_head", None)}
    heads.unlink()
    assert check(log, heads) == {("not_published", 4)}


def test_a_head_that_was_not_published_for_long_is_told(log: Engine, heads: Path) -> None:
    tamper(log, "UPDATE audit.seal SET sealed_at = sealed_at - interval '1 hour'", "UPDATE audit.access SET at = at - interval '1 hour'")
    heads.write_text(heads.read_text().splitlines(keepends=True)[0])
    assert ("not_published", 4) in check(log, heads)


@pytest.mark.parametrize("table", ["access", "seal"])
@pytest.mark.parametrize("statement", ["UPDATE audit.{} SET {} = {}", "DELETE FROM audit.{}", "TRUNCATE audit.{}"])
def test_triggers_refuse_every_change(log: Engine, table: str, statement: str) -> None:
    column = {"access": "caller", "seal": "hash"}[table]
    with pytest.raises(Exception, match="append-only"), log.begin() as connection:
        connection.execute(text(statement.format(table, column, column)))


def _rewrite(engine: Engine) -> None:
    """Compute the chain anew, as the hub itself would."""
    from dataclasses import replace

    from api.audit.canonical import COLUMNS, canonical_row, row_hash

    with tampering(engine) as connection:
        seals = [seal_of(row) for row in connection.execute(text("SELECT * FROM audit.seal ORDER BY number"))]
        connection.execute(text("DELETE FROM audit.seal"))
        previous = seals[0].previous_hash
        for seal in seals:
            rows = connection.execute(
                text(f"SELECT {COLUMNS} FROM audit.access WHERE access_id = ANY(:ids)"), {"ids": list(seal.access_ids)}
            )
            hashes = {row["access_id"]: row_hash(canonical_row(row)) for row in rows.mappings()}
            new = replace(seal, previous_hash=previous, row_hashes=[hashes[number] for number in seal.access_ids]).hashed()
            connection.execute(seal_table.insert().values(**stored(new)))
            previous = new.hash


def test_a_log_that_is_sealed_meanwhile_is_sound(log: Engine, heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = verifying.read_seals

    def slowly(connection: Any, *given: Any) -> Any:
        for seal in real(connection, *given):
            call(log)
            seal_all(log, heads)  # another process: its head is of later than what is looked at
            yield seal

    monkeypatch.setattr(verifying, "read_seals", slowly)
    assert check(log, heads) == set()


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_tombstone_from_the_future_does_not_hide_what_was_pruned(log: Engine, heads: Path, *, goes_on: bool) -> None:
    """Whoever owns the database removes the first seals, and chains a tombstone that says a time at which they were old."""
    with log.connect() as connection:
        seals = list(verifying.read_seals(connection))
    last, gone = seals[-1], seals[1]
    at = last.sealed_at + dt.timedelta(days=181)
    told = Tombstone(gone.number, gone.last_place, gone.hash, at - dt.timedelta(days=180, seconds=1))
    forged = Seal(last.number + 1, last.hash, last.last_place + 1, last.last_place, at, [], [], told, b"").hashed()
    with tampering(log) as connection:
        connection.execute(insert(seal_table).values(**stored(forged)))
    tamper(log, *(f"DELETE FROM audit.{table} WHERE {where}" for table, where in (("access", "access_id <= 10"), ("seal", "number <= 2"))))
    if goes_on:
        call(log)
        seal_all(log, heads)
    assert "misdated" in {kind for kind, _ in check(log, heads)}
