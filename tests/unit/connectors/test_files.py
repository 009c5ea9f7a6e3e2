"""Files of a folder: each format, encoding and packing, and each way in which they come broken."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors.connector import XlsxOptions
from connectors.contract import Contract
from connectors.extract import Pull, reconcile
from connectors.rows import ENCODING_FAULT, NO_JSON_FAULT, NO_OBJECT_FAULT, NUL_FAULT, NUMBER_FAULT
from connectors.transports import workbook
from connectors.transports.lines import Found, TextLines
from hub.errors import ContractError, SettingsError, SnapshotError, SourceFormatError, SourceLimitError, SourceRefused, SourceUnavailable
from tests.unit.connectors.builders import file_contract, make_contract, payloads, pull, rows_of

CURSOR = {"mode": "cursor", "field": "t"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source's folder, under a name that a URL has to escape."""
    root = tmp_path / "来源 #1"
    root.mkdir()
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", root.as_uri())
    return root


def csv_contract(**options: Any) -> Contract:
    return file_contract(**options)


# --- CSV ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        pytest.param("utf-8", b"", id="UTF-8"),
        pytest.param("utf-8", b"\xef\xbb\xbf", id="UTF-8 with a mark"),
        pytest.param("utf-8-sig", b"\xef\xbb\xbf", id="utf-8-sig"),
        pytest.param("gb18030", b"", id="GB18030"),
        pytest.param("big5", b"", id="Big5"),
        pytest.param("utf-16", b"", id="UTF-16"),
    ],
)
def test_csv_in_any_encoding(folder: Path, encoding: str, mark: bytes) -> None:
    text = 'id|name|t\r\n1|王小明|\r\n2|中文 "x"|2026-01-01\r\n\r\n'
    (folder / "cases.csv").write_bytes(mark.removeprefix(mark if encoding == "utf-8-sig" else b"") + text.encode(encoding))
    pages = pull(csv_contract(encoding=encoding, csv={"delimiter": "|"}))
    assert payloads(pages) == [{"id": "1", "name": "王小明", "t": None}, {"id": "2", "name": '中文 "x"', "t": "2026-01-01"}]
    assert (pages[-1].columns, pages[-1].complete) == (("id", "name", "t"), True)


def test_csv_with_line_ends_within_quotes(folder: Path) -> None:
    (folder / "cases.csv").write_text('id,name\n1,"a\nb\n""c"""\n2,d\n', encoding="utf-8")
    assert payloads(pull(csv_contract())) == [{"id": "1", "name": 'a\nb\n"c"'}, {"id": "2", "name": "d"}]


def test_csv_without_header_and_with_lines_before_it(folder: Path) -> None:
    (folder / "cases.csv").write_text("title line\n1;a\n", encoding="utf-8")
    options = {"delimiter": ";", "header": False, "columns": ["id", "name"], "skip_rows": 1}
    assert payloads(pull(csv_contract(csv=options))) == [{"id": "1", "name": "a"}]


def test_csv_that_quotes_nothing(folder: Path) -> None:
    (folder / "cases.csv").write_text('id,name\n1,"half\n', encoding="utf-8")
    assert payloads(pull(csv_contract(csv={"quote": ""}))) == [{"id": "1", "name": '"half'}]


def test_csv_whose_lines_end_with_a_delimiter(folder: Path) -> None:
    (folder / "cases.csv").write_text("id|name|\n1|a|\n", encoding="utf-8")
    assert payloads(pull(csv_contract(csv={"delimiter": "|"}))) == [{"id": "1", "name": "a"}]


def test_csv_with_empty_columns_at_its_end(folder: Path) -> None:
    (folder / "cases.csv").write_text("id,name,,,\n1,a,,,\n2,b, ,\n3,c\n4,d,,x,\n", encoding="utf-8")
    rows = rows_of(pull(csv_contract()))
    assert [row["payload"] for row in rows[:3]] == [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}, {"id": "3", "name": "c"}]
    assert rows[3]["fault"] == "共 5 个字段，表头为 2 个 · 5 fields where the header has 2"


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", b""), ("utf-8-sig", b""), ("utf-8-sig", codecs.BOM_UTF8)])
def test_csv_lines_that_break_the_rules_are_kept_as_they_came(folder: Path, encoding: str, mark: bytes) -> None:
    lines = [b"id,name", b"1,a", b"2", b"3,a,b,c", b'4,"open', b"5,e", b"", b"6,\xe7\x8e\xff", b"7,x\x00y", b"8,h"]
    (folder / "cases.csv").write_bytes(mark + b"\n".join(lines) + b"\n")
    rows = rows_of(pull(csv_contract(encoding=encoding)))
    good = [row["payload"]["id"] for row in rows if row["payload"]]
    bad = {row["raw"]: (row["source_record_id"], row["fault"]) for row in rows if row["raw"]}
    assert good == ["1", "5", "8"]
    assert bad == {
        b"2": ("2", "共 1 个字段，表头为 2 个 · 1 fields where the header has 2"),
        b"3,a,b,c": ("3", "共 4 个字段，表头为 2 个 · 4 fields where the header has 2"),
        b'4,"open': (None, "引号不配对 · quotes that do not fit"),
        b"6,\xe7\x8e\xff": ("6", ENCODING_FAULT),
        b"7,x\x00y": ("7", NUL_FAULT),
    }


def test_csv_one_open_quote_does_not_swallow_the_file(folder: Path) -> None:
    body = "".join(f"{number},name {number}\n" for number in range(2, 3000))
    (folder / "cases.csv").write_text('id,name\n1,"open\n' + body, encoding="utf-8")
    rows = rows_of(pull(csv_contract()))
    assert [row["payload"]["id"] for row in rows[1:]] == [str(number) for number in range(2, 3000)]
    assert rows[0]["raw"] == b'1,"open'


def test_csv_quotes_that_swallow_the_file_again_and_again_cost_no_more_than_its_length(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, give_back = [0], TextLines.give_back

    def counting(lines: TextLines, given: list[tuple[str, bytes | None]]) -> None:
        again[0] += sum(len(text) for text, _ in given)
        give_back(lines, given)

    monkeypatch.setattr(TextLines, "give_back", counting)
    monkeypatch.setattr("connectors.transports.lines.MOST_AGAIN", 100_000)
    body = 'a","b\n' * 5_000 + '1,a\n2,"b, c"\n3,"d\n'
    (folder / "cases.csv").write_text("id,name\n" + body, encoding="utf-8")
    rows = rows_of(pull(csv_contract()))
    assert [row["payload"] for row in rows if row["payload"]] == [{"id": "1", "name": "a"}, {"id": "2", "name": "b, c"}]
    assert [row["raw"] for row in rows if row["raw"]] == [b'a","b'] * 5_000 + [b'3,"d']  # nothing is lost
    assert again[0] < 100_000 + 6 * len(body)


def test_csv_many_stray_quotes_leave_fields_of_several_lines_whole(folder: Path) -> None:
    body = "".join(f'{number},"open\n{number + 1},"of\ntwo lines"\n' for number in range(0, 4_000, 2))
    (folder / "cases.csv").write_text("id,name\n" + body, encoding="utf-8")
    rows = rows_of(pull(csv_contract()))
    assert [row["payload"]["name"] for row in rows if row["payload"]] == ["of\ntwo lines"] * 2_000
    assert len([row for row in rows if row["raw"]]) == 2_000


def test_csv_a_record_without_end_is_cut_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.transports.lines.MOST_LINES", 50)
    body = "".join(f"{number},a\n" for number in range(2, 300))
    (folder / "cases.csv").write_text("x\n" * 60 + 'id,name\n1,"open\n' + body, encoding="utf-8")
    rows = rows_of(pull(csv_contract(csv={"skip_rows": 60})))
    assert [row["payload"]["id"] for row in rows if row["payload"]] == [str(number) for number in range(2, 300)]
    (folder / "cases.csv").write_text('id,"name\n' + body, encoding="utf-8")
    with pytest.raises(SourceFormatError, match="header that is not CSV"):
        pull(csv_contract())


@pytest.mark.parametrize(
    ("written", "declared"),
    [("gb18030", "utf-8"), ("utf-8", "gb18030"), ("utf-16", "utf-8"), ("utf-8", "utf-16"), ("utf-8-sig", "gb18030")],
)
def test_csv_in_the_wrong_encoding_is_told(folder: Path, written: str, declared: str) -> None:
    body = "".join(f"{number},拖欠工资三个月请求处理\n" for number in range(20))
    (folder / "cases.csv").write_bytes(("id,name\n" + body).encode(written))
    with pytest.raises(SourceFormatError, match=r"is not utf-|is not gb18030|not utf-8"):
        pull(csv_contract(encoding=declared))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("ID,name\n1,a\n", ".* has no column 'id'", id="no key column"),
        pytest.param("id,name,name\n1,a,b\n", "one name twice in its header, for columns 2 and 3", id="a column twice"),
        pytest.param("编号\n", ".* has no column 'id'", id="no key column and no row"),
    ],
)
def test_csv_with_a_header_that_cannot_be_used(folder: Path, text: str, words: str) -> None:
    (folder / "cases.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SourceFormatError, match=words):
        pull(csv_contract())


PERSON = ("张伟", "440311198001011010", "13912345678")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("1,张伟,440311198001011010,13912345678\n2,李娜,,\n", "none of its 4 columns is known to the contract", id="no header"),
        pytest.param("1,张伟,440311198001011010,13912345678\n", "none of its 4 columns is known", id="no header and one row"),
        pytest.param("name,张伟,440311198001011010,13912345678\n1,,,\n", "columns are name, and 3 that the contract does not", id="some"),
        pytest.param("1,张伟,13912345678,13912345678\n", "one name twice in its header, for columns 3 and 4", id="a phone twice"),
    ],
)
def test_csv_without_its_header_tells_nothing_of_the_person_who_stands_there(folder: Path, text: str, words: str) -> None:
    (folder / "cases.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SourceFormatError, match=words) as error:
        pull(csv_contract())
    assert not any(value in f"{error.value} {error.value.detail}" for value in PERSON)


@pytest.mark.parametrize(
    ("lines", "options"),
    [
        pytest.param([[1, *PERSON]], {"expect_header": ["id"]}, id="another name than expected"),
        pytest.param([[1, *PERSON]], {}, id="no key column"),
        pytest.param([["序号", *PERSON], [1, *PERSON]], {"expect_header": ["序号", "name"]}, id="another name in the second place"),
        pytest.param([["id", "张伟", "张伟"], [1, *PERSON]], {}, id="a name twice"),
    ],
)
def test_xlsx_without_its_header_tells_nothing_of_the_person_who_stands_there(
    folder: Path, lines: list[list[Any]], options: dict[str, Any]
) -> None:
    write_workbook(folder / "cases.xlsx", lines)
    with pytest.raises(SourceFormatError) as error:
        pull(xlsx_contract(**options))
    assert not any(value in f"{error.value} {error.value.detail}" for value in PERSON)


def test_a_file_that_is_named_by_a_person_is_told_by_its_place(folder: Path) -> None:
    (folder / "1.csv").write_text("id,name\n1,a\n", encoding="utf-8")
    (folder / "张伟440311198001011010.csv").write_text("x,name\n1,a\n", encoding="utf-8")
    with pytest.raises(SourceFormatError, match=r"labour: \*\.csv \(2/2\) has no column 'id'") as error:
        pull(csv_contract(path="*.csv"))
    assert not any(value in f"{error.value} {error.value.detail}" for value in PERSON)


@pytest.mark.parametrize(("member", "told"), [(None, r"cases\.zip:\* \(2/2\)"), ("*张*.csv", r"cases\.zip:\*张\*\.csv \(1/1\)")])
def test_a_member_that_is_named_by_a_person_is_told_by_its_place(folder: Path, member: str | None, told: str) -> None:
    (folder / "cases.zip").write_bytes(zipped({"1.csv": b"id,name\n", "张伟13912345678.csv": b"x,name\n"}))
    with pytest.raises(SourceFormatError, match=f"labour: {told} has no column 'id'") as error:
        pull(csv_contract(path="cases.zip", member=member))
    assert not any(value in f"{error.value} {error.value.detail}" for value in PERSON)


def test_a_member_that_the_contract_names_is_told_by_its_name(folder: Path) -> None:
    (folder / "cases.zip").write_bytes(zipped({"a/1.csv": b"x,name\n"}))
    with pytest.raises(SourceFormatError, match=r"cases\.zip:1\.csv has no column"):
        pull(csv_contract(path="cases.zip", member="1.csv"))


def test_members_that_are_named_by_persons_are_told_by_their_endings(folder: Path) -> None:
    (folder / "cases.zip").write_bytes(zipped({"张伟.txt": b"", "李娜.txt": b"", "a.xml": b"", "README": b"", "x.张伟": b""}))
    with pytest.raises(SourceFormatError, match=r"it holds \.txt × 2, \.xml × 1, \? × 2") as error:
        pull(csv_contract(path="cases.zip", member="*.csv"))
    assert not any(value in f"{error.value} {error.value.detail}" for value in PERSON)


def test_a_sheet_that_is_named_by_a_person_is_told_as_the_contract_names_it(folder: Path) -> None:
    write_workbook(folder / "cases.xlsx", [["id", "name"], [1, "a"]], ("B2:B9",), title="张伟")
    rewrite(folder / "cases.xlsx", b'<mergeCell ref="B2:B9"/>', b'<mergeCell ref="B2:B9"/>' * 2)
    with pytest.raises(SourceFormatError, match=r"cases\.xlsx, sheet 0 has merged cells") as error:
        pull(xlsx_contract())
    assert PERSON[0] not in str(error.value)


def test_a_cursor_that_does_not_exist_is_told_with_the_columns_that_do(folder: Path) -> None:
    (folder / "cases.csv").write_text("id,name\n1,a\n", encoding="utf-8")
    with pytest.raises(SourceFormatError, match=r"'t'.*cursor.*id, name"):
        pull(csv_contract(feed=CURSOR))


def test_a_cursor_feed_takes_what_is_new(folder: Path) -> None:
    (folder / "cases.csv").write_text("id,t\n1,2026-01-01 08:00:00\n2,2026-01-02 08:00:00\n3,2026-01-03 08:00:00\n4,\n", encoding="utf-8")
    contract = csv_contract(feed={**CURSOR, "lag": "P1D"})
    pages = pull(contract)
    assert pages[-1].cursor == "2026-01-03T00:00:00.000000Z"
    after = Pull.after(contract, pages[-1].cursor)
    assert after.since == "2026-01-02T08:00:00+08:00"
    assert [row["source_record_id"] for row in rows_of(pull(contract, after))] == ["2", "3", "4"]
    assert len(rows_of(list(reconcile(contract)))) == 4


def test_pages_are_of_the_size_asked_for(folder: Path) -> None:
    (folder / "cases.csv").write_text("id,name\n" + "".join(f"{number},a\n" for number in range(7)), encoding="utf-8")
    pages = pull(csv_contract(page_size=3))
    assert [page.rows.num_rows for page in pages] == [3, 3, 1]
    assert [page.complete for page in pages] == [False, False, True]


def test_json_in_a_column_is_opened_where_a_path_goes_into_it(folder: Path) -> None:
    (folder / "cases.csv").write_text('id,workers\n1,"[{""xm"": ""王""}]"\n2,[broken\n', encoding="utf-8")
    reach = {"kind": "file", "connection": "source", "path": "cases.csv", "format": "csv"}
    parties = [{"role": "petitioner", "each": {"path": "workers[]"}, "name": {"from": "xm"}}]
    contract = make_contract(connector=reach, feed={"mode": "snapshot"}, key=["id"], parties=parties)
    assert [row["workers"] for row in payloads(pull(contract))] == [[{"xm": "王"}], "[broken"]


# --- trailers ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "error"),
    [
        pytest.param("合计:2\n", None, id="agrees"),
        pytest.param("合计:2\n\n \n", None, id="agrees, blank lines after it"),
        pytest.param("合计:3\n", "trailer says 3", id="counts more"),
        pytest.param("合计: 1,002 \n", "trailer says 1002", id="counts more, with separators"),
        pytest.param("合计:　２\n", None, id="agrees, in full width"),
        pytest.param("合计:约2\n", "count cannot be read", id="no number"),
        pytest.param("合计:\n", "count cannot be read", id="nothing"),
        pytest.param("", "incomplete", id="missing"),
    ],
)
def test_a_snapshot_is_whole_if_its_trailer_says_so(folder: Path, last: str, error: str | None) -> None:
    (folder / "cases.csv").write_text("id,name\n1,a\n2,b\n" + last, encoding="utf-8")
    contract = csv_contract(feed={"mode": "snapshot", "complete": {"trailer_count": r"^合计:(.*)$"}})
    if error is None:
        assert [row["id"] for row in payloads(pull(contract))] == ["1", "2"]
    else:
        with pytest.raises(SnapshotError, match=error):
            pull(contract)


# --- fixed width ---------------------------------------------------------------------------------------------------------------

FIXED = {"columns": [{"name": "id", "width": 4}, {"name": "name", "width": 10}, {"name": "t", "width": 8}], "trailer": r"^ZZZEND(\d+)"}


def fixed(*lines: bytes, trailer: bytes | None = None) -> bytes:
    return b"\r\n".join([*lines, *([trailer] if trailer else [])]) + b"\r\n"


def line(identifier: str, name: str, day: str = "20260102") -> bytes:
    return identifier.encode("gbk").ljust(4) + name.encode("gbk").ljust(10) + day.encode("gbk").ljust(8)


def fixed_contract(**overrides: Any) -> Contract:
    options = {"encoding": "gbk", "fixed_width": FIXED, "feed": {"mode": "snapshot", "complete": {"trailer_count": True}}, **overrides}
    return file_contract("cases.dat", "fixed_width", **options)


def test_fixed_width_is_cut_by_bytes(folder: Path) -> None:
    content = fixed(line("1", "王小明"), line("２", "ab"), line("3", "丙", "").rstrip(), trailer=b"ZZZEND0000000003")
    (folder / "cases.dat").write_bytes(content)
    assert payloads(pull(fixed_contract())) == [
        {"id": "1", "name": "王小明", "t": "20260102"},
        {"id": "２", "name": "ab", "t": "20260102"},
        {"id": "3", "name": "丙", "t": None},
    ]


def test_fixed_width_lines_that_do_not_fit_are_kept(folder: Path) -> None:
    cut = line("2", "")[:4] + "四个字了吧".encode("gbk") + b"x" + b"\xd6"
    (folder / "cases.dat").write_bytes(fixed(line("1", "a"), b"x", line("3", "b") + b"tail", cut, line("5", "c"), trailer=b"ZZZEND5"))
    rows = rows_of(pull(fixed_contract()))
    assert [row["source_record_id"] for row in rows] == ["1", "x", "3", "2", "5"]
    assert [row["raw"] is None for row in rows] == [True, False, False, False, True]


def test_fixed_width_cut_off_is_told(folder: Path) -> None:
    (folder / "cases.dat").write_bytes(fixed(line("1", "a"), line("2", "b")))
    with pytest.raises(SnapshotError, match="incomplete"):
        pull(fixed_contract())


@pytest.mark.parametrize(
    ("skipped", "ids"), [(0, ["titl", "1", "2", "3"]), (1, ["1", "2", "3"]), (2, ["1", "2", "3"]), (3, ["2", "3"]), (9, [])]
)
def test_fixed_width_lines_are_skipped_as_they_are_counted_in_an_editor(folder: Path, skipped: int, ids: list[str]) -> None:
    content = fixed(b"title", b"", line("1", "a"), line("2", "b"), line("3", "c"))
    (folder / "cases.dat").write_bytes(content)
    options = {"columns": FIXED["columns"], "skip_rows": skipped}
    rows = rows_of(pull(file_contract("cases.dat", "fixed_width", encoding="gbk", fixed_width=options)))
    assert [row["raw"].decode() if row["raw"] else row["source_record_id"] for row in rows] == ids


def test_lines_are_skipped_across_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.transports.lines.BLOCK", 30)
    (folder / "cases.dat").write_bytes(fixed(*(line(str(number), "a") for number in range(9))))
    contract = file_contract("cases.dat", "fixed_width", encoding="gbk", fixed_width={"columns": FIXED["columns"], "skip_rows": 4})
    assert [row["source_record_id"] for row in rows_of(pull(contract))] == ["4", "5", "6", "7", "8"]


def test_rows_of_a_cursor_feed_are_good_without_the_trailer(folder: Path) -> None:
    (folder / "cases.dat").write_bytes(fixed(line("1", "a"), line("2", "b")))
    with pytest.raises(SourceUnavailable, match="incomplete"):  # no SnapshotError: what came would be held, and known from then on
        pull(fixed_contract(feed=CURSOR))


def test_fixed_width_in_the_wrong_encoding_is_told(folder: Path) -> None:
    lines = [line(str(number), "拖欠工资") for number in range(40)]
    (folder / "cases.dat").write_bytes(fixed(*lines, trailer=b"ZZZEND40"))
    with pytest.raises(SourceFormatError, match="is not utf-8"):
        pull(fixed_contract(encoding="utf-8"))


# --- JSON --------------------------------------------------------------------------------------------------------------------


def test_json_lines(folder: Path) -> None:
    lines = [
        '{"id":1,"name":"王"}',
        "",
        "not json",
        "[1]",
        '{"id":NaN,"n":12345678901234567890123}',
        '{"id":2,"n":12345678901234567890123}',
    ]
    (folder / "cases.jsonl").write_bytes("\n".join(lines).encode())
    rows = rows_of(pull(file_contract("cases.jsonl", "jsonl")))
    assert [row["fault"] for row in rows] == [None, NO_JSON_FAULT, NO_OBJECT_FAULT, NO_JSON_FAULT, None]
    assert rows[1]["raw"] == b"not json"
    assert rows[4]["payload"]["id"] == 2


def test_a_line_of_json_that_no_parser_takes_does_not_end_the_file(folder: Path) -> None:
    deep = b'{"id": "2", "x": "\\ud800", "y": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    odd = [b"123456789012345678901234567890", b'"\\ud800"']
    (folder / "cases.jsonl").write_bytes(b"\n".join([b'{"id": "1"}', deep, *odd, b'{"id": "3"}']))
    rows = rows_of(pull(file_contract("cases.jsonl", "jsonl")))
    assert [row["source_record_id"] for row in rows] == ["1", None, None, None, "3"]
    assert [row["fault"] for row in rows[1:4]] == [NO_JSON_FAULT, NO_OBJECT_FAULT, NO_OBJECT_FAULT]


def test_odd_things_in_a_list_of_rows_are_kept(folder: Path) -> None:
    (folder / "cases.json").write_text('[{"id": "1"}, 123456789012345678901234567890, "\\ud800", null]', encoding="utf-8")
    rows = rows_of(pull(file_contract("cases.json", "json")))
    kept = [b"123456789012345678901234567890", b'"\\ud800"', b"null"]
    assert [row["raw"] for row in rows] == [None, *kept]


def test_json_lines_in_gb18030(folder: Path) -> None:
    (folder / "cases.jsonl").write_bytes('{"id":1,"name":"王"}\n'.encode("gb18030"))
    assert payloads(pull(file_contract("cases.jsonl", "jsonl", encoding="gb18030"))) == [{"id": 1, "name": "王"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_begins_with_a_mark_in_the_first_line_alone(folder: Path, encoding: str) -> None:
    mark, fields = codecs.BOM_UTF8, {"columns": [{"name": "id", "width": 1}, {"name": "name", "width": 6}]}
    (folder / "cases.csv").write_bytes(mark + "id,name\n1,\ufeff王\n".encode())
    (folder / "cases.jsonl").write_bytes(mark + b'{"id":1}\n{"id":2}\n')
    (folder / "cases.dat").write_bytes(mark + "1王   \n2\ufeff王\n".encode())
    assert payloads(pull(csv_contract(encoding=encoding))) == [{"id": "1", "name": "\ufeff王"}]
    assert payloads(pull(file_contract("cases.jsonl", "jsonl", encoding=encoding))) == [{"id": 1}, {"id": 2}]
    fixed_rows = payloads(pull(file_contract("cases.dat", "fixed_width", encoding=encoding, fixed_width=fields)))
    assert [row["id"] for row in fixed_rows] == ["1", "2"]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize(
    ("fmt", "text", "options"),
    [
        pytest.param("csv", "id,name\n1,王\n", {}, id="csv"),
        pytest.param("csv", '"id","name"\r\n"1","王"\r\n', {}, id="csv in quotes"),
        pytest.param("csv", "1,王\n", {"csv": {"header": False, "columns": ["id", "name"]}}, id="csv without header"),
        pytest.param("jsonl", '{"id":"1","name":"王"}\n', {}, id="jsonl"),
        pytest.param("json", '[{"id":"1","name":"王"}]', {}, id="json"),
        pytest.param("xml", "<x><案件><id>1</id><name>王</name></案件></x>", {"xml": {"record": "//案件"}}, id="xml"),
        pytest.param(
            "fixed_width",
            "1王\r\n",
            {"fixed_width": {"columns": [{"name": "id", "width": 1}, {"name": "name", "width": 3}]}},
            id="fixed_width",
        ),
    ],
)
def test_a_mark_before_a_file_does_no_harm(folder: Path, encoding: str, fmt: str, text: str, options: dict[str, Any]) -> None:
    codec = "utf-8" if encoding != "gb18030" else encoding
    head = f'<?xml version="1.0" encoding="{codec}"?>' if fmt == "xml" else ""
    said = {} if fmt == "xml" else {"encoding": encoding}  # XML says its own
    for mark in ("", "\ufeff"):
        (folder / "cases").write_bytes(f"{mark}{head}{text}".encode(codec))
        assert payloads(pull(file_contract("cases", fmt, **said, **options))) == [{"id": "1", "name": "王"}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("fmt", ["csv", "json"])
def test_a_mark_before_wide_characters_does_no_harm(folder: Path, encoding: str, fmt: str) -> None:
    text = '"id","name"\n1,王\n' if fmt == "csv" else '[{"id":"1","name":"王"}]'
    mark = "" if encoding == "utf-16" else "\ufeff"  # utf-16 writes its own
    (folder / "cases").write_bytes(f"{mark}{text}".encode(encoding))
    assert payloads(pull(file_contract("cases", fmt, encoding=encoding))) == [{"id": "1", "name": "王"}]


def test_json_lines_that_are_something_else_are_told(folder: Path) -> None:
    (folder / "cases.jsonl").write_text("id,name\n" * 500, encoding="utf-8")
    with pytest.raises(SourceFormatError, match="is not JSON Lines"):
        pull(file_contract("cases.jsonl", "jsonl"))


def test_a_number_too_large_in_a_json_document_spoils_its_row_alone(folder: Path) -> None:
    (folder / "cases.json").write_text('[{"id": 1, "n": 1e400}, {"id": 2}]', encoding="utf-8")
    assert [row["fault"] for row in rows_of(pull(file_contract("cases.json", "json")))] == [NUMBER_FAULT, None]


def test_json_document(folder: Path) -> None:
    (folder / "cases.json").write_text('{"data": {"list": [{"id": 1}, {"id": 2}]}}', encoding="utf-8")
    assert payloads(pull(file_contract("cases.json", "json", json={"items": "data.list"}))) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('{"data": ', "is not JSON", id="cut off"),
        pytest.param('{"rows": []}', "no list at 'data'", id="another shape"),
        pytest.param("<html></html>", "is not JSON", id="HTML"),
    ],
)
def test_json_document_that_cannot_be_used(folder: Path, text: str, words: str) -> None:
    (folder / "cases.json").write_text(text, encoding="utf-8")
    with pytest.raises(SourceFormatError, match=words):
        pull(file_contract("cases.json", "json", json={"items": "data"}))


# --- XML ---------------------------------------------------------------------------------------------------------------------

XML = {"record": "//案件"}


def test_xml_elements_are_rows(folder: Path) -> None:
    text = (
        '<?xml version="1.0" encoding="GB18030"?><案件信息 xmlns:x="urn:x"><!-- c --><案件 级别="红">'
        "<id>1</id><name>王<b>小</b>明</name><空/>"
        "<当事人><姓名>甲</姓名></当事人></案件><案件><id>2</id><当事人><姓名>乙</姓名></当事人><x:当事人><姓名>丙</姓名></x:当事人></案件></案件信息>"
    )
    (folder / "cases.xml").write_bytes(text.encode("gb18030"))
    reach = {"kind": "file", "connection": "source", "path": "cases.xml", "format": "xml", "xml": XML}
    parties = [{"role": "petitioner", "each": {"path": '"当事人"[]'}, "name": {"from": "姓名"}}]
    contract = make_contract(connector=reach, feed={"mode": "snapshot"}, key=["id"], parties=parties)
    assert payloads(pull(contract)) == [
        {"@级别": "红", "id": "1", "name": {"#text": "王明", "b": "小"}, "空": None, "当事人": [{"姓名": "甲"}]},
        {"id": "2", "当事人": [{"姓名": "乙"}, {"姓名": "丙"}]},
    ]


def test_xml_without_a_value_is_null(folder: Path) -> None:
    nil = '<id xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'
    (folder / "cases.xml").write_text(f"<x><案件><id>1</id><a> </a></案件><案件>{nil}<b> c </b></案件></x>", encoding="utf-8")
    assert payloads(pull(file_contract("cases.xml", "xml", xml=XML))) == [{"id": "1", "a": None}, {"id": None, "b": "c"}]


def test_xml_of_a_namespace_that_is_not_named_is_told(folder: Path) -> None:
    (folder / "cases.xml").write_text('<x xmlns="urn:cases"><row><id>1</id></row></x>', encoding="utf-8")
    with pytest.raises(SourceFormatError, match="in the namespace urn:cases") as caught:
        pull(file_contract("cases.xml", "xml", xml={"record": "//row"}))
    assert "namespaces: {x: urn:cases} and record: //x:row" in str(caught.value)
    named = {"record": "//x:row[1]", "namespaces": {"x": "urn:cases"}}
    assert payloads(pull(file_contract("cases.xml", "xml", xml=named))) == [{"id": "1"}]


@pytest.mark.parametrize("record", ["//row", "//row[@kind='case']", "/x/none"])
def test_xml_without_a_row_is_an_empty_source(folder: Path, record: str) -> None:
    (folder / "cases.xml").write_text(
        "<x><head/><row kind='other'/></x>".replace("<row kind='other'/>" * (record == "//row"), ""), encoding="utf-8"
    )
    assert payloads(pull(file_contract("cases.xml", "xml", xml={"record": record}))) == []


@pytest.mark.parametrize("record", ["//row/@id", "count(//row)", "//id/text()"])
def test_an_xpath_to_something_else_than_elements_is_told(folder: Path, record: str) -> None:
    (folder / "cases.xml").write_text("<x><row id='1'><id>1</id></row></x>", encoding="utf-8")
    with pytest.raises(ContractError, match="something else than elements"):
        pull(file_contract("cases.xml", "xml", xml={"record": record}))


def test_xml_bomb_is_refused(folder: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><x><案件><id>1</id><name>&e9;</name></案件></x>'
    (folder / "one.xml").write_text(bomb, encoding="utf-8")
    with pytest.raises(SourceFormatError, match="entities|not XML"):
        pull(file_contract("one.xml", "xml", xml=XML))


def test_xml_that_reads_a_file_is_refused(folder: Path) -> None:
    (folder / "one.xml").write_text(
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x><案件><id>&e;</id></案件></x>', encoding="utf-8"
    )
    with pytest.raises(SourceFormatError, match="entities"):
        pull(file_contract("*.xml", "xml", xml=XML))


@pytest.mark.parametrize("row", ["<id>left&amp;&foo;right</id>", '<id>1</id><name a="left&foo;right"/>'], ids=["text", "attribute"])
def test_xml_whose_text_is_declared_elsewhere_is_refused(folder: Path, row: str) -> None:
    text = f'<!DOCTYPE x SYSTEM "x.dtd"><x><案件>{row}</案件></x>'
    (folder / "one.xml").write_text(text, encoding="utf-8")
    with pytest.raises(SourceFormatError, match="declared elsewhere"):
        pull(file_contract("one.xml", "xml", xml=XML))
    (row_of_many,) = rows_of(pull(file_contract("*.xml", "xml", xml=XML)))
    assert row_of_many["raw"] == text.encode()
    (folder / "one.xml").write_text(text.replace("&foo;", "&lt;&#65;"), encoding="utf-8")
    assert len(payloads(pull(file_contract("one.xml", "xml", xml=XML)))) == 1


def test_one_broken_document_of_many_is_a_row_and_a_lone_one_an_error(folder: Path) -> None:
    (folder / "a.xml").write_text("<x><案件><id>1</id></案件></x>", encoding="utf-8")
    (folder / "b.xml").write_text("<x><案件><id>2</id>", encoding="utf-8")
    pages = pull(file_contract("*.xml", "xml", xml=XML))
    assert [row["fault"] for row in rows_of(pages)] == [None, "不是 xml 的文档 · a document that is not xml"]
    assert rows_of(pages)[1]["raw"] == "<x><案件><id>2</id>".encode()
    assert rows_of(pages)[1]["source_record_id"] is None
    with pytest.raises(SourceFormatError, match=r"b\.xml") as caught:
        pull(file_contract("b.xml", "xml", xml=XML))
    assert "correct that line" in caught.value.remedy


# --- XLSX --------------------------------------------------------------------------------------------------------------------


def write_workbook(path: Path, lines: list[list[Any]], merges: tuple[str, ...] = (), title: str = "台账") -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for cells in lines:
        sheet.append(cells)
    for span in merges:
        sheet.merge_cells(span)
    book.save(path)


def xlsx_contract(**options: Any) -> Contract:
    return file_contract("cases.xlsx", "xlsx", xlsx=options)


def test_xlsx_with_two_header_lines_and_merged_cells(folder: Path) -> None:
    lines = [
        ["报表"],
        ["id", "诉求人", None, "学校"],
        [None, "姓名", "电话", "名称"],
        [1, "王", 13800001234, "一小"],
        [2.5, None, "x", None],
    ]
    write_workbook(folder / "cases.xlsx", [*lines, [None] * 4], ("A2:A3", "B2:C2", "D4:D5"))
    pages = pull(xlsx_contract(skip_rows=1, header_rows=2, expect_header=["id", "诉求人_姓名"]))
    assert pages[-1].columns == ("id", "诉求人_姓名", "诉求人_电话", "学校_名称")
    assert payloads(pages) == [
        {"id": 1, "诉求人_姓名": "王", "诉求人_电话": 13800001234, "学校_名称": "一小"},
        {"id": 2.5, "诉求人_姓名": None, "诉求人_电话": "x", "学校_名称": "一小"},
    ]


def test_xlsx_dates_and_serials(folder: Path) -> None:
    import datetime

    write_workbook(folder / "cases.xlsx", [["id", "t"], ["1", datetime.datetime(2026, 1, 2, 3, 4, 5)], ["2", 46024]])  # noqa: DTZ001
    assert [row["t"] for row in payloads(pull(xlsx_contract()))] == ["2026-01-02T03:04:05", 46024]


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        pytest.param(
            [["标题"], ["id", "name"], [1, "a"]],
            {"expect_header": ["id"]},
            "column 1 should be 'id' and has another name",
            id="header moved down",
        ),
        pytest.param([["序号", "id"], [1, "a"]], {"expect_header": ["id"]}, "header has moved", id="header moved aside"),
        pytest.param([["标题"], ["id", "name"], [1, "a"]], {}, ".* has no column 'id'", id="no key column"),
        pytest.param([["id"], [1]], {"sheet": "表二"}, "no sheet '表二' among its 1", id="no such sheet"),
        pytest.param([["id"], [1]], {"sheet": 3}, "none at index 3", id="no such index"),
        pytest.param([["id"]], {"header_rows": 2}, "no header", id="too few lines"),
        pytest.param([["id", "a", "a"], [1, 2, 3]], {}, "one name twice in its header, for columns 2 and 3", id="a column twice"),
    ],
)
def test_xlsx_that_is_not_as_expected(folder: Path, lines: list[list[Any]], options: dict[str, Any], words: str) -> None:
    write_workbook(folder / "cases.xlsx", lines)
    with pytest.raises(SourceFormatError, match=words):
        pull(xlsx_contract(**options))


def test_xlsx_truncated(folder: Path) -> None:
    write_workbook(folder / "cases.xlsx", [["id"], [1]])
    whole = (folder / "cases.xlsx").read_bytes()
    (folder / "cases.xlsx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceFormatError, match="truncated or damaged"):
        pull(xlsx_contract())


def test_xlsx_with_a_cell_in_the_far_corner_is_refused(folder: Path) -> None:
    write_workbook(folder / "cases.xlsx", [["id"], [1]])
    book = openpyxl.load_workbook(folder / "cases.xlsx")
    book["台账"]["XFD1048576"] = "x"
    book.save(folder / "cases.xlsx")
    with pytest.raises(SourceLimitError, match="1048576 lines and 16384 columns"):
        pull(xlsx_contract())


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    """Replace something in the first sheet of a workbook, and whatever names it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name).replace(old, new) for name in archive.namelist()}
    path.write_bytes(zipped({name.replace(old.decode(), new.decode()): content for name, content in members.items()}))


FAR = b'<row r="5000"><c r="CV5000" t="n"><v>1</v></c></row>'


@pytest.mark.parametrize(
    ("row", "error"),
    [
        pytest.param(FAR, SourceLimitError, id="as every program writes it"),
        pytest.param(FAR.replace(b'"', b"'"), SourceLimitError, id="other quotes"),
        pytest.param(FAR.replace(b"<c ", b"<c\t"), SourceLimitError, id="other blanks"),
        pytest.param(FAR.replace(b'r="CV', b'r = "cv00'), SourceLimitError, id="small letters, zeros"),
        pytest.param(FAR.replace(b"<c", b"<x-y:c").replace(b"</c", b"</x-y:c"), SourceLimitError, id="a prefix"),
        pytest.param(FAR.replace(b"<c", b"<x/\x0b:c").replace(b"</c", b"</x/\x0b:c"), SourceLimitError, id="a prefix that is none"),
        pytest.param(FAR.replace(b"<c ", b'<c x=">" '), SourceFormatError, id="a value that ends the tag"),
        pytest.param(FAR.replace(b"<c ", b"<c x=\" r='A1'\" "), SourceFormatError, id="a place within a value"),
        pytest.param(FAR.replace(b"CV", b"C&#86;"), SourceFormatError, id="an entity"),
        pytest.param(b'<row r="5000">' + b"<c><v>1</v></c>" * 100 + b"</row>", SourceLimitError, id="places that follow"),
        pytest.param(b"<row><c><v>1</v></c></row>" * 5000, SourceLimitError, id="rows that follow"),
        pytest.param(b'<row r="50"><c><row r="1"/><c r="A1"/></c></row>', SourceFormatError, id="cells within cells"),
        pytest.param(b'<row r="3"><c><v>1</v></c></row><row><c><v>2</v></c><c><v>3</v></c></row>', None, id="no places, few cells"),
    ],
)
def test_xlsx_the_far_corner_is_seen_however_it_is_written(folder: Path, row: bytes, error: type[Exception] | None) -> None:
    write_workbook(folder / "cases.xlsx", [["id", "name"], [0, "a"]])
    rewrite(folder / "cases.xlsx", b"</sheetData>", row + b"</sheetData>")
    content = (folder / "cases.xlsx").read_bytes()

    def read() -> list[Any]:
        return list(workbook.rows(content, XlsxOptions(), 1 << 20, "cases.xlsx", Found(), most_cells=4_000))

    if error is None:
        assert [each["id"] for each in read()] == [0, 1, 2]
    else:
        with pytest.raises(error, match="cases.xlsx (spans|has cells whose place is unclear)"):
            read()


def test_xlsx_a_sheet_of_another_name_is_counted_too(folder: Path) -> None:
    write_workbook(folder / "cases.xlsx", [["id"], [1]])
    rewrite(folder / "cases.xlsx", b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    rewrite(folder / "cases.xlsx", b"worksheets/sheet1.xml", b"other/image.png")
    with pytest.raises(SourceLimitError, match="1048576 lines and 16384 columns"):
        pull(xlsx_contract())


def test_xlsx_merged_cells_that_overlap_are_refused(folder: Path) -> None:
    """A few kilobytes may name one huge rectangle a million times."""
    write_workbook(folder / "cases.xlsx", [["id", "name"], *[[number, "a"] for number in range(200)]], ("B3:B100",))
    rewrite(folder / "cases.xlsx", b'<mergeCell ref="B3:B100"/>', b'<mergeCell ref="B3:B100"/>' * 100_000)
    with pytest.raises(SourceFormatError, match=r"cases\.xlsx, sheet '台账' has merged cells that overlap, at line 3 → .* ask"):
        pull(xlsx_contract(sheet="台账"))


def test_xlsx_merged_cells_side_by_side_or_beyond_the_sheet_are_taken(folder: Path) -> None:
    lines = [["id", "name"], [1, "a"], [2, None], [3, "b"], [4, None]]
    write_workbook(folder / "cases.xlsx", lines, ("B2:B3", "B4:B9", "D1:E9"))
    assert [row["name"] for row in payloads(pull(xlsx_contract())) if row["id"]] == ["a", "a", "b", "b"]


def test_xlsx_bomb_is_refused(folder: Path) -> None:
    with zipfile.ZipFile(folder / "cases.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (4 << 20))
    with pytest.raises(SourceLimitError, match="once unpacked"):
        pull(file_contract("cases.xlsx", "xlsx", max_response_bytes=1 << 20))


# --- packing -----------------------------------------------------------------------------------------------------------------


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("compression", ["auto", "zip"])
def test_zip_with_several_members(folder: Path, compression: str) -> None:
    members = {"b/2.csv": b"id,name\n2,b\n", "a/1.csv": b"id,name\n1,a\n", "readme.txt": b"hello"}
    (folder / "cases.zip").write_bytes(zipped(members))
    assert [row["id"] for row in payloads(pull(csv_contract(path="cases.zip", member="*.csv", compression=compression)))] == ["1", "2"]


def test_zip_that_holds_a_name_twice_means_the_last(folder: Path) -> None:
    with zipfile.ZipFile(folder / "cases.zip", "w") as archive:
        archive.writestr("1.csv", b"id,name\n1,old\n")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("1.csv", b"id,name\n1,new\n")
    assert payloads(pull(csv_contract(path="cases.zip"))) == [{"id": "1", "name": "new"}]


def test_zip_whose_names_are_in_gbk(folder: Path) -> None:
    plain = zipped({"AAAA.csv": b"id,name\n1,a\n"})
    (folder / "cases.zip").write_bytes(plain.replace(b"AAAA", "案件".encode("gbk")))
    assert len(payloads(pull(csv_contract(path="cases.zip", member="案件.csv")))) == 1


@pytest.mark.parametrize("compression", ["auto", "gzip"])
def test_gzip(folder: Path, compression: str) -> None:
    (folder / "cases.csv.gz").write_bytes(gzip.compress(b"id,name\n1,a\n"))
    assert len(payloads(pull(csv_contract(path="cases.csv.gz", compression=compression)))) == 1


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        pytest.param(zipped({"1.csv": b"id\n" + b"1\n" * 9999})[:-30], {}, "truncated or damaged", id="truncated zip"),
        pytest.param(gzip.compress(b"id\n" + b"1\n" * 9999)[:-20], {}, "truncated or damaged", id="truncated gzip"),
        pytest.param(b"id\n1\n", {"compression": "zip"}, "truncated or damaged", id="no zip"),
        pytest.param(b"id\n1\n", {"compression": "gzip"}, "truncated or damaged", id="no gzip"),
        pytest.param(zipped({"1.txt": b"id\n1\n"}), {"member": "*.csv"}, r"no member '\*.csv'; it holds \.txt × 1", id="no such member"),
    ],
)
def test_packing_that_cannot_be_undone(folder: Path, content: bytes, options: dict[str, Any], words: str) -> None:
    (folder / "cases.csv").write_bytes(content)
    with pytest.raises(SourceFormatError, match=words):
        pull(csv_contract(**options))


def test_zip_with_a_damaged_member(folder: Path) -> None:
    content = bytearray(zipped({"1.csv": json.dumps(list(range(5000))).encode()}))
    content[200:220] = b"\x00" * 20
    (folder / "cases.csv").write_bytes(bytes(content))
    with pytest.raises(SourceFormatError, match="truncated or damaged"):
        pull(csv_contract())


def test_zip_that_is_encrypted(folder: Path) -> None:
    content = bytearray(zipped({"1.csv": b"id\n1\n"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    (folder / "cases.csv").write_bytes(bytes(content))
    with pytest.raises(SourceFormatError, match="encrypted"):
        pull(csv_contract())


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: zipped({"1.csv": content})], ids=["gzip", "zip"])
def test_decompression_bomb_is_cut_off(folder: Path, pack: Any) -> None:
    (folder / "cases.csv").write_bytes(pack(b"id,name\n" + b"1,a\n" * 5_000_000))
    seen = 0
    with pytest.raises(SourceLimitError, match="after decompression"):
        for page in pull_lazily(csv_contract(max_response_bytes=2 << 20)):
            seen += page.rows.num_rows
    assert seen < 1_000_000


def pull_lazily(contract: Contract) -> Any:
    from connectors.extract import extract

    return extract(contract, Pull())


def test_a_line_without_end_is_cut_off(folder: Path) -> None:
    (folder / "cases.csv").write_bytes(b"id,name\n" + b"x" * (20 << 20))
    with pytest.raises(SourceLimitError, match="longer than"):
        pull(csv_contract())


# --- folders -----------------------------------------------------------------------------------------------------------------


def test_all_files_that_match_in_the_order_of_their_names(folder: Path) -> None:
    (folder / "export").mkdir()
    for name in ("b.csv", "a.csv", ".hidden.csv", "c.txt"):
        (folder / "export" / name).write_text(f"id,name\n{name},x\n", encoding="utf-8")
    (folder / "export" / "folder.csv").mkdir()
    assert [row["id"] for row in payloads(pull(csv_contract(path="export/*.csv")))] == ["a.csv", "b.csv"]


def test_what_excel_puts_beside_an_open_workbook_is_left_out(folder: Path) -> None:
    write_workbook(folder / "台账.xlsx", [["id", "name"], [1, "a"]])
    (folder / "~$台账.xlsx").write_bytes(b"\x05zhang" + b" " * 100)
    assert payloads(pull(file_contract("*.xlsx", "xlsx"))) == [{"id": 1, "name": "a"}]


def test_a_file_without_a_byte_is_no_part_of_a_snapshot(folder: Path) -> None:
    (folder / "1.csv").write_text("id,name\n1,a\n", encoding="utf-8")
    (folder / "2.csv").write_bytes(b"")
    with pytest.raises(SnapshotError, match=r"\(2/2\).* is empty"):
        pull(csv_contract(path="*.csv"))
    assert len(rows_of(pull(csv_contract(path="*.csv", feed=CURSOR | {"field": "name"})))) == 1


def test_no_file_is_no_empty_snapshot(folder: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"no file matches \*.csv"):
        pull(csv_contract(path="*.csv"))
    with pytest.raises(SourceUnavailable, match=r"no file matches cases.csv"):
        pull(csv_contract(feed=CURSOR))


def test_no_new_file_is_nothing_new(folder: Path) -> None:
    pages = pull(csv_contract(path="*.csv", feed=CURSOR))
    assert [(page.rows.num_rows, page.complete) for page in pages] == [(0, True)]


def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("id,name\n1,a\n", encoding="utf-8")
    (folder / "cases.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(SourceRefused):
        pull(csv_contract())


def test_a_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", str(tmp_path / "nowhere"))
    with pytest.raises(SourceUnavailable, match="no file or folder at cases.csv of CASEHUB_CONNECTION_SOURCE"):
        pull(csv_contract())


def test_a_connection_that_is_missing_or_of_no_known_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", "gopher://host/")
    with pytest.raises(SettingsError, match="gopher"):
        pull(csv_contract())
    monkeypatch.delenv("CASEHUB_CONNECTION_SOURCE")
    with pytest.raises(SettingsError, match="CASEHUB_CONNECTION_SOURCE is not set"):
        pull(csv_contract())
