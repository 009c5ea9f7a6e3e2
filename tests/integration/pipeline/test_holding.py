"""Held batches: too much refused by whichever step, nothing accepted, nothing lost, and the way out."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from hub.errors import BatchHeld, NotFound, SourceUnavailable
from hub.settings import Settings
from pipeline import quarantine
from pipeline.landing.land import land
from pipeline.quarantine import Choice, discard_batch, list_items, release, replay
from tests.integration.pipeline.builders import SETTINGS, Row, ask, giving, make_contract, make_page, make_row, require_the_law, take_in

REQUIRED = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "quarantine"}
UNREADABLE = "2026年三月 张伟"
STATES = "SELECT state, count(*) FROM landing.record GROUP BY state ORDER BY state"
BATCHES = "SELECT batch_id, state, accepted, quarantined, held FROM ops.batch ORDER BY batch_id"


def rows_with(bad: range, count: int = 30, **overrides: str) -> list[Row]:
    """Rows of which some have a time that no transform can read."""
    return [make_row(n, **({"at": UNREADABLE} if n in bad else {}), **overrides) for n in range(count)]


def test_too_many_rows_that_a_transform_refuses_hold_the_batch(database: Engine) -> None:
    with pytest.raises(
        BatchHeld,
        match=r"works: 批次 1 已挂起：30 行中有 10 行不合格，超过 20%：transform:occurred_at on at × 10 · "
        r"batch 1 is held: 10 of 30 rows fail, above 20%: transform:occurred_at on at × 10 → .*release 1",
    ):
        take_in(database, make_contract(), make_page(rows_with(range(10))))
    assert ask(database, STATES) == [("held", 30)]
    assert ask(database, BATCHES) == [(1, "held", 0, 0, 30)]
    error = ask(database, "SELECT error FROM ops.batch")[0]
    assert "casehub batches release 1" in error
    assert "code list" in error
    assert "张伟" not in error
    for table in ("store.source_record", "store.party", "store.case_event", "ops.pending", "quarantine.item"):
        assert ask(database, f"SELECT count(*) FROM {table}") == [0], table
    require_the_law(database)


def test_the_share_counts_what_both_steps_refuse(database: Engine) -> None:
    rows = [*(make_row(n, text=None) for n in range(4)), *rows_with(range(4, 8))[4:]]
    reasons = r"8 of 30 rows fail, above 20%: (?=.*not_be_null on text × 4)(?=.*transform:occurred_at on at × 4)"
    contract = make_contract(expectations=[REQUIRED])
    with pytest.raises(BatchHeld, match=reasons):
        take_in(database, contract, make_page(rows))
    assert ask(database, STATES) == [("held", 30)]
    assert ask(database, "SELECT count(*) FROM quarantine.item WHERE state = 'open'") == [0]
    require_the_law(database)
    release(database, contract, 1, SETTINGS)
    assert ask(database, BATCHES) == [(1, "done", 22, 8, 0)]
    assert ask(database, "SELECT rule, count(*) FROM quarantine.item WHERE state = 'open' GROUP BY rule ORDER BY rule") == [
        (REQUIRED["type"], 4),
        ("transform:occurred_at", 4),
    ]


@pytest.mark.parametrize(
    ("bad", "count"), [pytest.param(6, 30, id="a fifth is let through"), pytest.param(19, 19, id="too few rows to speak of a share")]
)
def test_a_few_refused_rows_hold_nothing(database: Engine, bad: int, count: int) -> None:
    report = take_in(database, make_contract(), make_page(rows_with(range(bad), count)))
    assert (report.state, report.accepted, report.quarantined, report.error) == ("done", count - bad, bad, None)


def test_chunks_that_were_good_are_turned_back_with_the_bad_ones(database: Engine) -> None:
    contract, settings = make_contract(), Settings(home=SETTINGS.home, validate_chunk_rows=7)
    take_in(database, contract, make_page(rows_with(range(0))))
    pending = ask(database, "SELECT record_id, reason FROM ops.pending ORDER BY 1")
    with pytest.raises(BatchHeld, match="batch 2 is held: 10 of 30 rows fail"):
        take_in(database, contract, make_page(rows_with(range(20, 30), status="accepted")), settings=settings)
    assert ask(database, "SELECT version, state, count(*) FROM landing.record GROUP BY 1, 2 ORDER BY 1") == [
        (1, "accepted", 30),
        (2, "held", 30),
    ]
    assert ask(database, "SELECT DISTINCT version FROM store.source_record") == [1]
    assert ask(database, "SELECT record_id, reason FROM ops.pending ORDER BY 1") == pending
    require_the_law(database)


def test_chunks_of_a_batch_that_goes_through_are_all_taken_in(database: Engine) -> None:
    contract, settings = make_contract(), Settings(home=SETTINGS.home, validate_chunk_rows=7)
    take_in(database, contract, make_page(rows_with(range(0))), settings=settings)
    report = take_in(database, contract, make_page(rows_with(range(3), status="accepted")), settings=settings)
    assert (report.accepted, report.quarantined) == (27, 3)
    assert ask(database, "SELECT count(DISTINCT record_id), count(*) FROM store.source_record") == [(30, 57)]
    assert ask(database, "SELECT reason, count(*) FROM ops.pending GROUP BY reason ORDER BY reason") == [("changed", 27), ("new", 3)]
    assert ask(database, "SELECT count(DISTINCT party_id) FROM store.party") == [30]


def test_a_release_after_the_contract_was_mended_takes_everything_in(database: Engine) -> None:
    page = make_page([make_row(n, at="01.03.2026") for n in range(30)])
    with pytest.raises(BatchHeld):
        take_in(database, make_contract(), page)
    at = {"from": "at", "as": "datetime", "formats": ["%d.%m.%Y"]}
    mended = make_contract(version=2, record={"text": {"from": "text"}, "status": {"from": "status"}, "occurred_at": at})
    release(database, mended, 1, SETTINGS)
    assert ask(database, BATCHES) == [(1, "done", 30, 0, 0)]
    assert ask(database, "SELECT error FROM ops.batch") == [None]
    require_the_law(database)


def test_a_release_before_anything_was_mended_quarantines_the_bad_rows(database: Engine) -> None:
    with pytest.raises(BatchHeld):
        take_in(database, make_contract(), make_page(rows_with(range(10))))
    release(database, make_contract(), 1, SETTINGS)
    assert ask(database, BATCHES) == [(1, "done", 20, 10, 0)]


@pytest.mark.parametrize("is_refused_in", ["validate", "normalise"])
def test_rows_of_a_killed_run_that_are_held_along_can_be_released_by_their_own_batch(database: Engine, is_refused_in: str) -> None:
    contract = make_contract(expectations=[REQUIRED])
    broken = {"text": None} if is_refused_in == "validate" else {"at": UNREADABLE}
    land(database, contract, source=giving(make_page([make_row(n) for n in range(5)])))  # … and no further
    with pytest.raises(BatchHeld, match="batch 2 is held: 25 of 30 rows fail"):
        take_in(database, contract, make_page([make_row(n, **(broken if n >= 5 else {})) for n in range(30)]))
    assert ask(database, BATCHES) == [(1, "held", 0, 0, 5), (2, "held", 0, 0, 25)]
    assert "held with batch 2" in ask(database, "SELECT error FROM ops.batch WHERE batch_id = 1")[0]
    release(database, contract, 1, SETTINGS)
    discard_batch(database, "works", 2)
    assert ask(database, STATES) == [("accepted", 5), ("superseded", 25)]
    assert ask(database, "SELECT state FROM ops.batch ORDER BY batch_id") == ["done", "discarded"]
    require_the_law(database)


@pytest.mark.parametrize("is_refused_in", ["validate", "normalise"])
def test_a_finished_batch_of_which_a_replay_was_cut_off_is_not_held_along(
    database: Engine, monkeypatch: pytest.MonkeyPatch, is_refused_in: str
) -> None:
    contract = make_contract(expectations=[REQUIRED])
    broken = {"text": None} if is_refused_in == "validate" else {"at": UNREADABLE}
    take_in(database, contract, make_page([make_row(n, **({"text": None} if n == 3 else {})) for n in range(10)]))
    with monkeypatch.context() as killed:
        killed.setattr(quarantine, "finish", lambda *_, **__: None)
        assert replay(database, contract, Choice("works"), SETTINGS, by="tester") == 1
    mended = make_contract(expectations=[REQUIRED] if is_refused_in == "validate" else [])
    with pytest.raises(BatchHeld, match=r"batch 2 is held: 3\d of 31 rows fail"):
        take_in(database, mended, make_page([make_row(n, **broken) for n in range(50, 80)], complete=False))
    assert ask(database, BATCHES) == [(1, "done", 9, 1, 0), (2, "held", 0, 0, 30)]
    assert ask(database, "SELECT error FROM ops.batch WHERE batch_id = 1") == [None]
    assert [(item.source_record_id, item.rule) for item in list_items(database)] == [("3", REQUIRED["type"])]
    with pytest.raises(NotFound):
        discard_batch(database, "works", 1)
    assert replay(database, make_contract(), Choice("works"), SETTINGS, by="tester") == 1
    assert ask(database, BATCHES) == [(1, "done", 10, 0, 0), (2, "held", 0, 0, 30)]
    require_the_law(database)


@pytest.mark.parametrize("is_overtaken", [False, True])
def test_a_batch_whose_pull_broke_off_is_not_held_along_once_its_rows_were_taken_in(
    database: Engine, monkeypatch: pytest.MonkeyPatch, is_overtaken: bool
) -> None:
    contract, broken_off = make_contract(expectations=[REQUIRED]), SourceUnavailable("works: away", remedy="later")
    rows = [make_row(n, **({"text": None} if n == 3 else {})) for n in range(10)]
    with pytest.raises(SourceUnavailable):
        land(database, contract, source=giving(make_page(rows, complete=False), then=broken_off))
    newer = [make_row(n, status="closed") for n in range(10) if n != 3 and is_overtaken]
    take_in(database, contract, make_page([], complete=False))
    take_in(database, contract, make_page(newer, complete=False))
    before = ask(database, BATCHES)
    assert before[0] == (1, "failed", 0 if is_overtaken else 9, 1, 0)
    with monkeypatch.context() as killed:
        killed.setattr(quarantine, "finish", lambda *_, **__: None)
        replay(database, contract, Choice("works"), SETTINGS, by="tester")
    with pytest.raises(BatchHeld, match=r"batch 4 is held: 31 of 31 rows fail"):
        take_in(database, contract, make_page([make_row(n, text=None) for n in range(50, 80)], complete=False))
    assert ask(database, BATCHES) == [*before, (4, "held", 0, 0, 30)]
    assert [(item.source_record_id, item.rule) for item in list_items(database)] == [("3", REQUIRED["type"])]
    with pytest.raises(NotFound):
        discard_batch(database, "works", 1)
    require_the_law(database)
