"""STORE: what resolve publishes: links, entities with their members and golden records, events, redirects, reviews, changes."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Float,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from schema.states import RELATIONS
from schema.tables.base import metadata, now_column, one_of, time_column

link = Table(
    "link",
    metadata,
    # The node leads each index: with the relation before it, a planner with old statistics reads a whole relation for one node.
    Column("left_id", BigInteger, primary_key=True),
    Column("right_id", BigInteger, primary_key=True),
    Column("relation", Text, primary_key=True),
    Column("known_from", BigInteger, primary_key=True),
    Column("known_to", BigInteger),
    Column("decision", Text, nullable=False),
    Column("match_weight", Float, nullable=False),  # bits
    Column("levels", JSONB, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("decided_by", Text, nullable=False),  # "engine", or the person
    Column("retracted_because", Text),
    one_of("relation", RELATIONS),
    one_of("decision", ("link", "review", "no_link", "cannot_link")),
    Index("ix_link_current_right", "right_id", postgresql_where=text("known_to IS NULL")),
    Index("ix_link_former_right", "right_id", postgresql_where=text("known_to IS NOT NULL AND relation = 'case'")),
    schema="store",
)


def _entity(name: str, id_column: str, *more: Column[object] | Index) -> Table:
    return Table(
        name,
        metadata,
        Column(id_column, Uuid, primary_key=True),  # from the founding landed version
        Column("founder_id", BigInteger, nullable=False),  # party_id or record_id
        Column("known_from", BigInteger, nullable=False),
        Column("known_to", BigInteger),  # merged away or emptied
        Column("changed", BigInteger, nullable=False),  # the last change number
        Column("identifier_hash", BigInteger),  # of the one verified number that its members state
        *more,
        Index(f"ix_{name}_founder_id", "founder_id", postgresql_where=text("known_to IS NOT NULL")),  # its founder may come back elsewhere
        schema="store",
        postgresql_with={"fillfactor": "70"},
    )


def _member(relation: str, node: str, id_column: str) -> Table:
    return Table(
        f"{relation}_member",
        metadata,
        Column(node, BigInteger, primary_key=True),
        Column("known_from", BigInteger, primary_key=True),
        Column(id_column, Uuid, nullable=False),
        Column("known_to", BigInteger),
        Index(f"ix_{relation}_member_{id_column}", id_column),
        Index(  # tells of what it is without a look at the table
            f"ix_{relation}_member_current", node, unique=True, postgresql_where=text("known_to IS NULL"), postgresql_include=[id_column]
        ),
        schema="store",
    )


person = _entity("person", "person_id", Column("departments", ARRAY(Text), nullable=False), Column("mentions", Integer, nullable=False))
organisation = _entity(
    "organisation", "organisation_id", Column("departments", ARRAY(Text), nullable=False), Column("mentions", Integer, nullable=False)
)
unified_case = _entity(
    "unified_case",
    "case_id",
    Column("title", Text),
    Column("category", Text),
    Column("status", Text),
    Column("grade", Text),
    Column("street", Text),
    Column("community", Text),
    time_column("reported_at"),
    Column("departments", ARRAY(Text), nullable=False),
    Column("records", Integer, nullable=False),
    Column("has_sealed", Boolean, nullable=False, server_default=text("false")),
    Index("ix_unified_case_reported_at", text("reported_at DESC NULLS LAST"), "case_id", postgresql_where=text("known_to IS NULL")),
)
own_case = Table(  # what everybody is shown of a case and, beside it, what closed records of this department tell: published for it alone
    "own_case",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("department", Text, primary_key=True),
    time_column("reported_at"),
    Column("departments", ARRAY(Text), nullable=False),
    Column("category", Text),
    Column("status", Text),
    Column("grade", Text),
    Column("street", Text),
    Column("community", Text),
    Index("ix_own_case_reported_at", "department", text("reported_at DESC NULLS LAST"), "case_id"),
    schema="store",
)
person_member = _member("person", "party_id", "person_id")
organisation_member = _member("organisation", "party_id", "organisation_id")
case_member = _member("case", "record_id", "case_id")

golden_record = Table(  # what an entity shows, whole, from one change to another; the view store.golden_value has it value by value
    "golden_record",
    metadata,
    Column("entity_id", Uuid, primary_key=True),
    Column("known_from", BigInteger, primary_key=True),
    Column("known_to", BigInteger),
    # One place of all four is one value: its field, its rank there (1 is best), its text, and the record_ids that state it,
    # best first, with commas between.
    Column("fields", ARRAY(Text), nullable=False),
    Column("ranks", ARRAY(Integer), nullable=False),
    Column("contents", ARRAY(Text), nullable=False),
    Column("stated_by", ARRAY(Text), nullable=False),
    schema="store",
    postgresql_with={"fillfactor": "80"},
)

case_event = Table(
    "case_event",
    metadata,
    Column("record_id", BigInteger, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("kind", Text, primary_key=True),  # occurred, reported, found, accepted, ordered, reported_in, resolved, confirmed, fed_back
    time_column("at", nullable=False),
    schema="store",
)

redirect = Table(
    "redirect",
    metadata,
    Column("from_id", Uuid, primary_key=True),
    Column("relation", Text, primary_key=True),
    Column("known_from", BigInteger, primary_key=True),
    Column("known_to", BigInteger),
    Column("to_id", Uuid, nullable=False),
    Index("ix_redirect_current_to", "to_id", postgresql_where=text("known_to IS NULL")),
    schema="store",
)

review_task = Table(
    "review_task",
    metadata,
    Column("task_id", BigInteger, Identity(always=True), primary_key=True),
    Column("relation", Text, nullable=False),
    Column("left_id", BigInteger, nullable=False),
    Column("right_id", BigInteger, nullable=False),
    Column("match_weight", Float, nullable=False),
    Column("levels", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("opened_change", BigInteger, nullable=False),
    Column("closed_change", BigInteger),
    one_of("state", ("open", "decided", "obsolete")),
    Index("uq_review_task_open", "relation", "left_id", "right_id", unique=True, postgresql_where=text("state = 'open'")),
    Index("ix_review_task_torn", "relation", postgresql_where=text("state = 'open' AND levels ? 'torn'")),
    schema="store",
)

change = Table(
    "change",
    metadata,
    Column("epoch", Integer, primary_key=True),
    Column("change_number", BigInteger, primary_key=True),
    Column("relation", Text, nullable=False),
    Column("entity_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    now_column("at"),
    one_of("kind", ("created", "updated", "merged", "split", "deleted")),
    schema="store",
)
