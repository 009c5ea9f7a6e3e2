"""From world rows to a department's own words: what the sixteen modules of `simulator.departments` share.

All of it is expressions over columns, so that a million records render in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from schema import codes

ZONE = "Asia/Shanghai"
ISO = "%Y-%m-%dT%H:%M:%S+08:00"
#: How departments call one another on paper.
SHORT_NAMES = {
    "petition": "信访",
    "political_legal": "政法",
    "police": "公安",
    "procuratorate": "检察",
    "court": "法院",
    "education": "教育",
    "labour": "人社",
    "housing": "住建",
    "mass_organisations": "群团",
    "justice": "司法",
    "civil_affairs": "民政",
    "health": "卫健",
    "urban_management": "城管",
    "market_regulation": "市监",
    "emergency_management": "应急",
    "planning_land": "规自",
}


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
    return (clock.dt.epoch("s") / 86400 + 25569).round(9)


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


def in_contract_order(parties: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Persons and firms that petition, firms and persons complained of: the order in which contracts tell parties."""
    petitioners, respondents = side(parties, "petitioner"), side(parties, "respondent")
    persons, firms = kind(petitioners, "person"), kind(petitioners, "organisation")
    return persons, firms, kind(respondents, "organisation"), kind(respondents, "person")


def nested(records: pl.DataFrame, parties: pl.DataFrame, name: str, fields: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Records with a list of their parties as the column `name`; empty where they have none."""
    lists = parties.group_by("row", maintain_order=True).agg(struct_of(fields).alias(name))
    joined = records.join(lists, on="row", how="left", maintain_order="left")
    return joined.with_columns(pl.col(name).fill_null(pl.lit([], dtype=joined.schema[name])))


def slot(records: pl.DataFrame, parties: pl.DataFrame, number: int, fields: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Records with the fields of their `number`-th of these parties (from 0) as columns of their own; null where there is none."""
    chosen = nth(parties, number).select("row", **fields)
    return records.join(chosen, on="row", how="left", maintain_order="left")


def nth(parties: pl.DataFrame, number: int) -> pl.DataFrame:
    """The `number`-th of these parties (from 0) of each record."""
    return parties.filter(pl.int_range(pl.len()).over("row") == number)


def rest(parties: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Parties without those that are taken."""
    return parties.join(taken.select("row", "ordinal"), on=["row", "ordinal"], how="anti", maintain_order="left")


def named(records: pl.DataFrame, parties: pl.DataFrame, name: str, separator: str) -> pl.DataFrame:
    """Records with the names of these parties in one column."""
    names = parties.group_by("row", maintain_order=True).agg(pl.col("name").str.join(separator).alias(name))
    return records.join(names, on="row", how="left", maintain_order="left")


def placed(groups: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Which parties are held and in what order the contract tells them: `row`, the world's `ordinal`, the hub's `place`."""
    stacked = pl.concat([group.select("row", "ordinal", pl.lit(index).alias("group")) for index, group in enumerate(groups)])
    ordered = stacked.sort("row", "group", "ordinal", maintain_order=True)
    return ordered.select("row", "ordinal", pl.int_range(pl.len(), dtype=pl.Int32).over("row").alias("place"))


def struct_of(fields: Mapping[str, pl.Expr]) -> pl.Expr:
    """An object with these fields."""
    return pl.struct([expression.alias(name) for name, expression in fields.items()])


def as_bodies(records: pl.DataFrame, fields: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Rows of an HTTP system: key, cursor, and the fields as JSON text."""
    return records.select(
        pl.col("source_record_id").alias("key"),
        epoch("updated_at").alias("cursor"),
        struct_of(fields).struct.json_encode().alias("body"),
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


def other_references(*told_apart: str) -> pl.Expr:
    """Numbers that a record cites, each after its department's short name, in one text; those told in columns of their own left out."""
    label = pl.element().struct.field("department").replace_strict(SHORT_NAMES, return_dtype=pl.String)
    number = pl.element().struct.field("number")
    elsewhere = pl.element().struct.field("department").is_in(list(told_apart)).not_()
    cited = pl.col("references").list.eval(pl.concat_str(label, pl.lit(":"), number).filter(elsewhere))
    return pl.when(cited.list.len() > 0).then(cited.list.join(";"))


def reference_list(*told_apart: str) -> pl.Expr:
    """The same as a list of objects, `system` and `number`."""
    label = pl.element().struct.field("department").replace_strict(SHORT_NAMES, return_dtype=pl.String).alias("system")
    elsewhere = pl.element().struct.field("department").is_in(list(told_apart)).not_()
    return pl.col("references").list.eval(pl.struct(label, pl.element().struct.field("number").alias("number")).filter(elsewhere))
