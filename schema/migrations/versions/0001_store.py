"""The store as it begins: schemas, tables, partitions, sequences and the change counter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for schema in ("landing", "quarantine", "store", "ops", "audit"):
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for sequence in ("record_id_seq", "party_id_seq"):
        op.execute(f"CREATE SEQUENCE store.{sequence} CACHE 100")
    op.create_table(
        "access",
        sa.Column("access_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=False),
        sa.Column("entity_ids", sa.ARRAY(sa.Uuid()), nullable=True),
        sa.PrimaryKeyConstraint("access_id", name=op.f("pk_access")),
        schema="audit",
    )
    op.create_table(
        "record",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("source_record_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("has_key", sa.Boolean(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("source_cursor", sa.Text(), nullable=True),
        sa.Column("landed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("operation IN ('upsert', 'delete')", name=op.f("ck_record_operation")),
        sa.CheckConstraint("state IN ('landed', 'accepted', 'quarantined', 'held', 'superseded', 'erased')", name=op.f("ck_record_state")),
        sa.PrimaryKeyConstraint("department", "source_record_id", "version", name=op.f("pk_record")),
        schema="landing",
        postgresql_partition_by="HASH (department)",
    )
    op.create_index("ix_record_batch_id_ordinal", "record", ["batch_id", "ordinal"], unique=False, schema="landing")
    op.create_index(
        "ix_record_event_id",
        "record",
        ["department", "event_id"],
        unique=False,
        schema="landing",
        postgresql_where=sa.text("event_id IS NOT NULL"),
    )
    op.create_index(
        "ix_record_keyless",
        "record",
        ["department", "content_hash"],
        unique=False,
        schema="landing",
        postgresql_where=sa.text("NOT has_key"),
    )
    op.create_index(
        "ix_record_unfinished",
        "record",
        ["department", "batch_id"],
        unique=False,
        schema="landing",
        postgresql_where=sa.text("state IN ('landed', 'held')"),
    )
    op.create_table(
        "api_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('clerk', 'engineer', 'admin')", name=op.f("ck_api_token_role")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_api_token")),
        sa.UniqueConstraint("name", name=op.f("uq_api_token_name")),
        schema="ops",
    )
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("contract_version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("watermark_from", sa.Text(), nullable=True),
        sa.Column("watermark_to", sa.Text(), nullable=True),
        sa.Column("pulled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("landed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("already_known", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accepted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quarantined", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("superseded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deleted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("alerts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("landed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('ingest', 'reconcile', 'backfill')", name=op.f("ck_batch_kind")),
        sa.CheckConstraint("state IN ('open', 'landed', 'validated', 'done', 'held', 'failed', 'discarded')", name=op.f("ck_batch_state")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batch")),
        schema="ops",
    )
    op.create_index("ix_batch_department", "batch", ["department", "batch_id"], unique=False, schema="ops")
    op.create_table(
        "change_counter",
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("last_change", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_change_counter")),
        schema="ops",
    )
    op.create_table(
        "contract",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("department", "version", "content_hash", name=op.f("pk_contract")),
        schema="ops",
    )
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("left_id", sa.BigInteger(), nullable=False),
        sa.Column("right_id", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("applied_change", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("relation IN ('person', 'organisation', 'case')", name=op.f("ck_decision_relation")),
        sa.CheckConstraint("verdict IN ('yes', 'no', 'unsure')", name=op.f("ck_decision_verdict")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decision")),
        schema="ops",
    )
    op.create_index("ix_decision_pair", "decision", ["relation", "left_id", "right_id"], unique=False, schema="ops")
    op.create_index("ix_decision_right", "decision", ["relation", "right_id"], unique=False, schema="ops")
    op.create_index(
        "ix_decision_waiting", "decision", ["decision_id"], unique=False, schema="ops", postgresql_where=sa.text("applied_change IS NULL")
    )
    op.create_table(
        "inbox",
        sa.Column("inbox_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("times_received", sa.Integer(), server_default="1", nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("inbox_id", name=op.f("pk_inbox")),
        schema="ops",
    )
    op.create_index("ix_inbox_event", "inbox", ["department", "event_id"], unique=True, schema="ops")
    op.create_index(
        "ix_inbox_waiting", "inbox", ["department", "inbox_id"], unique=False, schema="ops", postgresql_where=sa.text("batch_id IS NULL")
    )
    op.create_table(
        "model",
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("relation", "version", name=op.f("pk_model")),
        schema="ops",
    )
    op.create_table(
        "pending",
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reported_epoch_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_pending")),
        schema="ops",
    )
    op.create_index("ix_pending_order", "pending", ["reported_epoch_s", "record_id"], unique=False, schema="ops")
    op.create_table(
        "source",
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("watermark", sa.Text(), nullable=True),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("department", name=op.f("pk_source")),
        schema="ops",
    )
    op.create_table(
        "validation_result",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("on_failure", sa.Text(), nullable=False),
        sa.Column("evaluated", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "rule", "column_name", name=op.f("pk_validation_result")),
        schema="ops",
    )
    op.create_table(
        "item",
        sa.Column("item_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("source_record_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'replayed', 'discarded', 'superseded')", name=op.f("ck_item_state")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_item")),
        schema="quarantine",
    )
    op.create_index(
        "ix_item_open", "item", ["department", "item_id"], unique=False, schema="quarantine", postgresql_where=sa.text("state = 'open'")
    )
    op.create_index("ix_item_record", "item", ["department", "source_record_id", "version"], unique=False, schema="quarantine")
    op.create_table(
        "case_event",
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "version", "kind", name=op.f("pk_case_event")),
        schema="store",
    )
    op.create_table(
        "case_key",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "record_id", name=op.f("pk_case_key")),
        schema="store",
    )
    op.create_table(
        "case_key_list",
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("keys", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_case_key_list")),
        schema="store",
    )
    op.create_table(
        "case_member",
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("record_id", "known_from", name=op.f("pk_case_member")),
        schema="store",
    )
    op.create_index("ix_case_member_case_id", "case_member", ["case_id"], unique=False, schema="store")
    op.create_index(
        "ix_case_member_current", "case_member", ["record_id"], unique=True, schema="store", postgresql_where=sa.text("known_to IS NULL")
    )
    op.create_table(
        "change",
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('created', 'updated', 'merged', 'split', 'deleted')", name=op.f("ck_change_kind")),
        sa.PrimaryKeyConstraint("epoch", "change_number", name=op.f("pk_change")),
        schema="store",
    )
    op.create_table(
        "golden_record",
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.Column("fields", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("ranks", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("contents", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("stated_by", sa.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", "known_from", name=op.f("pk_golden_record")),
        schema="store",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "link",
        sa.Column("left_id", sa.BigInteger(), nullable=False),
        sa.Column("right_id", sa.BigInteger(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("match_weight", sa.Float(), nullable=False),
        sa.Column("levels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("retracted_because", sa.Text(), nullable=True),
        sa.CheckConstraint("decision IN ('link', 'review', 'no_link', 'cannot_link')", name=op.f("ck_link_decision")),
        sa.CheckConstraint("relation IN ('person', 'organisation', 'case')", name=op.f("ck_link_relation")),
        sa.PrimaryKeyConstraint("left_id", "right_id", "relation", "known_from", name=op.f("pk_link")),
        schema="store",
    )
    op.create_index(
        "ix_link_current_right", "link", ["right_id"], unique=False, schema="store", postgresql_where=sa.text("known_to IS NULL")
    )
    op.create_table(
        "organisation",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("founder_id", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("identifier_hash", sa.BigInteger(), nullable=True),
        sa.Column("departments", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("mentions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_organisation")),
        schema="store",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "organisation_key",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "party_id", name=op.f("pk_organisation_key")),
        schema="store",
    )
    op.create_table(
        "organisation_key_list",
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("keys", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("party_id", name=op.f("pk_organisation_key_list")),
        schema="store",
    )
    op.create_table(
        "organisation_member",
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("party_id", "known_from", name=op.f("pk_organisation_member")),
        schema="store",
    )
    op.create_index(
        "ix_organisation_member_current",
        "organisation_member",
        ["party_id"],
        unique=True,
        schema="store",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    op.create_index("ix_organisation_member_organisation_id", "organisation_member", ["organisation_id"], unique=False, schema="store")
    op.create_table(
        "party",
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("id_type", sa.Text(), nullable=True),
        sa.Column("id_no", sa.Text(), nullable=True),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("gender", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("known_from", sa.BigInteger(), nullable=True),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('person', 'organisation')", name=op.f("ck_party_kind")),
        sa.PrimaryKeyConstraint("party_id", "version", name=op.f("pk_party")),
        schema="store",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("ix_party_id_no", "party", ["id_no"], unique=False, schema="store", postgresql_where=sa.text("id_no IS NOT NULL"))
    op.create_index("ix_party_phone", "party", ["phone"], unique=False, schema="store", postgresql_where=sa.text("phone IS NOT NULL"))
    op.create_index("ix_party_record_id", "party", ["record_id", "version"], unique=False, schema="store")
    op.create_index("ix_party_uscc", "party", ["uscc"], unique=False, schema="store", postgresql_where=sa.text("uscc IS NOT NULL"))
    op.create_table(
        "person",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("founder_id", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("identifier_hash", sa.BigInteger(), nullable=True),
        sa.Column("departments", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("mentions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_person")),
        schema="store",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "person_key",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "party_id", name=op.f("pk_person_key")),
        schema="store",
    )
    op.create_table(
        "person_key_list",
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("keys", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("party_id", name=op.f("pk_person_key_list")),
        schema="store",
    )
    op.create_table(
        "person_member",
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("party_id", "known_from", name=op.f("pk_person_member")),
        schema="store",
    )
    op.create_index(
        "ix_person_member_current", "person_member", ["party_id"], unique=True, schema="store", postgresql_where=sa.text("known_to IS NULL")
    )
    op.create_index("ix_person_member_person_id", "person_member", ["person_id"], unique=False, schema="store")
    op.create_table(
        "redirect",
        sa.Column("from_id", sa.Uuid(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.Column("to_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("from_id", "relation", "known_from", name=op.f("pk_redirect")),
        schema="store",
    )
    op.create_index(
        "ix_redirect_current_to", "redirect", ["to_id"], unique=False, schema="store", postgresql_where=sa.text("known_to IS NULL")
    )
    op.create_table(
        "review_task",
        sa.Column("task_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("left_id", sa.BigInteger(), nullable=False),
        sa.Column("right_id", sa.BigInteger(), nullable=False),
        sa.Column("match_weight", sa.Float(), nullable=False),
        sa.Column("levels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("opened_change", sa.BigInteger(), nullable=False),
        sa.Column("closed_change", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'decided', 'obsolete')", name=op.f("ck_review_task_state")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_review_task")),
        schema="store",
    )
    op.create_index(
        "uq_review_task_open",
        "review_task",
        ["relation", "left_id", "right_id"],
        unique=True,
        schema="store",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "source_record",
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("source_record_id", sa.Text(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("case_number", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("grade", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fed_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reported_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("people_involved", sa.Integer(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("community", sa.Text(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("handling_unit", sa.Text(), nullable=True),
        sa.Column("confirmation_state", sa.Text(), nullable=True),
        sa.Column("is_anonymous", sa.Boolean(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("references", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("tokens", postgresql.TSVECTOR(), nullable=True),
        sa.Column("known_from", sa.BigInteger(), nullable=True),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("record_id", "version", name=op.f("pk_source_record")),
        sa.UniqueConstraint("department", "source_record_id", "version", name=op.f("uq_source_record_department_source_record_id_version")),
        schema="store",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("ix_source_record_case_number", "source_record", ["case_number"], unique=False, schema="store")
    op.create_index(
        "ix_source_record_not_shared",
        "source_record",
        ["department", "record_id"],
        unique=False,
        schema="store",
        postgresql_where=sa.text("visibility <> 'shared'"),
    )
    op.create_index("ix_source_record_number", "source_record", ["source_record_id"], unique=False, schema="store")
    op.create_index("ix_source_record_tokens", "source_record", ["tokens"], unique=False, schema="store", postgresql_using="gin")
    op.create_table(
        "unified_case",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("founder_id", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("identifier_hash", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("grade", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("community", sa.Text(), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("departments", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("has_sealed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_unified_case")),
        schema="store",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "ix_unified_case_reported_at",
        "unified_case",
        [sa.literal_column("reported_at DESC NULLS LAST"), "case_id"],
        unique=False,
        schema="store",
        postgresql_where=sa.text("known_to IS NULL"),
    )
    for number in range(8):
        op.execute(
            f"CREATE TABLE landing.record_p{number} PARTITION OF landing.record "
            f"FOR VALUES WITH (MODULUS 8, REMAINDER {number}) WITH (fillfactor = 80)"
        )
    op.execute("""
        CREATE VIEW store.golden_value AS
        SELECT g.entity_id, v.field, v.rank, g.known_from, g.known_to, v.value, string_to_array(v.stated_by, ',')::bigint[] AS stated_by
        FROM store.golden_record g
        CROSS JOIN LATERAL unnest(g.fields, g.ranks, g.contents, g.stated_by) AS v (field, rank, value, stated_by)
    """)
    op.execute("INSERT INTO ops.change_counter (epoch, last_change) VALUES (1, 0)")


def downgrade() -> None:
    for schema in ("landing", "quarantine", "store", "ops", "audit"):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
