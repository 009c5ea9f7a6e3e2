"""VALIDATE and quarantine: which row, which rule; what is held; what a replay does."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hub.errors import BatchHeld, NotFound
from hub.settings import Settings
from pipeline.ingest import finish
from pipeline.landing.land import land
from pipeline.quarantine import Choice, discard, discard_batch, list_items, release, replay
from pipeline.validating import validate as validating
from pipeline.validating.expectations import run
from pipeline.validating.validate import validate
from tests.integration.pipeline.builders import SETTINGS, ask, giving, make_contract, make_page, make_row, take_in

REQUIRED = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "quarantine"}
UNIQUE = {"type": "expect_column_values_to_be_unique", "column": "phone", "on_failure": "quarantine"}
ITEMS = "SELECT source_record_id, rule, column_name FROM quarantine.item WHERE state = 'open' ORDER BY source_record_id, rule"


def test_a_row_that_fails_is_quarantined_with_its_rule_and_the_others_go_on(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    report = take_in(database, contract, make_page([make_row(n, text=None if n == 3 else "x") for n in range(10)]))
    assert (report.accepted, report.quarantined) == (9, 1)
    assert ask(database, ITEMS) == [("3", "expect_column_values_to_not_be_null", "text")]
    assert ask(database, "SELECT rule, on_failure, evaluated, failed FROM ops.validation_result") == [
        ("expect_column_values_to_not_be_null", "quarantine", 10, 1)
    ]


def test_warnings_are_counted_and_accepted(database: Engine) -> None:
    contract = make_contract(expectations=[{"type": "expect_phone_number", "column": "phone", "on_failure": "warn"}])
    report = take_in(database, contract, make_page([make_row(n, phone="12" if n else "13912345678") for n in range(4)]))
    assert report.accepted == 4
    assert ask(database, "SELECT failed FROM ops.validation_result") == [3]


def test_halt_holds_the_whole_batch(database: Engine) -> None:
    contract = make_contract(expectations=[{**REQUIRED, "on_failure": "halt"}])
    with pytest.raises(
        BatchHeld,
        match="works: 批次 1 已挂起：text 不符合 expect_column_values_to_not_be_null · "
        "batch 1 is held: expect_column_values_to_not_be_null fails on text",
    ):
        take_in(database, contract, make_page([make_row(1), make_row(2, text=None)]))
    assert ask(database, "SELECT state FROM landing.record") == ["held", "held"]


def test_too_many_failing_rows_hold_the_batch_and_a_release_lets_the_good_ones_through(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    page = make_page([make_row(n, text=None if n < 10 else "x") for n in range(30)])
    with pytest.raises(BatchHeld, match="10 of 30 rows fail, above 20%.*casehub batches release"):
        take_in(database, contract, page)
    assert ask(database, "SELECT DISTINCT state FROM landing.record") == ["held"]
    assert ask(database, "SELECT count(*) FROM quarantine.item") == [0]
    release(database, contract, 1, SETTINGS)
    assert ask(database, "SELECT accepted, quarantined, held FROM ops.batch") == [(20, 10, 0)]
    assert ask(database, "SELECT state FROM ops.batch") == ["done"]


def test_a_discarded_batch_stays_in_landing_and_the_right_rows_land_next(database: Engine) -> None:
    contract = make_contract(expectations=[{**REQUIRED, "on_failure": "halt"}])
    with pytest.raises(BatchHeld):
        take_in(database, contract, make_page([make_row(1, text=None)]))
    discard_batch(database, "works", 1)
    assert ask(database, "SELECT state FROM landing.record") == ["superseded"]
    assert take_in(database, contract, make_page([make_row(1)])).accepted == 1
    with pytest.raises(NotFound, match="casehub batches list"):
        discard_batch(database, "works", 1)


@pytest.mark.parametrize(
    ("policy", "accepted", "quarantined"),
    [
        pytest.param("land_and_alert", 3, 0, id="alert"),
        pytest.param("quarantine", 2, 1, id="quarantine"),
        pytest.param("halt", 0, 0, id="halt"),
    ],
)
def test_a_new_column(database: Engine, policy: str, accepted: int, quarantined: int) -> None:
    contract = make_contract(drift={"new_column": policy, "missing_column": "land_and_alert"})
    page = make_page([make_row(1), make_row(2), make_row(3, surprise="x")])
    if policy == "halt":
        with pytest.raises(BatchHeld, match="new_column surprise"):
            take_in(database, contract, page)
        return
    report = take_in(database, contract, page)
    assert (report.accepted, report.quarantined, report.alerts) == (
        accepted,
        quarantined,
        ("new_column: 新增列 surprise · new column surprise",),
    )


@pytest.mark.parametrize("policy", ["land_and_alert", "quarantine", "halt"])
def test_a_new_column_that_is_named_by_a_person_is_told_without_the_number(database: Engine, policy: str) -> None:
    contract = make_contract(drift={"new_column": policy, "missing_column": "land_and_alert"})
    page = make_page([*[make_row(n) for n in range(9)], make_row(9, **{"440311198001011010": "x", "tel_13912345678": {}, "a\n1,张伟": 1})])
    told = [
        f"new_column: 新增列 {name} · new column {name}"
        for name in ("＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊", "(6 characters)", "tel_＊＊＊＊＊＊＊＊＊＊＊")
    ]
    if policy == "halt":
        with pytest.raises(BatchHeld):
            take_in(database, contract, page)
    else:
        assert sorted(take_in(database, contract, page).alerts) == sorted(told)
    for statement in (
        "SELECT (error, alerts)::text FROM ops.batch",
        "SELECT coalesce(columns::text, '') FROM ops.source",
        "SELECT column_name FROM quarantine.item UNION SELECT column_name FROM ops.validation_result",
    ):
        assert not any(value in str(ask(database, statement)) for value in ("440311198001011010", "13912345678", "张伟")), text


def test_columns_beyond_a_few_are_told_as_a_number(database: Engine) -> None:
    report = take_in(database, make_contract(), make_page([make_row(1, **{f"某某{place}": 1 for place in range(21)})]))
    assert report.alerts == ("new_column: 新增列 (21 columns) · new column (21 columns)",)


def test_a_column_whose_type_changes_is_refused_until_the_contract_says_otherwise(database: Engine) -> None:
    contract = make_contract(expectations=[])
    take_in(database, contract, make_page([make_row(n) for n in range(30)]))
    report = take_in(database, contract, make_page([*[make_row(n) for n in range(30)], make_row(30, text=7)]))
    assert (report.quarantined, report.alerts) == (1, ("retyped_column: 列类型改变 text · retyped column text",))
    assert ask(database, ITEMS) == [("30", "drift:retyped_column", "text")]
    assert take_in(database, contract, make_page([*[make_row(n) for n in range(31)], make_row(31, text=8)])).quarantined == 1


def test_a_column_that_is_gone_holds_the_batch(database: Engine) -> None:
    contract = make_contract(
        connector={"kind": "file", "connection": "works", "path": "works.csv", "format": "csv"}, drift={"missing_column": "quarantine"}
    )
    rows = [{key: value for key, value in make_row(n).items() if key != "status"} for n in range(3)]
    with pytest.raises(BatchHeld, match="missing_column status"):
        take_in(database, contract, make_page(rows))


def test_too_small_a_snapshot_is_held(database: Engine) -> None:
    with pytest.raises(BatchHeld, match="only 2 rows, at least 5 are healthy"):
        take_in(database, make_contract(volume={"min": 5}), make_page([make_row(1), make_row(2)]))


def test_a_snapshot_that_was_cut_off_is_held_though_nothing_in_it_is_new(database: Engine) -> None:
    contract = make_contract(volume={"min": 9}, feed={"mode": "snapshot", "max_vanished": 0.5})
    rows = [make_row(n) for n in range(10)]
    take_in(database, contract, make_page(rows))
    with pytest.raises(BatchHeld, match="only 6 rows, at least 9 are healthy"):
        take_in(database, contract, make_page(rows[:6]))
    assert ask(database, "SELECT count(*) FROM store.source_record WHERE is_deleted") == [0]
    report = take_in(database, contract, make_page(rows))
    assert (report.state, report.deleted) == ("done", 0)
    assert ask(database, "SELECT count(*) FROM store.source_record s WHERE is_deleted AND known_to IS NULL") == [0]


def test_a_feed_that_goes_silent_is_told(database: Engine) -> None:
    contract = make_contract(volume={"min": 3}, feed={"mode": "cursor", "field": "at"})
    take_in(database, contract, make_page([make_row(n) for n in range(5)], cursor_field="at"))
    assert take_in(database, contract, make_page([])).alerts == ()
    with database.begin() as connection:
        connection.execute(text("UPDATE ops.batch SET started_at = started_at - interval '2 days'"))
    report = take_in(database, contract, make_page([]))
    assert (report.state, report.alerts) == ("done", ("volume: 仅 0 行，正常不少于 3 行 · 0 rows, at least 3 are healthy",))


def test_an_unreadable_value_is_refused_with_its_column_and_not_its_value(database: Engine) -> None:
    report = take_in(database, make_contract(), make_page([make_row(1), make_row(2, at="next Tuesday 张伟")]))
    assert report.quarantined == 1
    item = next(iter(list_items(database, "works")))
    assert (item.rule, item.column_name) == ("transform:occurred_at", "at")
    assert "Tuesday" not in item.reason
    assert "张伟" not in item.reason


def test_replay_after_a_fix_accepts_and_a_second_replay_finds_nothing(database: Engine) -> None:
    broken = make_contract(expectations=[REQUIRED])
    take_in(database, broken, make_page([make_row(1), make_row(2, text=None)]))
    fixed = make_contract(version=2)
    assert replay(database, fixed, Choice("works"), SETTINGS, by="tester") == 1
    assert ask(database, "SELECT state FROM landing.record") == ["accepted", "accepted"]
    assert ask(database, "SELECT state, resolved_by FROM quarantine.item") == [("replayed", "tester")]
    assert replay(database, fixed, Choice("works"), SETTINGS, by="tester") == 0


def test_a_replay_leaves_what_the_rules_said_of_the_whole_batch(database: Engine) -> None:
    take_in(database, make_contract(expectations=[REQUIRED]), make_page([make_row(1), make_row(2, text=None), make_row(3)]))
    results = "SELECT evaluated, failed FROM ops.validation_result"
    assert ask(database, results) == [(3, 1)]
    assert replay(database, make_contract(expectations=[REQUIRED]), Choice("works"), SETTINGS, by="tester") == 1
    assert ask(database, results) == [(3, 1)]


def test_a_replay_of_a_version_older_than_the_accepted_one_is_superseded(database: Engine) -> None:
    broken = make_contract(expectations=[REQUIRED])
    take_in(database, broken, make_page([make_row(1, text=None)]))
    land(database, broken, source=giving(make_page([make_row(1)])))
    # The newer version is accepted while the older one waits: closed by it.
    finish(database, broken, 2, SETTINGS)
    assert ask(database, "SELECT version, state FROM landing.record ORDER BY version") == [(1, "superseded"), (2, "accepted")]
    assert ask(database, "SELECT state FROM quarantine.item") == ["superseded"]


def test_a_replay_does_not_let_through_what_a_killed_run_left_of_the_batch(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    rows = [make_row(0, text=None), *(make_row(n, at="soon" if n < 8 else "2026-03-01 08:00:00") for n in range(1, 30))]
    batch = land(database, contract, source=giving(make_page(rows)))
    validate(database, contract, batch, SETTINGS)  # and there it ended: NORMALISE would refuse seven more
    with pytest.raises(BatchHeld, match="8 of 30 rows fail"):
        replay(database, contract, Choice("works"), SETTINGS, by="tester")
    assert ask(database, "SELECT state, count(*) FROM landing.record GROUP BY state") == [("held", 30)]
    assert replay(database, contract, Choice("works"), SETTINGS, by="tester") == 0
    assert release(database, contract, batch, SETTINGS).accepted == 22


def test_discard_puts_a_row_aside_for_good(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    take_in(database, contract, make_page([make_row(1, text=None)]))
    assert discard(database, Choice("works", rule=REQUIRED["type"]), by="tester") == 1
    assert ask(database, "SELECT state FROM landing.record") == ["superseded"]
    assert list(list_items(database)) == []


def test_great_expectations_runs_over_chunks(database: Engine) -> None:
    contract = make_contract(
        expectations=[REQUIRED, {"type": "expect_column_values_to_be_unique", "column": "phone", "on_failure": "warn"}]
    )
    settings = Settings(validate_chunk_rows=7)
    rows = [make_row(n, text=None if n == 13 else "x", phone=f"139{n:08d}" if n < 19 else "13900000000") for n in range(20)]
    report = take_in(database, contract, make_page(rows), settings=settings)
    assert (report.accepted, report.quarantined) == (19, 1)
    assert ask(database, ITEMS) == [("13", REQUIRED["type"], "text")]
    assert ask(database, "SELECT failed FROM ops.validation_result WHERE rule LIKE '%unique'") == [2]


@pytest.mark.parametrize(
    ("rules", "chunk_rows", "parts"),
    [
        pytest.param(2, 20_000, ["all"], id="one chunk"),
        pytest.param(2, 2, ["rows", "rows", "batch"], id="chunks"),
        pytest.param(1, 2, ["rows", "rows"], id="no rule of the batch"),
    ],
)
def test_great_expectations_is_asked_no_more_often_than_it_must_be(
    database: Engine, monkeypatch: pytest.MonkeyPatch, rules: int, chunk_rows: int, parts: list[str]
) -> None:
    asked = []
    monkeypatch.setattr(validating, "run", lambda contract, frame, part: asked.append(part) or run(contract, frame, part))
    contract = make_contract(expectations=[REQUIRED, UNIQUE][:rules])
    take_in(database, contract, make_page([make_row(n) for n in range(4)]), settings=Settings(validate_chunk_rows=chunk_rows))
    assert asked == parts


def test_a_validation_that_is_tried_again_leaves_results_and_alerts_as_they_are(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED], volume={"max": 2})
    rows = [make_row(1, text=None), b"{", *(make_row(n, surprise="x") for n in range(2, 5))]
    batch_id = land(database, contract, source=giving(make_page(rows)))
    told = (
        "SELECT alerts FROM ops.batch",
        "SELECT rule, evaluated, failed FROM ops.validation_result ORDER BY rule",
        "SELECT source_record_id, rule, state FROM quarantine.item ORDER BY item_id",
    )
    validate(database, contract, batch_id, SETTINGS)
    before = [ask(database, statement) for statement in told]
    assert (len(before[0][0]), before[1]) == (2, [(REQUIRED["type"], 4, 1)])
    for _ in range(2):
        validate(database, contract, batch_id, SETTINGS)
        assert [ask(database, statement) for statement in told] == before
    finish(database, contract, batch_id, SETTINGS)
    assert [ask(database, statement) for statement in told] == before
    assert ask(database, "SELECT state, accepted, quarantined FROM ops.batch") == [("done", 3, 2)]


COUNT = {"type": "expect_table_row_count_to_be_between", "min_value": 1, "max_value": 7, "on_failure": "warn"}


def test_versions_of_one_record_are_no_repeat_of_each_other(database: Engine) -> None:
    contract = make_contract(expectations=[UNIQUE, COUNT])
    rows = [make_row(n, phone=f"1391234567{n}") for n in range(5)]
    land(database, contract, source=giving(make_page(rows)))  # … and no further
    again = make_row(4, phone="13912345670", text="x")  # as that of row 0
    report = take_in(database, contract, make_page([make_row(0, phone="13912345670", text="y"), *rows[1:4], again]))
    assert (report.accepted, report.quarantined) == (0, 2)
    assert ask(database, "SELECT source_record_id, version FROM quarantine.item ORDER BY 1") == [("0", 2), ("4", 2)]
    assert ask(database, "SELECT rule, evaluated, failed FROM ops.validation_result ORDER BY rule") == [
        (UNIQUE["type"], 5, 2),
        (COUNT["type"], 1, 0),
    ]
    take_in(database, contract, make_page([make_row(0, phone="13912345670", text="z"), *rows[1:]]))
    assert ask(database, "SELECT source_record_id, version FROM landing.record WHERE state = 'accepted' ORDER BY 1") == [
        ("0", 3),
        ("1", 1),
        ("2", 1),
        ("3", 1),
        ("4", 3),
    ]


def test_a_version_that_is_refused_anyway_stands_for_no_record(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED, UNIQUE])
    rows = [make_row(n, phone=f"1391234567{n}") for n in range(5)]
    land(database, contract, source=giving(make_page(rows)))  # … and no further
    report = take_in(database, contract, make_page([make_row(0, phone="13912345671", text=None), *rows[1:]]))
    assert (report.accepted, report.quarantined) == (0, 1)
    assert ask(database, ITEMS) == [("0", REQUIRED["type"], "text")]
    assert ask(database, "SELECT source_record_id, version FROM landing.record WHERE state = 'accepted' ORDER BY 1") == [
        (str(n), 1) for n in range(5)
    ]


@pytest.mark.parametrize(("late", "state"), [(1, "accepted"), (3, "quarantined")])
def test_of_events_that_tell_their_place_the_furthest_stands_for_its_record(database: Engine, late: int, state: str) -> None:
    inbox = {"kind": "inbox", "connection": "works", "event_id": {"path": "event"}}
    contract = make_contract(connector=inbox, feed={"mode": "events", "order": "at"}, expectations=[UNIQUE])
    first, second = make_row(1, phone="13912345671", at="2026-03-02 08:00:00"), make_row(2, phone="13912345672")
    repeats = make_row(1, phone="13912345672", at=f"2026-03-0{late} 08:00:00")
    take_in(database, contract, make_page([first, second, repeats], cursor_field="at"))
    assert ask(database, "SELECT state FROM landing.record WHERE source_record_id = '2'") == [state]


def test_data_docs_are_written_without_values(database: Engine, tmp_path: Path) -> None:
    contract = make_contract(expectations=[REQUIRED, {"type": "expect_phone_number", "column": "phone", "on_failure": "warn"}])
    take_in(
        database,
        contract,
        make_page([make_row(n, phone="4477bad" if n else "13912345678") for n in range(3)]),
        settings=Settings(home=tmp_path),
    )
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "data_docs").rglob("*.html")]
    assert any("phone" in page for page in pages)
    assert not any("4477bad" in page or "13912345678" in page for page in pages)
