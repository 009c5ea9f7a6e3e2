"""ETag of one case: it answers 304 to whom has the answer, and tells nobody of what is closed to him."""

from __future__ import annotations

import uuid

import httpx
import pytest

from api.entity_tag import VARY
from tests.integration.api.builders import PURPOSE, Api, Store, at


@pytest.fixture
def case_id(store: Store) -> uuid.UUID:
    open_ = store.record("petition", "XF-1", [{"name": "王小明"}], title="王小明反映噪音", reported_at=at(2))
    return store.case(open_, store.record("procuratorate", "JC-1", title="未成年人", visibility="sealed"))


def read(caller: Api, case_id: uuid.UUID, tag: str | None = None, **params: str) -> httpx.Response:
    return caller.get(f"/v1/cases/{case_id}", params=params, headers={} if tag is None else {"If-None-Match": tag})


def test_what_the_caller_has_is_not_sent_again(api: Api, store: Store, case_id: uuid.UUID) -> None:
    clerk = api.as_("clerk", "petition")
    first = read(clerk, case_id)
    tag = first.headers["etag"]
    assert (first.status_code, first.headers["vary"], first.headers["cache-control"]) == (200, VARY, "no-store")
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = read(clerk, case_id, given)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), given
    for given in ('"other"', tag.strip('"'), ""):
        assert read(clerk, case_id, given).status_code == 200
    assert [row["outcome"] for row in store.rows("SELECT outcome FROM audit.access WHERE action = 'cases.read' ORDER BY access_id")] == [
        200,
        *[304] * 4,
        *[200] * 3,
    ]


def test_it_is_of_the_caller_the_parts_and_the_purpose(api: Api, case_id: uuid.UUID) -> None:
    clerk, colleague, other = api.as_("clerk", "petition"), api.as_("clerk", "petition"), api.as_("clerk", "labour")
    tag = read(clerk, case_id).headers["etag"]
    assert read(colleague, case_id, tag).status_code == read(other, case_id, tag).status_code == 200
    assert read(clerk, case_id, tag, include="records").status_code == 200
    for name in PURPOSE:
        del clerk.headers[name]
    answer = read(clerk, case_id, tag)
    assert (answer.status_code, answer.json()["title"]) == (200, "王**反映噪音")


def test_it_changes_with_what_the_caller_may_see_and_with_nothing_else(api: Api, store: Store, case_id: uuid.UUID) -> None:
    clerk, own = api.as_("clerk", "petition"), api.as_("clerk", "procuratorate")
    tag, own_tag = read(clerk, case_id).headers["etag"], read(own, case_id).headers["etag"]
    store.run(
        "UPDATE store.source_record SET reported_at = '2024-01-01' WHERE source_record_id = 'JC-1'",
        "UPDATE store.unified_case SET changed = changed + 1",
    )
    assert read(clerk, case_id, tag).status_code == 304
    assert read(own, case_id, own_tag).status_code == 200
    store.run("UPDATE store.source_record SET reported_at = '2024-01-02' WHERE source_record_id = 'XF-1'")
    assert read(clerk, case_id, tag).status_code == 200


def test_it_lets_nobody_in(api: Api, store: Store, case_id: uuid.UUID) -> None:
    tag = read(api.as_("clerk", "petition"), case_id).headers["etag"]
    assert read(api, case_id, tag).status_code == 401
    store.run("UPDATE store.source_record SET visibility = 'sealed'")
    assert read(api.as_("clerk", "labour"), case_id, "*").status_code == 404
