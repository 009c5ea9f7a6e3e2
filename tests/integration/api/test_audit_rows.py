"""What a call leaves in the log: refusals too, the question's shape, whom it showed, and never a value."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import Future

import httpx
import pytest

from api.audit.row import Row
from api.audit.writer import AuditWriter, _Table
from hub.errors import StoreUnavailable
from tests.integration.api.builders import Api, Store
from tests.integration.api.counting import statements
from tests.integration.api.test_lookups import csv_of, hand, looked_up
from tests.integration.pipeline.resolving import id_number, person, record, settle

ID_NUMBER = "440311199001011234"
PHONE = "13800138000"
PERSON = uuid.uuid4()
OTHER = uuid.uuid4()
WANG = {"name": "王小明", "id_no": ID_NUMBER, "phone": PHONE, "entity": PERSON}
LI = {"name": "李四", "role": "respondent", "entity": OTHER}


def rows(store: Store) -> list[dict[str, object]]:
    return store.rows("SELECT * FROM audit.access ORDER BY access_id")


def last(store: Store) -> dict[str, object]:
    return rows(store)[-1]


@pytest.fixture
def case_id(store: Store) -> uuid.UUID:
    return store.case(store.record("petition", "P-1", [WANG, LI], title="拖欠工资", street="440311005"))


def test_every_refusal_is_a_row(api: Api, store: Store, case_id: uuid.UUID) -> None:
    clerk = api.as_("clerk", "labour")
    api.get("/v1/cases")
    api.get("/v1/cases", headers={"Authorization": "Bearer casehub_guess"})
    clerk.get("/v1/quarantine")
    clerk.get("/metrics")
    clerk.get(f"/v1/cases/{uuid.uuid4()}")
    clerk.get("/v1/cases/no-uuid")
    clerk.get("/v1/cases", params={"q": PHONE})
    clerk.post("/v1/cases/search", json={"limit": 0})
    clerk.post("/v1/cases/search", content=b"{", headers={"Content-Type": "application/json"})
    clerk.post("/v1/cases/search", content=b"x" * 300_000)
    clerk.delete("/v1/cases")
    clerk.get("/v1/elsewhere")
    told = [(row["action"], row["outcome"]) for row in rows(store)]
    assert told == [
        ("cases.list", 401),
        ("cases.list", 401),
        ("quarantine.list", 403),
        ("metrics", 403),
        ("cases.read", 404),
        ("unrouted", 404),  # no route takes what is no id
        ("cases.list", 400),
        ("cases.search", 422),
        ("cases.search", 422),
        ("unrouted", 413),
        ("cases.list", 405),
        ("unrouted", 404),
    ]
    named = [*rows(store)[2:5], *rows(store)[6:8]]
    assert {row["caller"] for row in named} == {str(named[0]["caller"])} != {"anonymous"}


def test_a_surprise_is_a_row(fragile_api: Api) -> None:
    clerk = fragile_api.as_("clerk", "labour")
    fragile_api.store.run("ALTER TABLE store.unified_case DROP COLUMN category CASCADE")
    assert clerk.get("/v1/cases").status_code == 500
    assert [(row["action"], row["outcome"]) for row in rows(fragile_api.store)] == [("cases.list", 500)]


def test_a_search_that_fails_after_its_row_was_handed_over_is_a_second_row(
    api: Api, store: Store, case_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("what a record says")

    clerk = api.as_("clerk", "labour")
    assert clerk.post("/v1/cases/search", json={"q": "拖欠工资"}).status_code == 200
    monkeypatch.setattr("api.search_view.shown.matches", fail)
    assert clerk.post("/v1/cases/search", json={"q": "拖欠工资"}).status_code == 500
    whole, ahead, failed = rows(store)
    assert [row["outcome"] for row in (whole, ahead, failed)] == [200, 200, 500]
    assert ahead["request_id"] == failed["request_id"] != whole["request_id"]
    assert [row["entity_ids"] for row in (whole, ahead, failed)] == [[case_id]] * 3


def test_a_case_that_fails_after_its_row_was_handed_over_is_a_second_row(
    api: Api, store: Store, case_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("what a record says")

    clerk = api.as_("clerk", "labour")
    tag = clerk.get(f"/v1/cases/{case_id}").headers["ETag"]
    assert clerk.get(f"/v1/cases/{case_id}", headers={"If-None-Match": tag}).status_code == 304
    monkeypatch.setattr("api.routes.one_case.tagged", fail)
    assert clerk.get(f"/v1/cases/{case_id}").status_code == 500
    assert [row["outcome"] for row in rows(store)] == [200, 304, 200, 500]
    assert {str(row["entity_ids"]) for row in rows(store)} == {str([case_id])}


@pytest.mark.parametrize("parts", ["", "?include=records,parties,timeline,lineage,links"])
def test_the_row_of_a_case_is_written_while_the_case_is_still_being_read(
    api: Api, store: Store, case_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch, parts: str
) -> None:
    def submit(writer: AuditWriter, row: Row) -> Future[None]:
        before.append(len(seen))
        return hand_over(writer, row)

    clerk = api.as_("clerk", "labour")
    clerk.get(f"/v1/cases/{case_id}{parts}")
    hand_over, before = AuditWriter.submit, list[int]()
    with statements() as seen:
        monkeypatch.setattr(AuditWriter, "submit", submit)
        assert clerk.get(f"/v1/cases/{case_id}{parts}").status_code == 200
    assert [len(seen) - 1 - read for read in before] == [2]  # so many come after it, beside its own


@pytest.mark.parametrize(
    ("action", "path", "body"),
    [
        pytest.param("cases.search", "/v1/cases/search", {"q": "拖欠工资"}, id="search"),
        pytest.param("cases.read", "/v1/cases/{}?include=records,parties,timeline,lineage,history,links", None, id="case"),
        pytest.param("match.record", "/v1/match", {"parties": [{"kind": "person", "name": "王小明"}], "title": "拖欠工资"}, id="match"),
        pytest.param("match.batch", "/v1/match/batch", {"records": [{"title": "拖欠工资"}]}, id="batch"),
    ],
)
def test_what_has_its_row_handed_over_is_one_row_and_waits_for_it(
    api: Api, store: Store, case_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch, action: str, path: str, body: dict[str, object] | None
) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailable("the log cannot be written", remedy="start the database")

    def ask() -> httpx.Response:
        return clerk.get(path.format(case_id)) if body is None else clerk.post(path, json=body)

    clerk = api.as_("clerk", "labour")
    assert ask().status_code == 200
    assert [(row["action"], row["outcome"]) for row in rows(store)] == [(action, 200)]
    monkeypatch.setattr(_Table, "insert", refuse)
    answer = ask()
    assert answer.status_code == 503
    assert "拖欠工资" not in answer.text
    assert len(rows(store)) == 1


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        pytest.param({"q": PHONE}, {"entry": "phone"}, id="phone"),
        pytest.param({"q": ID_NUMBER, "limit": 5}, {"entry": "id_number"}, id="id number"),
        pytest.param({"q": "王小明"}, {"entry": "name"}, id="name"),
        pytest.param({"q": "P-1"}, {"entry": "case_number"}, id="case number"),
        pytest.param(
            {"q": "拖欠工资", "street": "440311005", "reported_from": "2025-01-01"},
            {"entry": "words", "filters": ["reported_from", "street"]},
            id="words and filters",
        ),
        pytest.param({"person_id": str(PERSON)}, {"filters": ["person_id"]}, id="person"),
        pytest.param({}, None, id="everything"),
    ],
)
def test_the_shape_says_what_kind_of_question_it_was(
    api: Api, store: Store, case_id: uuid.UUID, body: dict[str, object], shape: dict[str, object] | None
) -> None:
    api.as_("clerk", "petition").find(**body)
    row = last(store)
    assert (row["shape"], row["results"], row["entity_ids"]) == (shape, 1, [case_id])


WHO = {"kind": "person", "name": "王小明", "phone": PHONE}
FIRM = {"kind": "organisation", "name": "深圳市维珍妮鞋业有限公司", "role": "respondent"}
MATCHED = ["organisation.name", "organisation.role", "person.name", "person.phone", "title"]


@pytest.mark.parametrize(
    ("method", "path", "question", "shape"),
    [
        pytest.param("POST", "/v1/match", {"parties": [WHO, FIRM], "title": "拖欠工资"}, {"asked": MATCHED}, id="match"),
        pytest.param(
            "POST", "/v1/match/batch", {"records": [{"parties": [WHO]}, {"title": "拖欠工资"}]}, {"asked": [*MATCHED[2:]]}, id="batch"
        ),
        pytest.param("POST", "/v1/watches", {"watched": "person", "id": str(PERSON)}, {"watched": "person"}, id="watch"),
        pytest.param(
            "POST",
            "/v1/watches",
            {"watched": "query", "query": {"q": PHONE, "street": "440311005"}},
            {"watched": "query", "entry": "phone", "filters": ["street"]},
            id="query watch",
        ),
        pytest.param(
            "POST",
            "/v1/reports",
            {"about": "value", "field": "title", "text": "有误"},
            {"about": "value", "field": "title"},
            id="report",
        ),
        pytest.param(
            "POST",
            "/v1/access-requests",
            {"department": "court", "reason": "核实诉讼情况", "case_reference": "LD-7", "emergency": True},
            {"department": "court", "asked": ["emergency"]},
            id="access request",
        ),
        pytest.param("GET", "/v1/reports", {"box": "out", "state": "open"}, {"filters": ["box", "state"]}, id="reports"),
        pytest.param("GET", "/v1/access-requests", {"box": "out"}, {"filters": ["box"]}, id="access requests"),
        pytest.param("GET", "/v1/changes", {"since": "latest", "relation": "case"}, {"filters": ["relation", "since"]}, id="changes"),
        pytest.param("GET", "/v1/changes/stream", {"relation": "case", "since": "none"}, {"filters": ["relation", "since"]}, id="stream"),
    ],
)
def test_every_kind_of_question_leaves_its_shape(
    api: Api, store: Store, case_id: uuid.UUID, method: str, path: str, question: dict[str, object], shape: dict[str, object]
) -> None:
    clerk = api.as_("clerk", "labour")
    if "reason" in question or "about" in question:
        question = {"case_id": str(case_id), **question}
    answer = clerk.request(method, path, **({"json": question} if method == "POST" else {"params": question}))
    assert answer.status_code in (200, 201, 404, 422), answer.text  # whatever came of it
    assert last(store)["shape"] == shape


def test_a_match_says_how_many_it_showed_and_a_file_what_it_was_looked_up_by(api: Api, store: Store) -> None:
    clerk, known = api.as_("clerk", "labour"), {"name": "欧阳震华", "id_no": id_number(1), "phone": PHONE}
    settle(store.engine, record("petition", "XF-1", person(**known)))
    shown = clerk.post("/v1/match", json={"parties": [{"kind": "person", **known}]}).json()["parties"][0]["candidates"]
    assert last(store)["results"] == len(shown) == 1
    assert hand(clerk, csv_of(["身份证号", "备注"], [ID_NUMBER, "无"])).status_code == 202
    created = next(row for row in reversed(rows(store)) if row["action"] == "lookups.create")
    assert created["shape"] == {"format": "csv", "asked": ["id_number"]}


def test_the_shape_of_a_case_names_its_parts_and_that_of_a_page_that_it_is_one(api: Api, store: Store, case_id: uuid.UUID) -> None:
    store.case(store.record("petition", "P-2"))
    clerk = api.as_("clerk", "petition")
    clerk.case(case_id, "parties,timeline")
    assert last(store)["shape"] == {"include": ["parties", "timeline"]}
    cursor = clerk.find(limit=1)["next_cursor"]
    clerk.find(limit=1, cursor=cursor)
    assert last(store)["shape"] == {"page": "next"}
    clerk.get("/v1/quarantine")
    engineer = api.as_("engineer")
    engineer.get("/v1/quarantine", params={"department": "petition", "rule": f"x{PHONE}"})
    assert (last(store)["shape"], last(store)["results"]) == ({"filters": ["department", "rule"]}, 0)
    engineer.get("/v1/sources")
    assert last(store)["results"] == 5


def test_persons_that_are_shown_or_found_by_an_identifier(api: Api, store: Store, case_id: uuid.UUID) -> None:
    clerk = api.as_("clerk", "court")
    clerk.case(case_id)
    assert last(store)["person_ids"] is None
    clerk.case(case_id, "parties")
    assert set(last(store)["person_ids"]) == {PERSON, OTHER}  # type: ignore[arg-type]
    for question in (ID_NUMBER, PHONE):
        clerk.find(q=question)
        assert last(store)["person_ids"] == [PERSON]
    clerk.find(person_id=str(OTHER))
    assert last(store)["person_ids"] == [OTHER]
    clerk.find(q="拖欠工资")
    assert last(store)["person_ids"] is None


def test_a_sealed_record_names_nobody_to_others(api: Api, store: Store) -> None:
    store.case(store.record("procuratorate", "S-1", [WANG], visibility="sealed"), store.record("petition", "P-9"))
    api.as_("clerk", "petition").find(q=ID_NUMBER)
    assert (last(store)["person_ids"], last(store)["entity_ids"]) == (None, None)
    api.as_("clerk", "procuratorate").find(q=ID_NUMBER)
    assert last(store)["person_ids"] == [PERSON]


def test_no_value_is_in_any_row(api: Api, store: Store, case_id: uuid.UUID) -> None:
    clerk = api.as_("clerk", "petition")
    for question in (PHONE, ID_NUMBER, "王小明", "拖欠工资", "P-1"):
        clerk.find(q=question, street="440311005")
        clerk.get("/v1/cases", params={"q": question})
    clerk.case(case_id, "records,parties,timeline,lineage,links")
    clerk.get(f"/v1/cases/{PHONE}")
    clerk.post("/v1/cases/search", json={"q": PHONE, PHONE: "王小明"})
    clerk.get("/v1/quarantine", params={PHONE: ID_NUMBER})
    written = store.rows("SELECT to_jsonb(a)::text AS row FROM audit.access a")
    assert len(written) == 14
    for row in written:
        for value in (PHONE, ID_NUMBER, "王", "小明", "拖欠", "P-1", "440311005"):
            assert value not in row["row"]


def test_the_request_id_of_the_answer_is_in_its_row(api: Api, store: Store) -> None:
    answer = api.as_("clerk", "petition").get("/v1/sources", headers={"X-Request-Id": "trace-12345"})
    assert answer.headers["x-request-id"] == last(store)["request_id"] == "trace-12345"
    api.get("/v1/sources", headers={"X-Request-Id": "a b"})
    assert re.fullmatch("[0-9a-f]{32}", str(last(store)["request_id"]))


def test_whom_an_export_or_a_look_up_asked_for_is_named(api: Api, store: Store, case_id: uuid.UUID) -> None:
    clerk, asked = api.as_("clerk", "labour"), {"format": "jsonl", "receiver": "区信访局督查科"}
    for question in ({"q": ID_NUMBER}, {"q": PHONE, "level": "records"}):
        assert clerk.post("/v1/cases/export", json={**asked, **question}).status_code == 200
        part = next(row for row in reversed(rows(store)) if row["action"] == "cases.export.part")
        assert part["person_ids"] == [PERSON], question
    assert {"entry": "phone"}.items() <= dict(last(store)["shape"]).items()  # type: ignore[call-overload]
    stranger = uuid.uuid4()
    assert clerk.post("/v1/cases/export", json={**asked, "person_id": str(stranger)}).status_code == 200
    assert [row["person_ids"] for row in rows(store)[-2:]] == [[stranger]] * 2
    looked_up(clerk, csv_of(["身份证号"], [ID_NUMBER], ["44031119900101987X"]))
    looks = [row for row in rows(store) if str(row["action"]).startswith("lookups.row")]
    assert [row["person_ids"] for row in looks] == [[PERSON], None]
