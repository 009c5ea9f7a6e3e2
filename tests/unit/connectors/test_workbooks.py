"""Cells of workbooks that a reader would take for blank, or for another number, without a word."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import openpyxl
import orjson
import pytest

from connectors.connector import XlsxOptions
from connectors.rows import Row, Unreadable
from connectors.transports import workbook
from connectors.transports.lines import Found
from hub.errors import SourceFormatError


def book(
    lines: list[list[Any]], *, errors: tuple[str, ...] = (), merges: tuple[str, ...] = (), replace: tuple[bytes, bytes] = (b"", b"")
) -> bytes:
    """A workbook whose second sheet has these lines; openpyxl writes formulas without a value."""
    made = openpyxl.Workbook()
    sheet = made.create_sheet("台账")
    for cells in lines:
        sheet.append(cells)
    for place in errors:
        sheet[place].value, sheet[place].data_type = "#N/A", "e"
    for span in merges:
        sheet.merge_cells(span)
    content = io.BytesIO()
    made.save(content)
    if not replace[0]:
        return content.getvalue()
    changed = io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(*replace))
    return changed.getvalue()


def read(content: bytes, **options: Any) -> list[Row]:
    return list(workbook.rows(content, XlsxOptions(sheet="台账", **options), 1 << 24, "cases.xlsx", Found()))


def fault(row: Row) -> tuple[str, dict[str, Any] | None]:
    """The cell and the English words of a fault, and what of the row could be read."""
    assert isinstance(row, Unreadable)
    place, _, words = row.fault.partition(": ")
    return f"{place}: {words.partition(' · ')[2]}", row.row


@pytest.mark.parametrize("number", [440311198001011010, 1e15, -1e15, 1234567890123456])
def test_a_number_above_fifteen_digits_is_no_value(number: float) -> None:
    good, bad = read(book([["id", "no"], ["1", 123456789012345], ["2", number]]))
    assert good == {"id": "1", "no": 123456789012345}
    assert fault(bad) == ("B3: a number of more than 15 digits: format the column as text", {"id": "2", "no": None})
    assert isinstance(bad, Unreadable)
    assert orjson.loads(bad.raw) == ["2", pytest.approx(number)]


def test_a_key_above_fifteen_digits_is_no_key() -> None:
    (row,) = read(book([["id", "name"], [440311198001011010, "a"]]))
    assert fault(row)[1] == {"id": None, "name": "a"}


def test_an_error_is_no_blank() -> None:
    good, bad, alone = read(book([["id", "name"], [1, "a"], [2, None], [None, None]], errors=("B3", "B4")))
    assert good == {"id": 1, "name": "a"}
    assert fault(bad) == ("B3: an error (such as #N/A): have it corrected in the sheet", {"id": 2, "name": None})
    assert fault(alone)[1] == {"id": None, "name": None}


def test_a_formula_without_its_result_is_no_blank() -> None:
    first, last = read(book([["id", "name"], [1, "=A2"], ["=A2+1", None]]))
    assert fault(first) == ("B2: a formula without its result: open it in Excel or WPS and save it anew", {"id": 1, "name": None})
    assert fault(last)[0].startswith("A3: ")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        pytest.param(b'<c r="B2"><f>A2</f><v>7</v></c>', 7, id="a number"),
        pytest.param(b'<c r="B2" t="str"><f>A2</f><v>x</v></c>', "x", id="a text"),
        pytest.param(b'<c r="B2" t="str"><f>A2</f><v></v></c>', None, id="a text of no characters"),
        pytest.param(b'<c t="str"><f>A2</f><v></v></c>', None, id="a cell without its place"),
    ],
)
def test_a_formula_with_its_result_is_read(cell: bytes, value: Any) -> None:
    content = book([["id", "name"], [1, "=A2"], [2, "b"]], replace=(b'<c r="B2"><f>A2</f><v></v></c>', cell))
    assert read(content) == [{"id": 1, "name": value}, {"id": 2, "name": "b"}]
    assert read(book([["id", "name"], [1, "=A2"]], replace=(b'<c r="B2"><f>A2</f><v></v></c>', b'<c r="B2"><f>A2</f><v/></c>'))) != []


def test_errors_of_another_sheet_are_no_matter() -> None:
    made = openpyxl.load_workbook(io.BytesIO(book([["id", "name"], [1, "a"]])))
    made["Sheet"]["B2"] = "=A1"
    content = io.BytesIO()
    made.save(content)
    assert read(content.getvalue()) == [{"id": 1, "name": "a"}]


def test_an_error_in_merged_cells_is_one_of_each_of_their_lines() -> None:
    rows = read(book([["id", "name"], [1, None], [2, None], [3, "c"]], errors=("B2",), merges=("B2:B3",)))
    assert [fault(row)[0].partition(":")[0] for row in rows[:2]] == ["B2", "B3"]
    assert rows[2] == {"id": 3, "name": "c"}


def test_an_error_in_the_header_is_told() -> None:
    with pytest.raises(SourceFormatError, match="the header of column 2 cannot be read"):
        read(book([["id", "=A1"], [1, "a"]]))


def test_what_stands_beyond_the_header_is_not_dropped() -> None:
    good, bad = read(book([["id", "name"], [1, "a", None, " "], [2, "b", None, "c"]]))
    assert good == {"id": 1, "name": "a"}
    assert fault(bad) == ("D3: filled, and the header has no name for its column", {"id": 2, "name": "b"})
    assert isinstance(bad, Unreadable)
    assert orjson.loads(bad.raw) == [2, "b", "", "c"]


def test_a_lenient_reader_takes_what_it_can() -> None:
    content = book([["id", "name"], [440311198001011010, "=A2", "beyond"], [None, None, "beyond"]], errors=())
    (row,) = workbook.rows(content, XlsxOptions(sheet="台账"), 1 << 24, "upload", Found(), is_lenient=True)
    assert row == {"id": pytest.approx(440311198001011010), "name": None}


def test_a_lenient_reader_leaves_it_to_its_caller_that_values_stand_in_the_header() -> None:
    content, found = book([[440311198001011010, "name"], ["1", "a"]]), Found()
    list(workbook.rows(content, XlsxOptions(sheet="台账"), 1 << 24, "upload", found, is_lenient=True))
    assert found.columns == ("4.40311198001011e+17", "name")


def test_a_cell_merged_to_beyond_the_header_is_no_more_than_itself() -> None:
    rows = read(book([["id", "name"], [1, "a"], [2, "b"], [None, None, None, " "], [3, "c", None, "d"]], merges=("B2:D2", "B3:C3")))
    assert rows[:2] == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert [fault(row)[0].partition(":")[0] for row in rows[2:]] == ["D5"]
