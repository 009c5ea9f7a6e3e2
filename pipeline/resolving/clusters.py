"""CLUSTER over the store: which entities a chunk changes, and how they part now.

SURFACE has said of most nodes where they go. Entities between which others lie are loaded and clustered anew with them, and with
nothing else at first. One that comes out whole changes nothing beyond it: all that made it one has been done again, and what stood
against a link to another stands against it still. Of one that comes out parted or joined with another, or that lost something, the
entities are loaded that it has links to, and so on until nothing changes that could reach what is not there: what makes a node torn
may not have been there when it was joined.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from matching.clustering import TORN, clusters_and_torn
from pipeline.resolving.links import ENGINE, FIRM, Evaluation, Task, constraints_of, firm_links, labels_of, linked_to
from pipeline.resolving.members import members_of, nodes_of
from pipeline.resolving.relations import read_nodes
from pipeline.resolving.surface import Surface, components


@dataclass(frozen=True)
class Assignment:
    """Where a chunk's nodes belong from now on."""

    joined: pl.DataFrame  # id, entity: new nodes of an entity that is otherwise as it was
    stated: pl.DataFrame  # entity, identifier_hash: what new nodes and those looked at again state in an entity that is not walked
    walked: pl.DataFrame  # id, cluster (its least id), entity (the former one, or null), identifier_hash of the cluster
    entities: pl.DataFrame  # entity, founder_id: all whose members are clustered anew, emptied ones too
    loaded: pl.DataFrame  # rows, as `read_nodes` gives them, of members that had to be loaded
    seen: pl.Series  # nodes that were clustered anew: between these, `torn` are all that are
    torn: pl.DataFrame  # as `TORN` has them


def assign(task: Task, evaluation: Evaluation, surface: Surface) -> Assignment:
    """Find every node's entity or cluster, from what SURFACE says of them. The chunk's links must have been written."""
    walk = _Walk(task, evaluation, surface)
    walk.run()
    joined, walked = walk.sorted_out()
    is_outside = ~pl.col("id").is_in(walk.nodes["id"].implode())  # links may have led on to what the surface has placed
    apart = _without_entity(surface.apart).filter(is_outside)
    edges = evaluation.edges.filter(pl.col("left").is_in(apart["id"].implode()) & pl.col("right").is_in(apart["id"].implode()))
    others, torn = walk.clustered(apart, edges.filter(pl.col("decision") != "review").select(list(FIRM)))
    walked = pl.concat([walked, others])
    joined = pl.concat([joined, surface.joined.filter(is_outside)])
    placed = pl.concat([joined, surface.nodes.select("id", "entity").drop_nulls()])
    stated = placed.join(evaluation.labels.drop_nulls("identifier_hash"), on="id").select("entity", "identifier_hash").unique("entity")
    seen = pl.concat([walk.nodes["id"], apart["id"]])
    return Assignment(joined, stated, walked, _entities(task, surface, walked), walk.loaded, seen, pl.concat([walk.torn, torn]))


class _Walk:
    """Entities that may change, loaded from the store with the new nodes that link to them, and clustered."""

    def __init__(self, task: Task, evaluation: Evaluation, surface: Surface) -> None:
        self._task, self._surface = task, surface
        self._labels = evaluation.labels
        self._links = pl.DataFrame(schema=FIRM)
        self._clusters = pl.DataFrame()
        self.torn = pl.DataFrame(TORN.empty_table())
        self._unsettled = pl.Series(dtype=pl.String)  # entities that may stand otherwise to others than they did
        self._followed = pl.Series(dtype=pl.String)  # entities whose links to others were followed
        self._asked_for = pl.Series(dtype=pl.String)  # entities that were loaded, emptied ones too
        self.nodes = surface.nodes.clear().select("id", "entity")
        self.loaded = evaluation.nodes.clear()

    def run(self) -> None:
        """Load and cluster until nothing changes that could reach what is not there."""
        surface = self._surface
        concerned = surface.nodes.filter(pl.col("component").is_in(surface.troubled.implode()))
        entities = pl.concat([concerned["entity"].drop_nulls(), surface.lessened]).unique()
        fresh = concerned.filter(pl.col("entity").is_null())["id"]
        while len(entities) or len(fresh):
            self._cluster(self._load(entities, fresh))
            self._unsettled = self._now_unsettled()
            entities, fresh = self._beyond(self._unsettled)

    def sorted_out(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(id, entity) of new nodes in an entity that is otherwise as it was; (id, cluster, entity, identifier_hash) of all others."""
        if self._clusters.is_empty():
            return self.nodes, self.clustered(self.nodes, self._links)[0]
        entity = pl.col("entity").drop_nulls()
        told = self._clusters.with_columns(entities=entity.n_unique().over("cluster"), of_cluster=entity.first().over("cluster"))
        is_whole = (pl.col("entities") == 1) & ~pl.col("of_cluster").is_in(self._unsettled.implode())
        joined = told.filter(is_whole & pl.col("entity").is_null()).select("id", entity="of_cluster")
        return joined, told.filter(~is_whole).select(self._clusters.columns)

    def clustered(self, nodes: pl.DataFrame, links: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(id, cluster, entity, identifier_hash of the cluster) of nodes (id, entity) with their links (FIRM); and TORN."""
        labels = self._labels_of(nodes["id"])
        said = links.filter(pl.col("decided_by") != ENGINE)
        verdicts = said.select(
            "left", "right", verdict=pl.col("decision").replace_strict({"link": "yes", "cannot_link": "no"}, default=None)
        )
        given = nodes.join(labels, on="id", how="left").drop("entity", "identifier_hash")
        clusters, torn = map(pl.DataFrame, clusters_and_torn(given.to_arrow(), links.to_arrow(), None, verdicts.to_arrow()))
        walked = clusters.join(nodes, on="id", how="left").join(labels.select("id", "identifier_hash"), on="id", how="left")
        return walked.with_columns(pl.col("identifier_hash").drop_nulls().first().over("cluster")), torn

    def _cluster(self, fresh: pl.Series) -> None:
        """Cluster what hangs together with nodes that are here for the first time; all else comes out as it did before."""
        hangs_together = self.nodes.with_columns(component=components(self.nodes, self._links.filter(pl.col("decision") == "link")))
        anew = hangs_together.filter(pl.col("component").is_in(pl.col("component").filter(pl.col("id").is_in(fresh.implode())).implode()))
        is_anew = {name: pl.col(name).is_in(anew["id"].implode()) for name in ("id", "left")}
        clusters, torn = self.clustered(anew.select("id", "entity"), self._links.filter(is_anew["left"]))
        if self._clusters.height:
            clusters = pl.concat([self._clusters.filter(~is_anew["id"]), clusters]).sort("id")
            torn = pl.concat([self.torn.filter(~is_anew["left"]), torn])
        self._clusters, self.torn = clusters, torn

    def _load(self, entities: pl.Series, fresh: pl.Series) -> pl.Series:
        """Nodes that are here now and were not before."""
        channel, relation = self._task.channel, self._task.relation
        self._asked_for = pl.concat([self._asked_for, entities])
        found = nodes_of(channel, relation, entities) if len(entities) else self.nodes.clear()
        frontier = pl.concat([_without_entity(fresh), found.select("id", "entity")])
        frontier = frontier.filter(~pl.col("id").is_in(pl.concat([self._task.gone, self.nodes["id"]]).implode()))
        self._links = pl.concat([self._links, firm_links(channel, relation, frontier["id"], self.nodes["id"])])
        self.nodes = pl.concat([self.nodes, frontier])
        return frontier["id"]

    def _now_unsettled(self) -> pl.Series:
        """Entities that may stand otherwise to others than they did."""
        standing = self._clusters.drop_nulls("entity").join(self._labels_of(self._clusters["id"]).select("id", "apart"), on="id")
        is_parted, is_joined = (pl.col(one).n_unique().over(other) > 1 for one, other in (("cluster", "entity"), ("entity", "cluster")))
        parted = standing.filter(is_parted | is_joined)
        # What keeps two apart because a record lists both is undone where links join them by way of a third, which may not be here.
        listed = standing.drop_nulls("apart").filter(pl.col("entity").n_unique().over("apart") > 1)
        doubtful = standing.filter(pl.col("entity").is_in(self._surface.doubtful.implode()))
        return pl.concat([one["entity"] for one in (parted, listed, doubtful)]).unique()

    def _rivals(self) -> pl.Series:
        """Entities that those here may be as well, of what is torn, or that gained a node."""
        torn, new = self._surface.torn, self._clusters.filter(pl.col("entity").is_null())
        grown = self._clusters.drop_nulls("entity").join(new, on="cluster", how="semi")["entity"]
        is_open = pl.col("entity").is_in(grown.implode()) | (pl.col("entity") == pl.col("torn"))
        return torn.filter(is_open & pl.col("entity").is_in(self.nodes["entity"].drop_nulls().implode()))["other"]

    def _beyond(self, unsettled: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Entities and new nodes that the unsettled have links to, and that are not here; with them what the chunk brings to these."""
        channel, relation, inside = self._task.channel, self._task.relation, self.nodes["id"].implode()
        to_follow = self.nodes.filter(pl.col("entity").is_in(unsettled.filter(~unsettled.is_in(self._followed.implode())).implode()))
        self._followed = pl.concat([self._followed, unsettled]).unique()
        outside = linked_to(channel, relation, to_follow["id"])
        outside = outside.filter(~outside.is_in(inside))
        entities = pl.concat([members_of(channel, relation, outside)["entity"], self._rivals()]).unique()
        met = pl.col("entity").is_in(entities.implode()) | pl.col("id").is_in(outside.implode())
        with_them = self._surface.nodes.join(self._surface.nodes.filter(met), on="component", how="semi")
        fresh = with_them.filter(pl.col("entity").is_null() & ~pl.col("id").is_in(inside))["id"]
        entities = pl.concat([entities, with_them["entity"].drop_nulls()]).unique()
        return entities.filter(~entities.is_in(self._asked_for.implode())), fresh

    def _labels_of(self, ids: pl.Series) -> pl.DataFrame:
        """LABELS of nodes; rows of those that the chunk has not looked at are loaded."""
        unknown = ids.filter(~ids.is_in(self._labels["id"].implode()))
        if len(unknown):
            rows = read_nodes(self._task.channel, self._task.relation, unknown)
            self.loaded = pl.concat([self.loaded, rows])
            self._labels = pl.concat([self._labels, labels_of(rows, constraints_of(self._task, rows))])
        return self._labels.filter(pl.col("id").is_in(ids.implode()))


def _entities(task: Task, surface: Surface, walked: pl.DataFrame) -> pl.DataFrame:
    """(entity, founder_id) of all whose members are clustered anew, and of those that lost something."""
    anew = pl.concat([walked["entity"].drop_nulls(), surface.lessened]).unique()
    known = surface.entities.filter(pl.col("entity").is_in(anew.implode())).select("entity", "founder_id")
    one_each = walked.drop_nulls("entity").unique("entity").filter(~pl.col("entity").is_in(known["entity"].implode()))
    if one_each.is_empty():
        return known
    return pl.concat([known, members_of(task.channel, task.relation, one_each["id"]).select("entity", "founder_id")])


def _without_entity(ids: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"id": ids}).with_columns(entity=pl.lit(None, pl.String))
