"""Changes are counted with those of sealed records, so nobody is given their numbers: positions are encrypted, and come back as `as_of`."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from tests.integration.api.builders import Api, as_of
from tests.integration.api.changing import follow, latest
from tests.integration.pipeline.resolving import cases, id_number, person, record, settle

POSITION = re.compile(r"[A-Za-z0-9_-]{54}")
DATED = "timeline,history"


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


class Case:
    """One case of petition's, in two versions, and a clerk of another department who asks for it."""

    def __init__(self, api: Api) -> None:
        self.engine, self.clerk = api.store.engine, api.as_("clerk", "labour")
        for title in ("噪音", "噪音扰民"):
            settle(self.engine, record("petition", "1", person("王建国", id_no=id_number(1)), title=title))
        ((_, self.id),) = cases(self.engine).items()

    def read(self, include: str = DATED, tag: str = "", **asked: str) -> tuple[int, dict[str, Any], str]:
        headers = {"If-None-Match": tag} if tag else {}
        answer = self.clerk.get(f"/v1/cases/{self.id}", params={"include": include, **asked}, headers=headers)
        return answer.status_code, answer.json() if answer.content else {}, answer.headers.get("etag", "")

    def seal_one(self) -> None:
        """Procuratorate files a sealed record with two persons."""
        parties = (person("赵小虎", id_no=id_number(2)), person("钱小龙", id_no=id_number(3)))
        settle(self.engine, record("procuratorate", "9", *parties, title="少年", visibility="sealed"))


@pytest.fixture
def case(fragile_api: Api) -> Case:
    return Case(fragile_api)


def positions(told: dict[str, Any]) -> list[Any]:
    """Whatever an answer says of changes."""
    events = [event["change_number"] for event in told["timeline"] if "change_number" in event]
    versions = [version["change_number"] for history in told["history"] for version in history["versions"]]
    return [*events, *versions, *([told["as_of_change"]] if "as_of_change" in told else [])]


def test_a_sealed_record_shows_in_no_position_and_no_validator(case: Case) -> None:
    since, before = latest(case.clerk), [case.read(), case.read(as_of=now())]
    case.seal_one()
    after = [case.read(), case.read(as_of=now())]
    assert follow(case.clerk, since) == []
    told = [position for _, body, _ in (*before, *after) for position in positions(body)]
    assert len(told) == 14  # a record that joined and two versions, four times; up to when, twice
    assert all(isinstance(position, str) and POSITION.fullmatch(position) for position in told)
    assert len(set(told)) == len(told)  # not even that two are one change shows
    assert [tag for *_, tag in after] == [tag for *_, tag in before]
    assert case.read(tag=before[0][2])[0] == case.read(tag=before[1][2], as_of=now())[0] == 304


def test_a_plain_number_is_compared_with_nothing(case: Case) -> None:
    def refusals() -> set[tuple[int, str]]:
        asked = ["0", "1", *(str(number) for number in range(2, 12)), "20250103", str(10**17)]
        found = [case.read(as_of=number) for number in asked]
        return {(status, str(body["errors"])) for status, body, _ in found}

    before = refusals()
    assert {status for status, _ in before} == {422} and len(before) == 1
    case.seal_one()
    assert refusals() == before


def test_each_position_is_taken_back(case: Case) -> None:
    _, told, _ = case.read(as_of=now())
    (joined, newer, older, until) = positions(told)
    again = [case.read("records", as_of=position)[1] for position in (joined, older, newer, until)]
    assert [one["records"][0]["title"] for one in again] == ["噪音", "噪音", "噪音扰民", "噪音扰民"]
    assert case.read("records", as_of=again[0]["as_of_change"])[1]["records"] == again[0]["records"]


def test_a_position_of_something_else_is_refused(case: Case) -> None:
    feed = case.clerk.get("/v1/changes?since=latest").json()["next_cursor"]
    position = as_of(1)
    other = ("A" if position[20] != "A" else "B").join((position[:20], position[21:]))
    for text in (feed, other, position + "A", "A" * 54, "A" * 101):
        assert case.read(as_of=text)[0] == 422, text
    for text in (as_of(1, epoch=2), as_of(10_000)):  # a store that was rebuilt, or put back to an earlier state
        status, body, _ = case.read(as_of=text)
        assert (status, body["type"]) == (410, "urn:casehub:problem:position-expired")


def test_the_api_describes_no_number_of_a_change(api: Api) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    told = [
        schema["properties"][name]
        for schema in schemas.values()
        for name in ("as_of_change", "change_number")
        if name in schema.get("properties", {})
    ]
    assert len(told) == 3
    assert "integer" not in str(told)
