"""Part of NORMALISE: the parties of a chunk's records → store.party.

Enter parties of the records in the temporary table `mapped`, as `mapping` makes them; leave them beside their records, each of a later
version under the id that it had in the version before, where that names the same one.
"""

from __future__ import annotations

import polars as pl
from sqlalchemy import Connection, text

from hub.encryption import NUMBERS, key_ring
from pipeline.store.copying import copy_in, cursor_of, read_frame
from pipeline.store.protected import RENEWED_NUMBERS, RENEWED_TABLE, renewed, store_numbers
from schema.records import PARTY

_PARTY_FIELDS = [name for name in PARTY.names if name not in ("department", "source_record_id", "version")]

TABLE = """
CREATE TEMP TABLE IF NOT EXISTS mapped_party ON COMMIT DELETE ROWS AS
SELECT cast(NULL AS text) AS source_record_id, p.* FROM store.party p WITH NO DATA
"""
_FIRST_PARTIES = """
INSERT INTO store.party (party_id, record_id, {fields}, version)
SELECT nextval('store.party_id_seq'), m.record_id, {said}, p.version
FROM mapped_party p JOIN mapped m USING (source_record_id, version) WHERE m.version = 1
""".format(fields=", ".join(_PARTY_FIELDS), said=", ".join(f"p.{name}" for name in _PARTY_FIELDS))
# A party keeps its id while the record goes on naming the same one: same role and kind, and the same number, else name. A number that
# comes to a name, or leaves it, makes it nobody else; one that comes after another does. Nobody can tell the planner how many rows its
# parts have: left to itself it takes each for one, and goes through all of the one for each of the other.
_NESTLOOP = "SET LOCAL enable_nestloop = {}"
_LATER_PARTIES_SQL = """
WITH said AS (
    SELECT p.*, m.record_id AS record, coalesce(p.id_no, p.uscc) AS number, {who} AS who,
           row_number() OVER (PARTITION BY m.record_id, p.role, p.kind, {who} ORDER BY p.ordinal) AS turn
    FROM mapped_party p JOIN mapped m USING (source_record_id, version) WHERE m.version > 1
), before AS (
    SELECT p.party_id, p.record_id, p.role, p.kind, p.name, p.ordinal, {number_before} AS number, {before} AS who,
           row_number() OVER (PARTITION BY p.record_id, p.role, p.kind, {before} ORDER BY p.ordinal) AS turn
    FROM mapped m CROSS JOIN LATERAL (
        SELECT max(version) AS version FROM store.source_record s
        WHERE s.record_id = m.record_id AND s.version < m.version AND NOT s.is_deleted
    ) newest CROSS JOIN LATERAL (
        SELECT * FROM store.party WHERE record_id = m.record_id AND version = newest.version OFFSET 0
    ) p WHERE m.version > 1
), same AS (
    SELECT s.record, s.ordinal, b.party_id
    FROM said s JOIN before b ON (b.record_id, b.role, b.kind, b.who, b.turn) = (s.record, s.role, s.kind, s.who, s.turn)
), came AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.record, s.role, s.kind, s.name ORDER BY s.ordinal) AS place
    FROM said s LEFT JOIN same a ON (a.record, a.ordinal) = (s.record, s.ordinal) WHERE s.name IS NOT NULL AND a.party_id IS NULL
), went AS (
    SELECT b.*, row_number() OVER (PARTITION BY b.record_id, b.role, b.kind, b.name ORDER BY b.ordinal) AS place
    FROM before b LEFT JOIN same a ON a.party_id = b.party_id WHERE b.name IS NOT NULL AND a.party_id IS NULL
), kept AS (
    SELECT record, ordinal, party_id FROM same
    UNION ALL
    SELECT c.record, c.ordinal, w.party_id FROM came c
    JOIN went w ON (w.record_id, w.role, w.kind, w.name, w.place) = (c.record, c.role, c.kind, c.name, c.place)
    CROSS JOIN LATERAL (
        SELECT bool_or({number_before} <> c.number) AS had_another FROM store.party p WHERE p.party_id = w.party_id
    ) ever
    WHERE (c.number IS NULL) <> (w.number IS NULL) AND ever.had_another IS NOT TRUE
)
INSERT INTO store.party (party_id, record_id, {fields}, version)
SELECT coalesce(k.party_id, nextval('store.party_id_seq')), s.record, {said}, s.version
FROM said s LEFT JOIN kept k ON (k.record, k.ordinal) = (s.record, s.ordinal)
"""
_WHO = "coalesce({id_no}, p.uscc, p.name, {phone})"
_LATER_PARTIES, _LATER_PARTIES_RENEWED = (
    _LATER_PARTIES_SQL.format(
        who=_WHO.format(id_no="p.id_no", phone="p.phone"),
        before=_WHO.format(**numbers),
        number_before=f"coalesce({numbers['id_no']}, p.uscc)",
        fields=", ".join(_PARTY_FIELDS),
        said=", ".join(f"s.{name}" for name in _PARTY_FIELDS),
    )
    for numbers in ({name: f"p.{name}" for name in NUMBERS}, RENEWED_NUMBERS)
)
# While a store is being encrypted, or from one key to another, what stood before may be the same number in another form.
_STORED_BEFORE = """
SELECT DISTINCT p.id_no, p.phone FROM mapped m JOIN store.party p ON p.record_id = m.record_id
WHERE m.version > 1 AND (left(p.id_no, %(length)s) <> %(prefix)s OR left(p.phone, %(length)s) <> %(prefix)s)
"""


def write_parties(connection: Connection, parties: pl.DataFrame, *, has_later: bool) -> None:
    """Write the parties of the records in `mapped`, whose table of parties is empty.

    Args:
        connection: whose transaction it is part of.
        parties: PARTY.
        has_later: some of the records were known before, in another version.
    """
    copy_in(cursor_of(connection), "mapped_party", store_numbers(parties.drop("department")))
    connection.execute(text(_FIRST_PARTIES))
    if has_later:
        statement = _LATER_PARTIES_RENEWED if _renew(connection) else _LATER_PARTIES
        connection.execute(text(_NESTLOOP.format("off")))
        connection.execute(text(statement))
        connection.execute(text(_NESTLOOP.format("on")))


def _renew(connection: Connection) -> bool:
    """Note the current form of numbers that earlier versions hold in another one, in `renewed`; whether there are any."""
    ring = key_ring()
    if ring is None:
        return False
    prefix = ring.current_prefix
    before = read_frame(connection, _STORED_BEFORE, {"prefix": prefix, "length": len(prefix)})
    found = renewed(ring, before)
    connection.execute(text(RENEWED_TABLE))
    connection.execute(text("TRUNCATE renewed"))
    return copy_in(cursor_of(connection), "renewed", found) > 0
