"""What a route notes on its trace: the shape of what was asked, by names alone, and whom the answer shows.

Whom a call looked at is said three ways: `entity_ids` are the cases that were listed, read, named or asked for; `person_ids` the persons
whose parties were shown, or who were asked for by an identifier that found them or by their id; `record_ids` records shown one by one.
Persons who are parties of a listed case need no entry: `api.audit.subject` knows who was a party of which case when.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from api.queries.rows import fetch
from api.queries.visible import ACKNOWLEDGED, MEMBERS, READABLE
from api.recognise import Kind, Reading, recognise
from api.trace import Trace
from hub.encryption import number_forms

_PAGING = frozenset({"q", "cursor", "limit", "include"})
_COLUMNS = {Kind.ID_NUMBER: "id_no", Kind.PHONE: "phone"}
_PERSONS = f"""
SELECT DISTINCT p.{{column}} AS value, m.case_id, e.person_id FROM store.party p
JOIN store.person_member e ON e.party_id = p.party_id AND e.known_to IS NULL
JOIN {MEMBERS} ON r.record_id = p.record_id AND r.version = p.version
WHERE p.{{column}} = ANY(:values) AND m.case_id = ANY(:case_ids) AND ({READABLE} OR {ACKNOWLEDGED})
"""
_RECORDS = "SELECT DISTINCT record_id FROM store.party WHERE party_id = ANY(:ids) ORDER BY record_id"


def shape_of(query: BaseModel, **more: Any) -> dict[str, Any]:
    """The shape of a question: which filters were given, which parts were asked for, whether it is a later page.

    Args:
        query: as checked; its values are not looked at.
        more: other names, such as `entry="phone"` or `include=["parties"]`; what is empty is left out.
    """
    given = {name for name, field in type(query).model_fields.items() if getattr(query, name) != field.default}
    return shape(filters=sorted(given - _PAGING), page="next" if "cursor" in given else None, **more)


def shape(**parts: Any) -> dict[str, Any]:
    """A shape of these names; what is empty is left out."""
    return {name: item for name, item in parts.items() if item}


def note_search(
    trace: Trace, connection: Connection, query: BaseModel, *, entry: str | None, case_ids: Sequence[uuid.UUID], own: str | None
) -> None:
    """Note a search and what it found.

    Args:
        trace: of the call.
        connection: on which the caller's records are read.
        query: with `q` and `person_id`.
        entry: how `q` was read.
        case_ids: that are shown.
        own: the caller's department.
    """
    trace.shape = shape_of(query, entry=entry)
    trace.entity_ids = list(case_ids)
    trace.results = len(case_ids)
    asked: uuid.UUID | None = getattr(query, "person_id", None)
    trace.person_ids = [] if asked is None else [asked]
    if case_ids and getattr(query, "q", None):
        trace.person_ids += persons_by_identifier(connection, getattr(query, "q", ""), case_ids, own)


def persons_by_identifier(connection: Connection, entry: str, case_ids: Sequence[uuid.UUID], own: str | None) -> list[uuid.UUID]:
    """Whom an ID number or phone found in these cases, among the records that the caller may know of; nobody for any other entry."""
    return persons_by_identifiers(connection, {0: [recognise(entry)]}, {0: case_ids}, own).get(0, [])


def persons_by_identifiers(
    connection: Connection, asked: Mapping[int, Iterable[Reading]], case_ids: Mapping[int, Sequence[uuid.UUID]], own: str | None
) -> dict[int, list[uuid.UUID]]:
    """`persons_by_identifier` of many entries, by their numbers."""
    found: dict[int, list[uuid.UUID]] = {}
    for kind, column in _COLUMNS.items():
        values = {
            number: frozenset(form for reading in several if reading.kind is kind for form in number_forms(column, reading.values))
            for number, several in asked.items()
            if case_ids.get(number)
        }
        every = sorted(frozenset().union(*values.values()))
        if not every:
            continue
        shown_by_them = list({case_id for number, forms in values.items() if forms for case_id in case_ids[number]})
        rows = fetch(connection, _PERSONS.format(column=column), {"values": every, "case_ids": shown_by_them, "own": own})
        for number, forms in values.items():
            shown = set(case_ids[number])
            persons = [row["person_id"] for row in rows if row["value"] in forms and row["case_id"] in shown]
            found[number] = list(dict.fromkeys([*found.get(number, []), *persons]))
    return found


def note_parties(trace: Trace, parties: Iterable[Mapping[str, Any]]) -> None:
    """Note the persons whose parties are shown."""
    trace.person_ids += [party["person_id"] for party in parties if party["person_id"] is not None]


def records_of_parties(connection: Connection, party_ids: Sequence[int]) -> list[int]:
    """The records whose parties are shown, as `record_ids` of a trace has them."""
    return [row["record_id"] for row in fetch(connection, _RECORDS, {"ids": list(party_ids)})]
