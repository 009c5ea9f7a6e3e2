"""CLUSTER over the store: which components a chunk touches, and how they part now.

A component is what live links connect. Where something may stand against what a chunk brings (a link lost or of another weight,
a prohibition, a number or a record that would be there twice, two entities of which the ends of its links do not tell that they
stay two), the whole component is loaded and clustered anew. Of all other nodes SURFACE has said where they go.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from matching.clustering import cluster
from pipeline.links import ENGINE, Evaluation, Task, forms_of, labels_of, live_links
from pipeline.members import members_of, nodes_of
from pipeline.relations import read_nodes
from pipeline.surface import Surface, surface_of
from schema.records import EDGE


@dataclass(frozen=True)
class Assignment:
    """Where a chunk's nodes belong from now on."""

    joined: pl.DataFrame  # id, entity, identifier_hash: new nodes of an entity that is otherwise as it was
    walked: pl.DataFrame  # id, cluster (its least id), entity (the former one, or null), identifier_hash of the cluster
    entities: pl.DataFrame  # entity, founder_id: all whose members were clustered anew, emptied ones too
    loaded: pl.DataFrame  # rows, as `read_nodes` gives them, of members that had to be loaded


def assign(task: Task, evaluation: Evaluation) -> Assignment:
    """Find every node's entity or cluster. The chunk's links must have been written."""
    surface = surface_of(task, evaluation)
    walk = _Walk(task, evaluation)
    walk.load(surface.troubled_entities, surface.troubled_nodes)
    return walk.result(surface)


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

    def result(self, surface: Surface) -> Assignment:
        """Cluster what was taken in, and the chunk's nodes that touch no entity."""
        inside = self._inside["id"].implode()  # more than was asked for, where links led on
        number = self._evaluation.labels.select("id", "identifier_hash")
        placed = surface.placed.filter(~pl.col("id").is_in(inside)).join(number, on="id", how="left")
        joined = placed.drop_nulls("entity").select("id", "entity", "identifier_hash")
        among_new = placed.filter(pl.col("entity").is_null()).select(
            "id", "cluster", "entity", pl.col("identifier_hash").drop_nulls().first().over("cluster")
        )
        apart = surface.apart.filter(~surface.apart.is_in(inside))
        walked, loaded = self._clustered(pl.concat([self._inside, _without_entity(apart)]), apart)
        return Assignment(joined, pl.concat([walked, among_new]), self._entities(surface), loaded)

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

    def _entities(self, surface: Surface) -> pl.DataFrame:
        known = surface.entities.filter(pl.col("entity").is_in(surface.troubled_entities.implode())).select("entity", "founder_id")
        one_each = self._inside.drop_nulls("entity").unique("entity").filter(~pl.col("entity").is_in(known["entity"].implode()))
        if one_each.is_empty():
            return known
        return pl.concat([known, members_of(self._task.channel, self._task.relation, one_each["id"]).select("entity", "founder_id")])


def _without_entity(ids: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"id": ids}).with_columns(entity=pl.lit(None, pl.String))
