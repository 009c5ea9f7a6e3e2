"""EXPORT: what resolve made of every record, for people and programs outside.

`membership` writes one row for each current record and party, and one for a record without parties:

| column | meaning |
|---|---|
| department, source_record_id | the record, as its department names it |
| case_id | the case that the record is in |
| role, ordinal, kind | the party: its role (schema/codes/role.yml), its place in the record from 0, person or organisation |
| person_id, organisation_id | what the party resolves to, one of the two by its kind |

The last five are empty in the row of a record without parties. Deleted records, and versions that resolve has not yet
taken, are not there. Rows are in the order of department, record and ordinal.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

import pyarrow as pa
from sqlalchemy import Engine

from hub.database import store_errors
from hub.errors import RequestError
from hub.private_files import private_file
from pipeline.store.copying import cursor_of

MEMBERSHIP = pa.schema(
    [
        pa.field("department", pa.string(), nullable=False),
        pa.field("source_record_id", pa.string(), nullable=False),
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("role", pa.string()),
        pa.field("ordinal", pa.int32()),
        pa.field("kind", pa.string()),
        pa.field("person_id", pa.string()),
        pa.field("organisation_id", pa.string()),
    ]
)
_MEMBERSHIP = """
SELECT r.department, r.source_record_id, c.case_id, p.role, p.ordinal, p.kind, n.person_id, o.organisation_id
FROM store.source_record r
JOIN store.case_member c ON c.record_id = r.record_id AND c.known_to IS NULL
LEFT JOIN store.party p ON p.record_id = r.record_id AND p.known_from IS NOT NULL AND p.known_to IS NULL
LEFT JOIN store.person_member n ON n.party_id = p.party_id AND n.known_to IS NULL
LEFT JOIN store.organisation_member o ON o.party_id = p.party_id AND o.known_to IS NULL
WHERE r.known_from IS NOT NULL AND r.known_to IS NULL AND NOT r.is_deleted
ORDER BY r.department, r.source_record_id, p.ordinal
"""


def membership(engine: Engine, path: Path) -> int:
    """Write which case, persons and organisations every current record resolves to.

    Args:
        engine: the store.
        path: a file that ends in .csv or .parquet; its folder must be there.

    Returns:
        How many rows were written.

    Raises:
        RequestError: the ending is another, or the folder is not there.
        StoreUnavailable: the database cannot be reached.
    """
    if path.suffix not in (".csv", ".parquet") or not path.parent.is_dir():
        raise RequestError(
            f"无法写入 {path.name} · {path.name} cannot be written",
            remedy="指定已有文件夹中的 .csv 或 .parquet 文件 · name a .csv or .parquet file in a folder that is there",
        )
    with private_file(path) as written, store_errors(), engine.connect() as connection:
        cursor = cursor_of(connection)
        if path.suffix == ".csv":
            cursor.copy_expert(f"COPY ({_MEMBERSHIP}) TO STDOUT (FORMAT csv, HEADER)", written)
            return int(cursor.rowcount)
        with tempfile.TemporaryFile() as file:  # as text first: so the store is read in one go, and the memory stays small
            cursor.copy_expert(f"COPY ({_MEMBERSHIP}) TO STDOUT (FORMAT csv)", file)
            file.seek(0)
            return _as_parquet(file, written)


def _as_parquet(file: IO[bytes], to: IO[bytes]) -> int:
    from pyarrow import csv, parquet

    convert = csv.ConvertOptions(
        column_types=MEMBERSHIP,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        include_columns=MEMBERSHIP.names,
    )
    count = 0
    with parquet.ParquetWriter(to, MEMBERSHIP) as writer:
        if not file.read(1):
            return count
        file.seek(0)
        parse = csv.ParseOptions(newlines_in_values=True)
        for batch in csv.open_csv(file, csv.ReadOptions(column_names=MEMBERSHIP.names), parse, convert):
            writer.write_batch(batch.cast(MEMBERSHIP))
            count += batch.num_rows
    return count
