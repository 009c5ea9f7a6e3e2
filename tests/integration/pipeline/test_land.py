"""LAND: versions, watermarks, deletions, and the count of every row."""

from __future__ import annotations

import json
import random
import threading
import time
from itertools import pairwise

import polars as pl
import pytest
from sqlalchemy import Engine

from hub.encryption import Protected, clear_bytes
from hub.errors import BatchHeld, BusyError, SnapshotError, SourceUnavailable, StoreUnavailable
from pipeline.landing.land import land
from pipeline.landing.order import Kind, Order
from pipeline.store.locks import department_lock
from pipeline.store.protected import clear_payloads
from tests.integration.pipeline.builders import Row, ask, giving, make_contract, make_page, make_row, require_the_law, take_in

CURSOR = {"feed": {"mode": "cursor", "field": "at", "ordered": True}}
VERSIONS = "SELECT source_record_id, version, operation, state FROM landing.record ORDER BY source_record_id, version"


def test_every_row_lands_once_and_the_same_again_is_known(database: Engine) -> None:
    contract, page = make_contract(), make_page([make_row(n) for n in range(5)])
    first, second = take_in(database, contract, page), take_in(database, contract, page)
    assert (first.pulled, first.landed, first.already_known, first.accepted) == (5, 5, 0, 5)
    assert (second.pulled, second.landed, second.already_known) == (5, 0, 5)
    assert ask(database, "SELECT count(*) FROM landing.record") == [5]


def test_a_pass_without_news_writes_the_batch_row_alone(database: Engine) -> None:
    contract, page = make_contract(), make_page([make_row(n) for n in range(5)])
    take_in(database, contract, page)
    tables = "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname NOT IN ('batch') ORDER BY relid"
    before = _settled(database, tables)
    take_in(database, contract, page)
    assert _settled(database, tables) == before


def _settled(database: Engine, query: str) -> list[object]:
    database.dispose()  # statistics are flushed when a session ends, which is some time after its client went
    while ask(database, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"):
        time.sleep(0.02)
    return ask(database, query)


def test_a_value_that_returns_lands_three_times(database: Engine) -> None:
    contract = make_contract()
    for status in ("received", "accepted", "received"):
        take_in(database, contract, make_page([make_row(1, status=status)]))
    assert ask(database, VERSIONS) == [("1", 1, "upsert", "superseded"), ("1", 2, "upsert", "superseded"), ("1", 3, "upsert", "accepted")]


def test_versions_within_one_page_are_kept_in_order(database: Engine) -> None:
    contract = make_contract(**CURSOR)
    rows = [make_row(1, status=status, at=f"2026-03-0{day} 08:00:00") for day, status in enumerate(("received", "accepted", "received"), 1)]
    report = take_in(database, contract, make_page(rows, cursor_field="at"))
    assert (report.landed, report.accepted, report.superseded) == (3, 1, 2)


def test_volatile_fields_within_others_make_no_version(database: Engine) -> None:
    contract = make_contract(volatile=["meta.run.exported", "meta.by"], ignore=["meta"])
    for exported in (1, 2):
        meta = {"run": {"exported": exported, "kept": 1}, "by": str(exported)}
        report = take_in(database, contract, make_page([make_row(1, meta=meta), make_row(2, meta=None), make_row(3)]))
        assert (report.landed, report.already_known) == ((3, 0) if exported == 1 else (0, 3))
    report = take_in(
        database, contract, make_page([make_row(1, meta={"run": {"exported": 3, "kept": 2}}), make_row(2, meta=None), make_row(3)])
    )
    assert (report.landed, report.already_known) == (1, 2)


def test_volatile_fields_make_no_version(database: Engine) -> None:
    contract = make_contract(volatile=["exported"])
    take_in(database, contract, make_page([make_row(1, exported="a")]))
    assert take_in(database, contract, make_page([make_row(1, exported="b")])).already_known == 1


def test_what_cannot_be_parsed_is_kept_as_bytes_and_known_the_next_time(database: Engine) -> None:
    contract = make_contract()
    page = make_page([make_row(1), b"\xff{broken", b"\xff{broken", {"text": "no key"}])
    report = take_in(database, contract, page)
    assert (report.landed, report.quarantined, report.accepted) == (4, 3, 1)
    kept = ask(database, "SELECT raw FROM landing.record WHERE raw IS NOT NULL")
    assert [clear_bytes(Protected.RAW, bytes(one)) for one in kept] == [b"\xff{broken"] * 2
    assert ask(database, "SELECT rule FROM quarantine.item ORDER BY rule") == ["fault", "fault", "key"]
    assert take_in(database, contract, page).already_known == 4


def test_a_key_twice_in_one_snapshot_is_refused_and_settles(database: Engine) -> None:
    contract, page = make_contract(), make_page([make_row(1, status="received"), make_row(1, status="accepted"), make_row(2)])
    report = take_in(database, contract, page)
    assert (report.accepted, report.quarantined) == (2, 1)
    assert ask(database, "SELECT reason FROM quarantine.item") == ["同一快照中主键重复 · the key stands twice in one snapshot"]
    assert take_in(database, contract, page).already_known == 3


def test_a_row_absent_from_a_complete_snapshot_is_deleted(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    report = take_in(database, contract, make_page([make_row(n) for n in range(9)]))
    assert (report.deleted, report.landed, report.already_known) == (1, 0, 9)
    assert ask(database, "SELECT operation FROM landing.record WHERE source_record_id = '9' ORDER BY version") == ["upsert", "delete"]
    assert take_in(database, contract, make_page([make_row(n) for n in range(10)])).landed == 1  # it came back


def test_a_row_that_newly_broke_is_not_taken_for_deleted(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    broken = make_page([*(make_row(n) for n in range(9)), b"{broken"])
    report = take_in(database, contract, broken)
    assert (report.deleted, report.alerts) == (
        0,
        ("缺少 1 条，且部分无法读取：本次没有删除 · 1 rows are absent, and some could not be read: nothing was deleted this time",),
    )
    assert take_in(database, contract, broken).deleted == 1  # a line that stays broken holds nothing up for ever


def test_an_incomplete_snapshot_deletes_nothing(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    assert take_in(database, contract, make_page([make_row(n) for n in range(9)], complete=False)).deleted == 0


def test_a_snapshot_of_which_most_vanished_is_held_and_nothing_is_deleted(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    with pytest.raises(SnapshotError, match="9 of 10 known rows are absent.*--accept-deletions"):
        take_in(database, contract, make_page([make_row(0, status="accepted")]))
    assert ask(database, "SELECT state FROM ops.batch ORDER BY batch_id") == ["done", "held"]
    assert ask(database, "SELECT count(*) FROM landing.record WHERE operation = 'delete'") == [0]
    report = take_in(database, contract, make_page([make_row(0)]), order=Order(accepts_deletions=True))
    assert report.deleted == 9


def test_accepted_deletions_close_the_batch_that_was_held_for_them(database: Engine) -> None:
    contract, short = make_contract(), make_page([make_row(0, status="accepted"), make_row(10)])
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    with pytest.raises(SnapshotError):
        take_in(database, contract, short)
    assert ask(database, "SELECT state, held FROM ops.batch WHERE batch_id = 2") == [("held", 2)]
    report = take_in(database, contract, short, order=Order(accepts_deletions=True))
    assert (report.already_known, report.deleted) == (2, 9)
    assert ask(database, "SELECT state, accepted, held, error, alerts FROM ops.batch WHERE batch_id = 2") == [
        ("done", 2, 0, None, ["一直挂起，直至批次 3 取得来源的现有数据 · held until batch 3 brought what the source holds"])
    ]
    assert ask(database, "SELECT state, count(*) FROM landing.record GROUP BY state ORDER BY state") == [
        ("accepted", 11),
        ("superseded", 10),
    ]
    assert ask(database, "SELECT version, status FROM store.source_record WHERE source_record_id = '0' ORDER BY version DESC LIMIT 1") == [
        (2, "accepted")
    ]


def test_a_whole_snapshot_settles_the_short_one_before_it(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    with pytest.raises(SnapshotError):
        take_in(database, contract, make_page([make_row(0, status="accepted"), make_row(1, status="accepted")]))
    whole = [make_row(0, status="accepted"), make_row(1, status="closed"), *(make_row(n) for n in range(2, 10))]
    assert take_in(database, contract, make_page(whole)).alerts == ()  # of no batch that waits for a person: it waits no more
    batches = "SELECT state, accepted, superseded FROM ops.batch WHERE batch_id > 1 ORDER BY batch_id"
    assert ask(database, batches) == [("done", 1, 1), ("done", 1, 0)]
    newest = "SELECT DISTINCT ON (source_record_id) status FROM store.source_record ORDER BY source_record_id, version DESC LIMIT 2"
    assert ask(database, newest) == ["accepted", "closed"]


def test_a_file_that_was_cut_off_is_taken_in_with_the_whole_one(database: Engine) -> None:
    contract, rows = make_contract(), [make_row(n) for n in range(5)]
    with pytest.raises(SnapshotError):
        land(database, contract, source=giving(make_page(rows, complete=False), then=SnapshotError("works: no trailer")))
    report = take_in(database, contract, make_page(rows))
    assert report.already_known == 5
    assert ask(database, "SELECT state, accepted, held FROM ops.batch ORDER BY batch_id") == [("done", 5, 0), ("done", 0, 0)]


def test_a_wrong_file_does_not_make_the_right_one_look_short(database: Engine) -> None:
    contract, right = make_contract(), make_page([make_row(n) for n in range(10)])
    take_in(database, contract, right)
    with pytest.raises(SnapshotError, match="10 of 10 known rows"):
        take_in(database, contract, make_page([make_row(n) for n in range(100, 160)]))
    report = take_in(database, contract, right)
    assert (report.state, report.already_known, report.deleted) == ("done", 10, 60)
    assert ask(database, "SELECT state, superseded FROM ops.batch WHERE batch_id = 2") == [("done", 60)]
    assert ask(database, "SELECT DISTINCT source_record_id::int < 10 FROM store.source_record WHERE NOT is_deleted") == [True]


def test_a_batch_that_a_rule_holds_stays_held_whatever_comes_after(database: Engine) -> None:
    contract = make_contract(expectations=[{"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "halt"}])
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    held = make_page([make_row(0, text=None), *(make_row(n) for n in range(1, 10))])
    with pytest.raises(BatchHeld):
        take_in(database, contract, held)
    take_in(database, contract, held)
    assert ask(database, "SELECT state FROM ops.batch ORDER BY batch_id") == ["done", "held", "done"]


def test_a_sweep_of_a_cursor_source_that_lost_too_much_says_how_to_accept_it(database: Engine) -> None:
    contract = make_contract(**CURSOR)
    take_in(database, contract, make_page([make_row(n, at=f"2026-03-0{n}T00:00:00Z") for n in range(1, 8)], cursor_field="at"))
    with pytest.raises(SnapshotError, match="absent from a sweep.*casehub run works --reconcile --accept-deletions"):
        take_in(database, contract, make_page([make_row(1, at="2026-03-01T00:00:00Z")]), order=Order("reconcile"))


def test_pages_in_order_move_the_watermark_one_by_one(database: Engine) -> None:
    contract = make_contract(**CURSOR)
    pages = [make_page([make_row(n, at=f"2026-03-0{n}T00:00:00Z")], start=n - 1, cursor_field="at") for n in (1, 2)]
    with pytest.raises(SourceUnavailable):
        land(database, contract, source=giving(*pages, then=SourceUnavailable("works: down")))
    assert ask(database, "SELECT watermark FROM ops.source") == ["2026-03-02T00:00:00Z"]
    assert ask(database, "SELECT state, pulled, landed FROM ops.batch") == [("failed", 2, 2)]


def test_pages_without_order_move_the_watermark_at_the_end(database: Engine) -> None:
    contract = make_contract(feed={"mode": "cursor", "field": "at"})
    page = make_page([make_row(1, at="2026-03-05T00:00:00Z")], cursor_field="at")
    with pytest.raises(SourceUnavailable):
        land(database, contract, source=giving(page, then=SourceUnavailable("works: down")))
    assert ask(database, "SELECT watermark FROM ops.source") == [None]
    land(database, contract, source=giving(page))
    assert ask(database, "SELECT watermark FROM ops.source") == ["2026-03-05T00:00:00Z"]


def test_a_backfill_never_moves_the_watermark(database: Engine) -> None:
    contract = make_contract(**CURSOR)
    take_in(database, contract, make_page([make_row(1, at="2026-03-05T00:00:00Z")], cursor_field="at"))
    take_in(database, contract, make_page([make_row(2, at="2026-09-05T00:00:00Z")], cursor_field="at"), order=Order("backfill"))
    assert ask(database, "SELECT watermark FROM ops.source") == ["2026-03-05T00:00:00Z"]


def test_a_late_commit_and_a_deletion_come_to_light_in_a_sweep(database: Engine) -> None:
    contract = make_contract(**CURSOR)
    take_in(database, contract, make_page([make_row(n, at=f"2026-03-0{n}T00:00:00Z") for n in range(1, 8)], cursor_field="at"))
    swept = make_page([make_row(n, at=f"2026-03-0{n}T00:00:00Z") for n in (1, 2, 3, 4, 5, 6)] + [make_row(9, at="2026-03-01T00:00:00Z")])
    report = take_in(database, contract, swept, order=Order("reconcile"))
    assert (report.landed, report.already_known, report.deleted) == (1, 6, 1)


@pytest.fixture(params=[1, 2_000], ids=["page by page", "pages together"])
def landed_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows from which on LAND takes pages: all of a test's would be one."""
    monkeypatch.setattr("pipeline.landing.land._ROWS_TOGETHER", request.param)


MARCH, APRIL = make_row(1), make_row(1, status="accepted", at="2026-04-01 08:00:00")


@pytest.mark.usefixtures("landed_at_once")
@pytest.mark.parametrize("kind", ["reconcile", "backfill", "ingest"])
def test_a_source_that_holds_a_key_twice_says_nothing_new_each_time(database: Engine, kind: Kind) -> None:
    contract = make_contract(feed={"mode": "cursor", "field": "at"})
    other = make_row(2, at="2026-03-02 08:00:00")
    pages = [make_page([MARCH, other, APRIL, MARCH], cursor_field="at")]
    if kind != "ingest":  # a pull after the watermark reads few pages, and each moves it
        pages = [make_page([row], start=place, cursor_field="at") for place, row in enumerate((MARCH, other, APRIL, MARCH))]
    first = take_in(database, contract, *pages)
    assert (first.pulled, first.landed, first.already_known) == (4, 4, 0)
    for _ in range(2):
        again = take_in(database, contract, *pages, order=Order(kind))
        assert (again.pulled, again.landed, again.already_known) == (4, 0, 4)
    require_the_law(database)


@pytest.mark.parametrize("kind", ["reconcile", "backfill", "ingest"])
def test_what_a_source_that_held_a_key_twice_holds_alone_is_current(database: Engine, kind: Kind) -> None:
    contract = make_contract(feed={"mode": "cursor", "field": "at"})
    take_in(database, contract, make_page([MARCH, APRIL], cursor_field="at"))
    alone = make_page([MARCH], cursor_field="at")
    back = take_in(database, contract, alone, order=Order(kind))
    assert (back.landed, back.already_known, back.accepted) == (1, 0, 1)
    assert ask(database, VERSIONS)[2:] == [("1", 3, "upsert", "accepted")]
    assert take_in(database, contract, alone, order=Order(kind)).landed == 0
    require_the_law(database)


@pytest.mark.usefixtures("landed_at_once")
def test_the_last_of_a_key_that_a_sweep_brings_several_times_is_current(database: Engine) -> None:
    contract = make_contract(feed={"mode": "cursor", "field": "at"})
    take_in(database, contract, make_page([MARCH, APRIL], cursor_field="at"))
    late = make_row(1, status="late", at="2026-03-20 08:00:00")
    pages = [make_page([row], start=place, cursor_field="at") for place, row in enumerate((MARCH, late, APRIL))]
    for landed in (2, 0):
        assert take_in(database, contract, *pages, order=Order("reconcile")).landed == landed
        # It says what APRIL says.
        current = "SELECT a.version, array_agg(b.version) FROM landing.record a JOIN landing.record b USING (content_hash)"
        assert ask(database, f"{current} WHERE a.state = 'accepted' AND b.version < 3 GROUP BY 1") == [(4, [2])]
    require_the_law(database)


@pytest.mark.parametrize("seed", range(4))
def test_in_whatever_pages_a_source_repeats_its_keys_the_last_of_each_is_current_and_lands_once(
    database: Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("pipeline.landing.land._ROWS_TOGETHER", 1)
    dice, contract = random.Random(seed), make_contract(feed={"mode": "cursor", "field": "at"})

    def pull(rows: list[Row]) -> int:
        cuts = sorted({0, len(rows), *(dice.randrange(len(rows)) for _ in range(3))})
        pages = [make_page(rows[start:end], start=start, cursor_field="at") for start, end in pairwise(cuts)]
        return take_in(database, contract, *pages, order=Order(dice.choice(["reconcile", "backfill"]))).landed

    for _ in range(4):
        told = [(key, dice.choice("abc")) for key in [1, 2, 3, *(dice.randint(1, 3) for _ in range(6))]]
        dice.shuffle(told)
        rows = [make_row(key, status=status, at=f"2026-03-0{'abc'.index(status) + 1} 08:00:00") for key, status in told]
        for is_again in (False, True):
            assert not (pull(rows) and is_again)
            current = dict(ask(database, "SELECT source_record_id::int, payload::text FROM landing.record WHERE state = 'accepted'"))
            payloads = clear_payloads(pl.Series("payload", list(current.values()))).to_list()
            assert {key: json.loads(one)["status"] for key, one in zip(current, payloads, strict=True)} == dict(told)
    require_the_law(database)


def test_an_event_sent_again_is_known_by_its_id(database: Engine) -> None:
    contract = make_contract(
        connector={"kind": "inbox", "connection": "works", "event_id": {"path": "event"}}, feed={"mode": "events"}, key=["id"]
    )
    events = [make_row(1, event="e1"), make_row(1, event="e2", status="accepted"), make_row(1, event="e1")]
    report = take_in(database, contract, make_page(events))
    assert (report.pulled, report.landed, report.already_known) == (3, 2, 1)
    assert take_in(database, contract, make_page([make_row(1, event="e1")])).already_known == 1


def test_two_runs_of_one_department_at_once(database: Engine) -> None:
    with department_lock(database, "works"), pytest.raises(BusyError, match="works: .*another run"):
        land(database, make_contract(), source=giving())


def test_the_lock_is_free_again_after_a_failure(database: Engine) -> None:
    with pytest.raises(SourceUnavailable):
        land(database, make_contract(), source=giving(then=SourceUnavailable("works: down")))
    assert land(database, make_contract(), source=giving()) == 2


def test_what_a_killed_run_landed_is_taken_along_by_the_next(database: Engine) -> None:
    contract = make_contract(**CURSOR)
    land(database, contract, source=giving(make_page([make_row(1, at="2026-03-01T00:00:00Z")], cursor_field="at")))  # … and no further
    report = take_in(database, contract, make_page([make_row(2, at="2026-03-02T00:00:00Z")], cursor_field="at"))
    assert report.accepted == 1
    assert ask(database, "SELECT state FROM landing.record") == ["accepted", "accepted"]
    assert ask(database, "SELECT accepted FROM ops.batch") == [1, 1]


def test_small_pages_land_together_and_stay_when_the_source_fails_after_them(database: Engine) -> None:
    contract = make_contract(**CURSOR)

    def source(*_: object) -> object:
        for n in range(1, 5):
            yield make_page([make_row(n, at=f"2026-03-0{n}T00:00:00Z")], start=n - 1, cursor_field="at")
        raise SourceUnavailable("gone", remedy="")

    with pytest.raises(SourceUnavailable):
        land(database, contract, source=source)
    assert ask(database, "SELECT count(*), count(DISTINCT xmin::text), max(version) FROM landing.record") == [(4, 1, 1)]
    assert ask(database, "SELECT state, pulled, landed FROM ops.batch") == [("failed", 4, 4)]
    assert ask(database, "SELECT watermark FROM ops.source") == ["2026-03-04T00:00:00Z"]


def test_the_database_going_away_in_mid_batch_loses_nothing(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.landing.land._ROWS_TOGETHER", 1)
    contract = make_contract(**CURSOR)

    def source(*_: object) -> object:
        yield make_page([make_row(1, at="2026-03-01T00:00:00Z")], cursor_field="at")
        killer = threading.Thread(target=_end_other_sessions, args=(database,))
        killer.start()
        killer.join()
        yield make_page([make_row(2, at="2026-03-02T00:00:00Z")], start=1, cursor_field="at")

    with pytest.raises(StoreUnavailable, match="database went away"):
        land(database, contract, source=source)
    pages = [make_page([make_row(n, at=f"2026-03-0{n}T00:00:00Z") for n in (1, 2)], cursor_field="at")]
    report = take_in(database, contract, *pages)
    assert (report.landed, report.already_known) == (1, 1)
    assert ask(database, "SELECT state, pulled, landed, already_known FROM ops.batch ORDER BY batch_id") == [
        ("failed", 1, 1, 0),
        ("done", 2, 1, 1),
    ]


def _end_other_sessions(database: Engine) -> None:
    ask(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
