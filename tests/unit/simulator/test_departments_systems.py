"""The parts that systems are made of: rows in pages, faults that happen once, formats, signatures."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import polars as pl
import pytest

from simulator.systems.http import Faults
from simulator.systems.rows import MAPPED_ABOVE_ROWS, ROWS, Rows, epoch_seconds
from simulator.systems.webhook import BURST_EVENTS, WebhookSender
from simulator.systems.writers import column_letter, fixed_width_lines, xml_element, zipped


def make_rows(*pairs: tuple[str | None, int]) -> pl.DataFrame:
    """Rows by key and cursor; the body says the key."""
    return pl.DataFrame([(key, cursor, f"<{key}>") for key, cursor in pairs], schema=ROWS, orient="row")


def test_pages_are_in_the_order_of_cursors(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    rows.put(make_rows(("c", 30), ("a", 10), ("b", 20), (None, 20)))
    assert rows.page(0, 10) == ["<a>", "<b>", "<None>", "<c>"]
    assert rows.page(rows.start_of(20), 2) == ["<b>", "<None>"]
    assert rows.page(4, 2) == rows.page(0, 0) == []


def test_a_changed_row_moves_to_its_new_place_and_a_keyless_one_stays(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    rows.put(make_rows(("a", 10), ("b", 20), (None, 20)))
    rows.put(make_rows(("a", 40)), gone=["b"])
    assert rows.page(0, 10) == ["<None>", "<a>"]


def test_a_mark_leads_on_when_other_rows_change(tmp_path: Path) -> None:
    rows = Rows(tmp_path)
    rows.put(make_rows(("a", 10), ("b", 20), ("c", 20), ("d", 30)))
    mark = rows.mark(1)
    rows.put(make_rows(("a", 40)))
    assert rows.page(rows.after(mark), 10) == ["<c>", "<d>", "<a>"]


def test_many_rows_lie_in_a_file(tmp_path: Path) -> None:
    rows, count = Rows(tmp_path), MAPPED_ABOVE_ROWS + 1
    rows.put(make_rows(*((str(number), number) for number in range(count))))
    rows.put(make_rows(("0", count)))
    assert [path.name for path in tmp_path.iterdir()] == ["rows.2.arrow"]
    assert len(rows) == count
    assert rows.page(count - 1, 1) == ["<0>"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("", None, id="empty"),
        pytest.param("1767225600", 1767225600, id="seconds"),
        pytest.param("2026-01-01T08:00:00+08:00", 1767225600, id="offset"),
        pytest.param("2026-01-01T08:00:00 08:00", 1767225600, id="plus that became a blank"),
        pytest.param("2026-01-01T00:00:00Z", 1767225600, id="utc"),
        pytest.param("2026-01-01 08:00:00", 1767225600, id="the clock in Shenzhen"),
    ],
)
def test_times_as_clients_send_them(text: str | None, expected: int | None) -> None:
    assert epoch_seconds(text) == expected


def test_a_fault_happens_once_until_it_is_armed_again() -> None:
    faults = Faults("page 500")
    assert [faults.strikes("page 500") for _ in range(3)] == [True, False, False]
    faults.arm()
    assert faults.strikes("page 500")
    assert not faults.strikes("another")


def test_fixed_widths_count_two_bytes_a_character() -> None:
    rows = pl.DataFrame({"a": ["张三", "欧阳很长的名字", None], "b": ["1", "22", "333"]})
    lines = fixed_width_lines(rows, (("a", 8), ("b", 3)))
    assert [line.encode("gbk") for line in lines] == ["张三    1  ".encode("gbk"), "欧阳很长22 ".encode("gbk"), b"        333"]


def test_columns_are_lettered_as_in_a_workbook() -> None:
    assert [column_letter(index) for index in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]


def test_xml_is_escaped() -> None:
    frame = pl.DataFrame({"a": ['<b> & "c"', None]})
    assert frame.select(xml_element("名", "a")).to_series().to_list() == ["<名>&lt;b&gt; &amp; &quot;c&quot;</名>", "<名></名>"]


def test_a_zip_is_the_same_each_time() -> None:
    assert zipped({"a.csv": b"1,2\n"}) == zipped({"a.csv": b"1,2\n"})


def test_bursts_are_signed_with_their_time() -> None:
    sender = WebhookSender("emergency_management", None)
    sender.enqueue([f'{{"id":"{number}"}}' for number in range(BURST_EVENTS + 1)])
    assert sender.push() == 0  # without an inbox all of it waits
    bursts = list(sender.bursts())
    assert [burst.body.count(b'"id"') for burst in bursts] == [BURST_EVENTS, 1]
    for burst in bursts:
        signed = burst.headers["X-Timestamp"].encode() + b"." + burst.body
        assert burst.headers["X-Signature-256"] == "sha256=" + hmac.new(sender.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert list(sender.bursts()) == []
