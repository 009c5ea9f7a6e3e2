"""DIFFERENCE: clusters worked out anew beside the entities that live.

Enter nodes with their live entity and their new cluster; leave, for each, what becomes of its entity. Entities and clusters
that have a node in common belong together; what belongs together is `same` where it is one of each, `joined` where several
entities come to one cluster, `split` where one comes to several, and `moved` where several come to several.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Change:
    """How many live entities have come to how many clusters in one way."""

    entities: int
    clusters: int


@dataclass(frozen=True)
class Difference:
    """One relation's nodes, live and anew.

    Args:
        nodes: the rows given, and `change` (same, joined, split or moved) and `moves`: the node is in another cluster than most of its
            entity, or most of its cluster is of another entity.
    """

    nodes: pl.DataFrame

    def change(self, name: str) -> Change:
        """How many entities and clusters have changed in one way."""
        rows = self.nodes.filter(pl.col("change") == name)
        return Change(rows["entity"].n_unique(), rows["cluster"].n_unique())

    @property
    def entities(self) -> int:
        """Live entities."""
        return self.nodes["entity"].n_unique()

    @property
    def clusters(self) -> int:
        """Clusters anew."""
        return self.nodes["cluster"].n_unique()

    @property
    def moves(self) -> int:
        """Nodes that move."""
        return int(self.nodes["moves"].sum())

    @property
    def changed(self) -> pl.DataFrame:
        """Nodes whose entity is not the same: all of its members, though but one may move."""
        return self.nodes.filter(pl.col("change") != "same")


def difference(nodes: pl.DataFrame) -> Difference:
    """Compare two ways of putting nodes together.

    Args:
        nodes: (entity, cluster, …) of each node.
    """
    shared = nodes.group_by("entity", "cluster").agg(pl.len().alias("nodes")).sort("entity", "cluster")
    shared = shared.with_columns(together=_together(shared))
    whole = pl.col("entity").n_unique().over("together"), pl.col("cluster").n_unique().over("together")
    shared = shared.with_columns(
        change=pl.when((whole[0] == 1) & (whole[1] == 1))
        .then(pl.lit("same"))
        .when(whole[1] == 1)
        .then(pl.lit("joined"))
        .when(whole[0] == 1)
        .then(pl.lit("split"))
        .otherwise(pl.lit("moved")),
        moves=~(_is_largest("entity") & _is_largest("cluster")),
    )
    told = shared.select("entity", "cluster", "change", "moves")
    return Difference(nodes.join(told, on=["entity", "cluster"], how="left", maintain_order="left"))


def _is_largest(of: str) -> pl.Expr:
    """Whether this is the largest share of an entity or a cluster, the first of those that are as large."""
    return pl.int_range(pl.len()).over(of, order_by="nodes", descending=True) == 0


def _together(shared: pl.DataFrame) -> pl.Series:
    entity = (shared["entity"].rank("dense").cast(pl.Int64) - 1).to_numpy()
    cluster = (shared["cluster"].rank("dense").cast(pl.Int64) - 1).to_numpy()
    entities, clusters = shared["entity"].n_unique(), shared["cluster"].n_unique()
    matrix = coo_array((np.ones(len(entity), dtype=np.int8), (entity, entities + cluster)), shape=(entities + clusters,) * 2)
    _, component = connected_components(matrix, directed=False)
    return pl.Series(np.asarray(component, dtype=np.int64)[entity])
