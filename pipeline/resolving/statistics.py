"""Planner statistics of the tables that resolve fills.

In a bulk load a table grows a hundredfold between two visits of autovacuum, and with the statistics of an empty table any
index looks as good as any other: a look-up of one node then reads a whole relation. So a table that has doubled is
analysed here, by a small sample of the columns that look-ups use.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_COLUMNS = {
    "person_member": "party_id, person_id, known_from, known_to",
    "organisation_member": "party_id, organisation_id, known_from, known_to",
    "case_member": "record_id, case_id, known_from, known_to",
    "person": "person_id, known_to",
    "organisation": "organisation_id, known_to",
    "unified_case": "case_id, known_to",
    "own_case": "case_id, department",
    "person_key": "key, party_id",
    "organisation_key": "key, party_id",
    "case_key": "key, record_id",
    "link": "left_id, right_id, relation, known_from, known_to, decision",
    "golden_record": "entity_id, known_from, known_to",
    "redirect": "from_id, to_id, relation, known_to",
    "review_task": "relation, left_id, right_id, state",
    "name_form": "name",
    "party": "party_id, version, record_id, known_from, known_to",
    "source_record": "record_id, version, known_from, known_to",
}
_GROWN = """
SELECT s.relname FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE s.schemaname = 'store' AND s.n_mod_since_analyze > 500 + greatest(c.reltuples, 0)
"""


def analyse_grown(connection: Connection) -> list[str]:
    """Analyse tables that have doubled since they were; the connection must be between transactions.

    Returns:
        Their names.
    """
    connection.execute(text("SELECT pg_stat_force_next_flush()"))
    connection.commit()
    grown = sorted(set(connection.execute(text(_GROWN)).scalars()) & _COLUMNS.keys())
    if grown:
        connection.execute(text("SET LOCAL default_statistics_target = 10"))
        for table in grown:
            connection.execute(text(f"ANALYZE store.{table} ({_COLUMNS[table]})"))
    connection.commit()
    return grown
