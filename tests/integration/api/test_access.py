"""Who may ask: keys, roles, the audit row before the answer, and what stays out of the log."""

from __future__ import annotations

import logging
import uuid

import pytest
from sqlalchemy import text

from tests.integration.api.builders import Api, Store

PROTECTED = ["/v1/cases", "/v1/cases/0d3f7b52-6a54-5a2e-9f0e-8a2b7c1d4e5f", "/v1/sources", "/v1/quarantine", "/metrics"]
PHONE = "13800138000"


@pytest.mark.parametrize("path", PROTECTED)
def test_without_a_valid_key_it_is_401(api: Api, path: str) -> None:
    for header in (None, "", "Bearer", "Bearer  wrong", "Bearer wrong", "Basic dXNlcjpwYXNz", "bearer\tx"):
        answer = api.get(path, headers={} if header is None else {"Authorization": header})
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:casehub:problem:not-authenticated")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="casehub"')
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/quarantine", "/metrics"])
def test_operators_alone(api: Api, path: str) -> None:
    answer = api.as_("clerk", "labour").get(path)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:casehub:problem:access-denied")
    assert api.as_("engineer").get(path).status_code == api.as_("admin").get(path).status_code == 200


def test_every_call_leaves_a_row_without_what_was_asked(api: Api, store: Store) -> None:
    case_id = store.case(store.record("petition", "1", [{"name": "王小明", "phone": PHONE}]))
    clerk = api.as_("clerk", "petition")
    clerk.find(q=PHONE)
    clerk.get("/v1/cases", params={"q": PHONE})
    clerk.get(f"/v1/cases/{case_id}")
    clerk.get(f"/v1/cases/{uuid.uuid4()}")
    clerk.get("/v1/quarantine")
    api.get("/v1/cases")
    clerk.get("/v1/no-such-thing")
    api.get("/healthz")
    rows = store.rows("SELECT * FROM audit.access ORDER BY access_id")
    assert [(row["action"], row["outcome"], row["department"]) for row in rows] == [
        ("cases.search", 200, "petition"),
        ("cases.list", 400, "petition"),
        ("cases.read", 200, "petition"),
        ("cases.read", 404, "petition"),
        ("quarantine.list", 403, "petition"),
        ("cases.list", 401, None),
        ("unrouted", 404, None),
    ]
    assert rows[0]["entity_ids"] == rows[2]["entity_ids"] == [case_id]
    assert rows[-1]["caller"] == "anonymous"
    assert PHONE not in str(rows)


def test_without_an_audit_row_there_is_no_answer(fragile_api: Api) -> None:
    api, store = fragile_api, fragile_api.store
    case_id = store.case(store.record("petition", "1", [{"name": "王小明"}]))
    clerk = api.as_("clerk", "petition")
    with store.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit.access RENAME TO elsewhere"))
    answer = clerk.get(f"/v1/cases/{case_id}?include=parties")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:store-unavailable")
    assert "王" not in answer.text
    with store.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit.elsewhere RENAME TO access"))
    assert clerk.get(f"/v1/cases/{case_id}").status_code == 200


def test_the_log_has_no_query_string_and_no_path_value(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    clerk = api.as_("clerk", "petition")
    with caplog.at_level(logging.DEBUG):
        clerk.get("/v1/cases", params={"q": "王小明"})
        clerk.get("/v1/cases", params={"q": PHONE})
        clerk.get(f"/v1/cases/{PHONE}")
        clerk.get(f"/{PHONE}")
        clerk.post("/v1/cases/search", json={"q": PHONE})
    own = [record for record in caplog.records if record.name.startswith(("api", "uvicorn"))]
    lines = [record.getMessage() for record in own if record.name == "api.access"]
    assert len(lines) == 5
    assert lines[0].startswith("GET /v1/cases 200 ")
    assert lines[2].startswith("GET (unmatched) 404 ")
    assert lines[3].startswith("GET (unmatched) 404 ")
    for record in own:
        assert PHONE not in record.getMessage()
        assert "小明" not in record.getMessage()
