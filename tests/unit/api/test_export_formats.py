"""Cells of an exported CSV: nothing that a spreadsheet runs, and nothing that it loses digits of."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from api.export.formats import cell
from api.export.running import most_rows
from hub.errors import AccessDenied

DANGEROUS = (
    "=1+1",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u3000=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "\ufeff=1",
    "-",
    "-张三",
)


@pytest.mark.parametrize("text", DANGEROUS)
def test_text_that_would_be_a_formula_is_marked_as_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["3-12", "12-3", "5/8", "1/2025", "2025/3", "3-12-5", "12:30", "1:02:03"])
def test_text_that_would_be_a_date_or_a_time_is_marked_as_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["440311199001011237", "440311001001", "0755", "00", "1e5", "12E3"])
def test_text_that_would_be_another_number_is_marked_as_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("", ""),
        ("欠薪", "欠薪"),
        ("13800138000", "13800138000"),
        ("440311005", "440311005"),
        ("2025-01-03", "2025-01-03"),
        ("XF-2025-3", "XF-2025-3"),
        ("3-12号", "3-12号"),
        ('说"好"', '说"好"'),
        ("a=b", "a=b"),
        (True, "true"),
        (-5, "-5"),
        (Decimal("-12.50"), "-12.50"),
        (dt.datetime(2025, 1, 3, 8, tzinfo=dt.timezone(dt.timedelta(hours=8))), "2025-01-03T00:00:00Z"),
        (["court", "labour"], "court|labour"),
        (["=1", "x"], "'=1|x"),
        ([], ""),
    ],
    ids=repr,
)
def test_other_values_are_as_they_are(value: Any, shown: str) -> None:
    assert cell(value) == shown


def test_a_role_exports_as_many_rows_as_its_limit_says() -> None:
    limits = {"admin": 100, "engineer": 0, "*": 10}
    assert [most_rows(limits, "admin", None), most_rows(limits, "admin", 7), most_rows(limits, "clerk", 99)] == [100, 7, 10]
    for role, known in (("engineer", limits), ("clerk", {"admin": 1})):
        with pytest.raises(AccessDenied):
            most_rows(known, role, None)
