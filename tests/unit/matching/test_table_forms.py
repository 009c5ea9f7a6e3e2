"""What the columns of a table are made into: whose column is whose, and which values say nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from matching.comparison import compare
from matching.table_forms import form_of, table_forms, unmatched, unread
from matching.table_model import Field, table_model_from
from schema.records import PAIR


def test_persons_and_their_firms_are_told_apart_in_one_model() -> None:
    fields = {"who": {"from": "who", "as": "person_name"}, "firm": {"from": "firm", "as": "organisation_name"}}
    comparisons = [{"name": name, "kind": kind} for name, kind in (("who", "person_name"), ("firm", "organisation_name"))]
    for order in (fields, dict(reversed(fields.items()))):
        document = {"version": 1, "fields": order, "blocking": [{"name": "firm", "fields": ["core"]}], "comparisons": comparisons}
        table = table_model_from(document, "the model")
        firm = "深圳市鹏达科技有限公司"
        rows = pl.DataFrame({"who": ["张志远", "李秀梅", "张志远"], "firm": [firm, firm, "深圳市远华科技有限公司"]})
        forms = table_forms(rows, table)
        pairs = pa.table([[0, 0], [1, 2]], names=["left", "right"]).cast(PAIR)
        found = compare("table", forms, pairs, table.model)
        levels = {each.name: ["missing", *(level.name for level in each.levels)] for each in table.model.comparisons}
        assert [levels["who"][number] for number in found["who"].to_pylist()] == ["differ", "exact"]
        assert [levels["firm"][number] for number in found["firm"].to_pylist()] == ["exact", "differ"]
        assert forms["name"].to_pylist() == ["张志远", "李秀梅", "张志远"]


@pytest.mark.parametrize(
    ("form", "placeholder", "given", "made"),
    [
        pytest.param("date", "1900-01-01", ["1900-01-01", "01/01/1900", "2026-03-04"], [None, None, date(2026, 3, 4)], id="date"),
        pytest.param("number", "0", ["0", "0.00", "12"], [None, None, 12.0], id="number"),
        pytest.param("year", "1900", ["in 1900", "1987"], [None, 1987.0], id="year"),
        pytest.param("text", "not known", ["Not  known!", "known"], [None, "KNOWN"], id="text"),
        pytest.param("exact", "none ", ["none", "None"], [None, "None"], id="as written"),
        pytest.param("code", "000-000", ["000000", "000 000", "A-1"], [None, None, "A1"], id="code"),
        pytest.param("code", "000000", ["000-000", "A-1"], [None, "A1"], id="code without marks"),
        pytest.param("words", "not known", ["Not known", "known"], [None, ["KNOWN"]], id="words"),
        pytest.param("phone", "0755-8300 0001", ["0755 83000001", "0755-83000002"], [None, "075583000002"], id="phone"),
    ],
)
def test_placeholders_are_taken_as_the_field_is_read(form: str, placeholder: str, given: list[str], made: list[Any]) -> None:
    field = Field("c", ("c",), form, placeholders=frozenset({placeholder}))
    assert form_of(pl.DataFrame({"c": given}), field)["c"].to_list() == made


def test_placeholders_of_bands_and_of_the_hubs_own_forms_are_taken() -> None:
    rows = pl.DataFrame({"c": ["To be added later, by the office in charge", "a tree fell on the road in front of the school"]})
    bands = Field("c", ("c",), "bands", placeholders=frozenset({"to be added later by the office in charge"}))
    assert form_of(rows, bands)["c"].is_null().to_list() == [True, False]
    firms = pl.DataFrame({"c": ["Test Firm", "深圳市鹏达科技有限公司"]})
    firm = Field("c", ("c",), "organisation_name", placeholders=frozenset({"test firm"}))
    assert form_of(firms, firm)["core"].is_null().to_list() == [True, False]


def test_a_code_that_says_there_is_none_is_none() -> None:
    rows = pl.DataFrame({"c": ["N/A", "n.a.", "NULL", "Unknown", "NA"]})
    assert form_of(rows, Field("c", ("c",), "code"))["c"].to_list() == [None, None, None, None, "NA"]


def test_placeholders_that_no_row_holds_are_told() -> None:
    fields = {
        "born": {"from": "born", "as": "date", "placeholders": ["1900-01-01", "1901-01-01", "none"]},
        "code": {"from": "code", "as": "code", "placeholders": ["x-1"]},
    }
    comparisons = [{"name": "born", "kind": "date"}, {"name": "code", "kind": "code"}]
    table = table_model_from(
        {"version": 1, "fields": fields, "blocking": [{"name": "c", "fields": ["code"]}], "comparisons": comparisons}, "m"
    )
    rows = pl.DataFrame({"born": ["01/01/1900", "1987-01-02", "None", None], "code": ["X 1", "b", "c", None]})
    assert unmatched(rows, table) == {"born": ["1901-01-01"]}


def test_years_of_two_digits_and_decimal_commas_are_told_and_not_guessed() -> None:
    fields = {"day": {"from": "day", "as": "date"}, "sum": {"from": "sum", "as": "number"}}
    comparisons = [{"name": "day", "kind": "date"}, {"name": "sum", "kind": "ratio", "levels": [{"name": "same", "at_most": 0}]}]
    document = {"version": 1, "fields": fields, "blocking": [{"name": "day", "fields": ["day"]}], "comparisons": comparisons}
    days = ["04/03/26", "04-03-26", "26-03-04", "2026-03-04", "2026年3月4日"]
    rows = pl.DataFrame({"day": days, "sum": ["3,5", "1.234,56", "12,34,567", "-1,234,567.5", "1234.5"]})
    table = table_model_from(document, "m")
    forms = table_forms(rows, table)
    assert forms["day"].to_pylist() == [None, None, None, date(2026, 3, 4), date(2026, 3, 4)]
    assert forms["sum"].to_pylist() == [None, None, None, -1234567.5, 1234.5]
    assert unread(rows, table) == {"day": (5, 3), "sum": (5, 3)}
    assert form_of(rows, Field("c", ("day",), "date", formats=("%d/%m/%y",)))["c"].to_list()[0] == date(2026, 3, 4)
