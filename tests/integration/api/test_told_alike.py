"""Whatever is asked, by whomever: the answers are those of a store in which others' sealed records never were, nor any of elsewhere.

Stores are made at random, asked, made again without what is closed to the caller, with the same ids, and asked the same.
"""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Column

from tests.integration.api.builders import Api, Store, at

DEPARTMENTS = ("petition", "labour", "court", "procuratorate", "emergency_management")
CATEGORIES = ("wages", "noise", "fraud")
COMMUNITIES = ("440311001001", "440311001002", "440311005001")
WORDS = ("拖欠工资", "噪音扰民", "诈骗案件")
CALLERS = (("clerk", "petition"), ("engineer", None), ("community_clerk_440311001001", "political_legal"))
CASES, RECORDS, PEOPLE = 10, 30, 6
FACETS = {"total": True, "facets": "department,category,status,grade,street,community,year"}
PARTS = "records,parties,timeline,lineage,history,links"
VARYING = {"request_id", "next_cursor", "change_number"}


class Numbered(Store):
    """Gives what it is told to: the same record has the same ids whatever else there is."""

    number = 0
    parties = 0

    def next(self, column: Column[int]) -> int:
        if column.table.name != "party":
            return self.number
        self.parties += 1
        return self.number * PEOPLE + self.parties


def person(number: int) -> dict[str, Any]:
    return {"name": f"王{WORDS[number % 3][0]}明", "phone": f"1380013{number:04d}", "entity": uuid.UUID(int=number + 1)}


def case_id(number: int) -> uuid.UUID:
    return uuid.UUID(int=number + 1 << 64)


def made_up(lot: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(1, RECORDS + 1):
        community = lot.choice((None, *COMMUNITIES))
        fields = {
            "visibility": lot.choice(("shared", "shared", "restricted", "sealed")),
            "title": lot.choice(WORDS),
            "text": lot.choice(WORDS),
            "category": lot.choice(CATEGORIES),
            "status": lot.choice(("accepted", "resolved", None)),
            "community": community,
            "street": community and community[:9],
            "reported_at": lot.choice((None, at(lot.randrange(1, 28)))),
            "amount": lot.choice((None, "12.00", "99.00")),
        }
        parties = [person(one) for one in lot.sample(range(PEOPLE), lot.randrange(3))]
        yield {"number": number, "case": lot.randrange(CASES), "department": lot.choice(DEPARTMENTS), "fields": fields, "parties": parties}


def fill(store: Store, records: list[dict[str, Any]]) -> None:
    for table in (
        "own_case",
        "link",
        "golden_record",
        "unified_case",
        "case_member",
        "person_member",
        "party",
        "case_event",
        "source_record",
    ):
        store.run(f"DELETE FROM store.{table}")
    numbered, cases = Numbered(store.engine), dict[int, list[int]]()
    for record in records:
        numbered.number, numbered.parties = record["number"], 0
        number = f"N-2025-{record['number']}"
        cases.setdefault(record["case"], []).append(numbered.record(record["department"], number, record["parties"], **record["fields"]))
    for case, members in cases.items():
        numbered.case(*members, case_id=case_id(case))
        for one, other in itertools.combinations(members, 2):
            numbered.link(one, other)


def questions() -> Iterator[dict[str, Any]]:
    yield from ({**FACETS, "sort": sort} for sort in ("newest", "oldest"))
    yield from ({**FACETS, name: value} for name, values in LISTED.items() for value in values)
    yield {**FACETS, "reported_from": "2025-01-05", "reported_to": "2025-01-20"}
    yield from ({**FACETS, "q": q} for q in (*WORDS, *(f"N-2025-{number}" for number in range(1, RECORDS + 1))))
    for number in range(PEOPLE):
        yield from ({**FACETS, "q": q} for q in (person(number)["phone"], f"{number:04d}"))
        yield {**FACETS, "person_id": str(person(number)["entity"])}


LISTED = {"category": CATEGORIES, "status": ("accepted", "resolved"), "department": DEPARTMENTS, "community": COMMUNITIES}


def answers(caller: Api) -> Iterator[tuple[str, Any]]:
    for body in questions():
        yield str(body), caller.post("/v1/cases/search", json=body).json()
        yield f"{body}, the first", caller.post("/v1/cases/search", json={**body, "limit": 1}).json()
    for number in range(CASES):
        yield f"case {number}", caller.get(f"/v1/cases/{case_id(number)}", params={"include": PARTS}).json()
    for number in range(PEOPLE):
        yield f"person {number}", caller.get(f"/v1/persons/{person(number)['entity']}").json()
    for level in ("cases", "records", "parties"):
        exported = caller.post("/v1/cases/export", json={"level": level, "format": "csv", "receiver": "统计科"})
        yield f"export of {level}", sorted(exported.text.splitlines()) if exported.status_code == 200 else exported.status_code


def lasting(told: Any) -> Any:
    """Without what is another each time."""
    if isinstance(told, dict):
        return {name: lasting(one) for name, one in told.items() if name not in VARYING}
    return [lasting(one) for one in told] if isinstance(told, list) else told


@pytest.mark.parametrize("caller", CALLERS, ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_closed_to_a_caller_changes_no_answer(api: Api, store: Store, seed: int, caller: tuple[str, str | None]) -> None:
    records = list(made_up(random.Random(seed)))
    known = [one for one in records if one["fields"]["visibility"] != "sealed" or one["department"] == caller[1]]
    if caller[0].startswith("community_clerk"):
        known = [one for one in known if one["fields"]["community"] == COMMUNITIES[0]]
    assert len(known) < len(records)
    who, told = api.as_(*caller), []
    for some in (records, known):
        fill(store, some)
        told.append({asked: json.dumps(lasting(answer), ensure_ascii=False) for asked, answer in answers(who)})
    assert {asked: answer for asked, answer in told[0].items() if answer != told[1][asked]} == {}
