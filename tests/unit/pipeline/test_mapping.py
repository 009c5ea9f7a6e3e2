"""The contract's field map over payloads: records, parties, references and refusals."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from connectors.codes import CodeList
from connectors.contract import Contract
from hub.errors import ContractError
from pipeline.normalising import mapping
from pipeline.normalising.mapping import REFUSAL, Mapped, code_lists_of, map_records
from schema.records import PARTY, RECORD

CODES = {
    "kinds": CodeList(list="kinds", codes={"01": "wages", "2": "noise", "其他": None}),
    "loose": CodeList(list="loose", codes={}, default="other"),
}
SOUND_ID = "440306199001011236"


def make_contract(**overrides: Any) -> Contract:
    """A contract of a department `works`; overrides replace its parts."""
    parts = {
        "department": "works",
        "title": {"zh": "工务署", "en": "Works"},
        "owner": {"desk": "desk"},
        "version": 1,
        "legal_basis": "test",
        "connector": {"kind": "file", "connection": "works", "path": "works.jsonl", "format": "jsonl"},
        "feed": {"mode": "snapshot"},
        "key": ["id"],
        "record": {"text": {"from": "text"}},
        **overrides,
    }
    return Contract.model_validate(parts)


def map_rows(contract: Contract, *rows: dict[str, Any]) -> Mapped:
    """Rows as payloads, their places as ids."""
    frame = pl.DataFrame(
        {
            "source_record_id": [str(place) for place in range(len(rows))],
            "version": [1] * len(rows),
            "payload": [orjson.dumps(row).decode() for row in rows],
        },
        schema={"source_record_id": pl.String, "version": pl.Int32, "payload": pl.String},
    )
    return map_records(contract, frame, CODES)


def refusals(mapped: Mapped) -> list[tuple[str, str, str]]:
    return [(row["source_record_id"], row["rule"], row["column"]) for row in mapped.refusals.to_pylist()]


def test_shapes_are_those_of_the_records_module_even_of_nothing() -> None:
    for mapped in (map_rows(make_contract()), map_rows(make_contract(), {"text": "a"})):
        assert mapped.records.schema == RECORD
        assert mapped.parties.schema == PARTY
        assert mapped.refusals.schema == REFUSAL


def test_every_canonical_type_is_read() -> None:
    contract = make_contract(
        record={
            "case_number": {"from": "编号"},
            "title": {"const": "来访"},
            "category": {"from": "kind", "codes": "kinds"},
            "occurred_at": {"from": "at", "as": "datetime"},
            "due_at": {"from": "day", "as": "date"},
            "amount": {"from": "sum", "as": "money", "unit": "CNY_10k"},
            "people_involved": {"from": "people", "as": "integer"},
            "longitude": {"from": "lng", "as": "gcj02_longitude", "with": "lat"},
            "latitude": {"from": "lat", "as": "gcj02_latitude", "with": "lng"},
            "is_anonymous": {"from": "anon", "as": "boolean"},
            "address": {"from": ["street", "road"], "as": "address", "join": ""},
            "community": {"path": "place.community", "as": "community"},
            "text": {"path": "items[*].text | [0]"},
        }
    )
    row = {
        "编号": "（2026）粤 0311 民初 1号",
        "kind": "０1",
        "at": "2026-01-02 03:04:05",
        "day": "2026-01-02",
        "sum": 1.5,
        "people": 3,
        "lng": 113.93,
        "lat": 22.75,
        "anon": True,
        "street": "光明街道",
        "road": " 光明大道1号 ",
        "place": {"community": "东周社区"},
        "items": [{"text": "一"}, {"text": "二"}],
    }
    mapped = map_rows(contract, row)
    assert refusals(mapped) == []
    record = mapped.records.to_pylist()[0]
    assert record["case_number"] == "(2026)粤0311民初1号"
    assert record["title"] == "来访"
    assert record["category"] == "wages"
    assert record["occurred_at"] == datetime.datetime(2026, 1, 1, 19, 4, 5, tzinfo=datetime.UTC)
    assert record["due_at"] == datetime.datetime(2026, 1, 1, 16, tzinfo=datetime.UTC)
    assert record["amount"] == Decimal("15000.00")
    assert record["people_involved"] == 3
    assert record["longitude"] == pytest.approx(113.925, abs=0.003)
    assert record["latitude"] == pytest.approx(22.7525, abs=0.003)
    assert record["is_anonymous"] is True
    assert record["address"] == "光明街道光明大道1号"
    assert record["community"] == "440311001002"
    assert record["text"] == "一"
    assert record["visibility"] == "shared"
    assert record["references"] == []


@pytest.mark.parametrize(("field", "longest"), [("case_number", 500), ("street", 500), ("community", 500)])
def test_a_text_that_no_index_can_hold_is_refused(field: str, longest: int) -> None:
    contract = make_contract(record={"text": {"from": "text"}, field: {"from": "c"}})
    mapped = map_rows(contract, {"c": "字" * longest, "text": "字" * 10_000}, {"c": "字" * (longest + 1)}, {})
    assert mapped.records["source_record_id"].to_pylist() == ["0", "2"]
    assert refusals(mapped) == [("1", f"transform:{field}", "c")]
    assert mapped.refusals["reason"].to_pylist() == [f"超过 {longest} 个字符 · has more than {longest} characters"]


@pytest.mark.parametrize("field", ["id_no", "uscc", "phone"])
def test_a_number_that_no_index_can_hold_is_refused(field: str) -> None:
    contract = make_contract(parties=[{"role": "petitioner", field: {"from": "c", "as": "text"}}])
    mapped = map_rows(contract, {"c": "1" * 100}, {"c": "1" * 101})
    assert mapped.parties[field].to_pylist() == ["1" * 100]
    assert refusals(mapped) == [("1", f"transform:petitioner.{field}", "c")]


def test_digits_that_go_on_and_on_are_no_phone() -> None:
    contract = make_contract(parties=[{"role": "petitioner", "phone": {"from": "c", "as": "phone"}}])
    mapped = map_rows(contract, {"c": "7" * 3000}, {"c": "无号"})
    assert refusals(mapped) == [("0", "transform:petitioner.phone", "c"), ("1", "transform:petitioner.phone", "c")]
    assert set(mapped.refusals["reason"].to_pylist()) == {
        "无法按 phone 解读，或超过 100 个字符 · cannot be read as phone, or has more than 100 characters"
    }


def test_a_refused_row_is_in_neither_table_and_its_refusals_hold_no_value() -> None:
    contract = make_contract(
        record={"occurred_at": {"from": "at", "as": "datetime"}, "category": {"from": "kind", "codes": "kinds"}},
        parties=[{"role": "petitioner", "name": {"from": "who", "as": "person_name"}, "id_no": {"from": "sfzh", "as": "id_no"}}],
    )
    good = {"at": "2026-01-02", "kind": "2", "who": "张三", "sfzh": SOUND_ID}
    mapped = map_rows(contract, good, good | {"at": "SECRET1", "kind": "SECRET2", "sfzh": "SECRET3"}, good)
    assert mapped.records["source_record_id"].to_pylist() == ["0", "2"]
    assert mapped.parties["source_record_id"].to_pylist() == ["0", "2"]
    assert refusals(mapped) == [
        ("1", "transform:occurred_at", "at"),
        ("1", "code:category", "kind"),
        ("1", "transform:petitioner.id_no", "sfzh"),
    ]
    assert "SECRET" not in str(mapped.refusals.to_pylist())
    assert mapped.refusals["reason"].to_pylist() == [
        "无法按 datetime 解读 · cannot be read as datetime",
        "不在代码表 kinds 中 · is not in code list kinds",
        "无法按 id_no 解读 · cannot be read as id_no",
    ]


def test_values_of_every_json_type_are_read_as_people_write_them() -> None:
    contract = make_contract(record={"text": {"from": "a"}, "title": {"from": "b"}, "reply": {"from": "c"}, "address": {"from": "d"}})
    record = map_rows(contract, {"a": 24.0, "b": 1.5, "c": ["甲", 2], "d": {"k": True}}).records.to_pylist()[0]
    assert (record["text"], record["title"], record["reply"], record["address"]) == ("24", "1.5", "甲、2", '{"k":true}')


def test_a_missing_or_empty_value_is_null() -> None:
    contract = make_contract(
        record={"text": {"from": "text"}, "occurred_at": {"from": "at", "as": "datetime"}, "category": {"from": "k", "codes": "kinds"}}
    )
    mapped = map_rows(contract, {}, {"text": " ", "at": "", "k": "无"}, {"text": None, "at": None, "k": None})
    assert refusals(mapped) == []
    for field in ("text", "occurred_at", "category"):
        assert mapped.records[field].to_pylist() == [None, None, None]


def test_code_lists_know_nothing_default_and_their_own_spelling() -> None:
    contract = make_contract(record={"category": {"from": "k", "codes": "kinds"}, "channel": {"from": "c", "codes": "loose"}})
    mapped = map_rows(contract, {"k": "01", "c": "x"}, {"k": "其他", "c": None}, {"k": " ２ ", "c": ""}, {"k": "1"})
    assert mapped.records["category"].to_pylist() == ["wages", None, "noise"]
    assert mapped.records["channel"].to_pylist() == ["other", None, None]
    assert refusals(mapped) == [("3", "code:category", "k")]


def test_a_value_beyond_the_fields_type_is_refused() -> None:
    contract = make_contract(
        record={"people_involved": {"from": "n", "as": "integer"}, "is_anonymous": {"from": "anon"}, "amount": {"from": "sum"}}
    )
    mapped = map_rows(contract, {"n": 3_000_000_000}, {"anon": "maybe"}, {"sum": "much"}, {"n": 1, "anon": "是", "sum": "1,000元"})
    assert refusals(mapped) == [
        ("0", "transform:people_involved", "n"),
        ("1", "transform:is_anonymous", "anon"),
        ("2", "transform:amount", "sum"),
    ]
    assert mapped.records["amount"].to_pylist() == [Decimal("1000.00")]


@pytest.mark.parametrize(
    ("visibility", "row", "expected"),
    [
        ({"default": "shared", "sealed_when": {"field": "young", "in": [True]}}, {"young": True}, "sealed"),
        ({"default": "shared", "sealed_when": {"field": "young", "in": [True]}}, {"young": False}, "shared"),
        ({"default": "shared", "sealed_when": {"field": "young", "in": [1]}}, {"young": "1 "}, "sealed"),
        ({"default": "shared", "restricted_when": {"field": "level", "in": ["密"]}}, {"level": "密"}, "restricted"),
        ({"default": "restricted"}, {}, "restricted"),
        ({"default": "sealed", "restricted_when": {"field": "level", "in": ["密"]}}, {"level": "密"}, "sealed"),
        (
            {"default": "shared", "restricted_when": {"field": "a", "in": [1]}, "sealed_when": {"field": "b.c", "in": [1]}},
            {"a": 1, "b": {"c": 1}},
            "sealed",
        ),
    ],
)
def test_visibility_is_the_strictest_that_applies(visibility: dict[str, Any], row: dict[str, Any], expected: str) -> None:
    assert map_rows(make_contract(visibility=visibility), row).records["visibility"].to_pylist() == [expected]


def test_references_come_from_columns_lists_and_texts() -> None:
    contract = make_contract(
        references=[
            {"from": "xfbh", "to": "petition"},
            {"path": "related[].no", "to": "labour"},
            {"from": "text", "to": "court", "find": r"案号[:：]\s*(\S+?号)"},
            {"from": "text", "to": "police", "find": r"JQ\d+"},
        ]
    )
    text = "案号：（2026）粤0311民初1号，案号：（2026）粤0311民初1号，另见JQ7"
    mapped = map_rows(contract, {"xfbh": " XF 1", "related": [{"no": 5}, {"no": None}, {"no": "6"}], "text": text}, {"xfbh": "无"})
    assert mapped.records["references"].to_pylist() == [
        [
            {"department": "petition", "number": "XF 1"},
            {"department": "labour", "number": "5"},
            {"department": "labour", "number": "6"},
            {"department": "court", "number": "(2026)粤0311民初1号"},
            {"department": "police", "number": "JQ7"},
        ],
        [],
    ]


def test_a_row_that_a_path_cannot_be_applied_to_is_refused() -> None:
    contract = make_contract(
        record={"people_involved": {"path": "length(who)", "as": "integer"}},
        parties=[{"role": "petitioner", "each": {"path": "who"}, "name": {"path": "join('', names)", "as": "person_name"}}],
        references=[{"path": "sort(numbers)", "to": "court"}],
    )
    good = {"who": [{"names": ["张", "三"]}], "numbers": ["2", "1"]}
    mapped = map_rows(contract, good, good | {"who": None}, good | {"numbers": 5}, good | {"who": [{"names": "张三"}]})
    assert mapped.records["source_record_id"].to_pylist() == ["0"]
    assert [party["name"] for party in mapped.parties.to_pylist()] == ["张三"]
    assert refusals(mapped) == [("1", "path", "length(who)"), ("2", "path", "sort(numbers)"), ("3", "path", "join('', names)")]


def test_rows_are_mapped_alike_in_one_chunk_and_in_many(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = make_contract(parties=[{"role": "petitioner", "name": {"from": "who", "as": "person_name"}}])
    rows = [{"text": f"第{place}件", "who": f"张{place % 3 or ''}"} for place in range(25)]
    whole = map_rows(contract, *rows)
    monkeypatch.setattr(mapping, "CHUNK_ROWS", 4)
    assert map_rows(contract, *rows) == whole


def test_a_missing_code_list_is_told(tmp_path: Path) -> None:
    contract = make_contract(record={"category": {"from": "k", "codes": "nowhere_to_be_found"}})
    with pytest.raises(ContractError, match="nowhere_to_be_found"):
        code_lists_of(contract, [tmp_path])
