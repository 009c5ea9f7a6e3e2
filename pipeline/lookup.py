"""LOOK UP: records not yet filed, many callers at once, each by what that caller may read.

Enter records as `prospect` takes them, and which records of the store the caller may read, as SQL; leave for each party and
each record what the store has that may be the same. It says what `prospect.look_up` says where everything may be read, and
is worked out a row at a time (`matching.single`), for one question in some milliseconds. One statement a relation finds the
nodes that share a key, drops those of records that are closed to the caller before anything is counted or limited, and
brings the rest: a closed record neither makes an entity known nor changes a weight, nor how many statements are run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import xxhash
from sqlalchemy import Connection, TextClause, text

from matching.linkage import link
from matching.model import Model
from matching.model_file import load_model
from matching.single.comparison import Weighed, is_known, weigh_pair
from matching.single.forms import case_form, organisation_form, person_form
from matching.single.keys import keys_of
from pipeline.candidates import BLOCK_MOST
from pipeline.links import forms_in
from pipeline.prospect import ANSWERS, CANDIDATES, Prospect, case_row, party_row, stand_in
from pipeline.relations import CASE, ORGANISATION, PERSON, Relation
from schema.codes import sides
from schema.records import PAIR

Row = dict[str, Any]

_PARTY = """
    SELECT k.party_id AS id, p.record_id, p.version, p.ordinal, p.role, p.kind, p.name, p.id_type, p.id_no, p.uscc, p.phone,
           p.address AS own_address, CASE WHEN p.kind = 'person' THEN coalesce(p.address, r.address) ELSE p.address END AS address,
           p.gender, p.birth_date, r.department, r.source_record_id, r.visibility, {readable} IS TRUE AS is_readable
    FROM {keys} k
    CROSS JOIN LATERAL (SELECT * FROM store.party WHERE party_id = k.party_id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
    CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE record_id = p.record_id AND known_to IS NULL OFFSET 0) r
    WHERE k.key = t.key AND {stands} AND ({readable} OR {acknowledged}) ORDER BY k.party_id LIMIT {most}
"""
_RECORD = """
    SELECT k.record_id AS id, r.record_id, r.version, r.department, r.source_record_id, r.visibility, r.case_number, r.title, r.text, r.category,
           r.occurred_at, r.reported_at, r.amount::float8 AS amount, r.people_involved, r.address, r.street, r.community, r.longitude,
           r.latitude, r."references", {readable} IS TRUE AS is_readable
    FROM {keys} k
    CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE record_id = k.record_id AND known_to IS NULL OFFSET 0) r
    WHERE k.key = t.key AND {stands} AND ({readable} OR {acknowledged}) ORDER BY k.record_id LIMIT {most}
"""
_STANDS = "r.known_from IS NOT NULL AND NOT r.is_deleted"
# What shares most keys is compared, of equals the older: as `prospect` chooses, but among what the caller may know of.
_MET = """
SELECT best.*, m.entity{more} FROM (
    SELECT met.*, row_number() OVER (PARTITION BY place, is_readable ORDER BY shared DESC, id) AS turn FROM (
        SELECT DISTINCT ON (t.place, b.id) t.place, b.*, count(*) OVER (PARTITION BY t.place, b.id) AS shared
        FROM unnest(CAST(:places AS integer[]), CAST(:keys AS bigint[])) AS t (place, key) CROSS JOIN LATERAL ({block}) b
    ) met
) best
CROSS JOIN LATERAL (SELECT {entity}::text AS entity FROM {members} WHERE {node} = best.id AND known_to IS NULL OFFSET 0) m{joined}
WHERE best.turn <= {compared} ORDER BY best.place, best.id
"""
_RESOLVED = """
LEFT JOIN LATERAL (
    SELECT array_agg(p.role ORDER BY p.party_id) AS roles, array_agg(p.kind ORDER BY p.party_id) AS kinds,
           array_agg(CASE p.kind WHEN 'person' THEN (SELECT person_id FROM store.person_member WHERE party_id = p.party_id AND known_to IS NULL)
               ELSE (SELECT organisation_id FROM store.organisation_member WHERE party_id = p.party_id AND known_to IS NULL) END::text
               ORDER BY p.party_id) AS entities
    FROM store.party p WHERE p.record_id = best.id AND p.known_to IS NULL AND p.known_from IS NOT NULL AND best.is_readable
) resolved ON true"""


@dataclass(frozen=True)
class Reach:
    """Which records a caller may read, and of which he may know that they exist: SQL about `r`, a row of store.source_record.

    Args:
        readable: condition.
        acknowledged: condition; it holds for none that is readable.
        parameters: values that they want bound.
    """

    readable: str = "true"
    acknowledged: str = "false"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """An entity of the store that may be the same.

    Args:
        entity: id of a person, an organisation or a case.
        answer: certain or possible.
        match_weight: bits of its best node.
        levels: comparison → level, of that node.
        node: that node, as its record says it.
    """

    entity: str
    answer: str
    match_weight: float
    levels: Mapping[str, str]
    node: Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """What the store knows of one party or one record: the best first.

    Args:
        candidates: entities, each once.
        acknowledged: departments that hold a closed record with the very number that was given.
    """

    candidates: tuple[Candidate, ...] = ()
    acknowledged: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Told:
    """What the store knows of a record: of each party in order, and of the case."""

    parties: tuple[Known, ...]
    case: Known


def look_up_all(
    connection: Connection, prospects: Sequence[Prospect], reach: Reach, unique_within: frozenset[str] = frozenset()
) -> list[Told]:
    """Look records up that are not filed yet, together, in the connection's transaction.

    Args:
        connection: of a transaction that sees one moment.
        prospects: the records with their parties.
        reach: of the caller.
        unique_within: departments that promise no duplicate cases within themselves.
    """
    known: list[list[Known]] = [[Known()] * len(prospect.parties) for prospect in prospects]
    for relation in (PERSON, ORGANISATION):
        places = [(n, k) for n, prospect in enumerate(prospects) for k, party in enumerate(prospect.parties) if party["kind"] == relation.name]
        rows = [
            party_row(relation, prospects[n].values, prospects[n].parties[k], number) for number, (n, k) in enumerate(places)
        ]
        for (n, k), found in zip(places, _known(connection, relation, rows, reach), strict=True):
            known[n][k] = found
    records = [case_row(prospect, [one.candidates for one in found]) for prospect, found in zip(prospects, known, strict=True)]
    cases = _known(connection, CASE, records, reach, unique_within)
    return [Told(tuple(parties), case) for parties, case in zip(known, cases, strict=True)]


def look_up_parties(connection: Connection, parties: Sequence[Mapping[str, Any]], reach: Reach) -> list[Known]:
    """The persons or organisations that each party alone may be; `kind`, `role` and `department` are among its columns."""
    found = [Known()] * len(parties)
    for relation in (PERSON, ORGANISATION):
        places = [place for place, party in enumerate(parties) if party["kind"] == relation.name]
        rows = [party_row(relation, parties[place], parties[place], place) for place in places]
        for place, one in zip(places, _known(connection, relation, rows, reach), strict=True):
            found[place] = one
    return found


@dataclass(frozen=True)
class Asked:
    """A row that is looked up, and what it is compared by."""

    relation: Relation
    row: Row
    form: Row
    model: Model
    unique_within: frozenset[str]

    def form_of(self, row: Row) -> Row:
        """The form of a candidate."""
        return _form(self.relation, row, self.model, self.unique_within)

    def weighed(self, rows: Sequence[Row]) -> list[Weighed]:
        """Each candidate, compared and weighed."""
        if not is_known(self.model):
            return self._weighed_as_columns(rows) if rows else []
        return [weigh_pair(self.form, self.form_of(row), self.model) for row in rows]

    def _weighed_as_columns(self, rows: Sequence[Row]) -> list[Weighed]:
        """The same by the column functions, for a model that compares what one pair alone does not tell."""
        schema = pl.DataFrame(self.relation.shape.empty_table()).schema
        nodes = pl.DataFrame([{name: row.get(name) for name in schema} for row in (self.row, *rows)], schema=schema)
        forms = forms_in(self.relation, nodes, self.model, self.unique_within)
        pairs = pa.table([[self.row["id"]] * len(rows), [row["id"] for row in rows]], schema=PAIR)
        edges = link(self.relation.name, forms, None, pairs, self.model).to_pylist()
        return [Weighed(edge["decision"], edge["match_weight"], orjson.loads(edge["levels"])) for edge in edges]


def _known(
    connection: Connection, relation: Relation, rows: Sequence[Row], reach: Reach, unique_within: frozenset[str] = frozenset()
) -> list[Known]:
    """What is known of each row of the relation's input."""
    model = load_model(relation.name)
    forms = [_form(relation, row, model, unique_within) for row in rows]
    met: dict[int, list[Row]] = defaultdict(list)
    for row in _candidates(connection, relation, [keys_of(form, model) for form in forms], reach):
        met[row["place"]].append(row)
    asked = [Asked(relation, row, form, model, unique_within) for row, form in zip(rows, forms, strict=True)]
    return [_told(one, met[place]) for place, one in enumerate(asked)]


def _form(relation: Relation, row: Row, model: Model, unique_within: frozenset[str]) -> Row:
    if relation is CASE:
        return case_form(row, model, unique_within)
    return person_form(row, model) if relation is PERSON else organisation_form(row, model)


def _candidates(connection: Connection, relation: Relation, keys: Sequence[Sequence[str]], reach: Reach) -> list[Row]:
    """Nodes that share a key, with the place of the row that they share it with."""
    places = [place for place, listed in enumerate(keys) for _ in listed]
    if not places:
        return []
    numbers = [_number(key) for listed in keys for key in listed]
    parameters = {"places": places, "keys": numbers, **reach.parameters}
    found = connection.execute(_statement(relation, reach.readable, reach.acknowledged), parameters).mappings()
    rows = [dict(row) for row in found]
    return [row | _by_side(row) for row in rows] if relation is CASE else rows


@cache
def _statement(relation: Relation, readable: str, acknowledged: str) -> TextClause:
    conditions = {"readable": readable, "acknowledged": acknowledged, "stands": _STANDS, "most": BLOCK_MOST}
    is_case = relation is CASE
    block = (_RECORD if is_case else _PARTY).format(keys=relation.keys, **conditions)
    names = {"entity": relation.entity, "members": relation.members, "node": relation.node, "compared": CANDIDATES}
    more, joined = (", resolved.roles, resolved.kinds, resolved.entities", _RESOLVED) if is_case else ("", "")
    return text(_MET.format(block=block, more=more, joined=joined, **names))


def _number(key: str) -> int:
    """A key as the key tables hold it: `candidates.key_numbers` of one."""
    unsigned: int = xxhash.xxh3_64_intdigest(key.encode())
    return unsigned - (1 << 64) if unsigned >> 63 else unsigned


def _by_side(row: Row) -> dict[str, list[int]]:
    """The persons and organisations on a record's sides, as `relations.with_parties` has them."""
    found: dict[str, set[int]] = defaultdict(set)
    for role, kind, entity in zip(row["roles"] or (), row["kinds"] or (), row["entities"] or (), strict=True):
        if entity is not None:
            found[f"{sides().get(role, 'other')}_{kind}s"].add(stand_in(entity))
    return {name: sorted(numbers) for name, numbers in found.items()}


def _told(asked: Asked, met: Sequence[Row]) -> Known:
    """Whom the candidates make known: of each entity the node that weighs most."""
    open_, closed = [row for row in met if row["is_readable"]], [row for row in met if not row["is_readable"]]
    weighed = [(row, pair) for row, pair in zip(open_, asked.weighed(open_), strict=True) if pair.decision in ANSWERS]
    best: dict[str, Candidate] = {}
    for row, pair in sorted(weighed, key=lambda one: (-one[1].match_weight, one[0]["id"])):
        best.setdefault(row["entity"], _candidate(row, pair))
    named = (row["department"] for row in closed if _names_it(asked.relation, asked.form, asked.form_of(row)))
    return Known(tuple(best.values()), frozenset(named))


def _candidate(row: Row, pair: Weighed) -> Candidate:
    return Candidate(row["entity"], ANSWERS[pair.decision], pair.match_weight, pair.levels, row)


def _names_it(relation: Relation, form: Row, known: Row) -> bool:
    """Whether both bear the very same number: all that a closed record may be known by."""
    if relation is CASE:
        return not set(form["numbers"]).isdisjoint(known["numbers"])
    columns = ("id_no", "phone") if relation is PERSON else ("uscc", "phone")
    return any(form[column] is not None and form[column] == known[column] for column in columns)
