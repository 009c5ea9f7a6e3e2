"""SURVIVORSHIP: which value of a cluster's field wins, and what stands behind it.

Enters every value that any member states, leaves them ranked, each with the department and record that state it. All
ranks are kept, for a caller who may not read the best source gets the best that he may.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl
import pyarrow as pa
import yaml

from hub.errors import ContractError
from matching.model_file import MODELS
from matching.single.patterns import contains
from matching.vocabulary import vocabulary
from schema.records import TIME

#: What enters: one row a value stated. Values are text, as they are shown.
VALUES = pa.schema(
    [
        pa.field("cluster", pa.int64(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("department", pa.string()),
        pa.field("updated_at", TIME),
        pa.field("record_id", pa.int64(), nullable=False),
        pa.field("territory", pa.string()),  # null: those who read one record of the department read all of them
    ]
)
#: What leaves: one row a cluster, field, value, department and territory; rank 1 is best.
RANKED = pa.schema(
    [
        pa.field("cluster", pa.int64(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("department", pa.string()),
        pa.field("record_id", pa.int64(), nullable=False),
        pa.field("updated_at", TIME),
        pa.field("territory", pa.string()),
    ]
)
#: Ways in which one value says more than another.
COMPLETENESS = ("none", "unmasked", "longest")
#: What decides between two values, in order: who issues the field, which is more complete, which is newer, whose record's name is first.
CRITERIA = ("issuer", "completeness", "recency", "record")
_HIDDEN = "[*×某○●□◯※]"
_HAN = "[\u4e00-\u9fff]"  # as both of Python's and polars' expressions have it


@dataclass(frozen=True)
class FieldRule:
    """How a field's value is chosen: issuing departments in order, then completeness, then recency, then record id.

    Args:
        issuers: departments whose word counts before any other's, the first most.
        completeness: none; unmasked (a masked value after a whole one); longest (unmasked, then by length).
    """

    issuers: tuple[str, ...] = ()
    completeness: str = "none"


@cache
def survivorship_rules(entity: str) -> dict[str, FieldRule]:
    """The project's own rules of an entity: person, organisation or case.

    Raises:
        ContractError: no such entity, or a rule that says what cannot be done.
    """
    document: dict[str, Any] = yaml.safe_load((MODELS / "survivorship.yml").read_text(encoding="utf-8"))
    if entity not in document["entities"]:
        raise ContractError(
            f"{entity!r} 没有取值规则 · no survivorship rules for {entity!r}",
            remedy="可用值 · name one of: person, organisation, case",
        )
    return read_rules(document["entities"][entity])


def read_rules(document: Mapping[str, Mapping[str, Any]]) -> dict[str, FieldRule]:
    """Rules of fields from a mapping field → {issuers, completeness}.

    Raises:
        ContractError: an unknown key or way of completeness.
    """
    rules = {}
    for field, entry in document.items():
        unknown = set(entry) - {"issuers", "completeness"}
        completeness = str(entry.get("completeness", "none"))
        if unknown or completeness not in COMPLETENESS:
            remedy = f"写明 issuers 与 completeness · say issuers, and completeness as one of: {', '.join(COMPLETENESS)}"
            raise ContractError(f"无法识别 {field} 的取值规则 · survivorship of {field} is not understood", remedy=remedy, field=field)
        rules[field] = FieldRule(tuple(map(str, entry.get("issuers", []))), completeness)
    return rules


@dataclass(frozen=True)
class Statement:
    """One value as one record states it.

    Args:
        value: as text.
        department: or the label that stands for it in the rules.
        at: when the record was updated; None where it does not say.
        record: what names the record among all.
    """

    value: str
    department: str
    at: dt.datetime | None
    record: str


@cache
def masks() -> Mapping[str, str]:
    """Way of completeness → what a value looks like that does not say all; of names as `names.person_names` reads them.

    A title at the end of a longer text is no mask: only where values are names, numbers and phones does it hide a given name.
    """
    words = vocabulary()
    titles = "|".join(title for kind in words.titles.values() for title in kind)
    alone = "|".join(sorted(words.compound_surnames))
    called = "|".join(word for kind in words.addressed.values() for word in kind)
    shown = rf"^(?:[小老阿]?{_HAN}|(?:{_HAN}|{alone})(?:{called})?)$"  # a surname and no more
    return {"unmasked": rf"{_HIDDEN}|{_HAN}[xX]+|(?:{titles})$|{shown}", "longest": rf"{_HIDDEN}|(?:先生|女士|小姐)$"}


def standing(rule: FieldRule, statement: Statement) -> tuple[tuple[float, ...], ...]:
    """A sort key, the best first: one part a criterion of `CRITERIA`, the names of records left aside; `golden` orders so."""
    issuer = rule.issuers.index(statement.department) if statement.department in rule.issuers else len(rule.issuers)
    is_masked = rule.completeness != "none" and contains(masks()[rule.completeness], statement.value)
    length = len(statement.value) if rule.completeness == "longest" else 0
    recency = (1.0, 0.0) if statement.at is None else (0.0, -statement.at.timestamp())
    return (float(issuer),), (float(is_masked), float(-length)), recency


def decisive(rule: FieldRule, winner: Statement, loser: Statement) -> str:
    """The criterion by which one value stands before another: the first that tells them apart, at last the records' names."""
    parts = zip(CRITERIA, standing(rule, winner), standing(rule, loser), strict=False)
    return next((name for name, one, other in parts if one != other), CRITERIA[-1])


def golden(values: pa.Table, rules: Mapping[str, FieldRule]) -> pa.Table:
    """RANKED of all values. A value that one department states more than once of one territory counts as its latest statement.

    Args:
        values: VALUES; null and empty values state nothing.
        rules: by field; a field without one goes by recency, then record id.
    """
    frame = pl.DataFrame(values).filter(pl.col("value").is_not_null() & (pl.col("value") != ""))
    fields = frame["field"].unique().to_list()
    issuer = pl.DataFrame(
        [(field, name, place) for field in fields for place, name in enumerate(rules.get(field, FieldRule()).issuers)],
        schema={"field": pl.String, "department": pl.String, "issuer": pl.Int32},
        orient="row",
    )
    ways = pl.DataFrame(
        [(field, rules.get(field, FieldRule()).completeness) for field in fields],
        schema={"field": pl.String, "way": pl.String},
        orient="row",
    )
    # Null, and so not looked through, where another way is the field's.
    hidden = [pl.when(pl.col("way") == way).then("value").str.contains(mask) for way, mask in masks().items()]
    masked = pl.coalesce(*hidden, pl.lit(value=False))
    length = pl.when(pl.col("way") == "longest").then(pl.col("value").str.len_chars()).otherwise(0)
    in_order = pl.Enum(sorted(fields))  # sorts by number as its words would
    ordered = (
        frame.join(issuer, on=["field", "department"], how="left")
        .join(ways, on="field", how="left")
        .with_columns(pl.col("field").cast(in_order), masked=masked, length=length)
        .sort(
            ["cluster", "field", "issuer", "masked", "length", "updated_at", "record_id", "value"],
            descending=[False, False, False, False, True, True, False, False],
            nulls_last=True,
        )
        .unique(["cluster", "field", "value", "department", "territory"], keep="first", maintain_order=True)
    )
    ranked = ordered.with_columns(pl.col("field").cast(pl.String), rank=place_in_run("cluster", "field"))
    return ranked.select(RANKED.names).to_arrow().cast(RANKED)


def place_in_run(*columns: str) -> pl.Expr:
    """Each row's place, from 1, among the neighbours that are equal in the columns: what a window gives, for sorted rows."""
    row = pl.int_range(pl.len(), dtype=pl.Int32)
    begins = pl.any_horizontal(pl.col(column).ne_missing(pl.col(column).shift()) for column in columns) | (row == 0)
    return row - pl.when(begins).then(row).forward_fill() + 1
