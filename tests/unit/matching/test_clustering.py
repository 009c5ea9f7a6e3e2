"""Clusters: what may not be joined is not, and no order matters."""

from __future__ import annotations

import random
from time import process_time
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.clustering import TORN, VERDICT, cluster, clusters_and_torn
from schema.records import CLUSTER
from tests.unit.matching.builders import make_edges, make_pairs


def _nodes(count: int, **columns: dict[int, str]) -> pa.Table:
    filled = {name: pa.array([values.get(i) for i in range(1, count + 1)], pa.string()) for name, values in columns.items()}
    return pa.table({"id": pa.array(range(1, count + 1), pa.int64()), **filled})


def _verdicts(*rows: tuple[int, int, str]) -> pa.Table:
    return pa.Table.from_pylist([{"left": a, "right": b, "verdict": v} for a, b, v in rows], schema=VERDICT)


def _groups(clusters: pa.Table) -> list[int]:
    assert clusters.schema == CLUSTER
    return list(clusters.column("cluster").to_pylist())


CHAIN = make_edges((1, 2, 20, "link"), (2, 3, 8, "link"), (3, 4, 30, "link"))


@pytest.mark.parametrize(
    ("given_", "groups"),
    [
        pytest.param({"nodes": _nodes(5)}, [1, 1, 1, 1, 5], id="links join"),
        pytest.param({"nodes": _nodes(4, identifier={1: "A", 4: "A"})}, [1, 1, 1, 1], id="one identifier"),
        pytest.param({"nodes": _nodes(4, identifier={1: "A", 4: "B"})}, [1, 1, 3, 3], id="two identifiers, through a chain"),
        pytest.param({"nodes": _nodes(4, apart={1: "r|p", 3: "r|p"})}, [1, 1, 3, 3], id="one record's side"),
        pytest.param({"nodes": _nodes(4, apart={1: "r|p", 2: "r|p"})}, [1, 1, 1, 1], id="listed twice, linked"),
        pytest.param({"nodes": _nodes(4, apart={1: "r|p", 2: "r|p", 4: "r|p"})}, [1, 1, 3, 3], id="listed twice, and another"),
        pytest.param({"nodes": _nodes(4, apart={2: "r|p", 3: "r|p", 4: "r|p"})}, [1, 1, 1, 1], id="listed three times, linked"),
        pytest.param({"nodes": _nodes(4), "cannot_links": make_pairs((1, 3))}, [1, 1, 3, 3], id="forbidden pair"),
        pytest.param({"nodes": _nodes(4), "verdicts": _verdicts((1, 4, "no"))}, [1, 1, 3, 3], id="a person's no"),
        pytest.param({"nodes": _nodes(4), "verdicts": _verdicts((1, 2, "no"))}, [1, 2, 2, 2], id="no outweighs the link"),
        pytest.param({"nodes": _nodes(5), "verdicts": _verdicts((4, 5, "yes"))}, [1, 1, 1, 1, 1], id="a person's yes"),
        pytest.param({"nodes": _nodes(5), "verdicts": _verdicts((4, 5, "unsure"))}, [1, 1, 1, 1, 5], id="unsure"),
        pytest.param(
            {"nodes": _nodes(5, identifier={4: "A", 5: "B"}), "verdicts": _verdicts((4, 5, "yes"))},
            [1, 1, 1, 1, 5],
            id="yes against two numbers",
        ),
    ],
)
def test_chain(given_: dict[str, Any], groups: list[int]) -> None:
    assert _groups(cluster(edges=CHAIN, **given_)) == groups


def test_yes_outweighs_the_engines_prohibition() -> None:
    edges = make_edges((1, 2, -30, "cannot_link"))
    assert _groups(cluster(_nodes(2), edges)) == [1, 2]
    assert _groups(cluster(_nodes(2), edges, None, _verdicts((1, 2, "yes")))) == [1, 1]


def _torn(clusters: pa.Table, torn: pa.Table) -> tuple[list[int], set[tuple[int, int, int]]]:
    """Groups, and what is torn: (left, right, which of the two)."""
    assert torn.schema == TORN
    return _groups(clusters), set(pl.DataFrame(torn).select("left", "right", "torn").iter_rows())


TWO = {"identifier": {1: "A", 3: "B"}}
BETWEEN = {(1, 2, 2), (2, 3, 2)}


@pytest.mark.parametrize(
    ("edges", "groups", "torn"),
    [
        pytest.param([(1, 2, 12), (2, 3, 8)], [1, 1, 3, 4], set(), id="the heavier link wins"),
        pytest.param([(1, 2, 8), (2, 3, 8)], [1, 2, 3, 4], BETWEEN, id="as good a link to each"),
        pytest.param([(1, 2, 11), (2, 3, 8)], [1, 2, 3, 4], BETWEEN, id="nearly as good"),
        pytest.param([(1, 2, 8), (2, 3, 8), (2, 4, 9)], [1, 2, 3, 2], BETWEEN, id="with its like"),
        pytest.param([(1, 2, 8), (2, 3, 8), (2, 4, 7)], [1, 2, 3, 2], BETWEEN, id="with what has no other"),
        pytest.param([(1, 2, 8), (2, 3, 8), (2, 4, 7), (1, 4, 6)], [1, 2, 3, 1], BETWEEN | {(2, 4, 2)}, id="without what has another"),
        pytest.param([(1, 2, 8), (2, 3, 8), (1, 4, 20), (2, 4, 20)], [1, 1, 3, 1], set(), id="by way of a third"),
    ],
)
def test_a_node_that_may_be_either_of_two(edges: list[Any], groups: list[int], torn: set[tuple[int, int, int]]) -> None:
    links = [(*edge, "link") for edge in edges]
    assert _torn(*clusters_and_torn(_nodes(4, **TWO), make_edges(*links))) == (groups, torn)
    assert _torn(*clusters_and_torn(_nodes(4), make_edges(*links, (1, 3, -20, "cannot_link")))) == (groups, torn)


def test_what_is_forbidden_and_linked_by_way_of_another_tears_nothing() -> None:
    """谢豪辰 and 谢辰, which is forbidden, may be one that was misspelt where a link joins the two by way of another record."""
    edges = [(1, 2, 8, "link"), (2, 3, 8, "link"), (1, 4, 9, "link"), (3, 4, 8, "link")]
    assert _groups(cluster(_nodes(4, **TWO), make_edges(*edges, (1, 3, -20, "cannot_link")))) == [1, 2, 3, 4]
    assert _groups(cluster(_nodes(5), make_edges(*edges, (1, 5, 20, "link"), (3, 5, 9, "link"), (1, 3, -20, "cannot_link")))) == [
        1,
        1,
        3,
        1,
        1,
    ]


@pytest.mark.parametrize(("more", "group"), [pytest.param(6, 2, id="of seven and one"), pytest.param(8, 1, id="of nine and one")])
def test_who_is_met_far_oftener_is_likelier(more: int, group: int) -> None:
    mentions = [(1, node, 20, "link") for node in range(4, 4 + more)]
    edges = make_edges((1, 2, 8, "link"), (2, 3, 8, "link"), *mentions)
    clusters, torn = clusters_and_torn(_nodes(3 + more, **TWO), edges)
    assert _groups(clusters)[:3] == [1, group, 3]
    assert (2, 3, 2) in set(pl.DataFrame(torn).select("left", "right", "torn").iter_rows())  # and a person may see it


def test_mentions_that_may_be_either_are_one_among_themselves() -> None:
    edges = make_edges(*((one, node, 8, "link") for node in (2, 4, 5) for one in (1, 3)), (2, 4, 8, "link"), (4, 5, 8, "link"))
    for names in ("abcde", "edcba", "cabed"):
        assert _groups(cluster(_nodes(5, **TWO, key=dict(enumerate(names, 1))), edges)) == [1, 2, 3, 2, 2]


def test_what_waits_for_a_person_is_the_same_whichever_ids_mentions_have() -> None:
    """Of two sets that become one the lesser id stood for both, and what was told of the other was told once more."""
    edges = [(0, 2, 5), (0, 3, 5), (1, 3, 8), (1, 5, 5), (2, 3, 5), (3, 4, 9), (3, 5, 8), (4, 5, 9)]
    graph = {"count": 6, "edges": [(a + 1, b + 1, weight, "link") for a, b, weight in edges], "apart": {}, "no": []}
    graph["identifier"] = {2: "B", 3: "A", 6: "A"}
    dice, found = random.Random(1), []
    for _ in range(30):
        names = dice.sample(range(1, 7), 6)
        found.append(_run(graph, dict(zip(range(1, 7), names, strict=True)), 0))
    assert all(one == found[0] for one in found)


def test_thousands_of_mentions_of_either_of_two_take_no_longer_each() -> None:
    dice, count = random.Random(1), 8_000
    named = {"A": range(1, count // 10), "B": range(count // 10, count // 5)}
    pairs = {(min(one, other), max(one, other)) for other in range(1, count + 1) for one in dice.sample(range(1, count // 5), 6)}
    edges = make_edges(*((one, other, dice.choice([8, 9, 10, 14]), "link") for one, other in sorted(pairs) if one != other))
    began = process_time()
    _, torn = clusters_and_torn(_nodes(count, identifier={node: code for code, nodes in named.items() for node in nodes}), edges)
    assert torn.num_rows > count / 2
    assert process_time() - began < 4  # it was 12, and five times as much for twice as many


def test_a_record_that_lists_two_may_mean_one_by_both() -> None:
    edges = make_edges((1, 2, 8, "link"), (2, 3, 8, "link"), (1, 3, -90, "cannot_link"))
    assert _groups(cluster(_nodes(3, apart={1: "r|p", 3: "r|p"}), edges)) == [1, 1, 3]


def test_what_a_person_says_settles_what_is_torn() -> None:
    edges = make_edges((1, 2, 8, "link"), (2, 3, 8, "link"))
    assert _torn(*clusters_and_torn(_nodes(3, **TWO), edges, None, _verdicts((2, 3, "yes")))) == ([1, 2, 2], set())
    assert _torn(*clusters_and_torn(_nodes(3, **TWO), edges, None, _verdicts((2, 3, "no")))) == ([1, 1, 3], set())
    assert _torn(*clusters_and_torn(_nodes(3, **TWO), edges, None, _verdicts((2, 3, "unsure")))) == ([1, 2, 3], BETWEEN)


def test_of_equal_weights_the_key_decides() -> None:
    names = {"key": {1: "c", 2: "b", 3: "a"}}
    listed = {"apart": {1: "r|p", 3: "r|p"}}
    tie = make_edges((1, 2, 8, "link"), (2, 3, 8, "link"))
    assert _groups(cluster(_nodes(3, **listed), tie)) == [1, 1, 3]
    assert _groups(cluster(_nodes(3, **listed, **names), tie)) == [1, 2, 2]


def test_nothing_and_loose_ends() -> None:
    assert _groups(cluster(_nodes(0), make_edges())) == []
    assert _groups(cluster(_nodes(2), make_edges((1, 9, 9, "link"), (1, 2, 3, "review"), (1, 2, 1, "no_link")))) == [1, 2]


@st.composite
def _graphs(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(2, 12))
    pair = st.tuples(st.integers(1, count), st.integers(1, count)).filter(lambda p: p[0] < p[1])
    pairs = draw(st.lists(pair, unique=True, max_size=30))
    edges = [(a, b, float(draw(st.integers(1, 4))), draw(st.sampled_from(["link", "link", "link", "cannot_link"]))) for a, b in pairs]
    some = st.dictionaries(st.integers(1, count), st.sampled_from("AB"), max_size=5)
    return {
        "count": count,
        "edges": edges,
        "identifier": draw(some),
        "apart": draw(some),
        "no": draw(st.lists(pair, unique=True, max_size=3)),
    }


def _run(graph: dict[str, Any], rename: dict[int, int], seed: int) -> tuple[set[frozenset[int]], set[tuple[frozenset[int], int]]]:
    """Clusters of a graph and what is torn, its ids renamed and its rows shuffled; given back under the first ids."""
    shuffle = random.Random(seed)
    back = {new: old for old, new in rename.items()}
    names = {rename[i]: f"{i:03}" for i in range(1, graph["count"] + 1)}
    nodes = _nodes(graph["count"], key=names, **{c: {rename[i]: v for i, v in graph[c].items()} for c in ("identifier", "apart")})
    edges = [(*sorted((rename[a], rename[b])), weight, said) for a, b, weight, said in graph["edges"]]
    shuffle.shuffle(edges)
    order = list(range(graph["count"]))
    shuffle.shuffle(order)
    no = make_pairs(*(tuple(sorted((rename[a], rename[b]))) for a, b in graph["no"]))
    clusters, torn = clusters_and_torn(nodes.take(order), make_edges(*edges), no)
    found = clusters.to_pylist()
    links = {(frozenset({back[row["left"]], back[row["right"]]}), back[row["torn"]]) for row in torn.to_pylist()}
    groups: dict[int, set[int]] = {}
    for row in found:
        assert row["cluster"] <= row["id"]
        groups.setdefault(row["cluster"], set()).add(back[row["id"]])
    return {frozenset(group) for group in groups.values()}, links


def _listed_with(node: int, marked: set[int], links: set[tuple[int, int]]) -> frozenset[int]:
    """Those of one mark that links join to the node, directly or one after another."""
    found, more = {node}, {node}
    while more:
        more = {b for a, b in links | {(b, a) for a, b in links} if a in found and b in marked} - found
        found |= more
    return frozenset(found)


@settings(max_examples=100)
@given(_graphs(), st.randoms(use_true_random=False), st.integers(0, 1000))
def test_no_order_and_no_id_matters_and_every_prohibition_holds(graph: dict[str, Any], dice: random.Random, seed: int) -> None:
    ids = list(range(1, graph["count"] + 1))
    plain = _run(graph, dict(zip(ids, ids, strict=True)), 0)
    renamed = ids[:]
    dice.shuffle(renamed)
    assert _run(graph, dict(zip(ids, renamed, strict=True)), seed) == plain
    links = {(a, b) for a, b, _, said in graph["edges"] if said == "link"}
    forbidden = [(a, b) for a, b, _, said in graph["edges"] if said == "cannot_link"] + graph["no"]
    for group in plain[0]:
        assert len({graph["identifier"][i] for i in group if i in graph["identifier"]}) <= 1
        assert not any(a in group and b in group for a, b in forbidden)
        for mark in "AB":
            marked = {i for i in graph["apart"] if graph["apart"][i] == mark}
            assert len({_listed_with(i, marked, links) for i in group & marked}) <= 1
