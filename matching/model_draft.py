"""MODEL DRAFT: a model file for a table nobody has described, to be looked at, mended and run.

Enters the table; leaves the model's document: fields and comparisons by what the columns seem to hold, and blocking rules
that were tried on the table, none of which forms more pairs than a computer likes. Weights are left to training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import polars as pl

from hub.errors import ContractError, RequestError
from matching.column_profiles import CODE, Profile, profiles
from matching.model_reader import BLOCK_LIMIT
from matching.table_columns import OWN_COLUMNS, TAKEN_NAMES, columns_made
from matching.table_forms import form_of
from matching.table_linkage import told_apart_by
from matching.table_model import Field, table_model_from

_TRIED = 200_000  # rows that rules are tried on
_PAIRS_A_ROW = 8  # that one rule may form
_LEAST_PAIRS = 20_000  # … or as many, in a small table
_RULES = 10
_MOST_KEYS = 5_000_000  # of two lists in one rule, each of one with each of the other
_USES = 3  # of one column in rules on two
_START = 3  # letters; of Chinese characters one less


@dataclass(frozen=True)
class Rule:
    """A blocking rule that was tried: its fields, the columns they read, and how many pairs it forms."""

    fields: tuple[str, ...]
    columns: frozenset[str]
    pairs: int


@dataclass(frozen=True)
class Draft:
    """A model's document, and what led to it.

    Args:
        document: as `read_table_model` reads it.
        columns: what each column was taken for.
        rules: chosen, with the pairs that they form.
    """

    document: Mapping[str, Any]
    columns: tuple[Profile, ...]
    rules: tuple[Rule, ...]


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
    fields: dict[str, Any] = {}
    comparisons: list[dict[str, Any]] = []
    for column in columns:
        for name, entry in _fields(column, called[column.name]):
            fields[name] = entry
        comparisons += _comparisons(column, called[column.name])
    if place := _place(columns):
        fields["place"] = {"from": list(place), "as": "place"}
        comparisons.append({"name": "place", "kind": "kilometres", "levels": _graded(0.05, 0.3, 1.0, 5.0)})
    _one_of_each_own(fields, comparisons)
    tried = rows if len(rows) <= _TRIED else rows.sample(_TRIED, seed=1)
    _read_or_text(tried, fields, comparisons)
    if len(comparisons) < 2:  # one alone tells nothing
        raise RequestError(
            "表中没有两列可供比较 · the table has no two columns to compare",
            remedy="查看各列内容后手写模型 · see what its columns hold, and write the model by hand",
        )
    rules = _rules(len(rows), tried, fields)
    if not rules:
        raise RequestError(
            "没有适合分块的列 · no columns bring rows together without bringing nearly all together",
            remedy="手写 blocking · write the blocking by hand",
        )
    document: dict[str, Any] = {"version": 1}
    document |= {role: column.name for role in ("id", "source", "truth") for column in columns if column.role == role}
    used = {name for rule in rules for name in rule.fields} | {entry.get("column", entry["name"]) for entry in comparisons}
    document["fields"] = {name: entry for name, entry in fields.items() if name in used or entry.get("as") in _OWN}
    document["blocking"] = [{"name": "_and_".join(rule.fields), "fields": list(rule.fields)} for rule in rules]
    document["comparisons"] = comparisons
    where = frozenset(name for column in columns if column.role in _SAYS_WHERE for name, _ in _fields(column, called[column.name]))
    # Nothing is stated where none are found: with unique_within, or of other rows, they may be.
    if apart_by := told_apart_by(rows, table_model_from(document, "the draft"), where):
        document["told_apart_by"] = list(apart_by)
    return Draft(document, columns, rules)


_OWN = ("person_name", "organisation_name", "id_no", "uscc", "phone", "address", "place")
_SAYS_WHERE = {"telephone", "email", "url", "phone", "address", "place", "longitude", "latitude"}  # what columns are taken for
_HOST = r"^(?:https?://)?(?:www\.)?([^/]+)"
_MONTH_FIRST = ["%Y-%m-%d", "%m/%d/%Y", "%m.%d.%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"]
_FORMS = dict.fromkeys(("url", "telephone", "birth", "code", "category"), "code")
_FORMS |= {"birth_date": "date", "date": "date", "year": "year", "number": "number"}
_KINDS = {
    "birth": "code",
    "code": "code",
    "category": "code",
    "name": "name",
    "email": "name",
    "url": "name",
    "phrase": "phrase",
    "date": "days",
}


def _fields(column: Profile, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of a column: what is compared, then what rows may meet by, the strictest first."""
    role = column.role
    if role in ("nothing", "truth", "source", "id", "longitude", "latitude"):
        return
    form = role if role in _OWN else _FORMS.get(role, "text")
    more: dict[str, Any] = (
        {"pattern": _HOST} if role == "url" else {"formats": _MONTH_FIRST} if column.is_month_first and form == "date" else {}
    )
    yield name, {"from": column.name, "as": form, **more}
    if role == "email":
        yield f"{name}_user", {"from": column.name, "as": "code", "pattern": "^([^@]+)@"}
    if role in ("name", "phrase"):
        yield f"{name}_start", {"from": column.name, "as": "start", "length": _START - column.is_han}
    if role == "name":
        yield f"{name}_sound", {"from": column.name, "as": "sound"}
    if role == "phrase":
        yield f"{name}_words", {"from": column.name, "as": "words"}
        yield f"{name}_bands", {"from": column.name, "as": "bands"}
        if column.has_codes:
            yield f"{name}_code", {"from": column.name, "as": "code", "pattern": CODE}


def _comparisons(column: Profile, name: str) -> list[dict[str, Any]]:
    role = column.role
    if role in _OWN:
        kind = {"id_no": "identifier", "uscc": "identifier"}.get(role, role)
        return [{"name": name, "kind": kind} | ({"column": role} if kind == "identifier" else {})]
    if role == "year":
        return [{"name": name, "kind": "difference", "levels": _graded(0, 1, 3)}]
    if role == "number":
        return [{"name": name, "kind": "ratio", "levels": _graded(0, 0.01, 0.1)}]
    if role == "birth_date":
        return [{"name": name, "kind": "date"}]
    if role == "date":
        return [{"name": name, "kind": "days", "levels": _graded(0, 3, 14, 60)}]
    if role == "telephone":
        return [{"name": name, "kind": "string", "levels": _TELEPHONE}]
    if role not in _KINDS:
        return []
    often = {"term_frequency": True} if role in ("name", "category", "code") else {}
    codes = [{"name": f"{name}_code", "kind": "code"}] if role == "phrase" and column.has_codes else []
    return [{"name": name, "kind": _KINDS[role], **often}, *codes]


#: With or without the country's and the area's digits.
_TELEPHONE = [{"name": "exact", "exact": True}, {"name": "ending", "ending": 7}, {"name": "one_off", "edits": 1}, {"name": "differ"}]


def _graded(*bounds: float) -> list[dict[str, Any]]:
    words = ("same", "near", "close", "around")
    levels: list[dict[str, Any]] = [{"name": word, "at_most": bound} for word, bound in zip(words, bounds, strict=False)]
    return [*levels, {"name": "far"}]


def _names(columns: Sequence[Profile]) -> dict[str, str]:
    """Column → its field's name: its own, but for words that forms use themselves, and columns that the hub's own forms make."""
    roles = [column.role for column in columns] + ["place"]
    taken = TAKEN_NAMES | {"place"} | {column for role in roles if role in OWN_COLUMNS for column in columns_made("", role, roles)}
    columns_there, names = {column.name for column in columns}, dict[str, str]()
    for place, column in enumerate(columns):
        makes_others = column.role in OWN_COLUMNS and column.role not in roles[:place]  # a second one becomes a text
        name = column.name
        while name in (TAKEN_NAMES if makes_others else taken) or name in (columns_there - {column.name}) | {*names.values()}:
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
        if form not in _OWN or form in ("place", "phone") or form not in seen:
            seen.add(form)
            continue
        _make_text(name, fields, comparisons)


def _read_or_text(rows: pl.DataFrame, fields: dict[str, Any], comparisons: list[dict[str, Any]]) -> None:
    """What looks like dates or numbers and cannot be read as such in any row is a text."""
    for name, entry in fields.items():
        if entry["as"] in ("date", "number", "year"):
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


def _rules(count: int, tried: pl.DataFrame, fields: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Rules of one field, of each column the loosest that is bearable; then of two, of what is too loose alone."""
    scale = (count / max(len(tried), 1)) ** 2
    bearable = max(_LEAST_PAIRS, _PAIRS_A_ROW * count)
    keys = dict(_keys(tried, fields))
    alone = {name: Rule((name,), columns, int(_pairs([series]) * scale)) for name, (series, columns) in keys.items()}
    singles: dict[frozenset[str], Rule] = {}
    for rule in alone.values():
        if 0 < rule.pairs <= bearable and rule.pairs > singles.get(rule.columns, Rule((), frozenset(), 0)).pairs:
            singles[rule.columns] = rule
    loose = [name for name, rule in alone.items() if rule.pairs > bearable]
    doubles = []
    for one, other in combinations(loose, 2):
        (left, left_columns), (right, right_columns) = keys[one], keys[other]
        if left_columns & right_columns or _combined(left, right) * count > _MOST_KEYS * len(tried):
            continue
        pairs = int(_pairs([left, right]) * scale)
        if 0 < pairs <= bearable:
            doubles.append(Rule((one, other), left_columns | right_columns, pairs))
    chosen = sorted(singles.values(), key=lambda rule: rule.pairs)[:_RULES]
    return (*chosen, *_spread(doubles, _RULES - min(len(chosen), _RULES // 2)))


def _spread(doubles: Sequence[Rule], most: int) -> tuple[Rule, ...]:
    """The loosest rules, no column in more than _USES of them, and no two on the same columns."""
    uses: dict[str, int] = {}
    kept: dict[frozenset[str], Rule] = {}
    for rule in sorted(doubles, key=lambda rule: -rule.pairs):
        if len(kept) < most and rule.columns not in kept and all(uses.get(column, 0) < _USES for column in rule.columns):
            kept[rule.columns] = rule
            uses |= {column: uses.get(column, 0) + 1 for column in rule.columns}
    return tuple(kept.values())


def _keys(rows: pl.DataFrame, fields: Mapping[str, Any]) -> Iterator[tuple[str, tuple[pl.Series, frozenset[str]]]]:
    """What rows may meet by: the column of each field that tells enough, under the name that a rule gives it."""
    for name, entry in fields.items():
        form = entry["as"]
        if form == "number":
            continue
        field = _field(name, entry)
        made, columns = form_of(rows, field), field.columns
        column = _BY_OWN.get(form, form if form in ("id_no", "uscc") else name)
        piece = {f"a piece of {columns[0]}"} if entry.get("pattern") == CODE else set()  # as good as a column of its own
        yield column, (made[column], frozenset({*columns, *piece}))


def _combined(*keys: pl.Series) -> int:
    """Keys that columns make together."""
    one, other = (each.list.len() if isinstance(each.dtype, pl.List) else each.is_not_null() for each in keys)
    return int((one.cast(pl.Int64) * other.cast(pl.Int64)).sum())


def _pairs(keys: Sequence[pl.Series]) -> int:
    """Pairs that share all keys, without blocks that are passed over as too large."""
    names = [f"key {place}" for place in range(len(keys))]
    frame = pl.DataFrame([series.alias(name) for series, name in zip(keys, names, strict=True)]).drop_nulls()
    for name in names:
        if isinstance(frame.schema[name], pl.List):
            frame = frame.explode(name).drop_nulls(name)
    sizes = frame.group_by(names).len("rows")["rows"].cast(pl.Int64)
    sizes = sizes.filter(sizes <= BLOCK_LIMIT)
    return int((sizes * (sizes - 1)).sum()) // 2
