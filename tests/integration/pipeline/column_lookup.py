"""What look-ups are checked by: records looked up by columns, as RESOLVE compares them, where everything may be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection

from matching.blocking import blocking_keys
from matching.linkage import link
from pipeline.looking_up.prospect import ANSWERS, CANDIDATES, ITSELF, Prospect, case_row, party_row
from pipeline.resolving.candidates import key_numbers, meet_published, read_blocks
from pipeline.resolving.links import Task, forms_of
from pipeline.resolving.members import entities_of, nodes_of
from pipeline.resolving.promises import unique_departments
from pipeline.resolving.relations import CASE, ORGANISATION, PERSON, read_nodes
from pipeline.store.channel import Channel, series


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
    return look_up_many(connection, [prospect])[0]


def look_up_many(connection: Connection, prospects: Sequence[Prospect]) -> list[Answer]:
    """The same of many, their parties and then their cases in one table each, as RESOLVE compares a chunk."""
    unique_within = unique_departments(connection)
    found: list[list[tuple[Found, ...]]] = [[()] * len(one.parties) for one in prospects]
    with Channel(connection) as channel:
        for relation in (PERSON, ORGANISATION):
            places = [(n, p) for n, one in enumerate(prospects) for p, party in enumerate(one.parties) if party["kind"] == relation.name]
            rows = [party_row(relation, prospects[n].values, prospects[n].parties[p], p) for n, p in places]
            for (n, p), entities in zip(places, _entities(Task.reading(channel, relation), rows), strict=True):
                found[n][p] = entities
        rows = [case_row(one, parties) for one, parties in zip(prospects, found, strict=True)]
        cases = _entities(Task.reading(channel, CASE, unique_within), rows)
    return [Answer(tuple(parties), of_case) for parties, of_case in zip(found, cases, strict=True)]


def look_up_party(connection: Connection, party: Mapping[str, Any]) -> tuple[Found, ...]:
    """The persons or organisations that one party alone may be; `kind`, `role` and `department` are among its columns."""
    relation = PERSON if party["kind"] == PERSON.name else ORGANISATION
    with Channel(connection) as channel:
        return _entities(Task.reading(channel, relation), [party_row(relation, party, party, 0)])[0]


def _entities(task: Task, asked: Sequence[Mapping[str, Any]]) -> list[tuple[Found, ...]]:
    """Of each row the entities that may be the same, the best first."""
    if not asked:
        return []
    relation, rows = task.relation, [{**row, "id": ITSELF - place} for place, row in enumerate(asked)]
    schema = pl.DataFrame(relation.shape.empty_table()).schema
    own = forms_of(task, pl.DataFrame(rows, schema=schema))
    text = pl.DataFrame(blocking_keys(relation.name, own, task.model))
    keys = text.select("id", key_numbers(text["key"]).alias("key"))
    met = meet_published(read_blocks(task.channel, relation, keys["key"]), keys, unless=series(())).pairs()
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
    numbers = pl.DataFrame(forms_of(task, nodes).select(["id", "identifier"]))
    linked = placed.filter(pl.col("decision") == "link").join(numbers, left_on="right", right_on="id")
    members = nodes_of(task.channel, relation, linked["entity"].unique()).group_by("entity").len("mentions")
    ranked = _with_open_ones(ranked, linked.join(members, on="entity"))
    of_row = ranked.partition_by("left", as_dict=True, maintain_order=True)
    return [tuple(map(_found, of_row[(row["id"],)].iter_rows(named=True))) if (row["id"],) in of_row else () for row in rows]


def _with_open_ones(ranked: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """Links to be reviewed where another is within three bits whose verified number is another: how many mention each counts."""
    bits = (pl.col("match_weight") + pl.col("mentions").log(2)).max()
    entities = linked.group_by("left", "entity").agg(bits=bits, numbers=pl.col("identifier").drop_nulls().unique())
    near = entities.filter(pl.col("bits") >= pl.col("bits").max().over("left") - 3.0).filter(pl.col("numbers").list.len() > 0)
    pairs = near.join(near, on="left", suffix="_other").filter(pl.col("entity") < pl.col("entity_other"))
    torn = pairs.filter(pl.col("numbers").list.set_intersection("numbers_other").list.len() == 0)["left"]
    is_open = pl.col("left").is_in(torn.implode()) & (pl.col("decision") == "link")
    return ranked.with_columns(decision=pl.when(is_open).then(pl.lit("review")).otherwise("decision"))


def _found(row: Mapping[str, Any]) -> Found:
    return Found(row["entity"], ANSWERS[row["decision"]], row["match_weight"], orjson.loads(row["levels"]), row["right"])
