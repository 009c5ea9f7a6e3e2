"""Clustering what a chunk touches comes to the same as clustering everything, whatever the chunk adds, changes and takes away."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from matching import clustering
from matching.clustering import clusters_and_torn
from pipeline.resolving import clusters, surface
from pipeline.resolving.candidates import Met
from pipeline.resolving.links import ENGINE, FIRM, LABELS, LINK_SCHEMA, NO_EDGES, Evaluation, Task
from pipeline.resolving.relations import ORGANISATION
from tests.unit.matching.builders import make_edges

Edges = dict[tuple[int, int], tuple[float, str]]
Torn = tuple[int, int, int]  # two nodes, and which of them is torn


@dataclass
class Store:
    """Nodes and links of a store with a chunk at work in it, in place of its tables."""

    entity_of: dict[int, str]  # before the chunk
    edges: Edges  # with the chunk's
    labels: dict[int, dict[str, Any]]  # with the chunk's
    hashes: dict[int, int | None]  # of nodes before the chunk
    torn: set[Torn]  # before the chunk
    loaded: int = 0

    def nodes_of(self, channel: object, relation: object, entities: pl.Series) -> pl.DataFrame:
        rows = [(node, entity) for node, entity in self.entity_of.items() if entity in set(entities)]
        self.loaded += len(rows)
        return pl.DataFrame(rows, {"id": pl.Int64, "entity": pl.String}, orient="row")

    def members_of(self, channel: object, relation: object, ids: pl.Series) -> pl.DataFrame:
        def row(node: int) -> tuple[int, str, int, int | None]:
            entity = self.entity_of[node]
            within = [other for other, its in self.entity_of.items() if its == entity]
            return node, entity, min(within), self.hash_of(entity)

        schema = {"id": pl.Int64, "entity": pl.String, "founder_id": pl.Int64, "identifier_hash": pl.Int64}
        return pl.DataFrame([row(node) for node in ids.unique().sort() if node in self.entity_of], schema, orient="row")

    def hash_of(self, entity: str) -> int | None:
        """As the chunks before have left it: of a number that comes or goes now the entity's row does not tell."""
        stated = {self.hashes[node] for node, its in self.entity_of.items() if its == entity} - {None}
        assert len(stated) < 2
        return next(iter(stated), None)

    def torn_entities(self, channel: object, relation: object) -> pl.DataFrame:
        pairs = [(self.entity_of[one], self.entity_of[other], self.entity_of[torn]) for one, other, torn in self.torn]
        both = [*pairs, *((other, one, torn) for one, other, torn in pairs)]
        return pl.DataFrame(both, {"entity": pl.String, "other": pl.String, "torn": pl.String}, orient="row")

    def once_numbered(self, channel: object, relation: object, ids: pl.Series) -> pl.Series:
        return pl.Series([node for node in ids if self.hashes[node] or self.labels[node]["identifier"]], dtype=pl.Int64)

    def firm_links(self, channel: object, relation: object, ids: pl.Series, known: pl.Series) -> pl.DataFrame:
        mine, here = set(ids), {*ids, *known}
        met = [pair for pair in self.edges if set(pair) <= here and not mine.isdisjoint(pair)]
        return pl.DataFrame([(*pair, self.edges[pair][1], self.edges[pair][0], ENGINE) for pair in met], FIRM, orient="row")

    def linked_to(self, channel: object, relation: object, ids: pl.Series) -> pl.Series:
        mine = set(ids)
        met = [pair for pair, (_, decision) in self.edges.items() if decision == "link" and not mine.isdisjoint(pair)]
        return pl.Series(sorted({node for pair in met for node in pair}), dtype=pl.Int64)

    def label_rows(self, ids: pl.Series) -> pl.DataFrame:
        return pl.DataFrame([{"id": node, **self.labels[node]} for node in ids], LABELS)

    def stands_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("nodes_of", "members_of", "firm_links", "linked_to"):
            monkeypatch.setattr(clusters, name, getattr(self, name))
        monkeypatch.setattr(surface, "members_of", self.members_of)
        monkeypatch.setattr(surface, "once_numbered", self.once_numbered)
        monkeypatch.setattr(surface, "torn_entities", self.torn_entities)
        monkeypatch.setattr(clusters, "read_nodes", lambda channel, relation, ids: pl.DataFrame({"id": ids, "version": 1}))
        monkeypatch.setattr(clusters, "constraints_of", lambda task, rows: rows)
        monkeypatch.setattr(clusters, "labels_of", lambda rows, forms: self.label_rows(rows["id"]))


def _all_at_once(nodes: list[int], edges: Edges, labels: dict[int, dict[str, Any]]) -> tuple[dict[int, int], set[Torn]]:
    """Node → least id of its cluster; what is torn."""
    columns = {name: pa.array([labels[node][name] for node in nodes], pa.string()) for name in ("identifier", "apart", "key")}
    given = pa.table({"id": pa.array(nodes, pa.int64()), **columns})
    found, torn = clusters_and_torn(given, make_edges(*((*pair, *edge) for pair, edge in edges.items() if set(pair) <= set(nodes))))
    links = zip(*(torn[name].to_pylist() for name in ("left", "right", "torn")), strict=True)
    return dict(zip(found["id"].to_pylist(), found["cluster"].to_pylist(), strict=True)), set(links)


def _edge(dice: random.Random) -> tuple[float, str]:
    return float(dice.randint(1, 6)), "cannot_link" if dice.random() < 0.1 else "link"


def _number(identifier: str | None) -> dict[str, Any]:
    return {"identifier": identifier, "identifier_hash": ord(identifier) if identifier else None}


def _label(dice: random.Random, node: int, firm: str, chance: float) -> dict[str, Any]:
    marks = _number(firm if dice.random() < chance else None)
    return {**marks, "apart": dice.choice("RST") if dice.random() < 0.15 else None, "key": f"{dice.random():.6f} {node}"}


@dataclass
class Change:
    """What a chunk brings to a store of some firms."""

    store: Store
    new: list[int]
    changed: list[int]
    gone: list[int]
    before: Edges

    @classmethod
    def drawn(cls, dice: random.Random) -> Change:
        old = list(range(1, dice.randint(8, 26)))
        new = list(range(len(old) + 1, len(old) + dice.randint(1, 4)))
        firm = {node: dice.choice("ABCDEFG") for node in (*old, *new)}
        labels = {node: _label(dice, node, firm[node], 0.5 if node in old else 0.2) for node in (*old, *new)}
        pairs = [(one, other) for other in (*old, *new) for one in range(1, other)]
        chance = {True: 0.5, False: 0.06}
        edges = {pair: _edge(dice) for pair in pairs if dice.random() < chance[firm[pair[0]] == firm[pair[1]]]}
        before = {pair: edge for pair, edge in edges.items() if set(pair) <= set(old)}
        least_of, torn = _all_at_once(old, before, labels)
        names = {node: f"e{least:02}" for node, least in least_of.items()}
        kind = {node: dice.random() for node in old} if dice.random() < 0.5 else dict.fromkeys(old, 1.0)
        gone = [node for node in old if kind[node] < 0.05]
        changed = [node for node in old if 0.05 <= kind[node] < 0.15]
        for pair in [pair for pair in before if set(pair) & set(changed)]:
            if dice.random() < 0.4:
                del edges[pair]
                if dice.random() < 0.5:
                    edges[pair] = _edge(dice)
        hashes = {node: labels[node]["identifier_hash"] for node in old}
        for node in changed:  # a number comes, goes, or gives way to another
            if dice.random() < 0.5:
                labels[node] |= _number(dice.choice([None, firm[node], "Z"]))
        now = {pair: edge for pair, edge in edges.items() if not set(pair) & set(gone)}
        return cls(Store(names, now, labels, hashes, torn), new, changed, gone, before)

    def assigned(self) -> clusters.Assignment:
        task, evaluation = self.task(), self.evaluation()
        return clusters.assign(task, evaluation, surface.surface_of(task, evaluation))

    def evaluation(self) -> Evaluation:
        looked_at = pl.Series([*self.new, *self.changed], dtype=pl.Int64)
        # A new node may be another party of a record that was there before: it then comes with a later version of it.
        rows = pl.DataFrame({"id": looked_at}).with_columns(version=pl.lit(2))
        now = [(*pair, *self.store.edges[pair]) for pair in self.store.edges if set(pair) & set(looked_at)]
        edges = [(one, other, said, weight, "{}", "1", ENGINE) for one, other, weight, said in now]
        lost = [pair for pair in self.before if self.store.edges.get(pair) != self.before[pair]]
        return Evaluation(
            rows,
            self.store.label_rows(looked_at),
            pl.DataFrame(schema={"id": pl.Int64, "key": pl.Int64}),
            Met(pl.DataFrame(schema={"key": pl.Int64, "id": pl.Int64, "other": pl.Int64})),
            pl.DataFrame(edges, LINK_SCHEMA, orient="row"),
            NO_EDGES,
            pl.DataFrame(lost, {"left": pl.Int64, "right": pl.Int64}, orient="row"),
        )

    def task(self) -> Task:
        none: Any = None
        new, changed, gone = (pl.Series(ids, dtype=pl.Int64) for ids in (self.new, self.changed, self.gone))
        return Task(none, ORGANISATION, 1, new, changed, gone, False)

    def places(self, assignment: clusters.Assignment) -> dict[int, object]:
        """All nodes as they are placed now: entities that are as they were, and clusters."""
        where: dict[int, object] = {node: entity for node, entity in self.store.entity_of.items() if node not in self.gone}
        where |= dict(assignment.joined.select("id", "entity").iter_rows())
        where |= dict(assignment.walked.select("id", "cluster").iter_rows())
        return where

    def groups(self, assignment: clusters.Assignment) -> set[frozenset[int]]:
        """The same without the names of places."""
        where = self.places(assignment)
        return {frozenset(node for node in where if where[node] == place) for place in where.values()}

    def wrong_numbers(self, assignment: clusters.Assignment) -> dict[object, set[int | None]]:
        """Entities and clusters whose number is from now on not the one that their members state."""
        stated = dict(assignment.stated.iter_rows())
        numbers: dict[object, int | None] = dict(assignment.walked.select("cluster", "identifier_hash").iter_rows())
        numbers |= {entity: self.store.hash_of(entity) or stated.get(entity) for entity in set(self.store.entity_of.values())}
        members: dict[object, set[int | None]] = {}
        for node, place in self.places(assignment).items():
            members.setdefault(place, set()).add(self.store.labels[node]["identifier_hash"])
        return {place: its for place, its in members.items() if its - {None} != {numbers[place]} - {None}}

    def torn_now(self, assignment: clusters.Assignment) -> set[Torn]:
        """What the chunk did not look at, and what it found."""
        stands = {one for one in self.store.torn if not set(one) <= {*assignment.seen} and not set(one) & {*self.gone}}
        return stands | set(assignment.torn.select("left", "right", "torn").iter_rows())

    def expected(self) -> tuple[set[frozenset[int]], set[Torn]]:
        nodes = [node for node in self.store.labels if node not in self.gone]
        found, torn = _all_at_once(nodes, self.store.edges, self.store.labels)
        return {frozenset(node for node in nodes if found[node] == least) for least in found.values()}, torn


@pytest.mark.parametrize("seed", [*range(8), 220, 240])
def test_what_a_chunk_touches_comes_to_what_everything_comes_to(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "TIE", (clustering.TIE, 0.5)[seed % 2])  # so that of few nodes some are far oftener met
    dice, loaded, there = random.Random(seed), 0, 0
    for _ in range(40):
        change = Change.drawn(dice)
        change.store.stands_in(monkeypatch)
        assignment = change.assigned()
        assert (change.groups(assignment), change.torn_now(assignment)) == change.expected()
        assert change.wrong_numbers(assignment) == {}
        loaded, there = loaded + change.store.loaded, there + len(change.store.entity_of)
    assert 0 < loaded < there * 0.9  # some of it was loaded, and not all


def test_a_record_that_lists_one_party_three_times_keeps_nobody_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links of 1 with 2 and of 2 with 3 say that their record means one by all three, though 2 is of another cluster and far away."""
    marks = {1: ("A", "R"), 2: ("B", "R"), 3: (None, "R"), 4: (None, None), 5: (None, None)}
    labels = {
        node: {"identifier": number, "identifier_hash": ord(number) if number else None, "apart": mark, "key": str(node)}
        for node, (number, mark) in marks.items()
    }
    before = {(1, 2): (5.0, "link"), (2, 3): (6.0, "link"), (2, 5): (10.0, "link"), (3, 5): (-9.0, "cannot_link")}
    least_of, torn = _all_at_once([1, 2, 3, 5], before, labels)
    names = {node: f"e{least}" for node, least in least_of.items()}
    assert len(set(names.values())) == 3
    hashes = {node: label["identifier_hash"] for node, label in labels.items()}
    store = Store(names, before | {(1, 4): (8.0, "link"), (3, 4): (7.0, "link")}, labels, hashes, torn)
    change = Change(store, [4], [], [], before)
    change.store.stands_in(monkeypatch)
    groups = change.groups(change.assigned())
    assert groups == change.expected()[0] == {frozenset({1, 3, 4}), frozenset({2, 5})}
