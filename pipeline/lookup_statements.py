"""Statements of LOOK UP, each prepared once a connection: which nodes share a key, what a caller may read of them, how many mentions."""

from __future__ import annotations

from functools import cache

from pipeline.candidates import BLOCK_MOST
from pipeline.prepared import Prepared
from pipeline.relations import CASE, Relation

_MET = """
SELECT t.place, b.id, count(*) AS shared FROM unnest(:places, :keys) AS t (place, key)
CROSS JOIN LATERAL (SELECT {node} AS id FROM {keys} WHERE key = t.key ORDER BY {node} LIMIT {most}) b
GROUP BY t.place, b.id ORDER BY t.place, shared DESC, b.id
"""
# LATERAL with OFFSET 0 keeps the planner to one index look-up a node, whatever it believes of the tables.
_RECORD = "(SELECT * FROM store.source_record WHERE record_id = {id} AND known_to IS NULL OFFSET 0) r"
_ENTITY = "(SELECT {entity}::text AS entity FROM {members} WHERE {node} = t.id AND known_to IS NULL OFFSET 0) m"
_STANDS = "r.known_from IS NOT NULL AND NOT r.is_deleted"
_PARTIES = f"""
SELECT p.party_id AS id, p.record_id, p.version, p.ordinal, p.role, p.kind, p.name, p.id_type, p.id_no, p.uscc, p.phone,
       p.address AS own_address, CASE WHEN p.kind = 'person' THEN coalesce(p.address, r.address) ELSE p.address END AS address,
       p.gender, p.birth_date, r.department, r.source_record_id, r.visibility, m.entity
FROM unnest(:ids) AS t (id)
CROSS JOIN LATERAL (SELECT * FROM store.party WHERE party_id = t.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
CROSS JOIN LATERAL {_RECORD.format(id="p.record_id")}
CROSS JOIN LATERAL {_ENTITY}
WHERE {_STANDS} AND {{readable}}
"""
_RESOLVED = """
SELECT array_agg(p.party_id ORDER BY p.party_id) AS party_ids, array_agg(p.role ORDER BY p.party_id) AS roles,
       array_agg(p.kind ORDER BY p.party_id) AS kinds,
       array_agg(CASE p.kind WHEN 'person' THEN (SELECT person_id FROM store.person_member WHERE party_id = p.party_id AND known_to IS NULL)
           ELSE (SELECT organisation_id FROM store.organisation_member WHERE party_id = p.party_id AND known_to IS NULL) END::text
           ORDER BY p.party_id) AS entities
FROM store.party p WHERE p.record_id = r.record_id AND p.known_to IS NULL AND p.known_from IS NOT NULL
"""
_CASES = f"""
SELECT r.record_id AS id, r.record_id, r.version, r.department, r.source_record_id, r.visibility, r.case_number, r.title, r.text,
       r.category, r.occurred_at, r.reported_at, r.amount::float8 AS amount, r.people_involved, r.address, r.street, r.community,
       r.longitude, r.latitude, r."references", m.entity, s.party_ids, s.roles, s.kinds, s.entities
FROM unnest(:ids) AS t (id)
CROSS JOIN LATERAL {_RECORD.format(id="t.id")}
CROSS JOIN LATERAL {_ENTITY}
CROSS JOIN LATERAL ({_RESOLVED}) s
WHERE {_STANDS} AND {{readable}}
"""
# Of persons, how many mentions there are: whether some are closed to the caller.
_MENTIONS = f"""
SELECT m.person_id::text AS entity, count(*) AS mentions FROM store.person_member m
CROSS JOIN LATERAL (SELECT * FROM store.party WHERE party_id = m.party_id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
CROSS JOIN LATERAL {_RECORD.format(id="p.record_id")}
WHERE m.person_id = ANY (:ids) AND m.known_to IS NULL AND {_STANDS} AND {{readable}} GROUP BY 1
"""


@cache
def met_by(relation: Relation) -> Prepared:
    """(place, id, shared): nodes under the keys of each place, those that share most first, of equals the older."""
    sql = _MET.format(node=relation.node, keys=relation.keys, most=BLOCK_MOST)
    return Prepared(sql, {"places": "integer[]", "keys": "bigint[]"})


@cache
def nodes_of(relation: Relation, readable: str) -> Prepared:
    """Published nodes of records that are readable, each with its entity; of records also whom their parties resolve to."""
    names = {"node": relation.node, "entity": relation.entity, "members": relation.members}
    sql = (_CASES if relation is CASE else _PARTIES).format(**names, readable=readable)
    return Prepared(sql, {"ids": "bigint[]", "own": "text"})


@cache
def mentions(readable: str) -> Prepared:
    """(entity, mentions) of persons, in records that are readable."""
    return Prepared(_MENTIONS.format(readable=readable), {"ids": "uuid[]", "own": "text"})
