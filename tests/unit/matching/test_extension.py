"""New nodes into clusters that stand: where it is told for certain, clustering everything anew comes to the same."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from matching.clustering import cluster
from matching.extension import EXTENDED, extend
from tests.unit.matching.builders import make_edges

Edge = tuple[int, int, float, str]
Place = tuple[str | None, int, bool]


def _clusters(count: int, edges: list[Edge], identifier: dict[int, str], apart: dict[int, str]) -> dict[int, int]:
    ids = pa.array(range(1, count + 1), pa.int64())
    texts = {
        name: pa.array([of.get(i) for i in range(1, count + 1)], pa.string()) for name, of in (("identifier", identifier), ("apart", apart))
    }
    found = cluster(pa.table({"id": ids, **texts}), make_edges(*edges))
    return dict(zip(found["id"].to_pylist(), found["cluster"].to_pylist(), strict=True))


def _extended(standing: dict[int, int], fresh: list[int], edges: list[Edge], identifier: dict[int, str]) -> dict[int, Place]:
    """What `extend` makes of the new nodes, clusters named by their least id."""
    ends = {end for left, right, *_ in edges for end in (left, right)} | set(fresh)
    within = {name: {identifier[i] for i in standing if standing[i] == name and i in identifier} for name in standing.values()}
    components = _components(standing, fresh, edges)
    rows = [
        {
            "id": i,
            "cluster": str(standing[i]) if i in standing else None,
            "cluster_identifier": min(within[standing[i]], default=None) if i in standing else None,
            "identifier": identifier.get(i),
            "key": f"{i:03}",
            "component": components[i],
        }
        for i in ends
    ]
    texts = dict.fromkeys(("cluster", "cluster_identifier", "identifier", "key"), pl.String)
    nodes = pl.DataFrame(rows, schema={"id": pl.Int64, **texts, "component": pl.Int64}, orient="row")
    found = extend(nodes.to_arrow(), make_edges(*edges))
    assert found.schema == EXTENDED
    assert found["id"].to_pylist() == sorted(fresh)
    return {row["id"]: (row["cluster"], row["least"], row["is_sure"]) for row in found.to_pylist()}


def _components(standing: dict[int, int], fresh: list[int], edges: list[Edge]) -> dict[int, int]:
    component = {**standing, **{i: i for i in fresh}}
    for left, right, _, said in edges:
        if said == "link":
            old, new = component[left], component[right]
            component = {i: new if other == old else other for i, other in component.items()}
    return component


# Two firms that stand: 1 and 2 with number A, 3 and 4 with number B; 1 and 3 have it themselves. 5 and 6 are new.
FIRMS = {1: 1, 2: 1, 3: 3, 4: 3}


@pytest.mark.parametrize(
    ("edges", "identifier", "places"),
    [
        pytest.param([(1, 5, 9, "link")], {}, {5: ("1", 5, True)}, id="one cluster"),
        pytest.param([(1, 5, 9, "link"), (3, 5, 8, "link")], {}, {5: ("1", 5, True)}, id="the heavier of two with other numbers"),
        pytest.param([(1, 5, 8, "link"), (3, 5, 9, "link")], {}, {5: ("3", 5, True)}, id="the other is the heavier"),
        pytest.param([(1, 5, 9, "link"), (4, 5, 8, "link")], {}, {5: ("1", 5, False)}, id="the end of one has no number of its own"),
        pytest.param([(2, 5, 9, "link"), (1, 5, 8, "link"), (3, 5, 7, "link")], {}, {5: ("1", 5, True)}, id="another end has it"),
        pytest.param([(2, 5, 9, "link"), (3, 5, 8, "link"), (1, 5, 7, "link")], {}, {5: ("1", 5, False)}, id="another end, too late"),
        pytest.param([(4, 5, 9, "link"), (3, 5, 8, "cannot_link")], {}, {5: (None, 5, False)}, id="forbidden with another member"),
        pytest.param([(3, 5, 9, "cannot_link")], {}, {5: (None, 5, True)}, id="forbidden alone"),
        pytest.param([(3, 5, 9, "link")], {5: "A"}, {5: (None, 5, True)}, id="another number"),
        pytest.param([(4, 5, 9, "link")], {5: "A"}, {5: (None, 5, False)}, id="another number than some other member"),
        pytest.param([(5, 6, 9, "link")], {}, {5: (None, 5, True), 6: (None, 5, True)}, id="new ones alone"),
        pytest.param([(1, 5, 9, "link"), (5, 6, 8, "link"), (3, 6, 7, "link")], {}, {5: ("1", 5, True), 6: ("1", 5, True)}, id="a chain"),
    ],
)
def test_places(edges: list[Edge], identifier: dict[int, str], places: dict[int, Place]) -> None:
    fresh = sorted({end for left, right, *_ in edges for end in (left, right)} - FIRMS.keys())
    assert _extended(FIRMS, fresh, edges, {1: "A", 3: "B", **identifier}) == places


def test_nothing() -> None:
    assert _extended({}, [], [], {}) == {}


def _graph(dice: random.Random) -> dict[str, Any]:
    """Mentions of two or three firms, most of them with the firm's number, some links across; new ones that lead anywhere."""
    old, count = dice.randint(2, 9), dice.randint(10, 13)
    firm = {i: dice.choice("ABC") for i in range(1, old + 1)}
    pairs = [(a, b) for b in range(2, count + 1) for a in range(1, b)]
    within = {(a, b) for a, b in pairs if b <= old and firm[a] == firm[b]}
    chance = {True: 0.7, False: 0.15}
    met = [(a, b) for a, b in pairs if dice.random() < (chance[(a, b) in within] if b <= old else 0.25)]
    numbers = {i: firm[i] for i in firm if dice.random() < 0.7} | {
        i: dice.choice("AB") for i in range(old + 1, count + 1) if dice.random() < 0.1
    }
    return {
        "count": count,
        "old": old,
        "edges": [(a, b, float(dice.randint(1, 5)), "cannot_link" if dice.random() < 0.08 else "link") for a, b in met],
        "identifier": numbers,
        "apart": {i: dice.choice("RS") for i in firm if dice.random() < 0.2},
    }


@pytest.mark.parametrize("dice", [pytest.param(random.Random(seed), id=f"fifty of {seed}") for seed in range(8)])
def test_what_is_sure_is_what_clustering_everything_anew_comes_to(dice: random.Random) -> None:
    told = sum(_told_of_several(_graph(dice)) for _ in range(50))
    assert told > 10  # nodes between several clusters are among them


def _told_of_several(graph: dict[str, Any]) -> int:
    """New nodes that could have gone into several clusters, and whose own is certain; all that is must be right."""
    count, old, identifier, apart = (graph[name] for name in ("count", "old", "identifier", "apart"))
    fresh = list(range(old + 1, count + 1))
    standing = _clusters(old, [edge for edge in graph["edges"] if edge[1] <= old], identifier, apart)
    anew = _clusters(count, graph["edges"], identifier, apart)
    new_edges = [edge for edge in graph["edges"] if edge[1] > old]
    found = _extended(standing, fresh, new_edges, identifier)
    component = _components(standing, fresh, new_edges)
    sure = {component[node] for node, place in found.items() if place[2]}
    # Clusters that stand are named by their least id, which is an old one; those of new nodes alone too.
    told = {**standing, **{node: int(place[0] or place[1]) for node, place in found.items()}}
    of_sure = [node for node in told if component[node] in sure]
    assert {node: anew[node] for node in of_sure} == {node: told[node] for node in of_sure}
    several = {mark for mark in sure if len({standing[node] for node in standing if component[node] == mark}) > 1}
    return sum(component[node] in several for node in fresh)
