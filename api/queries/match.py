"""Statements of the match: which records are compared, and desks of closed records that bear a number which was given."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from api.queries.visible import READABLE
from hub.encryption import number_forms
from pipeline.store.prepared import Prepared

#: Of store.source_record itself: what `visible.READABLE` says, and what was opened to the caller for a time.
COMPARED = f"""({READABLE} OR (r.visibility = 'restricted'
    AND EXISTS (SELECT FROM ops.granted_record g WHERE g.record_id = r.record_id OFFSET 0)))"""

_ACKNOWLEDGED = Prepared(
    "SELECT f.place, f.department FROM store.desks_of(:places, :fields, :values) f",
    {"places": "integer[]", "fields": "text[]", "values": "text[]"},
)


def acknowledged(connection: Connection, numbers: Sequence[tuple[int, str, str]]) -> dict[int, set[str]]:
    """By place the departments whose restricted records bear one of the numbers given for it.

    Args:
        connection: the caller's.
        numbers: (place, field, value), the field one of id_no, phone, uscc and number.
    """
    if not numbers:
        return {}
    forms = [(place, field, form) for place, field, number in numbers for form in number_forms(field, [number])]
    places, fields, values = (list(column) for column in zip(*forms, strict=True))
    found: dict[int, set[str]] = {}
    for row in _ACKNOWLEDGED.rows(connection, places=places, fields=fields, values=values):
        found.setdefault(row["place"], set()).add(row["department"])
    return found
