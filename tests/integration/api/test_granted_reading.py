"""A restricted record that was opened to a caller: read by him as a shared one, everywhere, for as long as the grant lasts."""

from __future__ import annotations

from typing import Any

import pytest

from api.policy import grants
from tests.integration.api.builders import Api, Store
from tests.integration.api.test_access_requests import PHONE, World

ALL = "records,parties,timeline,lineage,links"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grant counts from the next request on."""
    monkeypatch.setattr(grants, "FRESH_S", 0.0)


def seen(caller: Api, world: World) -> dict[str, Any]:
    return caller.case(world.case_id, ALL)


def test_a_granted_record_is_read_as_a_shared_one_by_that_caller_alone(api: Api, store: Store) -> None:
    world = World(api, store)
    colleague = api.as_("clerk", "labour")
    before = seen(world.asker, world)
    assert [before["record_count"], len(before["acknowledged"])] == [1, 1]
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    case = seen(world.asker, world)
    assert [case["record_count"], case.get("acknowledged", [])] == [2, []]
    court = next(record for record in case["records"] if record["department"]["code"] == "court")
    assert [court["title"], court["is_masked"]] == ["王**诉某厂", True]
    assert case["values"]["amount"] == "9000.00"
    assert PHONE not in str(case)
    (item,) = world.asker.find(q="某厂")["items"]
    assert item["record_count"] == 2
    for other in (colleague, api.as_("clerk", "petition"), api.as_("admin", "labour")):
        assert [seen(other, world)["record_count"], other.ids(q="某厂")] == [1, []]
    world.decide(world.desk, request_id, "revoke")
    assert seen(world.asker, world) == before
    assert world.asker.ids(q="某厂") == []


def test_what_was_sealed_since_is_opened_to_nobody(api: Api, store: Store) -> None:
    world = World(api, store)
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    assert seen(world.asker, world)["record_count"] == 2
    store.run("UPDATE store.source_record SET visibility = 'sealed' WHERE department = 'court'")
    case = seen(world.asker, world)
    assert [case["record_count"], case.get("acknowledged", [])] == [1, []]
    assert "9000" not in str(case)


def test_a_grant_that_ended_is_none(api: Api, store: Store) -> None:
    world = World(api, store)
    world.decide(world.desk, world.asked(), "grant")
    store.run("UPDATE ops.access_request SET granted_until = now() - interval '1 second'")
    assert seen(world.asker, world)["record_count"] == 1
