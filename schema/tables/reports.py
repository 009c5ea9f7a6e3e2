"""OPS: what callers say is wrong, and requests to see restricted records. Their words are shown to the two sides alone."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, ForeignKey, Identity, Index, Table, Text, Uuid, text

from schema.states import ACCESS_REQUEST_STATES, REPORT_STATES
from schema.tables.base import metadata, now_column, one_of, time_column

report = Table(
    "report",
    metadata,
    Column("report_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("about", Text, nullable=False),
    Column("field", Text),  # of about = value
    Column("record_ids", ARRAY(BigInteger), nullable=False),  # the value's record, the link's two, none of a whole case
    Column("departments", ARRAY(Text), nullable=False),  # to whom it goes
    Column("to_admins", Boolean, nullable=False),
    Column("caller", Text, nullable=False),  # who reports
    Column("caller_department", Text),
    Column("words", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    now_column("created_at"),
    now_column("changed_at"),
    one_of("about", ("case", "value", "link")),
    one_of("state", REPORT_STATES),
    Index("ix_report_caller", "caller", "created_at"),
    Index("ix_report_departments", "departments", postgresql_using="gin"),
    Index("ix_report_waiting", "created_at", postgresql_where=text("state IN ('open', 'taken')")),
    schema="ops",
)

report_note = Table(
    "report_note",
    metadata,
    Column("note_id", BigInteger, Identity(always=True), primary_key=True),
    Column("report_id", Uuid, ForeignKey("ops.report.report_id", ondelete="CASCADE", name="fk_report_note_report"), nullable=False),
    now_column("at"),
    Column("author", Text, nullable=False),
    Column("department", Text),
    Column("side", Text, nullable=False),
    Column("state", Text),  # that it was brought into; null: a word only
    Column("words", Text),
    one_of("side", ("reporter", "owner")),
    one_of("state", REPORT_STATES),
    Index("ix_report_note_report_id", "report_id", "note_id"),
    schema="ops",
)

access_request = Table(
    "access_request",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),  # whose restricted records are asked for
    Column("caller", Text, nullable=False),
    Column("caller_department", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("case_reference", Text, nullable=False),
    Column("is_emergency", Boolean, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    now_column("created_at"),
    time_column("decided_at"),
    Column("decided_by", Text),  # null of an emergency: nobody was asked
    time_column("granted_until"),
    Column("note", Text),  # the owner's words
    time_column("reviewed_at"),  # of an emergency
    Column("reviewed_by", Text),
    Column("is_justified", Boolean),
    Column("review_note", Text),
    one_of("state", ACCESS_REQUEST_STATES),
    Index("ix_access_request_caller", "caller", "created_at"),
    Index("ix_access_request_department", "department", "created_at"),
    Index("ix_access_request_live", "caller", "granted_until", postgresql_where=text("state = 'granted'")),
    Index(
        "uq_access_request_open",
        "caller",
        "case_id",
        "department",
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
    schema="ops",
)

access_request_record = Table(  # what was restricted, and of that department, in that case, when it was asked for
    "access_request_record",
    metadata,
    Column(
        "request_id",
        Uuid,
        ForeignKey("ops.access_request.request_id", ondelete="CASCADE", name="fk_access_request_record_request"),
        primary_key=True,
    ),
    Column("record_id", BigInteger, primary_key=True),
    Index("ix_access_request_record_record_id", "record_id"),
    schema="ops",
)
