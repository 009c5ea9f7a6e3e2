"""What a match tells a caller who reads one community alone, or from whom fields are hidden or masked."""

from __future__ import annotations

from typing import Any

import pytest

from api.access import FieldRule, Treatment
from api.questions.match import MatchRecord
from pipeline.looking_up.view import GRADUAL, Treated
from tests.integration.api.builders import PURPOSE, Api, Store
from tests.integration.api.test_match import ABOUT, FIRM, NONE, QUESTION, WHO, ask, ask_person
from tests.integration.pipeline.resolving import cases, credit_code, firm, id_number, parties, person, record, settle

HERE, THERE = "440311001001", "440311001002"
BORN = "1980-01-01"
HOME = {"address": "马田街道将石路3号2栋301"}


def levels(candidate: dict[str, Any]) -> dict[str, str]:
    return {step["comparison"]: step["level"] for step in candidate["levels"] if step.get("level")}


def test_records_of_other_communities_change_nothing_for_a_caller_of_one(fragile_api: Api, treat: Any) -> None:
    api, store = fragile_api, fragile_api.store
    by_phone = person("欧阳震华", phone=WHO["phone"])
    here, there = {"community": HERE, "street": HERE[:9]}, {"community": THERE, "street": THERE[:9]}
    settle(store.engine, record("petition", "XF-1", by_phone, firm(FIRM["name"]), **{**ABOUT, **here, "text": "老板失联"}))
    treat(streets=frozenset(), communities=frozenset({HERE}))
    caller = api.as_("clerk", "court")
    before = ask(caller, **QUESTION)
    assert all(each["answer"] != "none" for each in (*before["parties"], before["case"]))
    settle(
        store.engine,
        record("labour", "LD-1", person(**WHO), firm(**FIRM), **{**ABOUT, **there}),
        record("court", "C-1", person(**WHO), firm(**FIRM), **{**ABOUT, **there}),  # his own department's, elsewhere
        record("labour", "LD-2", person(**WHO), **ABOUT),  # of no community
    )
    assert cases(store.engine)["petition/XF-1"] == cases(store.engine)["labour/LD-1"]
    assert ask(caller, **QUESTION) == before


@pytest.mark.parametrize(("community", "answer"), [(HERE, "none"), (THERE, "certain")])
def test_a_caller_of_one_community_is_told_nobody_who_is_elsewhere(fragile_api: Api, treat: Any, community: str, answer: str) -> None:
    place = {"community": THERE, "street": THERE[:9]}
    settle(fragile_api.store.engine, record("labour", "LD-1", person(**WHO), firm(**FIRM), **{**ABOUT, **place}))
    treat(streets=frozenset(), communities=frozenset({community}))
    found = ask(fragile_api.as_("clerk", "court"), **QUESTION)
    assert [each["answer"] for each in (*found["parties"], found["case"])] == [answer] * 3
    assert answer != "none" or found == {"parties": [NONE, NONE], "case": NONE}


@pytest.mark.parametrize("field", ["phone", "id_no", "birth_date", "name", "address"])
def test_a_hidden_field_is_told_by_nothing(api: Api, store: Store, treat: Any, field: str) -> None:
    """Asked with the right value and with a wrong one, the answer is the same to the letter."""
    right = {"name": "欧阳震华", "id_no": id_number(1), "phone": WHO["phone"], "birth_date": BORN, **HOME}
    wrong = {"name": "上官婉清", "id_no": id_number(7, "19900202"), "phone": "18612349999", "birth_date": "1990-02-02"}
    wrong |= {"address": "玉塘街道长凤路9号"}
    settle(store.engine, record("petition", "XF-1", person("欧阳震华", id_no=right["id_no"], phone=right["phone"], **HOME), **ABOUT))
    asked = {name: value for name, value in right.items() if name not in ("id_no", "birth_date") or name == field}
    if field in ("name", "address"):
        asked = {"id_no": right["id_no"], "phone": right["phone"], "name": right["name"], **HOME}
    before = ask_person(api.as_("clerk", "court"), **asked)
    assert before != ask_person(api.as_("clerk", "court"), **{**asked, field: wrong[field]})
    treat(others=FieldRule(fields={field: Treatment.HIDDEN}))
    caller = api.as_("clerk", "court")
    answers = [ask_person(caller, **{**asked, field: value}) for value in (right[field], wrong[field])]
    assert answers[0] == answers[1]
    for candidate in answers[0]["candidates"]:
        assert field not in levels(candidate) and field not in candidate["compared_with"]


def test_nobody_is_found_by_a_hidden_field(api: Api, store: Store, treat: Any) -> None:
    """Of a crowd of one name and birthday only the first are compared: a hidden number that is guessed brings nobody forward."""
    crowd = [person("欧阳震华", id_no=id_number(2 * n + 1), phone=f"1371234{n:04d}") for n in range(70)]
    woman = person("欧阳震华", id_no=id_number(2), phone=WHO["phone"])
    settle(store.engine, *(record("petition", f"XF-{n}", one, **ABOUT) for n, one in enumerate(crowd)), record("labour", "LD-1", woman))
    asked = {"name": "欧阳震华", "birth_date": BORN, "gender": "女"}
    weighs = [each["person_id"] for each in ask_person(api.as_("clerk", "court"), **asked, phone=WHO["phone"])["candidates"]]
    assert weighs[0] == parties(store.engine)["labour/LD-1/0"]
    treat(others=FieldRule(fields={"phone": Treatment.HIDDEN}))
    caller = api.as_("clerk", "court")
    assert (
        ask_person(caller, **asked, phone=WHO["phone"]) == ask_person(caller, **asked, phone="18612349999") == ask_person(caller, **asked)
    )


@pytest.mark.parametrize("field", ["birth_date", "gender"])
def test_what_an_id_number_says_is_hidden_where_the_field_is(api: Api, store: Store, treat: Any, field: str) -> None:
    settle(store.engine, record("petition", "XF-1", person(**WHO), **ABOUT))
    assert field in levels(ask_person(api.as_("clerk", "court"), **WHO)["candidates"][0])
    treat(others=FieldRule(fields={field: Treatment.HIDDEN}))
    assert field not in levels(ask_person(api.as_("clerk", "court"), **WHO)["candidates"][0])


def test_what_is_hidden_of_others_is_compared_of_ones_own(api: Api, store: Store, treat: Any) -> None:
    settle(
        store.engine,
        record("court", "C-1", person("欧阳震华", phone=WHO["phone"]), **ABOUT),
        record("petition", "XF-1", person("上官婉清", phone="13912349999"), **ABOUT),
    )
    treat(others=FieldRule(fields={"phone": Treatment.HIDDEN}))
    caller = api.as_("clerk", "court")
    (own,) = ask_person(caller, name="欧阳震华", phone=WHO["phone"])["candidates"]
    assert (own["person_id"], levels(own)["phone"]) == (parties(store.engine)["court/C-1/0"], "same")
    assert ask_person(caller, name="上官婉清", phone="13912349999") == NONE
    assert ask_person(api.as_("clerk", "petition"), name="上官婉清", phone="13912349999")["answer"] != "none"


NEAR = [
    pytest.param({"phone": "13912340002"}, {"phone": "18600009999"}, id="phone, one digit off"),
    pytest.param({"id_no": id_number(1)[:-1] + "5"}, {"id_no": "440306198001017711"}, id="ID number, one off and broken"),
    pytest.param({"birth_date": "1980-01-02"}, {"birth_date": "1991-07-08"}, id="birth date, the day off"),
]


@pytest.mark.parametrize(("near", "far"), NEAR)
def test_of_a_masked_number_it_is_told_only_whether_it_is_the_very_same(
    api: Api, store: Store, near: dict[str, str], far: dict[str, str]
) -> None:
    asked = (
        {"name": "欧阳震华", "phone": WHO["phone"], **HOME} if "phone" not in near else {"name": "欧阳震华", "id_no": id_number(1), **HOME}
    )
    settle(store.engine, record("petition", "XF-1", person("欧阳震华", id_no=id_number(1), phone=WHO["phone"], **HOME), **ABOUT))
    other, own = api.as_("clerk", "court"), api.as_("clerk", "petition")
    two = [ask_person(other, **{**asked, **value})["candidates"] for value in (near, far)]
    assert two[0] == two[1]
    assert two[0]
    clear = [ask_person(own, **{**asked, **value})["candidates"] for value in (near, far)]
    assert clear[0] != clear[1]
    for name in PURPOSE:
        del own.headers[name]
    masked = [ask_person(own, **{**asked, **value})["candidates"] for value in (near, far)]
    assert masked[0] == masked[1]


def test_a_masked_number_given_whole_still_counts(api: Api, store: Store) -> None:
    settle(store.engine, record("petition", "XF-1", person(**WHO), **ABOUT))
    (found,) = ask_person(api.as_("clerk", "court"), **WHO)["candidates"]
    assert {levels(found)[name] for name in ("phone", "id_no")} == {"same"}


def test_a_firm_s_masked_phone(api: Api, store: Store) -> None:
    settle(store.engine, record("petition", "XF-1", firm(FIRM["name"], uscc=credit_code(1), phone="0755-27001234"), **ABOUT))
    asked = {"kind": "organisation", "name": FIRM["name"]}
    near, far = (
        ask(api.as_("clerk", "court"), parties=[{**asked, "phone": each}])["parties"] for each in ("0755-27001235", "0755-88889999")
    )
    assert near == far
    assert near[0]["candidates"]


def test_forms_that_are_far_off() -> None:
    treated = Treated(frozenset({"name"}), frozenset(GRADUAL))
    asked = {"phone": "1", "id_no": None, "birth_date": None, "name": "x"}
    assert treated.blanked(asked)["name"] is None
    assert treated.told(asked, {"phone": "1", "id_no": "2"}) == {"phone": "1", "id_no": "2"}
    assert treated.told(asked, {"phone": None, "id_no": "2"})["phone"] is None


@pytest.mark.parametrize("visibility", ["sealed", "restricted"])
@pytest.mark.parametrize("differ", [False, True], ids=["all alike", "each of another phone"])
@pytest.mark.parametrize("at_once", [True, False])
def test_closed_mentions_take_no_place_of_open_ones(api: Api, store: Store, visibility: str, *, differ: bool, at_once: bool) -> None:
    """Of one firm few mentions show a key, and one stands for those that are like it: never a closed one for one that others may read."""

    def mention(number: int) -> dict[str, Any]:
        return firm(FIRM["name"], uscc=FIRM["uscc"], phone=f"0755-2700{number:04d}" if differ else None)

    closed = [record("procuratorate", f"JC-{n}", mention(n), visibility=visibility, **ABOUT) for n in range(20)]
    shared = record("petition", "XF-1", mention(99), title="路灯不亮")
    for records in [[*closed, shared]] if at_once else [closed, [shared]]:
        settle(store.engine, *records)
    assert parties(store.engine, "organisation")["petition/XF-1/0"] == parties(store.engine, "organisation")["procuratorate/JC-0/0"]
    asked = {"kind": "organisation", **FIRM}
    for dept, source in (("court", "petition"), ("procuratorate", "procuratorate")):
        (answered,) = ask(api.as_("clerk", dept), parties=[asked])["parties"]
        assert answered["answer"] == "certain"
        assert dept == source or answered["candidates"][0]["compared_with"]["department"]["code"] == source


def test_a_firm_is_known_still_when_the_mention_that_stood_for_it_was_sealed(api: Api, store: Store) -> None:
    first, *others = (record(dept, "1", firm(**FIRM), **ABOUT) for dept in ("procuratorate", "petition", "labour"))
    for one in (first, *others):
        settle(store.engine, one)
    assert store.rows("SELECT count(DISTINCT party_id) AS n FROM store.organisation_key") == [{"n": 1}]
    settle(store.engine, record("procuratorate", "1", firm(**FIRM), visibility="sealed", **ABOUT))
    (answered,) = ask(api.as_("clerk", "court"), parties=[{"kind": "organisation", **FIRM}])["parties"]
    assert answered["answer"] == "certain"
    assert answered["candidates"][0]["compared_with"]["department"]["code"] in ("petition", "labour")


def test_a_masked_address_is_not_found_house_by_house(api: Api, store: Store) -> None:
    """Which number, building or room comes nearer is told to nobody who is not shown it; the very one may be asked for."""
    settle(store.engine, record("petition", "XF-1", person(WHO["name"], phone=WHO["phone"], address="马田街道将石路3号2栋301")))
    clerk, owner = api.as_("clerk", "court"), api.as_("clerk", "petition")
    asked = {"name": WHO["name"], "phone": WHO["phone"]}
    near, nearer, far, right = ("马田街道将石路3号2栋302", "马田街道将石路3号2栋", "马田街道将石路9号7栋808", "马田街道将石路3号2栋301")

    def told(address: str, caller: Api = clerk) -> dict[str, Any]:
        (candidate,) = ask_person(caller, **asked, address=address)["candidates"]
        return candidate

    assert [levels(told(address, owner))["address"] for address in (near, nearer, right)] == ["neighbour", "building", "room"]
    assert told(near) == told(nearer) == told(far)
    assert levels(told(far))["address"] == "road"
    assert levels(told(right))["address"] == "room"


@pytest.mark.parametrize(("address", "numbers"), [(None, 1), ("马田街道将石路", 1), ("马田街道将石路3号", 2)])
def test_a_house_that_is_asked_about_counts_as_a_number(address: str | None, numbers: int) -> None:
    party = {"kind": "person", "name": "王小明", "phone": WHO["phone"]}
    assert MatchRecord.model_validate({"parties": [party | ({"address": address} if address else {})]}).numbers == numbers
    assert MatchRecord.model_validate({"parties": [party], "address": address}).numbers == numbers
    assert MatchRecord.model_validate({"parties": [{"kind": "organisation", "name": "维珍妮", "address": address}]}).numbers == 0
