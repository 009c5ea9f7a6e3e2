"""Who may ask: tokens, roles, the audit row before the answer, and what stays out of the log."""

from __future__ import annotations

import logging
import uuid

import pytest
from sqlalchemy import text

from api.access import Caller
from api.tokens import create_token, list_tokens, revoke_token
from hub.errors import HubError, NotFound, RequestError
from tests.integration.api.builders import Api, Store

PROTECTED = ["/v1/cases", "/v1/cases/0d3f7b52-6a54-5a2e-9f0e-8a2b7c1d4e5f", "/v1/sources", "/v1/quarantine", "/metrics"]
PHONE = "13800138000"


@pytest.mark.parametrize("path", PROTECTED)
def test_without_a_valid_token_it_is_401(api: Api, path: str) -> None:
    for header in (None, "", "Bearer", "Bearer  wrong", "Bearer wrong", "Basic dXNlcjpwYXNz", "bearer\tx"):
        answer = api.get(path, headers={} if header is None else {"Authorization": header})
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:casehub:problem:not-authenticated")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="casehub"')
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_revoked_or_expired_token_is_401(api: Api, store: Store) -> None:
    token = create_token(store.engine, Caller("zhang", "clerk", "labour"), 1)
    header = {"Authorization": f"Bearer {token}"}
    assert api.get("/v1/sources", headers=header).status_code == 200
    revoke_token(store.engine, "zhang")
    assert api.get("/v1/sources", headers=header).status_code == 401
    late = {"Authorization": f"Bearer {store.token('clerk', 'labour', days=-1)}"}
    assert api.get("/v1/sources", headers=late).status_code == 401


@pytest.mark.parametrize("path", ["/v1/quarantine", "/metrics"])
def test_operators_alone(api: Api, path: str) -> None:
    answer = api.as_("clerk", "labour").get(path)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:casehub:problem:access-denied")
    assert api.as_("engineer").get(path).status_code == api.as_("admin").get(path).status_code == 200


def test_the_store_keeps_no_token(store: Store) -> None:
    token = create_token(store.engine, Caller("zhang", "clerk", "labour"), 1)
    assert len(token) >= 43 + len("casehub_")
    (row,) = store.rows("SELECT * FROM ops.api_token")
    assert token not in str(row)
    assert len(bytes(row["token_hash"])) == 32


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        pytest.param(Caller("zhang", "clerk", None), RequestError, id="clerk without a department"),
        pytest.param(Caller("zhang", "king", "labour"), RequestError, id="unknown role"),  # type: ignore[arg-type]
        pytest.param(Caller("", "admin", None), RequestError, id="no name"),
        pytest.param(Caller("a b", "admin", None), RequestError, id="blank in name"),
        pytest.param(Caller("zhang", "clerk", "Labour; --"), RequestError, id="no department code"),
        pytest.param(Caller("taken", "admin", None), RequestError, id="taken"),
    ],
)
def test_unsound_tokens_are_refused(store: Store, caller: Caller, error: type[HubError]) -> None:
    create_token(store.engine, Caller("taken", "admin", None), 1)
    with pytest.raises(error):
        create_token(store.engine, caller, 1)
    assert [token.name for token in list_tokens(store.engine)] == ["taken"]


def test_a_lost_token_is_replaced(api: Api, store: Store) -> None:
    first = create_token(store.engine, Caller("demo", "admin", None), 1)
    second = create_token(store.engine, Caller("demo", "admin", None), 1, replace=True)
    statuses = [api.get("/v1/sources", headers={"Authorization": f"Bearer {token}"}).status_code for token in (first, second)]
    assert statuses == [401, 200]
    with pytest.raises(NotFound):
        revoke_token(store.engine, "nobody")


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
    assert lines[2].startswith("GET /v1/cases/{case_id} 422 ")
    assert lines[3].startswith("GET (unmatched) 404 ")
    for record in own:
        assert PHONE not in record.getMessage()
        assert "小明" not in record.getMessage()
