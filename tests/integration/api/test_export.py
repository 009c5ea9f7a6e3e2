"""Exports: what is in the file, what is not, what is written down, and how a file that broke off is known."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import polars as pl
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from api.change_waiting import EACH
from api.entity_tag import VARY
from api.export import running
from api.serve import serving
from hub.errors import StoreError, StoreUnavailable
from hub.settings import Settings
from tests.integration.api.builders import DIRECTORY, PURPOSE, Api, Store, at
from tests.integration.api.waiting import wait_for

PHONE = "13800138000"
FORMULA = '=HYPERLINK("http://x","y")'
RECEIVER = "区法院立案庭"
FORMATS = ("jsonl", "csv", "parquet")
LEVELS = ("cases", "records", "parties")


def export(api: Api, format_: str, level: str = "cases", **more: Any) -> httpx.Response:
    answer = api.post("/v1/cases/export", json={"format": format_, "level": level, "receiver": RECEIVER, **more})
    assert answer.status_code == 200, answer.text
    return answer


def rows(answer: httpx.Response, format_: str) -> list[dict[str, Any]]:
    """Rows of a file that is whole, as text."""
    if format_ == "jsonl":
        *found, end = [json.loads(line) for line in answer.text.splitlines()]
        assert end["end"] == {"rows": len(found), "complete": end["end"]["complete"]}
        return found
    if format_ == "parquet":
        table = pq.read_table(io.BytesIO(answer.content))
        assert int(pq.read_metadata(io.BytesIO(answer.content)).metadata[b"casehub.rows"]) == table.num_rows
        return table.to_pylist()
    assert answer.content.startswith(b"\xef\xbb\xbf")
    frame = pl.read_csv(answer.content, infer_schema=False)
    assert frame.row(-1)[0].startswith(f"#end rows={frame.height - 1} ")
    return frame[:-1].to_dicts()


class Filled:
    """A petition's case with a labour record, a sealed one, a restricted one."""

    def __init__(self, store: Store) -> None:
        worker = {"name": "王小明", "phone": PHONE, "id_no": "440311199001011237", "id_type": "resident_id", "entity": uuid.uuid4()}
        own = store.record("petition", "XF-1", [worker], title=FORMULA, text="王小明来访", amount="100.00", reported_at=at(5))
        other = store.record(
            "labour", "LD-1", [worker], title="欠薪", text=f"电话{PHONE}", community="440311001001", street="440311001", reported_at=at(6)
        )
        sealed = store.record("procuratorate", "JC-1", [{"name": "赵小虎"}], title="未成年人", visibility="sealed")
        restricted = store.record("court", "FY-1", [{"name": "钱多多"}], title="不公开审理", visibility="restricted")
        self.first = store.case(own, other, sealed, restricted)
        self.second = store.case(store.record("labour", "LD-2", title="-1+1", category="noise", reported_at=at(4)))
        self.hidden = store.case(store.record("procuratorate", "JC-2", title="另一未成年人", visibility="sealed"))


CLOSED = ("赵", "钱", "未成年人", "不公开审理", "JC-", "FY-1")


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_holds_the_same_rows_of_every_level(api: Api, store: Store, format_: str) -> None:
    filled = Filled(store)
    clerk = api.as_("clerk", "petition")
    found = {level: rows(export(clerk, format_, level), format_) for level in LEVELS}
    assert [row["case_id"] for row in found["cases"]] == [str(filled.first), str(filled.second)]
    assert [(row["department"], row["source_record_id"]) for row in found["records"]] == [
        ("petition", "XF-1"),
        ("labour", "LD-1"),
        ("labour", "LD-2"),
    ]
    assert [(row["department"], row["name"], row["phone"]) for row in found["parties"]] == [
        ("petition", "王小明", PHONE),
        ("labour", "王**", "138****8000"),
    ]
    case, record = found["cases"][0], found["records"][1]
    assert (case["category"], case["category_zh"], record["department_zh"]) == ("wages", "欠薪劳资", "人力资源局")
    assert str(case["record_count"]) == "2"
    assert case["acknowledged"] in (["court"], "court")
    assert record["text"] == "电话138****8000"
    assert str(record["is_masked"]).lower() == "true"


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("level", LEVELS)
def test_nothing_of_closed_records_is_in_a_file(api: Api, store: Store, format_: str, level: str) -> None:
    filled = Filled(store)
    for caller in (api.as_("clerk", "petition"), api.as_("admin")):
        told = str(rows(export(caller, format_, level), format_))
        assert str(filled.hidden) not in told
        assert [word for word in CLOSED if word in told] == []
    assert "未成年人" in str(rows(export(api.as_("clerk", "procuratorate"), format_, "records"), format_))


def test_without_a_purpose_all_is_masked(api: Api, store: Store) -> None:
    Filled(store)
    clerk = api.as_("clerk", "petition")
    for name in PURPOSE:
        del clerk.headers[name]
    for level in LEVELS:
        told = export(clerk, "jsonl", level).text
        assert "小明" not in told
        assert PHONE not in told


def test_a_spreadsheet_takes_nothing_for_a_formula_or_a_number(api: Api, store: Store) -> None:
    Filled(store)
    answer = export(api.as_("clerk", "petition"), "csv", "records")
    titles = [row["title"] for row in rows(answer, "csv")]
    assert titles == [f"'{FORMULA}", "欠薪", "'-1+1"]
    assert rows(answer, "csv")[1]["community"] == "'440311001001"
    assert rows(answer, "csv")[0]["amount"] == "100.00"
    assert answer.content.count(b"\r\n") == 5  # header, three rows, the end
    (first, *_), *_ = rows(export(api.as_("clerk", "petition"), "jsonl", "records"), "jsonl"), None
    assert first["title"] == FORMULA


def test_filters_and_entries_are_those_of_the_single_entry(api: Api, store: Store) -> None:
    filled = Filled(store)
    clerk = api.as_("clerk", "petition")
    for asked, expected in (
        ({"q": PHONE}, [filled.first]),
        ({"category": "noise"}, [filled.second]),
        ({"q": "没有这回事"}, []),
        ({"q": "赵小虎"}, []),
    ):
        assert [row["case_id"] for row in rows(export(clerk, "jsonl", **asked), "jsonl")] == [str(one) for one in expected], asked
    for format_ in FORMATS:
        for level in LEVELS:
            assert rows(export(clerk, format_, level, q="没有这回事"), format_) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"receiver": None},
        {"receiver": " "},
        {"receiver": "法院\r\nSet-Cookie: a=b"},
        {"receiver": "a\x00b"},
        {"receiver": f"王 {PHONE}"},
        {"receiver": "x" * 201},
        {"format": "xlsx"},
        {"level": "persons"},
        {"limit": 0},
        {"cursor": "abc"},
        {"sort": "relevance"},
        {"facets": "category"},
        {"total": True},
        {"unheard": 1},
    ],
    ids=str,
)
def test_what_cannot_be_exported_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    body = {"format": "csv", "receiver": RECEIVER} | wrong
    answer = api.as_("clerk", "petition").post("/v1/cases/export", json={name: value for name, value in body.items() if value is not None})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:casehub:problem:request")
    assert PHONE not in answer.text
    assert "set-cookie" not in answer.headers


def test_no_header_repeats_what_was_sent(api: Api, store: Store) -> None:
    answer = export(api.as_("clerk", "petition"), "csv", receiver="filename=evil.exe")
    assert answer.headers["content-disposition"] == 'attachment; filename="casehub-cases.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", VARY)
    assert "evil" not in str(answer.headers)


def test_words_find_more_than_relevance_would_order(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.export.rows.CASES_AT_ONCE", 2)
    monkeypatch.setattr("api.cursor.RELEVANT_MOST", 3)
    case_ids = [str(store.case(store.record("petition", f"XF-{n}", title="噪音扰民", reported_at=at(n + 1)))) for n in range(7)]
    clerk = api.as_("clerk", "labour")
    assert [row["case_id"] for row in rows(export(clerk, "jsonl", q="噪音"), "jsonl")] == case_ids[::-1]
    assert [row["case_id"] for row in rows(export(clerk, "jsonl", q="噪音", sort="oldest"), "jsonl")] == case_ids


# --- limits, and what is written down ----------------------------------------------------------------------------------


@pytest.fixture
def strict_api(database: Engine) -> Iterator[Api]:
    """An API whose clerks export two rows, and whose engineers none."""
    settings = Settings(api_port=0, export_rows={"engineer": 0, "admin": 1000, "*": 2})
    with serving(settings, database, DIRECTORY) as url, contextlib.closing(Api(url, Store(database))) as found:
        yield found


@pytest.mark.parametrize("format_", FORMATS)
def test_what_a_limit_keeps_back_is_said(strict_api: Api, format_: str) -> None:
    for number in range(3):
        strict_api.store.case(strict_api.store.record("petition", f"XF-{number}", title="噪音", reported_at=at(number + 1)))
    clerk, admin = strict_api.as_("clerk", "petition"), strict_api.as_("admin")
    for caller, asked, count, is_complete in ((clerk, {}, 2, False), (admin, {}, 3, True), (admin, {"limit": 1}, 1, False)):
        answer = export(caller, format_, **asked)
        assert len(rows(answer, format_)) == count
        assert ends_complete(answer, format_) is is_complete
    assert len(rows(export(clerk, format_, q="XF-1"), format_)) == 1
    assert ends_complete(export(clerk, format_, q="XF-1"), format_)


def ends_complete(answer: httpx.Response, format_: str) -> bool:
    if format_ == "jsonl":
        return bool(json.loads(answer.text.splitlines()[-1])["end"]["complete"])
    if format_ == "parquet":
        return pq.read_metadata(io.BytesIO(answer.content)).metadata[b"casehub.complete"] == b"true"
    return "complete=true" in answer.text.splitlines()[-1]


def test_a_role_that_may_export_nothing_is_refused(strict_api: Api) -> None:
    answer = strict_api.as_("engineer").post("/v1/cases/export", json={"format": "csv", "receiver": RECEIVER})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:casehub:problem:access-denied")


def written(store: Store) -> list[dict[str, Any]]:
    return store.rows("SELECT * FROM audit.access WHERE action LIKE 'cases.export%' ORDER BY access_id")


def test_each_part_is_written_down_before_it_leaves_and_the_end_after(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.export.rows.CASES_AT_ONCE", 2)
    case_ids = [store.case(store.record("petition", f"XF-{n}", title="噪音", reported_at=at(9 - n))) for n in range(3)]
    export(api.as_("clerk", "petition"), "jsonl")
    noted = written(store)
    assert [(row["action"], row["outcome"]) for row in noted] == [
        ("cases.export", 200),
        ("cases.export.part", 200),
        ("cases.export.part", 200),
        ("cases.export.end", 200),
    ]
    assert [row["entity_ids"] for row in noted] == [None, case_ids[:2], case_ids[2:], None]
    assert all(row["department"] == "petition" for row in noted)


def test_an_export_that_breaks_off_lacks_its_end_and_is_written_down(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        store.case(store.record("petition", f"XF-{number}", title="噪音"))
    honest = running.rows

    def breaking(*arguments: Any) -> Iterator[Any]:
        yield next(honest(*arguments))
        raise StoreError("the store broke off")

    monkeypatch.setattr(running, "rows", breaking)
    clerk = api.as_("clerk", "petition")
    for format_ in FORMATS:
        got = b""
        with (
            pytest.raises(httpx.RemoteProtocolError),
            clerk.stream("POST", "/v1/cases/export", json={"format": format_, "receiver": RECEIVER}) as answer,
        ):
            for piece in answer.iter_bytes():
                got += piece
        assert b"end" not in got.splitlines()[-1]
        assert (written(store)[-1]["action"], written(store)[-1]["outcome"]) == ("cases.export.end", 500)
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(got))


def test_a_part_that_cannot_be_written_down_does_not_leave(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.case(store.record("petition", "XF-1", title="噪音很大"))

    def refusing(*arguments: Any) -> None:
        raise StoreUnavailable("no row can be written")

    monkeypatch.setattr(running, "write_audit", refusing)
    got = b""
    with (
        pytest.raises(httpx.RemoteProtocolError),
        api.as_("clerk", "petition").stream("POST", "/v1/cases/export", json={"format": "csv", "receiver": RECEIVER}) as answer,
    ):
        for piece in answer.iter_bytes():
            got += piece
    assert "噪音" not in got.decode("utf-8-sig")


@pytest.mark.usefixtures("endless")
def test_who_goes_away_ends_the_export(api: Api, store: Store) -> None:
    with api.as_("clerk", "petition").stream("POST", "/v1/cases/export", json={"format": "jsonl", "receiver": RECEIVER}) as answer:
        next(answer.iter_bytes())
    deadline = time.monotonic() + 20
    while running._running["petition", "clerk"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running._running["petition", "clerk"] == 0
    assert (written(store)[-1]["action"], written(store)[-1]["outcome"]) == ("cases.export.end", 499)


def test_what_takes_too_long_breaks_off(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.case(store.record("petition", "XF-1", title="噪音"))
    monkeypatch.setattr(running, "_now", iter([0.0, 0.0, 1e6]).__next__)
    with pytest.raises(httpx.RemoteProtocolError):
        api.as_("clerk", "petition").post("/v1/cases/export", json={"format": "jsonl", "receiver": RECEIVER})
    assert written(store)[-1]["outcome"] == 500


def test_a_department_exports_two_at_a_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(running._running, ("petition", "clerk"), 2)
    answer = api.as_("clerk", "petition").post("/v1/cases/export", json={"format": "jsonl", "receiver": RECEIVER})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:casehub:problem:busy")
    assert answer.headers["retry-after"]
    export(api.as_("clerk", "labour"), "jsonl")


def test_the_file_is_of_one_moment(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.export.rows.CASES_AT_ONCE", 1)
    for number in range(3):
        store.case(store.record("petition", f"XF-{number}", title="噪音", reported_at=at(9 - number)))
    honest = running.rows

    def interrupted(*arguments: Any) -> Iterator[Any]:
        for part in honest(*arguments):
            yield part
            store.case(store.record("petition", f"XF-{uuid.uuid4()}", title="后来的", reported_at=at(1)))
            store.run("UPDATE store.source_record SET visibility = 'sealed' WHERE source_record_id = 'XF-2'")

    monkeypatch.setattr(running, "rows", interrupted)
    assert [row["title"] for row in rows(export(api.as_("clerk", "labour"), "jsonl"), "jsonl")] == ["噪音"] * 3


def many(store: Store, count: int) -> None:
    """Cases of one record each, written at once."""
    case_id = "md5('c' || n)::uuid"
    store.run(
        "INSERT INTO store.source_record (record_id, version, department, source_record_id, visibility, known_from, title, category, text,"
        f" reported_at) SELECT 1000000 + n, 1, 'petition', 'm' || n, 'shared', 1, '噪音' || n, 'noise', repeat('很长的话', 100),"
        f" timestamptz '2025-01-01' + n * interval '1 minute' FROM generate_series(1, {count}) n",
        "INSERT INTO store.case_member (record_id, known_from, case_id)"
        f" SELECT 1000000 + n, 1, {case_id} FROM generate_series(1, {count}) n",
        "INSERT INTO store.unified_case (case_id, founder_id, known_from, changed, title, category, reported_at, departments, records)"
        f" SELECT {case_id}, 1000000 + n, 1, 1, '噪音' || n, 'noise', timestamptz '2025-01-01' + n * interval '1 minute', '{{petition}}', 1"
        f" FROM generate_series(1, {count}) n",
        "INSERT INTO store.golden_record (entity_id, known_from, fields, ranks, contents, stated_by)"
        f" SELECT {case_id}, 1, ARRAY['title', 'category'], ARRAY[1, 1], ARRAY['噪音' || n, 'noise'],"
        f" ARRAY[(1000000 + n)::text, (1000000 + n)::text] FROM generate_series(1, {count}) n",
        "ANALYZE store.source_record, store.case_member, store.unified_case, store.golden_record",
    )


@pytest.mark.parametrize(("format_", "level"), [("csv", "cases"), ("parquet", "records")])
def test_twenty_thousand_cases_need_no_more_memory_than_a_few(api: Api, store: Store, format_: str, level: str) -> None:
    many(store, 20_000)
    clerk = api.as_("clerk", "labour")
    process = psutil.Process()

    def most(limit: int) -> tuple[int, int]:
        size, peak = 0, 0
        body = {"format": format_, "level": level, "receiver": RECEIVER, "limit": limit}
        gc.collect()  # what tests before it left behind
        with clerk.stream("POST", "/v1/cases/export", json=body) as answer:
            for piece in answer.iter_bytes():
                size, peak = size + len(piece), max(peak, process.memory_info().rss)
        return size, peak

    # What the first one sets up counts as theirs, and what each thread that answers one takes for itself.
    few = max(most(2_000)[1] for _ in range(5))
    size, all_ = most(20_000)
    assert size > 2_000_000 or format_ == "parquet"
    assert all_ - few < 24 * 2**20
    assert [row["outcome"] for row in written(store) if row["action"] == "cases.export.end"] == [200] * 6


def test_an_export_breaks_off_when_its_key_is_revoked(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        store.case(store.record("petition", f"XF-{number}", title="噪音"))
    monkeypatch.setattr("api.export.rows.CASES_AT_ONCE", 1)
    monkeypatch.setattr(running, "ASKED_EVERY_S", 0.0)
    real, parts = running.Export._note, []

    def noting(self: running.Export, action: str, outcome: int, part: Any = None) -> None:
        real(self, action, outcome, part)
        parts.append(action)
        store.run("UPDATE ops.api_key SET revoked_at = now()")

    monkeypatch.setattr(running.Export, "_note", noting)
    with pytest.raises(httpx.RemoteProtocolError):
        api.as_("clerk", "petition").post("/v1/cases/export", json={"format": "jsonl", "receiver": RECEIVER})
    assert parts == ["cases.export.part", "cases.export.end"]
    assert written(store)[-1]["outcome"] == 500


def test_an_export_that_is_refused_makes_no_file(fragile_api: Api) -> None:
    store = fragile_api.store
    for number in range(2):
        store.case(store.record("petition", f"XF-{number}", title="噪音"))
    clerk = fragile_api.as_("clerk", "petition")
    store.run("ALTER TABLE audit.access ADD CONSTRAINT refused CHECK (action <> 'cases.export') NOT VALID")
    answer = clerk.post("/v1/cases/export", json={"format": "jsonl", "receiver": RECEIVER})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:store-unavailable")
    assert "噪音" not in answer.text
    assert wait_for(lambda: [(row["action"], row["outcome"]) for row in written(store)], [("cases.export.end", 499)])
    assert wait_for(lambda: running._running["petition", "clerk"], 0)


def test_a_stream_that_is_refused_gives_its_place_back(fragile_api: Api) -> None:
    store, clerk = fragile_api.store, fragile_api.as_("clerk", "petition")
    store.run("ALTER TABLE audit.access ADD CONSTRAINT refused CHECK (action <> 'changes.stream') NOT VALID")
    for _ in range(EACH + 1):
        answer = clerk.get("/v1/changes/stream?since=latest", timeout=10)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:store-unavailable")
    assert clerk.get("/v1/sources").status_code == 200
