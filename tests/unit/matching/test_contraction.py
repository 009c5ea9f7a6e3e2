"""Clusters by all the evidence between them."""

from __future__ import annotations

import random
import tracemalloc

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from matching.contraction import AGAINST, contract
from schema.records import CLUSTER

EDGE = {"left": pl.Int64, "right": pl.Int64, "match_weight": pl.Float64}


def parts(edges: list[tuple[int, int, float]], nodes: range, link: float = 0.0, seed: int | None = None) -> set[frozenset[int]]:
    """Clusters of nodes that are all one cluster so far."""
    drawn = edges if seed is None else random.Random(seed).sample(edges, len(edges))
    clusters = pl.DataFrame({"id": list(nodes), "cluster": [min(nodes)] * len(nodes)}).to_arrow().cast(CLUSTER)
    found = pl.DataFrame(contract(clusters, pl.DataFrame(drawn, schema=EDGE, orient="row").to_arrow(), link))
    assert found["id"].to_list() == list(nodes)
    return {frozenset(ids) for ids in found.group_by("cluster").agg("id")["id"].to_list()}


def test_a_chain_parts_where_more_speaks_against_it_than_for_it() -> None:
    within = [(0, 1, 9.0), (2, 3, 9.0)]
    across = [(1, 2, 3.0), (0, 2, -6.0), (0, 3, -6.0), (1, 3, -6.0)]
    assert parts(within + across, range(4)) == {frozenset({0, 1}), frozenset({2, 3})}


def test_a_pair_that_speaks_against_it_is_outweighed() -> None:
    assert parts([(0, 1, 9.0), (1, 2, 9.0), (0, 2, -4.0)], range(3)) == {frozenset({0, 1, 2})}


def test_what_speaks_for_joining_is_what_is_above_the_threshold() -> None:
    edges = [(0, 1, 9.0), (1, 2, 5.0), (0, 2, 5.0)]
    assert parts(edges, range(3), link=4.0) == {frozenset({0, 1, 2})}
    assert parts(edges, range(3), link=6.0) == {frozenset({0, 1}), frozenset({2})}


def test_clusters_that_nothing_speaks_against_stay_as_they_are() -> None:
    assert parts([(0, 1, 1.0), (1, 2, 1.0)], range(3)) == {frozenset({0, 1, 2})}
    assert parts([], range(2)) == {frozenset({0, 1})}


def test_one_cluster_in_doubt_among_many_rows_takes_no_more_room() -> None:
    rows = 300_000
    clusters = pl.DataFrame({"id": range(rows), "cluster": [0, 0, 0, *range(3, rows)]}).to_arrow().cast(CLUSTER)
    edges = pl.DataFrame([(0, 1, 9.0), (1, 2, 1.0), (0, 2, -90.0)], schema=EDGE, orient="row").to_arrow()
    order = pl.int_range(rows, 0, -1, eager=True)
    tracemalloc.start()
    try:
        found = contract(clusters, edges, 0.0, order)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.column("cluster").to_pylist()[:4] == [0, 0, 2, 3]
    assert most < 2**20


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(-9, 9).filter(bool)), max_size=18),
    st.integers(0, 99),
)
def test_no_two_that_are_left_have_more_for_them_than_against_them_in_any_order_of_the_edges(
    drawn: list[tuple[int, int, int]], seed: int
) -> None:
    weights = {(min(a, b), max(a, b)): float(bits) for a, b, bits in drawn if a != b}
    edges = [(left, right, bits) for (left, right), bits in weights.items()]
    found = parts(edges, range(7))
    assert parts(edges, range(7), seed=seed) == found
    if any(bits < 0 for bits in weights.values()):
        touched = {node for pair in weights for node in pair}
        left = [part for part in found if part <= touched]
        for place, one in enumerate(left):
            for other in left[place + 1 :]:
                between = sum(bits if bits > 0 else AGAINST * bits for (a, b), bits in weights.items() if {a, b} & one and {a, b} & other)
                assert between <= 0
