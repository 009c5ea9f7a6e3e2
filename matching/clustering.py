"""CLUSTERING: links and prohibitions → clusters.

Enters nodes, their edges (refused ones included) and people's verdicts; leaves CLUSTER.
The result is a function of those alone: edges are taken by weight, the heaviest first, then by the pair's key, and one
that would join what may not be one is passed over. So are those of what is torn: of a set with as good a link to
either of two others that are not one. Only components that hold such a conflict are walked edge by edge.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from matching.unions import Unions
from schema.records import CLUSTER, PAIR

_Ints: TypeAlias = npt.NDArray[np.int64]
_Flags: TypeAlias = npt.NDArray[np.bool_]

#: Bits: of two links that are no further apart neither says whom a node belongs to, where it is one or the other.
TIE = 3.0
#: Two nodes that a link would have joined, had not `torn`, one of them, been torn: it might as well be one with `rival`.
TORN = pa.schema([*PAIR, pa.field("torn", pa.int64(), nullable=False), pa.field("rival", pa.int64(), nullable=False)])
#: What a person said of a pair; the newest verdict alone, and none for `unsure`.
VERDICT = pa.schema([pa.field("left", pa.int64()), pa.field("right", pa.int64()), pa.field("verdict", pa.string())])


def cluster(nodes: pa.Table, edges: pa.Table, cannot_links: pa.Table | None = None, verdicts: pa.Table | None = None) -> pa.Table:
    """CLUSTER of `clusters_and_torn`."""
    return clusters_and_torn(nodes, edges, cannot_links, verdicts)[0]


def clusters_and_torn(
    nodes: pa.Table, edges: pa.Table, cannot_links: pa.Table | None = None, verdicts: pa.Table | None = None
) -> tuple[pa.Table, pa.Table]:
    """Clusters of the nodes, and the links that were passed over because nothing says which of two is right.

    Args:
        nodes: `id`, and optionally `identifier` (two different ones are never in one cluster), `apart` (the same one twice is
            never in one cluster, unless a link joins the two directly) and `key` (a text or number that names the node whatever its id: the
            order of equal weights goes by it, so that ids given in another order change nothing).
        edges: EDGE between these nodes; of decision link they join, of cannot_link they forbid, others are passed over.
        cannot_links: PAIR; further pairs forbidden.
        verdicts: VERDICT; "no" forbids, "yes" joins before any edge does and outweighs an edge's cannot_link, but joins
            neither two identifiers nor what another person kept apart.

    Returns:
        CLUSTER, a row for each node, ordered by id; `cluster` is the least id in it. TORN, a row for each set that is
        torn and each that it would be joined with.
    """
    if not edges.num_rows and not (verdicts is not None and verdicts.num_rows):  # nothing joins anything
        alone = nodes["id"].unique().sort()
        return pa.table([alone, alone], schema=CLUSTER), TORN.empty_table()
    frame = _nodes(nodes)
    joins, forbidden = _joins_and_forbidden(frame, pl.DataFrame(edges), cannot_links, verdicts)
    frame = _listed_twice(frame, joins)
    component = _components(frame.height, joins)
    forbidden = _within(component, forbidden)
    conflicting = _conflicting(frame, component, forbidden)
    label, torn = component, np.zeros((0, 3), dtype=np.int64)
    if conflicting.any():
        within = joins.filter(pl.Series(conflicting[component[joins["left"].to_numpy()]]))
        apart = forbidden.filter(pl.Series(conflicting[component[forbidden["left"].to_numpy()]]))
        label, torn = _walk(frame, within, apart, np.flatnonzero(conflicting[component]), label)
    least = frame.select("id", pl.Series("label", label)).with_columns(pl.col("id").min().over("label").alias("cluster"))
    return least.select("id", "cluster").to_arrow().cast(CLUSTER), _torn_links(frame["id"], torn)


def _torn_links(ids: pl.Series, torn: _Ints) -> pa.Table:
    """TORN of row numbers."""
    node, other, rival = (ids.gather(torn[:, place]).to_numpy() for place in range(3))
    return pa.table([np.minimum(node, other), np.maximum(node, other), node, rival], schema=TORN)


def _nodes(nodes: pa.Table) -> pl.DataFrame:
    """Nodes by id, each with the columns that are optional, and the rank of its key."""
    frame = pl.DataFrame(nodes)
    if not bool((frame["id"].diff() > 0).all()):  # to put texts in order costs more than the rest, and they mostly are
        frame = frame.unique("id").sort("id")
    missing = [pl.lit(None, pl.String).alias(name) for name in ("identifier", "apart") if name not in frame.columns]
    key = pl.col("key") if "key" in frame.columns else pl.col("id")
    return frame.with_columns(*missing, rank=key.rank("ordinal").cast(pl.Int64)).select("id", "identifier", "apart", "rank")


def _joins_and_forbidden(
    nodes: pl.DataFrame, edges: pl.DataFrame, cannot_links: pa.Table | None, verdicts: pa.Table | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(left, right, weight) of what joins, and (left, right) of what is forbidden of nodes that links connect, by row number of the nodes.

    What no link connects needs nothing to keep it apart, and that is most of what is forbidden: firms of one stem, each with each.
    """
    pairs = ["left", "right"]
    said = pl.DataFrame(verdicts if verdicts is not None else VERDICT.empty_table())
    yes, no = (_numbered(nodes, said.filter(pl.col("verdict") == word).select(pairs)) for word in ("yes", "no"))
    links = _numbered(nodes, edges.filter(pl.col("decision") == "link").select(*pairs, weight="match_weight"))
    refused = _numbered(nodes, edges.filter(pl.col("decision") == "cannot_link").select(pairs))
    given = [_numbered(nodes, pl.DataFrame(cannot_links).select(pairs))] if cannot_links is not None else []
    component = _components(nodes.height, pl.concat([yes, links.select(pairs)]))
    forbidden = pl.concat([_within(component, one) for one in (refused.join(yes, on=pairs, how="anti"), no, *given)]).unique()
    joins = pl.concat([yes.with_columns(weight=pl.lit(float("inf"))), links.join(yes, on=pairs, how="anti")])
    return joins.join(forbidden, on=pairs, how="anti"), forbidden


def _within(component: _Ints, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs whose ends are of one component."""
    return pairs.filter(pl.Series(component[pairs["left"].to_numpy()] == component[pairs["right"].to_numpy()]))


def _numbered(nodes: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Ids replaced by row numbers of the nodes; pairs that name a node not given are left out."""
    ids = nodes["id"].to_numpy()
    if not len(ids):
        return pairs.clear()
    found = {side: np.minimum(np.searchsorted(ids, pairs[side].to_numpy()), len(ids) - 1) for side in ("left", "right")}
    known = (ids[found["left"]] == pairs["left"].to_numpy()) & (ids[found["right"]] == pairs["right"].to_numpy())
    return pairs.with_columns(pl.Series(side, rows.astype(np.int64)) for side, rows in found.items()).filter(pl.Series(known))


def _components(count: int, joins: pl.DataFrame) -> _Ints:
    left, right = joins["left"].to_numpy(), joins["right"].to_numpy()
    matrix = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    _, component = connected_components(matrix, directed=False)
    return np.asarray(component, dtype=np.int64)


def _listed_twice(nodes: pl.DataFrame, joins: pl.DataFrame) -> pl.DataFrame:
    """Nodes with `mention`: a party that its record lists twice, and that is linked to itself for that, is one mention."""
    apart = nodes["apart"]
    twice = joins.filter((apart.gather(joins["left"]) == apart.gather(joins["right"])).fill_null(False))
    return nodes.with_columns(mention=pl.Series(_components(nodes.height, twice)))


def _rank(nodes: pl.DataFrame, pairs: pl.DataFrame, side: str) -> pl.Series:
    return nodes["rank"].gather(pairs[side])


def _conflicting(nodes: pl.DataFrame, component: _Ints, forbidden: pl.DataFrame) -> _Flags:
    """For each component, whether it holds what may not be in one cluster; `forbidden` names pairs of one component."""
    flags = np.zeros(int(component.max(initial=-1)) + 1, dtype=np.bool_)
    flags[component[forbidden["left"].to_numpy()]] = True
    # A node alone is at odds with nobody, and most are: the texts of the others are soon counted.
    is_joined = np.bincount(component)[component] > 1
    frame = nodes.with_columns(pl.Series("component", component)).filter(pl.Series(is_joined))
    identifiers = frame.drop_nulls("identifier").group_by("component").agg(pl.col("identifier").n_unique().alias("n"))
    twice = frame.drop_nulls("apart").group_by("component", "apart").agg(pl.col("mention").n_unique().alias("n"))
    for found in (identifiers, twice):
        flags[found.filter(pl.col("n") > 1)["component"].to_numpy()] = True
    return flags


def _walk(nodes: pl.DataFrame, joins: pl.DataFrame, forbidden: pl.DataFrame, rows: _Ints, label: _Ints) -> tuple[_Ints, _Ints]:
    """Labels with the nodes of conflicting components parted: edge by edge, the heaviest first; and what was torn, row numbers of TORN."""
    low = pl.min_horizontal("left_rank", "right_rank")
    ordered = (
        joins.with_columns(left_rank=_rank(nodes, joins, "left"), right_rank=_rank(nodes, joins, "right"))
        .with_columns(low=low, high=pl.max_horizontal("left_rank", "right_rank"))
        .sort(["weight", "low", "high"], descending=[True, False, False])
    )
    concerned = nodes[rows.tolist()]
    unions = Unions(rows.tolist(), concerned["identifier"].to_list(), concerned.select("apart", "mention").rows(), TIE)
    listed = nodes["apart"].gather(forbidden["left"]) == nodes["apart"].gather(forbidden["right"])  # some list one twice
    for one, other, are_listed in zip(forbidden["left"], forbidden["right"], listed.fill_null(False), strict=True):
        unions.forbid(one, other, are_two=not are_listed)
    # The one of the lower rank first: which of two sets stands for both, and so what is told of it, is no matter of ids.
    is_low = pl.col("left_rank") < pl.col("right_rank")
    ends = pl.when(is_low).then("left").otherwise("right").alias("one"), pl.when(is_low).then("right").otherwise("left").alias("other")
    links = ordered.select(*ends, "weight").rows()
    told = 0
    for one, other, weight in links:
        while told < len(links) and links[told][2] >= weight - TIE:
            unions.tell(*links[told])
            told += 1
        unions.join(one, other, is_certain=weight == float("inf"))
    parted = label.copy()
    parted[rows] = [len(label) + unions.root(row) for row in rows.tolist()]
    return parted, np.array(unions.torn, dtype=np.int64).reshape(-1, 3)
