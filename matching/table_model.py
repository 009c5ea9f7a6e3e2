"""A model of any table: what its columns are, beside what a relation's model says.

Enters a YAML file with `fields:`, leaves a frozen `TableModel`. Weights may be left out: `training` finds them from the
table itself. docs/matching.md has the whole vocabulary with examples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from hub.wording import Words
from matching.group_reader import GroupReader
from matching.model import TABLE, Model
from matching.model_file import document_of
from matching.table_checks import TableChecks
from matching.table_columns import OWN_COLUMNS, columns_made

#: What a field may be made into, and what it needs beside `from`.
FORMS: dict[str, frozenset[str]] = {
    "text": frozenset(),
    "exact": frozenset(),
    "company": frozenset(),
    "legal_form": frozenset(),
    "code": frozenset(),
    "words": frozenset(),
    "start": frozenset({"length"}),
    "end": frozenset({"length"}),
    "pieces": frozenset({"length"}),
    "mentions": frozenset(),
    "sound": frozenset(),
    "number": frozenset(),
    "date": frozenset(),
    "year": frozenset(),
    "duration": frozenset(),
    "bands": frozenset(),
    "place": frozenset(),
    "person_name": frozenset(),
    "organisation_name": frozenset(),
    "id_no": frozenset(),
    "uscc": frozenset(),
    "phone": frozenset(),
    "address": frozenset(),
}
MENTIONS = "mentions"  # among a field's `without`
#: How pairs become clusters: by all the evidence between them, or as links connect them.
CLUSTERS = ("evidence", "connected")


@dataclass(frozen=True)
class Field:
    """A column of the table, or several, made comparable.

    Args:
        name: how blocking rules and comparisons call it.
        columns: of the table; several are read as one text with a blank between, `place` takes longitude and latitude.
        form: one of FORMS.
        formats: of dates, in strptime's words; tried in order.
        length: characters that `start` and `end` keep.
        pattern: a regular expression with one group: what it captures is the value.
        placeholders: values that say nothing, compared as made comparable.
        without: what is taken out first: words, or by MENTIONS the places and bodies that a text names.
    """

    name: str
    columns: tuple[str, ...]
    form: str
    formats: tuple[str, ...] = ()
    length: int = 0
    pattern: str | None = None
    placeholders: frozenset[str] = frozenset()
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableModel:
    """All that links or deduplicates a table.

    Args:
        model: what is compared, what it weighs, what meets and what is decided; relation `table`.
        fields: what the columns are.
        id: the column that names a row in the answer; its number, from 0, where None.
        source: the column that says where a row comes from.
        unique_within: sources that hold nothing twice, or all of them: two rows of one are never one; None: training is to see which do.
        identifier: a field of which two different values are never one.
        truth: a field that tells what is one, for evaluation; it is compared with nothing.
        clusters: one of CLUSTERS.
        file: that it was read from, for what is told of it.
    """

    model: Model
    fields: tuple[Field, ...]
    id: str | None = None
    source: str | None = None
    unique_within: frozenset[str] | bool | None = None
    identifier: str | None = None
    truth: Field | None = None
    clusters: str = "evidence"
    file: str = "the model"

    def columns_of(self, *columns: str) -> frozenset[str]:
        """Columns of the table that form columns are made from."""
        forms = [field.form for field in self.fields]
        named = {field.name: field for field in self.fields if field.name in columns_made(field.name, field.form, forms)}
        several = [field for field in self.fields if field.form in OWN_COLUMNS]
        fields = [field for column in columns for field in ([named[column]] if column in named else several)]
        return frozenset(name for field in fields for name in field.columns)

    def at(self, link: float) -> TableModel:
        """The same under another threshold, in bits."""
        return replace(self, model=replace(self.model, link=link, review=min(link, self.model.review)))


def read_table_model(path: Path) -> TableModel:
    """Read the model file of a table.

    Raises:
        ContractError: the file cannot be read, or says what cannot be done.
    """
    return table_model_from(document_of(path), path.name)


def table_model_from(document: object, name: str) -> TableModel:
    """The model of a table that a document describes.

    Args:
        document: as `document_of` gives it.
        name: what complaints call it.

    Raises:
        ContractError: it says what cannot be done.
    """
    return _TableReader(name).table(document)


class _TableReader(TableChecks):
    of_rules = frozenset({"block_limit"})

    def table(self, document: object) -> TableModel:
        optional = {"relation", "id", "source", "unique_within", "identifier", "truth", "prior", "thresholds", "block_limit"}
        optional |= {"clusters", "adjustments", "placeholders", "over_common", "rarity", "told_apart_by", "related", "ties"}
        top = self.mapping(document, Words("模型", "the model"), {"version", "fields", "blocking", "comparisons"}, optional)
        if top.get("relation", TABLE) != TABLE:
            raise self.error(
                f"relation {top['relation']} 不是表的关系 · relation {top['relation']} is no table's",
                f"写 relation: {TABLE} 或去掉 · write relation: {TABLE}, or leave it out",
            )
        model, groups = self.decisions({"relation": TABLE, **top}), GroupReader(self.file)
        fields = tuple(self.field(name, entry) for name, entry in self.mapping(top["fields"], "fields").items())
        fields = self.with_placeholders(fields, model)
        related = groups.related(top["related"], model.comparisons) if "related" in top else None
        told_apart_by, ties = groups.told_apart_by(top, model.comparisons), groups.ties(top.get("ties", []), model.comparisons)
        table = TableModel(
            model=replace(model, told_apart_by=told_apart_by, related=related, ties=ties),
            fields=fields,
            id=self.word(top, "id"),
            source=self.word(top, "source"),
            unique_within=self.sources(top["unique_within"]) if "unique_within" in top else None,
            identifier=self.word(top, "identifier"),
            truth=self.field("truth", top["truth"], "exact") if "truth" in top else None,
            clusters=self.one_of(top.get("clusters", "evidence"), "clusters", CLUSTERS),
            file=self.file,
        )
        self.check_names(table)
        return table

    def with_placeholders(self, fields: tuple[Field, ...], model: Model) -> tuple[Field, ...]:
        """The fields with what the model lists for them at its top, as the hub's own relations do, beside what each lists itself."""
        names = {field.name for field in fields}
        unknown = sorted(model.placeholders.keys() - names)
        if unknown:
            raise self.error(
                f"placeholders 没有字段 {', '.join(unknown)} · placeholders: there is no field {', '.join(unknown)}",
                f"可用值 · name one of: {', '.join(sorted(names))}",
            )
        none = frozenset[str]()
        return tuple(replace(field, placeholders=field.placeholders | model.placeholders.get(field.name, none)) for field in fields)

    def field(self, name: object, document: object, usual: str = "text") -> Field:
        if isinstance(document, str):
            document = {"from": document}
        entry = self.mapping(
            document, Words(f"字段 {name}", f"field {name}"), {"from"}, {"as", "formats", "length", "pattern", "placeholders", "without"}
        )
        form = str(entry.get("as", usual))
        if form not in FORMS:
            raise self.error(f"字段 {name} 没有形式 {form!r} · field {name}: no form {form!r}", f"可用值 · name one of: {', '.join(FORMS)}")
        for needed in FORMS[form] - entry.keys():
            raise self.error(f"字段 {name} 的 {form} 需要 {needed} · field {name}: {form} needs {needed}", f"加上 · add {needed}: to it")
        columns = entry["from"] if isinstance(entry["from"], list) else [entry["from"]]
        if form == "place" and len(columns) != 2:  # longitude and latitude
            raise self.error(
                f"字段 {name} 的 place 需要两列 · field {name}: place needs two columns",
                "写作 from: [经度列, 纬度列] · write from: [longitude, latitude]",
            )
        pattern = entry.get("pattern")
        if pattern is not None and not self.has_one_group(str(pattern)):
            raise self.error(
                f"字段 {name} 的 pattern 不是含一个分组的正则 · field {name}: pattern is no regular expression with one group",
                r"写作 rec-(\d+)，不用环视 · write it as rec-(\d+), without look-around",
            )
        length = int(self.number(entry.get("length", 0), f"field {name}.length"))
        if "length" in FORMS[form] and length < 1:
            raise self.error(
                f"字段 {name} 的 length 小于 1 · field {name}: length is below 1",
                "写字符数，至少为 1 · write a number of characters, at least 1",
            )
        formats = tuple(map(str, self.sequence(entry.get("formats", []), f"field {name}.formats")))
        placeholders = frozenset(map(str, self.sequence(entry.get("placeholders", []), f"field {name}.placeholders")))
        without = tuple(map(str, self.sequence(entry.get("without", []), f"field {name}.without")))
        read = None if pattern is None else str(pattern)
        return Field(str(name), tuple(map(str, columns)), form, formats, length, read, placeholders, without)

    def sources(self, value: object) -> frozenset[str] | bool:
        return value if isinstance(value, bool) else frozenset(map(str, self.sequence(value, "unique_within")))

    def one_of(self, value: object, place: str, words: tuple[str, ...]) -> str:
        if value not in words:
            raise self.error(f"{place} 没有 {value!r} · {place}: no {value!r}", f"可用值 · name one of: {', '.join(words)}")
        return str(value)

    def word(self, top: dict[str, Any], key: str) -> str | None:
        return None if top.get(key) is None else str(top[key])

    def has_one_group(self, pattern: str) -> bool:
        """Whether both Python and polars, which knows no look-around, read it so."""
        try:
            pl.Series([""]).str.extract(pattern, 1)
            return re.compile(pattern).groups == 1
        except (re.error, pl.exceptions.ComputeError):
            return False
