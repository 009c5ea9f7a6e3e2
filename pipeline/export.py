"""EXPORT: which record is in which case, with which persons and organisations; what an outside evaluation reads.

One row for each current record: department, source_record_id, case_id, persons, organisations. The last two are JSON
objects from role to ids, in the order in which the record names its parties: {"petitioner": ["…", "…"]}. A record that
resolve has not published yet has no case and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine

from hub.database import store_errors
from hub.errors import RequestError
from pipeline.copying import read_frame

_ROWS = 50_000
_MEMBERSHIP = """
SELECT r.record_id, r.department, r.source_record_id, c.case_id::text AS case_id,
       coalesce(p.persons, '{{}}')::text AS persons, coalesce(p.organisations, '{{}}')::text AS organisations
FROM (SELECT * FROM store.source_record
      WHERE record_id > %(after)s AND known_from IS NOT NULL AND known_to IS NULL AND NOT is_deleted ORDER BY record_id LIMIT {rows}) r
JOIN store.case_member c ON c.record_id = r.record_id AND c.known_to IS NULL
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(role, ids) FILTER (WHERE kind = 'person') AS persons,
           jsonb_object_agg(role, ids) FILTER (WHERE kind = 'organisation') AS organisations
    FROM (
        SELECT t.kind, t.role, jsonb_agg(coalesce(m.person_id, o.organisation_id) ORDER BY t.ordinal) AS ids
        FROM store.party t
        LEFT JOIN store.person_member m ON m.party_id = t.party_id AND m.known_to IS NULL
        LEFT JOIN store.organisation_member o ON o.party_id = t.party_id AND o.known_to IS NULL
        WHERE t.record_id = r.record_id AND t.version = r.version
        GROUP BY t.kind, t.role
    ) by_role
) p ON true
ORDER BY r.record_id
""".format(rows=_ROWS)


def membership(engine: Engine, path: Path) -> int:
    """Write the membership of every record.

    Args:
        engine: the store.
        path: ends in .csv or .parquet; appears whole or not at all.

    Returns:
        How many rows.

    Raises:
        RequestError: another ending.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise RequestError(f"{path.name} ends in neither .csv nor .parquet", remedy="name the file memberships.csv or memberships.parquet")
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with store_errors(), engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ")  # one moment, however long it takes
        write = _write_csv if path.suffix == ".csv" else _write_parquet
        rows = write(partial, _frames(connection))
    partial.rename(path)
    return rows


def _frames(connection: Connection) -> Iterator[pl.DataFrame]:
    """At least one frame, so that an empty export has its columns."""
    after, is_last = 0, False
    while not is_last:
        frame = read_frame(connection, _MEMBERSHIP, {"after": after})
        is_last = frame.is_empty()
        if not is_last or after == 0:
            yield frame.drop("record_id")
        after = 0 if is_last else int(frame["record_id"][-1])


def _write_csv(path: Path, frames: Iterator[pl.DataFrame]) -> int:
    rows = 0
    with path.open("wb") as file:
        for frame in frames:
            frame.write_csv(file, include_header=rows == 0)
            rows += frame.height
    return rows


def _write_parquet(path: Path, frames: Iterator[pl.DataFrame]) -> int:
    first = next(frames).to_arrow()
    rows = first.num_rows
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for frame in frames:
            writer.write_table(frame.to_arrow().cast(first.schema))
            rows += frame.height
    return rows
