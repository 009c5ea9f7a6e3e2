"""CONTRACTION: clusters by all the evidence between them, what speaks against a link included.

Connected pairs chain: one wrong link joins two clusters, however many pairs across them say that they are two. Here the
two nodes that most evidence joins become one, their weights with every third are added up, and so on until nothing
speaks for joining any two (greedy additive edge contraction, Keuper et al. 2015, a heuristic of correlation clustering).
Of a component without an edge against it nothing is changed by that, so only the others are walked.

Pairs across two clusters are not independent: one slip in one row speaks against every pair of that row. So what speaks
against counts a quarter.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable

import polars as pl
import pyarrow as pa

from schema.records import CLUSTER

AGAINST = 0.25  # of the bits of a pair that speaks against joining


def contract(clusters: pa.Table, edges: pa.Table, link: float, order: pl.Series | None = None) -> pa.Table:
    """Part clusters whose own pairs speak against them.

    Args:
        clusters: CLUSTER, as connected pairs make them.
        edges: EDGE of all pairs that met, those that do not link included.
        link: bits from which a pair is linked: what is above speaks for joining, what is below against.
        order: of each row of `clusters` the number that equal weights go by, so that ids given otherwise change nothing; None: its id.

    Returns:
        CLUSTER in the same order; `cluster` is the least id in it.
    """
    members = pl.DataFrame(clusters)
    of = {side: members.select(pl.col("id").alias(side), pl.col("cluster").alias(f"{side}_cluster")) for side in ("left", "right")}
    bits = pl.col("match_weight") - link
    met = pl.DataFrame(edges).select("left", "right", bits=pl.when(bits < 0).then(bits * AGAINST).otherwise(bits))
    inside = met.join(of["left"], on="left").join(of["right"], on="right").filter(pl.col("left_cluster") == pl.col("right_cluster"))
    doubtful = inside.filter(pl.col("bits").min().over("left_cluster") < 0).sort("left_cluster", "left", "right")
    places = members["id"] if order is None else order
    sides = [doubtful["left"], doubtful["right"]]
    ends = [side.replace_strict(members["id"], places, return_dtype=pl.Int64) for side in sides]
    placed = doubtful.select("left_cluster", "bits", left=pl.min_horizontal(ends), right=pl.max_horizontal(ends))
    id_of = dict(zip(pl.concat(ends).to_list(), pl.concat(sides).to_list(), strict=True))
    parted: dict[int, int] = {}
    for _, part in placed.group_by("left_cluster", maintain_order=True):
        for group in _contracted(part.select("left", "right", "bits").iter_rows()):
            ids = [id_of[node] for node in group]
            parted |= dict.fromkeys(ids, min(ids))
    if not parted:
        return clusters
    moved = pl.DataFrame({"id": list(parted), "now": list(parted.values())}, schema={"id": pl.Int64, "now": pl.Int64})
    return (
        members.join(moved, on="id", how="left", maintain_order="left")
        .select("id", cluster=pl.coalesce("now", "cluster"))
        .to_arrow()
        .cast(CLUSTER)
    )


def _contracted(edges: Iterable[tuple[int, int, float]]) -> list[list[int]]:
    """The nodes of each cluster."""
    weight: dict[int, dict[int, float]] = defaultdict(dict)
    for left, right, bits in edges:
        weight[left][right] = weight[right][left] = bits
    members = {node: [node] for node in weight}
    waiting = [(-bits, left, right) for left, others in weight.items() for right, bits in others.items() if left < right and bits > 0]
    heapq.heapify(waiting)
    while waiting:
        bits, left, right = heapq.heappop(waiting)
        if weight.get(left, {}).get(right) != -bits:
            continue  # one of the two is another by now, or the evidence is
        for third, more in weight.pop(right).items():
            del weight[third][right]
            if third == left:
                continue
            total = round(weight[left].get(third, 0.0) + more, 6)
            weight[left][third] = weight[third][left] = total
            if total > 0:
                heapq.heappush(waiting, (-total, min(left, third), max(left, third)))
        members[left] += members.pop(right)
    return list(members.values())
