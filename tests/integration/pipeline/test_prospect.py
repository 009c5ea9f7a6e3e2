"""A record not yet filed, looked up in the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from pipeline.evaluating.pairs import examine
from pipeline.looking_up.prospect import Prospect
from pipeline.resolving.relations import CASE, PERSON
from tests.integration.pipeline.column_lookup import Answer, look_up, look_up_party
from tests.integration.pipeline.resolving import (
    cases,
    credit_code,
    firm,
    id_number,
    parties,
    party_ids,
    person,
    record,
    record_ids,
    settle,
    snapshot,
)

WHO = person("欧阳震华", id_no=id_number(1), phone="13912340001")
FIRM = firm("深圳市明辉电子有限公司", uscc=credit_code(1))
ABOUT = {"title": "拖欠三个月工资", "text": "工厂拖欠三个月工资，老板失联", "category": "wage_arrears", "address": "马田街道将石路3号"}
REPORTED = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def known(database: Engine) -> Engine:
    settle(
        database,
        record("police", "1", WHO, FIRM, **ABOUT),
        record("labour", "2", WHO, FIRM, **ABOUT),
        record("court", "3", person("诸葛明月", phone="13912340002"), title="噪声扰民"),
    )
    return database


def prospect(*named: dict[str, Any], **values: Any) -> Prospect:
    return Prospect({"department": "petition", "reported_at": REPORTED, **values}, named)


def ask(engine: Engine, asked: Prospect) -> Answer:
    with engine.begin() as connection:
        return look_up(connection, asked)


def test_a_record_of_a_known_case_finds_its_parties_and_the_case(known: Engine) -> None:
    answer = ask(known, prospect(person("欧阳震华", phone="13912340001"), FIRM, **ABOUT))
    one, firms = answer.parties
    assert [(found.entity, found.answer) for found in one] == [(parties(known)["police/1/0"], "certain")]
    assert [found.entity for found in firms] == [parties(known, "organisation")["police/1/1"]]
    assert [(found.entity, found.answer) for found in answer.cases] == [(cases(known)["police/1"], "certain")]
    assert answer.cases[0].match_weight > 0 and answer.cases[0].levels


def test_what_nobody_has_met_finds_nobody(known: Engine) -> None:
    answer = ask(known, prospect(person("上官婉清", phone="13912349999"), title="路灯不亮", text="路灯坏了很久没有人修"))
    assert answer.parties == ((),)
    assert answer.cases == ()


def test_another_with_the_surname_alone_is_not_found(known: Engine) -> None:
    assert ask(known, prospect(person("欧阳修远", phone="13912348888"))).parties == ((),)


def test_one_party_alone_is_found_as_within_its_record(known: Engine) -> None:
    asked = person("欧阳震华", phone="13912340001") | {"department": "petition"}
    with known.begin() as connection:
        alone = look_up_party(connection, asked)
    assert alone == ask(known, prospect(asked)).parties[0]


def test_looking_up_writes_nothing(known: Engine) -> None:
    before = snapshot(known)
    ask(known, prospect(WHO, FIRM, **ABOUT))
    assert snapshot(known) == before


def test_what_is_looked_up_weighs_as_it_will_once_it_is_filed(known: Engine) -> None:
    by_phone = person("欧阳震华", phone="13912340001")
    answer = ask(known, prospect(by_phone, FIRM, **ABOUT))
    settle(known, record("petition", "9", by_phone, FIRM, **ABOUT))
    ids, records = party_ids(known), record_ids(known)
    (of_person,) = examine(known, PERSON, [(ids["petition/9/0"], answer.parties[0][0].node)])
    (of_case,) = examine(known, CASE, [(records["petition/9"], answer.cases[0].node)])
    assert of_person.match_weight == answer.parties[0][0].match_weight
    assert of_case.match_weight == answer.cases[0].match_weight
