"""The inbox: signatures, and what waits in the store as pages."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from connectors.contract import Contract
from connectors.extract import Pull, extract, reconcile
from connectors.rows import NO_JSON_FAULT, NUL_FAULT
from connectors.transports.inbox import verify_signature
from hub.errors import SettingsError
from tests.unit.connectors.builders import make_contract, pull, rows_of

BODY = '{"事件": 1}'.encode()
SIGNATURE = hmac.new(b"s3", BODY, hashlib.sha256).hexdigest()


def contract_on(items: str | None = None, **connector: Any) -> Contract:
    reach = {"kind": "inbox", "connection": "source", "event_id": {"path": "id"}, **({"items": items} if items else {}), **connector}
    return make_contract(connector=reach, feed={"mode": "events", "deleted": {"field": "op", "in": ["D"]}}, key=["no"])


def put(engine: Engine, *bodies: bytes, department: str = "labour") -> None:
    with engine.begin() as connection:
        for number, body in enumerate(bodies):
            connection.execute(
                text("INSERT INTO ops.inbox (department, event_id, body) VALUES (:department, :event, :body)"),
                {"department": department, "event": f"e{number}", "body": body},
            )


@pytest.mark.parametrize("header", [SIGNATURE, f"sha256={SIGNATURE}", f" sha256={SIGNATURE.upper()} "])
def test_a_right_signature(header: str) -> None:
    assert verify_signature("s3", BODY, header)


@pytest.mark.parametrize("header", [None, "", "sha256=", SIGNATURE[:-1], f"sha1={SIGNATURE}", "签名", SIGNATURE[::-1]])
def test_a_wrong_signature(header: str | None) -> None:
    assert not verify_signature("s3", BODY, header)


def test_a_signature_is_of_this_body_by_this_secret() -> None:
    assert not verify_signature("s4", BODY, SIGNATURE)
    assert not verify_signature("s3", BODY + b" ", SIGNATURE)


def test_a_signature_with_the_time_of_sending() -> None:
    signature = hmac.new(b"s3", b"1767312000." + BODY, hashlib.sha256).hexdigest()
    assert verify_signature("s3", BODY, signature, timestamp="1767312000")
    assert not verify_signature("s3", BODY, signature, timestamp="1767312001")
    assert not verify_signature("s3", BODY, signature)


def test_an_event_id_that_no_index_can_hold_is_known_by_its_hash(database: Engine) -> None:
    put(database, *(orjson.dumps({"d": [{"no": "1", "id": "字" * 600 + end} for end in ends]}) for ends in ("ab", "b")))
    ids = [row["event_id"] for row in rows_of(pull(contract_on(items="d"), engine=database))]
    assert [len(one) for one in ids] == [71] * 3
    assert ids[0] != ids[1] == ids[2]


def test_what_waits_comes_in_the_order_of_its_arrival(database: Engine) -> None:
    put(database, *(orjson.dumps({"id": f"own{number}", "no": f"N{number}"}) for number in range(5)))
    put(database, b'{"no": "X"}', department="court")
    with database.begin() as connection:
        connection.execute(text("UPDATE ops.inbox SET batch_id = 1 WHERE event_id = 'e1' AND department = 'labour'"))
    pages = pull(contract_on(page_size=2), engine=database)
    rows = rows_of(pages)
    assert [row["source_record_id"] for row in rows] == ["N0", "N2", "N3", "N4"]
    assert [row["event_id"] for row in rows] == ["own0", "own2", "own3", "own4"]
    ids = [int(row["cursor"]) for row in rows]
    assert ids == sorted(ids)
    assert [page.complete for page in pages] == [False, False, True]
    assert {page.cursor for page in pages} == {None}


def test_one_push_with_several_events(database: Engine) -> None:
    put(database, b'{"events": [{"id": "a", "no": "1"}, {"no": "2", "op": "D"}, 7]}')
    rows = rows_of(pull(contract_on("events"), engine=database))
    assert [(row["source_record_id"], row["event_id"], row["operation"]) for row in rows] == [
        ("1", "a", "upsert"),
        ("2", "e0#1", "delete"),
        (None, "e0#2", "upsert"),
    ]
    assert len({row["cursor"] for row in rows}) == 1


def test_the_one_event_of_a_push_without_an_id_of_its_own_has_that_of_the_push(database: Engine) -> None:
    put(database, b'{"events": [{"id": "a", "no": "1"}, {"no": "2"}]}', b'{"events": [{"no": "3"}]}')
    rows = rows_of(pull(contract_on("events"), engine=database))
    assert [row["event_id"] for row in rows] == ["a", "e0", "e1"]


@pytest.mark.parametrize(
    ("body", "items", "fault"),
    [
        pytest.param(b"<xml/>", None, NO_JSON_FAULT, id="not JSON"),
        pytest.param(b"7", None, "没有行的事件 · an event without a row", id="a number"),
        pytest.param(b'{"events": []}', "events", "没有行的事件 · an event without a row", id="no events"),
        pytest.param(b'{"other": []}', "events", "没有行的事件 · an event without a row", id="another shape"),
        pytest.param(b'{"no": "1", "nr": "a\\u0000b"}', None, NUL_FAULT, id="U+0000"),
    ],
)
def test_what_cannot_be_read_is_a_row_that_is_taken_all_the_same(database: Engine, body: bytes, items: str | None, fault: str) -> None:
    put(database, body)
    (row,) = rows_of(pull(contract_on(items), engine=database))
    assert (row["fault"], row["payload"], row["event_id"]) == (fault, None, "e0")
    assert row["raw"]
    assert int(row["cursor"]) > 0


def test_a_page_that_is_landed_while_the_next_is_read(database: Engine) -> None:
    put(database, *(orjson.dumps({"no": f"N{number}"}) for number in range(6)))
    seen = []
    for page in extract(contract_on(page_size=2), Pull(), engine=database):
        seen += page.rows.column("source_record_id").to_pylist()
        with database.begin() as connection:
            ids = [int(cursor) for cursor in page.rows.column("cursor").to_pylist()]
            connection.execute(text("UPDATE ops.inbox SET batch_id = 1 WHERE inbox_id = ANY(:ids)"), {"ids": ids})
    assert seen == [f"N{number}" for number in range(6)]
    assert pull(contract_on(), engine=database)[0].rows.num_rows == 0


def test_an_inbox_without_the_store() -> None:
    with pytest.raises(SettingsError, match="needs the hub's store"):
        list(reconcile(contract_on()))
