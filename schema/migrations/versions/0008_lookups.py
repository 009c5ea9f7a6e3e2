"""Batch look-ups, reports of mistakes, access requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Who may read which restricted record until when. `department` is the one whose record it is.
_LIVE_GRANT = """
CREATE VIEW ops.live_grant (caller, caller_department, department, record_id, until) AS
SELECT q.caller, q.caller_department, q.department, e.record_id, max(q.granted_until)
FROM ops.access_request q JOIN ops.access_request_record e USING (request_id)
WHERE q.state = 'granted' AND q.granted_until > now()
GROUP BY q.caller, q.caller_department, q.department, e.record_id
"""
# What row security asks. The login tells the department; the caller's name is a setting of the session, which an injected statement
# could forge: it would then read what was opened to a colleague of the same department, and nothing else.
_GRANTED = """
CREATE OR REPLACE VIEW ops.granted_record AS
SELECT g.record_id FROM ops.live_grant g
WHERE g.caller = current_setting('casehub.caller', true) AND g.caller_department = (SELECT s.own FROM ops.my_scope s)
"""
_NONE_GRANTED = "CREATE OR REPLACE VIEW ops.granted_record AS SELECT NULL::bigint AS record_id WHERE false"


def upgrade() -> None:
    op.create_table(
        "access_request",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("caller_department", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("case_reference", sa.Text(), nullable=False),
        sa.Column("is_emergency", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("granted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("is_justified", sa.Boolean(), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'granted', 'refused', 'revoked', 'withdrawn')", name=op.f("ck_access_request_state")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_access_request")),
        schema="ops",
    )
    op.create_index("ix_access_request_caller", "access_request", ["caller", "created_at"], unique=False, schema="ops")
    op.create_index("ix_access_request_department", "access_request", ["department", "created_at"], unique=False, schema="ops")
    op.create_index(
        "ix_access_request_live",
        "access_request",
        ["caller", "granted_until"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("state = 'granted'"),
    )
    op.create_index(
        "uq_access_request_open",
        "access_request",
        ["caller", "case_id", "department"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "lookup",
        sa.Column("lookup_id", sa.Uuid(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("case_reference", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("columns", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("kinds", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("format IN ('csv', 'xlsx')", name=op.f("ck_lookup_format")),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'stopped', 'failed')", name=op.f("ck_lookup_state")),
        sa.PrimaryKeyConstraint("lookup_id", name=op.f("pk_lookup")),
        schema="ops",
    )
    op.create_index("ix_lookup_caller", "lookup", ["caller", "created_at"], unique=False, schema="ops")
    op.create_index("ix_lookup_expires_at", "lookup", ["expires_at"], unique=False, schema="ops")
    op.create_index(
        "ix_lookup_unfinished",
        "lookup",
        ["worked_at"],
        unique=False,
        schema="ops",
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_table(
        "report",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("record_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("departments", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("to_admins", sa.Boolean(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("caller_department", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("about IN ('case', 'value', 'link')", name=op.f("ck_report_about")),
        sa.CheckConstraint("state IN ('open', 'taken', 'corrected', 'refused', 'closed')", name=op.f("ck_report_state")),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_report")),
        schema="ops",
    )
    op.create_index("ix_report_caller", "report", ["caller", "created_at"], unique=False, schema="ops")
    op.create_index("ix_report_departments", "report", ["departments"], unique=False, schema="ops", postgresql_using="gin")
    op.create_index(
        "ix_report_waiting", "report", ["created_at"], unique=False, schema="ops", postgresql_where=sa.text("state IN ('open', 'taken')")
    )
    op.create_table(
        "access_request_record",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["ops.access_request.request_id"], name="fk_access_request_record_request", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "record_id", name=op.f("pk_access_request_record")),
        schema="ops",
    )
    op.create_index("ix_access_request_record_record_id", "access_request_record", ["record_id"], unique=False, schema="ops")
    op.create_table(
        "lookup_row",
        sa.Column("lookup_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("cells", postgresql.JSONB(), nullable=True),
        sa.Column("answer", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["lookup_id"], ["ops.lookup.lookup_id"], name="fk_lookup_row_lookup", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("lookup_id", "ordinal", name=op.f("pk_lookup_row")),
        schema="ops",
    )
    op.create_table(
        "report_note",
        sa.Column("note_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.CheckConstraint("side IN ('reporter', 'owner')", name=op.f("ck_report_note_side")),
        sa.CheckConstraint("state IN ('open', 'taken', 'corrected', 'refused', 'closed')", name=op.f("ck_report_note_state")),
        sa.ForeignKeyConstraint(["report_id"], ["ops.report.report_id"], name="fk_report_note_report", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_report_note")),
        schema="ops",
    )
    op.create_index("ix_report_note_report_id", "report_note", ["report_id", "note_id"], unique=False, schema="ops")
    op.execute(_LIVE_GRANT)
    op.execute(_GRANTED)


def downgrade() -> None:
    op.execute(_NONE_GRANTED)
    op.execute("DROP VIEW ops.live_grant")
    op.drop_table("report_note", schema="ops")
    op.drop_table("lookup_row", schema="ops")
    op.drop_table("access_request_record", schema="ops")
    op.drop_table("report", schema="ops")
    op.drop_table("lookup", schema="ops")
    op.drop_table("access_request", schema="ops")
