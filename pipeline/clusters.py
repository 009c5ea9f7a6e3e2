"""CLUSTER over the store: which components a chunk touches, and how they part now.

A component is what live links connect. Most of a chunk's nodes link to one entity alone, or to none, and nothing of what
they bring stands against any member: then taking all edges by weight anew would come out the same with the nodes added,
for every union within the entity still succeeds, and every one that was passed over still meets what it met. These need
no look at the entity's other members. Where something may stand against it (two entities, a link lost or of another
weight, a prohibition, a number or a record that would be there twice), the whole component is clustered anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from matching.clustering import cluster
from pipeline.channel import Channel
from pipeline.links import ENGINE, Evaluation, Task, forms_of, labels_of, live_links
from pipeline.relations import CASE, Relation, read_nodes
from schema.records import EDGE

_MEMBERS = """
SELECT t.id, e.{entity}::text AS entity, e.founder_id, e.identifier_hash FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT {entity} FROM {members} WHERE {node} = t.id AND known_to IS NULL OFFSET 0) m
CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {entity} = m.{entity} OFFSET 0) e
"""
_NODES = """
SELECT m.id, t.entity::text AS entity FROM unnest(%(entities)s::uuid[]) AS t (entity)
CROSS JOIN LATERAL (SELECT {node} AS id FROM {members} WHERE {entity} = t.entity AND known_to IS NULL OFFSET 0) m
"""


@dataclass(frozen=True)
class Assignment:
    """Where a chunk's nodes belong from now on."""

    joined: pl.DataFrame  # id, entity, identifier_hash: new nodes of an entity that is otherwise as it was
    walked: pl.DataFrame  # id, cluster (its least id), entity (the former one, or null), identifier_hash of the cluster
    entities: pl.DataFrame  # entity, founder_id: all whose members were clustered anew, emptied ones too
    loaded: pl.DataFrame  # rows, as `read_nodes` gives them, of members that had to be loaded


def members_of(channel: Channel, relation: Relation, ids: pl.Series) -> pl.DataFrame:
    """(id, entity, founder_id, identifier_hash) of nodes that are in an entity."""
    return channel.read(_sql(_MEMBERS, relation), ids=ids.unique().sort())


def nodes_of(channel: Channel, relation: Relation, entities: pl.Series) -> pl.DataFrame:
    """(id, entity) of all nodes of entities."""
    return channel.read(_sql(_NODES, relation), entities=entities.unique())


def assign(task: Task, evaluation: Evaluation) -> Assignment:
    """Find every node's entity or cluster. The chunk's links must have been written."""
    surface = _Surface(task, evaluation)
    walk = _Walk(task, evaluation)
    walk.load(surface.troubled_entities, surface.troubled_nodes)
    return walk.result(surface)


class _Surface:
    """The chunk's own nodes and links, each entity taken as one vertex."""

    def __init__(self, task: Task, evaluation: Evaluation) -> None:
        self._task, self._evaluation = task, evaluation
        firm = evaluation.edges.filter(pl.col("decision") != "review")
        lost = pl.concat([evaluation.lost["left"], evaluation.lost["right"]])
        seen = evaluation.nodes["id"]
        there = seen.filter(~seen.is_in(task.new.implode()))
        ends = pl.concat([firm["left"], firm["right"], there]).unique()
        others = pl.concat([ends.filter(~ends.is_in(task.new.implode())), task.gone, lost])
        known = members_of(task.channel, task.relation, others)
        self.entities = known.unique("entity")
        nodes = pl.DataFrame({"id": ends}).join(known, on="id", how="left")
        self.nodes = nodes.with_columns(component=_components(nodes, firm.filter(pl.col("decision") == "link")))
        self.alone = seen.filter(~seen.is_in(ends.implode()))  # new, and nothing links them to anything or forbids it
        dirty = known.filter(pl.col("id").is_in(pl.concat([lost, task.gone]).implode()))["entity"].unique()
        troubled = self._troubled(firm.filter(pl.col("decision") == "cannot_link"), dirty)
        inside = self.nodes.filter(pl.col("component").is_in(troubled.implode()))
        self.troubled_entities = pl.concat([inside["entity"].drop_nulls(), dirty]).unique()
        self.troubled_nodes = inside.filter(pl.col("entity").is_null())["id"]

    def _troubled(self, forbidden: pl.DataFrame, dirty: pl.Series) -> pl.Series:
        """Components with an entity in them that must be looked at whole."""
        with_entity = self.nodes.drop_nulls("entity")
        nodes = self.nodes.join(with_entity, on="component", how="semi").join(self._evaluation.labels, on="id", how="left")
        component = nodes.select("id", "component")
        several = with_entity.group_by("component").agg(pl.col("entity").n_unique()).filter(pl.col("entity") > 1)["component"]
        hashes = [nodes.select("component", number="identifier_hash_right"), nodes.select("component", number="identifier_hash")]
        numbers = pl.concat(hashes).drop_nulls().unique()
        apart = nodes.drop_nulls("apart")
        crossing = forbidden.join(component, left_on="left", right_on="id").join(component, left_on="right", right_on="id", suffix="_right")
        return pl.concat(
            [
                several,
                with_entity.filter(pl.col("entity").is_in(dirty.implode()))["component"],
                numbers.filter(numbers["component"].is_duplicated())["component"],
                apart.filter(apart.select("component", "apart").is_duplicated())["component"],
                apart.filter(self._may_be_hidden())["component"],
                crossing.filter(pl.col("component") == pl.col("component_right"))["component"],
            ]
        ).unique()

    def _may_be_hidden(self) -> pl.Expr:
        """New nodes whose record may have another party, or whose department another case, in the entity already."""
        is_new = pl.col("id").is_in(self._task.new.implode())
        if self._task.relation is CASE:
            return is_new
        revised = self._evaluation.nodes.filter(pl.col("version") > 1)["id"]
        return is_new & pl.col("id").is_in(revised.implode())


class _Walk:
    """Whole components, loaded from the store, and clustered."""

    def __init__(self, task: Task, evaluation: Evaluation) -> None:
        self._task, self._evaluation = task, evaluation
        self._inside = pl.DataFrame(schema={"id": pl.Int64, "entity": pl.String})
        self._links = pl.DataFrame(
            schema={
                "left": pl.Int64,
                "right": pl.Int64,
                "decision": pl.String,
                "match_weight": pl.Float64,
                "levels": pl.String,
                "decided_by": pl.String,
            }
        )

    def load(self, entities: pl.Series, nodes: pl.Series) -> None:
        """Take in components, until no live link leads out of what was taken in."""
        fresh = _without_entity(nodes)
        while len(entities) or fresh.height:
            found = nodes_of(self._task.channel, self._task.relation, entities) if len(entities) else self._inside.clear()
            frontier = pl.concat([fresh, found.select("id", "entity")])
            frontier = frontier.filter(~pl.col("id").is_in(pl.concat([self._task.gone, self._inside["id"]]).implode()))
            self._inside = pl.concat([self._inside, frontier])
            links = live_links(self._task.channel, self._task.relation, frontier["id"]).filter(pl.col("decision") != "review")
            self._links = pl.concat([self._links, links.select(self._links.columns)]).unique(["left", "right"], maintain_order=True)
            ends = links.filter(pl.col("decision") == "link")
            outside = pl.concat([ends["left"], ends["right"]]).unique()
            outside = outside.filter(~outside.is_in(self._inside["id"].implode()))
            members = members_of(self._task.channel, self._task.relation, outside)
            entities = members["entity"].unique()
            fresh = _without_entity(outside.filter(~outside.is_in(members["id"].implode())))

    def result(self, surface: _Surface) -> Assignment:
        """Cluster what was taken in, and the chunk's nodes that touch no entity."""
        inside = self._inside
        rest = surface.nodes.filter(~pl.col("id").is_in(inside["id"].implode()))
        holds = rest.drop_nulls("entity").unique("component").select("component", now="entity")
        joining = rest.filter(pl.col("entity").is_null()).join(holds, on="component", how="left")
        number = self._evaluation.labels.select("id", "identifier_hash")
        joined = joining.drop_nulls("now").select("id", entity="now").join(number, on="id", how="left")
        apart = joining.filter(pl.col("now").is_null())["id"]
        walked, loaded = self._clustered(pl.concat([inside, _without_entity(apart)]), apart)
        alone = (
            _without_entity(surface.alone)
            .join(number, on="id", how="left")
            .select("id", pl.col("id").alias("cluster"), "entity", "identifier_hash")
        )
        return Assignment(joined, pl.concat([walked, alone]), self._entities(surface), loaded)

    def _clustered(self, nodes: pl.DataFrame, new: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(id, cluster, entity, identifier_hash) of nodes, and rows that had to be loaded."""
        labels, loaded = self._labels(nodes)
        edges = self._edges(new)
        said = edges.filter(pl.col("decided_by") != ENGINE)
        verdicts = said.select(
            "left", "right", verdict=pl.col("decision").replace_strict({"link": "yes", "cannot_link": "no"}, default=None)
        )
        given = nodes.join(labels, on="id", how="left").drop("entity", "identifier_hash")
        clusters = pl.DataFrame(cluster(given.to_arrow(), edges.select(EDGE.names).to_arrow(), None, verdicts.to_arrow()))
        walked = clusters.join(nodes, on="id", how="left").join(labels.select("id", "identifier_hash"), on="id", how="left")
        return walked.with_columns(pl.col("identifier_hash").drop_nulls().first().over("cluster")), loaded

    def _labels(self, inside: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        known = self._evaluation.labels
        unknown = inside.filter(~pl.col("id").is_in(known["id"].implode()))["id"]
        loaded = self._evaluation.nodes.clear()
        if len(unknown):
            loaded = read_nodes(self._task.channel, self._task.relation, unknown)
            known = pl.concat([known, labels_of(loaded, forms_of(self._task, loaded))])
        return known, loaded

    def _edges(self, alone: pl.Series) -> pl.DataFrame:
        firm = self._evaluation.edges.filter(
            (pl.col("decision") != "review") & pl.col("left").is_in(alone.implode()) & pl.col("right").is_in(alone.implode())
        )
        return pl.concat([self._links, firm.select(self._links.columns)])

    def _entities(self, surface: _Surface) -> pl.DataFrame:
        known = surface.entities.filter(pl.col("entity").is_in(surface.troubled_entities.implode())).select("entity", "founder_id")
        one_each = self._inside.drop_nulls("entity").unique("entity").filter(~pl.col("entity").is_in(known["entity"].implode()))
        if one_each.is_empty():
            return known
        return pl.concat([known, members_of(self._task.channel, self._task.relation, one_each["id"]).select("entity", "founder_id")])


def _without_entity(ids: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"id": ids}).with_columns(entity=pl.lit(None, pl.String))


def _components(nodes: pl.DataFrame, links: pl.DataFrame) -> pl.Series:
    """Component of each node, nodes of one entity being one vertex."""
    vertex = pl.coalesce("entity", pl.col("id").cast(pl.String)).rank("dense").cast(pl.Int64) - 1
    vertices = nodes.select("id", vertex.alias("vertex"))
    joined = links.join(vertices, left_on="left", right_on="id").join(vertices, left_on="right", right_on="id", suffix="_right")
    return pl.Series(_connected(vertices["vertex"], joined["vertex"], joined["vertex_right"]))


def _connected(vertices: pl.Series, left: pl.Series, right: pl.Series) -> npt.NDArray[np.int64]:
    count = int(vertices.max() or 0) + 1 if len(vertices) else 0  # type: ignore[arg-type]
    matrix = coo_array((np.ones(len(left), dtype=np.int8), (left.to_numpy(), right.to_numpy())), shape=(count, count))
    component = connected_components(matrix, directed=False)[1] if count else np.zeros(0)
    of_node: npt.NDArray[np.int64] = np.asarray(component, dtype=np.int64)[vertices.to_numpy()]
    return of_node


def _sql(template: str, relation: Relation) -> str:
    return template.format(entity=relation.entity, members=relation.members, node=relation.node, table=relation.table)
