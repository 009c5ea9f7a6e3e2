"""Reads the change feed as a client does, over a store that the real resolve fills."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from tests.integration.api.builders import Api
from tests.integration.pipeline.resolving import firm, id_number, person, record, rows, settle

WANG = person("王建国", id_no=id_number(1), phone="13912340001")
LI = person("李秀英", id_no=id_number(2), phone="13912340002")
SHOES = firm("深圳市维珍妮鞋业有限公司")
WAGES = {"text": "维珍妮鞋业拖欠三个月工资不发", "category": "wages", "occurred_at": "2026-02-27T00:00:00Z"}
NOISE = {
    "text": "楼下夜里打麻将吵得睡不着觉",
    "category": "noise",
    "occurred_at": "2025-06-01T00:00:00Z",
    "reported_at": "2025-06-01T00:00:00Z",
}

__all__ = ["LI", "NOISE", "SHOES", "WAGES", "WANG", "case_of", "follow", "kinds", "latest", "page", "record", "settle"]


def page(client: Api, **query: Any) -> dict[str, Any]:
    """One page."""
    answer = client.get("/v1/changes", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def latest(client: Api) -> str:
    """The position now."""
    return str(page(client, since="latest")["next_cursor"])


def follow(client: Api, since: str | None = None, **query: Any) -> list[dict[str, Any]]:
    """Everything after a position, page after page."""
    found: list[dict[str, Any]] = []
    while True:
        got = page(client, **query, **({"since": since} if since else {}))
        found += got["items"]
        since = got["next_cursor"]
        if got["is_complete"]:
            return found


def kinds(client: Api, since: str | None = None, relation: str = "case") -> list[tuple[str, str]]:
    """(kind, id) of everything after a position."""
    return [(item["kind"], item["id"]) for item in follow(client, since, relation=relation)]


def case_of(engine: Engine, department: str, number: str) -> str:
    """The case that a record is in."""
    (found,) = rows(
        engine,
        "SELECT m.case_id::text FROM store.case_member m JOIN store.source_record s USING (record_id) WHERE m.known_to IS NULL "
        "AND s.known_to IS NULL AND s.department = :department AND s.source_record_id = :number",
        department=department,
        number=number,
    )
    return str(found)
