"""One person, one firm: where they are mentioned, as far as the caller may read it."""

from __future__ import annotations

import uuid

import pytest

from tests.integration.api.builders import Api, Store, at

PERSON, FIRM = uuid.uuid4(), uuid.uuid4()
WORKER = {"name": "王小明", "phone": "13800138000", "entity": PERSON}
EMPLOYER = {"name": "维珍妮鞋业", "kind": "organisation", "role": "respondent", "uscc": "91440300MA5EFT1X2A", "entity": FIRM}
CLOSED = ("未成年人", "JC-1", "FY-1", "王晓明", "王小茗")


@pytest.fixture
def case_ids(store: Store) -> list[uuid.UUID]:
    """A worker in three open cases, a sealed one, a restricted one."""
    petition = store.case(store.record("petition", "XF-1", [WORKER, EMPLOYER], title="王小明反映欠薪", reported_at=at(2)))
    labour = store.case(store.record("labour", "LD-1", [{**WORKER, "name": "王小明（化名）"}, EMPLOYER], title="欠薪", reported_at=at(3)))
    store.case(store.record("procuratorate", "JC-1", [{**WORKER, "name": "王晓明"}], title="未成年人", visibility="sealed"))
    store.case(store.record("court", "FY-1", [{**WORKER, "name": "王小茗"}], title="不公开", visibility="restricted"))
    return [labour, petition]


def test_mentions_and_cases_in_the_callers_view(api: Api, case_ids: list[uuid.UUID]) -> None:
    answer = api.as_("clerk", "petition").get(f"/v1/persons/{PERSON}")
    found = answer.json()
    assert (found["person_id"], found["name"], found["other_names"]) == (str(PERSON), "王小明", ["王**"])
    assert [(one["source_record_id"], one["name"], one["phone"]) for one in found["mentions"]] == [
        ("LD-1", "王**", "138****8000"),
        ("XF-1", "王小明", "13800138000"),
    ]
    assert [mention["case_id"] for mention in found["mentions"]] == list(map(str, case_ids))
    *read, asked = found["cases"]  # the last is known to exist, and to be asked for
    assert [case["case_id"] for case in read] == list(map(str, case_ids))
    assert (asked["record_count"], asked.get("title"), len(asked["acknowledged"])) == (0, None, 1)
    assert [each["department"]["code"] for each in found["acknowledged"]] == ["court"]
    assert found["is_complete"]
    assert [word for word in CLOSED if word in answer.text] == []
    assert "王晓明" in api.as_("clerk", "procuratorate").get(f"/v1/persons/{PERSON}").text
    firm = api.as_("clerk", "court").get(f"/v1/organisations/{FIRM}").json()
    assert (firm["name"], len(firm["mentions"]), len(firm["cases"])) == ("维珍妮鞋业", 2, 2)


def test_a_person_of_sealed_records_alone_is_not_there(api: Api, store: Store) -> None:
    hidden, old = uuid.uuid4(), uuid.uuid4()
    store.case(store.record("procuratorate", "JC-9", [{"name": "赵小虎", "entity": hidden}], visibility="sealed"))
    store.merge(old, hidden, "person")
    clerk = api.as_("clerk", "labour")
    absent = clerk.get(f"/v1/persons/{uuid.uuid4()}")
    assert (absent.status_code, absent.json()["type"]) == (404, "urn:casehub:problem:not-found")
    for person_id in (hidden, old):
        answer = clerk.get(f"/v1/persons/{person_id}")
        assert {**answer.json(), "request_id": ""} == {**absent.json(), "request_id": ""}
    assert clerk.get(f"/v1/organisations/{hidden}").status_code == 404
    assert clerk.get("/v1/persons/13800138000").status_code == 422


def test_a_merged_one_leads_on_and_a_known_one_is_not_sent_again(api: Api, store: Store, case_ids: list[uuid.UUID]) -> None:
    old, older = uuid.uuid4(), uuid.uuid4()
    store.merge(older, old, "person")
    store.merge(old, PERSON, "person")
    clerk = api.as_("clerk", "court")
    answer = clerk.get(f"/v1/persons/{older}")
    assert (answer.status_code, answer.headers["location"]) == (308, f"/v1/persons/{PERSON}")
    tag = clerk.get(f"/v1/persons/{PERSON}").headers["etag"]
    assert clerk.get(f"/v1/persons/{PERSON}", headers={"If-None-Match": tag}).status_code == 304
    assert api.as_("clerk", "court").get(f"/v1/persons/{PERSON}", headers={"If-None-Match": tag}).status_code == 200
    assert api.get(f"/v1/persons/{PERSON}").status_code == 401


def test_more_mentions_than_one_answer_holds_are_said(api: Api, store: Store) -> None:
    person = uuid.uuid4()
    store.case(store.record("petition", "1", [{"name": "王小明", "entity": person}]))
    store.run(
        "INSERT INTO store.source_record (record_id, version, department, source_record_id, visibility, known_from)"
        " SELECT 2000000 + n, 1, 'petition', 'm' || n, 'shared', 1 FROM generate_series(1, 1000) n",
        "INSERT INTO store.party (party_id, version, record_id, ordinal, role, kind, name, known_from)"
        " SELECT 2000000 + n, 1, 2000000 + n, 0, 'petitioner', 'person', '王小明', 1 FROM generate_series(1, 1000) n",
        "INSERT INTO store.person_member (party_id, known_from, person_id)"
        f" SELECT 2000000 + n, 1, '{person}' FROM generate_series(1, 1000) n",
        "INSERT INTO store.case_member (record_id, known_from, case_id)"
        " SELECT 2000000 + n, 1, md5('c' || n)::uuid FROM generate_series(1, 1000) n",
        "ANALYZE store.source_record, store.party, store.person_member, store.case_member",  # as resolve does with what has grown
    )
    found = api.as_("clerk", "labour").get(f"/v1/persons/{person}").json()
    assert (len(found["mentions"]), found["is_complete"]) == (1000, False)
