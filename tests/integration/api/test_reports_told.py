"""Whom a report tells of what: nobody of a record that his login does not read, nor of a department with a sealed record in the case."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from api import reports
from api.policy import grants
from schema import tables
from tests.integration.api.builders import Api, Store
from tests.integration.api.test_reports import codes, end, step

HERE, THERE = "440311001001", "440311001002"


def report(caller: Api, case_id: uuid.UUID, **body: Any) -> dict[str, Any]:
    answer = caller.post("/v1/reports", json={"case_id": str(case_id), "about": "case", "text": "此案有误", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(caller: Api, box: str = "in") -> list[dict[str, Any]]:
    return caller.get("/v1/reports", params={"box": box}).json()["items"]


def is_told(caller: Api, report_id: str) -> bool:
    """Whether all three ways to it say so: list, read and step."""
    is_listed = report_id in [item["report_id"] for item in listed(caller)]
    statuses = [caller.get(f"/v1/reports/{report_id}").status_code, step(caller, report_id, None)]
    assert statuses == ([200, 201] if is_listed else [404, 404])
    return is_listed


class Places:
    """A case with records of political_legal in two communities, and the clerks of each."""

    def __init__(self, api: Api, store: Store) -> None:
        self.here = store.record("political_legal", "ZF-1", title="本社区的事", amount="3.00", community=HERE, street="440311001")
        self.there = store.record("political_legal", "ZF-2", title="邻社区的事", amount="5.00", community=THERE, street="440311001")
        self.case_id = store.case(self.here, self.there)
        self.reporter = api.as_("clerk", "petition")
        self.clerks = [api.as_(f"community_clerk_{place}", "political_legal") for place in (HERE, THERE)]
        self.whole = api.as_("clerk", "political_legal")

    def value(self, number: str) -> str:
        body = {"about": "value", "field": "amount", "record": end("political_legal", number)}
        return str(report(self.reporter, self.case_id, **body)["report_id"])


@pytest.fixture
def places(api: Api, store: Store) -> Places:
    return Places(api, store)


@pytest.mark.parametrize("number", ["ZF-1", "ZF-2"])
def test_a_clerk_of_one_community_is_told_of_values_of_its_records_alone(places: Places, number: str) -> None:
    report_id = places.value(number)
    assert [is_told(clerk, report_id) for clerk in (*places.clerks, places.whole)] == [number == "ZF-1", number == "ZF-2", True]


def test_a_clerk_of_one_community_is_told_of_cases_with_a_record_in_it(store: Store, places: Places) -> None:
    shared = report(places.reporter, places.case_id)["report_id"]
    elsewhere = store.case(store.record("political_legal", "ZF-3", community=THERE))
    alone = report(places.reporter, elsewhere)["report_id"]
    assert [[is_told(clerk, each) for each in (shared, alone)] for clerk in places.clerks] == [[True, False], [True, True]]


def test_a_link_into_another_community_is_told_to_who_reads_both_ends(store: Store, places: Places) -> None:
    store.link(places.here, places.there)
    body = {"about": "link", "left": end("political_legal", "ZF-1"), "right": end("political_legal", "ZF-2")}
    report_id = report(places.reporter, places.case_id, **body)["report_id"]
    assert [is_told(clerk, report_id) for clerk in (*places.clerks, places.whole)] == [False, False, True]


def test_pages_pass_over_what_is_not_told(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "LOOK", 2)
    told = [[places.value("ZF-1"), *[places.value("ZF-2") for _ in range(3)]][0] for _ in range(3)]
    clerk, _ = places.clerks
    found: list[str] = []
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        page = clerk.get("/v1/reports", params={"limit": 1, **cursor}).json()
        found += [item["report_id"] for item in page["items"]]
    assert found == told[::-1]


def test_a_page_is_looked_for_no_longer_than_there_is_time(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "LOOK", 2)
    told = places.value("ZF-1")
    for _ in range(5):
        places.value("ZF-2")
    clerk, _ = places.clerks
    assert [item["report_id"] for item in listed(clerk)] == [told]  # in one page, where there is time
    monkeypatch.setattr(reports, "BUDGET_S", -1.0)
    pages, cursor = [], {}
    for _ in range(3):
        page = clerk.get("/v1/reports", params=cursor).json()
        pages.append([item["report_id"] for item in page["items"]])
        cursor = {"cursor": page["next_cursor"]}
    assert (pages, cursor) == ([[], [], [told]], {"cursor": None})


def test_a_report_stays_with_its_owner_when_the_record_or_its_case_is_gone(store: Store, places: Places) -> None:
    """It may be gone because of what was reported; who read it until then is told what became of it."""
    ids = [places.value("ZF-1"), report(places.reporter, places.case_id)["report_id"]]
    tombstone = {"department": "political_legal", "source_record_id": "ZF-1", "is_deleted": True, "known_from": 2}
    epoch = {"epoch": store.rows("SELECT epoch FROM ops.change_counter")[0]["epoch"], "change_number": 2}
    store.run(f"UPDATE store.source_record SET known_to = 2 WHERE record_id = {places.here}")
    store.insert(tables.source_record, record_id=places.here, version=2, visibility="shared", **tombstone)
    store.insert(tables.change, relation="case", entity_id=places.case_id, kind="updated", **epoch)
    store.run("UPDATE store.case_member SET known_to = 2")
    assert [is_told(places.clerks[0], report_id) for report_id in ids] == [True, True]
    assert is_told(places.clerks[1], ids[0]) is False
    store.run("UPDATE store.change SET at = now() - interval '1 day'")  # it was gone long before
    assert [is_told(places.clerks[0], report_id) for report_id in ids] == [True, False]


class Sealed:
    """A case of procuratorate's sealed record and petition's and labour's shared ones, linked."""

    def __init__(self, api: Api, store: Store, closed: str = "sealed") -> None:
        self.sealed = store.record("procuratorate", "JC-1", [{"name": "赵小虎"}], title="少年", visibility=closed)
        self.petition = store.record("petition", "XF-1", [{"name": "李四"}], title="噪音")
        self.labour = store.record("labour", "LD-1", [{"name": "李四"}], title="欠薪")
        self.case_id = store.case(self.sealed, self.petition, self.labour)
        store.link(self.sealed, self.petition)
        store.link(self.petition, self.labour)
        self.own, self.colleague = api.as_("clerk", "procuratorate"), api.as_("clerk", "procuratorate")
        self.petitions, self.labours, self.admin = api.as_("clerk", "petition"), api.as_("clerk", "labour"), api.as_("admin")

    @property
    def others(self) -> list[Api]:
        return [self.petitions, self.labours, self.admin]

    def link(self, caller: Api, left: tuple[str, str], right: tuple[str, str]) -> dict[str, Any]:
        return report(caller, self.case_id, about="link", left=end(*left), right=end(*right))


SHARED_END = ("petition", "XF-1"), ("labour", "LD-1")
CLOSED_END = ("procuratorate", "JC-1"), ("petition", "XF-1")


def test_a_report_on_a_case_does_not_go_to_the_department_of_its_sealed_record(api: Api, store: Store) -> None:
    world = Sealed(api, store)
    made = report(world.own, world.case_id)
    assert codes(made["departments"]) == ["labour", "petition"]
    for caller in (world.petitions, world.labours):
        (item,) = listed(caller)
        assert codes(item["departments"]) == ["labour", "petition"]
    assert listed(world.colleague) == []


def test_a_report_on_a_case_of_sealed_records_alone_goes_to_their_department(api: Api, store: Store) -> None:
    case_id = store.case(store.record("procuratorate", "JC-1", title="少年", visibility="sealed"))
    report_id = report(api.as_("clerk", "procuratorate"), case_id)["report_id"]
    assert is_told(api.as_("clerk", "procuratorate"), report_id)
    assert not any(is_told(caller, report_id) for caller in (api.as_("clerk", "petition"), api.as_("admin")))


@pytest.mark.parametrize("closed", ["sealed", "restricted", "a word from a later version"])
def test_a_report_on_a_link_with_a_closed_end_goes_to_its_own_department_alone(api: Api, store: Store, closed: str) -> None:
    world = Sealed(api, store, closed)
    made = world.link(world.own, *CLOSED_END)
    assert [codes(made["departments"]), made["is_for_platform"]] == [["procuratorate"], False]
    assert is_told(world.colleague, made["report_id"])
    assert not any(is_told(caller, made["report_id"]) for caller in world.others)


def test_a_link_with_a_sealed_and_a_restricted_end_is_told_to_the_sealed_ones_department(
    api: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads both was granted the restricted one: its own department must not learn of the sealed one by that."""
    monkeypatch.setattr(grants, "FRESH_S", 0.0)  # a grant counts from the next request on
    world = Sealed(api, store)
    store.run("UPDATE store.source_record SET visibility = 'restricted' WHERE department = 'petition'")
    asked = {"case_id": str(world.case_id), "department": "petition", "reason": "核实噪音情况", "case_reference": "JC-1", "emergency": True}
    assert world.own.post("/v1/access-requests", json=asked).status_code == 201
    assert codes(world.link(world.own, *CLOSED_END)["departments"]) == ["procuratorate"]
    assert listed(world.petitions) == []


def test_what_was_sealed_since_is_told_of_by_no_report(api: Api, store: Store) -> None:
    world = Sealed(api, store, "shared")
    about_case, about_link = report(world.labours, world.case_id)["report_id"], world.link(world.labours, *CLOSED_END)["report_id"]
    about_both = world.link(world.labours, *SHARED_END)["report_id"]
    assert step(world.own, about_case, "taken", "涉及少年") == 201
    assert [codes(item["departments"]) for item in listed(world.admin)] == [["labour", "petition"], ["petition", "procuratorate"]]
    store.run("UPDATE store.source_record SET visibility = 'sealed' WHERE department = 'procuratorate'")
    for caller in (world.petitions, world.labours):
        seen = caller.get(f"/v1/reports/{about_case}").json()
        assert [codes(seen["departments"]), seen["notes"]] == [["labour", "petition"], []]
    assert [item["report_id"] for item in listed(world.admin)] == [about_both]
    assert not is_told(world.petitions, about_link)
    assert is_told(world.own, about_link)
    whole = world.own.get(f"/v1/reports/{about_case}").json()
    assert [codes(whole["departments"]), len(whole["notes"])] == [["labour", "petition", "procuratorate"], 1]
    (reporters, *_) = [item for item in listed(world.labours, "out") if item["report_id"] == about_link]
    assert codes(reporters["departments"]) == ["petition"]
