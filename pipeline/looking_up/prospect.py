"""PROSPECT: a record not yet filed, as it is looked up in the store: do we know these people, these firms, this case?

Enter one record and its parties as normalise would leave them; leave rows of the relations' inputs, to be compared with the store's
as resolve would compare them once they are filed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.resolving.relations import CASE, PERSON, Relation
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
