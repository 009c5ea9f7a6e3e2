"""GOLDEN VALUES: what an entity shows of itself, each value with the records that state it.

Enter rows of all members of the entities touched, leave the differences in store.golden_value. Of each field the best
values are kept, and the best one of each department whatever its rank, so that a caller who may read that department
alone is still answered. For one department and value one record stands, and one more for each way in which records of
it are restricted: which makes an entity of ten thousand members as cheap to bring up to date as one of two.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from matching.survivorship import VALUES, FieldRule, golden, survivorship_rules
from pipeline.channel import Channel
from pipeline.relations import CASE, Relation

#: Whether a label of `ranked_values` stands for records that every department may read.
SHARED = ~pl.col("label").str.contains(" ", literal=True)
#: Values of a field that are kept whoever states them.
KEPT = 10
_PARTY_FIELDS = ("name", "id_type", "id_no", "uscc", "phone", "address", "gender", "birth_date")
_CASE_FIELDS = (
    "title", "text", "category", "status", "grade", "channel", "occurred_at", "reported_at", "due_at", "amount", "people_involved",
    "address", "street", "community", "location", "handling_unit", "confirmation_state",
)  # fmt: skip
_TIMES = ("occurred_at", "reported_at", "due_at")
_LIMITED = ("restricted", "sealed")
_LIVE = """
SELECT t.entity::text AS entity, g.field, g.rank, g.value, array_to_string(g.stated_by, ',') AS stated
FROM unnest(%(entities)s::uuid[]) AS t (entity)
CROSS JOIN LATERAL (SELECT * FROM store.golden_value WHERE entity_id = t.entity AND known_to IS NULL OFFSET 0) g
"""
_CLOSE = """
UPDATE store.golden_value g SET known_to = %(change)s
FROM unnest(%(entities)s::uuid[], %(fields)s::text[], %(ranks)s::integer[]) AS t (entity, field, rank)
WHERE g.entity_id = t.entity AND g.field = t.field AND g.rank = t.rank AND g.known_to IS NULL
"""
_KEY = ["entity", "field", "rank"]
_SCHEMA = {"entity": pl.String, "field": pl.String, "rank": pl.Int32, "value": pl.String, "stated": pl.String}


def ranked_values(relation: Relation, rows: pl.DataFrame) -> pl.DataFrame:
    """Every statement in the order of survivorship.

    Args:
        relation: whose fields and rules.
        rows: members as `read_rows` gives them, with their `entity`.

    Returns:
        (entity, field, rank, value, label, record_id): `label` is the department, and how its record is restricted.
    """
    entities = rows.select("entity").unique().with_columns(cluster=pl.int_range(pl.len(), dtype=pl.Int64))
    shown = rows.join(entities, on="entity").select(
        "cluster",
        "record_id" if "record_id" in rows.columns else pl.col("id").alias("record_id"),
        _label(pl.col("department"), pl.col("visibility")).alias("department"),
        pl.coalesce("updated_at", "reported_at").alias("updated_at"),
        *_fields(relation),
    )
    fields = _CASE_FIELDS if relation is CASE else _PARTY_FIELDS
    values = shown.unpivot(fields, index=["cluster", "record_id", "department", "updated_at"], variable_name="field")
    ranked = pl.DataFrame(golden(values.select(VALUES.names).to_arrow().cast(VALUES), _rules(relation.name)))
    return ranked.join(entities, on="cluster").select("entity", "field", "rank", "value", "record_id", label="department")


def kept_values(ranked: pl.DataFrame) -> pl.DataFrame:
    """(entity, field, rank, value, stated): the statements put together by value, and the values that are kept."""
    place = pl.col("rank").rank("dense").over("entity", "field")
    first = pl.col("rank").min().over("entity", "field", "value")
    marked = ranked.with_columns(is_best=pl.col("rank") == pl.col("rank").min().over("entity", "field", "label"), first=first)
    values = (
        marked.sort("rank")
        .group_by("entity", "field", "value", maintain_order=True)
        .agg(
            pl.col("first").first().alias("rank"),
            pl.col("is_best").any(),
            pl.col("record_id").cast(pl.String).str.join(",").alias("stated"),
        )
    )
    kept = values.with_columns(place=place).filter((pl.col("place") <= KEPT) | pl.col("is_best"))
    return kept.with_columns(rank=place.cast(pl.Int32)).select(list(_SCHEMA))


def read_golden(channel: Channel, entities: pl.Series) -> pl.DataFrame:
    """Live golden values of entities, as `kept_values` gives them."""
    if entities.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    return channel.read(_LIVE, entities=entities)


def write_golden(channel: Channel, change: int, now: pl.DataFrame, before: pl.DataFrame) -> pl.Series:
    """Close values that are no longer so and add those that are.

    Returns:
        Entities with a difference.
    """
    same = list(_SCHEMA)
    closed, new = before.join(now, on=same, how="anti"), now.join(before, on=same, how="anti")
    if closed.height:
        channel.run(_CLOSE, puts_off=True, change=change, entities=closed["entity"], fields=closed["field"], ranks=closed["rank"])
    rows = new.select(
        pl.col("entity").alias("entity_id"),
        "field",
        "rank",
        "value",
        pl.lit(change).alias("known_from"),
        pl.concat_str(pl.lit("{"), "stated", pl.lit("}")).alias("stated_by"),
    )
    channel.copy("store.golden_value", rows, puts_off=True)
    return pl.concat([closed["entity"], new["entity"]]).unique()


def _label(department: pl.Expr, visibility: pl.Expr) -> pl.Expr:
    """A department's open records and its restricted ones are read by different people: each speak for themselves."""
    return pl.when(visibility == "shared").then(department).otherwise(pl.concat_str(department, visibility, separator=" "))


@cache
def _rules(name: str) -> dict[str, FieldRule]:
    """The relation's rules, with an issuing department's restricted records right after its open ones."""
    return {
        field: FieldRule(
            tuple(label for issuer in rule.issuers for label in (issuer, *(f"{issuer} {word}" for word in _LIMITED))), rule.completeness
        )
        for field, rule in survivorship_rules(name).items()
    }


def _fields(relation: Relation) -> list[pl.Expr]:
    """Fields as text, as they are shown."""
    if relation is not CASE:
        return [pl.col("own_address" if name == "address" else name).cast(pl.String).alias(name) for name in _PARTY_FIELDS]
    return [_case_field(name) for name in _CASE_FIELDS]


def _case_field(name: str) -> pl.Expr:
    if name in _TIMES:
        return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    if name == "amount":
        return pl.col(name).cast(pl.Decimal(18, 2)).cast(pl.String)
    if name == "location":
        return pl.concat_str("longitude", "latitude", separator=",").alias(name)
    return pl.col(name).cast(pl.String)
