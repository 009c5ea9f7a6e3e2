"""EXTENSION: new nodes into clusters that stand, without a look at who is in these.

Clustering takes links by weight, the heaviest first. A new node whose links lead to two clusters may go into either, or make
one of both, and which it is depends on how far each had grown when the link was taken: that is known only with all their
members and links. It is known without where the ends of the links alone say it: a link across two clusters is passed over,
whatever else is in them, if what it would join already holds two identifiers or a forbidden pair. Where all new links come
out so, no former one comes out otherwise, for what stood against a link then stands against it still.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from matching.unions import Unions
from schema.records import EDGE

EXTENDED = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("cluster", pa.string()),  # that stood before; null where the node is with new ones alone
        pa.field("least", pa.int64(), nullable=False),  # the least id of the new nodes that are in one cluster with this one
        pa.field("is_sure", pa.bool_(), nullable=False),
    ]
)
_STANDS = "stands"  # a mark of every cluster that stands, with a number of its own: no two of them become one here


def extend(nodes: pa.Table, edges: pa.Table) -> pa.Table:
    """Where new nodes go, and whether that is certain.

    Args:
        nodes: the new ones and the ends of their edges: `id`; `cluster` (text), null where new, and `cluster_identifier`, the
            identifier that is in it; `identifier`, the node's own; `key`, by which equal weights are put in order; `component`,
            one number for all that links and clusters connect. None that is `apart` from another of its component.
        edges: EDGE; all that the new nodes have, and no others.

    Returns:
        EXTENDED, a row for each new node, by id. `is_sure` is false for all of a component in which the fate of some link is
        not certain: those are to be clustered anew, with all members and links.
    """
    frame = _with_vertices(pl.DataFrame(nodes).sort("id"))
    vertex_of = dict(frame.select("id", "vertex").iter_rows())
    fresh = frame.filter(pl.col("cluster").is_null())
    standing = frame.drop_nulls("cluster").unique("vertex", maintain_order=True)
    whole = Unions(
        [*standing["vertex"], *fresh["vertex"]],
        [*standing["cluster_identifier"], *fresh["identifier"]],
        [*((_STANDS, vertex) for vertex in standing["vertex"]), *((None, 0) for _ in range(fresh.height))],
    )
    seen = Unions(frame["id"].to_list(), frame["identifier"].to_list(), [(None, 0)] * frame.height)
    links, forbidden = _in_order(frame, pl.DataFrame(edges))
    for left, right in forbidden.iter_rows():
        whole.forbid(vertex_of[left], vertex_of[right])
        seen.forbid(left, right)
    # What is seen of two clusters is a part of what is in them by then: if that stands against a link, it is passed over for certain.
    doubtful = [left for left, right in links.iter_rows() if whole.join(vertex_of[left], vertex_of[right]) != seen.join(left, right)]
    in_doubt = frame.filter(pl.col("id").is_in(doubtful))["component"].unique()
    cluster_of = {whole.root(vertex): cluster for vertex, cluster in standing.select("vertex", "cluster").iter_rows()}
    return (
        fresh.with_columns(root=pl.Series([whole.root(vertex) for vertex in fresh["vertex"]], dtype=pl.Int64))
        .with_columns(
            cluster=pl.col("root").replace_strict(cluster_of, default=None, return_dtype=pl.String),
            least=pl.col("id").min().over("root"),
            is_sure=~pl.col("component").is_in(in_doubt.implode()),
        )
        .select(EXTENDED.names)
        .to_arrow()
        .cast(EXTENDED)
    )


def _with_vertices(nodes: pl.DataFrame) -> pl.DataFrame:
    """Nodes with `vertex`, one number for all of a cluster and one for each new node, and the `rank` of their key."""
    name = pl.coalesce("cluster", pl.concat_str(pl.lit("new "), pl.col("id").cast(pl.String)))
    return nodes.with_columns(vertex=name.rank("dense").cast(pl.Int64), rank=pl.col("key").rank("ordinal").cast(pl.Int64))


def _in_order(nodes: pl.DataFrame, edges: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(left, right) of links in the order in which clustering takes them, and of what is forbidden."""
    ranks = nodes.select("id", "rank")
    placed = (
        edges.select(EDGE.names).join(ranks, left_on="left", right_on="id").join(ranks, left_on="right", right_on="id", suffix="_right")
    )
    ends = {"low": pl.min_horizontal("rank", "rank_right"), "high": pl.max_horizontal("rank", "rank_right")}
    ordered = placed.filter(pl.col("decision") == "link").with_columns(**ends)
    links = ordered.sort("match_weight", "low", "high", descending=[True, False, False]).select("left", "right")
    return links, placed.filter(pl.col("decision") == "cannot_link").select("left", "right")
