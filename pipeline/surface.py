"""SURFACE: what a chunk's own nodes and links say of where the nodes belong, each entity taken as one.

Leaves which nodes join an entity that is otherwise as it was, and what must be clustered anew, with all members. Most nodes
link to one entity alone, or to none, and nothing of what they bring stands against any member: then taking all edges by
weight anew would come out the same with the nodes added, for every union within the entity still succeeds, and every one
that was passed over still meets what it met. Between several entities the ends of the links often tell as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from matching.extension import extend
from pipeline.links import ENGINE, Evaluation, Task
from pipeline.members import members_of
from pipeline.relations import CASE
from schema.records import EDGE

_PLACED = {"id": pl.Int64, "entity": pl.String, "cluster": pl.Int64}


@dataclass(frozen=True)
class Surface:
    """A chunk's nodes of one relation, sorted."""

    entities: pl.DataFrame  # entity, founder_id and more: those that the chunk's nodes and links lead to
    placed: pl.DataFrame  # id, entity (null: of new nodes alone), cluster (the least new id in it): new nodes whose place is certain
    troubled_entities: pl.Series  # whose members are to be clustered anew
    troubled_nodes: pl.Series  # of no entity yet, to be clustered with them
    apart: pl.Series  # new nodes that links connect with each other alone


def surface_of(task: Task, evaluation: Evaluation) -> Surface:
    """Sort a chunk's nodes. The chunk's links need not have been written."""
    return _Sorting(task, evaluation).sorted()


class _Sorting:
    def __init__(self, task: Task, evaluation: Evaluation) -> None:
        self._task, self._evaluation = task, evaluation
        self._firm = evaluation.edges.filter(pl.col("decision") != "review")
        lost = pl.concat([evaluation.lost["left"], evaluation.lost["right"]])
        self._seen = evaluation.nodes["id"]
        there = self._seen.filter(~self._seen.is_in(task.new.implode()))
        ends = pl.concat([self._firm["left"], self._firm["right"], there]).unique()
        others = pl.concat([ends.filter(~ends.is_in(task.new.implode())), task.gone, lost])
        self._known = members_of(task.channel, task.relation, others)
        nodes = pl.DataFrame({"id": ends}).join(self._known, on="id", how="left")
        self._nodes = nodes.with_columns(component=_components(nodes, self._firm.filter(pl.col("decision") == "link")))
        self._dirty = self._known.filter(pl.col("id").is_in(pl.concat([lost, task.gone]).implode()))["entity"].unique()

    def sorted(self) -> Surface:
        """Who goes where."""
        troubled = self._troubled()
        extended = self._extended(self._settleable(troubled))
        nodes = self._nodes.filter(~pl.col("component").is_in(extended["component"].implode()))
        inside = nodes.filter(pl.col("component").is_in(troubled.implode()))
        outside = nodes.filter(~pl.col("component").is_in(troubled.implode()))
        holds = outside.drop_nulls("entity").unique("component").select("component", now="entity")
        joining = outside.filter(pl.col("entity").is_null()).join(holds, on="component", how="left")
        joined = joining.drop_nulls("now").select("id", entity="now", cluster="id")
        alone = self._seen.filter(~self._seen.is_in(self._nodes["id"].implode()))  # nothing links them to anything or forbids it
        unlinked = pl.DataFrame({"id": alone}).select("id", pl.lit(None, pl.String).alias("entity"), cluster="id")
        return Surface(
            self._known.unique("entity"),
            pl.concat([joined, extended.select(list(_PLACED)), unlinked]),
            pl.concat([inside["entity"].drop_nulls(), self._dirty]).unique(),
            inside.filter(pl.col("entity").is_null())["id"],
            joining.filter(pl.col("now").is_null())["id"],
        )

    def _troubled(self) -> pl.Series:
        """Components with an entity in them of which it is not said at once that the others join it."""
        with_entity = self._nodes.drop_nulls("entity")
        nodes = self._nodes.join(with_entity, on="component", how="semi").join(self._evaluation.labels, on="id", how="left")
        several = with_entity.group_by("component").agg(pl.col("entity").n_unique()).filter(pl.col("entity") > 1)["component"]
        hashes = [nodes.select("component", number="identifier_hash_right"), nodes.select("component", number="identifier_hash")]
        numbers = pl.concat(hashes).drop_nulls().unique()
        component = nodes.select("id", "component")
        forbidden = self._firm.filter(pl.col("decision") == "cannot_link")
        crossing = forbidden.join(component, left_on="left", right_on="id").join(component, left_on="right", right_on="id", suffix="_right")
        return pl.concat(
            [
                several,
                numbers.filter(numbers["component"].is_duplicated())["component"],
                crossing.filter(pl.col("component") == pl.col("component_right"))["component"],
                self._dirty_components(),
                self._kept_apart(nodes),
            ]
        ).unique()

    def _dirty_components(self) -> pl.Series:
        """Components with an entity that lost a node or a link."""
        return self._nodes.filter(pl.col("entity").is_in(self._dirty.implode()))["component"]

    def _kept_apart(self, nodes: pl.DataFrame) -> pl.Series:
        """Components whose nodes are, or may be, of one record, or of a department that has no case twice.

        A new node's record may have another party, or its department another case, in the entity already.
        """
        apart = nodes.drop_nulls("apart")
        is_new = pl.col("id").is_in(self._task.new.implode())
        if self._task.relation is not CASE:
            revised = self._evaluation.nodes.filter(pl.col("version") > 1)["id"]
            is_new = is_new & pl.col("id").is_in(revised.implode())
        twice = apart.filter(apart.select("component", "apart").is_duplicated())
        return pl.concat([twice["component"], apart.filter(is_new)["component"]])

    def _settleable(self, troubled: pl.Series) -> pl.DataFrame:
        """Nodes of troubled components in which nothing but new nodes and their links may change what was."""
        nodes = self._nodes.filter(pl.col("component").is_in(troubled.implode()))
        labelled = nodes.join(self._evaluation.labels, on="id", how="left")
        looked_at = nodes.filter(pl.col("entity").is_not_null() & pl.col("id").is_in(self._seen.implode()))["component"]
        said = self._firm.filter(pl.col("decided_by") != ENGINE)
        judged = nodes.filter(pl.col("id").is_in(pl.concat([said["left"], said["right"]]).implode()))["component"]
        not_so = pl.concat([self._dirty_components(), self._kept_apart(labelled), looked_at, judged])
        return nodes.filter(~pl.col("component").is_in(not_so.implode()))

    def _extended(self, nodes: pl.DataFrame) -> pl.DataFrame:
        """(id, entity, cluster, component) of new nodes whose place the ends of their links tell."""
        nothing = pl.DataFrame(schema={**_PLACED, "component": pl.Int64})
        if nodes.is_empty():
            return nothing
        labels = pl.concat([self._evaluation.labels, self._evaluation.ends]).unique("id", keep="first")
        given = nodes.select("id", "component", cluster="entity", cluster_identifier="identifier_hash").join(
            labels.select("id", "key", identifier="identifier_hash"), on="id"
        )
        new = given.filter(pl.col("cluster").is_null())["id"].implode()
        edges = self._firm.filter(pl.col("left").is_in(new) | pl.col("right").is_in(new))
        extended = pl.DataFrame(extend(given.to_arrow(), edges.select(EDGE.names).to_arrow()))
        return (
            extended.filter("is_sure")
            .join(nodes.select("id", "component"), on="id")
            .select("id", entity="cluster", cluster="least", component="component")
        )


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
