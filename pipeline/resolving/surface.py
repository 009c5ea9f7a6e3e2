"""SURFACE: what a chunk's own nodes and links say of where the nodes belong, each entity taken as one.

Most nodes link to one entity alone, or to none, and nothing of what they bring stands against any member: then taking all
edges by weight anew would come out the same with the nodes added, for every union within the entity still succeeds, and
every one that was passed over still meets what it met. Of these it is said where they go; the rest is told apart by what
may change entities that stand. Of what may be either of two it is not said, nor of those two: how many say each counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.resolving.links import ENGINE, Evaluation, Task
from pipeline.resolving.members import members_of, once_numbered, torn_entities
from pipeline.resolving.relations import CASE


@dataclass(frozen=True)
class Surface:
    """A chunk's nodes of one relation, sorted."""

    nodes: pl.DataFrame  # id, entity (null: new), component: the chunk's nodes and all that they link to or are forbidden to link to
    joined: pl.DataFrame  # id, entity: new nodes of an entity that is otherwise as it was
    troubled: pl.Series  # components of which that cannot be said
    lessened: pl.Series  # entities that lost a node or a link
    doubtful: pl.Series  # these, and those of which a member was looked at again or a person said something
    apart: pl.Series  # new nodes that links connect with each other alone, or with nothing
    entities: pl.DataFrame  # entity, founder_id and more: all that the chunk's nodes and links lead to
    torn: pl.DataFrame  # entity, other, torn, as `torn_entities` gives them


_NOT_TORN = pl.DataFrame(schema={"entity": pl.String, "other": pl.String, "torn": pl.String})


def surface_of(task: Task, evaluation: Evaluation) -> Surface:
    """Sort a chunk's nodes."""
    return _Sorting(task, evaluation).sorted()


class _Sorting:
    def __init__(self, task: Task, evaluation: Evaluation) -> None:
        self._task, self._evaluation = task, evaluation
        self._firm = _that_matter(evaluation.edges.filter(pl.col("decision") != "review"))
        self._lost = pl.concat([evaluation.lost["left"], evaluation.lost["right"], task.gone])
        self._seen = evaluation.nodes["id"]
        there = self._seen.filter(~self._seen.is_in(task.new.implode()))
        ends = pl.concat([self._firm["left"], self._firm["right"], there]).unique()
        others = pl.concat([ends.filter(~ends.is_in(task.new.implode())), self._lost])
        self._known = members_of(task.channel, task.relation, others)
        self._torn = torn_entities(task.channel, task.relation) if self._known.height else _NOT_TORN
        nodes = pl.DataFrame({"id": ends}).join(self._known, on="id", how="left")
        self._nodes = nodes.with_columns(component=components(nodes, self._firm.filter(pl.col("decision") == "link")))

    def sorted(self) -> Surface:
        """Who goes where."""
        lessened = self._of(self._lost)
        troubled = self._troubled(lessened)
        calm = self._nodes.filter(~pl.col("component").is_in(troubled.implode()))
        holds = calm.drop_nulls("entity").unique("component").select("component", now="entity")
        joining = calm.filter(pl.col("entity").is_null()).join(holds, on="component", how="left")
        said = self._firm.filter(pl.col("decided_by") != ENGINE)
        alone = self._seen.filter(~self._seen.is_in(self._nodes["id"].implode()))  # nothing links them to anything or forbids it
        return Surface(
            self._nodes.select("id", "entity", "component"),
            joining.drop_nulls("now").select("id", entity="now"),
            troubled,
            lessened,
            self._of(pl.concat([self._lost, self._seen, said["left"], said["right"]])),
            pl.concat([joining.filter(pl.col("now").is_null())["id"], alone]),
            self._known.unique("entity"),
            self._torn,
        )

    def _of(self, ids: pl.Series) -> pl.Series:
        """Entities of nodes."""
        return self._known.filter(pl.col("id").is_in(ids.implode()))["entity"].unique()

    def _troubled(self, lessened: pl.Series) -> pl.Series:
        """Components with an entity in them of which it is not said at once that the others join it."""
        with_entity = self._nodes.drop_nulls("entity")
        if with_entity.is_empty():
            return self._nodes["component"].clear()
        nodes = self._nodes.join(with_entity, on="component", how="semi").join(self._evaluation.labels, on="id", how="left")
        several = with_entity.group_by("component").agg(pl.col("entity").n_unique()).filter(pl.col("entity") > 1)["component"]
        hashes = [nodes.select("component", number="identifier_hash_right"), nodes.select("component", number="identifier_hash")]
        numbers = pl.concat(hashes).drop_nulls().unique()
        apart = nodes.drop_nulls("apart")
        component = nodes.select("id", "component")
        forbidden = self._firm.filter(pl.col("decision") == "cannot_link")
        crossing = forbidden.join(component, left_on="left", right_on="id").join(component, left_on="right", right_on="id", suffix="_right")
        return pl.concat(
            [
                several,
                with_entity.filter(pl.col("entity").is_in(lessened.implode()))["component"],
                self._torn_ones(crossing),
                numbers.filter(numbers["component"].is_duplicated())["component"],
                apart.filter(apart.select("component", "apart").is_duplicated())["component"],
                apart.filter(self._may_be_hidden())["component"],
                crossing.filter(pl.col("component") == pl.col("component_right"))["component"],
                self._freed(nodes),
            ]
        ).unique()

    def _torn_ones(self, crossing: pl.DataFrame) -> pl.Series:
        """Components of torn entities that a node of the chunk's has come to, or of which it may be news that they are not one with such.

        Args:
            crossing: prohibitions, with `component` of the left end and `component_right`.
        """
        come_to = self._nodes.filter(pl.col("id").is_in(self._seen.implode()))["component"].implode()
        torn = self._nodes.filter(pl.col("entity").is_in(self._torn["entity"].implode()))
        grown = self._nodes.filter(pl.col("component").is_in(come_to)).drop_nulls("entity")
        left, right = crossing["component"], crossing["component_right"]
        sides = pl.DataFrame({"component": pl.concat([left, right]), "apart": pl.concat([right, left])}).unique()
        told = sides.filter(~pl.col("apart").is_in(come_to)).join(
            grown.select("component", one="entity", number="identifier_hash").unique(), on="component"
        )
        told = told.join(torn.select(apart="component", other="entity", its="identifier_hash").unique(), on="apart")
        told = told.filter((pl.col("number") == pl.col("its")).fill_null(True))  # those of two numbers are two anyhow
        links = self._torn.select(one="entity", third="other", torn="torn")
        directly = told.join(links, left_on=["other", "one"], right_on=["one", "third"], how="semi")
        thirds = told.join(links, on="one").join(links, left_on=["other", "third"], right_on=["one", "third"], suffix="_too")
        torn_between = thirds.filter((pl.col("torn") == pl.col("third")) & (pl.col("torn_too") == pl.col("third")))
        by_third = thirds.join(torn_between, on=["one", "other", "third"], how="anti")
        return pl.concat([torn.filter(pl.col("component").is_in(come_to))["component"], directly["apart"], by_third["apart"]])

    def _freed(self, nodes: pl.DataFrame) -> pl.Series:
        """Components with an entity whose number may be gone with what a member said before: then it stands against nobody any more."""
        seen = nodes.filter(pl.col("id").is_in(self._seen.implode())).drop_nulls(["entity", "identifier_hash"])
        still = seen.filter(pl.col("identifier_hash") == pl.col("identifier_hash_right"))["entity"]
        silent = seen.filter(pl.col("identifier_hash_right").is_null() & ~pl.col("entity").is_in(still.implode()))
        freed = once_numbered(self._task.channel, self._task.relation, silent["id"])
        return silent.filter(pl.col("id").is_in(freed.implode()))["component"]

    def _may_be_hidden(self) -> pl.Expr:
        """New nodes whose record may have another party, or whose department another case, in the entity already."""
        is_new = pl.col("id").is_in(self._task.new.implode())
        if self._task.relation is CASE:
            return is_new
        revised = self._evaluation.nodes.filter(pl.col("version") > 1)["id"]
        return is_new & pl.col("id").is_in(revised.implode())


def _that_matter(firm: pl.DataFrame) -> pl.DataFrame:
    """Links, and prohibitions but for those of two that nothing else speaks for: most are of firms of one stem that no link joins."""
    linked = firm.filter(pl.col("decision") == "link")
    ends = pl.concat([linked["left"], linked["right"]]).implode()
    is_met = pl.col("left").is_in(ends) | pl.col("right").is_in(ends)
    return firm.filter((pl.col("decision") == "link") | (pl.col("decided_by") != ENGINE) | is_met)


def components(nodes: pl.DataFrame, links: pl.DataFrame) -> pl.Series:
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
