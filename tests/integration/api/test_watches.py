"""Watches: made and read by their owner alone, and told of what he may know at that moment."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from api.authentication.keys import revoke_key
from api.state import Hub
from api.watches.evaluate import evaluate
from api.watches.worker import forget
from pipeline.resolving.decisions import decide
from schema.search import search_tokens
from tests.integration.api.builders import Api, Store
from tests.integration.api.changing import LI, NOISE, SHOES, WAGES, WANG, case_of, record, settle
from tests.integration.api.receiving import worker
from tests.integration.pipeline.resolving import id_number, parties, record_ids

PHONE = "13912340001"


@pytest.fixture
def hub(api: Api, store: Store) -> Iterator[Hub]:
    with worker(store.engine) as found:
        yield found


def watch(client: Api, watched: str, **more: Any) -> str:
    answer = client.post("/v1/watches", json={"watched": watched, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["watch_id"])


def told(client: Api, watch_id: str) -> list[tuple[str, str]]:
    """(kind, id) of a watch's events, two a page."""
    found: list[tuple[str, str]] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        answer = client.get(f"/v1/watches/{watch_id}/events", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [(item["kind"], item["id"]) for item in page["items"]]
        query["since"] = page["next_cursor"]
        if page["is_complete"]:
            return found


def test_a_case_a_person_and_a_firm(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    settle(engine, record("police", "1", WANG, SHOES, **WAGES), record("court", "3", LI, **NOISE))
    case = case_of(engine, "police", "1")
    person, firm = parties(engine)["police/1/0"], parties(engine, "organisation")["police/1/1"]
    on = {name: watch(clerk, name, id=each) for name, each in (("case", case), ("person", person), ("organisation", firm))}
    settle(engine, record("labour", "7", {**WANG, "phone": "13912340009"}, SHOES, **WAGES))
    settle(engine, record("court", "4", LI, **NOISE))
    assert evaluate(hub) > 0
    assert told(clerk, on["case"]) == [("updated", case)]
    assert told(clerk, on["person"]) == [("updated", person)]
    assert [each for _, each in told(clerk, on["organisation"])] in ([firm], [])  # told only where the firm shows something new
    assert evaluate(hub) == 0
    assert told(clerk, on["case"]) == [("updated", case)]


def test_a_watch_follows_a_merge(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    settle(engine, record("police", "1", WANG, **WAGES))
    settle(engine, record("court", "3", LI, **NOISE))
    older, younger = case_of(engine, "police", "1"), case_of(engine, "court", "3")
    watch_id, ids = watch(clerk, "case", id=younger), record_ids(engine)
    decide(engine, "case", (ids["police/1"], ids["court/3"]), "yes", decided_by="tester")
    settle(engine)
    evaluate(hub)
    settle(engine, record("police", "1", WANG, **{**WAGES, "amount": 9}))
    evaluate(hub)
    first, *later = told(clerk, watch_id)
    assert first == ("merged", younger)
    assert set(later) == {("updated", older)}
    assert clerk.get(f"/v1/watches/{watch_id}").json()["id"] == older
    assert clerk.get(f"/v1/watches/{watch(clerk, 'case', id=younger)}").json()["id"] == older  # an old id stands for what it became


QUESTIONS = [
    pytest.param({"q": "打麻将"}, id="words"),
    pytest.param({"q": "李秀英"}, id="name"),
    pytest.param({"q": "13912340002"}, id="phone"),
    pytest.param({"q": id_number(2)}, id="id number"),
    pytest.param({"q": "court-3"}, id="case number"),
    pytest.param({"category": "noise"}, id="filter"),
    pytest.param({"department": "court"}, id="department"),
    pytest.param({"q": "李秀英", "category": "noise", "department": "court"}, id="all"),
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_query_finds_cases_that_match_it_when_they_change(api: Api, store: Store, hub: Hub, question: dict[str, str]) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    watch_id = watch(clerk, "query", query=question)
    words = ({"record": "police-1", "text": WAGES["text"]}, {"record": "court-3", "text": NOISE["text"]})
    wages, noise = (
        search_tokens(pl.Series([f"{each['text']} {name} {each['record']}"]))[0]
        for each, name in zip(words, ("王建国", "李秀英"), strict=True)
    )
    settle(engine, record("police", "police-1", WANG, tokens=wages, **WAGES), record("court", "court-3", LI, tokens=noise, **NOISE))
    case = case_of(engine, "court", "court-3")
    evaluate(hub)
    assert told(clerk, watch_id) == [("created", case)]
    settle(engine, record("court", "court-3", is_deleted=True))
    evaluate(hub)
    assert told(clerk, watch_id) == [("deleted", case)]  # what he can no longer read is left out, but for its end
    assert len(store.rows("SELECT 1 FROM ops.watch_event")) == 2


@pytest.mark.parametrize("visibility", ["sealed", "restricted"])
def test_a_closed_record_makes_no_query_match(api: Api, store: Store, hub: Hub, visibility: str) -> None:
    clerk, own, engine = api.as_("clerk", "labour"), api.as_("clerk", "procuratorate"), store.engine
    questions = ({"q": PHONE}, {"q": "王建国"}, {"q": "JC-9"}, {"category": "wages"}, {"department": "procuratorate"})
    theirs, his = ([watch(each, "query", query=question) for question in questions] for each in (clerk, own))
    tokens = search_tokens(pl.Series(["王建国 JC-9"]))[0]
    settle(engine, record("court", "3", LI, **NOISE), record("procuratorate", "JC-9", WANG, visibility=visibility, tokens=tokens, **WAGES))
    ids = record_ids(engine)
    decide(engine, "case", (ids["court/3"], ids["procuratorate/JC-9"]), "yes", decided_by="tester")
    settle(engine)
    settle(engine, record("court", "3", LI, **{**NOISE, "amount": 3}))  # the shared case changes before everybody's eyes
    evaluate(hub)
    for each in theirs:
        assert told(clerk, each) == []
    case = case_of(engine, "court", "3")
    for each in his[:3] + his[4:]:  # what the case is called now, another record says
        assert case in [found for _, found in told(own, each)]


def test_what_was_closed_meanwhile_is_no_longer_told(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    watch_id = watch(clerk, "query", query={"category": "wages"})
    settle(engine, record("police", "1", WANG, **WAGES))
    evaluate(hub)
    case = case_of(engine, "police", "1")
    assert told(clerk, watch_id) == [("created", case)]
    settle(engine, record("police", "1", WANG, visibility="sealed", **WAGES))
    assert told(clerk, watch_id) == []
    evaluate(hub)
    assert told(clerk, watch_id) == [("deleted", case)]


def test_a_revoked_caller_is_passed_over(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    watch(clerk, "query", query={"category": "wages"})
    revoke_key(engine, store.rows("SELECT owner FROM ops.watch")[0]["owner"])
    settle(engine, record("police", "1", WANG, **WAGES))
    assert evaluate(hub) == 0
    assert store.rows("SELECT 1 FROM ops.watch_event") == []


def test_a_caller_in_another_department_inherits_nothing(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    watch_id = watch(clerk, "query", query={"category": "wages"})
    store.run("UPDATE ops.api_key SET department = 'court'")
    settle(engine, record("police", "1", WANG, **WAGES))
    assert evaluate(hub) == 0
    store.run("UPDATE ops.watch SET owner = 'somebody-else'")
    assert clerk.get(f"/v1/watches/{watch_id}").status_code == 404


def test_the_holder_of_a_token_is_told_while_he_shows_himself(api: Api, store: Store, hub: Hub) -> None:
    clerk, engine = api.as_("clerk", "labour"), store.engine
    watch(clerk, "query", query={"category": "wages"})
    store.run("UPDATE ops.watch SET owner_kind = 'token', owner = 'li@issuer.example/', seen_at = now() - interval '13 hours'")
    settle(engine, record("police", "1", WANG, **WAGES))
    assert evaluate(hub) == 0
    store.run("UPDATE ops.watch SET seen_at = now() - interval '11 hours'")
    assert evaluate(hub) == 1


def test_a_watch_is_its_owners_alone(api: Api, store: Store) -> None:
    clerk, other, admin = api.as_("clerk", "labour"), api.as_("clerk", "labour"), api.as_("admin")
    watch_id = watch(clerk, "query", query={"q": PHONE})
    assert [each["watch_id"] for each in clerk.get("/v1/watches").json()["items"]] == [watch_id]
    missing = clerk.get(f"/v1/watches/{uuid.uuid4()}").json()
    for stranger in (other, admin):
        assert stranger.get("/v1/watches").json()["items"] == []
        for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/deliveries"), ("POST", "/redeliver"), ("DELETE", "")):
            answer = stranger.request(method, f"/v1/watches/{watch_id}{path}")
            assert answer.status_code == 404
            assert {**answer.json(), "request_id": ""} == {**missing, "request_id": ""}
    assert clerk.delete(f"/v1/watches/{watch_id}").status_code == 204
    assert clerk.get("/v1/watches").json()["items"] == []


def test_what_a_query_asks_is_nowhere_but_with_its_owner(api: Api, store: Store, hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    clerk = api.as_("clerk", "labour")
    with caplog.at_level("DEBUG"):
        watch_id = watch(clerk, "query", query={"q": PHONE})
        settle(store.engine, record("police", "1", WANG, **WAGES))
        evaluate(hub)
    assert clerk.get(f"/v1/watches/{watch_id}").json()["query"] == {"q": PHONE}
    shown = [clerk.get("/v1/watches").text, clerk.get(f"/v1/watches/{watch_id}/events").text, caplog.text]
    for table in ("ops.watch", "ops.watch_event", "ops.watch_delivery", "audit.access"):
        shown += [str(row) for row in store.rows(f"SELECT t::text AS row FROM {table} t")]
    assert len(told(clerk, watch_id)) == 1
    assert not any(PHONE in text or PHONE.encode().hex() in text for text in shown)


@pytest.mark.parametrize("kind", ["sealed", "of nobody"])
def test_what_cannot_be_read_cannot_be_watched(api: Api, store: Store, kind: str) -> None:
    clerk = api.as_("clerk", "labour")
    settle(store.engine, record("procuratorate", "9", WANG, visibility="sealed", **WAGES))
    case = case_of(store.engine, "procuratorate", "9") if kind == "sealed" else str(uuid.uuid4())
    answer = clerk.post("/v1/watches", json={"watched": "case", "id": case})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:casehub:problem:not-found")
    assert case not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"watched": "case"},
        {"watched": "query"},
        {"watched": "query", "query": {}},
        {"watched": "case", "query": {"q": "x"}},
        {"watched": "query", "query": {"q": "x"}, "id": str(uuid.uuid4())},
        {"watched": "query", "query": {"category": "no such"}},
        {"watched": "query", "query": {"q": "x" * 201}},
        {"watched": "query", "query": {"q": "x"}, "secret": "mine"},
        {"watched": "everything"},
    ],
)
def test_an_order_that_is_none_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.as_("clerk", "labour").post("/v1/watches", json=body).status_code == 422


def test_so_many_and_no_more(api: Api, store: Store) -> None:
    clerk, other = api.as_("clerk", "labour"), api.as_("clerk", "labour")
    for _ in range(50):
        watch(clerk, "query", query={"category": "wages"})
    answer = clerk.post("/v1/watches", json={"watched": "query", "query": {"category": "wages"}})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:casehub:problem:watch-limit")
    watch(other, "query", query={"category": "wages"})


def test_old_events_are_forgotten(api: Api, store: Store, hub: Hub) -> None:
    clerk = api.as_("clerk", "labour")
    watch_id = watch(clerk, "query", query={"category": "wages"})
    settle(store.engine, record("police", "1", WANG, **WAGES))
    evaluate(hub)
    assert forget(hub) == 0
    store.run("UPDATE ops.watch_event SET found_at = now() - interval '31 days'")
    assert forget(hub) == 1
    assert told(clerk, watch_id) == []


def test_after_a_rebuild_a_watch_goes_on_in_the_new_epoch(api: Api, store: Store, hub: Hub) -> None:
    clerk = api.as_("clerk", "labour")
    watch_id = watch(clerk, "query", query={"category": "wages"})
    store.run("UPDATE ops.change_counter SET epoch = 2")
    try:
        settle(store.engine, record("police", "1", WANG, **WAGES))
        evaluate(hub)
        assert told(clerk, watch_id) == [("created", case_of(store.engine, "police", "1"))]
    finally:
        store.run("UPDATE ops.change_counter SET epoch = 1")
