"""How often a caller may ask, and what a browser is told: quotas with their headers, no CORS, HSTS behind TLS alone."""

from __future__ import annotations

import datetime as dt
import re
import time
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from api.access import Caller
from api.authentication import limits
from api.authentication.keys import create_key, rotate_key
from api.authentication.throttle import Throttle
from api.policy import store as policies
from api.policy.document import DEFAULT, policy_of, read_policy
from tests.integration.api.builders import DIRECTORY, Api, running_api_of

_HOUR = dt.timedelta(hours=1)
LEFT = re.compile(r'"caller";r=(\d+);t=(\d+)')


def _with_clerk(api: Api, **rules: Any) -> Api:
    """The API under a policy that has other rules for clerks."""
    document = read_policy(DEFAULT).model_dump(mode="json") | {"version": 1, "examples": []}
    document["roles"]["clerk"] |= rules
    policies.propose(api.store.engine, policy_of(document), "li")
    policies.approve(api.store.engine, 1, "wang")
    return api


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which policy is in force is looked at for every request."""
    monkeypatch.setattr(policies, "FRESH_S", -1.0)


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have passed for quotas beside those that have; asked for before the API that counts by them."""
    more = [0.0]
    monkeypatch.setattr(limits, "Throttle", partial(Throttle, clock=lambda: time.monotonic() + more[0]))
    return more


@pytest.fixture
def limited_api(passed: list[float], fragile_api: Api, looked_at: None) -> Api:
    """Clerks may ask four times in four minutes."""
    return _with_clerk(fragile_api, rate={"requests": 4, "per_s": 240})


def test_a_quota_is_told_used_up_and_comes_back(limited_api: Api, passed: list[float]) -> None:
    clerk = limited_api.as_("clerk", "labour")
    answers = [clerk.get("/v1/sources") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"caller";q=4;w=240'}
    assert [int(LEFT.fullmatch(answer.headers["ratelimit"])[1]) for answer in answers] == [3, 2, 1, 0, 0, 0]
    refused = answers[-1]
    assert refused.json()["type"] == "urn:casehub:problem:too-many-requests"
    wait = int(refused.headers["retry-after"])
    assert 0 < wait <= 60
    passed[0] += wait
    assert clerk.get("/v1/sources").status_code == 200


def test_it_is_counted_by_holder_not_by_key_and_refused_calls_count(limited_api: Api) -> None:
    engine = limited_api.store.engine
    first = create_key(engine, Caller("zhang", "clerk", "labour"), 1)
    second = rotate_key(engine, "zhang", 1, overlap=_HOUR)
    other = create_key(engine, Caller("li", "clerk", "labour"), 1)

    def ask(key: str, path: str = "/v1/sources") -> int:
        return limited_api.get(path, headers={"Authorization": f"Bearer {key}"}).status_code

    assert [ask(first), ask(second), ask(first, "/v1/quarantine"), ask(second, "/v1/quarantine")] == [200, 200, 403, 403]
    assert ask(first) == ask(second) == 429
    assert ask(other) == 200
    rows = limited_api.store.rows("SELECT caller, outcome FROM audit.access ORDER BY access_id")
    assert [row["outcome"] for row in rows if row["caller"] == "zhang"][-2:] == [429, 429]


_PURPOSE = {"X-Purpose": "handling", "X-Case-Reference": "LD-1"}


@pytest.fixture
def wary_api(fragile_api: Api, looked_at: None) -> Api:
    """Clerks may ask about five numbers an hour without a purpose."""
    return _with_clerk(fragile_api, numbers={"requests": 5, "per_s": 3600})


def _silent(api: Api, role: str = "clerk") -> Api:
    """Somebody of labour who says nothing of what for."""
    caller = api.as_(role, "labour")
    for name in _PURPOSE:
        del caller.headers[name]
    return caller


def _phones(count: int) -> dict[str, Any]:
    return {"records": [{"parties": [{"kind": "person", "name": "王某", "phone": f"1380000{number:04}"}]} for number in range(count)]}


def test_a_mask_is_not_filled_in_by_asking_for_every_number(wary_api: Api) -> None:
    clerk = _silent(wary_api)
    refused = clerk.post("/v1/match/batch", json=_phones(6))
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:casehub:problem:too-many-requests")
    assert int(refused.headers["retry-after"]) > 0
    assert "X-Purpose" in refused.json()["remedy"]
    assert "电话、证件号码、出生日期或门牌地址" in refused.json()["detail"]
    assert clerk.post("/v1/match/batch", json=_phones(5)).status_code == 200
    assert clerk.post("/v1/match", json=_phones(1)["records"][0]).status_code == 429
    ways = (
        "1--3--8--0--0--1--3--8--0--0--0",
        "①③⑧00①③⑧000",
        "138—0013—8000 王某",
        "+86 138 0013 8000",
        "㊱㉞⑫㊺",
        "欠薪 138     0013     8000",
    )
    for query in ("13800138000", "8000", "王某 13800138000", "44031119900101123X", *ways):
        assert clerk.post("/v1/cases/search", json={"q": query}).status_code == 429, query
    assert clerk.get("/v1/cases", params={"q": "8000"}).status_code == 429
    assert clerk.post("/v1/cases/export", json={"q": "13800138000", "format": "csv", "receiver": "区信访局督查科"}).status_code == 429
    assert clerk.post("/v1/watches", json={"watched": "query", "query": {"q": "13800138000"}}).status_code == 429
    for number in ("13800138000", *ways):
        upload = f"电话\n{number}\n".encode()
        assert clerk.post("/v1/lookups", content=upload, headers={"Content-Type": "text/csv"}).status_code == 429, number


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        pytest.param("/v1/lookups", {"content": "电话\n13800138000\n13800138001\n13800138002\n".encode()}, id="look-up"),
        pytest.param("/v1/watches", {"json": {"watched": "query", "query": {"q": "13800138000"}}}, id="watch"),
    ],
)
def test_a_retry_pays_for_no_number_again(wary_api: Api, path: str, asked: dict[str, Any]) -> None:
    """Nor does one under a key that was used for another question, which is refused whatever it asks."""
    clerk = _silent(wary_api)
    headers = {"Idempotency-Key": "k", "Content-Type": "text/csv" if "content" in asked else "application/json"}
    answers = [clerk.post(path, headers=headers, **asked) for _ in range(7)]
    assert len({(answer.status_code, answer.text.split(",")[0]) for answer in answers}) == 1, [answer.text for answer in answers]
    assert answers[0].is_success
    more = b"13800138003\n"
    other = {"content": asked["content"] + more} if "content" in asked else {"json": asked["json"] | {"query": {"q": "1380013"}}}
    assert clerk.post(path, headers=headers, **other).json()["type"] == "urn:casehub:problem:idempotency-key-reused"
    assert clerk.post("/v1/match/batch", json=_phones(2)).status_code == 200


def test_blanks_hide_no_number_from_the_count(wary_api: Api) -> None:
    clerk = _silent(wary_api)
    assert clerk.post("/v1/match/batch", json=_phones(5)).status_code == 200
    apart = f"138{' ' * 250}00001000"
    for upload in (f"查询内容\n{apart}\n", f"电话,姓名\n{apart},王某\n", f"查询内容\n欠薪{' ' * 190}138 0013     8000\n"):
        assert clerk.post("/v1/lookups", content=upload.encode(), headers={"Content-Type": "text/csv"}).status_code == 429, upload
    for query in ("欠薪 138     0013     8000", "欠薪 138\t\t\t0013\u3000\u3000\u30008000"):
        assert clerk.post("/v1/cases/search", json={"q": query}).status_code == 429, query
        refused = clerk.get("/v1/cases", params={"q": query})
        assert (refused.status_code, refused.json()["type"]) == (400, "urn:casehub:problem:identifier-in-url"), query


def test_names_words_firms_and_case_numbers_are_no_numbers_to_guess(wary_api: Api) -> None:
    clerk = _silent(wary_api)
    for query in ("王小明", "拖欠工资 3 人", "91440300MA5EQ0000X", "LD2025-0103-0017", "光明街道 12 号"):
        for _ in range(6):
            assert clerk.post("/v1/cases/search", json={"q": query}).status_code == 200, query
    upload = "案号\n20250103000017\n20250103000018\n20250103000019\n20250103000020\n20250103000021\n20250103000022\n".encode()
    assert clerk.post("/v1/lookups", content=upload, headers={"Content-Type": "text/csv"}).status_code == 202


def test_who_says_what_for_asks_for_as_many_as_he_needs(wary_api: Api) -> None:
    clerk = _silent(wary_api)
    assert clerk.post("/v1/match/batch", json=_phones(50), headers=_PURPOSE).status_code == 200
    system = _silent(wary_api, "system")
    assert system.post("/v1/match/batch", json=_phones(50)).status_code == 200
    rows = wary_api.store.rows("SELECT purpose, case_reference FROM audit.access WHERE action = 'match.batch' ORDER BY access_id")
    assert [(row["purpose"], row["case_reference"]) for row in rows] == [("handling", "LD-1"), (None, None)]


def test_who_is_not_known_is_told_no_quota(api: Api) -> None:
    assert "ratelimit" not in api.get("/v1/sources").headers
    assert "ratelimit" not in api.get("/healthz").headers


def test_no_page_of_another_origin_may_ask(api: Api) -> None:
    clerk = api.as_("clerk", "labour")
    asked = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    for answer in (clerk.options("/v1/sources", headers=asked), clerk.get("/v1/sources", headers={"Origin": "https://elsewhere.example"})):
        assert not any(name.startswith("access-control-") for name in answer.headers)
    assert clerk.options("/v1/sources", headers=asked).status_code == 405


def test_hsts_is_sent_behind_tls_alone(database: Engine) -> None:
    def sent(**settings: Any) -> list[str | None]:
        with running_api_of(database, DIRECTORY, **settings) as api:
            secure = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "8.8.8.8"}
            return [api.get("/healthz", headers=headers).headers.get("strict-transport-security") for headers in (secure, {})]

    assert sent(hsts_seconds=600, trusted_proxies="127.0.0.1") == ["max-age=600", None]
    assert sent(hsts_seconds=600) == [None, None]
    assert sent(trusted_proxies="127.0.0.1") == [None, None]
