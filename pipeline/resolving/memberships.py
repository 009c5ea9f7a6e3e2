"""MEMBERSHIPS: nodes move between entities, and ids that gave way lead to where they went.

Enter the fates of one relation's entities, leave differences in its table of members and in store.redirect.
"""

from __future__ import annotations

import polars as pl

from pipeline.resolving.entity_ids import Fates
from pipeline.resolving.links import Task

_LEAVE = "UPDATE {members} SET known_to = %(change)s WHERE {node} = ANY (%(ids)s::bigint[]) AND known_to IS NULL"
_REDIRECTS = """
SELECT r.from_id::text AS entity, r.to_id::text AS target, m.{entity}::text AS founder_in
FROM unnest(%(entities)s::uuid[]) AS t (entity)
CROSS JOIN LATERAL (
    SELECT * FROM store.redirect WHERE to_id = t.entity AND known_to IS NULL AND relation = '{name}'
    UNION SELECT * FROM store.redirect WHERE from_id = t.entity AND known_to IS NULL AND relation = '{name}'
) r
JOIN {table} e ON e.{entity} = r.from_id
LEFT JOIN {members} m ON m.{node} = e.founder_id AND m.known_to IS NULL
"""
# Of closed entities whose founder has come back elsewhere: each with where it leads now, if anywhere. Of those whose founder is gone, and
# that lead nowhere since what they had become part of was deleted, each with where a member is that was in them to the last.
_RETURNED = """
SELECT e.{entity}::text AS entity, r.to_id::text AS target, m.{entity}::text AS founder_in
FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT * FROM {table} WHERE founder_id = t.id AND known_to IS NOT NULL OFFSET 0) e
JOIN {members} m ON m.{node} = t.id AND m.known_to IS NULL
LEFT JOIN store.redirect r ON r.relation = '{name}' AND r.from_id = e.{entity} AND r.known_to IS NULL
UNION ALL (
SELECT DISTINCT ON (e.{entity}) e.{entity}::text, NULL, m.{entity}::text
FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT {entity}, known_to FROM {members} WHERE {node} = t.id AND known_to IS NOT NULL OFFSET 0) was
CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {entity} = was.{entity} AND known_to = was.known_to OFFSET 0) e
JOIN {members} m ON m.{node} = t.id AND m.known_to IS NULL
CROSS JOIN LATERAL (
    SELECT bool_or(known_to IS NULL) AS leads FROM store.redirect WHERE relation = '{name}' AND from_id = e.{entity}
) r
WHERE NOT r.leads AND NOT EXISTS (SELECT FROM {members} WHERE {node} = e.founder_id AND known_to IS NULL)
ORDER BY e.{entity}, t.id)
"""
_CLOSE_REDIRECTS = """
UPDATE store.redirect SET known_to = %(change)s WHERE relation = %(name)s AND from_id = ANY (%(entities)s::uuid[]) AND known_to IS NULL
"""


def write_memberships(task: Task, fates: Fates) -> None:
    """Move nodes out of and into entities."""
    relation, channel = task.relation, task.channel
    leaving = pl.concat([fates.moves.drop_nulls("former")["id"], task.gone])
    if len(leaving):
        channel.run(_LEAVE.format(members=relation.members, node=relation.node), ids=leaving, change=task.change)
    rows = fates.moves.select(
        pl.col("id").alias(relation.node), pl.lit(task.change).alias("known_from"), pl.col("entity").alias(relation.entity)
    )
    channel.copy(relation.members, rows)


def write_redirects(task: Task, fates: Fates, walked: pl.Series, returning: pl.Series) -> None:
    """Let ids that gave way lead to where their founder is now; an id that came back leads nowhere else.

    What led to an entity all of whose members are deleted leads nowhere until its own members come back: who asks for it is told
    that there is no such entity, as who asks for the other is.

    Args:
        task: the chunk's relation.
        fates: what becomes of entities; memberships must have been written.
        walked: entities whose members were clustered anew.
        returning: nodes of these that are in an entity from now on and may have founded another.
    """
    relation, channel = task.relation, task.channel
    about = pl.concat([walked, pl.Series([*fates.merged, *fates.reopened], dtype=pl.String)]).unique()
    if about.is_empty() and returning.is_empty():
        return
    names = {"entity": relation.entity, "node": relation.node, "members": relation.members, "table": relation.table, "name": relation.name}
    standing = {entity: rest for entity, *rest in channel.read(_REDIRECTS.format(**names), entities=about).iter_rows()}
    wanted: dict[str, str | None] = dict(fates.merged)
    if len(returning):
        for entity, target, founder_in in channel.read(_RETURNED.format(**names), ids=returning).iter_rows():
            wanted.setdefault(entity, founder_in)
            if target is not None:
                standing[entity] = [target, founder_in]
    for entity, (target, founder_in) in standing.items():
        wanted.setdefault(entity, founder_in or (None if target in fates.emptied else fates.merged.get(target, target)))
    wanted |= dict.fromkeys(fates.reopened)
    closed = [entity for entity, (target, _) in standing.items() if wanted[entity] != target]
    opened = {entity: target for entity, target in wanted.items() if target is not None and standing.get(entity, ("",))[0] != target}
    if closed:
        channel.run(_CLOSE_REDIRECTS, change=task.change, name=relation.name, entities=pl.Series(closed))
    rows = pl.DataFrame({"from_id": list(opened), "to_id": list(opened.values())}, schema={"from_id": pl.String, "to_id": pl.String})
    channel.copy("store.redirect", rows.with_columns(relation=pl.lit(relation.name), known_from=pl.lit(task.change)))
