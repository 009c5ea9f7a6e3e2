"""LOOK UP: records not yet filed, many callers at once, each by what that caller may read.

Enter records as `prospect` takes them, and what the caller may read; leave for each party and each record what the store has
that may be the same. It says what RESOLVE's column functions say where everything may be read, and is worked out a row at a time
(`matching.single`), for one question in some milliseconds.

The nodes that share a blocking key are read on the caller's own connection, by a function of the store that knows the keys: of a record
that is closed to him nothing comes, before anything is compared, ranked or limited. So a closed record makes no entity known and changes
no weight, and whether there is none or a closed one the same statements are run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import log2
from types import MappingProxyType
from typing import Any, TypeAlias

import orjson
import polars as pl
import pyarrow as pa
from sqlalchemy import Connection

from hub.encryption import clear_rows
from matching.clustering import TIE
from matching.linkage import link
from matching.model import Model
from matching.single.comparison import Weighed, in_turn, is_known, weigh_in_turn
from matching.single.forms import LATER, case_form, organisation_form, parts_of, person_form
from matching.single.keys import keys_of
from pipeline.looking_up.prospect import ANSWERS, Prospect, case_row, party_row, stand_in
from pipeline.looking_up.statements import mentions, nodes_of
from pipeline.looking_up.view import Treated
from pipeline.resolving.candidates import key_numbers_of
from pipeline.resolving.links import forms_in
from pipeline.resolving.models import load_model
from pipeline.resolving.relations import CASE, ORGANISATION, PERSON, Relation
from schema.codes import sides
from schema.records import PAIR

Row = dict[str, Any]
Open = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Reach:
    """What a caller may read.

    Args:
        connection: on which the caller reads, with whatever security of rows the store has for him.
        readable: which records beside that: SQL about `r`, a row of store.source_record, and `:own`.
        own: the caller's department.
        treated_own: how fields of that department's records are shown to him.
        treated_others: how fields of others' are.
    """

    connection: Connection
    readable: str = "true"
    own: str | None = None
    treated_own: Treated = Treated()
    treated_others: Treated = Treated()

    def treated(self, row: Mapping[str, Any]) -> Treated:
        """How fields of a node's record are shown."""
        return self.treated_own if self.own is not None and row["department"] == self.own else self.treated_others

    @property
    def hidings(self) -> list[tuple[Treated, bool | None]]:
        """Each way of hiding, and of whose records: records are looked up apart by what of them may be looked up."""
        if self.own is None or self.treated_own.hidden == self.treated_others.hidden:
            return [(self.treated_others, None)]
        return [(self.treated_own, True), (self.treated_others, False)]


@dataclass(frozen=True)
class Candidate:
    """An entity of the store that may be the same.

    Args:
        entity: id of a person, an organisation or a case.
        answer: certain or possible.
        match_weight: bits of its best node.
        levels: comparison → level, of that node.
        node: that node, as its record says it.
        linked: nodes of the entity that are certainly the same, that one among them.
    """

    entity: str
    answer: str
    match_weight: float
    levels: Mapping[str, str]
    node: Mapping[str, Any]
    linked: frozenset[int]


Known: TypeAlias = tuple[Candidate, ...]  # entities, each once, the best first


@dataclass(frozen=True)
class Told:
    """What the store knows of a record: of each party in order, and of the case."""

    parties: tuple[Known, ...]
    case: Known


def look_up_all(unrestricted: Open, reach: Reach, prospects: Sequence[Prospect], unique_within: frozenset[str] = frozenset()) -> list[Told]:
    """Look records up that are not filed yet, together.

    Args:
        unrestricted: opens a connection that may count all mentions of a person; it is held no longer than that takes.
        reach: of the caller.
        prospects: the records with their parties.
        unique_within: departments that promise no duplicate cases within themselves.
    """
    known: list[list[Known]] = [[()] * len(prospect.parties) for prospect in prospects]
    for relation in (PERSON, ORGANISATION):
        places = [
            (n, k) for n, prospect in enumerate(prospects) for k, party in enumerate(prospect.parties) if party["kind"] == relation.name
        ]
        rows = [party_row(relation, prospects[n].values, prospects[n].parties[k], place) for place, (n, k) in enumerate(places)]
        for (n, k), found in zip(places, _known(reach, relation, rows), strict=True):
            known[n][k] = found
    records = [case_row(prospect, found) for prospect, found in zip(prospects, known, strict=True)]
    cases = _known(reach, CASE, records, unique_within, _joined_unseen(unrestricted, reach, known))
    return [Told(tuple(parties), case) for parties, case in zip(known, cases, strict=True)]


@dataclass(frozen=True)
class Asked:
    """A row that is looked up, and what it is compared by."""

    relation: Relation
    row: Row
    form: Row
    model: Model
    unique_within: frozenset[str]
    reach: Reach
    unseen: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def met(self, rows: Sequence[Row]) -> list[Row]:
        """Candidates as the caller's own reading tells them: those that still share a key, where persons were joined unseen."""
        if self.relation is not CASE:
            return list(rows)
        told = [row | _by_side(row, self.unseen) for row in rows]
        if not self.unseen:
            return told
        own = set(keys_of(self.form, self.model))
        return [row for row in told if not own.isdisjoint(keys_of(_form(self.relation, row, self.model, self.unique_within), self.model))]

    def weighed(self, rows: Sequence[Row]) -> Sequence[Weighed | None]:
        """Each candidate, compared and weighed; None where no answer comes of it."""
        if not is_known(self.model):
            return self._weighed_as_columns(rows) if rows else []
        turns = in_turn(self.model, LATER[self.relation.name])
        return [weigh_in_turn(self.form, self._parts(row), turns, self.model) for row in rows]

    def _parts(self, row: Row) -> Iterator[Mapping[str, Any]]:
        """A candidate's form, as far as the caller is told of it; what a hidden field makes, the asked form has nothing to compare with."""
        treated = self.reach.treated(row)
        for part in parts_of(self.relation.name, row, self.model, self.unique_within):
            yield treated.told(self.form, part)

    def _weighed_as_columns(self, rows: Sequence[Row]) -> list[Weighed]:
        """The same by the column functions, for a model that compares what one pair alone does not tell."""
        schema = pl.DataFrame(self.relation.shape.empty_table()).schema
        nodes = pl.DataFrame([{name: row.get(name) for name in schema} for row in (self.row, *rows)], schema=schema)
        forms = self._told(forms_in(self.relation, nodes, self.model, self.unique_within), rows)
        pairs = pa.table([[self.row["id"]] * len(rows), [row["id"] for row in rows]], schema=PAIR)
        edges = link(self.relation.name, forms, None, pairs, self.model).to_pylist()
        return [Weighed(edge["decision"], edge["match_weight"], orjson.loads(edge["levels"])) for edge in edges]

    def _told(self, forms: pa.Table, rows: Sequence[Row]) -> pa.Table:
        """Forms of the row and of candidates, these as far as the caller is told of them."""
        asked, *known = forms.to_pylist()
        told = [self.reach.treated(row).told(asked, form) for row, form in zip(rows, known, strict=True)]
        return pa.Table.from_pylist([asked, *map(dict, told)], schema=forms.schema)


def _known(
    reach: Reach,
    relation: Relation,
    rows: Sequence[Row],
    unique_within: frozenset[str] = frozenset(),
    unseen: Mapping[str, frozenset[int]] = MappingProxyType({}),
) -> list[Known]:
    """What is known of each row of the relation's input."""
    model = load_model(relation.name)
    parts: list[list[tuple[Asked, Sequence[Row]]]] = [[] for _ in rows]
    for treated, is_own in reach.hidings:
        asked = []
        for row in map(treated.blanked, rows):
            form = treated.blanked(_form(relation, row, model, unique_within))
            asked.append(Asked(relation, row, form, model, unique_within, reach, unseen))
        nodes = _nodes(reach, relation, [keys_of(one.form, model) for one in asked], is_own=is_own)
        for part, one, found in zip(parts, asked, nodes, strict=True):
            part.append((one, found))
    return [_told(part) for part in parts]


def _form(relation: Relation, row: Row, model: Model, unique_within: frozenset[str]) -> Row:
    if relation is CASE:
        return case_form(row, model, unique_within)
    return person_form(row, model) if relation is PERSON else organisation_form(row, model)


def _nodes(reach: Reach, relation: Relation, keys: Sequence[Sequence[str]], *, is_own: bool | None) -> list[list[Row]]:
    """For each list of keys the nodes that share one and that the caller may read, those that share most first, as many as are compared."""
    found: list[list[Row]] = [[] for _ in keys]
    places = [place for place, listed in enumerate(keys) for _ in listed]
    if places:
        numbers = key_numbers_of([key for listed in keys for key in listed])
        asked = {"places": places, "keys": numbers, "own": reach.own, "is_own": is_own}
        for row in clear_rows(nodes_of(relation, reach.readable).rows(reach.connection, **asked)):
            found[row.pop("place")].append(reach.treated(row).blanked(row))
    return found


def _joined_unseen(unrestricted: Open, reach: Reach, known: Sequence[Sequence[Known]]) -> dict[str, frozenset[int]]:
    """Persons of whom mentions are closed to the caller → those mentions that were certain by themselves.

    That the others are the same person too may be known from a closed record alone: they are not taken for it.
    """
    certain = [
        found[0] for parties in known for found in parties if found and found[0].answer == "certain" and found[0].node["kind"] == "person"
    ]
    if not certain:
        return {}
    ids = sorted({one.entity for one in certain})
    with unrestricted() as connection:
        whole = _mentions(connection, PERSON, "true", ids, reach.own)
    read = _mentions(reach.connection, PERSON, reach.readable, ids, reach.own)
    joined: dict[str, frozenset[int]] = {}
    for one in certain:
        if whole[one.entity] != read.get(one.entity):
            joined[one.entity] = joined.get(one.entity, one.linked) | one.linked
    return joined


def _mentions(connection: Connection, relation: Relation, readable: str, ids: Sequence[str], own: str | None) -> dict[str, int]:
    return {row["entity"]: row["mentions"] for row in mentions(relation, readable).rows(connection, ids=ids, own=own)}


def _by_side(row: Row, unseen: Mapping[str, frozenset[int]]) -> dict[str, list[int]]:
    """The persons and organisations on a record's sides, as `relations.with_parties` has them; one joined unseen is a person apart."""
    found: dict[str, set[int]] = defaultdict(set)
    parties = zip(row["party_ids"] or (), row["roles"] or (), row["kinds"] or (), row["entities"] or (), strict=True)
    for party_id, role, kind, entity in parties:
        if entity is not None:
            is_seen = party_id in unseen.get(entity, (party_id,))
            found[f"{sides().get(role, 'other')}_{kind}s"].add(stand_in(entity) if is_seen else -party_id)
    return {name: sorted(numbers) for name, numbers in found.items()}


def _told(parts: Sequence[tuple[Asked, Sequence[Row]]]) -> Known:
    """Whom the nodes make known: of each entity the node that weighs most."""
    weighed: list[tuple[Row, Weighed]] = []
    for asked, nodes in parts:
        met = asked.met(nodes)
        weighed += [(row, pair) for row, pair in zip(met, asked.weighed(met), strict=True) if pair is not None and pair.decision in ANSWERS]
    linked: dict[str, dict[int, Row]] = defaultdict(dict)
    for row, pair in weighed:
        if ANSWERS[pair.decision] == "certain":
            linked[row["entity"]][row["id"]] = row
    best: dict[str, Candidate] = {}
    for row, pair in sorted(weighed, key=lambda one: (-one[1].match_weight, one[0]["id"])):
        entity = row["entity"]
        answer = ANSWERS[pair.decision]
        best.setdefault(entity, Candidate(entity, answer, pair.match_weight, pair.levels, row, frozenset(linked[entity])))
    return _where_open(parts[0][0], tuple(best.values()), linked) if len(linked) > 1 else tuple(best.values())


def _where_open(asked: Asked, known: Known, linked: Mapping[str, Mapping[int, Row]]) -> Known:
    """Nobody is certain where another is as likely whom a verified number tells apart from him: the hub would join neither.

    As in `matching.unions`, how often each is met counts, as far as the caller may read it.
    """
    certain = [one for one in known if one.answer == "certain"]
    numbers: dict[str, set[str]] = {}
    for one in certain:
        forms = (_form(asked.relation, row, asked.model, asked.unique_within) for row in linked[one.entity].values())
        numbers[one.entity] = {form["identifier"] for form in forms if form["identifier"] is not None}
    rivals = [pair for pair in combinations(certain, 2) if _are_two(*(numbers[one.entity] for one in pair))]
    if not rivals:
        return known
    reach, ids = asked.reach, sorted(numbers)
    met = _mentions(reach.connection, asked.relation, reach.readable, ids, reach.own)
    likely = {one.entity: one.match_weight + log2(met.get(one.entity, 1)) for one in certain}
    least = max(likely.values()) - TIE
    is_open = any(min(likely[one.entity], likely[other.entity]) >= least for one, other in rivals)
    return tuple(replace(one, answer="possible") if is_open and one.answer == "certain" else one for one in known)


def _are_two(numbers: set[str], others: set[str]) -> bool:
    return bool(numbers) and bool(others) and numbers.isdisjoint(others)
