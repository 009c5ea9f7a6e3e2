"""PROSPECT: a record not yet filed, looked up in the store: do we know these people, these firms, this case?

Enter one record and its parties as normalise would leave them; leave, of every party and of the record itself, whom the
store has that may be the same, with the engine's decision, its bits and its levels. Nothing is written: what is looked up
here is compared as resolve would compare it, by the keys of the key tables, with the best of those that share one.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import polars as pl
from sqlalchemy import Connection

from matching.blocking import blocking_keys
from matching.linkage import link
from pipeline.candidates import key_numbers, meet_published
from pipeline.channel import Channel, series
from pipeline.chunk import unique_departments
from pipeline.links import Task, forms_of
from pipeline.members import entities_of
from pipeline.relations import CASE, ORGANISATION, PERSON, Relation, read_nodes
from schema.codes import sides

CANDIDATES = 50  # of those that share a key, as many are compared: the ones that share most
ITSELF = -1  # no id in a store is negative
ANSWERS = {"link": "certain", "review": "possible"}


@dataclass(frozen=True)
class Prospect:
    """A record not yet filed.

    Args:
        values: columns of CASE_INPUT that are known, `department` among them.
        parties: each with columns of PERSON_INPUT or ORGANISATION_INPUT that are known, `kind` and `role` among them.
    """

    values: Mapping[str, Any]
    parties: Sequence[Mapping[str, Any]] = ()


class Likely(Protocol):
    """An entity that may be the same, and how sure that is."""

    @property
    def entity(self) -> str:
        """Its id."""

    @property
    def answer(self) -> str:
        """Certain or possible."""


@dataclass(frozen=True)
class Found:
    """An entity of the store that may be the same.

    Args:
        entity: id of a person, an organisation or a case.
        answer: certain or possible.
        match_weight: bits of its best node.
        levels: comparison → level, of that node.
        node: party_id or record_id of that node.
    """

    entity: str
    answer: str
    match_weight: float
    levels: Mapping[str, str]
    node: int


@dataclass(frozen=True)
class Answer:
    """What the store knows of a prospect: of each party in order, and of the case; the best first, nobody where none."""

    parties: tuple[tuple[Found, ...], ...]
    cases: tuple[Found, ...] = field(default=())


def look_up(connection: Connection, prospect: Prospect) -> Answer:
    """Look a record up that is not filed yet, in the connection's transaction."""
    unique_within = unique_departments(connection)
    with Channel(connection) as channel:
        found: list[tuple[Found, ...]] = [()] * len(prospect.parties)
        for relation in (PERSON, ORGANISATION):
            places = [place for place, party in enumerate(prospect.parties) if party["kind"] == relation.name]
            if places:
                rows = [party_row(relation, prospect.values, prospect.parties[place], place) for place in places]
                for place, entities in zip(places, _entities(_task(channel, relation), rows), strict=True):
                    found[place] = entities
        case = case_row(prospect, found)
        return Answer(tuple(found), _entities(_task(channel, CASE, unique_within), [case])[0])


def look_up_party(connection: Connection, party: Mapping[str, Any]) -> tuple[Found, ...]:
    """The persons or organisations that one party alone may be; `kind`, `role` and `department` are among its columns."""
    relation = PERSON if party["kind"] == PERSON.name else ORGANISATION
    with Channel(connection) as channel:
        return _entities(_task(channel, relation), [party_row(relation, party, party, 0)])[0]


def _task(channel: Channel, relation: Relation, unique_within: frozenset[str] = frozenset()) -> Task:
    none = series(())
    return Task(channel, relation, 0, none, none, none, False, unique_within)


def party_row(relation: Relation, record: Mapping[str, Any], party: Mapping[str, Any], place: int) -> dict[str, Any]:
    """A row of the relation's input; a person who gives no address is looked for at the record's, as resolve does it."""
    address = party.get("address") or (record.get("address") if relation is PERSON else None)
    about = {"id": ITSELF - place, "record_id": ITSELF, "department": record["department"], "address": address}
    return {name: {**party, **about}.get(name) for name in relation.shape.names}


def case_row(prospect: Prospect, found: Sequence[Sequence[Likely]]) -> dict[str, Any]:
    """A row of CASE_INPUT, with those parties that are certainly known."""
    row = {name: prospect.values.get(name) for name in CASE.shape.names} | {"id": ITSELF}
    for party, entities in zip(prospect.parties, found, strict=True):
        side = f"{sides().get(party['role'], 'other')}_{party['kind']}s"
        known = [stand_in(one.entity) for one in entities[:1] if one.answer == "certain"]
        if side in row and known:
            row[side] = sorted({*(row[side] or []), *known})
    return row


def stand_in(entity: str) -> int:
    """The first 64 bits of an id, as `relations.STAND_IN` has them."""
    return int.from_bytes(uuid.UUID(entity).bytes[:8], "big", signed=True)


def _entities(task: Task, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Found, ...]]:
    """Of each row the entities that may be the same, the best first."""
    relation = task.relation
    schema = pl.DataFrame(relation.shape.empty_table()).schema
    own = forms_of(task, pl.DataFrame(list(rows), schema=schema))
    text = pl.DataFrame(blocking_keys(relation.name, own, task.model))
    keys = text.select("id", key_numbers(text["key"]).alias("key"))
    met = meet_published(task.channel, relation, keys, unless=series(())).pairs()
    best = met.sort(["keys", "other"], descending=[True, False]).group_by("id", maintain_order=True).head(CANDIDATES)
    if best.is_empty():
        return [() for _ in rows]
    others = best["other"].unique().sort()
    nodes = read_nodes(task.channel, relation, others)
    pairs = best.select(left="id", right="other").join(nodes.select(right="id"), on="right", how="semi").sort("left", "right")
    edges = pl.DataFrame(link(relation.name, own, forms_of(task, nodes), pairs.to_arrow(), task.model))
    kept = edges.filter(pl.col("decision").is_in(list(ANSWERS)))
    placed = kept.join(entities_of(task.channel, relation, kept["right"]), left_on="right", right_on="id")
    ranked = placed.sort(["match_weight", "right"], descending=[True, False]).unique(["left", "entity"], keep="first", maintain_order=True)
    return [tuple(map(_found, ranked.filter(pl.col("left") == row["id"]).iter_rows(named=True))) for row in rows]


def _found(row: Mapping[str, Any]) -> Found:
    return Found(row["entity"], ANSWERS[row["decision"]], row["match_weight"], orjson.loads(row["levels"]), row["right"])
