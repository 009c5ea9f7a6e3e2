"""Contracts: what is taken, what is refused, and with which words."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.codes import CodeList, load_code_list
from connectors.connector import RestConnector
from connectors.contract_files import contract_folders, load_contract, load_contracts, read_contract, read_contracts
from connectors.feed import CursorFeed, sweep_cron
from hub.errors import ContractError
from tests.unit.connectors.builders import SQL, contract_dict, file_contract, make_contract, write_contract

#: A party whose one column holds a person's number or an organisation's code.
EITHER: dict[str, Any] = {"role": "agent", "id_no": {"from": "a", "as": "id_no"}, "uscc": {"from": "a", "as": "uscc"}}
DESIGN = """
department: labour
title: {zh: 人力资源局, en: Human resources bureau}
owner: {desk: "data desk, labour bureau", contact: "…"}
version: 3
legal_basis: "…"
visibility: {default: shared, sealed_when: {field: is_juvenile, in: [true]}}
connector: {kind: sql, connection: labour, relation: v_case, page_size: 5000}
feed: {mode: cursor, field: gxsj, lag: PT10M, reconcile: P1D}
key: [ajbh]
timezone: Asia/Shanghai
schedule: "*/10 * * * *"
freshness: PT30M
volume: {min: 1, max: 20000, per: P1D}
drift: {new_column: land_and_alert, missing_column: quarantine, retyped_column: quarantine}
record:
  occurred_at: {from: fssj, as: datetime}
  category:    {from: lbdm, codes: labour_category}
  amount:      {from: sjje, as: money, unit: CNY}
  address:     {from: [jd, sq, dz], as: address, join: ""}
parties:
  - {role: petitioner, each: {path: "workers[]"}, name: {from: xm, as: person_name}, id_no: {from: sfzh, as: id_no}}
  - {role: respondent, name: {from: dwmc, as: org_name}, uscc: {from: tyshxydm, as: uscc}}
  - {role: agent, each: {split: {from: dlr, sep: ";"}}, name: {from: _, as: person_name}}
references: [{from: xfbh, to: petition}]
ignore: [czrbh]
volatile: [dqsj]
expectations:
  - {type: expect_column_values_to_not_be_null, column: ajbh, on_failure: quarantine}
  - {type: expect_id_number_checksum, column: sfzh, on_failure: warn}
"""


@pytest.fixture
def design(tmp_path: Path) -> Path:
    path = tmp_path / "labour.yml"
    path.write_text(DESIGN, encoding="utf-8")
    return path


def test_the_example_of_the_design_is_read_whole(design: Path) -> None:
    contract = load_contract(design)
    assert contract.freshness == timedelta(minutes=30)
    assert isinstance(contract.feed, CursorFeed)
    assert (contract.feed.lag, contract.feed.reconcile) == (timedelta(minutes=10), timedelta(days=1))
    assert contract.record["address"].from_ == ("jd", "sq", "dz")
    assert [party.kind_given for party in contract.parties] == ["person", "organisation", "person"]
    assert contract.expectations[1].kwargs == {"column": "sfzh"}


def test_a_contract_never_changes(design: Path) -> None:
    with pytest.raises(ValidationError):
        load_contract(design).version = 4  # type: ignore[misc]


def test_columns_known_and_columns_required(design: Path) -> None:
    contract = load_contract(design)
    taken = {"ajbh", "gxsj", "fssj", "lbdm", "sjje", "jd", "sq", "dz", "workers", "dwmc", "tyshxydm", "dlr", "xfbh", "is_juvenile"}
    assert contract.required_columns() == taken
    assert contract.source_columns() == taken | {"czrbh", "dqsj", "sfzh"}
    assert contract.code_lists() == {"labour_category"}


@pytest.mark.parametrize(
    ("path", "head"),
    [
        pytest.param("detail.address.full", {"detail"}, id="dotted"),
        pytest.param('"当事人"[]."姓名"', {"当事人"}, id="quoted, projected"),
        pytest.param("[a, b.c]", {"a", "b"}, id="list of several"),
        pytest.param("a || b", {"a", "b"}, id="either"),
        pytest.param("length(workers)", {"workers"}, id="function"),
        pytest.param("workers[?sex=='1'].name | [0]", {"workers"}, id="filter and pipe"),
    ],
)
def test_the_columns_that_a_path_begins_with(path: str, head: set[str]) -> None:
    assert make_contract(record={"title": {"path": path}}).mapped_columns() == head


def test_a_column_with_a_dot_in_its_name_is_there_under_it() -> None:
    contract = make_contract(key=["No."], feed={"mode": "cursor", "field": "Upd. at"})
    assert contract.missing_columns({"No.", "Upd. at", "ajmc"}) == []
    assert contract.missing_columns({"Upd. at", "ajmc"}) == ["No"]
    assert {"No.", "Upd. at"} <= contract.source_columns()


def test_a_dotted_name_of_an_object_is_there_with_the_object() -> None:
    rest = {"kind": "rest", "connection": "source", "path": "/cases"}
    contract = make_contract(connector=rest, key=["incident.no"], feed={"mode": "snapshot"})
    assert contract.missing_columns({"incident", "ajmc"}) == []
    assert contract.missing_columns({"ajmc"}) == ["incident"]
    assert "incident.no" not in contract.source_columns()


def test_content_version_follows_the_meaning_and_not_the_writing(design: Path, tmp_path: Path) -> None:
    before = load_contract(design).content_version
    design.write_text("# a comment\n" + DESIGN.replace('version: 3\nlegal_basis: "…"', "legal_basis: '…'\nversion: 3"), encoding="utf-8")
    assert load_contract(design).content_version == before
    design.write_text(DESIGN.replace("PT10M", "PT20M"), encoding="utf-8")
    assert load_contract(design).content_version != before


@pytest.mark.parametrize(
    ("old", "new", "line", "where", "words"),
    [
        pytest.param("page_size", "page_sise", 8, "connector.page_sise", "did you mean 'page_size'?", id="unknown key in a union"),
        pytest.param("timezone:", "timezome:", 11, "timezome", "did you mean 'timezone'?", id="unknown key at the top"),
        pytest.param("version: 3", 'version: "3"', 5, "version", "valid integer", id="wrong type"),
        pytest.param("as: money", "as: mony", 19, "record.amount.as", "did you mean 'money'?", id="unknown transform"),
        pytest.param("amount: ", "amont: ", 19, "record.amont", "did you mean 'amount'?", id="unknown field"),
        pytest.param("role: respondent", "role: respondant", 23, "parties[1].role", "did you mean 'respondent'?", id="unknown role"),
        pytest.param("mode: cursor", "mode: curser", 9, "feed.mode", "did you mean 'cursor'?", id="unknown mode"),
        pytest.param("kind: sql", "kind: sqll", 8, "connector.kind", "did you mean 'sql'?", id="unknown kind"),
        pytest.param("kind: sql, ", "", 8, "connector.kind", "is missing", id="no kind"),
        pytest.param("lag: PT10M", "lag: 10m", 9, "feed.lag", "PT10M for ten minutes", id="no duration"),
        pytest.param("reconcile: P1D", "reconcile: PT30M", 9, "feed.reconcile", "write PT1H or longer", id="sweeps of half an hour"),
        pytest.param("reconcile: P1D", "reconcile: PT0S", 9, "feed.reconcile", "write PT1H or longer", id="sweeps without end"),
        pytest.param("lag: PT10M", "lag: 600", 9, "feed.lag", "not an ISO-8601 duration", id="a number for a duration"),
        pytest.param('legal_basis: "…"\n', "", 1, "legal_basis", "is missing", id="missing key"),
        pytest.param("on_failure: warn", "on_failure: wran", 30, "expectations[1].on_failure", "did you mean 'warn'?", id="on_failure"),
        pytest.param(
            "expect_id_number_checksum", "expect_id_checksum", 30, "expectations[1].type", "no expectation", id="unknown expectation"
        ),
        pytest.param(
            "expect_id_number_checksum, column: sfzh",
            "expect_column_values_to_match_like_pattern, column: sfzh, like_pattern: 44%",
            30,
            "expectations[1].type",
            "no expectation",
            id="of SQL engines alone",
        ),
        pytest.param("column: ajbh", "colum: ajbh", 29, "expectations[0].colum", "takes no colum", id="unknown argument"),
        pytest.param('"*/10 * * * *"', '"*/10 * * *"', 12, "schedule", "five parts, this has 4", id="cron"),
        pytest.param("Asia/Shanghai", "Asia/Shenzhen", 11, "timezone", "no time zone", id="time zone"),
        pytest.param("ignore: [czrbh]", "ignore: [fssj]", 26, "ignore", "fssj is mapped as well", id="ignored and mapped"),
        pytest.param("key: [ajbh]", "key: [ajbh, ajbh]", 10, "key", "names ajbh twice", id="key twice"),
        pytest.param("ignore: [czrbh]\n", "ignore: [czrbh]\nignore: [x]\n", 27, "ignore", "stands twice", id="key of YAML twice"),
    ],
)
def test_a_mistake_is_told_with_line_place_and_remedy(design: Path, old: str, new: str, line: int, where: str, words: str) -> None:
    assert old in DESIGN
    design.write_text(DESIGN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(design)
    error = caught.value
    assert error.detail["file"] == str(design)
    assert (error.detail["line"], error.detail["where"]) == (line, where)
    assert words in str(error)
    assert f"{design}:{line}" in error.message


def test_allowed_words_are_in_the_detail(design: Path) -> None:
    design.write_text(DESIGN.replace("mode: cursor", "mode: curser"), encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(design)
    assert caught.value.detail["allowed"] == ["cursor", "snapshot", "events"]


def test_all_mistakes_are_told_at_once(design: Path) -> None:
    design.write_text(
        DESIGN.replace("as: money", "as: mony").replace("PT30M", "soon").replace("role: agent", "role: agnt"), encoding="utf-8"
    )
    _, problems = read_contract(design)
    assert [problem.line for problem in problems] == [13, 19, 24]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("department: [", id="no YAML"),
        pytest.param("just words", id="no mapping"),
        pytest.param("", id="empty"),
        pytest.param("&a [*a]", id="a list that holds itself"),
    ],
)
def test_what_is_no_contract_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ContractError):
        load_contract(tmp_path / "x.yml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_bytes("department: 劳动".encode("gb18030"))
    with pytest.raises(ContractError, match="not UTF-8") as caught:
        load_contract(tmp_path / "x.yml")
    assert "save it as UTF-8" in caught.value.remedy


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"record": {"title": {"from": "a", "path": "b"}}}, id="from and path"),
        pytest.param({"record": {"title": {"as": "text"}}}, id="no source"),
        pytest.param({"record": {"amount": {"from": "a", "as": "money", "codes": "x_list"}}}, id="as and codes"),
        pytest.param({"record": {"category": {"const": "noise", "as": "text"}}}, id="constant with transform"),
        pytest.param({"record": {"title": {"from": "a", "formats": ["%Y"]}}}, id="formats of a text"),
        pytest.param({"record": {"title": {"from": "a", "unit": "CNY"}}}, id="unit of a text"),
        pytest.param({"record": {"title": {"from": "a", "join": ""}}}, id="join of one"),
        pytest.param({"record": {"longitude": {"from": "x", "as": "gcj02_longitude"}}}, id="GCJ-02 without the other"),
        pytest.param({"record": {"version": {"from": "x"}}}, id="a field the hub fills"),
        pytest.param({"record": {}}, id="no field"),
        pytest.param({"connector": {**SQL, "query": "select 1"}}, id="relation and query"),
        pytest.param({"connector": {"kind": "sql", "connection": "source"}}, id="neither relation nor query"),
        pytest.param({"connector": {"kind": "sql", "connection": "source", "query": "delete from t"}}, id="query that deletes"),
        pytest.param({"connector": {"kind": "sql", "connection": "source", "query": "select 1; drop table t"}}, id="two statements"),
        pytest.param({"connector": {**SQL, "page_size": 50_001}}, id="page too large"),
        pytest.param({"connector": {"kind": "rest", "connection": "source", "path": "http://x/y"}}, id="host in a path"),
        pytest.param(
            {"connector": {"kind": "rest", "connection": "source", "path": "/y", "headers": {"authorization": "x"}}}, id="credentials"
        ),
        pytest.param(
            {"connector": {"kind": "rest", "connection": "source", "path": "/y", "pages": {"style": "cursor"}}}, id="cursor without next"
        ),
        pytest.param(
            {"connector": {"kind": "rest", "connection": "source", "path": "/y", "pages": {"style": "offset"}}}, id="offset without size"
        ),
        pytest.param({"connector": {"kind": "file", "connection": "source", "path": "../x.csv", "format": "csv"}}, id="out of the root"),
        pytest.param({"connector": {"kind": "file", "connection": "source", "path": "/etc/x.csv", "format": "csv"}}, id="absolute"),
        pytest.param(
            {"connector": {"kind": "file", "connection": "source", "path": "x", "format": "csv", "encoding": "gbk2"}}, id="encoding"
        ),
        pytest.param(
            {"connector": {"kind": "file", "connection": "source", "path": "x", "format": "jsonl", "encoding": "utf-16"}}, id="wide lines"
        ),
        pytest.param(
            {
                "connector": {
                    "kind": "file",
                    "connection": "source",
                    "path": "x",
                    "format": "xml",
                    "xml": {"record": "//a"},
                    "encoding": "gbk",
                }
            },
            id="encoding of a format that says its own",
        ),
        pytest.param({"connector": {"kind": "file", "connection": "source", "path": "x", "format": "xml"}}, id="xml without record"),
        pytest.param(
            {"connector": {"kind": "file", "connection": "source", "path": "x", "format": "csv", "xlsx": {}}}, id="options of another"
        ),
        pytest.param(
            {"connector": {"kind": "soap", "connection": "source", "path": "/x", "body": "<q/>", "items": "//a"}}, id="body without page"
        ),
        pytest.param(
            {"connector": {"kind": "inbox", "connection": "source", "event_id": {"path": "id"}}}, id="inbox that is no events feed"
        ),
        pytest.param({"feed": {"mode": "events"}}, id="events that are no inbox"),
        pytest.param({"feed": {"mode": "cursor", "field": "n", "cursor_type": "integer", "lag": "PT1M"}}, id="lag of an integer"),
        pytest.param({"feed": {"mode": "snapshot", "deleted": {"in": ["1"]}}}, id="deleted without field"),
        pytest.param({"volume": {"min": 5, "max": 2}}, id="min above max"),
        pytest.param({"parties": [{"role": "agent", "address": {"from": "a"}}]}, id="party without a name"),
        pytest.param({"parties": [{"role": "agent", "each": {}, "name": {"from": "a"}}]}, id="each of nothing"),
        pytest.param({"parties": [{**EITHER, "kind": "person"}]}, id="one column for both numbers of a person"),
        pytest.param({"parties": [{**EITHER, "uscc": {"from": "a"}}]}, id="one column for both numbers as text"),
        pytest.param({"references": [{"from": "a", "to": "court", "find": "("}]}, id="no regular expression"),
        pytest.param(
            {"expectations": [{"type": "expect_column_sum_to_be_between", "column": "a", "on_failure": "quarantine"}]},
            id="quarantine a batch",
        ),
        pytest.param(
            {"expectations": [{"type": "expect_column_values_to_be_null", "column": "a", "row_condition": "b > 1", "on_failure": "warn"}]},
            id="an expression to evaluate",
        ),
        pytest.param({"expectations": [{"type": "expect_column_values_to_be_null", "on_failure": "warn"}]}, id="no column"),
    ],
)
def test_what_makes_no_sense_is_refused(overrides: dict[str, Any]) -> None:
    make_contract()
    with pytest.raises(ValidationError):
        make_contract(**overrides)


def test_one_column_for_both_numbers_makes_the_kind_auto() -> None:
    apart = {**EITHER, "uscc": {"from": "b", "as": "uscc"}}
    parties = make_contract(parties=[EITHER, {**EITHER, "kind": "auto"}, apart]).parties
    assert [(party.shares_number, party.kind_given) for party in parties] == [(True, "auto"), (True, "auto"), (False, "person")]


@pytest.mark.parametrize("line", ["*/10 * * * *", "0 6 * * mon-fri", "@hourly", "5,35 8-18/2 1 jan,jul 7"])
def test_cron_lines_that_are_taken(line: str) -> None:
    assert make_contract(schedule=line).schedule == line


@pytest.mark.parametrize("line", ["60 * * * *", "* 24 * * *", "* * 0 * *", "*/0 * * * *", "@often", "8-5 * * * *", "x * * * *"])
def test_cron_lines_that_are_refused(line: str) -> None:
    with pytest.raises(ValidationError):
        make_contract(schedule=line)


def test_an_sql_cursor_is_ordered_and_others_only_if_they_say_so() -> None:
    assert make_contract().feed.ordered
    rest = {"kind": "rest", "connection": "source", "path": "/x"}
    assert not make_contract(connector=rest).feed.ordered
    assert make_contract(connector=rest, feed={"mode": "cursor", "field": "t", "ordered": True}).feed.ordered


def test_rest_defaults() -> None:
    contract = make_contract(connector={"kind": "rest", "connection": "source", "path": "/x"})
    assert isinstance(contract.connector, RestConnector)
    assert (contract.connector.items, contract.connector.pages.style, contract.connector.timeout_s) == ("@", "none", 30)


def test_folders_are_read_in_order_and_none_redefines_another(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    write_contract(first)
    write_contract(second, "court", department="court")
    assert list(load_contracts([first, second])) == ["labour", "court"]
    write_contract(second, "again")
    with pytest.raises(ContractError, match="already in"):
        load_contracts([first, second])


def test_one_broken_contract_does_not_hide_the_others(tmp_path: Path) -> None:
    write_contract(tmp_path)
    (tmp_path / "broken.yml").write_text("department: x", encoding="utf-8")
    contracts, problems = read_contracts([tmp_path])
    assert list(contracts) == ["labour"]
    assert {problem.file.name for problem in problems} == {"broken.yml"}
    with pytest.raises(ContractError):
        load_contracts([tmp_path])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no such folder"):
        load_contracts([tmp_path / "nowhere"])


def test_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CASEHUB_CONTRACTS", f"{tmp_path}:{tmp_path / 'b'}")
    assert contract_folders()[1:] == [tmp_path, tmp_path / "b"]
    assert len(contract_folders([])) == 1


def test_code_lists_are_found_beside_contracts_and_keep_their_keys_as_written(tmp_path: Path) -> None:
    write_contract(tmp_path)
    text = "list: kinds\ntitle: x\ncodes: {01: noise, 1: traffic, no: other, 是: ~}\ndefault: other\n"
    (tmp_path / "kinds.yml").write_text(text, encoding="utf-8")
    assert list(load_contracts([tmp_path])) == ["labour"]
    codes = load_code_list("kinds", [tmp_path])
    assert isinstance(codes, CodeList)
    assert codes.codes == {"01": "noise", "1": "traffic", "no": "other", "是": None}
    assert codes.default == "other"


def test_a_code_list_in_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "kinds.yml").write_text("list: kinds\ncodes: {a: noise}\n", encoding="utf-8")
    assert load_code_list("kinds", [tmp_path]).codes == {"a": "noise"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("list: other\ncodes: {a: b}\n", "not the file's name", id="another name"),
        pytest.param("list: kinds\ncodes: {a: b, a: c}\n", "stands twice", id="a value twice"),
        pytest.param("list: kinds\ncodez: {a: b}\n", "did you mean 'codes'?", id="unknown key"),
    ],
)
def test_a_code_list_with_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "kinds.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match="kinds.yml") as caught:
        load_code_list("kinds", [tmp_path])
    assert words in str(caught.value)


def test_a_code_list_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "kinds.yml").write_text("list: kinds\ncodes: {a: b}\n", encoding="utf-8")
    with pytest.raises(ContractError, match="no code list 'kindz'") as caught:
        load_code_list("kindz", [tmp_path])
    assert "did you mean 'kinds'?" in str(caught.value)


def test_sixteen_contracts_load_in_time_for_a_dag_parse(tmp_path: Path) -> None:
    for number in range(16):
        (tmp_path / f"d{number}.yml").write_text(DESIGN.replace("department: labour", f"department: dept{number}"), encoding="utf-8")
    load_contracts([tmp_path])
    started = time.process_time()
    assert len(load_contracts([tmp_path])) == 16
    assert time.process_time() - started < 0.15


def test_reading_contracts_loads_nothing_heavy() -> None:
    heavy = ("pyarrow", "polars", "pandas", "sqlalchemy", "httpx", "lxml", "fsspec", "orjson", "jmespath")
    code = f"import sys, connectors.contract_files, hub.lists; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_inbox_is_read_without_a_client_of_http() -> None:
    code = "import sys, connectors.transports.inbox; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_contract_dict_is_what_the_other_tests_vary() -> None:
    assert make_contract(**contract_dict()).department == "labour"


FIXED_WIDTH = {"columns": [{"name": "id", "width": 4}]}


@pytest.mark.parametrize(
    ("fmt", "options", "trailer", "words"),
    [
        pytest.param("csv", {}, True, "true takes the number from fixed_width.trailer", id="true for a CSV"),
        pytest.param("fixed_width", {"fixed_width": FIXED_WIDTH}, True, "true takes the number", id="true without a trailer"),
        pytest.param(
            "fixed_width", {"fixed_width": {**FIXED_WIDTH, "trailer": "^END"}}, True, "has no group", id="a trailer without a number"
        ),
        pytest.param("xlsx", {}, "^END", "is for files of lines", id="a workbook"),
        pytest.param("csv", {}, "((", "is not a regular expression", id="no regular expression"),
    ],
)
def test_a_trailer_that_nothing_would_look_for_is_refused(fmt: str, options: dict[str, Any], trailer: object, words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        file_contract(fmt=fmt, feed={"mode": "snapshot", "complete": {"trailer_count": trailer}}, **options)


def test_a_trailer_is_taken_where_it_is_looked_for() -> None:
    feed = {"mode": "snapshot", "complete": {"trailer_count": True}}
    file_contract(fmt="fixed_width", feed=feed, fixed_width={**FIXED_WIDTH, "trailer": r"^END(\d+)"})
    file_contract(feed={"mode": "snapshot", "complete": {"trailer_count": r"^END(\d+)"}})


@pytest.mark.parametrize(
    ("every", "cron"),
    [
        pytest.param(timedelta(hours=1), "45 */1 * * *", id="hourly"),
        pytest.param(timedelta(hours=7, minutes=30), "45 */7 * * *", id="hours apart, at least as often"),
        pytest.param(timedelta(days=1), "45 2 * * *", id="daily"),
        pytest.param(timedelta(days=6), "45 2 * * *", id="less than a week"),
        pytest.param(timedelta(weeks=2), "45 2 * * 0", id="weekly"),
    ],
)
def test_a_sweep_comes_at_least_as_often_as_asked(every: timedelta, cron: str) -> None:
    assert sweep_cron("labour", every) == cron
