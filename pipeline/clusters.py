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
from pipeline.candidates import key_numbers
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
_LABELS = {"id": pl.Int64, "identifier": pl.String, "apart": pl.String, "key": pl.String}


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
        firm = evaluation.edges.filter(pl.col("decision") != "review")
        lost = pl.concat([evaluation.lost["left"], evaluation.lost["right"]])
        ids = pl.concat([evaluation.nodes["id"], task.gone, firm["left"], firm["right"], lost]).unique()
        known = members_of(task.channel, task.relation, ids.filter(~ids.is_in(task.new.implode())))
        ends = pl.concat([evaluation.nodes["id"], firm["left"], firm["right"]]).unique()
        self.nodes = pl.DataFrame({"id": ends}).join(known, on="id", how="left")
        self.entities = known.unique("entity")
        self.nodes = self.nodes.with_columns(component=_components(self.nodes, firm.filter(pl.col("decision") == "link")))
        dirty = known.filter(pl.col("id").is_in(pl.concat([lost, task.gone]).implode()))["entity"].unique()
        self._task, self._labels = task, evaluation.labels
        self._revised = evaluation.nodes.filter(pl.col("version") > 1)["id"]
        troubled = self._troubled(firm, dirty)
        inside = self.nodes.filter(pl.col("component").is_in(troubled.implode()))
        self.troubled_entities = pl.concat([inside["entity"].drop_nulls(), dirty]).unique()
        self.troubled_nodes = inside.filter(pl.col("entity").is_null())["id"]

    def _troubled(self, firm: pl.DataFrame, dirty: pl.Series) -> pl.Series:
        """Components with an entity in them that must be looked at whole."""
        nodes = self.nodes.join(self._labels, on="id", how="left")
        numbers = pl.concat(
            [nodes.select("component", number=_hashes(nodes["identifier"])), nodes.select("component", number="identifier_hash")]
        )
        by_component = nodes.group_by("component").agg(
            pl.col("entity").drop_nulls().n_unique().alias("entities"), pl.col("entity").is_in(dirty.implode()).any().alias("dirty")
        )
        apart = nodes.drop_nulls("apart")
        twice = apart.group_by("component", "apart").len().filter(pl.col("len") > 1)["component"]
        # The entity may hold another party of the record that stayed as it was, or another case of the department.
        hidden = pl.col("id").is_in(self._task.new.implode())
        if self._task.relation is not CASE:
            hidden &= pl.col("id").is_in(self._revised.implode())
        twice = pl.concat([twice, apart.filter(hidden)["component"]])
        crossing = (
            firm.filter(pl.col("decision") == "cannot_link")
            .join(nodes.select("id", "component"), left_on="left", right_on="id")
            .join(nodes.select("id", "component"), left_on="right", right_on="id", suffix="_right")
        )
        suspicious = pl.concat(
            [
                by_component.filter((pl.col("entities") > 1) | pl.col("dirty"))["component"],
                numbers.drop_nulls().unique().group_by("component").len().filter(pl.col("len") > 1)["component"],
                twice,
                crossing.filter(pl.col("component") == pl.col("component_right"))["component"],
            ]
        ).unique()
        with_entity = by_component.filter(pl.col("entities") > 0)["component"]
        return suspicious.filter(suspicious.is_in(with_entity.implode()))


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
        fresh = pl.DataFrame({"id": nodes}).with_columns(entity=pl.lit(None, pl.String))
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
            fresh = pl.DataFrame({"id": outside}).join(members, on="id", how="anti").with_columns(entity=pl.lit(None, pl.String))

    def result(self, surface: _Surface) -> Assignment:
        """Cluster what was taken in, and the chunk's nodes that touch no entity."""
        inside = self._inside
        rest = surface.nodes.filter(~pl.col("id").is_in(inside["id"].implode()))
        joining = rest.filter(pl.col("entity").is_not_null().any().over("component"))
        alone = rest.join(joining, on="id", how="anti").select("id", "entity")
        entity = pl.col("entity").drop_nulls().first().over("component")
        joined = joining.with_columns(now=entity).filter(pl.col("entity").is_null()).select("id", entity="now")
        joined = joined.join(_numbers(self._evaluation.labels), on="id", how="left")
        nodes = pl.concat([inside, alone])
        labels, loaded = self._labels(inside)
        edges = self._edges(alone["id"])
        said = edges.filter(pl.col("decided_by") != ENGINE)
        verdicts = said.select(
            "left", "right", verdict=pl.col("decision").replace_strict({"link": "yes", "cannot_link": "no"}, default=None)
        )
        clusters = pl.DataFrame(
            cluster(
                nodes.select("id").join(labels, on="id", how="left").to_arrow(),
                edges.select(EDGE.names).to_arrow(),
                None,
                verdicts.to_arrow(),
            )
        )
        walked = clusters.join(nodes, on="id", how="left").join(_numbers(labels), on="id", how="left")
        walked = walked.with_columns(pl.col("identifier_hash").drop_nulls().first().over("cluster"))
        return Assignment(joined, walked, self._entities(surface), loaded)

    def _labels(self, inside: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        known = self._evaluation.labels
        unknown = inside.filter(~pl.col("id").is_in(known["id"].implode()))["id"]
        loaded = self._evaluation.nodes.clear()
        if len(unknown):
            loaded = read_nodes(self._task.channel, self._task.relation, unknown)
            known = pl.concat([known, labels_of(loaded, forms_of(self._task, loaded)).select(list(_LABELS))])
        return known, loaded

    def _edges(self, alone: pl.Series) -> pl.DataFrame:
        firm = self._evaluation.edges.filter(
            (pl.col("decision") != "review") & pl.col("left").is_in(alone.implode()) & pl.col("right").is_in(alone.implode())
        )
        return pl.concat([self._links, firm.select(self._links.columns)])

    def _entities(self, surface: _Surface) -> pl.DataFrame:
        of_nodes = members_of(self._task.channel, self._task.relation, self._inside.drop_nulls("entity").unique("entity")["id"])
        emptied = surface.entities.filter(pl.col("entity").is_in(surface.troubled_entities.implode()))
        return pl.concat([of_nodes.select("entity", "founder_id"), emptied.select("entity", "founder_id")]).unique()


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


def _numbers(labels: pl.DataFrame) -> pl.DataFrame:
    return labels.select("id", identifier_hash=_hashes(labels["identifier"]))


def _hashes(identifiers: pl.Series) -> pl.Series:
    """Verified numbers as entities carry them: enough to see that two differ."""
    return key_numbers(identifiers)


def _sql(template: str, relation: Relation) -> str:
    return template.format(entity=relation.entity, members=relation.members, node=relation.node, table=relation.table)
