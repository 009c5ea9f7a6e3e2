"""What the policy hides of others' records is told by no part of any answer, and nobody is found by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.access import HIDEABLE, FieldRule, Treatment
from api.queries import found
from api.state import Hub
from api.watches.evaluate import evaluate
from tests.integration.api.builders import Api, Store, at
from tests.integration.api.changing import NOISE, follow, latest, settle
from tests.integration.api.receiving import worker
from tests.integration.api.test_lookups import csv_of, looked_up
from tests.integration.api.test_match import ABOUT, WHO
from tests.integration.api.test_match import FIRM as MATCHED
from tests.integration.api.test_watch_tolerance import written
from tests.integration.api.test_watches import told, watch
from tests.integration.pipeline.resolving import cases, firm, person
from tests.integration.pipeline.resolving import record as store_record

HERE = "440311001001"
PLACE = {"community": HERE, "street": HERE[:9]}
ID, PHONE, CODE = "440311198405123457", "13857264913", "91440300MA5EFT1X2A"
WANG = {
    "name": "王小明",
    "id_type": "passport",
    "id_no": ID,
    "phone": PHONE,
    "gender": "female",
    "birth_date": at(1).date().replace(year=1984),
}
FIRM = {"kind": "organisation", "role": "respondent", "name": "维珍妮鞋业", "uscc": CODE}
EVERYTHING = "records,parties,timeline,lineage,links,history"
#: Of each field that may be hidden a value that stands nowhere else, and how an answer has it.
SAID: dict[str, tuple[Any, str]] = {
    "reply": ("答复在此", "答复在此"),
    "channel": ("online", '"online"'),
    "due_at": (at(27), "2025-01-27"),
    "updated_at": (at(26), "2025-01-26"),
    "people_involved": (731, "731"),
    "amount": (98765, "98765"),
    "longitude": (113.91234, "113.91234"),
    "latitude": (22.71234, "22.71234"),
    "handling_unit": ("某某专办科", "某某专办科"),
    "confirmation_state": ("written", '"written"'),
    "is_anonymous": (False, '"is_anonymous":false'),
}
OF_PARTIES = {"id_type": "passport", "id_no": "4403*", "uscc": CODE, "phone": "4913", "gender": "female", "birth_date": "1984-"}


@pytest.fixture
def hub(api: Api, store: Store) -> Iterator[Hub]:
    with worker(store.engine) as running:
        yield running


def hiding(*fields: str) -> FieldRule:
    return FieldRule(fields=dict.fromkeys(fields, Treatment.HIDDEN))


def every_answer(clerk: Api, case: str) -> str:
    """All that is told of a case."""
    texts = [clerk.get(f"/v1/cases/{case}", params={"include": EVERYTHING}).text]
    texts.append(clerk.post("/v1/cases/search", json={"q": "噪音", "facets": "department,category,status,grade,street,year"}).text)
    for level in ("cases", "records", "parties"):
        texts.append(clerk.post("/v1/cases/export", json={"format": "jsonl", "level": level, "receiver": "desk"}).text)
    return "\n".join(texts)


def test_a_hidden_field_is_in_no_answer(api: Api, store: Store, treat: Any) -> None:
    markers = {**{name: marker for name, (_, marker) in SAID.items()}, **OF_PARTIES}
    assert markers.keys() == HIDEABLE
    said = {name: value for name, (value, _) in SAID.items()}
    case = str(store.case(store.record("court", "1", [WANG, FIRM], title="噪音扰民", **said)))
    clerk = api.as_("clerk", "labour")
    shown = every_answer(clerk, case)
    assert [name for name, marker in markers.items() if marker not in shown] == []
    for name, marker in markers.items():
        treat(others=hiding(name))
        assert marker not in every_answer(clerk, case), name


def test_what_is_hidden_by_default_is_in_no_party(api: Api, store: Store, treat: Any) -> None:
    """As a policy may say that came into force before it was refused."""
    case = store.case(store.record("court", "1", [WANG | {"address": "田寮路12号"}], title="噪音扰民", text="夜里"))
    treat(others=FieldRule(Treatment.HIDDEN))
    shown = api.as_("clerk", "labour").case(case, "parties,records")
    (party,) = shown["parties"]
    assert not {"name", "id_no", "phone", "birth_date", "address"} & {name for name, value in party.items() if value is not None}
    assert [shown["records"][0].get(name) for name in ("title", "text")] == [None, None]


@pytest.mark.parametrize("few", [2_000, 0])
def test_a_community_clerk_finds_nobody_of_others_by_an_id_number(
    api: Api, store: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(found, "FEW", few)  # by the one way and by the other
    others = store.case(store.record("petition", "1", [WANG], title="噪音", **PLACE))
    store.case(store.record("labour", "2", title="噪音", text=f"王小明证件{ID}", **PLACE))
    store.case(store.record("court", "3", [WANG], title="离婚", visibility="restricted", **PLACE))
    clerk = api.as_(f"community_clerk_{HERE}", "political_legal")
    assert (clerk.find(q=ID)["items"], clerk.find(q=ID, total=True)["total"]["cases"]) == ([], 0)
    assert str(others) in clerk.ids(q=PHONE)
    own = store.case(store.record("political_legal", "4", [WANG], title="纠纷", **PLACE), store.record("petition", "5", [WANG], **PLACE))
    answer = clerk.find(q=ID, total=True, facets="department")
    assert [item["case_id"] for item in answer["items"]] == [str(own)]
    assert [(match["department"]["code"], match["fields"]) for match in answer["items"][0]["matched"]] == [
        ("political_legal", ["parties.id_no"])
    ]
    assert answer["total"]["cases"] == 1
    assert set(api.as_("clerk", "political_legal").ids(q=ID)) > {str(own)}


@pytest.mark.parametrize(("field", "number"), [("id_no", ID), ("phone", PHONE), ("uscc", CODE)])
def test_nobody_is_found_by_a_hidden_identifier(api: Api, store: Store, treat: Any, hub: Hub, field: str, number: str) -> None:
    clerk = api.as_("clerk", "labour")
    treat(others=hiding(field))
    watched = watch(clerk, "query", query={"q": number})
    party = firm("维珍妮鞋业", uscc=CODE) if field == "uscc" else person("王小明", id_no=ID, phone=PHONE)
    settle(store.engine, written("petition", "XF-1", party, **NOISE))
    case = store.case(store.record("court", "1", [WANG, FIRM], title="噪音"))
    store.case(store.record("court", "2", [WANG, FIRM], title="离婚", visibility="restricted"))
    evaluate(hub)
    assert told(clerk, watched) == []
    assert clerk.find(q=number)["items"] == []
    (row,) = looked_up(clerk, csv_of(["查询"], [number]))
    assert row["案件标识 · case ids"] == ""
    asked = {"parties": [{"kind": party["kind"], field: number}]}
    (matched,) = clerk.post("/v1/match", json=asked).json()["parties"]
    assert (matched["answer"], matched["acknowledged"]) == ("none", [])
    treat(others=FieldRule())
    settle(store.engine, written("petition", "XF-2", party, **{**NOISE, "text": "又是噪音"}))
    evaluate(hub)
    assert str(case) in clerk.ids(q=number)
    assert len(told(clerk, watched)) == 1
    (row,) = looked_up(clerk, csv_of(["查询"], [number]))
    assert str(case) in row["案件标识 · case ids"]
    (matched,) = clerk.post("/v1/match", json=asked).json()["parties"]
    assert len(matched["acknowledged"]) == 1


def test_neither_lineage_nor_links_tell_what_is_hidden(api: Api, store: Store, treat: Any) -> None:
    """Beside another's value, a record that states the same would be named; how near two amounts are is told by the level of a link."""
    named = (person(**WHO), firm(**MATCHED))
    said = {"people_involved": 7, **ABOUT}
    amounts = {"petition": "36000.00", "labour": "36100.00"}
    records = [store_record(dept, "1", *named, amount=amount, **said) for dept, amount in amounts.items()]
    settle(store.engine, *records)
    case = cases(store.engine)["petition/1"]
    clerk = api.as_("clerk", "labour")
    before = clerk.case(case, "lineage,links")
    assert {"amount", "people_involved"} <= before["links"][0]["levels"].keys()
    treat(others=hiding("amount", "people_involved"))
    answer = api.as_("clerk", "labour").case(case, "lineage,links")
    for line in answer["lineage"]:
        if line["field"] in ("amount", "people_involved"):
            assert {each["department"]["code"] for each in line["stated_by"]} == {"labour"}
            assert line["losing"] == []
    (link,) = answer["links"]
    steps = {step["step"]: step["bits"] for step in link["waterfall"]["steps"]}
    assert not {"amount", "people_involved"} & {*link["levels"], *steps}
    assert link["match_weight"] == pytest.approx(sum(steps.values())) == pytest.approx(link["waterfall"]["total"])
    assert link["match_weight"] < before["links"][0]["match_weight"]
    assert link["decision"] == before["links"][0]["decision"]


def test_a_change_of_what_is_hidden_is_not_told(api: Api, store: Store, treat: Any) -> None:
    def put(**changed: Any) -> None:
        settle(
            store.engine,
            store_record("petition", "1", person(**{**WHO, "phone": changed.pop("phone", WHO["phone"])}), **{**ABOUT, **changed}),
        )

    put(amount="36000.00")
    treat(others=hiding("amount", "phone"))
    others, own = api.as_("clerk", "labour"), api.as_("clerk", "petition")
    case = cases(store.engine)["petition/1"]
    for changed, is_told in (
        ({"amount": "99.00"}, False),
        ({"amount": "99.00", "phone": "13912349999"}, False),
        ({"text": "另有说明"}, True),
    ):
        since, since_own = latest(others), latest(own)
        put(**{"amount": "99.00", "phone": "13912349999", **changed})
        assert bool(follow(others, since)) is is_told, changed
        assert follow(own, since_own) or changed == {"amount": "99.00", "phone": "13912349999"}
    assert [len(each["versions"]) for each in others.case(case, "history")["history"]] == [2]
