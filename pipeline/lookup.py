"""LOOK UP: records not yet filed, many callers at once, each by what that caller may read.

Enter records as `prospect` takes them, and what the caller may read; leave for each party and each record what the store has
that may be the same. It says what `prospect.look_up` says where everything may be read, and is worked out a row at a time
(`matching.single`), for one question in some milliseconds.

Blocking keys, which hold no values, give the numbers of the nodes that share one. The nodes themselves are read on the caller's
own connection: of a record that is closed to him nothing comes, before anything is compared, ranked or limited. So a closed
record makes no entity known and changes no weight, and whether there is none or a closed one the same statements are run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import orjson
import polars as pl
import pyarrow as pa
from sqlalchemy import Connection

from hub.encryption import clear_rows
from matching.linkage import link
from matching.model import Model
from matching.model_file import load_model
from matching.single.comparison import Weighed, is_known, weigh_pair
from matching.single.forms import case_form, organisation_form, person_form
from matching.single.keys import keys_of
from pipeline.candidates import key_numbers_of
from pipeline.links import forms_in
from pipeline.lookup_statements import mentions, met_by, nodes_of
from pipeline.lookup_view import Treated
from pipeline.prospect import ANSWERS, CANDIDATES, Prospect, case_row, party_row, stand_in
from pipeline.relations import CASE, ORGANISATION, PERSON, Relation
from schema.codes import sides
from schema.records import PAIR

Row = dict[str, Any]

_READ_AT_ONCE = 2 * CANDIDATES  # nodes of one row; more are read only where many of them are closed to the caller


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
    def hidings(self) -> list[Treated]:
        """Each way of hiding, once: records are looked up apart by what of them may be looked up."""
        both = [self.treated_others] if self.own is None else [self.treated_own, self.treated_others]
        return list({each.hidden: each for each in both}.values())


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


def look_up_all(keys: Connection, reach: Reach, prospects: Sequence[Prospect], unique_within: frozenset[str] = frozenset()) -> list[Told]:
    """Look records up that are not filed yet, together.

    Args:
        keys: a connection that may read the key tables and count mentions.
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
        for (n, k), found in zip(places, _known(keys, reach, relation, rows), strict=True):
            known[n][k] = found
    records = [case_row(prospect, found) for prospect, found in zip(prospects, known, strict=True)]
    cases = _known(keys, reach, CASE, records, unique_within, _joined_unseen(keys, reach, known))
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

    def form_of(self, row: Row, *, is_keyed: bool = False) -> Row:
        """The form of a candidate; what it tells of a hidden field beside the field itself, the asked form has nothing to compare with."""
        return _form(self.relation, row, self.model, self.unique_within, is_keyed=is_keyed)

    def met(self, rows: Sequence[Row]) -> list[Row]:
        """Candidates as the caller's own reading tells them: those that still share a key, where persons were joined unseen."""
        if self.relation is not CASE:
            return list(rows)
        told = [row | _by_side(row, self.unseen) for row in rows]
        if not self.unseen:
            return told
        own = set(keys_of(self.form, self.model))
        return [row for row in told if not own.isdisjoint(keys_of(self.form_of(row, is_keyed=True), self.model))]

    def weighed(self, rows: Sequence[Row]) -> list[Weighed]:
        """Each candidate, compared and weighed."""
        if not is_known(self.model):
            return self._weighed_as_columns(rows) if rows else []
        return [weigh_pair(self.form, self.reach.treated(row).told(self.form, self.form_of(row)), self.model) for row in rows]

    def _weighed_as_columns(self, rows: Sequence[Row]) -> list[Weighed]:
        """The same by the column functions, for a model that compares what one pair alone does not tell."""
        schema = pl.DataFrame(self.relation.shape.empty_table()).schema
        nodes = pl.DataFrame([{name: row.get(name) for name in schema} for row in (self.row, *rows)], schema=schema)
        forms = forms_in(self.relation, nodes, self.model, self.unique_within)
        pairs = pa.table([[self.row["id"]] * len(rows), [row["id"] for row in rows]], schema=PAIR)
        edges = link(self.relation.name, forms, None, pairs, self.model).to_pylist()
        return [Weighed(edge["decision"], edge["match_weight"], orjson.loads(edge["levels"])) for edge in edges]


def _known(
    keys: Connection,
    reach: Reach,
    relation: Relation,
    rows: Sequence[Row],
    unique_within: frozenset[str] = frozenset(),
    unseen: Mapping[str, frozenset[int]] = MappingProxyType({}),
) -> list[Known]:
    """What is known of each row of the relation's input."""
    model = load_model(relation.name)
    parts: list[list[tuple[Asked, Sequence[Row]]]] = [[] for _ in rows]
    for treated in reach.hidings:
        asked = []
        for row in map(treated.blanked, rows):
            form = treated.blanked(_form(relation, row, model, unique_within))
            asked.append(Asked(relation, row, form, model, unique_within, reach, unseen))
        met = _met(keys, relation, [keys_of(one.form, model) for one in asked])
        for part, one, nodes in zip(parts, asked, _nodes(reach, relation, met, treated.hidden), strict=True):
            part.append((one, nodes))
    return [_told(part) for part in parts]


def _form(relation: Relation, row: Row, model: Model, unique_within: frozenset[str], *, is_keyed: bool = True) -> Row:
    if relation is CASE:
        return case_form(row, model, unique_within, is_keyed=is_keyed)
    return person_form(row, model) if relation is PERSON else organisation_form(row, model)


def _met(connection: Connection, relation: Relation, keys: Sequence[Sequence[str]]) -> list[list[int]]:
    """For each list of keys the nodes that share one, those that share most first, of equals the older."""
    met: list[list[int]] = [[] for _ in keys]
    places = [place for place, listed in enumerate(keys) for _ in listed]
    if places:
        parameters = {"places": places, "keys": key_numbers_of([key for listed in keys for key in listed])}
        for row in met_by(relation).rows(connection, **parameters):
            met[row["place"]].append(row["id"])
    return met


def _nodes(reach: Reach, relation: Relation, met: Sequence[Sequence[int]], hidden: frozenset[str]) -> list[list[Row]]:
    """Of each list of nodes the first that the caller may read and of which just this is hidden, as many as are compared."""
    read: dict[int, Row] = {}
    # Once even where there are none: who times the answer must not tell a closed record from no record.
    for start in range(0, max(1, *map(len, met)) if met else 0, _READ_AT_ONCE):
        short = [nodes for nodes in met if sum(node in read for node in nodes[:start]) < CANDIDATES]
        wanted = {node for nodes in short for node in nodes[start : start + _READ_AT_ONCE]} - read.keys()
        read |= _read(reach, relation, sorted(wanted), hidden)
    return [[read[node] for node in nodes if node in read][:CANDIDATES] for nodes in met]


def _read(reach: Reach, relation: Relation, ids: Sequence[int], hidden: frozenset[str]) -> dict[int, Row]:
    """Nodes that the caller may read and of which just this is hidden, by id."""
    rows = clear_rows(nodes_of(relation, reach.readable).rows(reach.connection, ids=ids, own=reach.own))
    return {row["id"]: treated.blanked(row) for row in rows if (treated := reach.treated(row)).hidden == hidden}


def _joined_unseen(keys: Connection, reach: Reach, known: Sequence[Sequence[Known]]) -> dict[str, frozenset[int]]:
    """Persons of whom mentions are closed to the caller → those mentions that were certain by themselves.

    That the others are the same person too may be known from a closed record alone: they are not taken for it.
    """
    certain = [
        found[0] for parties in known for found in parties if found and found[0].answer == "certain" and found[0].node["kind"] == "person"
    ]
    if not certain:
        return {}
    ids = sorted({one.entity for one in certain})
    whole, read = (
        {row["entity"]: row["mentions"] for row in mentions(readable).rows(connection, ids=ids, own=reach.own)}
        for connection, readable in ((keys, "true"), (reach.connection, reach.readable))
    )
    joined: dict[str, frozenset[int]] = {}
    for one in certain:
        if whole[one.entity] != read.get(one.entity):
            joined[one.entity] = joined.get(one.entity, one.linked) | one.linked
    return joined


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
        weighed += [(row, pair) for row, pair in zip(met, asked.weighed(met), strict=True) if pair.decision in ANSWERS]
    linked: dict[str, set[int]] = defaultdict(set)
    for row, pair in weighed:
        if ANSWERS[pair.decision] == "certain":
            linked[row["entity"]].add(row["id"])
    best: dict[str, Candidate] = {}
    for row, pair in sorted(weighed, key=lambda one: (-one[1].match_weight, one[0]["id"])):
        entity = row["entity"]
        answer = ANSWERS[pair.decision]
        best.setdefault(entity, Candidate(entity, answer, pair.match_weight, pair.levels, row, frozenset(linked[entity])))
    return tuple(best.values())
