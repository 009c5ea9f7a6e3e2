"""Rows → pages: keys, faults, deletions, order, repeats, completeness."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from connectors.contract import Contract
from connectors.pages import Page, Paginator, Stamp, in_pages
from connectors.paths import open_nested
from connectors.rows import DEPTH_FAULT, KEY_FAULT, NUL_FAULT, NUMBER_FAULT, SURROGATE_FAULT, Row, Unreadable
from connectors.transports.answers import loads
from hub.errors import SourceFormatError, SourceLimitError
from schema.records import RAW_PAGE
from tests.unit.connectors.builders import make_contract, rows_of

REST = {"kind": "rest", "connection": "source", "path": "/x"}


def page(contract: Contract, rows: list[Row], **arguments: Any) -> Page:
    return Paginator(contract).page(rows, **arguments)


def row(key: str | None = "1", **values: Any) -> dict[str, Any]:
    return {"ajbh": key, "gxsj": "2026-01-02 08:00:00", **values}


def test_a_page_is_what_land_expects() -> None:
    made = page(make_contract(), [row(n=1.5), row("2")])
    assert made.rows.schema == RAW_PAGE
    first = rows_of([made])[0]
    assert first["payload"] == {"ajbh": "1", "gxsj": "2026-01-02 08:00:00", "n": 1.5}
    assert (first["source_record_id"], first["operation"], first["raw"], first["fault"]) == ("1", "upsert", None, None)
    assert (made.cursor, made.complete, made.columns) == ("2026-01-02T00:00:00.000000Z", False, ("ajbh", "gxsj", "n"))


def test_payload_text_does_not_depend_on_the_order_of_columns() -> None:
    one = page(make_contract(), [{"ajbh": "1", "b": 2, "a": {"y": 1, "x": 2}}, row()])
    other = page(make_contract(), [{"a": {"x": 2, "y": 1}, "b": 2, "ajbh": "1"}, row()])
    assert one.rows.column("payload") == other.rows.column("payload")


def test_ordinals_run_through_all_pages() -> None:
    paginator = Paginator(make_contract())
    pages = [paginator.page([row("1"), row("2")]), paginator.page([row("3")], complete=True)]
    assert [each["ordinal"] for each in rows_of(pages)] == [0, 1, 2]


def test_a_key_of_parts_is_joined_and_whole_or_not_there() -> None:
    contract = make_contract(key=["case.id", "part"])
    made = page(contract, [{"case": {"id": 7}, "part": "a"}, {"case": {"id": 7}, "part": ""}, {"case": 5, "part": "a"}])
    assert made.rows.column("source_record_id").to_pylist() == ["7|a", None, None]


def test_keys_of_parts_that_hold_the_mark_between_them_are_two() -> None:
    contract = make_contract(key=["ajbh", "n"])
    rows: list[Row] = [row("a|b", n="c"), row("a", n="b|c"), row("a\\", n="b"), row("a", n="\\b"), row("a\\|b", n="c")]
    keys = page(contract, rows).rows.column("source_record_id").to_pylist()
    assert keys == ["a\\|b|c", "a|b\\|c", "a\\\\|b", "a|\\\\b", "a\\\\\\|b|c"]
    alone = page(make_contract(key=["case.id"]), [{"case": {"id": "a|b"}}])
    assert alone.rows.column("source_record_id").to_pylist() == ["a|b"]


def test_a_row_without_a_key_is_kept() -> None:
    made = rows_of([page(make_contract(), [row("1"), row(None), row(" ")])])
    assert [each["source_record_id"] for each in made] == ["1", None, None]
    assert all(each["payload"] is not None for each in made)


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        pytest.param(["ajbh"], [row("字" * 500), row("字" * 501)], id="one column"),
        pytest.param(["ajbh", "n"], [row("字" * 400, n="字" * 99), row("字" * 400, n="字" * 100)], id="joined"),
    ],
)
def test_a_key_that_no_index_can_hold_is_none_and_its_row_is_kept_whole(key: list[str], rows: list[Row]) -> None:
    one, other = rows_of([page(make_contract(key=key), rows)])
    assert (len(one["source_record_id"]), one["fault"]) == (500, None)
    assert (other["source_record_id"], other["payload"], other["fault"]) == (None, None, KEY_FAULT)
    assert orjson.loads(other["raw"]) == rows[1]


def test_rows_whose_keys_are_all_too_long_are_no_reason_to_refuse_the_page() -> None:
    made = rows_of([page(make_contract(), [row("字" * 501), row("字" * 502), Unreadable(b"x", "why", row("字" * 503))])])
    assert [(each["source_record_id"], each["fault"]) for each in made] == [(None, KEY_FAULT), (None, KEY_FAULT), (None, "why")]


def test_a_source_that_drops_its_key_is_told() -> None:
    with pytest.raises(SourceFormatError, match="'ajbh'") as caught:
        page(make_contract(), [{"id": "1"}, {"id": "2"}])
    assert "none of its 1 columns is known to the contract" in str(caught.value)


def test_a_source_that_drops_its_key_is_told_by_the_columns_that_the_contract_knows() -> None:
    with pytest.raises(SourceFormatError, match="columns are ajmc, gxsj, and 2 that the contract does not know") as caught:
        page(make_contract(), [{"ajmc": "1", "440311198001011010": 1}, {"gxsj": "2", "张伟": 1}])
    assert not any(word in f"{caught.value} {caught.value.detail}" for word in ("440311198001011010", "张伟"))


def test_a_column_that_is_named_by_a_number_is_told_without_it() -> None:
    made = page(make_contract(), [row(**{"440311198001011010": 1, "tel 139-1234-5678": 1, "nian_2026": 1, "a\n1,张伟": 1, "字" * 61: 1})])
    assert made.columns == ("ajbh", "gxsj", "＊" * 18, f"tel {'＊' * 13}", "nian_2026", "(6 characters)", "(61 characters)")


def test_keys_that_go_missing_later_on_are_rows_without_keys() -> None:
    paginator = Paginator(make_contract())
    paginator.page([row("1"), row("2")])
    assert paginator.page([{"id": "1"}, {"id": "2"}]).rows.num_rows == 2


def test_text_with_nul_is_kept_as_bytes_under_its_key() -> None:
    bad, good, backslash = rows_of([page(make_contract(), [row("1", nr="a\x00b"), row("2"), row("3", nr="a\\u0000b")])])
    assert (bad["payload"], bad["fault"], bad["source_record_id"]) == (None, NUL_FAULT, "1")
    assert orjson.loads(bad["raw"])["nr"] == "a\x00b"
    assert good["payload"] is not None
    assert backslash["payload"]["nr"] == "a\\u0000b"


def test_half_a_character_is_kept_as_bytes() -> None:
    bad, keyless = rows_of([page(make_contract(), [row("1", nr="\ud83d"), row("\udcff")])])
    assert (bad["fault"], bad["source_record_id"]) == (SURROGATE_FAULT, "1")
    assert keyless["source_record_id"] is None
    assert b"\\ud83d" in bad["raw"]


@pytest.mark.parametrize("document", ["N", "-N", '{"a":N}', '{"a": -N}', "[1,N]", "[\nN\t]", '{"a": "JN", "b": "N"}'])
def test_long_numbers_are_read_exactly_wherever_they_stand(document: str) -> None:
    text = document.replace("N", "12345678901234567890123456")
    assert loads(text.encode()) == json.loads(text)


def test_integers_beyond_64_bits_stay_exact() -> None:
    text = page(make_contract(), [row("1", n=123456789012345678901234567890), row("2")]).rows.column("payload")[0].as_py()
    assert '"n":123456789012345678901234567890' in text


def test_a_row_that_no_json_holds_does_not_spoil_the_page() -> None:
    deep: dict[str, Any] = {}
    for _ in range(3000):
        deep = {"a": deep}
    rows = rows_of([page(make_contract(), [row("1", nr=deep), row("2", n=float("nan"), m=10**30), row("3")])])
    assert [each["fault"] for each in rows] == [DEPTH_FAULT, NUMBER_FAULT, None]
    assert [each["source_record_id"] for each in rows] == ["1", "2", "3"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    "place", [lambda n: n, lambda n: [1.0, n], lambda n: {"a": [{"b": n}]}, lambda n: (n,)], ids=["itself", "list", "deep", "tuple"]
)
def test_what_is_no_number_is_refused_beside_rows_that_are_none_and_in_a_page_of_its_own(number: float, place: Any) -> None:
    rows = rows_of([page(make_contract(), [row("1", n=None, m=0.5), row("2", n=place(number))])])
    assert [each["fault"] for each in rows] == [None, NUMBER_FAULT]
    (alone,) = rows_of([page(make_contract(), [row("2", n=place(number))])])
    assert (alone["fault"], alone["payload"], alone["source_record_id"]) == (NUMBER_FAULT, None, "2")
    mixed = rows_of([page(make_contract(), [Unreadable(b"x", "why"), row("2", n=place(number))])])
    assert [each["fault"] for each in mixed] == ["why", NUMBER_FAULT]


def test_json_text_in_a_column_that_holds_no_number_is_refused() -> None:
    opened = open_nested(row("1", n='{"a": NaN}'), frozenset({"n"}))
    assert [each["fault"] for each in rows_of([page(make_contract(), [opened])])] == [NUMBER_FAULT]
    deep = "[" * 200_000
    assert open_nested(row("1", n=deep), frozenset({"n"})) == row("1", n=deep)


@pytest.mark.parametrize("text", ["1e400", "-1E+400", "[1.5e999]"])
def test_a_number_too_large_spoils_its_row_alone(text: str) -> None:
    found = loads(f'[{{"ajbh": "1", "n": {text}}}, {{"ajbh": "2", "n": 1e300}}]'.encode(), with_infinity=True)
    assert [each["fault"] for each in rows_of([page(make_contract(), found)])] == [NUMBER_FAULT, None]


def test_an_unreadable_row_keeps_its_bytes_and_what_key_could_be_read() -> None:
    first, second = rows_of([page(make_contract(), [Unreadable(b"\xff", "why", {"ajbh": "9"}), Unreadable(b"\xfe", "why not")])])
    assert (first["raw"], first["fault"], first["payload"], first["source_record_id"]) == (b"\xff", "why", None, "9")
    assert second["source_record_id"] is None


@pytest.mark.parametrize(
    ("deleted", "rows", "operations"),
    [
        pytest.param(
            {"field": "del", "in": ["1"]}, [{"del": 1}, {"del": "1"}, {"del": 0}, {}], ["delete", "delete", "upsert", "upsert"], id="field"
        ),
        pytest.param(
            {"path": "meta.gone"},
            [{"meta": {"gone": True}}, {"meta": {"gone": False}}, {"meta": None}],
            ["delete", "upsert", "upsert"],
            id="path",
        ),
        pytest.param({"field": "zt", "in": ["注销"]}, [{"zt": "注销"}, {"zt": "在"}], ["delete", "upsert"], id="Chinese"),
    ],
)
def test_flagged_rows_are_deletions(deleted: dict[str, Any], rows: list[dict[str, Any]], operations: list[str]) -> None:
    contract = make_contract(feed={"mode": "cursor", "field": "gxsj", "deleted": deleted})
    made = page(contract, [row(str(number), **values) for number, values in enumerate(rows)])
    assert made.rows.column("operation").to_pylist() == operations


def test_older_rows_are_left_out_and_what_cannot_be_dated_is_not() -> None:
    paginator = Paginator(make_contract(), since="2026-01-02T00:00:00.000000Z")
    old, same, undated = row("1", gxsj="2026-01-02 07:59:59"), row("2"), row("3", gxsj="无")
    made = paginator.page([old, same, undated, Unreadable(b"x", "why")])
    assert made.rows.column("source_record_id").to_pylist() == ["2", "3", None]
    assert made.rows.column("ordinal").to_pylist() == [0, 1, 2]


def test_the_cursor_never_goes_back() -> None:
    paginator = Paginator(make_contract())
    assert paginator.page([row("1")]).cursor == paginator.page([row("2", gxsj=None)]).cursor is not None


def test_a_page_that_comes_twice_is_told() -> None:
    paginator = Paginator(make_contract(connector=REST), watch_repeats=True)
    paginator.page([row("1", now=1), row("2")])
    with pytest.raises(SourceLimitError, match="for ever"):
        paginator.page([row("1", now=2), row("2")])


def test_the_same_keys_with_new_cursors_are_no_repeat() -> None:
    paginator = Paginator(make_contract(connector=REST), watch_repeats=True)
    paginator.page([row("1")])
    assert paginator.page([row("1", gxsj="2026-01-03 08:00:00")]).rows.num_rows == 1


def test_an_ordered_source_that_is_not_is_told_before_its_watermark_moves() -> None:
    contract = make_contract(connector=REST, feed={"mode": "cursor", "field": "gxsj", "ordered": True})
    with pytest.raises(SourceFormatError, match="order of gxsj"):
        page(contract, [row("1"), row("2", gxsj="2026-01-01 00:00:00")])
    assert page(make_contract(connector=REST), [row("1"), row("2", gxsj="2026-01-01 00:00:00")]).rows.num_rows == 2


def test_inbox_stamps_are_cursor_and_event() -> None:
    contract = make_contract(connector={"kind": "inbox", "connection": "source", "event_id": {"path": "id"}}, feed={"mode": "events"})
    made = Paginator(contract).page([row("1"), Unreadable(b"x", "why")], stamps=[Stamp(7, "e1"), Stamp(8, None)])
    assert made.rows.column("cursor").to_pylist() == ["7", "8"]
    assert made.rows.column("event_id").to_pylist() == ["e1", None]
    assert made.cursor is None


def test_column_names_that_postgres_cannot_hold_are_left_out() -> None:
    assert page(make_contract(), [row("1"), {"a\x00": 1, "ajbh": "2"}]).columns == ("ajbh", "gxsj")


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3])])
def test_in_pages(count: int, sizes: list[int]) -> None:
    made = list(in_pages(({"n": number} for number in range(count)), 3))
    assert [len(rows) for rows, _ in made] == sizes
    assert [is_last for _, is_last in made] == [False] * (len(sizes) - 1) + [True]
