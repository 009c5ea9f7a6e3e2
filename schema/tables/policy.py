"""OPS: policies that two people agreed on, and what each login of the database may read under the one in force."""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from schema.tables.base import metadata, now_column, one_of, time_column

policy = Table(
    "policy",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="proposed"),
    Column("proposed_by", Text, nullable=False),
    now_column("proposed_at"),
    Column("approved_by", Text),
    time_column("approved_at"),
    Column("proposed_account", Text),  # of the operating system, beside whose key it was
    Column("approved_account", Text),
    one_of("state", ("proposed", "in_force", "replaced", "withdrawn")),
    CheckConstraint("approved_by IS DISTINCT FROM proposed_by", name="two_people"),
    CheckConstraint("approved_account <> proposed_account", name="two_accounts"),
    CheckConstraint("state NOT IN ('in_force', 'replaced') OR approved_by IS NOT NULL", name="approved"),
    Index("uq_policy_in_force", "state", unique=True, postgresql_where=text("state = 'in_force'")),
    schema="ops",
)

row_scope = Table(  # what row security asks of `session_user`; a login without a row here reads nothing
    "row_scope",
    metadata,
    Column("login", Text, primary_key=True),
    Column("policy_version", Integer, nullable=False),
    Column("own", Text),  # the department it speaks for; null: of no one department
    Column("departments", ARRAY(Text)),  # whose shared records; null: everybody's
    Column("streets", ARRAY(Text)),  # null, with `communities` null too: of every place
    Column("communities", ARRAY(Text)),
    schema="ops",
)
