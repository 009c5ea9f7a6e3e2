"""What a table's model names and what there is: columns of the table, fields of the model, and the columns that its fields make.

Each complaint names the file, what names it, the nearest of what there is, and all of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

import polars as pl

from hub.errors import ContractError
from hub.wording import Words, is_header, shown_name
from matching.table_model import TableModel

#: Words that YAML reads as yes or no where they stand without quotes, by what becomes of them.
_YAML_WORDS = {"False": ("no", "off", "false"), "True": ("yes", "on", "true")}
#: Kinds that look at what a field of one of these forms makes, or at none's, whatever their `column`.
OF_FORMS = {
    "identifier": ("id_no", "uscc"),
    "person_name": ("person_name",),
    "organisation_name": ("organisation_name",),
    "address": ("address",),
    "kilometres": ("place",),
    "apart": (),  # of identifier, case numbers and parties under names of their own
    "citation": (),
    "parties": (),
}
_OWN_COLUMN = ("identifier",)  # of these kinds, what looks at its `column` all the same


def require_columns(rows: pl.DataFrame, table: TableModel) -> None:
    """Every column that the model names, told by what names it.

    Raises:
        ContractError: the table lacks one.
    """
    named = [(Words(f"字段 {field.name}", f"field {field.name}"), name) for field in table.fields for name in field.columns]
    named += [(Words(key, key), name) for key, name in (("id", table.id), ("source", table.source)) if name]
    missing = [(place, name) for place, name in named if name not in rows.columns]
    if missing:
        hints = dict.fromkeys(_hint(name, rows.columns) for _, name in missing)
        hint = Words("".join(one.zh for one in hints), "".join(one.en for one in hints)) if is_header(rows.columns) else Words("", "")
        told = columns_told(rows.columns)
        raise ContractError(
            f"{table.file}: 表中没有列 {'、'.join(f'{name}（{place.zh}）' for place, name in missing)} · "
            f"the table has no column {', '.join(f'{name} ({place.en})' for place, name in missing)}",
            remedy=f"{hint.zh}在模型文件中写明表中的列；{told.zh} · {hint.en}name in the model file a column of the table; {told.en}",
            file=table.file,
            field=missing[0][0].en,
        )


def columns_told(columns: Sequence[str]) -> Words:
    """A table's columns in words. Without a line of names, its first row stands for them: of that one the cells are counted alone."""
    if not is_header(columns):
        count = len(columns)
        return Words(
            f"表头似为数据行（{count} 列），请先加表头", f"its header looks like a row of data ({count} columns): give it a header"
        )
    listed = ", ".join(map(shown_name, columns))
    return Words(f"现有列 {listed}", f"its columns are {listed}")


def require_fields(made: Sequence[str], table: TableModel) -> None:
    """Every column that rules, comparisons, `over_common` and `identifier` name is one that the model's fields make.

    Args:
        made: columns that the fields make.
        table: the model.

    Raises:
        ContractError: there is none of that name, or no field of the form that a comparison looks at.
    """
    for place, column in _used(table):
        if column not in made:
            hint = _hint(column, made)
            raise ContractError(
                f"{table.file}: {place.zh} 没有字段 {column} · {place.en}: there is no field {column}",
                remedy=f"{hint.zh}可用值 · {hint.en}name one of: {', '.join(made)}",
                file=table.file,
                field=place.en,
                allowed=list(made),
            )
    forms = {field.form for field in table.fields}
    for comparison in table.model.comparisons:
        needed = OF_FORMS.get(comparison.kind, ())
        known = comparison.column in needed if comparison.kind in _OWN_COLUMN else forms & {*needed}
        if needed and not known:
            raise ContractError(
                f"{table.file}: 比较 {comparison.name} 的 {comparison.kind} 没有 {' 或 '.join(needed)} 字段 · "
                f"comparison {comparison.name}: {comparison.kind} is of no field made as {' or '.join(needed)}",
                remedy=f"为所比较的字段加上 as:，或改用其他种类 · "
                f"add as: {' or '.join(needed)} to the field that it compares, or name another kind",
                file=table.file,
                field=f"comparison {comparison.name}",
            )


def _used(table: TableModel) -> Iterator[tuple[Words, str]]:
    """What names a column of the forms, and the column."""
    for rule in table.model.blocking:
        place = Words(f"分块规则 {rule.name}", f"blocking rule {rule.name}")
        yield from ((place, column) for column in (*rule.fields, *rule.refine))
    for comparison in table.model.comparisons:
        place = Words(f"比较 {comparison.name}", f"comparison {comparison.name}")
        if comparison.kind not in OF_FORMS or comparison.kind in _OWN_COLUMN or comparison.term_frequency:
            yield place, comparison.column
        tests = (test for level in comparison.levels for test in level.tests)
        swapped = Words(f"{place.zh}: swapped_with", f"{place.en}: swapped_with")
        yield from ((swapped, str(value)) for test, value in tests if test == "swapped_with")
    yield from ((Words("over_common", "over_common"), column) for column in table.model.over_common)
    if table.identifier:
        yield Words("identifier", "identifier"), table.identifier


def _hint(name: str, there: Sequence[str]) -> Words:
    """The nearest of what there is, where one is near."""
    quoted = [one for one in there if one.lower() in _YAML_WORDS.get(name, ())]
    if quoted:
        return Words(
            f'是否为 {quoted[0]}？请加引号写作 "{quoted[0]}"；',
            f'did you mean {quoted[0]}? write it in quotes, "{quoted[0]}", for YAML reads it as {name.lower()} without; ',
        )
    close = difflib.get_close_matches(name, there, n=1)
    return Words(f"是否为 {close[0]}？", f"did you mean {close[0]}? ") if close else Words("", "")
