"""Statements of LOOK UP, each prepared once a connection: which nodes share a key, what a caller may read of them, how many mentions."""

from __future__ import annotations

from functools import cache

from pipeline.looking_up.prospect import CANDIDATES
from pipeline.resolving.candidates import BLOCK_MOST
from pipeline.resolving.relations import Relation
from pipeline.store.prepared import Prepared

_NODES = """
SELECT r.* FROM store.comparable_{relation}s(:places, :keys, {per_key}, :own, :is_own, {most}) r WHERE {readable}
"""
# How many mentions there are: how likely one is, and of a person whether some are closed to the caller. LATERAL with OFFSET 0 keeps
# the planner to one index look-up a mention, whatever it believes of the tables.
_MENTIONS = """
SELECT m.{relation}_id::text AS entity, count(*) AS mentions FROM store.{relation}_member m
CROSS JOIN LATERAL (SELECT * FROM store.party WHERE party_id = m.party_id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE record_id = p.record_id AND known_to IS NULL OFFSET 0) r
WHERE m.{relation}_id = ANY (:ids) AND m.known_to IS NULL AND r.known_from IS NOT NULL AND NOT r.is_deleted AND {readable} GROUP BY 1
"""


@cache
def nodes_of(relation: Relation, readable: str) -> Prepared:
    """For each place the published nodes that share one of its keys, those that share most first, of equals the older.

    Of those in records that are readable as many as are compared, each with its entity; of records also whom their parties resolve to.
    `is_own` keeps to records of the department `own` or of others; null, to neither.
    """
    sql = _NODES.format(relation=relation.name, per_key=BLOCK_MOST, most=CANDIDATES, readable=readable)
    return Prepared(sql, {"places": "integer[]", "keys": "bigint[]", "own": "text", "is_own": "boolean"})


@cache
def mentions(relation: Relation, readable: str) -> Prepared:
    """(entity, mentions) of persons or organisations, in records that are readable."""
    return Prepared(_MENTIONS.format(relation=relation.name, readable=readable), {"ids": "uuid[]", "own": "text"})
