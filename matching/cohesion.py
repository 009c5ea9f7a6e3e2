"""COHESION: by how much each cluster holds together.

A cluster is as sure as the weakest link that it cannot do without: the lightest edge of its heaviest spanning tree. What
hangs on one faint link is where a wrong merge is to be looked for first, and nothing automatic should lean on it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

WEAKEST = pa.schema(
    [
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("left", pa.int64(), nullable=False),
        pa.field("right", pa.int64(), nullable=False),
        pa.field("match_weight", pa.float64(), nullable=False),  # bits
    ]
)


def weakest_links(members: pa.Table, links: pa.Table) -> pa.Table:
    """The weakest link of every cluster of more than one, the weakest cluster first.

    Args:
        members: `id` and `cluster` (text).
        links: `left`, `right`, `match_weight`: links within clusters; others are passed over.

    Returns:
        WEAKEST; of equally weak links the one of the least ids.
    """
    placed = pl.DataFrame(members).select("id", "cluster").with_row_index("place")
    inside = (
        pl.DataFrame(links)
        .select("left", "right", "match_weight")
        .join(placed, left_on="left", right_on="id")
        .join(placed, left_on="right", right_on="id", suffix="_right")
        .filter(pl.col("cluster") == pl.col("cluster_right"))
        .sort("match_weight", "left", "right", descending=[True, False, False])
        .with_row_index("rank", offset=1)  # distinct, and never nought: a spanning tree of ranks is one of weights
    )
    if inside.is_empty():
        return WEAKEST.empty_table()
    ends = (inside["place"].to_numpy(), inside["place_right"].to_numpy())
    matrix = coo_array((inside["rank"].to_numpy().astype(np.float64), ends), shape=(len(placed), len(placed)))
    kept = pl.Series("rank", minimum_spanning_tree(matrix.tocsr()).data.astype(np.uint32))
    tree = inside.filter(pl.col("rank").is_in(kept.implode()))
    last = tree.sort("rank").unique("cluster", keep="last", maintain_order=True).sort("rank", descending=True)
    return last.select(WEAKEST.names).to_arrow().cast(WEAKEST)
