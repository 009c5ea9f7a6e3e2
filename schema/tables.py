"""The store's tables, as SQLAlchemy Core: schemas landing, quarantine, store, ops, audit.

Historic rows carry `[known_from, known_to)` in change numbers: null `known_from` means not yet published by resolve, null
`known_to` means current. A tuple (record_id, version) is one accepted version of one source record.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

SCHEMAS = ("landing", "quarantine", "store", "ops", "audit")
RECORD_STATES = ("landed", "accepted", "quarantined", "held", "superseded", "erased")
BATCH_STATES = ("open", "landed", "validated", "done", "held", "failed", "discarded")
RELATIONS = ("person", "organisation", "case")
PARTITIONS = 8  # of landing.record, by hash of department: department seventeen needs no DDL

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _time(name: str, **options: object) -> Column[object]:
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


def _now(name: str) -> Column[object]:
    return _time(name, nullable=False, server_default=func.now())


def _one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=column)


# --- landing: what a department sent, in versions, never changed but for `state` --------------------------------------

landing_record = Table(
    "record",
    metadata,
    Column("department", Text, primary_key=True),
    Column("source_record_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("batch_id", BigInteger, nullable=False),
    Column("ordinal", BigInteger, nullable=False),  # position in the batch
    Column("operation", Text, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),  # SHA-256 of the payload without volatile fields
    Column("has_key", Boolean, nullable=False),  # false: source_record_id is batch:ordinal
    Column("payload", JSONB),
    Column("raw", LargeBinary),
    Column("fault", Text),
    Column("event_id", Text),
    Column("source_cursor", Text),
    _now("landed_at"),
    Column("state", Text, nullable=False),
    _one_of("operation", ("upsert", "delete")),
    _one_of("state", RECORD_STATES),
    Index("ix_record_batch_id_ordinal", "batch_id", "ordinal"),
    Index("ix_record_keyless", "department", "content_hash", postgresql_where=text("NOT has_key")),
    Index("ix_record_event_id", "department", "event_id", postgresql_where=text("event_id IS NOT NULL")),
    Index("ix_record_unfinished", "department", "batch_id", postgresql_where=text("state IN ('landed', 'held')")),
    schema="landing",
    postgresql_partition_by="HASH (department)",
)

# --- quarantine -------------------------------------------------------------------------------------------------------

quarantine_item = Table(
    "item",
    metadata,
    Column("item_id", BigInteger, Identity(always=True), primary_key=True),
    Column("department", Text, nullable=False),
    Column("source_record_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("batch_id", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),  # transform:<field>, code:<field>, expect_…, drift:…, fault, key
    Column("column_name", Text),
    Column("reason", Text, nullable=False),  # in words, without the value
    Column("state", Text, nullable=False, server_default="open"),
    _now("created_at"),
    _time("resolved_at"),
    Column("resolved_by", Text),
    _one_of("state", ("open", "replayed", "discarded", "superseded")),
    Index("ix_item_record", "department", "source_record_id", "version"),
    Index("ix_item_open", "department", "item_id", postgresql_where=text("state = 'open'")),
    schema="quarantine",
)

# --- ops --------------------------------------------------------------------------------------------------------------

batch = Table(
    "batch",
    metadata,
    Column("batch_id", BigInteger, Identity(always=True), primary_key=True),
    Column("department", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("contract_version", Integer, nullable=False),
    Column("run_id", Text),  # the DAG run, or the process that ran it
    Column("watermark_from", Text),
    Column("watermark_to", Text),
    Column("pulled", BigInteger, nullable=False, server_default="0"),  # counted by the transport
    Column("landed", BigInteger, nullable=False, server_default="0"),  # counted by the INSERT
    Column("already_known", BigInteger, nullable=False, server_default="0"),  # counted by the comparison
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("held", BigInteger, nullable=False, server_default="0"),
    Column("superseded", BigInteger, nullable=False, server_default="0"),
    Column("deleted", BigInteger, nullable=False, server_default="0"),  # tombstones of rows absent from a complete snapshot; never pulled
    Column("columns", JSONB),  # top-level source columns seen in it
    Column("alerts", JSONB),  # drift, volume, vanished rows: what a person should know
    Column("error", Text),
    _now("started_at"),
    _time("landed_at"),
    _time("finished_at"),
    _one_of("kind", ("ingest", "reconcile", "backfill")),
    _one_of("state", BATCH_STATES),
    Index("ix_batch_department", "department", "batch_id"),
    schema="ops",
)

source = Table(
    "source",
    metadata,
    Column("department", Text, primary_key=True),
    Column("watermark", Text),  # everything up to here has landed
    Column("columns", JSONB),  # top-level source columns → their JSON types as last seen; success, errors and counts stand in ops.batch
    schema="ops",
)

contract = Table(
    "contract",
    metadata,
    Column("department", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("content_hash", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    _now("first_used_at"),
    schema="ops",
)

model = Table(
    "model",
    metadata,
    Column("relation", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    _now("first_used_at"),
    schema="ops",
)

validation_result = Table(
    "validation_result",
    metadata,
    Column("batch_id", BigInteger, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("column_name", Text, primary_key=True),  # "" for a rule on the whole table
    Column("on_failure", Text, nullable=False),
    Column("evaluated", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    schema="ops",
)

pending = Table(
    "pending",
    metadata,
    Column("record_id", BigInteger, primary_key=True),  # one row a record: its newest version is what resolve takes
    Column("reason", Text, nullable=False),  # new, changed, deleted, party_changed, relink
    # The order of work: records of one case are reported near in time, and taken together they cost resolve least.
    Column("reported_epoch_s", BigInteger, nullable=False, server_default="0"),
    _now("queued_at"),
    Index("ix_pending_order", "reported_epoch_s", "record_id"),
    schema="ops",
)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", BigInteger, Identity(always=True), primary_key=True),
    Column("relation", Text, nullable=False),
    Column("left_id", BigInteger, nullable=False),  # party_id or record_id, left < right
    Column("right_id", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    _now("decided_at"),
    Column("reason", Text),
    Column("applied_change", BigInteger),  # null: waits for the next chunk
    _one_of("relation", RELATIONS),
    _one_of("verdict", ("yes", "no", "unsure")),
    Index("ix_decision_pair", "relation", "left_id", "right_id"),
    Index("ix_decision_right", "relation", "right_id"),
    Index("ix_decision_waiting", "decision_id", postgresql_where=text("applied_change IS NULL")),
    schema="ops",
)

link_sample = Table(  # live links drawn at random, for people to judge: what the engine's precision is estimated from
    "link_sample",
    metadata,
    Column("relation", Text, primary_key=True),
    Column("left_id", BigInteger, primary_key=True),
    Column("right_id", BigInteger, primary_key=True),
    Column("model_version", Text, primary_key=True),  # that linked them
    Column("match_weight", Float, nullable=False),
    _now("drawn_at"),
    _one_of("relation", RELATIONS),
    schema="ops",
)

change_counter = Table(
    "change_counter",
    metadata,
    Column("epoch", Integer, primary_key=True),
    Column("last_change", BigInteger, nullable=False),
    schema="ops",
)

inbox = Table(
    "inbox",
    metadata,
    Column("inbox_id", BigInteger, Identity(always=True), primary_key=True),
    Column("department", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("times_received", Integer, nullable=False, server_default="1"),
    _now("received_at"),
    Column("batch_id", BigInteger),  # null: not landed yet
    Index("ix_inbox_waiting", "department", "inbox_id", postgresql_where=text("batch_id IS NULL")),
    Index("ix_inbox_event", "department", "event_id", unique=True),  # the same event again is counted, not kept twice
    schema="ops",
)

api_token = Table(
    "api_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),  # SHA-256 of 256 random bits
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("department", Text),  # null: of no one department
    _now("created_at"),
    _time("expires_at", nullable=False),
    _time("revoked_at"),
    _one_of("role", ("clerk", "engineer", "admin")),
    schema="ops",
)

# --- store: records and parties ---------------------------------------------------------------------------------------

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
    _time("occurred_at"),
    _time("reported_at"),
    _time("found_at"),
    _time("accepted_at"),
    _time("resolved_at"),
    _time("confirmed_at"),
    _time("fed_back_at"),
    _time("ordered_at"),
    _time("reported_in_at"),
    _time("due_at"),
    _time("updated_at"),
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
    Index("ix_source_record_tokens", "tokens", postgresql_using="gin"),
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
    _one_of("kind", ("person", "organisation")),
    Index("ix_party_record_id", "record_id", "version"),
    Index("ix_party_id_no", "id_no", postgresql_where=text("id_no IS NOT NULL")),
    Index("ix_party_phone", "phone", postgresql_where=text("phone IS NOT NULL")),
    Index("ix_party_uscc", "uscc", postgresql_where=text("uscc IS NOT NULL")),
    schema="store",
    postgresql_with={"fillfactor": "50"},
)


def _key_table(relation: str, node: str) -> Table:
    return Table(
        f"{relation}_key",
        metadata,
        Column("key", BigInteger, primary_key=True),  # 64 bits of the key's XXH3, see pipeline/candidates.py: short, and free of values
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

# --- store: what resolve publishes ------------------------------------------------------------------------------------

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
    _one_of("relation", RELATIONS),
    _one_of("decision", ("link", "review", "no_link", "cannot_link")),
    Index("ix_link_current_right", "right_id", postgresql_where=text("known_to IS NULL")),
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
        Index(f"ix_{relation}_member_current", node, unique=True, postgresql_where=text("known_to IS NULL")),
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
    _time("reported_at"),
    Column("departments", ARRAY(Text), nullable=False),
    Column("records", Integer, nullable=False),
    Column("has_sealed", Boolean, nullable=False, server_default=text("false")),
    Index("ix_unified_case_reported_at", text("reported_at DESC NULLS LAST"), "case_id", postgresql_where=text("known_to IS NULL")),
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
    _time("at", nullable=False),
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
    _one_of("state", ("open", "decided", "obsolete")),
    Index("uq_review_task_open", "relation", "left_id", "right_id", unique=True, postgresql_where=text("state = 'open'")),
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
    _now("at"),
    _one_of("kind", ("created", "updated", "merged", "split", "deleted")),
    schema="store",
)

# --- audit ------------------------------------------------------------------------------------------------------------

access = Table(
    "access",
    metadata,
    Column("access_id", BigInteger, Identity(always=True), primary_key=True),
    _now("at"),
    Column("caller", Text, nullable=False),
    Column("department", Text),
    Column("action", Text, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("entity_ids", ARRAY(Uuid)),
    schema="audit",
)
