"""What `casehub sources preview` shows of a page: each column, each field of the contract with what it reads, and what does not fit.

Enters: a contract and a page of its source. Leaves: tables on a terminal, personal values masked; values are those before a
transform. Fields read through paths and parties of lists are looked up as NORMALISE does it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from cli.console import Console
from connectors.contract import Contract
from connectors.extract import Page
from connectors.feed import CursorFeed
from connectors.mapping import Each, Mapping, Party
from connectors.masking import mask_row, masked, scrubbed
from connectors.paths import lookup, top_level_names
from pipeline.columns.payloads import Payloads
from pipeline.normalising.fields import source_text
from pipeline.normalising.parties import mentions

_NO_COLUMN = "[dim]—[/dim]"
_ROWS_ASIDE = 5  # rows that stand beside each other in one table


@dataclass(frozen=True)
class Field:
    """One field of the contract with what it reads in each row.

    Attributes:
        place: record.title, parties[0].name.
        source: the column or path.
        values: masked, one a row; of a list of parties all of them.
    """

    place: str
    source: str
    values: list[str]


@dataclass(frozen=True)
class Look:
    """What is seen of a page.

    Attributes:
        rows: all that could be read.
        columns: of the page.
        fields: what the contract reads in them.
        unknown: columns that the contract does not know.
        missing: columns that it needs and no row has.
        unused: names of `ignore` and `volatile` that no row has.
        faults: why rows could not be read, one a row.
    """

    rows: list[dict[str, Any]]
    columns: tuple[str, ...]
    fields: list[Field]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    faults: list[str]


def look_at(contract: Contract, page: Page) -> Look:
    """What a page shows of the contract."""
    rows = [json.loads(payload) for payload in page.rows.column("payload").to_pylist() if payload is not None]
    seen = set(page.columns)
    return Look(
        rows,
        page.columns,
        list(_fields(contract, Payloads(rows))),
        unknown=tuple(name for name in page.columns if name not in contract.source_columns()),
        missing=tuple(contract.missing_columns(seen)) if rows else (),
        unused=tuple(name for name in (*contract.ignore, *contract.volatile) if rows and name not in seen and not _is_in_any(rows, name)),
        faults=[fault for fault in page.rows.column("fault").to_pylist() if fault is not None],
    )


def show(console: Console, contract: Contract, look: Look, count: int) -> None:
    """Print it.

    Args:
        console: where to.
        contract: of the source.
        look: at its first page.
        count: rows whose values are shown; the others count where something is missing in all of them.
    """
    console.print(_columns_table(contract, look))
    for first in range(0, min(count, len(look.rows)), _ROWS_ASIDE):
        console.print(_fields_table(contract, look, range(first, min(first + _ROWS_ASIDE, count, len(look.rows)))))
    for words, names in _warnings(contract, look):
        console.print(f"[yellow]{words}[/yellow]: ", end="")
        console.print(names, markup=False, highlight=False)
    if not look.rows and not look.faults:
        console.print("[yellow]没有取到行 · the source gave no row[/yellow]: ", end="")
        console.print("来源为空，或契约里的 path、items、record 没有指到行 · it is empty, or path:, items: or record: leads to no rows")


def _warnings(contract: Contract, look: Look) -> Iterator[tuple[str, str]]:
    if look.unknown:
        yield "契约不知道的列 · columns the contract does not know", ", ".join(look.unknown)
    if look.missing:
        yield "契约要而没有的列 · columns it misses", ", ".join(look.missing)
    feed = contract.feed
    if isinstance(feed, CursorFeed) and look.rows and all(lookup(row, feed.field) is None for row in look.rows):
        yield "水位字段没有值 · the cursor field has no value in any row", feed.field
    empty = [
        f"{field.place} ({field.source})"
        for field in look.fields
        if look.rows and not any(field.values) and field.source not in look.missing
    ]
    if empty:
        yield "各行都没有值的字段 · fields without a value in any row", ", ".join(empty)
    if look.unused:
        yield "ignore、volatile 中没有对应列的 · names in ignore or volatile that are no column", ", ".join(look.unused)
    if look.faults:
        yield "读不懂的行 · rows that cannot be read", f"{len(look.faults)} ({', '.join(sorted(set(look.faults)))})"


def _is_in_any(rows: list[dict[str, Any]], name: str) -> bool:
    """Whether some row has what a dotted name leads to, be it empty."""
    outer, _, last = name.rpartition(".")
    found = (lookup(row, outer) for row in rows)
    return bool(outer) and any(isinstance(inner, dict) and last in inner for inner in found)


def _fields(contract: Contract, rows: Payloads) -> Iterator[Field]:
    for name, mapping in contract.record.items():
        if mapping.const is None:
            yield Field(name, _source(mapping), [_shown(name, mapping, value) for value in source_text(mapping, rows)])
    for index, party in enumerate(contract.parties):
        yield from _party_fields(f"parties[{index}]", party, rows)


def _party_fields(place: str, party: Party, rows: Payloads) -> Iterator[Field]:
    found = mentions(party, rows)
    within = f"{_each_of(party.each)}: " if party.each else ""
    for part, mapping in party.fields.items():
        if mapping.const is None:
            values: list[list[str]] = [[] for _ in range(len(rows))]
            for row, value in zip(found.rows, source_text(mapping, found.source), strict=True):
                values[row].append(_shown(part, mapping, value))
            yield Field(f"{place}.{part}", within + _source(mapping), ["; ".join(filter(None, each)) for each in values])


def _each_of(each: Each) -> str:
    return f"each {each.split.from_}" if each.split else f"each {each.path}"


def _source(mapping: Mapping) -> str:
    return " + ".join(mapping.from_) if mapping.from_ else f"path {mapping.path}"


def _shown(field: str, mapping: Mapping, value: str | None) -> str:
    """A value as it may be shown: nothing of an object or of a list of them, which may hold anything."""
    if not value:
        return ""
    return f"{value[0]}…" if value.startswith(("{", "[")) else _short(masked(field, mapping, value))


def _columns_table(contract: Contract, look: Look) -> Table:
    table = Table("列 column", "字段 field", "示例（脱敏） example, masked", title=escape(f"{contract.title.zh} · {contract.title.en}"))
    fields = _fields_by_column(contract)
    masks = [mask_row(contract, row) for row in look.rows]
    for name in look.columns:
        example = next((row[name] for row in masks if row.get(name) not in (None, "")), None)
        role = escape(", ".join(fields.get(name, []))) or ("忽略 ignored" if name in contract.ignore else _NO_COLUMN)
        table.add_row(escape(name), role, escape(_short(example)))
    return table


def _fields_by_column(contract: Contract) -> dict[str, list[str]]:
    """Which canonical fields a column goes to; a list of parties goes to them as a whole."""
    fields: dict[str, list[str]] = {}
    for name, mapping in contract.record.items():
        for column in mapping.from_ or top_level_names(mapping.path or "@"):
            fields.setdefault(column, []).append(name)
    for index, party in enumerate(contract.parties):
        if party.each is not None and party.each.path is not None:
            for column in top_level_names(party.each.path):
                fields.setdefault(column, []).append(f"parties[{index}]")
            continue
        for part, mapping in party.fields.items():
            for column in mapping.from_ or top_level_names(mapping.path or "@"):
                fields.setdefault(column, []).append(f"parties[{index}].{part}")
    return fields


def _fields_table(contract: Contract, look: Look, places: range) -> Table:
    """Fields down, rows across: a contract has more fields than a terminal is wide."""
    table = Table("字段 field", "来自 from", title="映射前的值（脱敏） · values before their transform, masked")
    for place in places:
        key = "|".join(str(lookup(look.rows[place], name)) for name in contract.key)
        table.add_column(escape(scrubbed(key)), overflow="fold")
    for field in look.fields:
        table.add_row(escape(field.place), escape(field.source), *(escape(field.values[place]) for place in places))
    return table


def _short(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"
