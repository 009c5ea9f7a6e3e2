"""STORE: records and parties as normalise leaves them, and their blocking keys."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    Index,
    Integer,
    Numeric,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from schema.search import NUMBER_PART
from schema.tables.base import metadata, one_of, time_column
from schema.tables.names import NAME_LONGEST

record_id_sequence = Sequence("record_id_seq", schema="store", metadata=metadata)
party_id_sequence = Sequence("party_id_seq", schema="store", metadata=metadata)


def _known() -> list[Column[object]]:
    return [Column("known_from", BigInteger), Column("known_to", BigInteger)]


source_record = Table(
    "source_record",
    metadata,
    Column("record_id", BigInteger, primary_key=True),  # stable for a (department, source_record_id)
    Column("version", Integer, primary_key=True),
    Column("department", Text, nullable=False),
    Column("source_record_id", Text, nullable=False),
    Column("is_deleted", Boolean, nullable=False, server_default=text("false")),
    Column("case_number", Text),
    Column("title", Text),
    Column("text", Text),
    Column("reply", Text),
    Column("category", Text),
    Column("status", Text),
    Column("grade", Text),
    Column("channel", Text),
    time_column("occurred_at"),
    time_column("reported_at"),
    time_column("found_at"),
    time_column("accepted_at"),
    time_column("resolved_at"),
    time_column("confirmed_at"),
    time_column("fed_back_at"),
    time_column("ordered_at"),
    time_column("reported_in_at"),
    time_column("due_at"),
    time_column("updated_at"),
    Column("people_involved", Integer),
    Column("amount", Numeric(18, 2)),
    Column("address", Text),
    Column("street", Text),
    Column("community", Text),
    Column("longitude", Float),
    Column("latitude", Float),
    Column("handling_unit", Text),
    Column("confirmation_state", Text),
    Column("is_anonymous", Boolean),
    Column("visibility", Text, nullable=False),
    Column("references", JSONB),
    Column("tokens", TSVECTOR),  # character bigrams of title, text, names and address
    *_known(),
    UniqueConstraint("department", "source_record_id", "version"),
    Index("ix_source_record_case_number", "case_number"),
    Index("ix_source_record_number", "source_record_id"),
    Index(  # with the week of the report and the place: what is in very many records is read from the newest week on, place by place
        "ix_source_record_tokens",
        "tokens",
        literal_column("store.week_of(reported_at)").label("week"),
        "community",
        "street",
        postgresql_using="gin",
    ),
    Index(
        "ix_source_record_number_part",
        literal_column(NUMBER_PART).label("number_part"),
        postgresql_using="gin",
        postgresql_ops={"number_part": "gin_trgm_ops"},
        postgresql_where=text("NOT is_deleted"),
    ),
    Index("ix_source_record_not_shared", "department", "record_id", postgresql_where=text("visibility <> 'shared'")),
    schema="store",
    postgresql_with={"fillfactor": "50"},  # resolve sets known_from on each row: with room beside it, no index is touched
)

party = Table(
    "party",
    metadata,
    Column("party_id", BigInteger, primary_key=True),  # stable while the record keeps naming the same party
    Column("version", Integer, primary_key=True),  # the record's version
    Column("record_id", BigInteger, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text),
    Column("id_type", Text),
    Column("id_no", Text),
    Column("uscc", Text),
    Column("phone", Text),
    Column("address", Text),
    Column("gender", Text),
    Column("birth_date", Date),
    *_known(),
    one_of("kind", ("person", "organisation")),
    Index("ix_party_record_id", "record_id", "version"),
    Index("ix_party_id_no", "id_no", postgresql_where=text("id_no IS NOT NULL")),
    Index("ix_party_phone", "phone", postgresql_where=text("phone IS NOT NULL")),
    Index("ix_party_uscc", "uscc", postgresql_where=text("uscc IS NOT NULL")),
    Index(  # tells where a name stands without a look at the table
        "ix_party_name",
        "name",
        "record_id",
        postgresql_where=text(f"length(name) <= {NAME_LONGEST}"),
        postgresql_include=["version", "ordinal"],
    ),
    Index("ix_party_phone_tail", text('"right"(phone, 4)'), postgresql_where=text("phone IS NOT NULL")),
    Index("ix_party_id_no_tail", text('"right"(id_no, 4)'), postgresql_where=text("id_no IS NOT NULL")),
    schema="store",
    postgresql_with={"fillfactor": "50"},
)


def _key_table(relation: str, node: str) -> Table:
    return Table(
        f"{relation}_key",
        metadata,
        Column("key", BigInteger, primary_key=True),  # 64 bits of the key's XXH3, see pipeline/resolving/candidates.py: short, no values
        Column(node, BigInteger, primary_key=True),
        schema="store",
    )


def _key_list_table(relation: str, node: str) -> Table:
    return Table(
        f"{relation}_key_list",
        metadata,
        Column(node, BigInteger, primary_key=True),
        Column("keys", ARRAY(BigInteger), nullable=False),  # a crowded one among them may not be in the key table
        schema="store",
    )


person_key = _key_table("person", "party_id")
organisation_key = _key_table("organisation", "party_id")
case_key = _key_table("case", "record_id")
person_key_list = _key_list_table("person", "party_id")
organisation_key_list = _key_list_table("organisation", "party_id")
case_key_list = _key_list_table("case", "record_id")
