"""By how much a cluster holds together."""

from __future__ import annotations

import itertools

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from matching.cohesion import weakest_links


def weakest(links: list[tuple[int, int, float]], cluster_of: dict[int, str]) -> list[tuple[str, int, int, float]]:
    members = pl.DataFrame({"id": list(cluster_of), "cluster": list(cluster_of.values())}, schema={"id": pl.Int64, "cluster": pl.String})
    frame = pl.DataFrame(links, schema={"left": pl.Int64, "right": pl.Int64, "match_weight": pl.Float64}, orient="row")
    return pl.DataFrame(weakest_links(members.to_arrow(), frame.to_arrow())).rows()


def test_the_link_that_a_cluster_cannot_do_without_is_told_and_not_a_weaker_one_that_it_can() -> None:
    links = [(1, 2, 20.0), (2, 3, 9.0), (1, 3, 4.0), (4, 5, 6.0)]
    assert weakest(links, {1: "a", 2: "a", 3: "a", 4: "b", 5: "b", 6: "c"}) == [("b", 4, 5, 6.0), ("a", 2, 3, 9.0)]


def test_links_between_clusters_are_passed_over() -> None:
    assert weakest([(1, 2, 3.0)], {1: "a", 2: "b"}) == []
    assert weakest([], {}) == []


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(1, 9)), max_size=14))
def test_without_the_weakest_link_and_all_fainter_ones_the_cluster_falls_apart(drawn: list[tuple[int, int, int]]) -> None:
    weights = {(min(a, b), max(a, b)): float(bits) for a, b, bits in drawn if a != b}
    parts = _parts(list(weights), 8)
    cluster_of = {node: str(parts[node]) for node in range(8)}
    links = [(left, right, bits) for (left, right), bits in weights.items()]
    for cluster, _, _, bits in weakest(links, cluster_of):
        nodes = [node for node, of in cluster_of.items() if of == cluster]
        stronger = [pair for pair, weight in weights.items() if weight > bits]
        as_strong = [pair for pair, weight in weights.items() if weight >= bits]
        assert len({_parts(stronger, 8)[node] for node in nodes}) > 1
        assert len({_parts(as_strong, 8)[node] for node in nodes}) == 1


def _parts(pairs: list[tuple[int, int]], count: int) -> list[int]:
    part = list(range(count))
    for _, (left, right) in itertools.product(range(count), pairs):
        part[left] = part[right] = min(part[left], part[right])
    return part
