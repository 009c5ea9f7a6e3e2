"""The inbox: good, bad and stale signatures; events stored once, counted when they come again."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time

import httpx
import pytest
from sqlalchemy import Engine

from api.departments import directory_of
from connectors.contract import Contract
from connectors.extract import Pull, extract
from hub.encryption import Protected, clear_bytes
from tests.integration.api.builders import SECRET, Api, Store

URL = "/v1/inbox/emergency_management"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_EMERGENCY_MANAGEMENT", json.dumps({"secret": SECRET}))


def signed(body: bytes, *, secret: str = SECRET, age_s: int = 0) -> dict[str, str]:
    timestamp = str(int(time.time()) - age_s)
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Timestamp": timestamp, "X-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


def push(api: Api, events: object, **how: object) -> httpx.Response:
    body = json.dumps({"events": events}, ensure_ascii=False).encode()
    return api.post(URL, content=body, headers=signed(body, **how))  # type: ignore[arg-type]


def stored(store: Store) -> list[tuple[str, int, dict[str, object]]]:
    rows = store.rows("SELECT event_id, times_received, body FROM ops.inbox ORDER BY inbox_id")
    return [(row["event_id"], row["times_received"], json.loads(clear_bytes(Protected.EVENT, bytes(row["body"])))) for row in rows]


def test_events_are_stored_before_the_answer_and_once(api: Api, store: Store) -> None:
    answer = push(api, [{"id": "b", "事": "坍塌"}, {"id": 7}, {"id": "b", "事": "坍塌"}])
    assert (answer.status_code, answer.json()) == (202, {"received": 3, "new": 2, "already_known": 1})
    assert stored(store) == [("b", 2, {"events": [{"id": "b", "事": "坍塌"}]}), ("7", 1, {"events": [{"id": 7}]})]
    assert push(api, [{"id": "b", "事": "坍塌"}]).json() == {"received": 1, "new": 0, "already_known": 1}
    assert [(event_id, times) for event_id, times, _ in stored(store)] == [("b", 3), ("7", 1)]
    rows = store.rows("SELECT caller, department, action, outcome FROM audit.access")
    assert {tuple(row.values()) for row in rows} == {("emergency_management", "emergency_management", "inbox.receive", 202)}


def test_another_content_under_an_id_is_kept_beside_the_first(api: Api, store: Store) -> None:
    """Answered 202 and dropped, it would be lost: the department does not send it again."""
    answer = push(api, [{"id": "b", "no": 1}, {"id": "b", "no": 2}, {"id": "b", "no": 1}])
    assert answer.json() == {"received": 3, "new": 2, "already_known": 1}
    assert push(api, [{"id": "b", "no": 3}, {"id": "b", "no": 2}]).json() == {"received": 2, "new": 1, "already_known": 1}
    assert [(event_id[:2], times, body["events"][0]["no"]) for event_id, times, body in stored(store)] == [  # type: ignore[index]
        ("b", 2, 1),
        ("b#", 2, 2),
        ("b#", 1, 3),
    ]


def test_the_same_request_sent_again_is_taken_and_changes_nothing(api: Api, store: Store) -> None:
    body = b'{"events":[{"id":"e1"}]}'
    headers = signed(body)
    assert [api.post(URL, content=body, headers=headers).status_code for _ in range(3)] == [202, 202, 202]
    assert [(event_id, times) for event_id, times, _ in stored(store)] == [("e1", 3)]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda headers: headers.pop("X-Signature-256"), id="no signature"),
        pytest.param(lambda headers: headers.pop("X-Timestamp"), id="no timestamp"),
        pytest.param(lambda headers: headers.update({"X-Signature-256": "sha256=" + "0" * 64}), id="wrong signature"),
        pytest.param(lambda headers: headers.update({"X-Signature-256": "sha256="}), id="empty signature"),
        pytest.param(lambda headers: headers.update({"X-Timestamp": "soon"}), id="no time"),
        pytest.param(lambda headers: headers.update({"X-Timestamp": "9" * 30}), id="far future"),
        pytest.param(
            lambda headers: headers.update({"X-Timestamp": str(int(headers["X-Timestamp"]) - 1)}), id="another time than was signed"
        ),
    ],
)
def test_a_bad_signature_stores_nothing(api: Api, store: Store, spoil: object) -> None:
    body = b'{"events":[{"id":"e1"}]}'
    headers = signed(body)
    spoil(headers)  # type: ignore[operator]
    answer = api.post(URL, content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:casehub:problem:not-authenticated")
    assert answer.headers["www-authenticate"].startswith("Signature")
    assert stored(store) == []


@pytest.mark.parametrize("how", [{"age_s": 301}, {"age_s": -301}, {"secret": "another"}])
def test_a_stale_or_foreign_push_is_refused(api: Api, store: Store, how: dict[str, object]) -> None:
    assert push(api, [{"id": "e1"}], **how).status_code == 401
    assert push(api, [{"id": "e2"}], age_s=290).status_code == 202
    assert [event_id for event_id, _, _ in stored(store)] == ["e2"]


UNREADABLE = (
    b"",
    b"{",
    b"<html>",
    b"[]",
    b"null",
    b'{"events": []}',
    b'{"events": [1]}',
    b'{"events": [{"id": "a"}, {"no": 1}]}',
    b'{"events": [{"id": null}]}',
    b'{"events": [{"id": "\\u0000"}]}',
    b'{"events": [{"id": "\\ud800"}]}',
    b'{"events": [{"id": {}}]}',
    b'{"events": ' + b"[" * 5000 + b"]" * 5000 + b"}",
)


def test_a_body_that_cannot_be_read_stores_nothing_of_it(api: Api, store: Store) -> None:
    for body in UNREADABLE:
        answer = api.post(URL, content=body, headers=signed(body))
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:casehub:problem:request"), body[:40]
    assert stored(store) == []


@pytest.mark.parametrize("code", ["petition", "no_such_department"])
def test_departments_that_do_not_push(api: Api, code: str) -> None:
    body = b'{"events":[{"id":"e1"}]}'
    assert api.post(f"/v1/inbox/{code}", content=body, headers=signed(body)).status_code == 404


def test_a_missing_secret_is_the_hubs_error_and_says_so_to_nobody(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASEHUB_CONNECTION_EMERGENCY_MANAGEMENT")
    answer = push(api, [{"id": "e1"}])
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:casehub:problem:misconfigured")
    assert "CASEHUB_CONNECTION" not in answer.text


def test_a_burst_larger_than_other_bodies_is_taken_and_too_large_refused(api: Api, store: Store) -> None:
    assert push(api, [{"id": str(n), "text": "事" * 300} for n in range(400)]).status_code == 202
    assert len(stored(store)) == 400
    assert push(api, [{"id": "x", "text": "a" * (5 * 1024 * 1024)}]).status_code == 413


def test_pushes_at_once_keep_every_event(api: Api, store: Store) -> None:
    statuses: list[int] = []

    def send(order: int) -> None:
        ids = range(20) if order % 2 else range(19, -1, -1)
        statuses.append(push(api, [{"id": f"e{n}"} for n in ids]).status_code)

    threads = [threading.Thread(target=send, args=(order,)) for order in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [202] * 8
    assert {times for _, times, _ in stored(store)} == {8}


@pytest.mark.parametrize("items", [None, "events", "data.events", "events[?id]"])
def test_what_was_stored_is_what_the_transport_reads(database: Engine, items: str | None) -> None:
    """The receiving side here and the reading side in connectors agree, whatever the contract's path to its rows."""
    from tests.integration.api.builders import running_api_of

    contract = make_contract(items)
    events = [{"id": "a", "n": 1.5}, {"id": "b", "n": None}]
    bodies = {None: events, "events": {"events": events}, "data.events": {"data": {"events": events}}, "events[?id]": {"events": events}}
    body = json.dumps(bodies[items]).encode()
    with running_api_of(database, directory_of([contract])) as api:
        assert api.post(URL, content=body, headers=signed(body)).status_code == 202
    pages = list(extract(contract, Pull(None, None), engine=database))
    rows = [row for page in pages for row in page.rows.to_pylist()]
    assert [json.loads(row["payload"]) for row in rows] == events
    assert [row["event_id"] for row in rows] == ["a", "b"]


def make_contract(items: str | None) -> Contract:
    connector = {"kind": "inbox", "connection": "emergency_management", "event_id": {"path": "id"}} | ({"items": items} if items else {})
    return Contract.model_validate(
        {
            "department": "emergency_management",
            "title": {"zh": "应急管理局", "en": "Emergency management"},
            "owner": {"desk": "desk"},
            "version": 1,
            "legal_basis": "law",
            "connector": connector,
            "feed": {"mode": "events"},
            "key": ["id"],
            "record": {"title": {"from": "id", "as": "text"}},
        }
    )
