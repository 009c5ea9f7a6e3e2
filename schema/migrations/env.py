"""Alembic's entry: runs on the connection that hub.migrations.migrate hands over."""

from __future__ import annotations

from alembic import context

from schema.tables import SCHEMAS, metadata

connection = context.config.attributes["connection"]


def _is_ours(name: str | None, type_: str, parent_names: object) -> bool:
    if type_ == "schema":
        return name in SCHEMAS
    # Partitions are made beside their parent and belong to no model.
    return not (type_ == "table" and (name or "").startswith("record_p"))


context.configure(
    connection=connection, target_metadata=metadata, include_schemas=True, include_name=_is_ours, compare_server_default=False
)
with context.begin_transaction():
    # Two processes that migrate at once: the second waits, then finds nothing to do.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(470311)")
    context.run_migrations()
