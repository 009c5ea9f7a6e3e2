"""Feeds, quarantine, metrics, health."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from schema import tables
from tests.integration.api.builders import DIRECTORY, Api, Store, running_api_of

NOW = dt.datetime.now(dt.UTC)


def make_batch(store: Store, department: str, **fields: object) -> None:
    values = {
        "kind": "ingest",
        "state": "done",
        "contract_version": 1,
        "pulled": 10,
        "landed": 7,
        "already_known": 3,
        "accepted": 6,
        "quarantined": 1,
        "finished_at": NOW,
    }
    store.insert(tables.batch, department=department, **{**values, **fields})


def make_item(store: Store, department: str, number: int, **fields: object) -> None:
    values = {
        "rule": "transform:occurred_at",
        "column_name": "fssj",
        "reason": "no date",
        "batch_id": 1,
        "version": 1,
        "source_record_id": f"r{number}",
    }
    store.insert(tables.quarantine_item, department=department, **{**values, **fields})


@pytest.fixture
def feeds(store: Store) -> None:
    write_feeds(store)


def write_feeds(store: Store) -> None:
    store.insert(tables.source, department="petition", watermark="2025-01-03T00:00:00Z")
    make_batch(store, "labour", state="failed", finished_at=None, error="source is down")
    make_batch(store, "petition", pulled=1, landed=0, already_known=1)
    make_batch(store, "petition", contract_version=2)
    make_item(store, "petition", 1)
    make_item(store, "petition", 2, state="discarded")


def test_sources(api: Api, store: Store, feeds: None) -> None:
    sources = {each["department"]["code"]: each for each in api.as_("engineer").get("/v1/sources").json()["items"]}
    assert set(sources) == {"petition", "labour", "court", "procuratorate", "emergency_management"}
    petition = sources["petition"]
    assert (petition["contract_version"], petition["mode"], petition["freshness_s"]) == (2, "cursor", 1800)
    assert petition["watermark"] == "2025-01-03T00:00:00Z"
    assert (petition["is_late"], petition["open_quarantine"]) == (False, 1)
    batch = petition["last_batch"]
    assert [batch[name] for name in ("state", "pulled", "landed", "already_known", "accepted", "quarantined")] == ["done", 10, 7, 3, 6, 1]
    assert sources["labour"]["last_error"] == "source is down"
    assert sources["labour"]["is_late"] is None  # its contract promises no freshness
    assert sources["court"]["last_batch"] is None


def test_a_feed_without_a_success_or_behind_its_freshness_is_late(api: Api, store: Store) -> None:
    def is_late() -> object:
        items = api.as_("engineer").get("/v1/sources").json()["items"]
        return next(each["is_late"] for each in items if each["department"]["code"] == "petition")

    assert is_late() is True
    make_batch(store, "petition", finished_at=NOW - dt.timedelta(hours=1))
    make_batch(store, "petition", state="failed")
    make_batch(store, "petition", kind="remap")  # for which the source was asked nothing
    assert is_late() is True
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE ops.batch SET finished_at = now()"))
    assert is_late() is False


def test_a_department_that_is_not_pulled_is_not_late(database: Engine) -> None:
    """As the sixteen whose contracts are there, where a platform begins with its first."""
    for caller, departments, told in (("court", "labour", None), ("labour", "labour,petition", True), ("petition", "", True)):
        with running_api_of(database, DIRECTORY, departments=departments) as api:
            items = api.as_("clerk", caller).get("/v1/sources").json()["items"]
            assert next(each["is_late"] for each in items if each["department"]["code"] == "petition") is told


def test_counts_of_another_department_are_not_shown(api: Api, feeds: None) -> None:
    for dept, is_shown in (("petition", True), ("court", False)):
        items = api.as_("clerk", dept).get("/v1/sources").json()["items"]
        petition = next(each for each in items if each["department"]["code"] == "petition")
        assert (petition["open_quarantine"] is not None) == (petition["last_batch"]["pulled"] is not None) == is_shown
        assert (petition["watermark"] is not None) == is_shown
        assert petition["last_batch"]["state"] == "done"
        assert all(each["last_error"] is None for each in items)


def test_quarantine_pages_newest_first(api: Api, store: Store) -> None:
    for number in range(7):
        make_item(store, "petition" if number % 2 else "labour", number)
    make_item(store, "petition", 9, state="replayed")
    engineer = api.as_("engineer")
    seen, cursor = [], None
    while True:
        page = engineer.get("/v1/quarantine", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["source_record_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]
    item = engineer.get("/v1/quarantine", params={"department": "labour"}).json()["items"][0]
    assert (item["department"]["zh"], item["rule"], item["column"], item["reason"]) == (
        "人力资源局",
        "transform:occurred_at",
        "fssj",
        "no date",
    )
    assert engineer.get("/v1/quarantine", params={"state": "replayed"}).json()["items"][0]["source_record_id"] == "r9"
    assert engineer.get("/v1/quarantine", params={"rule": "fault"}).json()["items"] == []


def test_an_operator_of_one_department_sees_its_rows_alone(api: Api, store: Store) -> None:
    make_item(store, "petition", 1)
    make_item(store, "labour", 2)
    engineer = api.as_("engineer", "labour")
    assert [item["source_record_id"] for item in engineer.get("/v1/quarantine").json()["items"]] == ["r2"]
    assert engineer.get("/v1/quarantine", params={"department": "petition"}).json()["items"] == []


def test_an_operator_of_one_department_is_told_its_counts_alone(fragile_api: Api) -> None:
    """How many rows of another came, and when, would tell that a sealed record did."""
    api, store = fragile_api, fragile_api.store
    write_feeds(store)
    store.insert(tables.pending, record_id=1, reason="new")
    make_batch(store, "procuratorate", pulled=3, landed=3, already_known=0, error="of its own")
    for role in ("engineer", "admin"):
        own, whole = api.as_(role, "labour"), api.as_(role)
        sources = {each["department"]["code"]: each for each in own.get("/v1/sources").json()["items"]}
        assert sources["labour"]["last_batch"]["pulled"] == 10
        assert sources["labour"]["last_error"] == "source is down"
        other = sources["procuratorate"]
        assert (other["last_batch"]["pulled"], other["last_error"], other["open_quarantine"], other["watermark"]) == (None,) * 4
        lines = [line for line in own.get("/metrics").text.splitlines() if line.startswith("casehub_") and "http_request" not in line]
        assert 'casehub_last_batch_rows{department="labour",kind="pulled"} 10.0' in lines
        assert [line for line in lines if 'department="labour"' not in line] == []
        everything = whole.get("/metrics").text
        assert 'casehub_last_batch_rows{department="procuratorate",kind="pulled"} 3.0' in everything
        assert "casehub_pending_records 1.0" in everything


def test_metrics(fragile_api: Api) -> None:
    api, store = fragile_api, fragile_api.store
    write_feeds(store)
    make_batch(store, "labour", state="failed", already_known=2)
    store.insert(tables.pending, record_id=1, reason="new")
    store.insert(tables.link_sample, relation="case", left_id=1, right_id=2, model_version="case-4", match_weight=9.5)
    store.insert(tables.decision, relation="case", left_id=1, right_id=2, verdict="yes", decided_by="clerk")
    api.get("/healthz")
    answer = api.as_("engineer").get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    for line in (
        'casehub_last_batch_rows{department="petition",kind="pulled"} 10.0',
        'casehub_last_batch_info{department="labour",state="failed"} 1.0',
        'casehub_conservation_difference{department="petition"} 0.0',
        'casehub_conservation_difference{department="labour"} 1.0',
        'casehub_quarantine_open{department="petition"} 1.0',
        "casehub_pending_records 1.0",
        "casehub_inbox_waiting 0.0",
        'casehub_link_precision{bound="estimate",relation="case"} 1.0',
        'casehub_link_sample_judged{relation="case"} 1.0',
        'casehub_http_request_seconds_count{method="GET",route="/healthz",status="200"} 1.0',
    ):
        assert line in lines


def test_a_batch_that_breaks_the_law_is_told_whatever_came_after_it(fragile_api: Api) -> None:
    api, store = fragile_api, fragile_api.store
    make_batch(store, "labour", state="validated", pulled=12)
    make_batch(store, "labour", state="validated", pulled=9)
    make_batch(store, "labour", state="validated")
    lines = api.as_("engineer").get("/metrics").text.splitlines()
    assert 'casehub_conservation_difference{department="labour"} 3.0' in lines


def test_rows_that_wait_in_an_earlier_batch_are_told(fragile_api: Api) -> None:
    api, store = fragile_api, fragile_api.store
    for state, rows in (("held", 2), ("failed", 1), ("failed", 0), ("done", 0)):
        make_batch(store, "labour", state=state)
        batch_id = store.rows("SELECT max(batch_id) AS newest FROM ops.batch")[0]["newest"]
        for number in range(rows):
            key = f"{state}{number}"
            store.insert(
                tables.landing_record,
                department="labour",
                source_record_id=key,
                version=1,
                batch_id=batch_id,
                ordinal=number,
                operation="upsert",
                content_hash=key.encode(),
                has_key=True,
                state="held" if state == "held" else "landed",
            )
    lines = api.as_("engineer").get("/metrics").text.splitlines()
    assert 'casehub_last_batch_info{department="labour",state="done"} 1.0' in lines
    assert 'casehub_batches_held{department="labour"} 2.0' in lines
    assert 'casehub_rows_held{department="labour"} 3.0' in lines


def test_every_metric_is_in_operations(api: Api) -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = api.as_("engineer").get("/metrics").text.splitlines()
    families = {line.split()[2] for line in lines if line.startswith("# TYPE casehub_") and not line.split()[2].endswith("_created")}
    assert "casehub_http_request_seconds" in families
    assert [name for name in sorted(families) if f"| `{name}` |" not in page] == []


def test_health_and_readiness_need_no_token(fragile_api: Api) -> None:
    api, store = fragile_api, fragile_api.store
    assert api.get("/healthz").json() == {"status": "ok"}
    assert api.get("/readyz").json() == {"status": "ready"}
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    answer = api.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:schema")
    assert "retry-after" in answer.headers
    with store.engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    assert api.get("/readyz").status_code == 503
