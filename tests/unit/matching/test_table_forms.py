"""What the columns of a table are made into: whose column is whose, and which values say nothing."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from matching.comparison import compare
from matching.table_forms import table_forms
from matching.table_model import table_model_from
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
