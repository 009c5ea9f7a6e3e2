"""The temporary tables of LAND: a page's rows before they are judged, the keys that a sweep has seen, and the contents of what has none.

And the rows of a pull of everything that landed before, until one of their key follows.
"""

from __future__ import annotations

from typing import cast

import polars as pl
from sqlalchemy import Connection, text

from connectors.extract import Page
from hub.encryption import Protected, key_ring
from pipeline.store.copying import copy_in, cursor_of
from pipeline.store.protected import store_documents

_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged (
    ordinal bigint NOT NULL, source_record_id text, payload jsonb, raw bytea, fault text, cursor text, operation text NOT NULL,
    event_id text, inbox_id bigint, kept_payload text, kept_raw bytea  -- as they are to be kept, where that is another form
) ON COMMIT DELETE ROWS
"""
_SEEN = "CREATE TEMP TABLE IF NOT EXISTS seen (source_record_id text PRIMARY KEY)"
_SEEN_KEYLESS = "CREATE TEMP TABLE IF NOT EXISTS seen_keyless (content_hash bytea PRIMARY KEY)"
_RETURNED = """
CREATE TEMP TABLE IF NOT EXISTS returned (
    source_record_id text PRIMARY KEY, content_hash bytea NOT NULL, cursor text, ordinal bigint NOT NULL
)
"""
_TABLES = ";".join((_STAGE, _SEEN, _SEEN_KEYLESS, _RETURNED))
_HAS_ROWS = "SELECT EXISTS (SELECT FROM seen) OR EXISTS (SELECT FROM seen_keyless) OR EXISTS (SELECT FROM returned)"
_STAGED_COLUMNS = ("ordinal", "source_record_id", "payload", "raw", "fault", "cursor", "operation", "event_id", "inbox_id")


def prepare(connection: Connection) -> None:
    """Have the tables, with nothing in them."""
    connection.execute(text(_TABLES))
    if connection.execute(text(_HAS_ROWS)).scalar_one():  # to empty them where they are costs more than all the rest
        connection.execute(text("TRUNCATE seen, seen_keyless, returned"))


def stage(connection: Connection, page: Page) -> None:
    """Put a page's rows where LAND judges them: in the clear, for their hash is the database's, and beside it as they are to be kept."""
    rows = cast(pl.DataFrame, pl.from_arrow(page.rows.select(list(_STAGED_COLUMNS))))
    if key_ring() is not None:
        payloads, raws = store_documents(Protected.PAYLOAD, rows["payload"]), store_documents(Protected.RAW, rows["raw"])
        rows = rows.with_columns(kept_payload=payloads, kept_raw=raws.cast(pl.Binary))
    copy_in(cursor_of(connection), "staged", rows)
