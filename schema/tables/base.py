"""What every table stands on: the metadata, the words of states, and columns of one kind."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    MetaData,
    func,
)

SCHEMAS = ("landing", "quarantine", "store", "ops", "audit")
RECORD_STATES = ("landed", "accepted", "quarantined", "held", "superseded", "erased")
BATCH_STATES = ("open", "landed", "validated", "done", "held", "failed", "discarded")
PARTITIONS = 8  # of landing.record, by hash of department: department seventeen needs no DDL

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def time_column(name: str, **options: object) -> Column[object]:
    """A point in time, in UTC."""
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


def now_column(name: str) -> Column[object]:
    """When the row was written."""
    return time_column(name, nullable=False, server_default=func.now())


def one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of these words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=column)
