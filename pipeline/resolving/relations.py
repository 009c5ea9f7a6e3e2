"""The three relations as resolve meets them: their tables, and the rows that matching and survivorship see of a node.

A node is a party (persons, organisations) or a record (cases); an entity is what nodes resolve to. Enter node ids, leave
frames with a column `id` and at least the columns of the relation's input in `schema.records`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection

from pipeline.store.channel import Channel
from pipeline.store.copying import read_frame
from pipeline.store.protected import clear_numbers
from schema.codes import sides
from schema.records import CASE_INPUT, ORGANISATION_INPUT, PERSON_INPUT

#: A cluster's stand-in where matching wants a number: the first 64 bits of its id, the same wherever it is looked up.
STAND_IN = "('x' || translate(left({column}::text, 18), '-', ''))::bit(64)::bigint"


@dataclass(frozen=True)
class Relation:
    """Names of one relation's columns and tables, and the shape that matching takes."""

    name: str
    node: str
    entity: str
    table: str
    size: str  # the entity's column that counts its nodes
    shape: pa.Schema

    @property
    def members(self) -> str:
        """Table of memberships."""
        return f"store.{self.name}_member"

    @property
    def keys(self) -> str:
        """Table of blocking keys."""
        return f"store.{self.name}_key"

    @property
    def key_lists(self) -> str:
        """Table of each node's blocking keys."""
        return f"store.{self.name}_key_list"


PERSON = Relation("person", "party_id", "person_id", "store.person", "mentions", PERSON_INPUT)
ORGANISATION = Relation("organisation", "party_id", "organisation_id", "store.organisation", "mentions", ORGANISATION_INPUT)
CASE = Relation("case", "record_id", "case_id", "store.unified_case", "records", CASE_INPUT)
RELATIONS = (PERSON, ORGANISATION, CASE)

# LATERAL with OFFSET 0 keeps the planner to one index look-up a node, whatever it believes of a table that has just grown.
_RECORD = """(SELECT * FROM store.source_record
    WHERE record_id = {id} AND known_to IS NULL AND known_from IS NOT NULL AND NOT is_deleted OFFSET 0)"""
_PARTY_COLUMNS = """
p.party_id AS id, p.record_id, p.version, p.ordinal, p.role, p.name, p.id_type, p.id_no, p.uscc, p.phone, p.address AS own_address,
CASE WHEN p.kind = 'person' THEN coalesce(p.address, r.address) ELSE p.address END AS address, p.gender, p.birth_date,
r.department, r.source_record_id, r.visibility, r.reported_at, r.updated_at
"""
#: What `_PARTY_COLUMNS` says of a record.
OF_RECORD = ("department", "source_record_id", "visibility", "reported_at", "updated_at")
_PARTY_ROW = (
    "id", "record_id", "version", "ordinal", "role", "name", "id_type", "id_no", "uscc", "phone", "own_address", "address", "gender",
    "birth_date", *OF_RECORD,
)  # fmt: skip
_PARTIES = f"""
SELECT {_PARTY_COLUMNS} FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT * FROM store.party WHERE party_id = t.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
CROSS JOIN LATERAL {_RECORD.format(id="p.record_id")} r
"""
_CASE_COLUMNS = """
r.record_id AS id, r.version, r.department, r.source_record_id, r.visibility, r.case_number, r.title, r.text, r.category, r.status, r.grade,
r.channel, r.occurred_at, r.reported_at, r.found_at, r.accepted_at, r.resolved_at, r.confirmed_at, r.fed_back_at, r.due_at, r.updated_at,
r.amount::float8 AS amount, r.people_involved, r.address, r.street, r.community, r.longitude, r.latitude, r.handling_unit,
r.confirmation_state, r.is_anonymous, r."references"
"""
_CASES = f"SELECT {_CASE_COLUMNS} FROM unnest(%(ids)s::bigint[]) AS t (id) CROSS JOIN LATERAL {_RECORD.format(id='t.id')} r"
_RESOLVED = f"""
SELECT p.record_id AS id, p.role, p.kind,
       CASE p.kind WHEN 'person' THEN (SELECT {STAND_IN.format(column="m.person_id")} FROM store.person_member m
                                       WHERE m.party_id = p.party_id AND m.known_to IS NULL)
                   ELSE (SELECT {STAND_IN.format(column="m.organisation_id")} FROM store.organisation_member m
                         WHERE m.party_id = p.party_id AND m.known_to IS NULL) END AS entity
FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT * FROM store.party WHERE record_id = t.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
"""
# Of a whole store, by ranges of ids: one join of two tables instead of a look-up a row.
_RECORDS_THAT_STAND = "r.known_to IS NULL AND r.known_from IS NOT NULL AND NOT r.is_deleted"
_ALL_PARTIES = f"""
SELECT {_PARTY_COLUMNS}, p.kind FROM store.party p JOIN store.source_record r USING (record_id)
WHERE p.party_id > %(after)s AND p.party_id <= %(upto)s AND p.known_to IS NULL AND p.known_from IS NOT NULL AND {_RECORDS_THAT_STAND}
"""
_ALL_CASES = f"""
SELECT {_CASE_COLUMNS} FROM store.source_record r WHERE r.record_id > %(after)s AND r.record_id <= %(upto)s AND {_RECORDS_THAT_STAND}
"""
_RANGE = "SELECT coalesce(min({id}), 0), coalesce(max({id}), -1) FROM {table}"
_REFERENCES = pl.List(pl.Struct({"department": pl.String, "number": pl.String}))
_SIDE_COLUMNS = ("petitioner_persons", "respondent_persons", "petitioner_organisations", "respondent_organisations")


def read_parties(channel: Channel, ids: pl.Series) -> pl.DataFrame:
    """Published parties that are current, with what their record says of them."""
    return clear_numbers(channel.read(_PARTIES, ids=ids.sort()))


def rows_of_parties(parties: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """What `read_parties` would read of parties, were it to read them anew.

    Args:
        parties: published and current, as the store has them, with `id` and `own_address` for `party_id` and `address`.
        records: theirs, but for those that are deleted: (record_id, record_address) and OF_RECORD.
    """
    of_person = pl.when(pl.col("kind") == "person").then("record_address")
    said = parties.join(records, on="record_id").with_columns(address=pl.coalesce("own_address", of_person))
    return clear_numbers(said.select(_PARTY_ROW).sort("id"))


def read_cases(channel: Channel, ids: pl.Series) -> pl.DataFrame:
    """Published records that are current, with the persons and organisations that their parties resolve to."""
    return resolved(channel, ids, ask_cases(channel, ids))


def ask_cases(channel: Channel, ids: pl.Series) -> Callable[[], pl.DataFrame]:
    """Start to read records; what is returned waits for them, who is on their sides still to be read: see `resolved`."""
    answer = channel.ask(_CASES, ids=ids.sort())
    return lambda: answer().with_columns(pl.col("references").str.json_decode(_REFERENCES))


def resolved(channel: Channel, ids: pl.Series, waiting: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """The records of `ask_cases`, with the persons and organisations that their parties resolve to by now."""
    parties = channel.read(_RESOLVED, ids=ids.sort())
    return with_parties(waiting(), parties)


def without_parties(records: pl.DataFrame) -> pl.DataFrame:
    """Records with nobody on their sides, in place of those whom their parties do not resolve to yet."""
    return records.with_columns(pl.lit(None, pl.List(pl.Int64)).alias(name) for name in _SIDE_COLUMNS)


def with_parties(records: pl.DataFrame, parties: pl.DataFrame) -> pl.DataFrame:
    """Records with the persons and organisations on their sides.

    Args:
        records: with `id`.
        parties: (id, role, kind, entity): of each record, the number that each of its parties resolves to.
    """
    return records.join(_by_side(parties), on="id", how="left", maintain_order="left")


def all_parties(source: Connection, most: int) -> Iterator[pl.DataFrame]:
    """Everything that `read_parties` would read of the whole store, and `kind`, in parts of at most so many ids."""
    yield from map(clear_numbers, _ranges(source, _ALL_PARTIES, "party_id", "store.party", most))


def all_cases(source: Connection, most: int) -> Iterator[pl.DataFrame]:
    """Everything that `read_rows` would read of all records that stand, with their references, in parts of at most so many ids."""
    for rows in _ranges(source, _ALL_CASES, "record_id", "store.source_record", most):
        yield rows.with_columns(pl.col("references").str.json_decode(_REFERENCES))


def _ranges(source: Connection, sql: str, node: str, table: str, most: int) -> Iterator[pl.DataFrame]:
    low, high = source.exec_driver_sql(_RANGE.format(id=node, table=table)).one()
    for after in range(low - 1, high, most):
        rows = read_frame(source, sql, {"after": after, "upto": after + most}, is_fixed=True)
        if rows.height:
            yield rows


def _by_side(parties: pl.DataFrame) -> pl.DataFrame:
    side = pl.col("role").replace_strict(sides(), default="other", return_dtype=pl.String)
    groups = parties.with_columns(group=pl.concat_str(side, pl.lit("_"), "kind", pl.lit("s")))
    return groups.group_by("id").agg(
        pl.col("entity").filter(pl.col("group") == name).drop_nulls().unique().sort().alias(name) for name in _SIDE_COLUMNS
    )


def read_nodes(channel: Channel, relation: Relation, ids: pl.Series) -> pl.DataFrame:
    """What matching sees of nodes, one row a node that is published and current."""
    return read_cases(channel, ids) if relation is CASE else read_parties(channel, ids)


def read_rows(channel: Channel, relation: Relation, ids: pl.Series) -> pl.DataFrame:
    """The same without what only matching needs: resolved parties, references."""
    return channel.read(_CASES, ids=ids.sort()) if relation is CASE else read_parties(channel, ids)


def plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `read_nodes` or `read_rows` without what only matching needs."""
    return rows.drop("references", *_SIDE_COLUMNS, strict=False)


def as_input(relation: Relation, nodes: pl.DataFrame) -> pa.Table:
    """Nodes in the shape that matching takes."""
    return nodes.select(relation.shape.names).to_arrow().cast(relation.shape)
