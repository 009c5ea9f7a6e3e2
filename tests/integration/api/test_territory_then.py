"""Who reads one community alone: no time, no export and no history of a case leads out of it."""

from __future__ import annotations

import json

import pytest

from api.policy import store as policies
from api.policy.document import DEFAULT, policy_of, read_policy
from tests.integration.api.builders import Api, as_of
from tests.integration.pipeline.resolving import cases, id_number, person, record, settle

HERE, THERE = "440311001001", "440311001002"
ALL = "records,parties,timeline,lineage,links,history"
SECRET = "邻社区的事"


@pytest.fixture
def clerk(fragile_api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A clerk of a policy that gives clerks one community alone."""
    monkeypatch.setattr(policies, "FRESH_S", 0.0)
    document = read_policy(DEFAULT).model_dump(mode="json") | {"version": 1, "examples": []}
    document["roles"]["clerk"]["records"] = {"departments": "all", "places": [HERE]}
    policies.propose(fragile_api.store.engine, policy_of(document), "li")
    policies.approve(fragile_api.store.engine, 1, "wang")
    return fragile_api.as_("clerk", "petition")


def test_a_record_that_moved_away_since_is_not_read_as_it_was(clerk: Api) -> None:
    engine = clerk.store.engine
    worker = person("王建国", id_no=id_number(1))
    settle(engine, record("labour", "1", worker, title=SECRET, community=HERE))
    ((_, case_id),) = cases(engine).items()
    assert clerk.get(f"/v1/cases/{case_id}?as_of={as_of(1)}").status_code == 200
    settle(engine, record("labour", "1", worker, title=SECRET, community=THERE))
    for asked in ("", f"?as_of={as_of(1)}", f"?as_of={as_of(1)}&include={ALL}"):
        answer = clerk.get(f"/v1/cases/{case_id}{asked}")
        assert answer.status_code == 404, asked
        assert SECRET not in answer.text


def test_a_record_that_was_elsewhere_then_is_not_read_as_it_was(clerk: Api) -> None:
    engine = clerk.store.engine
    settle(engine, record("labour", "1", title=SECRET, community=THERE))
    settle(engine, record("labour", "1", title="本社区的事", community=HERE))
    ((_, case_id),) = cases(engine).items()
    assert clerk.get(f"/v1/cases/{case_id}?as_of={as_of(1)}").status_code == 404
    told = clerk.get(f"/v1/cases/{case_id}", params={"include": ALL})
    assert told.status_code == 200
    assert SECRET not in told.text


@pytest.mark.parametrize("level", ["cases", "records", "parties"])
def test_an_export_holds_the_own_community_alone(clerk: Api, level: str) -> None:
    store = clerk.store
    here = store.record("labour", "1", [{"name": "张三丰"}], title="本社区的事", community=HERE, category="noise")
    there = store.record("labour", "2", [{"name": "王小明"}], title=SECRET, community=THERE, category="wages")
    both = store.case(there, here)
    store.case(store.record("labour", "3", [{"name": "王小明"}], title=SECRET, community=THERE))
    body = {"format": "jsonl", "level": level, "receiver": "街道办"}
    (row, end) = [json.loads(line) for line in clerk.post("/v1/cases/export", json=body).text.splitlines()]
    assert (row["case_id"], end["end"]) == (str(both), {"rows": 1, "complete": True})
    assert "王" not in str(row)
    assert SECRET not in str(row)
    assert row.get("title", row.get("name")) in ("本社区的事", "张**")
    assert clerk.post("/v1/cases/export", json={**body, "category": "wages"}).json()["end"]["rows"] == 0
