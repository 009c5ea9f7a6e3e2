"""MODEL DRAFT: a model file for a table nobody has described, to be looked at, mended and run.

Enters the table; leaves the model's document: fields and comparisons by what the columns seem to hold, and blocking rules
that were tried on the table, none of which forms more pairs than a computer likes. Weights are left to training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from hub.errors import ContractError, RequestError
from matching.column_profiles import CODE, Profile, profiles
from matching.draft_blocking import Rule, best_rules, first_rules
from matching.draft_fields import OWN, SAYS_WHERE, comparisons_of, fields_of, further_of, graded, pieces_of
from matching.repeats import SourceSeen, without_repeats
from matching.table_columns import OWN_COLUMNS, TAKEN_NAMES, columns_made
from matching.table_forms import form_of, table_forms
from matching.table_linkage import first_look
from matching.table_model import Field, table_model_from

_TRIED = 100_000  # rows that rules are tried on
_NAMED = ("id", "source", "truth")  # roles of columns that a model names


@dataclass(frozen=True)
class Draft:
    """A model's document, and what led to it.

    Args:
        document: as `read_table_model` reads it.
        columns: what each column was taken for.
        rules: chosen, with the pairs that they form.
        sources: what was seen of each source.
    """

    document: Mapping[str, Any]
    columns: tuple[Profile, ...]
    rules: tuple[Rule, ...]
    sources: tuple[SourceSeen, ...] = ()


def draft(rows: pl.DataFrame, truth: str | None = None) -> Draft:
    """Draft a model for a table.

    Args:
        rows: as read.
        truth: the column that tells what is one, where its name does not say so: it is compared with nothing.

    Raises:
        RequestError: the table has no two columns to compare, or no rule that brings a bearable number of rows together.
    """
    columns = profiles(rows, truth)
    called = _names(columns)
    fields, comparisons = _compared(columns, called)
    tried = rows if len(rows) <= _TRIED else rows.sample(_TRIED, seed=1)
    _read_or_text(tried, fields, comparisons)
    if len(comparisons) < 2:  # one alone tells nothing
        raise RequestError(
            "表中没有两列可供比较 · the table has no two columns to compare",
            remedy="查看各列内容后手写模型 · see what its columns hold, and write the model by hand",
        )
    keys = dict(_keys(tried, fields))
    rules = first_rules(len(rows), len(tried), keys)
    if not rules:
        raise RequestError(
            "没有适合分块的列 · no columns bring rows together without bringing nearly all together",
            remedy="手写 blocking · write the blocking by hand",
        )
    named = {column.role: column.name for column in columns if column.role in _NAMED}
    document: dict[str, Any] = {"version": 1, **{role: named[role] for role in _NAMED if role in named}}
    document |= _described(rules, fields, comparisons)
    where = frozenset(name for column in columns if column.role in SAYS_WHERE for name, _ in fields_of(column, called[column.name]))
    found = first_look(rows, table_model_from(document, "the draft"), where)
    # Nothing is stated where none are found: of other rows they may be.
    if once := without_repeats(found.sources):
        document["unique_within"] = sorted(once)
    if found.told_apart_by:
        document["told_apart_by"] = list(found.told_apart_by)
    further = further_of(columns, called)
    keys |= _keys(tried, further)
    forms = table_forms(tried, table_model_from(document, "the draft"))
    rules = best_rules(len(rows), keys, forms, found.model) or rules
    return Draft(document | _described(rules, fields | further, comparisons), columns, rules, found.sources)


def _described(rules: Sequence[Rule], fields: Mapping[str, Any], comparisons: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Fields, as far as they are used, rules and comparisons, as a document has them."""
    used = {name for rule in rules for name in rule.fields} | {entry.get("column", entry["name"]) for entry in comparisons}
    limits = [{} if rule.block_limit is None else {"block_limit": rule.block_limit} for rule in rules]
    return {
        "fields": {name: entry for name, entry in fields.items() if name in used or entry.get("as") in OWN},
        "blocking": [
            {"name": "_and_".join(rule.fields), "fields": list(rule.fields), **limit} for rule, limit in zip(rules, limits, strict=True)
        ],
        "comparisons": comparisons,
    }


def _compared(columns: Sequence[Profile], called: Mapping[str, str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The fields of all columns, and how they are compared."""
    fields: dict[str, Any] = {}
    comparisons: list[dict[str, Any]] = []
    for column in columns:
        fields |= fields_of(column, called[column.name])
        comparisons += comparisons_of(column, called[column.name])
    if place := _place(columns):
        fields["place"] = {"from": list(place), "as": "place"}
        comparisons.append({"name": "place", "kind": "kilometres", "levels": graded(0.05, 0.3, 1.0, 5.0)})
    _one_of_each_own(fields, comparisons)
    return fields, comparisons


def _names(columns: Sequence[Profile]) -> dict[str, str]:
    """Column → its field's name: its own, but for words that forms use themselves, and columns that the hub's own forms make.

    What else is made of it is called after it, and not as another column is: phone_end is the end of phone, unless there is one.
    """
    roles = [column.role for column in columns] + ["place"]
    taken = TAKEN_NAMES | {"place"} | {column for role in roles if role in OWN_COLUMNS for column in columns_made("", role, roles)}
    columns_there, names = {column.name for column in columns}, dict[str, str]()
    for place, column in enumerate(columns):
        makes_others = column.role in OWN_COLUMNS and column.role not in roles[:place]  # a second one becomes a text
        name, others = column.name, (columns_there - {column.name}) | {*names.values()}
        while name in (TAKEN_NAMES if makes_others else taken) or {name, *dict(fields_of(column, name)), *pieces_of(column, name)} & others:
            name += "_"
        names[column.name] = name
    return names


def _place(columns: Sequence[Profile]) -> tuple[str, str] | None:
    found = {column.role: column.name for column in columns}
    return (found["longitude"], found["latitude"]) if {"longitude", "latitude"} <= found.keys() else None


def _one_of_each_own(fields: dict[str, Any], comparisons: list[dict[str, Any]]) -> None:
    """Of the hub's own forms a table has one field each: a second column of one becomes a text."""
    seen: set[str] = set()
    for name, entry in fields.items():
        form = entry["as"]
        if form not in OWN or form in ("place", "phone") or form not in seen:
            seen.add(form)
            continue
        _make_text(name, fields, comparisons)


def _read_or_text(rows: pl.DataFrame, fields: dict[str, Any], comparisons: list[dict[str, Any]]) -> None:
    """What looks like dates or numbers and cannot be read as such in any row is a text."""
    for name, entry in fields.items():
        if entry["as"] in ("date", "number", "year", "duration"):
            try:
                form_of(rows, _field(name, entry))
            except ContractError:
                _make_text(name, fields, comparisons)


def _make_text(name: str, fields: dict[str, Any], comparisons: list[dict[str, Any]]) -> None:
    fields[name] = {"from": fields[name]["from"], "as": "text"}
    for comparison in comparisons:
        if comparison["name"] == name:
            comparison.clear()
            comparison.update(name=name, kind="name")


def _field(name: str, entry: Mapping[str, Any]) -> Field:
    columns = tuple(entry["from"]) if isinstance(entry["from"], list) else (entry["from"],)
    return Field(name, columns, entry["as"], tuple(entry.get("formats", ())), entry.get("length", 0), entry.get("pattern"))


# --- blocking ---------------------------------------------------------------------------------------------------------

_BY_OWN = {"person_name": "name_pinyin", "organisation_name": "core_pinyin", "address": "places", "place": "cells"}


def _keys(rows: pl.DataFrame, fields: Mapping[str, Any]) -> Iterator[tuple[str, tuple[pl.Series, frozenset[str]]]]:
    """What rows may meet by: the column of each field that tells enough, under the name that a rule gives it."""
    for name, entry in fields.items():
        form = entry["as"]
        if form in ("number", "duration"):
            continue
        field = _field(name, entry)
        made, columns = form_of(rows, field), field.columns
        column = _BY_OWN.get(form, form if form in ("id_no", "uscc") else name)
        piece = {f"a piece of {columns[0]}"} if entry.get("pattern") == CODE else set()  # as good as a column of its own
        yield column, (made[column], frozenset({*columns, *piece}))
