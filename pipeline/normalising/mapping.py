"""NORMALISE, its pure half: a contract's field map over payloads.

Enters: landed rows (source_record_id, version, payload). Leaves: RECORD and PARTY tables in the hub's words, and a
refusal for every value that a transform or code list cannot read. A record with a refusal is in neither table: its row
is quarantined whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from connectors.codes import CodeList, load_code_lists
from connectors.contract import Contract
from pipeline.columns.payloads import Payloads, collector_at_rest
from pipeline.normalising.fields import Column, Reader, Wanted, holds, path_faults, read
from pipeline.normalising.parties import Entry, entry, mentions, parties_of, wanted
from pipeline.normalising.references import read_references
from schema.records import PARTY, RECORD

#: What was refused, and why; never the value.
REFUSAL = pa.schema(
    [
        pa.field("source_record_id", pa.string(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),  # transform:<field>, code:<field>, path
        pa.field("column", pa.string(), nullable=False),  # the source's own name
        pa.field("reason", pa.string(), nullable=False),
    ]
)

#: Rows, and bytes of payload, decoded at once: Python objects of a million payloads would take gigabytes.
CHUNK_ROWS = 20_000
CHUNK_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Mapped:
    """The outcome of `map_records`: shapes RECORD, PARTY and REFUSAL."""

    records: pa.Table
    parties: pa.Table
    refusals: pa.Table


def map_records(contract: Contract, rows: pl.DataFrame, code_lists: Mapping[str, CodeList]) -> Mapped:
    """Map a department's rows to the hub's words.

    Args:
        contract: the department's contract.
        rows: source_record_id, version and payload (JSON text), in any number.
        code_lists: what `code_lists_of` gave for the contract.

    Returns:
        Records and parties in the order of `rows`, and refusals.
    """
    reader = Reader(contract.timezone, code_lists)
    with collector_at_rest():
        chunks = [_map_chunk(contract, chunk, reader) for chunk in _slices(rows)]
    return Mapped(
        pa.concat_tables([RECORD.empty_table(), *(chunk.records for chunk in chunks)]),
        pa.concat_tables([PARTY.empty_table(), *(chunk.parties for chunk in chunks)]),
        pa.concat_tables([REFUSAL.empty_table(), *(chunk.refusals for chunk in chunks)]),
    )


def code_lists_of(contract: Contract, folders: Iterable[Path]) -> dict[str, CodeList]:
    """The code lists that a contract names, from the hub's folder and from folders of contracts.

    Raises:
        ContractError: a code list is missing or has a mistake.
    """
    return load_code_lists(contract.code_lists(), folders)


def _slices(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Slices of at most CHUNK_ROWS rows and, but for a single row, about CHUNK_BYTES of payload."""
    places = pl.int_range(len(rows), dtype=pl.Int64, eager=True)
    number = places // CHUNK_ROWS + rows["payload"].str.len_bytes().fill_null(0).cast(pl.Int64).cum_sum() // CHUNK_BYTES
    start = 0
    for length in number.rle().struct.field("len") if len(rows) else ():
        yield rows.slice(start, length)
        start += length


def _map_chunk(contract: Contract, rows: pl.DataFrame, reader: Reader) -> Mapped:
    source = Payloads.decoded(rows["payload"])
    keys = rows.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        pl.lit(contract.department).alias("department"),
        "source_record_id",
        pl.col("version").cast(pl.Int32),
    )
    fields, entries = _read(contract, source, reader)
    all_rows = keys["row"]
    read_columns = [(all_rows, column) for column in fields.values()]
    for each in entries:
        read_columns += each.read_columns
        if each.mentioned.source is not source:
            read_columns += [(each.mentioned.rows, column) for column in path_faults(each.mentioned.source)]
    references = read_references(contract.references, source)
    read_columns += [(all_rows, column) for column in path_faults(source)]
    refusals = _refusals(keys, read_columns)
    records = keys.hstack([column.values.alias(name) for name, column in fields.items()]).with_columns(
        visibility=_visibility(contract, source), references=references
    )
    return Mapped(
        shaped(_kept(records, refusals), RECORD),
        shaped(_numbered(_kept(parties_of(entries), refusals), keys), PARTY),
        shaped(refusals, REFUSAL),
    )


def _read(contract: Contract, source: Payloads, reader: Reader) -> tuple[dict[str, Column], list[Entry]]:
    """The record's fields, and the entries of its parties."""
    mentioned = [mentions(party, source) for party in contract.parties]
    asked: dict[tuple[int | None, str], Wanted] = {
        (None, name): Wanted(name, mapping, source, RECORD.field(name).type) for name, mapping in contract.record.items()
    }
    asked |= {
        (place, field): each
        for place, (party, found) in enumerate(zip(contract.parties, mentioned, strict=True))
        for field, each in wanted(party, found).items()
    }
    columns = read(asked, reader)
    entries = [
        entry(party, found, {field: columns[place, field] for field in party.fields})
        for place, (party, found) in enumerate(zip(contract.parties, mentioned, strict=True))
    ]
    return {name: columns[None, name] for name in contract.record}, entries


def _kept(frame: pl.DataFrame, refusals: pl.DataFrame) -> pl.DataFrame:
    """What is of rows without a refusal."""
    return frame.filter(~pl.col("row").is_in(refusals["row"].implode())) if len(refusals) and frame.width else frame


def _numbered(parties: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Parties with their records' keys, numbered within their record in the contract's order."""
    if not parties.width:
        return parties
    of_records = keys.drop("row")[parties["row"]]
    return parties.hstack(of_records).with_columns(ordinal=pl.int_range(pl.len(), dtype=pl.Int32).over("row"))


def _refusals(keys: pl.DataFrame, read_columns: list[tuple[pl.Series, Column]]) -> pl.DataFrame:
    found = [
        pl.DataFrame({"row": rows.filter(column.refused)}).with_columns(
            rule=pl.lit(column.rule), column=pl.lit(column.source), reason=pl.lit(str(column.reason))
        )
        for rows, column in read_columns
        if column.refused.any()
    ]
    if not found:
        return pl.DataFrame(schema={"row": keys.schema["row"]})
    # Three workers with an unreadable phone are one refusal of the record.
    refused = pl.concat(found).unique(maintain_order=True).sort("row", maintain_order=True)
    return refused.hstack(keys.drop("row")[refused["row"]])


def _visibility(contract: Contract, source: Payloads) -> pl.Series:
    """The strictest that applies: sealed before restricted before the default."""
    policy = contract.visibility
    visibility = pl.Series([policy.default]).new_from_index(0, len(source))
    for word, condition in (("restricted", policy.restricted_when), ("sealed", policy.sealed_when)):
        if condition is not None and not (word == "restricted" and policy.default == "sealed"):
            visibility = visibility.set(holds(condition, source.column(condition.field)), word)
    return visibility


def shaped(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """A frame as the Arrow table of a schema: columns in its order, those it lacks null."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(frame), field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)
