"""MEMBERS: who is in which entity now."""

from __future__ import annotations

import polars as pl

from pipeline.resolving.relations import Relation
from pipeline.store.channel import Channel

_MEMBERS = """
SELECT t.id, e.{entity}::text AS entity, e.founder_id, e.identifier_hash FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT {entity} FROM {members} WHERE {node} = t.id AND known_to IS NULL OFFSET 0) m
CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {entity} = m.{entity} OFFSET 0) e
"""
_ENTITIES = """
SELECT t.id, m.{entity}::text AS entity FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT {entity} FROM {members} WHERE {node} = t.id AND known_to IS NULL OFFSET 0) m
"""
_NODES = """
SELECT m.id, t.entity::text AS entity FROM unnest(%(entities)s::uuid[]) AS t (entity)
CROSS JOIN LATERAL (SELECT {node} AS id FROM {members} WHERE {entity} = t.entity AND known_to IS NULL OFFSET 0) m
"""
# What a person is not sure of is no task any more, and as torn as before.
_TORN = """
SELECT a.{entity}::text AS entity, b.{entity}::text AS other,
       CASE t.torn_id WHEN t.left_id THEN a.{entity} ELSE b.{entity} END::text AS torn
FROM (
    SELECT left_id, right_id, unnest(CASE levels -> 'torn' ->> 'side' WHEN 'left' THEN ARRAY[left_id] WHEN 'right' THEN ARRAY[right_id]
                                     ELSE ARRAY[left_id, right_id] END) AS torn_id
    FROM store.review_task WHERE relation = '{name}' AND state = 'open' AND levels ? 'torn'
    UNION SELECT left_id, right_id, unnest(ARRAY[left_id, right_id]) FROM ops.decision WHERE relation = '{name}' AND verdict = 'unsure'
) t
CROSS JOIN LATERAL (SELECT {entity} FROM {members} WHERE {node} = t.left_id AND known_to IS NULL OFFSET 0) a
CROSS JOIN LATERAL (SELECT {entity} FROM {members} WHERE {node} = t.right_id AND known_to IS NULL OFFSET 0) b
WHERE a.{entity} <> b.{entity}
"""
_ONCE_NUMBERED = """
SELECT t.id FROM unnest(%(ids)s::bigint[]) AS t (id)
WHERE EXISTS (SELECT FROM store.party WHERE party_id = t.id AND coalesce(id_no, uscc) IS NOT NULL OFFSET 0)
"""


def entities_of(channel: Channel, relation: Relation, ids: pl.Series) -> pl.DataFrame:
    """(id, entity) of nodes that are in one."""
    return channel.read(_sql(_ENTITIES, relation), ids=ids.unique().sort())


def members_of(channel: Channel, relation: Relation, ids: pl.Series) -> pl.DataFrame:
    """(id, entity, founder_id, identifier_hash) of nodes that are in an entity."""
    return channel.read(_sql(_MEMBERS, relation), ids=ids.unique().sort())


def nodes_of(channel: Channel, relation: Relation, entities: pl.Series) -> pl.DataFrame:
    """(id, entity) of all nodes of entities."""
    return channel.read(_sql(_NODES, relation), entities=entities.unique())


def torn_entities(channel: Channel, relation: Relation) -> pl.DataFrame:
    """(entity, other, torn), each pair both ways: entities that links would join, were not one of them torn."""
    found = channel.read(_sql(_TORN, relation))
    return pl.concat([found, found.select("torn", entity="other", other="entity").select(found.columns)]).unique()


def once_numbered(channel: Channel, relation: Relation, ids: pl.Series) -> pl.Series:
    """Parties of which a version, this one or an earlier one, gives a number."""
    return channel.read(_ONCE_NUMBERED, ids=ids)["id"] if len(ids) else ids


def _sql(template: str, relation: Relation) -> str:
    return template.format(name=relation.name, entity=relation.entity, members=relation.members, node=relation.node, table=relation.table)
