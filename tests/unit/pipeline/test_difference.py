"""What becomes of live entities where everything is put together anew."""

from __future__ import annotations

import polars as pl
import pytest

from pipeline.relinking.difference import Change, Difference, difference


def compared(entities: str, clusters: str) -> Difference:
    """Nodes 1, 2, …, of which each character tells the entity and the cluster."""
    rows = [(number, entity, ord(name)) for number, (entity, name) in enumerate(zip(entities, clusters, strict=True), 1)]
    return difference(pl.DataFrame(rows, schema={"id": pl.Int64, "entity": pl.String, "cluster": pl.Int64}, orient="row"))


@pytest.mark.parametrize(
    ("entities", "clusters", "changes", "moving"),
    [
        pytest.param("aabb", "xxyy", {"same": Change(2, 2)}, [], id="the same under other names"),
        pytest.param("aaabc", "xxxxx", {"joined": Change(3, 1)}, [4, 5], id="the smaller ones move"),
        pytest.param("aaabb", "xxyzz", {"split": Change(1, 2), "same": Change(1, 1)}, [3], id="the smaller part moves"),
        pytest.param("aaabbb", "xxyyyy", {"moved": Change(2, 2)}, [3], id="one goes over"),
        pytest.param("ab", "xx", {"joined": Change(2, 1)}, [2], id="of two as large the first stays"),
    ],
)
def test_what_becomes_of_entities(entities: str, clusters: str, changes: dict[str, Change], moving: list[int]) -> None:
    found = compared(entities, clusters)
    assert {name: found.change(name) for name in changes} == changes
    assert found.nodes.filter("moves")["id"].to_list() == moving
    assert found.nodes["id"].to_list() == list(range(1, len(entities) + 1))
    assert (found.entities, found.clusters) == (len(set(entities)), len(set(clusters)))


def test_all_members_of_what_changes_are_concerned() -> None:
    assert compared("aaabb", "xxyzz").changed["id"].to_list() == [1, 2, 3]


def test_nothing_is_the_same_as_nothing() -> None:
    found = compared("", "")
    assert found.changed.is_empty() and found.entities == found.moves == 0
