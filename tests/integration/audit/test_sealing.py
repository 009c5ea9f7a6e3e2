"""Rows are sealed once each, whoever writes at the same time, whoever seals at the same time, and whoever is killed when."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text

from api.audit import sealing
from api.audit.heads import read_heads
from api.audit.row import row_of
from api.audit.sealing import Sealer, seal, seal_all
from api.audit.verify import verify
from api.audit.writer import AuditWriter
from api.trace import Trace
from hub.errors import SettingsError, StoreError, StoreUnavailable
from schema.tables import access
from tests.integration.audit.builders import call, check, sealed_log


def ids(engine: Engine) -> list[int]:
    """Every sealed row, in order."""
    with engine.connect() as connection:
        statement = "SELECT a FROM audit.seal s CROSS JOIN unnest(s.access_ids) WITH ORDINALITY u (a, turn) ORDER BY s.number, turn"
        return list(connection.execute(text(statement)).scalars())


def test_writers_and_sealers_at_once(database: Engine, heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MAX_ROWS", 7)
    is_over = threading.Event()

    def keep_sealing() -> None:
        while not is_over.is_set():
            seal_all(database, heads)

    with ThreadPoolExecutor(6) as pool:
        sealers = [pool.submit(keep_sealing) for _ in range(2)]
        writers = [pool.submit(lambda: [call(database) for _ in range(40)]) for _ in range(4)]
        for writer in writers:
            writer.result()
        is_over.set()
        for sealer in sealers:
            sealer.result()
    seal_all(database, heads)
    found = ids(database)
    assert len(found) == len(set(found)) == 160
    report = verify(database, heads)
    assert report.is_sound, report.findings
    numbers = [head.number for _, head in read_heads(heads) if head is not None]
    assert numbers == sorted(numbers)


def test_a_row_that_commits_late_with_a_lower_number_is_sealed_after(database: Engine, heads: Path) -> None:
    with database.connect() as late:
        late.execute(insert(access).values(**row_of(Trace("late"), "cases.search", 200)))
        call(database)
        assert seal_all(database, heads) == 1
        late.commit()
    assert seal_all(database, heads) == 1
    assert ids(database) == [2, 1]
    assert check(database, heads) == set()


def test_a_number_that_never_commits_is_no_loss(database: Engine, heads: Path) -> None:
    with database.connect() as lost:
        lost.execute(insert(access).values(**row_of(Trace("lost"), "cases.search", 200)))
        lost.rollback()
    call(database)
    seal_all(database, heads)
    assert ids(database) == [2]
    assert check(database, heads) == set()


def test_a_sealer_that_is_killed_leaves_its_rows_to_the_next(database: Engine, heads: Path) -> None:
    """Killed between the insert and the seal, and within the transaction of the seal."""
    sealed_log(database, heads, seals=1)
    call(database)
    with pytest.raises(StoreUnavailable), sealing.sealing(database) as connection:
        assert connection is not None
        sealing.append(connection, sealing.chain_end(connection), [6], [bytes(32)])
        connection.execute(text(sealing._TAKE), {"ids": [6]})
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with database.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    assert ids(database) == [1, 2, 3, 4, 5]
    assert seal_all(database, heads) == 1
    assert ids(database) == [1, 2, 3, 4, 5, 6]
    assert check(database, heads) == set()


def test_a_head_that_was_not_published_is_with_the_next_sealing(database: Engine, heads: Path) -> None:
    call(database)
    seal(database)
    assert not heads.exists()
    assert seal_all(database, heads) == 0
    assert [head.number for _, head in read_heads(heads) if head] == [1]
    seal_all(database, heads)
    assert len(heads.read_text().splitlines()) == 1


def test_a_head_after_a_torn_line_has_a_line_of_its_own(database: Engine, heads: Path) -> None:
    heads.write_text('{"number":1,"ha')
    call(database)
    seal_all(database, heads)
    assert [head and head.number for _, head in read_heads(heads)] == [None, 1]


def test_a_second_sealer_steps_back(database: Engine) -> None:
    call(database)
    with sealing.sealing(database) as connection:
        assert connection is not None
        assert seal(database) is None
    done = seal(database)
    assert done is not None
    assert done.rows == 1


def test_a_head_that_cannot_be_written_names_the_setting(database: Engine, tmp_path: Path) -> None:
    call(database)
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="CASEHUB_AUDIT_HEAD"):
        seal_all(database, tmp_path / "file" / "heads")


def test_many_seals_in_one_go(database: Engine, heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MAX_ROWS", 2)
    monkeypatch.setattr(sealing, "MAX_SEALS", 3)
    for _ in range(15):
        call(database)
    assert seal_all(database, heads) == 15
    report = verify(database, heads)
    assert (report.seals, report.rows, report.is_sound) == (8, 15, True)
    assert [head.number for _, head in read_heads(heads) if head] == [3, 6, 8]


def test_the_thread_seals_and_goes_on_after_a_failure(database: Engine, heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []

    def fails_once(engine: Engine, path: Path) -> int:
        attempts.append(1)
        if len(attempts) == 1:
            raise StoreUnavailable("gone")
        return seal_all(engine, path)

    monkeypatch.setattr(sealing, "seal_all", fails_once)
    sealer = Sealer(database, heads, 0.02)
    sealer.start()
    call(database)
    deadline = time.monotonic() + 10
    while not heads.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    call(database)
    sealer.stop()
    assert sorted(ids(database)) == [1, 2]
    assert check(database, heads) == set()


def test_the_writer_commits_many_together_and_parts_the_bad_from_the_good(database: Engine) -> None:
    writer = AuditWriter(database)
    good = [writer.submit(row_of(Trace(f"r{n}"), "cases.search", 200)) for n in range(20)]
    bad = writer.submit({**row_of(Trace("bad"), "cases.search", 200), "entity_ids": ["no uuid"]})
    more = [writer.submit(row_of(Trace(f"m{n}"), "cases.search", 200)) for n in range(20)]
    for future in (*good, *more):
        future.result(timeout=20)
    with pytest.raises(Exception, match=".+"):
        bad.result(timeout=20)
    writer.close()
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit.access")).scalar_one() == 40
        assert connection.execute(text("SELECT count(*) FROM audit.unsealed")).scalar_one() == 40


def test_the_writer_connects_anew_where_its_connection_was_cut(database: Engine) -> None:
    writer = AuditWriter(database)
    writer.submit(row_of(Trace("before"), "x", 200)).result(timeout=20)
    with database.begin() as connection:
        # Waited for: what is sent to one that has not noticed yet may come to either.
        others = "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"  # autovacuum ends by itself
        cut = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"
        have_ended = connection.execute(text(cut)).scalars().all()
        assert have_ended and all(have_ended)
    writer.submit(row_of(Trace("after"), "x", 200)).result(timeout=20)
    writer.close()
    with database.connect() as connection:
        assert list(connection.execute(text("SELECT request_id FROM audit.access ORDER BY access_id")).scalars()) == ["before", "after"]


def test_a_table_that_is_not_there_is_told_to_each_that_waits(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE audit.access RENAME TO elsewhere"))
    writer = AuditWriter(database)
    futures = [writer.submit(row_of(Trace("x"), "x", 200)) for _ in range(5)]
    for future in futures:
        with pytest.raises(StoreError):
            future.result(timeout=20)
    writer.close()
