"""A case as the hub knew it then: what was answered at each step of a real history is answered again by its number and its time."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipeline.resolving.decisions import decide
from tests.integration.api.builders import Api, as_of, running_api
from tests.integration.pipeline.resolving import Record, cases, id_number, person, record, record_ids, settle

ALL = "records,parties,timeline,lineage,links"
NAME = "王建国"
SECRET = "未成年人盗窃"


def petition(title: str, **values: Any) -> Record:
    return record("petition", "1", person(NAME, id_no=id_number(1)), title=title, amount="100.00", **values)


def labour(**values: Any) -> Record:
    return record("labour", "2", person("李四", id_no=id_number(2)), title="另一件事", category="noise", **values)


class History:
    """Steps of a store, and what the API said after each."""

    def __init__(self, api: Api) -> None:
        self.api, self.engine = api, api.store.engine
        self.clerk = api.as_("clerk", "petition")
        self.ids: list[str] = []
        self.said: list[tuple[int, dt.datetime, dict[str, Any]]] = []

    def step(self, *records: Record) -> None:
        settle(self.engine, *records)
        self.ids += [case_id for _, case_id in sorted(cases(self.engine).items(), reverse=True) if case_id not in self.ids]
        with self.engine.connect() as connection:
            number = connection.execute(text("SELECT last_change FROM ops.change_counter")).scalar_one()
            at = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        self.said.append((number, at, {case_id: self.answer(case_id) for case_id in self.ids}))

    def judge(self, verdict: str) -> None:
        found = record_ids(self.engine)
        decide(self.engine, "case", (found["petition/1"], found["labour/2"]), verdict, decided_by="tester")
        self.step()

    def answer(self, case_id: str, as_of: str | None = None) -> Any:
        asked = {"include": ALL} | ({} if as_of is None else {"as_of": as_of})
        answer = self.clerk.get(f"/v1/cases/{case_id}", params=asked)
        if answer.status_code == 308:
            return answer.headers["location"].partition("?")[0]
        return comparable(answer.json()) if answer.status_code == 200 else answer.status_code


def comparable(case: dict[str, Any]) -> dict[str, Any]:
    """A case without what is encrypted anew each time: as of when it is told, and which changes."""
    timeline = [event | {"change_number": None} if "change_number" in event else event for event in case["timeline"]]
    return {**case, "timeline": timeline, "as_of_change": None}


def made(api: Api) -> History:
    """Two cases; one; another title, and the first again; two; one of them gone."""
    found = History(api)
    found.step(petition("反映欠薪"), labour())
    found.judge("yes")
    found.step(petition("反映欠薪，已补材料"))
    found.step(petition("反映欠薪"))
    found.judge("no")
    found.step(record("labour", "2", is_deleted=True))
    return found


@pytest.fixture(scope="module")
def history(common_database: Engine) -> Iterator[History]:
    """Such a history, for all who only read."""
    with running_api(common_database) as api:
        yield made(api)


def test_every_step_is_answered_again_by_its_number_and_by_its_time(history: History) -> None:
    first, second = history.ids
    assert [len({str(case) for case in said.values()}) for _, _, said in history.said] == [2] * 6
    assert [type(said[second]).__name__ for *_, said in history.said] == ["dict", "str", "str", "str", "dict", "int"]
    titles = [said[first]["title"] for *_, said in history.said]
    assert titles == ["反映欠薪", "另一件事", "反映欠薪，已补材料", "另一件事", "反映欠薪", "反映欠薪"]
    for number, at, said in history.said:
        for case_id, answer in said.items():
            assert history.answer(case_id, as_of(number)) == answer
            assert history.answer(case_id, at.isoformat()) == answer


def test_links_that_led_out_of_a_case_then_are_told_as_they_were(fragile_api: Api) -> None:
    """A person's "no" stands between the two cases from the fifth step on, and leads to nothing once the record is gone."""
    history = made(fragile_api)
    first, second = history.ids
    outside = [[link["case_id"] for link in said[first]["links"] if "case_id" in link] for *_, said in history.said]
    assert outside[4:] == [[second], []]
    assert [link for link in history.answer(first, as_of(history.said[4][0]))["links"] if "case_id" in link]
    settle(history.engine, labour(visibility="sealed"))
    assert [link for link in history.answer(first, as_of(history.said[4][0]))["links"] if "case_id" in link] == []


def test_a_case_tells_its_own_history(history: History) -> None:
    first, second = history.ids
    numbers = [number for number, *_ in history.said]

    def told(case_id: str, number: int) -> list[tuple[str, str, str | None]]:
        case = history.clerk.get(f"/v1/cases/{case_id}", params={"include": "timeline", "as_of": as_of(number)}).json()
        moved = [event for event in case["timeline"] if "change_number" in event]
        return [(event["kind"]["code"], event["source_record_id"], event.get("case_id")) for event in moved]

    assert told(first, numbers[0]) == [("joined", "1", None)]
    assert told(first, numbers[3]) == [("joined", "1", None), ("merged", "2", second)]
    assert told(first, numbers[4]) == [("joined", "1", None), ("merged", "2", second), ("split", "2", second)]
    assert told(second, numbers[4]) == [("joined", "2", None), ("merged_into", "2", first), ("split_from", "2", first)]


def test_before_it_there_was_none_and_what_is_to_come_is_refused(history: History) -> None:
    case_id, (last, *_) = history.ids[0], history.said[-1]
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
    for asked, status in ((as_of(0), 404), ("2020-01-01", 404), (as_of(last), 200), (tomorrow, 422), ("soon", 422)):
        answer = history.clerk.get(f"/v1/cases/{case_id}", params={"as_of": asked})
        assert answer.status_code == status, asked
    answer = history.clerk.get(f"/v1/cases/{uuid.uuid4()}", params={"as_of": as_of(last)})
    assert answer.status_code == 404


def test_a_redirect_keeps_what_was_asked(history: History) -> None:
    first, second = history.ids
    _, at, _ = history.said[1]
    asked = {"include": "records,links", "as_of": at.astimezone(dt.timezone(dt.timedelta(hours=8))).isoformat()}
    answer = history.clerk.get(f"/v1/cases/{second}", params=asked)
    assert answer.status_code == 308
    assert answer.headers["location"].startswith(f"/v1/cases/{first}?include=links,records&as_of=")
    followed = history.clerk.get(f"/v1/cases/{second}", params=asked, follow_redirects=True).json()
    assert (followed["case_id"], followed["record_count"], len(followed["links"])) == (first, 2, 1)


def test_links_tell_who_decided_and_how_the_engine_weighed(history: History) -> None:
    first, second = history.ids
    number = history.said[1][0]
    (link,) = history.clerk.get(f"/v1/cases/{first}", params={"include": "links", "as_of": as_of(number)}).json()["links"]
    assert (link["told"]["code"], link["decided_by"], link["decision"]) == ("person_link", "tester", "link")
    steps = link["waterfall"]["steps"]
    assert (steps[0]["step"], "level" in steps[0]) == ("prior", False)
    assert {step["step"] for step in steps[1:]} == set(link["levels"])
    assert sum(step["bits"] for step in steps) == pytest.approx(link["match_weight"], abs=1e-3)
    assert steps[-1]["so_far"] == link["waterfall"]["total"] == pytest.approx(link["match_weight"], abs=1e-3)
    assert history.answer(first)["links"] == []


def test_a_prohibition_tells_of_the_other_case_while_it_stands(fragile_api: Api) -> None:
    history = History(fragile_api)
    history.step(petition("反映欠薪"), labour())
    history.judge("no")
    first, second = history.ids
    for case_id, other in ((first, second), (second, first)):
        (link,) = history.clerk.get(f"/v1/cases/{case_id}", params={"include": "links"}).json()["links"]
        assert (link["told"]["code"], link["case_id"]) == ("person_cannot_link", other)
    settle(fragile_api.store.engine, labour(visibility="sealed"))
    assert history.answer(first)["links"] == []
    assert history.clerk.get(f"/v1/cases/{first}", params={"include": "links"}).json()["links"] == []


def reads(api: Api, dept: str, case_id: str, number: int) -> tuple[int, str]:
    answer = api.as_("clerk", dept).get(f"/v1/cases/{case_id}", params={"include": ALL, "as_of": as_of(number)})
    return answer.status_code, answer.text


@pytest.mark.parametrize("later", ["sealed", "a word from a later version"])
@pytest.mark.parametrize("then", ["resolved", "deleted since"])
def test_what_is_sealed_since_is_read_through_no_time(fragile_api: Api, later: str, then: str) -> None:
    engine = fragile_api.store.engine
    settle(engine, record("procuratorate", "9", person(NAME, id_no=id_number(1)), title=SECRET))
    ((_, case_id),) = cases(engine).items()
    assert reads(fragile_api, "labour", case_id, 1)[0] == 200
    closed = record("procuratorate", "9", person(NAME, id_no=id_number(1)), title=SECRET, visibility=later)
    settle(engine, closed)
    if then == "deleted since":
        settle(engine, record("procuratorate", "9", is_deleted=True))
    status, said = reads(fragile_api, "labour", case_id, 1)
    assert status == 404
    assert SECRET not in said
    status, said = reads(fragile_api, "procuratorate", case_id, 1)
    assert status == 200
    assert SECRET in said


def test_what_was_sealed_then_stays_so(fragile_api: Api) -> None:
    engine = fragile_api.store.engine
    settle(engine, record("procuratorate", "9", title=SECRET, visibility="sealed"))
    settle(engine, record("procuratorate", "9", title="可以公开", visibility="shared"))
    ((_, case_id),) = cases(engine).items()
    assert reads(fragile_api, "labour", case_id, 1)[0] == 404
    with engine.connect() as connection:
        last = connection.execute(text("SELECT last_change FROM ops.change_counter")).scalar_one()
    status, said = reads(fragile_api, "labour", case_id, last)
    assert (status, "可以公开" in said) == (200, True)


def test_a_record_restricted_since_is_acknowledged_alone(fragile_api: Api) -> None:
    engine = fragile_api.store.engine
    settle(engine, record("court", "9", person(NAME, id_no=id_number(1)), title=SECRET))
    settle(engine, record("court", "9", person(NAME, id_no=id_number(1)), title=SECRET, visibility="restricted"))
    ((_, case_id),) = cases(engine).items()
    status, said = reads(fragile_api, "labour", case_id, 1)
    assert (status, SECRET in said, "法院数据专班" in said) == (200, False, True)


@pytest.mark.parametrize("said", [("sealed", "restricted"), ("shared", "sealed", "restricted")])
def test_a_record_that_was_sealed_once_is_not_acknowledged_as_of_then(fragile_api: Api, said: tuple[str, ...]) -> None:
    engine = fragile_api.store.engine
    for n, visibility in enumerate(said):
        settle(engine, record("court", "9", person(NAME, id_no=id_number(1)), title=f"{SECRET}{n}", visibility=visibility))
    ((_, case_id),) = cases(engine).items()
    assert reads(fragile_api, "labour", case_id, 1)[0] == 404
    assert "法院数据专班" in fragile_api.as_("clerk", "labour").get(f"/v1/cases/{case_id}").text  # it is acknowledged now


def test_a_sealed_record_that_joins_and_leaves_is_in_nobody_elses_history(fragile_api: Api) -> None:
    history = History(fragile_api)
    history.step(petition("反映欠薪"), labour(visibility="sealed"))
    (case_id,) = [case_id for case_id in history.ids if history.answer(case_id) != 404]
    alone = history.answer(case_id)
    history.judge("yes")
    assert history.answer(case_id) == alone
    history.judge("no")
    assert history.answer(case_id) == alone
    whole = history.api.as_("clerk", "labour").get(f"/v1/cases/{case_id}", params={"include": "timeline"}).json()
    assert {"merged", "split"} <= {event["kind"]["code"] for event in whole["timeline"]}


def test_moves_of_a_record_sealed_since_are_told_no_more(fragile_api: Api) -> None:
    history = History(fragile_api)
    history.step(petition("反映欠薪"), labour())
    history.judge("yes")
    first, _ = history.ids
    assert [event["source_record_id"] for event in history.answer(first)["timeline"] if "change_number" in event] == ["1", "2"]
    history.step(labour(visibility="sealed"))
    number = history.said[1][0]
    for told in (history.answer(first), history.answer(first, as_of(number))):
        assert [event["source_record_id"] for event in told["timeline"] if "change_number" in event] == ["1"]
        assert told["record_count"] == 1


def versions_of(api: Api, dept: str, case_id: str, **asked: str) -> list[tuple[int, list[tuple[str, Any, Any]]]]:
    answer = api.as_("clerk", dept).get(f"/v1/cases/{case_id}", params={"include": "history", **asked})
    (history,) = answer.json()["history"]
    return [
        (one["version"], [(change["field"], change.get("before"), change.get("after")) for change in one["changes"]])
        for one in history["versions"]
    ]


def test_what_a_record_said_before_is_told_version_by_version(fragile_api: Api) -> None:
    engine = fragile_api.store.engine
    settle(engine, record("labour", "1", person("王建国"), title="王建国欠薪", status="received"))
    settle(engine, record("labour", "1", person("李四"), title="李四欠薪", status="received", reply="已受理"))
    settle(engine, record("labour", "1", person("李四"), title="李四欠薪", status="resolved"))
    ((_, case_id),) = cases(engine).items()
    third = (3, [("reply", "已受理", None), ("status", "received", "resolved")])
    assert versions_of(fragile_api, "labour", case_id) == [
        third,
        (2, [("title", "王建国欠薪", "李四欠薪"), ("reply", None, "已受理")]),
        (1, []),
    ]
    assert versions_of(fragile_api, "court", case_id) == [
        third,
        (2, [("title", "王**欠薪", "李**欠薪"), ("reply", None, "已受理")]),
        (1, []),
    ]
    assert [version for version, _ in versions_of(fragile_api, "court", case_id, as_of=as_of(1))] == [1]


def test_versions_before_a_sealed_one_are_told_to_nobody_else(fragile_api: Api) -> None:
    engine = fragile_api.store.engine
    for title, visibility in (("头一版", "shared"), (SECRET, "sealed"), ("又公开了", "shared")):
        settle(engine, record("procuratorate", "1", title=title, visibility=visibility))
    ((_, case_id),) = cases(engine).items()
    assert versions_of(fragile_api, "labour", case_id) == [(3, [])]
    assert [version for version, _ in versions_of(fragile_api, "procuratorate", case_id)] == [3, 2, 1]
