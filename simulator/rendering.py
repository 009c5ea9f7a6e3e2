"""From world rows to a department's own words: what the sixteen modules of `simulator.departments` share.

All of it is expressions over columns, so that a million records render in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from schema import codes

ZONE = "Asia/Shanghai"
ISO = "%Y-%m-%dT%H:%M:%S+08:00"


@dataclass(frozen=True)
class Garbage:
    """A row that must not be accepted.

    Args:
        kind: what is wrong with it, in English words.
        key: its source_record_id, where it has one that can be read.
        outcome: "quarantined" by a rule, or "raw" where not even its fields can be read.
        row: its fields, for systems that keep rows; JSON text under `body` for those that keep bodies.
        raw: its bytes as they stand in the file, for those that cannot be written from fields.
    """

    kind: str
    key: str | None
    outcome: str
    row: dict[str, object] = field(default_factory=dict)
    raw: bytes = b""


@dataclass(frozen=True)
class Rendered:
    """A department's rows of one moment.

    Args:
        rows: one raw row a record, with `key` (source_record_id) and `cursor` (epoch seconds of its last change).
        parties: which of the world's parties the rows hold, and where the contract puts them: row, ordinal, place.
    """

    rows: pl.DataFrame
    parties: pl.DataFrame


def own_codes(name: str, words: str) -> dict[str, str]:
    """A department's own codes for a list of the hub, written in the hub's order; "~" where it has none."""
    own = words.split()
    listed = list(codes.load(name))
    if len(own) != len(listed):
        raise ValueError(f"{name} has {len(listed)} codes, not {len(own)}")
    return {code: word for code, word in zip(listed, own, strict=True) if word != "~"}


def coded(column: str, own: Mapping[str, str]) -> pl.Expr:
    """A hub code in the department's own words; null where the department has none for it."""
    return pl.col(column).replace_strict(list(own), list(own.values()), default=None, return_dtype=pl.String)


def local(column: str, layout: str) -> pl.Expr:
    """A time as the clock in Shenzhen shows it."""
    return pl.col(column).dt.convert_time_zone(ZONE).dt.strftime(layout)


def epoch(column: str) -> pl.Expr:
    """A time in seconds since 1970."""
    return pl.col(column).dt.epoch("s")


def excel_serial(column: str) -> pl.Expr:
    """A time as Excel keeps it: days since 1899-12-30, by the local clock."""
    clock = pl.col(column).dt.convert_time_zone(ZONE).dt.replace_time_zone(None)
    return (clock.dt.epoch("s") / 86400 + 25569).round(6)


def yuan(column: str) -> pl.Expr:
    """An amount in yuan, as text with two places."""
    return pl.col(column).cast(pl.Decimal(18, 2)).cast(pl.String)


def full_width(expression: pl.Expr) -> pl.Expr:
    """Digits and letters as wide as a Chinese character."""
    narrow = [chr(point) for point in range(0x30, 0x3A)] + [chr(point) for point in range(0x41, 0x5B)]
    return expression.str.replace_many(narrow, [chr(ord(character) + 0xFEE0) for character in narrow])


def side(parties: pl.DataFrame, *sides: str) -> pl.DataFrame:
    """Parties that stand on these sides: petitioner, respondent, other."""
    roles = [role for role, its_side in codes.sides().items() if its_side in sides]
    return parties.filter(pl.col("role").is_in(roles))


def kind(parties: pl.DataFrame, wanted: str) -> pl.DataFrame:
    """Persons, or organisations."""
    return parties.filter(pl.col("kind") == wanted)


def nested(records: pl.DataFrame, parties: pl.DataFrame, name: str, fields: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Records with a list of their parties as the column `name`; empty where they have none."""
    lists = parties.group_by("row", maintain_order=True).agg(pl.struct(**fields).alias(name))
    joined = records.join(lists, on="row", how="left", maintain_order="left")
    return joined.with_columns(pl.col(name).fill_null(pl.lit([], dtype=joined.schema[name])))


def slot(records: pl.DataFrame, parties: pl.DataFrame, number: int, fields: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Records with the fields of their `number`-th of these parties (from 0) as columns of their own; null where there is none."""
    chosen = nth(parties, number).select("row", **fields)
    return records.join(chosen, on="row", how="left", maintain_order="left")


def nth(parties: pl.DataFrame, number: int) -> pl.DataFrame:
    """The `number`-th of these parties (from 0) of each record."""
    return parties.filter(pl.int_range(pl.len()).over("row") == number)


def placed(groups: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Which parties are held and in what order the contract tells them: `row`, the world's `ordinal`, the hub's `place`."""
    stacked = pl.concat([group.select("row", "ordinal", pl.lit(index).alias("group")) for index, group in enumerate(groups)])
    ordered = stacked.sort("row", "group", "ordinal", maintain_order=True)
    return ordered.select("row", "ordinal", pl.int_range(pl.len(), dtype=pl.Int32).over("row").alias("place"))


def as_bodies(records: pl.DataFrame, fields: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Rows of an HTTP system: key, cursor, and the fields as JSON text."""
    return records.select(
        pl.col("source_record_id").alias("key"), epoch("updated_at").alias("cursor"), pl.struct(**fields).struct.json_encode().alias("body")
    )


def as_columns(records: pl.DataFrame, fields: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Rows of a file or a table: key, cursor, and the fields as columns."""
    return records.select(pl.col("source_record_id").alias("key"), epoch("updated_at").alias("cursor"), **fields)


def reference_to(department: str) -> pl.Expr:
    """The number of another department's paper that a record cites; null where it cites none."""
    cited = pl.col("references").list.eval(
        pl.element().struct.field("number").filter(pl.element().struct.field("department") == department)
    )
    return cited.list.first()
