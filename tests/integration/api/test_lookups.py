"""Batch look-ups from the upload to the result: what is read, what is found in whose view, what is written down, what is kept."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import datetime as dt
import http.client
import io
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from api.access import Caller
from api.authentication.keys import create_key, revoke_key
from api.lookups import worker as working
from api.lookups.jobs import hand_in, purge
from api.lookups.table import Upload, read_upload
from api.lookups.worker import Worker
from api.policy.document import policy_of
from api.routes import lookups as routes
from api.state import POOL_SIZE, Hub, make_hub
from hub.encryption import Protected, clear_bytes
from hub.settings import Settings
from tests.integration.api.builders import DIRECTORY, PURPOSE, Api, Store, at

PHONE, ID, CODE = "13800138000", "440311199001011234", "91440300MA5XXXXX0X"
SEALED_PHONE = "13900139000"


def csv_of(*rows: Sequence[Any], encoding: str = "utf-8") -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode(encoding)


def xlsx_of(*rows: Sequence[Any]) -> bytes:
    book = Workbook()
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row, start=1):
            cell = book.active.cell(number, place, value)
            if isinstance(value, str):
                cell.data_type = "s"  # =1+1 as somebody's text
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def hand(api: Api, content: bytes, **params: str) -> httpx.Response:
    return api.post("/v1/lookups", content=content, params=params, headers={"Content-Type": "text/csv"})


def finished(api: Api, lookup_id: str) -> dict[str, Any]:
    """Its state once it is over."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = api.get(f"/v1/lookups/{lookup_id}").json()
        if found["state"] not in ("waiting", "running"):
            return found
        time.sleep(0.05)
    raise AssertionError("the look-up does not end")


def looked_up(api: Api, content: bytes, **params: str) -> list[dict[str, str]]:
    """Rows of the result of a CSV."""
    answer = hand(api, content, **params)
    assert answer.status_code == 202, answer.text
    assert finished(api, answer.json()["lookup_id"])["state"] == "done"
    result = api.get(f"/v1/lookups/{answer.json()['lookup_id']}/result")
    assert result.headers["content-type"] == "text/csv; charset=utf-8"
    assert result.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(result.content.decode("utf-8-sig"))))


@pytest.fixture
def world(store: Store) -> dict[str, uuid.UUID]:
    """Cases with a phone, an ID number, a firm; one restricted, one sealed."""
    party = {"name": "王小明", "phone": PHONE, "id_no": ID}
    firm = {"name": "维珍妮鞋业", "uscc": CODE, "kind": "organisation", "role": "respondent"}
    return {
        "wages": store.case(store.record("petition", "XF-1", [party, firm], title="王小明反映欠薪")),
        "noise": store.case(store.record("labour", "LD-2", [{"name": "李四", "phone": PHONE}], title="噪音", reported_at=at(9))),
        "restricted": store.case(store.record("court", "C-3", [{"name": "赵五", "id_no": ID}], title="离婚", visibility="restricted")),
        "sealed": store.case(
            store.record("procuratorate", "JC-4", [{"name": "钱六", "phone": SEALED_PHONE}], title="少年", visibility="sealed")
        ),
    }


def test_a_file_comes_back_with_what_was_found(api: Api, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "labour")
    rows = looked_up(
        clerk,
        csv_of(
            ["序号", "姓名", "身份证号", "联系电话", "统一社会信用代码", "案号", "备注"],
            [1, "王小明", "", "138-0013-8000", "", "", "旧"],
            [2, "", ID, "", "", "", ""],
            [3, "", "", "", CODE.lower(), "", ""],
            [4, "", "", "", "", "LD-2", ""],
            [5, "王小明", "", "", "", "", ""],
            [6, "", "", "13712345678", "", "", ""],
            [7, "", "", "", "", "", "空"],
        ),
    )
    assert [row["序号"] for row in rows] == ["1", "2", "3", "4", "5", "6", "7"]
    assert rows[0]["备注"] == "旧"
    ids = [row["案件标识 · case ids"].split("；") for row in rows]
    wages, noise, restricted = str(world["wages"]), str(world["noise"]), str(world["restricted"])
    assert ids[:5] == [[noise, wages], [wages, restricted], [wages], [noise], [wages]]
    assert [row["案件数 · cases"] for row in rows] == ["2", "2", "1", "1", "1", "无 none", ""]
    assert rows[0]["案件标题 · titles"] == "噪音；王**反映欠薪"
    assert rows[0]["部门 · departments"] == "人力资源局；信访局"
    assert rows[1]["可询问 · whom to ask"] == "法院 法院数据专班 0755-00000000"
    assert [row["识别为 · read as"].split(" ")[0] for row in rows] == ["电话", "证件号码", "统一社会信用代码", "案号", "姓名", "电话", ""]
    assert rows[6]["说明 · remark"].startswith("空白")


def test_a_sealed_record_is_nobodys_row_but_its_own(api: Api, world: dict[str, uuid.UUID]) -> None:
    content = csv_of(["查询内容"], [SEALED_PHONE], ["JC-4"], ["13712345678"])
    absent = looked_up(api.as_("clerk", "labour"), content)
    for row in absent:
        assert [row["案件数 · cases"], row["案件标识 · case ids"], row["可询问 · whom to ask"]] == ["无 none", "", ""]
    assert absent[0] == absent[2] | {"查询内容": SEALED_PHONE}
    own = looked_up(api.as_("clerk", "procuratorate"), content)
    assert [row["案件标识 · case ids"] for row in own[:2]] == [str(world["sealed"])] * 2
    assert own[0]["案件标题 · titles"] == "少年"


ENTRIES = (PHONE, ID, CODE, "XF-1", "C-3", "JC-4", "王小明", "维珍妮鞋业", "噪音", SEALED_PHONE, "13712345678", "离婚", "少年")


@pytest.mark.parametrize("dept", ["labour", "court", "procuratorate", "petition"])
def test_a_row_finds_what_the_one_box_finds(api: Api, world: dict[str, uuid.UUID], dept: str) -> None:
    clerk = api.as_("clerk", dept)
    entries = [*ENTRIES, *map(str, world.values())]
    rows = looked_up(clerk, csv_of(["查询内容"], *([entry] for entry in entries)))
    for entry, row in zip(entries, rows, strict=True):
        page = clerk.find(q=entry)
        assert sorted(filter(None, row["案件标识 · case ids"].split("；"))) == sorted(each["case_id"] for each in page["items"]), entry
        if page["recognised_as"]["code"] != "words":  # a name that is nobody's in what was found, the one box calls words afterwards
            assert row["识别为 · read as"].startswith(page["recognised_as"]["zh"]), entry


def test_each_row_is_written_down_without_its_value(api: Api, store: Store, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "labour")
    looked_up(clerk, csv_of(["姓名", "电话"], ["王小明", PHONE], ["张三丰", ""], ["", "*"], ["", ""]))
    rows = store.rows("SELECT * FROM audit.access WHERE action LIKE 'lookups.row%' ORDER BY access_id")
    assert [row["action"] for row in rows] == ["lookups.row:phone", "lookups.row:name", "lookups.row:masked", "lookups.row:blank"]
    assert set(rows[0]["entity_ids"]) == {world["wages"], world["noise"]}
    assert [row["entity_ids"] for row in rows[1:]] == [None] * 3
    assert {row["department"] for row in rows} == {"labour"}
    for value in ("王小明", "张三丰", PHONE):
        assert value not in str(rows)


def test_a_workbook_comes_back_as_one(api: Api, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "petition")
    content = xlsx_of(["姓名", "身份证号"], ["=1+1", ID], ["=HYPERLINK(A1)", ""], ["", 440311199001011234], ["@x", None])
    answer = clerk.post("/v1/lookups", files={"file": ("名单.xlsx", content)})
    assert (answer.status_code, answer.json()["format"]) == (202, "xlsx")
    assert answer.headers["location"] == f"/v1/lookups/{answer.json()['lookup_id']}"
    finished(clerk, answer.json()["lookup_id"])
    result = clerk.get(f"{answer.headers['location']}/result")
    assert result.headers["content-type"].startswith("application/vnd.openxmlformats")
    sheet = load_workbook(io.BytesIO(result.content)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][:4] == ("姓名", "身份证号", "识别为 · read as", "案件数 · cases")
    assert rows[1][:4] == ("=1+1", ID, "证件号码 ID number", 2)
    assert all(cell.data_type != "f" for line in sheet.iter_rows() for cell in line)
    assert "cut the number's digits" in str(rows[3][-1])


def test_no_cell_of_a_csv_is_a_formula(api: Api, store: Store) -> None:
    store.case(store.record("labour", "1", [{"name": "甲", "phone": PHONE}], title="=cmd|' /C calc'!A0"))
    first, second = looked_up(api.as_("clerk", "labour"), csv_of(["电话", "+备注"], [PHONE, "=1+1"], ["", " ＝2"]))
    assert first["案件标题 · titles"] == "'=cmd|' /C calc'!A0"
    assert [first["'+备注"], second["'+备注"]] == ["'=1+1", "'＝2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_encodings_and_delimiters(api: Api, world: dict[str, uuid.UUID], encoding: str, delimiter: str) -> None:
    content = f"姓名{delimiter}电话\r\n王小明{delimiter}{PHONE}\r\n".encode(encoding)
    (row,) = looked_up(api.as_("clerk", "labour"), content)
    assert [row["姓名"], row["案件数 · cases"]] == ["王小明", "2"]


def test_columns_may_be_said_or_told_by_their_values(api: Api, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "labour")
    (row,) = looked_up(clerk, csv_of(["甲", "电话"], [ID, PHONE]), columns="甲=id_number")
    assert row["识别为 · read as"].startswith("证件号码")
    rows = looked_up(clerk, csv_of(["甲", "乙"], *([f"{index}", f"1380013{index:04}"] for index in range(7990, 8010))))
    assert {row["识别为 · read as"] for row in rows} == {"电话 phone"}
    assert [row["案件数 · cases"] for row in rows].count("2") == 1


def test_a_result_may_be_looked_up_again(api: Api, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "labour")
    content = csv_of(["电话"], [PHONE])
    for _ in range(3):
        answer = hand(clerk, content, columns="电话=phone").json()
        finished(clerk, answer["lookup_id"])
        content = clerk.get(f"/v1/lookups/{answer['lookup_id']}/result").content
    header = content.decode("utf-8-sig").splitlines()[0].split(",")
    assert len(set(header)) == len(header) == 22


def test_a_broken_line_keeps_its_place(api: Api, world: dict[str, uuid.UUID]) -> None:
    content = f"姓名,电话\r\n王小明,{PHONE}\r\n一,二,三,四\r\n李四,{PHONE}\r\n".encode()
    rows = looked_up(api.as_("clerk", "labour"), content)
    assert [row["说明 · remark"] for row in rows] == ["", "此行无法读取 · this line could not be read", ""]


REFUSED = [
    pytest.param(b"", 422, id="empty"),
    pytest.param("姓名,电话\n".encode(), 422, id="no rows"),
    pytest.param("甲,乙\n无,无\n".encode(), 422, id="no known column"),
    pytest.param(f"姓名\n{'x' * 10}\n".encode() + b"\xff\xff\xff" * 40, 422, id="no text"),
    pytest.param("姓名,姓名\n王,李\n".encode(), 422, id="a name twice"),
    pytest.param(f"{PHONE}\n13712345678\n".encode(), 422, id="values in the first line"),
    pytest.param(b"PK\x03\x04 no workbook", 422, id="damaged workbook"),
    pytest.param(b"\xd0\xcf\x11\xe0" + bytes(600), 422, id="old xls"),
    pytest.param((",".join(f"姓名{index}" for index in range(101)) + "\n" + "," * 100 + "\n").encode(), 422, id="too wide"),
]


@pytest.mark.parametrize(("content", "status"), REFUSED)
def test_files_that_are_refused(api: Api, store: Store, content: bytes, status: int) -> None:
    answer = hand(api.as_("clerk", "labour"), content)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"]
    assert PHONE not in answer.text
    assert store.rows("SELECT * FROM ops.lookup") == []
    assert store.rows("SELECT * FROM ops.lookup_row") == []


def result_of(clerk: Api, *cells: str) -> str:
    """The path of a finished result."""
    lookup_id = hand(clerk, csv_of(["查询内容"], *([cell] for cell in cells))).json()["lookup_id"]
    assert finished(clerk, lookup_id)["state"] == "done"
    return f"/v1/lookups/{lookup_id}/result"


SEAL = "UPDATE store.source_record SET visibility = 'sealed' WHERE source_record_id = '{}'"


@pytest.mark.parametrize(
    ("number", "change"),
    [
        pytest.param("XF-1", SEAL, id="a readable record is sealed"),
        pytest.param("XF-1", SEAL.replace("sealed", "restricted"), id="a readable record is to be asked for"),
        pytest.param("C-3", SEAL, id="one that was to be asked for is sealed"),
        pytest.param("XF-1", "UPDATE store.source_record SET is_deleted = true WHERE source_record_id = '{}'", id="a record is deleted"),
    ],
)
def test_a_result_is_kept_back_once_what_it_tells_is_closed(
    api: Api, store: Store, world: dict[str, uuid.UUID], number: str, change: str
) -> None:
    clerk = api.as_("clerk", "labour")
    told, other = result_of(clerk, ID), result_of(clerk, "LD-2")
    assert clerk.get(told).status_code == 200
    store.run(change.format(number))
    refused = clerk.get(told)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:casehub:problem:conflict")
    assert clerk.get(other).status_code == 200
    assert str(world["wages"]) in clerk.get(result_of(clerk, "王小明", ID)).text or number == "XF-1"


def test_a_result_of_the_callers_own_is_his_still(api: Api, store: Store, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "procuratorate")
    told = result_of(clerk, SEALED_PHONE)
    store.run("UPDATE store.source_record SET title = '另一题', visibility = 'restricted' WHERE source_record_id = 'JC-4'")
    assert clerk.get(told).status_code == 200


def test_a_result_is_given_out_for_a_purpose_and_written_down(api: Api, store: Store, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "labour")
    told = result_of(clerk, PHONE)
    assert clerk.get(told).status_code == 200
    (row,) = store.rows("SELECT entity_ids, purpose, results FROM audit.access WHERE action = 'lookups.result'")
    assert set(row["entity_ids"]) == {world["wages"], world["noise"]}
    assert (row["purpose"], row["results"]) == ("handling", 2)
    for name in PURPOSE:
        del clerk.headers[name]
    refused = clerk.get(told)
    assert refused.status_code == 422
    assert "X-Purpose" in refused.json()["remedy"]
    assert clerk.get(result_of(clerk, PHONE)).status_code == 200  # made without one


def test_a_job_is_of_its_callers_role(api: Api, store: Store, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "labour")
    told = result_of(clerk, PHONE)
    store.run("UPDATE ops.lookup SET role = 'admin'")
    assert clerk.get(told).status_code == 404
    assert clerk.get("/v1/lookups").json()["items"] == []


def test_a_result_is_kept_back_once_the_policy_reads_otherwise(api: Api, world: dict[str, uuid.UUID], treat: Any) -> None:
    clerk = api.as_("clerk", "labour")
    told = result_of(clerk, PHONE)
    treat(version=7, departments=frozenset({"labour"}))
    assert clerk.get(told).status_code == 409


def test_a_result_of_which_nothing_is_kept_is_kept_back(api: Api, store: Store, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "labour")
    told = result_of(clerk, PHONE)
    store.run("DELETE FROM ops.lookup_row")
    assert clerk.get(told).status_code == 409


@pytest.mark.parametrize("columns", ["没有=phone", "姓名=colour", "姓名", "=,"])
def test_columns_that_are_refused(api: Api, columns: str) -> None:
    assert hand(api.as_("clerk", "labour"), csv_of(["姓名"], ["王小明"]), columns=columns).status_code == 422


def test_a_bomb_is_refused(api: Api) -> None:
    import zipfile

    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (80 << 20))
    answer = hand(api.as_("clerk", "labour"), written.getvalue())
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:casehub:problem:too-large")
    far = Workbook()
    far.active["A1"], far.active["XFD900000"] = "电话", PHONE
    written = io.BytesIO()
    far.save(written)
    assert hand(api.as_("clerk", "labour"), written.getvalue()).status_code == 413


def test_too_many_rows_or_bytes(api: Api) -> None:
    clerk = api.as_("clerk", "labour")
    many = b"q\n" + b"1\n" * 50_001
    assert hand(clerk, many).status_code == 413
    assert hand(clerk, b"q\n" + b"x" * (16 << 20)).status_code == 413


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"other": ("a.csv", b"q\n1\n")}, id="another name"),
        pytest.param([("file", ("a.csv", b"q\n1\n")), ("file", ("b.csv", b"q\n1\n"))], id="two files"),
    ],
)
def test_forms_that_are_refused(api: Api, files: Any) -> None:
    assert api.as_("clerk", "labour").post("/v1/lookups", files=files).status_code == 422


def test_a_form_without_a_boundary_is_refused(api: Api) -> None:
    answer = api.as_("clerk", "labour").post("/v1/lookups", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 422


def test_a_job_is_its_callers_alone(api: Api, world: dict[str, uuid.UUID]) -> None:
    one, other = api.as_("clerk", "labour"), api.as_("clerk", "labour")
    lookup_id = hand(one, csv_of(["电话"], [PHONE])).json()["lookup_id"]
    finished(one, lookup_id)
    absent = other.get(f"/v1/lookups/{uuid.uuid4()}")
    for path in (f"/v1/lookups/{lookup_id}", f"/v1/lookups/{lookup_id}/result"):
        answer = other.get(path)
        assert answer.status_code == 404
        assert answer.json()["detail"] == absent.json()["detail"]
    assert other.delete(f"/v1/lookups/{lookup_id}").status_code == 404
    assert other.get("/v1/lookups").json()["items"] == []
    assert [item["lookup_id"] for item in one.get("/v1/lookups").json()["items"]] == [lookup_id]
    for method, path in (("POST", ""), ("GET", ""), ("GET", f"/{lookup_id}"), ("GET", f"/{lookup_id}/result"), ("DELETE", f"/{lookup_id}")):
        assert api.request(method, f"/v1/lookups{path}").status_code == 401


def test_deleting_leaves_nothing(api: Api, store: Store, world: dict[str, uuid.UUID]) -> None:
    clerk = api.as_("clerk", "labour")
    lookup_id = hand(clerk, csv_of(["电话"], [PHONE])).json()["lookup_id"]
    finished(clerk, lookup_id)
    assert store.rows("SELECT ordinal, cells FROM ops.lookup_row") == [
        {"ordinal": 0, "cells": None}
    ]  # rows are gone with the result's making
    assert clerk.delete(f"/v1/lookups/{lookup_id}").status_code == 204
    assert clerk.get(f"/v1/lookups/{lookup_id}").status_code == 404
    assert store.rows("SELECT * FROM ops.lookup") == []


def test_without_a_purpose_titles_of_ones_own_are_masked_too(api: Api, store: Store) -> None:
    store.case(store.record("labour", "1", [{"name": "王小明", "phone": PHONE}], title="王小明欠薪"))
    clerk = api.as_("clerk", "labour")
    assert looked_up(clerk, csv_of(["电话"], [PHONE]))[0]["案件标题 · titles"] == "王小明欠薪"
    del clerk.headers["X-Purpose"], clerk.headers["X-Case-Reference"]
    assert looked_up(clerk, csv_of(["电话"], [PHONE]))[0]["案件标题 · titles"] == "王**欠薪"


def test_cases_beyond_those_named_are_said_to_be_there(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        store.case(store.record("labour", f"LD-{number}", [{"name": "李四", "phone": PHONE}], title="噪音"))
    clerk = api.as_("clerk", "labour")
    (row,) = looked_up(clerk, csv_of(["电话"], [PHONE]))
    assert (row["案件数 · cases"], len(row["案件标识 · case ids"].split("；"))) == ("12", 10)
    assert row["说明 · remark"] == "仅列前 10 个 · the first 10 are named"
    monkeypatch.setattr("api.queries.lookups.MOST_RECORDS", 11)
    (row,) = looked_up(clerk, csv_of(["电话"], [PHONE]))
    assert "of which some are counted；仅列前 10 个" in row["说明 · remark"]  # neither goes unsaid for the other


def test_a_role_that_may_not(api: Api) -> None:
    caller = api.as_("engineer", "labour")
    for method, path in (("POST", ""), ("GET", ""), ("GET", f"/{uuid.uuid4()}")):
        assert caller.request(method, f"/v1/lookups{path}").status_code == 403


def test_without_room_the_file_is_not_even_taken(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Worker, "step", lambda _: False)
    clerk = api.as_("clerk", "labour")
    for _ in range(3):
        assert hand(clerk, csv_of(["电话"], [PHONE])).status_code == 202
    connection = http.client.HTTPConnection(clerk.base_url.host, clerk.base_url.port, timeout=20)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/v1/lookups")
        for name, value in {"Authorization": clerk.headers["Authorization"], "Content-Length": str(1 << 20)}.items():
            connection.putheader(name, value)
        connection.endheaders()  # and nothing of the body
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["type"]) == (409, "urn:casehub:problem:busy")
    assert hand(clerk, b"PK\x03\x04 no workbook").status_code == 409
    assert hand(api.as_("clerk", "labour"), csv_of(["电话"], [PHONE])).status_code == 202


def test_one_file_of_a_caller_is_read_at_a_time(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, content = api.as_("clerk", "labour"), api.as_("clerk", "labour"), csv_of(["电话"], [PHONE])
    is_begun, may_end = threading.Event(), threading.Event()

    def slow(uploaded: bytes, most: int) -> Upload:
        if uploaded.endswith(b"slow"):
            is_begun.set()
            assert may_end.wait(30)
        return read_upload(uploaded, most)

    monkeypatch.setattr(routes, "read_upload", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(hand, one, content + b"slow")
        assert is_begun.wait(30)
        refused = hand(one, content)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert hand(other, content).status_code == 202
        may_end.set()
        assert first.result().status_code == 202
    assert hand(one, b"PK\x03\x04 no workbook").status_code == 422
    assert hand(one, content).status_code == 202  # what was refused holds no place


# --- the worker by itself ---------------------------------------------------------------------------------------------


@pytest.fixture
def hub(database: Any, tmp_path: Path) -> Iterator[Hub]:
    """A hub on a store of this test's own, where no server works."""
    with contextlib.closing(make_hub(Settings(home=tmp_path), database, DIRECTORY)) as made:
        yield made


@pytest.fixture
def clerk(hub: Hub) -> Caller:
    create_key(hub.engine, Caller("zhang", "clerk", "labour"), 1)
    (key,) = Store(hub.engine).rows("SELECT key_id FROM ops.api_key")
    return Caller("zhang", "clerk", "labour", key_id=key["key_id"])


def job(hub: Hub, caller: Caller, rows: int = 250) -> uuid.UUID:
    upload = Upload("csv", ("电话",), [[f"1380013{index:04}"] for index in range(rows)])
    return hand_in(hub, caller, upload, ("phone",))


def state(hub: Hub) -> dict[str, Any]:
    row = Store(hub.engine).rows("SELECT * FROM ops.lookup")[0]
    return row | {"result": None if row["result"] is None else clear_bytes(Protected.RESULT, bytes(row["result"]))}


def test_progress_and_an_end_that_is_foretold(hub: Hub, clerk: Caller) -> None:
    from api.lookups import jobs
    from api.routes.lookups import _answer

    lookup_id = job(hub, clerk)
    with hub.read() as connection:
        assert _answer(jobs.find(connection, clerk, lookup_id)).estimated_end_at is None
    assert Worker(hub).step()
    with hub.read() as connection:
        told = _answer(jobs.find(connection, clerk, lookup_id))
        with pytest.raises(Exception, match="not finished"):
            jobs.result(connection, clerk, lookup_id)
    assert (told.state, told.rows_done, told.rows) == ("running", 100, 250)
    assert told.estimated_end_at is not None and told.started_at is not None
    assert told.estimated_end_at > told.started_at


def test_a_killed_server_loses_a_chunk_and_doubles_no_row(hub: Hub, clerk: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    job(hub, clerk)
    first = Worker(hub)
    first.step()

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt  # after the answers were written, before they are committed

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(working, "write_audits", killed)
        first.step()
    assert state(hub)["rows_done"] == 100
    second = Worker(hub)
    while second.step():
        pass
    done = state(hub)
    lines = bytes(done["result"]).decode("utf-8-sig").splitlines()[1:]
    assert (done["state"], len(lines), len({line.split(",")[0] for line in lines})) == ("done", 250, 250)
    assert Store(hub.engine).rows("SELECT count(*) FROM audit.access WHERE action LIKE 'lookups.row:%'") == [{"count": 250}]


def test_two_servers_take_two_jobs(hub: Hub, clerk: Caller) -> None:
    from sqlalchemy import text

    one, two = job(hub, clerk, 5), job(hub, clerk, 5)
    with hub.engine.begin() as connection:
        taken = connection.execute(text(working._TAKE)).mappings().one()
        assert taken["lookup_id"] == one
        assert Worker(hub).step()
        rows = Store(hub.engine).rows("SELECT lookup_id, rows_done FROM ops.lookup ORDER BY created_at")
        assert rows == [{"lookup_id": one, "rows_done": 0}, {"lookup_id": two, "rows_done": 5}]


def test_jobs_take_turns(hub: Hub, clerk: Caller) -> None:
    long, short = job(hub, clerk, 500), job(hub, clerk, 5)
    worker = Worker(hub)
    for _ in range(4):
        worker.step()
    states = {row["lookup_id"]: row["state"] for row in Store(hub.engine).rows("SELECT lookup_id, state FROM ops.lookup")}
    assert states == {long: "running", short: "done"}


@pytest.mark.parametrize("how", ["revoked", "expired", "moved", "policy"])
def test_a_caller_who_may_no_more_is_looked_up_for_no_more(hub: Hub, clerk: Caller, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job(hub, clerk)
    worker = Worker(hub)
    worker.step()
    if how == "revoked":
        revoke_key(hub.engine, clerk.name)
    elif how == "policy":
        document = hub.policies.current().model_dump(mode="json")
        document["roles"]["clerk"]["endpoints"] = ["cases.*"]
        monkeypatch.setattr(hub.policies, "current", lambda: policy_of(document))
    else:
        change = "expires_at = now()" if how == "expired" else "department = 'court'"
        Store(hub.engine).run(f"UPDATE ops.api_key SET {change}")
    while worker.step():
        pass
    found = state(hub)
    assert [found["state"], found["reason"], found["rows_done"], found["result"]] == ["stopped", "revoked", 100, None]
    assert Store(hub.engine).rows("SELECT * FROM ops.lookup_row") == []


@pytest.mark.parametrize(("hours", "state_after"), [(11, "done"), (13, "stopped")])
def test_a_token_is_good_for_no_longer_than_any_token(hub: Hub, hours: int, state_after: str) -> None:
    job(hub, Caller("li@https://issuer", "clerk", "labour", kind="token"), 5)
    Store(hub.engine).run(f"UPDATE ops.lookup SET created_at = now() - interval '{hours} hours'")
    worker = Worker(hub)
    while worker.step():
        pass
    assert state(hub)["state"] == state_after


def test_each_chunk_sees_the_store_of_its_moment(hub: Hub, clerk: Caller) -> None:
    store = Store(hub.engine)
    store.case(store.record("petition", "XF-1", [{"name": "甲", "phone": "13800130249"}]))
    job(hub, clerk)
    worker = Worker(hub)
    worker.step()
    store.run("UPDATE store.source_record SET visibility = 'sealed'")
    while worker.step():
        pass
    assert bytes(state(hub)["result"]).decode("utf-8-sig").splitlines()[-1].split(",")[2] == "无 none"


def test_limits_of_a_caller(hub: Hub, clerk: Caller) -> None:
    for _ in range(hub.settings.lookup_jobs):
        job(hub, clerk, 1)
    with pytest.raises(Exception, match="not finished yet"):
        job(hub, clerk, 1)
    job(hub, Caller("li", "clerk", "labour"), 1)


def test_what_was_kept_long_enough_goes(hub: Hub, clerk: Caller) -> None:
    from api.lookups import jobs

    lookup_id = job(hub, clerk)
    assert (state(hub)["expires_at"] - state(hub)["created_at"]) == dt.timedelta(days=7)
    assert purge(hub.engine) == 0
    Store(hub.engine).run("UPDATE ops.lookup SET expires_at = now()")
    with hub.read() as connection, pytest.raises(Exception, match="no such look-up"):
        jobs.find(connection, clerk, lookup_id)
    assert not Worker(hub).step()
    assert purge(hub.engine) == 1
    assert Store(hub.engine).rows("SELECT * FROM ops.lookup_row") == []


def test_a_row_that_takes_too_long_is_told_and_holds_up_no_other(hub: Hub, clerk: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import text

    real = working.answer_rows

    def slow(connection: Any, presenter: Any, rows: dict[int, Any], kinds: Any) -> Any:
        if 7 in rows:
            connection.execute(text("SET LOCAL statement_timeout = 20"))
            connection.execute(text("SELECT pg_sleep(1)"))
        return real(connection, presenter, rows, kinds)

    monkeypatch.setattr(working, "answer_rows", slow)
    monkeypatch.setattr(working, "IDLE_S", 0.01)
    job(hub, clerk, 20)
    worker = Worker(hub)
    with working.working(worker):
        deadline = time.monotonic() + 20
        while state(hub)["state"] != "done" and time.monotonic() < deadline:
            time.sleep(0.05)
    lines = bytes(state(hub)["result"]).decode("utf-8-sig").splitlines()[1:]
    assert [index for index, line in enumerate(lines, start=1) if "too common" in line] == [7]
    assert len(lines) == 20


def test_a_mistake_of_the_hubs_own_ends_that_job_alone(
    hub: Hub, clerk: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = working.answer_rows

    def breaks(connection: Any, presenter: Any, rows: dict[int, Any], kinds: Any) -> Any:
        if len(rows) == 3:
            raise ValueError(f"王小明 {PHONE}")
        return real(connection, presenter, rows, kinds)

    monkeypatch.setattr(working, "answer_rows", breaks)
    broken, whole = job(hub, clerk, 3), job(hub, clerk, 5)
    with working.working(Worker(hub)):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            states = {row["lookup_id"]: row["state"] for row in Store(hub.engine).rows("SELECT lookup_id, state FROM ops.lookup")}
            if states == {broken: "failed", whole: "done"}:
                break
            time.sleep(0.05)
    assert states == {broken: "failed", whole: "done"}
    assert "ValueError" in caplog.text
    assert PHONE not in caplog.text


def test_a_job_waits_while_every_connection_is_taken(
    hub: Hub, clerk: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(working, "IDLE_S", 0.01)
    monkeypatch.setattr("api.state.POOL_TIMEOUT_S", 0.1)
    job(hub, clerk, 5)
    engine = hub.logins.engine(dataclasses.replace(clerk, rights=hub.policies.current().rights(clerk.department, clerk.role)))
    with contextlib.ExitStack() as taken, contextlib.ExitStack() as at_work:
        for _ in range(POOL_SIZE):
            taken.enter_context(engine.connect())
        at_work.enter_context(working.working(Worker(hub)))
        wake = time.monotonic() + 10
        while "every connection is taken" not in caplog.text and time.monotonic() < wake:
            time.sleep(0.05)
        assert state(hub)["state"] in ("waiting", "running")
        taken.close()
        deadline = time.monotonic() + 20
        while state(hub)["state"] != "done" and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (state(hub)["state"], state(hub)["rows_done"]) == ("done", 5)
