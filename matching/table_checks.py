"""What the model of a table may not say, whatever the table holds: names there twice, nowhere or taken, and kinds of other forms."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from hub.wording import Words
from matching.model import RELATED, Model
from matching.model_reader import ModelReader
from matching.table_columns import BESIDE_LEVELS, OWN_COLUMNS, columns_made

if TYPE_CHECKING:
    from matching.table_model import TableModel

#: Kind of comparison → the forms that it is of.
_LISTS = ("words", "pieces", "mentions")
_NEEDED = {
    "days": ("date",),
    "date": ("date",),
    "difference": ("number", "year", "date"),
    "ratio": ("number",),
    "kilometres": ("place",),
    "shared": _LISTS,
    "overlap": _LISTS,
}


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
        if RELATED in [each.name for each in model.comparisons] + [each.name for each in model.adjustments]:
            raise self.error(
                f"比较或调整名为 {RELATED} · a comparison or an adjustment is called {RELATED}",
                "换一个名称，此名用于同组信息 · name it otherwise: what groups share stands there",
            )
        taken = next((each.name for each in model.comparisons if each.name in BESIDE_LEVELS), None)
        if taken is not None:
            raise self.error(
                f"比较名为 {taken} · a comparison is called {taken}",
                "换一个名称，此名用于一对的两行 · name it otherwise: the rows of a pair stand under that name",
            )

    def check_kinds(self, table: TableModel) -> None:
        """What compares days, numbers and places is of fields that are such."""
        made = {field.name: field.form for field in table.fields}
        for comparison in table.model.comparisons:
            needed = _NEEDED.get(comparison.kind)
            form = "place" if comparison.kind == "kilometres" and "place" in made.values() else made.get(comparison.column, "none")
            if needed is not None and form not in needed:
                raise self.error(
                    f"比较 {comparison.name} 的 {comparison.kind} 不适用于 {form} 字段 · "
                    f"comparison {comparison.name}: {comparison.kind} is of no field made as {form}",
                    f"用 as: 改为 {' 或 '.join(needed)} · make it {' or '.join(needed)} with as:",
                )
