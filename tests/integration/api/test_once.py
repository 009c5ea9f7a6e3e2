"""A call that makes something, sent again with its Idempotency-Key: nothing is made twice, and the answer is the first one's."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.access import Caller
from api.once import once_of
from tests.integration.api.builders import DIRECTORY, Api, Store, running_api_of
from tests.integration.api.test_access_requests import World as Restricted
from tests.integration.api.test_lookups import csv_of
from tests.integration.api.test_reports import World as Reported

REUSED = "urn:casehub:problem:idempotency-key-reused"
Send = Callable[..., httpx.Response]  # a key, and whether another question is asked


def _report(api: Api, store: Store) -> Send:
    world = Reported(api, store)
    body = {"case_id": str(world.case_id), "about": "case"}

    def send(key: str | None, *, is_other: bool = False) -> httpx.Response:
        return _post(world.reporter, "/v1/reports", key, json={**body, "text": "金额有误" if is_other else "地址有误"})

    return send


def _emergency(api: Api, store: Store) -> Send:
    world = Restricted(api, store)
    body = {"case_id": str(world.case_id), "department": "court", "case_reference": "LD-7", "emergency": True}

    def send(key: str | None, *, is_other: bool = False) -> httpx.Response:
        return _post(world.asker, "/v1/access-requests", key, json={**body, "reason": "现场处置所需" if is_other else "核实诉讼情况"})

    return send


def _watch(api: Api, _: Store) -> Send:
    clerk = api.as_("clerk", "labour")
    webhook = {"url": "http://127.0.0.1:9/hook"}

    def send(key: str | None, *, is_other: bool = False) -> httpx.Response:
        query = {"category": "noise" if is_other else "wages"}
        return _post(clerk, "/v1/watches", key, json={"watched": "query", "query": query, "webhook": webhook})

    return send


def _look_up(api: Api, _: Store) -> Send:
    clerk = api.as_("clerk", "labour")

    def send(key: str | None, *, is_other: bool = False) -> httpx.Response:
        return _post(clerk, "/v1/lookups", key, content=csv_of(["姓名"], ["李四" if is_other else "王小明"]))

    return send


def _post(caller: Api, path: str, key: str | None, **more: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return caller.post(path, headers=headers | ({"Content-Type": "text/csv"} if "content" in more else {}), **more)


#: How it is brought about, its answer, where it is kept, its id, and what of its answer is the same for ever.
MADE: dict[str, tuple[Callable[[Api, Store], Send], int, str, str, tuple[str, ...]]] = {
    "reports.create": (_report, 201, "ops.report", "report_id", ("report_id", "text", "created_at")),
    "access_requests.create": (_emergency, 201, "ops.access_request", "request_id", ("request_id", "reason", "granted_until")),
    "watches.create": (_watch, 201, "ops.watch", "watch_id", ("watch_id", "query", "secret", "created_at")),
    "lookups.create": (_look_up, 202, "ops.lookup", "lookup_id", ("lookup_id", "rows", "columns", "created_at")),
}
EACH = [pytest.param(action, *how, id=action) for action, how in MADE.items()]


@pytest.fixture
def webhooks_here(store: Store) -> Any:
    """An API on the same store that takes webhooks of this machine, and of a caller one watch and one look-up at a time."""
    with running_api_of(store.engine, DIRECTORY, webhook_loopback=True, watches_each=1, lookup_jobs=1) as running:
        yield running


@pytest.mark.parametrize(("action", "begin", "status", "table", "column", "lasting"), EACH)
def test_a_retry_makes_nothing_more(
    webhooks_here: Api,
    store: Store,
    caplog: pytest.LogCaptureFixture,
    action: str,
    begin: Callable[[Api, Store], Send],
    status: int,
    table: str,
    column: str,
    lasting: tuple[str, ...],
) -> None:
    send, key = begin(webhooks_here, store), str(uuid.uuid4())
    with caplog.at_level(logging.WARNING):
        first = send(key)
        assert first.status_code == status, first.text
        again = [send(key), send(f'"{key}"')]  # bare, and as a string of structured fields
    assert [answer.status_code for answer in again] == [status] * 2, again[0].text
    assert caplog.text.count("emergency access") == (action == "access_requests.create")  # one alarm
    for answer in again:
        assert [answer.json()[name] for name in lasting] == [first.json()[name] for name in lasting]
    assert store.rows(f"SELECT {column} FROM {table}") == [{column: uuid.UUID(first.json()[column])}]
    written = store.rows(f"SELECT outcome FROM audit.access WHERE action = '{action}'")
    assert [row["outcome"] for row in written] == [status] * 3  # each call is one, whatever it made
    other = send(key, is_other=True)
    assert (other.status_code, other.json()["type"]) == (422, REUSED)
    assert len(store.rows(f"SELECT FROM {table}")) == 1


def test_a_step_of_a_report_is_taken_once(api: Api, store: Store) -> None:
    """A step that was taken already is refused; a retry of it is not."""
    world = Reported(api, store)
    report_id = world.value().json()["report_id"]
    path = f"/v1/reports/{report_id}/notes"
    steps = [("a", {"state": "taken"}), ("b", {"text": "凭证见卷宗"}), ("c", {"state": "corrected", "text": "已更正"})]
    for key, step in steps:
        first, again = (_post(world.owner, path, key, json=step) for _ in range(2))
        assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert [(note["state"], note["text"]) for note in first.json()["notes"]] == [(s.get("state"), s.get("text")) for _, s in steps]
    assert _post(world.owner, path, None, json={"text": "又一句"}).status_code == 201  # numbered by the sequence, and last all the same
    last = _post(world.owner, path, "d", json={"text": "最后一句"}).json()["notes"]
    assert [note["text"] for note in last][-2:] == ["又一句", "最后一句"]
    assert len(store.rows("SELECT FROM audit.access WHERE action = 'reports.note' AND outcome = 201")) == 8
    for other, step in (
        (path, {"state": "corrected", "text": "另一说明"}),
        (path.replace(report_id, world.value().json()["report_id"]), steps[2][1]),
    ):
        refused = _post(world.owner, other, "c", json=step)
        assert (refused.status_code, refused.json()["type"]) == (422, REUSED)
    assert _post(world.reporter, path, "c", json={"state": "closed"}).status_code == 201  # another's key is another
    assert _post(world.owner, path, "e", json={"state": "taken"}).status_code == 409


def test_two_steps_at_once_are_one(api: Api, store: Store) -> None:
    world = Reported(api, store)
    path = f"/v1/reports/{world.value().json()['report_id']}/notes"
    answers = list[httpx.Response]()
    threads = [threading.Thread(target=lambda: answers.append(_post(world.owner, path, "k", json={"state": "taken"}))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert [row["state"] for row in store.rows("SELECT state FROM ops.report_note")] == ["taken"]


def test_two_at_once_make_one(api: Api, store: Store) -> None:
    send, answers = _report(api, store), list[httpx.Response]()
    threads = [threading.Thread(target=lambda: answers.append(send("the-same-key"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["report_id"] for answer in answers}) == len(store.rows("SELECT FROM ops.report")) == 1


def test_without_a_key_or_with_another_each_is_made(api: Api, store: Store) -> None:
    send = _report(api, store)
    assert len({send(key).json()["report_id"] for key in (None, None, "one", "two")}) == 4


def test_a_key_is_its_callers_and_its_routes_own() -> None:
    wang, li = Caller("wang", "clerk", "labour"), Caller("li", "clerk", "labour")
    others = [
        once_of(wang, "reports.create", "k", "x"),
        once_of(li, "reports.create", "k", "x"),
        once_of(wang, "watches.create", "k", "x"),
        once_of(Caller("wang", "clerk", "court"), "reports.create", "k", "x"),
        once_of(Caller("wang", "clerk", "labour", kind="token"), "reports.create", "k", "x"),
        once_of(wang, "reports.create", "l", "x"),
    ]
    assert len({once.first for once in others if once}) == len(others)
    same = once_of(wang, "reports.create", "k", "y")
    assert same is not None and others[0] is not None
    assert (same.first, same.last) == (others[0].first, others[0].last)
    assert others[0].first <= same.made_id <= others[0].last
    assert same.made_id != others[0].made_id
    assert {once.made_id.version for once in others if once} == {8}  # which no id drawn by lot has


def test_what_was_deleted_may_be_made_again(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    body = {"watched": "query", "query": {"category": "wages"}}
    watch_id = _post(clerk, "/v1/watches", "k", json=body).json()["watch_id"]
    assert clerk.delete(f"/v1/watches/{watch_id}").status_code == 204
    assert _post(clerk, "/v1/watches", "k", json=body).status_code == 201
    assert len(store.rows("SELECT FROM ops.watch")) == 1


def test_a_look_up_that_has_expired_is_made_anew(api: Api, store: Store) -> None:
    """It was answered 404 until old ones were cleared away, which is done each ten minutes; and took one of its caller's places."""
    send = _look_up(api, store)
    first = send("k").json()
    store.run("UPDATE ops.lookup SET created_at = created_at - interval '9 days', expires_at = now() - interval '2 days'")
    again = send("k")
    assert (again.status_code, again.json()["lookup_id"]) == (202, first["lookup_id"])
    assert again.json()["created_at"] > first["created_at"]
    assert len(store.rows("SELECT FROM ops.lookup")) == 1


@pytest.mark.parametrize("key", ["", '""', "a b", "é", "k" * 256, 'a"b'])
def test_a_key_that_is_none_is_refused(api: Api, store: Store, key: str) -> None:
    world = Reported(api, store)
    body = {"case_id": str(world.case_id), "about": "case", "text": "有误"}
    answer = world.reporter.post("/v1/reports", json=body, headers={"Idempotency-Key": key.encode("latin-1")})  # type: ignore[dict-item]
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:casehub:problem:request")
    assert store.rows("SELECT FROM ops.report") == []
