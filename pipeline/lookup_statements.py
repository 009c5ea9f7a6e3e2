"""Statements of LOOK UP, each prepared once a connection: which nodes share a key, what a caller may read of them, how many mentions."""

from __future__ import annotations

from functools import cache

from pipeline.candidates import BLOCK_MOST
from pipeline.prepared import Prepared
from pipeline.relations import Relation

_MET = """
SELECT t.place, b.id, count(*) AS shared FROM unnest(:places, :keys) AS t (place, key)
CROSS JOIN LATERAL (SELECT {node} AS id FROM {keys} WHERE key = t.key ORDER BY {node} LIMIT {most}) b
GROUP BY t.place, b.id ORDER BY t.place, shared DESC, b.id
"""
_NODES = "SELECT r.* FROM store.comparable_{relation}s(:ids) r WHERE {readable}"
# Of persons, how many mentions there are: whether some are closed to the caller. LATERAL with OFFSET 0 keeps the planner to one
# index look-up a mention, whatever it believes of the tables.
_MENTIONS = """
SELECT m.person_id::text AS entity, count(*) AS mentions FROM store.person_member m
CROSS JOIN LATERAL (SELECT * FROM store.party WHERE party_id = m.party_id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE record_id = p.record_id AND known_to IS NULL OFFSET 0) r
WHERE m.person_id = ANY (:ids) AND m.known_to IS NULL AND r.known_from IS NOT NULL AND NOT r.is_deleted AND {readable} GROUP BY 1
"""


@cache
def met_by(relation: Relation) -> Prepared:
    """(place, id, shared): nodes under the keys of each place, those that share most first, of equals the older."""
    sql = _MET.format(node=relation.node, keys=relation.keys, most=BLOCK_MOST)
    return Prepared(sql, {"places": "integer[]", "keys": "bigint[]"})


@cache
def nodes_of(relation: Relation, readable: str) -> Prepared:
    """Published nodes of records that are readable, each with its entity; of records also whom their parties resolve to."""
    return Prepared(_NODES.format(relation=relation.name, readable=readable), {"ids": "bigint[]", "own": "text"})


@cache
def mentions(readable: str) -> Prepared:
    """(entity, mentions) of persons, in records that are readable."""
    return Prepared(_MENTIONS.format(readable=readable), {"ids": "uuid[]", "own": "text"})
