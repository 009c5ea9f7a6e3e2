"""PAIRS: two parties or two records side by side, with what the engine makes of them, for a person to judge.

Enter ids of nodes, or the names that people know them by (department/number, of a party with its place in the record
after it); leave what the store says of both, the engine's steps in bits under the model in force, and what people said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection, Engine, text

from hub.database import store_errors
from hub.errors import NotFound, RequestError
from matching.linkage import link
from matching.model import Model
from matching.weights import explain
from pipeline.resolving.links import Task, forms_of
from pipeline.resolving.promises import unique_departments
from pipeline.resolving.relations import CASE, RELATIONS, Relation, read_nodes
from pipeline.store.channel import Channel
from schema.records import EDGE

RELATION_NAMES = tuple(relation.name for relation in RELATIONS)
#: What a judge is shown of a node, as far as it is told.
SHOWN = {
    "party": ("role", "name", "id_no", "uscc", "phone", "gender", "birth_date", "address", "reported_at"),
    "case": ("case_number", "title", "text", "category", "status", "occurred_at", "reported_at", "address", "people_involved", "amount"),
}
_ENTITIES = """
SELECT {node} AS id, {entity}::text AS entity FROM {members} WHERE {node} = ANY (%(ids)s::bigint[]) AND known_to IS NULL
"""
_PERSONS = """
SELECT DISTINCT record_id AS id, name FROM store.party WHERE record_id = ANY (%(ids)s::bigint[]) AND kind = 'person' AND name IS NOT NULL
"""
_VERDICTS = """
SELECT decision_id, left_id, right_id, verdict, decided_by, decided_at, reason FROM ops.decision
WHERE relation = %(relation)s AND left_id = ANY (%(left)s::bigint[]) AND right_id = ANY (%(right)s::bigint[]) ORDER BY decision_id
"""
_RECORD = """
SELECT record_id FROM store.source_record WHERE department = :department AND source_record_id = :number AND known_to IS NULL LIMIT 1
"""
_PARTY = f"""
SELECT party_id FROM store.party WHERE record_id = ({_RECORD}) AND ordinal = :ordinal AND known_to IS NULL AND known_from IS NOT NULL
"""


@dataclass(frozen=True)
class Node:
    """A party or a record.

    Args:
        id: party_id or record_id.
        name: department/number, of a party with /ordinal.
        entity: whom it resolves to now.
        values: what its record says, by column; personal values in the clear.
        persons: names of persons that the texts of a record may hold.
    """

    id: int
    name: str
    entity: str
    values: Mapping[str, Any]
    persons: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """What a person said of a pair, and when."""

    verdict: str
    decided_by: str
    decided_at: Any
    reason: str | None


@dataclass(frozen=True)
class Pair:
    """Two nodes and what the engine makes of them.

    Args:
        decision: the engine's own: link, review, no_link or cannot_link.
        match_weight: bits, prior included.
        levels: comparison → level.
        steps: comparison → bits, the prior first.
        verdicts: of people, the newest last.
    """

    left: Node
    right: Node
    decision: str
    match_weight: float
    levels: Mapping[str, str]
    steps: Mapping[str, float]
    verdicts: tuple[Verdict, ...]

    @property
    def is_one(self) -> bool:
        """Whether both resolve to the same now."""
        return self.left.entity == self.right.entity


def relation_named(name: str) -> Relation:
    """The relation of that name.

    Raises:
        RequestError: there is none.
    """
    for relation in RELATIONS:
        if relation.name == name:
            return relation
    raise RequestError(f"没有关系 {name} · there is no relation {name}", remedy=f"可用值 · give one of: {', '.join(RELATION_NAMES)}")


def find_node(engine: Engine, relation: Relation, name: str) -> int:
    """The id of a node by the name that people know it by.

    Args:
        engine: of the store.
        relation: of the node.
        name: `department/number`, of a party `department/number/ordinal`, ordinals counting from 0.

    Raises:
        RequestError: the name is not of that form.
        NotFound: no current record or party of that name.
    """
    department, slash, number = name.partition("/")
    ordinal = "0"
    if relation is not CASE:
        number, slash, ordinal = number.rpartition("/")
    if not slash or not number or not ordinal.isdecimal():
        case, party = "department/number", "department/number/place of the party in its record, from 0"
        zh, en = ("部门/编号", case) if relation is CASE else ("部门/编号/当事人在记录中的序号（从 0 起）", party)
        raise RequestError(
            "所写不是节点名称 · what was given names no node", remedy=f"写作 {zh} · write it as {en}", relation=relation.name
        )
    values = {"department": department, "number": number} | ({} if relation is CASE else {"ordinal": int(ordinal)})
    with store_errors(), engine.connect() as connection:
        found = connection.execute(text(_RECORD if relation is CASE else _PARTY), values).scalar_one_or_none()
    if found is None:
        raise NotFound(
            "库中没有该项，或已不存在 · it is not, or no longer, in the store",
            remedy="请重新查找 · look it up again",
            relation=relation.name,
        )
    return int(found)


def judged_by_engine(connection: Connection, relation: Relation, pairs: pl.DataFrame) -> pl.DataFrame:
    """What the model in force says of pairs: EDGE, people's verdicts left aside. Pairs of which one is gone are left out.

    Args:
        connection: whose snapshot is read.
        relation: of the pairs.
        pairs: left, right: ids of nodes.
    """
    unique_within = unique_departments(connection)
    with Channel(connection) as channel:
        return _edges(Task.reading(channel, relation, unique_within), pairs)[1]


def examine(engine: Engine, relation: Relation, pairs: Sequence[tuple[int, int]]) -> list[Pair]:
    """Pairs of nodes, compared now; in the order given, without those of which one is gone."""
    wanted = pl.DataFrame(
        {"left": [min(pair) for pair in pairs], "right": [max(pair) for pair in pairs]}, schema={"left": pl.Int64, "right": pl.Int64}
    )
    with store_errors(), engine.begin() as connection:
        unique_within = unique_departments(connection)
        with Channel(connection) as channel:
            task = Task.reading(channel, relation, unique_within)
            nodes, edges = _edges(task, wanted.unique())
            ids = nodes["id"]
            sql = _ENTITIES.format(node=relation.node, entity=relation.entity, members=relation.members)
            entities = dict(channel.read(sql, ids=ids).iter_rows())
            named = channel.read(_PERSONS, ids=ids) if relation is CASE else None
            said = channel.read(_VERDICTS, relation=relation.name, left=wanted["left"], right=wanted["right"])
    persons: dict[int, set[str]] = {}
    if named is not None:
        for record_id, name in named.iter_rows():
            persons.setdefault(record_id, set()).add(name)
    by_id = {row["id"]: _node(relation, row, entities, persons.get(row["id"], ())) for row in nodes.iter_rows(named=True)}
    weighed = {(row["left"], row["right"]): row for row in edges.iter_rows(named=True)}
    verdicts = _verdicts(said)
    return [_pair(weighed[pair], by_id, task.model, verdicts.get(pair, ())) for pair in wanted.iter_rows() if pair in weighed]


def _edges(task: Task, pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The nodes' rows, and EDGE of the pairs whose both nodes are there."""
    nodes = read_nodes(task.channel, task.relation, pl.concat([pairs["left"], pairs["right"]]).unique())
    there = nodes["id"].implode()
    present = pairs.filter(pl.col("left").is_in(there) & pl.col("right").is_in(there)).sort("left", "right")
    if present.is_empty():
        return nodes, pl.DataFrame(EDGE.empty_table())
    return nodes, pl.DataFrame(link(task.relation.name, forms_of(task, nodes), None, present.to_arrow(), task.model))


def _node(relation: Relation, row: Mapping[str, Any], entities: Mapping[int, str], persons: Iterable[str]) -> Node:
    name = f"{row['department']}/{row['source_record_id']}"
    shown = SHOWN["case" if relation is CASE else "party"]
    if relation is not CASE:
        name = f"{name}/{row['ordinal']}"
    values = {column: row[column] for column in shown if row[column] is not None}
    return Node(row["id"], name, entities.get(row["id"], ""), values, frozenset(persons))


def _verdicts(said: pl.DataFrame) -> dict[tuple[int, int], tuple[Verdict, ...]]:
    found: dict[tuple[int, int], tuple[Verdict, ...]] = {}
    for _, left, right, *about in said.iter_rows():
        found[left, right] = (*found.get((left, right), ()), Verdict(*about))
    return found


def _pair(edge: Mapping[str, Any], nodes: Mapping[int, Node], model: Model, verdicts: tuple[Verdict, ...]) -> Pair:
    levels: dict[str, str] = orjson.loads(edge["levels"])
    left, right = nodes[edge["left"]], nodes[edge["right"]]
    return Pair(left, right, edge["decision"], edge["match_weight"], levels, explain(levels, model), verdicts)
