"""What was accepted is mapped anew: after a mended contract, with nothing lost, doubled, or taken for news of the source."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from connectors.contract import Contract
from hub.errors import BatchHeld
from pipeline.ingest import ingest
from pipeline.landing.land import land
from pipeline.landing.order import Order
from pipeline.landing.remap import land_accepted
from pipeline.quarantine import Choice, discard, discard_batch, list_items, release, replay
from tests.integration.pipeline.builders import SETTINGS, ask, giving, make_contract, make_page, make_row, require_the_law, take_in

PARTY = {"role": "petitioner", "name": {"from": "who", "as": "person_name"}}
WRONG = {"parties": [{**PARTY, "id_no": {"path": "reporter.idno", "as": "id_no"}}]}
RIGHT = {"parties": [{**PARTY, "id_no": {"path": "reporter.id", "as": "id_no"}}]}
REQUIRED = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "quarantine"}
NUMBER = "440311199001011234"
CURRENT = "SELECT source_record_id, version, state FROM landing.record WHERE state <> 'superseded' ORDER BY 1, 2"
NUMBERS = """
SELECT count(p.id_no), count(*) FROM store.party p JOIN (
    SELECT record_id, max(version) AS version FROM store.source_record GROUP BY 1
) r USING (record_id, version)
"""
ALERTS = "SELECT alerts FROM ops.batch ORDER BY batch_id DESC LIMIT 1"


def told(number: int, **overrides: Any) -> dict[str, Any]:
    return make_row(number, reporter={"id": NUMBER}, **overrides)


def remap(database: Engine, contract: Contract) -> Any:
    return ingest(database, contract, SETTINGS, Order("remap"))


def test_rows_accepted_by_a_wrong_path_are_mended(database: Engine) -> None:
    take_in(database, make_contract(**WRONG), make_page([told(n) for n in range(3)]))
    assert ask(database, NUMBERS) == [(0, 3)]
    report = remap(database, make_contract(**RIGHT, version=2))
    assert (report.state, report.pulled, report.landed, report.accepted) == ("done", 3, 3, 3)
    assert ask(database, NUMBERS) == [(3, 3)]
    assert ask(database, CURRENT) == [(str(n), 2, "accepted") for n in range(3)]
    require_the_law(database)


def test_what_the_source_then_says_is_already_known(database: Engine) -> None:
    page = make_page([told(n) for n in range(3)])
    take_in(database, make_contract(**WRONG), page)
    remap(database, make_contract(**RIGHT, version=2))
    report = take_in(database, make_contract(**RIGHT, version=2), page)
    assert (report.pulled, report.already_known, report.landed, report.deleted) == (3, 3, 0, 0)


def test_a_changed_mapping_is_told_once_and_what_to_do(database: Engine) -> None:
    page = make_page([told(1)])
    take_in(database, make_contract(**WRONG), page)
    contract = make_contract(**RIGHT, version=2)
    take_in(database, contract, page)
    (alerts,) = ask(database, ALERTS)
    assert alerts == [
        "contract_changed: parties；运行 `casehub run works --remap` 之前，已接受的行仍按原映射 · "
        "rows accepted before stay as they were mapped, until `casehub run works --remap`",
    ]
    take_in(database, contract, page)
    take_in(database, make_contract(**RIGHT, version=3, legal_basis="another"), page)
    listed = [alert for alerts in ask(database, "SELECT alerts FROM ops.batch") for alert in alerts or ()]
    assert [alert for alert in listed if alert.startswith("contract_changed")] == alerts


def test_a_record_of_which_something_newer_waits_is_left_to_that(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(1), make_row(2)]))
    take_in(database, contract, make_page([make_row(1, phone="no number"), make_row(2)]))
    assert remap(database, contract).landed == 1
    assert ask(database, CURRENT) == [("1", 1, "accepted"), ("1", 2, "quarantined"), ("2", 2, "accepted")]
    assert len(list(list_items(database))) == 1
    discard(database, Choice("works"), by="tester")
    assert remap(database, contract).landed == 1
    assert ask(database, CURRENT) == [("1", 1, "accepted"), ("2", 3, "accepted")]
    report = take_in(database, contract, make_page([make_row(1, phone="no number"), make_row(2)]))
    assert (report.already_known, list(list_items(database))) == (2, [])  # what a person put aside does not come again
    require_the_law(database)


def test_deleted_records_stay_deleted(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    take_in(database, contract, make_page([make_row(n) for n in range(9)]))
    assert remap(database, contract).landed == 9
    assert ask(database, "SELECT count(*) FROM landing.record WHERE operation = 'delete' AND state = 'accepted'") == [1]


def test_a_mapping_that_fails_is_held_and_what_was_accepted_stands(database: Engine) -> None:
    take_in(database, make_contract(), make_page([make_row(n, who=None) for n in range(30)]))
    worse = make_contract(version=2, record={"occurred_at": {"from": "text", "as": "datetime"}})
    with pytest.raises(BatchHeld):
        remap(database, worse)
    assert ask(database, "SELECT count(*) FROM landing.record WHERE state = 'accepted' AND version = 1") == [30]
    (batch_id,) = ask(database, "SELECT batch_id FROM ops.batch WHERE state = 'held'")
    assert discard_batch(database, "works", batch_id) == "remap"
    report = take_in(database, make_contract(), make_page([make_row(n, who=None) for n in range(30)]))
    assert (report.already_known, report.landed) == (30, 0)
    require_the_law(database)


def test_it_says_nothing_of_the_sources_health(database: Engine) -> None:
    contract = make_contract(volume={"min": 3, "max": 3})
    take_in(database, contract, make_page([make_row(1), make_row(2), make_row(3, phone="no number")]))
    report = remap(database, contract)
    assert (report.state, report.landed, report.alerts) == ("done", 2, ())


def test_with_nothing_accepted_nothing_is_done(database: Engine) -> None:
    report = remap(database, make_contract())
    assert (report.state, report.pulled) == ("done", 0)


def test_replayed_rows_of_before_are_superseded_whatever_refuses_them(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    with pytest.raises(BatchHeld):
        take_in(database, contract, make_page([make_row(n, text=None) for n in range(30)]))
    take_in(database, contract, make_page([make_row(n) for n in range(30)]))
    (batch_id,) = ask(database, "SELECT batch_id FROM ops.batch WHERE state = 'held'")
    release(database, contract, batch_id, SETTINGS)
    assert list(list_items(database)) == []
    assert replay(database, contract, Choice("works"), SETTINGS, by="tester") == 0
    assert ask(database, CURRENT) == [(str(n), 2, "accepted") for n in sorted(range(30), key=str)]
    require_the_law(database)


def test_a_batch_that_waits_for_a_person_is_told_with_each_that_follows(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    page = make_page([make_row(n, text=None) for n in range(30)])
    with pytest.raises(BatchHeld):
        take_in(database, contract, page)
    for _ in range(2):
        report = take_in(database, contract, page)
        assert report.alerts == (
            "held: 1 个批次等待人工处理，最早为 1；原因见 `casehub batches list --state held` · "
            "1 batches wait for a person, 1 the first; `casehub batches list --state held` tells why",
        )


def test_the_usual_time_zone_written_out_is_no_change(database: Engine) -> None:
    take_in(database, make_contract(), make_page([make_row(1)]))
    assert take_in(database, make_contract(version=2, timezone="Asia/Shanghai"), make_page([make_row(1)])).alerts == ()


def test_a_cut_off_snapshot_that_it_takes_along_is_held_all_the_same(database: Engine) -> None:
    contract = make_contract(volume={"min": 3}, feed={"mode": "snapshot", "max_vanished": 1.0})
    take_in(database, contract, make_page([make_row(n) for n in range(3)]))
    land(database, contract, source=giving(make_page([make_row(1, text="x")])))  # killed before it was judged
    with pytest.raises(BatchHeld, match="only 1 rows, at least 3 are healthy"):
        remap(database, contract)


def test_a_discarded_one_takes_no_watermark_back(database: Engine) -> None:
    feed = {"mode": "cursor", "field": "at"}
    rows = [make_row(n, who=None) for n in range(30)]
    take_in(database, make_contract(feed=feed), make_page(rows, cursor_field="at"))
    worse = make_contract(version=2, feed=feed, record={"occurred_at": {"from": "text", "as": "datetime"}})
    with pytest.raises(BatchHeld):
        remap(database, worse)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE ops.source SET watermark = '2027'")
    discard_batch(database, "works", 2)
    assert ask(database, "SELECT watermark FROM ops.source") == ["2027"]


def test_rows_that_it_copies_are_locked_until_the_copies_are_seen(database: Engine) -> None:
    take_in(database, make_contract(), make_page([make_row(1)]))
    rows = "SELECT ordinal FROM landing.record FOR UPDATE SKIP LOCKED"  # as a rotation of keys looks for them
    with database.begin() as copying, database.begin() as rotating:
        assert land_accepted(copying, make_contract(), 0) == 1
        assert rotating.exec_driver_sql(rows).all() == []
