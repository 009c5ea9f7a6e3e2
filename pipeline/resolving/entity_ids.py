"""Which entity each cluster is: ids that stay, ids that give way, ids that come back.

An entity's id derives from its founder, the node that it began with. Where entities merge, the id of the older founder
survives and the others redirect to it. Where one parts, the part with the founder keeps the id, and the others take the
id that their own founder once had, or else a new one. An entity outlives its founder's deletion.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from pipeline.resolving.clusters import Assignment
from pipeline.resolving.links import Task
from pipeline.resolving.relations import Relation
from pipeline.store.channel import Channel, series

_FORMER = """
SELECT t.id, e.{entity}::text AS entity, e.founder_id,
       EXISTS (SELECT FROM {members} WHERE {node} = e.founder_id AND known_to IS NULL) AS has_founder
FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT DISTINCT {entity} FROM {members} WHERE {node} = t.id AND known_to IS NOT NULL) m
JOIN {table} e ON e.{entity} = m.{entity} WHERE e.known_to IS NOT NULL
"""
_TAKEN = "SELECT {entity}::text AS entity FROM {table} WHERE {entity} = ANY (%(ids)s::uuid[])"


@dataclass
class Fates:
    """What becomes of entities and memberships."""

    moves: pl.DataFrame  # id, entity, former (null: the node is new): nodes whose entity is another from now on
    created: pl.DataFrame  # entity, founder_id
    reopened: list[str] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)  # entity → the one that it redirects to
    split: list[str] = field(default_factory=list)  # entities that lost nodes to others
    emptied: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Former:
    node: int
    entity: str
    founder: int
    has_founder: bool


def settle(task: Task, assignment: Assignment, nodes: pl.DataFrame) -> Fates:
    """Give every cluster its entity.

    Args:
        task: the chunk's relation.
        assignment: as clustering left it.
        nodes: rows of the chunk's nodes, for the ids of new entities.
    """
    rows = pl.concat([nodes, assignment.loaded], how="vertical_relaxed") if assignment.loaded.height else nodes
    claims = _Claims(assignment)
    unclaimed = assignment.walked.filter(~pl.col("cluster").is_in(list(claims.entity_of)))
    returning = _returning(task, unclaimed, rows)
    reopened = claims.give_back(unclaimed, _former(task.channel, task.relation, returning), set(task.gone.to_list()))
    founders = unclaimed.filter(pl.col("id") == pl.col("cluster"), ~pl.col("cluster").is_in(list(claims.entity_of)))["id"]
    created = _new_ids(task, rows.filter(pl.col("id").is_in(founders.implode())), returning)
    entity_of = pl.DataFrame(
        {"cluster": list(claims.entity_of), "now": list(claims.entity_of.values())}, schema={"cluster": pl.Int64, "now": pl.String}
    )
    entity_of = pl.concat([entity_of, created.select(cluster="founder_id", now="entity")])
    placed = assignment.walked.join(entity_of, on="cluster", how="left")
    moved = placed.filter(pl.col("entity").ne_missing(pl.col("now"))).select("id", entity="now", former="entity")
    joined = assignment.joined.select("id", "entity", former=pl.lit(None, pl.String))
    losing = moved["former"].drop_nulls().unique().to_list()
    split = sorted(set(losing) - claims.merged.keys() - set(claims.emptied))
    return Fates(pl.concat([joined, moved]), created, reopened, claims.merged, split, claims.emptied)


class _Claims:
    """Entities' claims on the clusters that their nodes are in now."""

    def __init__(self, assignment: Assignment) -> None:
        former = assignment.walked.drop_nulls("entity")
        nodes: dict[str, dict[int, int]] = defaultdict(dict)
        for node, cluster, entity in former.select("id", "cluster", "entity").iter_rows():
            nodes[entity][node] = cluster
        claimants: dict[int, list[tuple[int, str]]] = defaultdict(list)
        self.emptied: list[str] = []
        for entity, founder in assignment.entities.select("entity", "founder_id").sort("founder_id", "entity").iter_rows():
            members = nodes.get(entity)
            if not members:
                self.emptied.append(entity)
                continue
            claimants[members.get(founder, members[min(members)])].append((founder, entity))
        self.entity_of: dict[int, str] = {cluster: min(claims)[1] for cluster, claims in claimants.items()}
        self.merged = {
            entity: self.entity_of[cluster]
            for cluster, claims in claimants.items()
            for _, entity in claims
            if entity != self.entity_of[cluster]
        }

    def give_back(self, unclaimed: pl.DataFrame, former: Iterable[_Former], gone: set[int]) -> list[str]:
        """Let clusters that no entity claims take up one which a node of theirs was once in.

        Its founder must be in the cluster too, or be no longer there at all: otherwise the id is the founder's to take.
        """
        cluster_of = dict(unclaimed.select("id", "cluster").iter_rows())
        reopened = []
        for one in sorted(former, key=lambda one: (one.founder, one.entity, one.node)):
            cluster = cluster_of[one.node]
            is_theirs = cluster_of.get(one.founder) == cluster or not (one.has_founder and one.founder not in gone)
            if is_theirs and cluster not in self.entity_of and one.entity not in self.entity_of.values():
                self.entity_of[cluster] = one.entity
                reopened.append(one.entity)
        return reopened


def _returning(task: Task, unclaimed: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
    """Nodes of unclaimed clusters that may have been in an entity before."""
    first = rows.filter((pl.col("version") == 1) & pl.col("id").is_in(task.new.implode()))["id"]
    return unclaimed.filter(~pl.col("id").is_in(first.implode()))["id"]


def _former(channel: Channel, relation: Relation, ids: pl.Series) -> list[_Former]:
    if ids.is_empty():
        return []
    sql = _FORMER.format(entity=relation.entity, members=relation.members, node=relation.node, table=relation.table)
    return [_Former(*row) for row in channel.read(sql, ids=ids).iter_rows()]


def _new_ids(task: Task, founders: pl.DataFrame, returning: pl.Series) -> pl.DataFrame:
    """(entity, founder_id): ids from the landed versions that the entities begin with."""
    relation = task.relation
    number = pl.col("ordinal").cast(pl.String) if "ordinal" in founders.columns else pl.lit("")
    names = founders.select(
        pl.concat_str(pl.lit(relation.name), "department", "source_record_id", "version", number, separator="\x1f")
    ).to_series()
    ids = dict(zip(founders["id"].to_list(), (_uuid(name) for name in names.to_list()), strict=True))
    doubtful = [node for node in returning.to_list() if node in ids]
    if doubtful:
        sql = _TAKEN.format(entity=relation.entity, table=relation.table)
        taken = set(task.channel.read(sql, ids=pl.Series([ids[node] for node in doubtful]))["entity"].to_list())
        for node, name in zip(founders["id"].to_list(), names.to_list(), strict=True):
            if ids[node] in taken:  # its first entity lives on without it
                ids[node] = _uuid(f"{name}\x1f{task.change}")
    return pl.DataFrame({"entity": list(ids.values()), "founder_id": series(ids)}, schema={"entity": pl.String, "founder_id": pl.Int64})


def _uuid(name: str) -> str:
    return str(uuid.UUID(bytes=hashlib.md5(name.encode(), usedforsecurity=False).digest(), version=3))
