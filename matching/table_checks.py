"""What the model of a table may not say, whatever the table holds: names there twice, nowhere or taken, and kinds of other forms."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING

from hub.wording import Words
from matching.model import OUTCOMES, RELATED, TIES, Comparison, Model
from matching.model_reader import USUAL, ModelReader
from matching.table_columns import BESIDE_LEVELS, OWN_COLUMNS, columns_made

if TYPE_CHECKING:
    from matching.table_model import TableModel

_LISTS = ("words", "pieces", "mentions")
_TEXTS = ("text", "exact", "company", "legal_form", "code", "start", "end", "sound", "phone")
_NUMBERS = ("number", "year", "date", "duration")
#: Kind of comparison → the forms that it is of.
_NEEDED = {
    "string": _TEXTS,
    "phone": _TEXTS,
    "category": _TEXTS,
    "equal": (*_TEXTS, *_NUMBERS),
    "days": ("date",),
    "date": ("date",),
    "difference": _NUMBERS,
    "ratio": ("number",),
    "kilometres": ("place",),
    "shared": _LISTS,
    "overlap": _LISTS,
}
_RELATIONS_ALONE = ("text", "count", "parties", "citation")  # they look at columns that the hub's own forms alone make
#: Columns of the hub's own forms that are no texts.
_OTHER_COLUMNS = {"id_birth_date": "date", "longitude": "number", "latitude": "number", "places": "places", "cells": "cells"}
_OTHER_COLUMNS |= dict.fromkeys(("is_masked", "is_common", "is_whole", "is_shop"), "yes or no")
_SEVERAL = (*_LISTS, "bands", "places", "cells")


class TableChecks(ModelReader):
    """Refuses a model by what it says."""

    def check_names(self, table: TableModel) -> None:
        """What rules and comparisons name is a field, or a column that a field of the hub's own forms makes."""
        forms = [field.form for field in table.fields]
        for form in OWN_COLUMNS:
            if forms.count(form) > 1:
                raise self.error(f"有两个字段为 {form} · two fields are {form}", "将其一改为 text · make one of them a text")
        self.check_kinds(table)
        if table.model.is_trained and isnan(table.model.prior):
            raise self.error(
                "各级已有权重，但没有 prior · there is no prior, and every level has its weight",
                "写明 prior:，或去掉权重后训练 · state prior:, or take the weights out and train",
            )
        self.check_taken(table.model)
        if (names := {field.name for field in table.fields}) & {"id", "identifier", "apart"}:
            raise self.error(
                "字段名为 id、identifier 或 apart · a field is called id, identifier or apart", "换一个名称 · name it otherwise"
            )
        self.check_columns(table)
        if any(form in OWN_COLUMNS for form in forms):
            return  # they make columns of other names; one that is amiss is told when the forms are made
        for place, column in self.used(table):
            if column not in names:
                raise self.error(
                    f"{place.zh} 没有字段 {column} · {place.en}: there is no field {column}",
                    f"可用值 · name one of: {', '.join(sorted(names))}",
                )

    def check_columns(self, table: TableModel) -> None:
        """No field is called as a column that another makes."""
        forms = [field.form for field in table.fields]
        own = [field for field in table.fields if field.form in OWN_COLUMNS]
        made = {column: field.name for field in own for column in columns_made(field.name, field.form, forms)}
        for field in table.fields:
            if field.form not in OWN_COLUMNS and field.name in made:
                raise self.error(
                    f"字段 {field.name} 与字段 {made[field.name]} 产生的列同名 · "
                    f"field {field.name} is called as a column that field {made[field.name]} makes",
                    f"改名，如 {field.name}_，不用以下名称 · call it {field.name}_, say, and none of: {', '.join(made)}",
                )

    def used(self, table: TableModel) -> list[tuple[Words, str]]:
        """What names a field, and the field."""
        used = [
            (Words(f"分块规则 {rule.name}", f"blocking rule {rule.name}"), column)
            for rule in table.model.blocking
            for column in (*rule.fields, *rule.refine)
        ]
        named = {each.name: Words(f"比较 {each.name}", f"comparison {each.name}") for each in table.model.comparisons}
        used += [(named[comparison.name], comparison.column) for comparison in table.model.comparisons]
        used += [
            (named[comparison.name], str(value))
            for comparison in table.model.comparisons
            for level in comparison.levels
            for test, value in level.tests
            if test == "swapped_with"
        ]
        used += [(Words("over_common", "over_common"), column) for column in table.model.over_common]
        return used + ([(Words("identifier", "identifier"), table.identifier)] if table.identifier else [])

    def check_taken(self, model: Model) -> None:
        """No comparison is called as what stands beside it."""
        steps = {each.name for each in model.comparisons} | {each.name for each in model.adjustments}
        for word, zh, en in (
            (RELATED, "同组信息", "what groups share stands there"),
            (TIES, "相关的比较", "what comparisons say twice stands there"),
        ):
            if word in steps:
                raise self.error(
                    f"比较或调整名为 {word} · a comparison or an adjustment is called {word}",
                    f"换一个名称，此名用于{zh} · name it otherwise: {en}",
                )
        taken = next((each.name for each in model.comparisons if each.name in BESIDE_LEVELS), None)
        if taken is not None:
            raise self.error(
                f"比较名为 {taken} · a comparison is called {taken}",
                "换一个名称，此名用于一对的两行 · name it otherwise: the rows of a pair stand under that name",
            )

    def check_kinds(self, table: TableModel) -> None:
        """Each comparison is of a field that is such, and so is all that is asked for one value of a row."""
        forms = [field.form for field in table.fields]
        made = {
            column: _OTHER_COLUMNS.get(column, "text") if field.form in OWN_COLUMNS else field.form
            for field in table.fields
            for column in columns_made(field.name, field.form, forms)
        }
        for comparison in table.model.comparisons:
            self.check_kind(comparison, "place" if comparison.kind == "kilometres" and "place" in forms else made.get(comparison.column))
            for other in (str(value) for level in comparison.levels for test, value in level.tests if test == "swapped_with"):
                self.check_kind(replace(comparison, column=other), made.get(other))
        single = [(Words("identifier", "identifier"), table.identifier)] if table.identifier else []
        single += [
            (Words(f"比较 {each.name} 的 term_frequency", f"term_frequency of comparison {each.name}"), each.column)
            for each in table.model.comparisons
            if each.term_frequency
        ]
        for place, column in single:
            if made.get(column) in _SEVERAL:
                raise self.error(
                    f"{place.zh} 用于每行一个值，字段 {column} 有多个 · {place.en} is of one value a row, and field {column} makes several",
                    f"用 as: 改为 {' 或 '.join(_TEXTS)} · make it {' or '.join(_TEXTS)} with as:",
                )
        if table.truth is not None and table.truth.form not in (*_TEXTS, *_NUMBERS):
            raise self.error(
                f"truth 不能为 {table.truth.form} · truth cannot be {table.truth.form}",
                f"可用值 · name one of: {', '.join((*_TEXTS, *_NUMBERS))}",
            )

    def check_kind(self, comparison: Comparison, form: str | None) -> None:
        """One comparison, of a column that is made so; None where there is none of that name."""
        if comparison.kind in _RELATIONS_ALONE:
            kinds = ", ".join((*USUAL, *_NEEDED, *(kind for kind in OUTCOMES if kind not in (*_NEEDED, *_RELATIONS_ALONE))))
            raise self.error(
                f"比较 {comparison.name} 的 {comparison.kind} 仅用于平台自身的关系 · "
                f"comparison {comparison.name}: {comparison.kind} is of the hub's own relations alone",
                f"可用值 · name one of: {kinds}",
            )
        needed = _NEEDED.get(comparison.kind)
        if needed is None or form in needed or (form is None and needed[0] in _TEXTS):  # what is not there is told as such
            return
        raise self.error(
            f"比较 {comparison.name} 的 {comparison.kind} 不适用于 {form or 'none'} 字段 · "
            f"comparison {comparison.name}: {comparison.kind} is of no field made as {form or 'none'}",
            f"用 as: 改为 {' 或 '.join(needed)} · make it {' or '.join(needed)} with as:",
        )
