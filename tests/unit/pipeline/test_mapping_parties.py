"""The `parties:` part of a contract: flat columns, lists, pieces of a column, kinds, and what a number itself says."""

from __future__ import annotations

import datetime
from typing import Any

import orjson
import polars as pl
import pytest

from connectors.contract import Contract
from pipeline.normalising.mapping import Mapped, map_records

SOUND_ID = "440306199001011236"
UNSOUND_ID = "440306199001011234"
NAME = {"from": "name", "as": "person_name"}


def map_parties(parties: list[dict[str, Any]], *rows: dict[str, Any]) -> Mapped:
    """A contract with these parties over rows, whose places are their ids."""
    contract = Contract.model_validate(
        {
            "department": "works",
            "title": {"zh": "工务署", "en": "Works"},
            "owner": {"desk": "desk"},
            "version": 1,
            "legal_basis": "test",
            "connector": {"kind": "file", "connection": "works", "path": "works.jsonl", "format": "jsonl"},
            "feed": {"mode": "snapshot"},
            "key": ["id"],
            "record": {"text": {"from": "text"}},
            "parties": parties,
        }
    )
    payloads = [orjson.dumps(row).decode() for row in rows]
    return map_records(
        contract, pl.DataFrame({"source_record_id": [str(n) for n in range(len(rows))], "version": 1, "payload": payloads}), {}
    )


def said(mapped: Mapped, *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(party[field] for field in fields) for party in mapped.parties.to_pylist()]


def test_ordinals_follow_the_contract_and_parties_that_say_nobody_are_left_out() -> None:
    parties = [
        {"role": "petitioner", "name": {"from": "a", "as": "person_name"}, "address": {"from": "home"}},
        {"role": "respondent", "name": {"from": "b", "as": "org_name"}},
        {"role": "agent", "phone": {"from": "c", "as": "phone"}},
    ]
    mapped = map_parties(
        parties,
        {"a": "张三", "b": "某某有限公司", "c": "13800138000"},
        {"a": "", "b": "某某有限公司", "home": "光明大道"},
        {"a": "无", "b": None, "home": "光明大道"},
        {"a": "李四", "c": "138****0000"},
    )
    assert said(mapped, "source_record_id", "ordinal", "role", "kind") == [
        ("0", 0, "petitioner", "person"),
        ("0", 1, "respondent", "organisation"),
        ("0", 2, "agent", "person"),
        ("1", 0, "respondent", "organisation"),
        ("3", 0, "petitioner", "person"),
    ]
    assert mapped.records.num_rows == 4


def test_one_party_an_element_of_a_list() -> None:
    parties = [
        {"role": "respondent", "name": {"from": "firm", "as": "org_name"}},
        {"role": "petitioner", "each": {"path": "workers"}, "name": NAME, "phone": {"path": "contact.phone", "as": "phone"}},
    ]
    row = {"firm": "甲公司", "workers": [{"name": "张三", "contact": {"phone": "13800138000"}}, {"name": " "}, None, {"name": "李四"}]}
    mapped = map_parties(parties, row, {"firm": None, "workers": []}, {"workers": {"name": "王五"}}, {})
    assert said(mapped, "source_record_id", "ordinal", "name", "phone") == [
        ("0", 0, "甲公司", None),
        ("0", 1, "张三", "13800138000"),
        ("0", 2, "李四", None),
        ("2", 0, "王五", None),  # a list of one, given bare
    ]


def test_one_party_a_piece_of_a_column_or_a_plain_element() -> None:
    parties = [
        {"role": "petitioner", "each": {"split": {"from": "names", "sep": ";"}}, "name": {"from": "_", "as": "person_name"}},
        {"role": "victim", "each": {"path": "victims"}, "name": {"from": "_", "as": "person_name"}},
    ]
    mapped = map_parties(parties, {"names": "张三; 李四;;", "victims": ["王五"]}, {"names": None})
    assert said(mapped, "source_record_id", "role", "name") == [
        ("0", "petitioner", "张三"),
        ("0", "petitioner", "李四"),
        ("0", "victim", "王五"),
    ]


def test_when_looks_at_the_element_first_and_at_the_row_otherwise() -> None:
    parties = [
        {"role": "plaintiff", "each": {"path": "sides"}, "when": {"field": "side", "in": ["原告"]}, "name": NAME},
        {"role": "defendant", "each": {"path": "sides"}, "when": {"field": "side", "in": ["被告"]}, "name": NAME},
        {"role": "petitioner", "when": {"field": "open", "in": [1]}, "name": NAME},
    ]
    row = {"open": 1, "name": "赵六", "sides": [{"side": "原告", "name": "张三"}, {"side": "被告", "name": "李四"}]}
    mapped = map_parties(parties, row, row | {"open": 0, "side": "原告", "sides": [{"name": "王五"}]})
    assert said(mapped, "source_record_id", "role", "name") == [
        ("0", "plaintiff", "张三"),
        ("0", "defendant", "李四"),
        ("0", "petitioner", "赵六"),
        ("1", "plaintiff", "王五"),
    ]


def test_a_refusal_inside_a_list_is_one_of_its_row() -> None:
    parties = [{"role": "petitioner", "each": {"path": "w"}, "name": NAME, "phone": {"from": "p", "as": "phone"}}]
    mapped = map_parties(parties, {"w": [{"name": "张三", "p": "x"}, {"name": "李四", "p": "y"}]}, {"w": [{"name": "王五"}]})
    assert [(row["source_record_id"], row["rule"], row["column"]) for row in mapped.refusals.to_pylist()] == [
        ("0", "transform:petitioner.phone", "p")
    ]
    assert said(mapped, "source_record_id", "name") == [("1", "王五")]
    assert mapped.records["source_record_id"].to_pylist() == ["1"]


@pytest.mark.parametrize(
    ("name", "uscc", "kind"),
    [
        ("张三", None, "person"),
        ("深圳市光明某某鞋业有限公司", None, "organisation"),
        ("深圳市某某有限公司(筹)", None, "organisation"),
        ("某某小学", None, "organisation"),
        ("光明阳光便利店", None, "organisation"),
        ("李店", None, "person"),
        ("鑫特物业", None, "organisation"),
        ("力捷健身房", None, "organisation"),
        ("兰州拉面", None, "organisation"),
        ("王建设", None, "person"),
        ("欧阳建设", None, "person"),
        ("投诉人王建设", None, "person"),
        ("当事人：欧阳建设", None, "person"),
        ("投诉人：鑫特物业", None, "organisation"),
        ("阿卜杜拉·建设", None, "person"),
        ("张三", "91440300MA5F0ABC1X", "organisation"),
    ],
)
def test_auto_decides_by_what_the_party_says(name: str, uscc: str | None, kind: str) -> None:
    parties = [{"role": "petitioner", "kind": "auto", "name": {"from": "name", "as": "party_name"}, "uscc": {"from": "code", "as": "uscc"}}]
    assert said(map_parties(parties, {"name": name, "code": uscc}), "kind") == [(kind,)]


def test_a_document_makes_a_person_whatever_the_name_ends_in() -> None:
    parties = [{"role": "petitioner", "kind": "auto", "name": {"from": "name", "as": "party_name"}, "id_no": {"from": "id", "as": "id_no"}}]
    assert said(map_parties(parties, {"name": "欧阳小学", "id": SOUND_ID}), "kind", "id_type") == [("person", "resident_id")]


EITHER: dict[str, Any] = {
    "role": "petitioner",
    "name": {"from": "name", "as": "party_name"},
    "id_no": {"from": "number", "as": "id_no"},
    "uscc": {"from": "number", "as": "uscc"},
}


@pytest.mark.parametrize(
    ("name", "number", "kind"),
    [
        pytest.param("张三", SOUND_ID, "person", id="resident number"),
        pytest.param("某某便利店", SOUND_ID, "person", id="check digit outranks the name"),
        pytest.param("张三", UNSOUND_ID, "person", id="slip in a resident number"),
        pytest.param(None, UNSOUND_ID, "person", id="slip, nameless"),
        pytest.param("张三", "440306199013011236", "person", id="slip in its date"),
        pytest.param("张三", "440306900101123", "person", id="resident number of 15"),
        pytest.param("李四", "E12345678", "person", id="passport"),
        pytest.param("某某鞋业有限公司", "91440300MA5F0ABC1X", "organisation", id="credit code with letters"),
        pytest.param("某某", "914403001922038216", "organisation", id="credit code of digits alone"),
        pytest.param(None, "914403001922038216", "organisation", id="the same, nameless"),
        pytest.param("某某有限公司", "914403001922038219", "organisation", id="slip in it"),
        pytest.param(None, "440301103097413", "organisation", id="registration of 15 without a date"),
        pytest.param("某某有限公司", "440301101212413", "organisation", id="registration of 15 with a date"),
        pytest.param("某某", "192203821", "organisation", id="organisation code"),
    ],
)
def test_one_column_of_either_number_goes_to_what_it_fits(name: str | None, number: str, kind: str) -> None:
    mapped = map_parties([EITHER], {"name": name, "number": number})
    assert mapped.refusals.num_rows == 0
    assert said(mapped, "kind", "id_no", "uscc") == [
        (kind, number if kind == "person" else None, number if kind == "organisation" else None),
    ]


def test_one_column_of_either_number_refuses_what_is_neither_once() -> None:
    rows = [{"name": "张三", "number": "12"}, {"name": "李四", "number": "440306********1234"}, {"name": "王五", "number": None}]
    mapped = map_parties([EITHER | {"kind": "auto"}], *rows)
    assert [(row["source_record_id"], row["rule"], row["column"], row["reason"]) for row in mapped.refusals.to_pylist()] == [
        ("0", "transform:petitioner.id_no", "number", "无法按 id_no 或 uscc 解读 · cannot be read as id_no, nor as uscc")
    ]
    assert said(mapped, "name", "kind", "id_no", "uscc") == [("李四", "person", None, None), ("王五", "person", None, None)]


def test_one_column_of_either_number_without_a_name_and_within_a_list() -> None:
    party = {name: EITHER[name] for name in ("role", "id_no", "uscc")} | {"each": {"path": "sides"}}
    mapped = map_parties([party], {"sides": [{"number": SOUND_ID}, {"number": "91440300MA5F0ABC1X"}]}, {"sides": []})
    assert said(mapped, "kind", "id_no", "uscc") == [("person", SOUND_ID, None), ("organisation", None, "91440300MA5F0ABC1X")]


def test_columns_that_are_read_alike_are_each_refused_as_what_they_are() -> None:
    parties = [
        {"role": role, "name": {"from": f"{role}_name", "as": "person_name"}, "phone": {"from": f"{role}_phone", "as": "phone"}}
        for role in ("petitioner", "respondent", "reporter")
    ]
    rows = [
        {f"{role}_{field}": value for role in ("petitioner", "respondent", "reporter") for field, value in values.items()}
        for values in ({"name": "张三", "phone": "13800000001"}, {"name": "李四", "phone": "13800000002"}, {"name": "王五", "phone": None})
    ]
    rows[1]["respondent_phone"] = "打电话"
    rows[2]["reporter_phone"] = "9" * 101
    mapped = map_parties(parties, *rows)
    assert [(row["source_record_id"], row["rule"], row["column"]) for row in mapped.refusals.to_pylist()] == [
        ("1", "transform:respondent.phone", "respondent_phone"),
        ("2", "transform:reporter.phone", "reporter_phone"),
    ]
    told = mapped.parties.select(["role", "name", "phone"]).to_pylist()
    assert told == [{"role": party["role"], "name": "张三", "phone": "13800000001"} for party in parties]


def test_a_sound_number_gives_birth_date_and_gender_where_the_source_does_not() -> None:
    parties = [
        {
            "role": "petitioner",
            "name": NAME,
            "id_no": {"from": "id", "as": "id_no"},
            "gender": {"from": "sex", "as": "gender"},
            "birth_date": {"from": "born", "as": "date"},
        }
    ]
    mapped = map_parties(
        parties,
        {"name": "甲", "id": SOUND_ID},
        {"name": "乙", "id": SOUND_ID, "sex": "女", "born": "1990-02-02"},
        {"name": "丙", "id": UNSOUND_ID},
        {"name": "丁", "id": "440306900101123"},
        {"name": "戊", "id": "E12345678"},
        {"name": "己"},
    )
    born = datetime.date(1990, 1, 1)
    assert said(mapped, "id_type", "gender", "birth_date") == [
        ("resident_id", "male", born),
        ("resident_id", "female", datetime.date(1990, 2, 2)),
        ("resident_id", None, None),
        ("resident_id", None, None),
        ("passport", None, None),
        (None, None, None),
    ]


def test_a_number_in_brackets_behind_a_name_is_the_persons() -> None:
    parties = [
        {
            "role": "petitioner",
            "kind": "person",
            "each": {"split": {"from": "others", "sep": "、"}},
            "name": {"from": "_", "as": "person_name"},
        }
    ]
    names = f"李霞（{SOUND_ID}）、王强(身份证号：440306900101123)、赵敏（业主）、陈刚（123456789012345）"
    mapped = map_parties(parties, {"others": names})
    assert said(mapped, "name", "id_no", "id_type", "gender") == [
        ("李霞", SOUND_ID, "resident_id", "male"),
        ("王强", "440306900101123", "resident_id", None),
        ("赵敏(业主)", None, None, None),
        ("陈刚(123456789012345)", None, None, None),
    ]


def test_a_number_behind_a_firms_name_makes_no_person_of_it() -> None:
    parties = [{"role": "respondent", "each": {"split": {"from": "others", "sep": "、"}}, "name": {"from": "_", "as": "party_name"}}]
    names = f"永兴五金厂({SOUND_ID})、阿强汽修店（440306600123456）、鑫特物业({SOUND_ID})、李霞({SOUND_ID})"
    assert said(map_parties(parties, {"others": names}), "name", "kind", "id_no") == [
        (f"永兴五金厂({SOUND_ID})", "organisation", None),
        ("阿强汽修店(440306600123456)", "organisation", None),
        (f"鑫特物业({SOUND_ID})", "organisation", None),
        ("李霞", "person", SOUND_ID),
    ]


def test_a_number_out_of_a_name_is_of_its_own_type() -> None:
    number = {"from": "id", "as": "id_no"}
    parties = [{"role": "petitioner", "kind": "person", "name": NAME, "id_no": number, "id_type": {"from": "type"}}]
    rows = {"name": f"李霞({SOUND_ID})", "type": "passport"}, {"name": "李霞", "id": "E12345678", "type": "passport"}
    assert said(map_parties(parties, *rows), "id_no", "id_type", "gender") == [
        (SOUND_ID, "resident_id", "male"),
        ("E12345678", "passport", None),
    ]


@pytest.mark.parametrize(
    ("number", "birth", "gender"),
    [
        pytest.param("440306********1234", None, "male", id="the birthday hidden"),
        pytest.param("4403**********122X", None, "female", id="more hidden"),
        pytest.param("44030619900101****", datetime.date(1990, 1, 1), None, id="what follows the birthday hidden"),
        pytest.param("44030619900101123*", datetime.date(1990, 1, 1), "male", id="the check character hidden"),
        pytest.param("440306XXXXXXXX1234", None, "male", id="hidden by X"),
        pytest.param("４４０３０６＊＊＊＊＊＊＊＊１２３４", None, "male", id="of full width"),
        pytest.param("44030619901301****", None, None, id="no such day"),
        pytest.param("440306****1234", None, None, id="of another length"),
        pytest.param("E1234****", None, None, id="another document"),
    ],
)
def test_a_masked_number_is_none_and_shows_what_it_shows(number: str, birth: datetime.date | None, gender: str | None) -> None:
    parties = [{"role": "petitioner", "kind": "person", "name": NAME, "id_no": {"from": "id", "as": "id_no"}}]
    mapped = map_parties(parties, {"name": "李霞", "id": number}, {"name": "王强", "id": SOUND_ID})
    assert said(mapped, "id_no", "birth_date", "gender") == [(None, birth, gender), (SOUND_ID, datetime.date(1990, 1, 1), "male")]
    assert mapped.refusals.num_rows == 0


def test_a_masked_number_says_nothing_of_a_firm_or_against_its_own_columns() -> None:
    both = {"name": {"from": "name", "as": "party_name"}, "id_no": {"from": "id", "as": "id_no"}, "uscc": {"from": "id", "as": "uscc"}}
    stated = {"kind": "person", "name": NAME, "id_no": {"from": "id", "as": "id_no"}, "gender": {"from": "sex", "as": "gender"}}
    mapped = map_parties(
        [{"role": "petitioner", **stated}, {"role": "respondent", **both}], {"name": "李霞", "id": "440306********1234", "sex": "女"}
    )
    assert said(mapped, "role", "gender") == [("petitioner", "female"), ("respondent", None)]


def test_a_number_of_its_own_column_stands_and_a_firm_keeps_its_name() -> None:
    parties = [
        {"role": "petitioner", "kind": "person", "name": NAME, "id_no": {"from": "id", "as": "id_no"}},
        {"role": "respondent", "kind": "organisation", "name": {"from": "firm", "as": "org_name"}},
    ]
    mapped = map_parties(parties, {"name": f"李霞({SOUND_ID})", "id": UNSOUND_ID, "firm": f"永兴五金厂({SOUND_ID})"})
    assert said(mapped, "name", "id_no") == [("李霞", UNSOUND_ID), (f"永兴五金厂({SOUND_ID})", None)]
