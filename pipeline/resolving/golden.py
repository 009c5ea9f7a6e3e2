"""GOLDEN VALUES: what an entity shows of itself, each value with the records that state it.

Enter rows of the members of entities touched, leave the differences in store.golden_record, one row an entity and change,
which the view store.golden_value shows value by value. Of each field the best values
are kept, and the best one of each department whatever its rank, of cases of each community, so that a caller who may read that
department or place alone is still answered; a value is stated by the record that says it best, and by one of each department and
place of which it is the best, each at its own rank: where a closed record says the same as an open one further down, that one
stands no higher for it.
What is kept of two lots of members together is what is kept of what was kept of each: which makes an entity of ten
thousand members as cheap to bring up to date as one of ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from matching.survivorship import VALUES, FieldRule, golden, place_in_run, survivorship_rules
from pipeline.resolving.relations import CASE, Relation
from pipeline.store.channel import Channel
from pipeline.store.copying import in_array
from pipeline.store.protected import clear_values, store_numbers, store_values

#: Values of a field that are kept whoever states them.
KEPT = 10
#: Entities ranked at once: all that a chunk touches took a quarter more memory at the chunk's highest, and were ranked no sooner.
AT_ONCE = 2000
_PARTY_FIELDS = ("name", "id_no", "uscc", "phone", "address", "gender", "birth_date")
_CASE_FIELDS = (
    "title", "text", "category", "status", "grade", "channel", "occurred_at", "reported_at", "due_at", "amount", "people_involved",
    "address", "street", "community", "location", "handling_unit", "confirmation_state",
)  # fmt: skip
_ABOUT = ("entity", "record_id", "said_in", "label", "territory", "at", "visibility")
_TIMES = ("occurred_at", "reported_at", "due_at")
_LIMITED = ("restricted", "sealed")
_LIVE = """
SELECT t.entity::text AS entity, g.fields AS field, g.ranks AS rank, g.contents AS value, g.stated_by AS stated
FROM unnest(%(entities)s::uuid[]) AS t (entity)
CROSS JOIN LATERAL (SELECT * FROM store.golden_record WHERE entity_id = t.entity AND known_to IS NULL OFFSET 0) g
"""
_RECORDS = """
SELECT r.record_id, r.department, r.source_record_id, r.visibility, r.street, r.community, r.updated_at, r.reported_at
FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE record_id = t.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) r
"""
_CLOSE = "UPDATE store.golden_record SET known_to = %(change)s WHERE entity_id = ANY (%(entities)s::uuid[]) AND known_to IS NULL"
_SCHEMA = {"entity": pl.String, "field": pl.String, "rank": pl.Int32, "value": pl.String, "stated": pl.String}
_EACH = ["field", "rank", "value", "stated"]
_SHARED = {"entity": pl.String, "field": pl.String, "value": pl.String}


@dataclass(frozen=True)
class Values:
    """What entities show.

    Args:
        kept: (entity, field, rank, value, stated), stated being record ids with commas between, best first.
        shared: (entity, field, value), the best that a record states which every department may read.
        alone: the same of new entities of one member, as the member states it: `entity`, `record_id`, `visibility` and the
            relation's fields.
    """

    kept: pl.DataFrame
    shared: pl.DataFrame
    alone: pl.DataFrame

    def shown(self, fields: Sequence[str]) -> pl.DataFrame:
        """(entity, then a column each of the fields): what every department may read."""
        shared = self.shared.filter(pl.col("field").is_in(fields)).pivot("field", index="entity", values="value")
        missing = [pl.lit(None, pl.String).alias(name) for name in fields if name not in shared.columns]
        alone = self.alone.filter(pl.col("visibility") == "shared")
        return pl.concat([shared.with_columns(missing).select("entity", *fields), alone.select("entity", *fields)])


def values_of(relation: Relation, rows: pl.DataFrame, statements: pl.DataFrame, created: pl.Series) -> Values:
    """What entities show, from their members.

    Args:
        relation: whose fields and rules.
        rows: members as `read_rows` gives them, with their `entity`.
        statements: as `read_statements` gives them, what entities show already of members that are not in `rows`.
        created: entities that showed nothing before.
    """
    number = "record_id" if relation is not CASE else pl.col("id").alias("record_id")
    is_only = (pl.len().over("entity") == 1) & pl.col("entity").is_in(created.implode())
    placed = rows.with_columns(is_only.alias("is_only"))
    alone = placed.filter("is_only").select("entity", number, "visibility", *_fields(relation))
    about = (_said_in(), _label(), _territory(relation), _at())
    stated = placed.filter(~pl.col("is_only")).select("entity", number, *about, *_fields(relation))
    parts = [_of_more(relation, pl.DataFrame(schema=statements.schema))]
    for entities in pl.concat([stated["entity"], statements["entity"]]).unique().sort().to_frame().iter_slices(AT_ONCE):
        of_these = pl.col("entity").is_in(entities["entity"].implode())
        given = [_unpivoted(stated.filter(of_these)).select(statements.columns), statements.filter(of_these)]
        parts.append(_of_more(relation, pl.concat(given)))
    kept, shared = zip(*parts, strict=True)
    return Values(pl.concat(kept), pl.concat(shared), alone)


def read_statements(channel: Channel, relation: Relation, golden_rows: pl.DataFrame) -> pl.DataFrame:
    """(entity, field, value, record_id, said_in, label, territory, at): who states the values that entities show."""
    stated = golden_rows.select("entity", "field", "value", pl.col("stated").str.split(",").alias("record_id"))
    stated = stated.explode("record_id", empty_as_null=False, keep_nulls=False).with_columns(pl.col("record_id").cast(pl.Int64))
    records = channel.read(_RECORDS, ids=stated["record_id"].unique().sort())
    about = records.select("record_id", _said_in(), _label(), _territory(relation), _at())
    return stated.join(about, on="record_id").select("entity", "field", "value", "record_id", "said_in", "label", "territory", "at")


def read_golden(channel: Channel, entities: pl.Series) -> pl.DataFrame:
    """Live golden values of entities, as `Values.kept` has them."""
    if entities.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    found = channel.read(_LIVE, entities=entities.sort()).explode(_EACH)
    return found.with_columns(value=clear_values(found["field"], found["value"]))


def write_golden(channel: Channel, change: int, now: Values, before: pl.DataFrame) -> pl.Series:
    """Close what entities showed where that is no longer so, and add what they show from now on.

    Returns:
        Entities with a difference.
    """
    same = list(_SCHEMA)
    standing = before["entity"].unique()
    stands = pl.col("entity").is_in(standing.implode())
    had, new = now.kept.filter(stands), now.kept.filter(~stands)
    lost, come = before.join(had, on=same, how="anti"), had.join(before, on=same, how="anti")
    closed = pl.concat([lost["entity"], come["entity"]]).unique()
    differing = pl.concat([closed, new["entity"].unique()])
    if len(closed):
        channel.run(_CLOSE, puts_off=True, change=change, entities=closed)
    whole = now.kept.filter(pl.col("entity").is_in(differing.implode())).sort("entity", "field", "rank")
    whole = whole.with_columns(value=store_values(whole["field"], whole["value"]))
    rows = whole.group_by("entity", maintain_order=True).agg(_EACH)
    for frame in (rows, _arrays_of(store_numbers(now.alone))):
        named = frame.rename({"entity": "entity_id", "field": "fields", "rank": "ranks", "value": "contents", "stated": "stated_by"})
        channel.copy("store.golden_record", named.with_columns(known_from=pl.lit(change, pl.Int64)), puts_off=True)
    return pl.concat([differing, now.alone["entity"]])


def _arrays_of(alone: pl.DataFrame) -> pl.DataFrame:
    """(entity, field, rank, value, stated) of entities of one member, in arrays as PostgreSQL writes them.

    Text from the start: most entities are such, and to make lists of a dozen values each is most of what they cost.
    """
    fields = sorted(name for name in alone.columns if name not in _ABOUT)
    number = pl.concat_str(pl.lit('"'), "record_id", pl.lit('"'))

    def array(of: dict[str, pl.Expr]) -> pl.Expr:
        said = [pl.when(pl.col(name) != "").then(of[name]) for name in fields]  # null where the field is
        return pl.concat_str(pl.lit("{"), pl.concat_str(said, separator=",", ignore_nulls=True), pl.lit("}"))

    return alone.select(
        "entity",
        field=array({name: pl.lit(f'"{name}"') for name in fields}),
        rank=array(dict.fromkeys(fields, pl.lit("1"))),
        value=array({name: in_array(pl.col(name)) for name in fields}),
        stated=array(dict.fromkeys(fields, number)),
    )


def _of_more(relation: Relation, values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`kept` and `shared` of entities of several members: what survivorship ranks best."""
    if values.is_empty():
        return pl.DataFrame(schema=_SCHEMA), pl.DataFrame(schema=_SHARED)
    entities = values.select("entity").unique().with_columns(cluster=pl.int_range(pl.len(), dtype=pl.Int64))
    # The last word between equals goes by the record's name, not by its number, which depends on what landed first.
    records = values.select("record_id", "said_in").unique().with_columns(place=pl.col("said_in").rank("dense").cast(pl.Int64))
    given = values.join(entities, on="entity").join(records.select("record_id", "place"), on="record_id")
    given = given.select("cluster", "field", "value", "territory", record_id="place", department="label", updated_at="at")
    given = given.select(VALUES.names)
    ranked = pl.DataFrame(golden(given.to_arrow().cast(VALUES), label_rules(relation.name)))
    ranked = ranked.rename({"department": "label", "record_id": "place"}).join(records, on="place", maintain_order="left")
    kept = _kept(ranked)
    shared = ranked.filter(_is_shared()).unique(["cluster", "field"], keep="first", maintain_order=True)
    return kept.join(entities, on="cluster").select(list(_SCHEMA)), shared.join(entities, on="cluster").select(list(_SHARED))


def _kept(ranked: pl.DataFrame) -> pl.DataFrame:
    """(cluster, field, rank, value, stated) of what is kept of ranked statements.

    A value that stands again further down is kept there again: read by who may not read the first, it stands no higher for him than where
    no such record is. Neighbours that say the same are one row. Closed records are told apart, for of their values none may take the
    place of one that others read.
    """
    readers = pl.when(_is_shared()).then(pl.lit("")).otherwise("label")  # who reads one of them reads all, places left aside
    ranked = ranked.with_columns(readers=readers, stated=pl.col("record_id").cast(pl.String)).with_columns(
        is_best=pl.struct("cluster", "field", "label", "territory").is_first_distinct(),
        is_first=pl.struct("cluster", "field", "readers", "value").is_first_distinct(),
    )
    is_among = pl.col("is_first") & (pl.col("is_first").cum_sum().over("cluster", "field", "readers") <= KEPT)
    begins = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in ("cluster", "field", "value"))
    kept = ranked.filter(pl.col("is_best") | is_among).with_columns(run=begins.cum_sum(), is_head=begins)
    again = kept.filter(~pl.col("is_head")).group_by("run", maintain_order=True).agg(pl.col("stated").str.join(","))
    rows = kept.filter("is_head").join(again, on="run", how="left", maintain_order="left", suffix="_again")
    stated = pl.concat_str("stated", "stated_again", separator=",", ignore_nulls=True)
    return rows.select("cluster", "field", "value", stated=stated, rank=place_in_run("cluster", "field"))


def _unpivoted(stated: pl.DataFrame) -> pl.DataFrame:
    """(field, value) in rows, the values stated alone."""
    fields = [name for name in stated.columns if name not in _ABOUT]
    values = stated.unpivot(fields, index=[name for name in stated.columns if name in _ABOUT], variable_name="field")
    return values.filter(pl.col("value").is_not_null() & (pl.col("value") != ""))


def _said_in() -> pl.Expr:
    return pl.concat_str("department", "source_record_id", separator="\x1f").alias("said_in")


def _at() -> pl.Expr:
    return pl.coalesce("updated_at", "reported_at").alias("at")


def _is_shared() -> pl.Expr:
    """Whether a label stands for records that every department may read."""
    return ~pl.col("label").str.contains(" ", literal=True)


def _label() -> pl.Expr:
    """A department's open records and its restricted ones are read by different people: each speak for themselves."""
    limited = pl.concat_str("department", "visibility", separator=" ")
    return pl.when(pl.col("visibility") == "shared").then("department").otherwise(limited).alias("label")


def _territory(relation: Relation) -> pl.Expr:
    """Where a case's record is: some callers read some streets or communities alone. Of persons and firms no values are shown."""
    if relation is not CASE:
        return pl.lit(None, pl.String).alias("territory")
    return pl.concat_str(pl.col("street", "community").fill_null(""), separator=" ").alias("territory")


def label_of(department: str, visibility: str) -> str:
    """What one record counts as, as `_label` gives it for many."""
    return department if visibility == "shared" else f"{department} {visibility}"


@cache
def label_rules(name: str) -> dict[str, FieldRule]:
    """The relation's rules by label (see `label_of`), with an issuing department's restricted records right after its open ones."""
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
