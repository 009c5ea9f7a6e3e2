"""Parties whose phone or ID number ends so, as far as the caller is shown those ends.

In a store in the clear the whole of it is one look-up. In an encrypted one the index knows the last four characters by a keyed
hash: it gives candidates, whose numbers are then read in the clear, and judged here by the same rules.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection

from api.queries.rows import Row, fetch
from api.queries.visible import members_of
from hub.encryption import NUMBERS, KeyRing, key_ring
from hub.encryption.key_ring import END

Tail = tuple[int, int, str, int]  # record_id, version, phone or id_no, ordinal of the party

_TAILS = "SELECT t.record_id, t.version, t.field, t.ordinal FROM store.find_tails(:tail, CAST(:shown AS integer[]), :most) t"
#: Numbers with the right last four characters that are looked at for a longer end: of ten thousand parties one has them.
_LOOKED_AT = 20_000
_ENDS = f"""
SELECT f.record_id, f.version, f.field, f.ordinal, f.is_own, CASE WHEN f.field = 'phone' THEN p.phone END AS phone,
       CASE WHEN f.field = 'id_no' THEN p.id_no END AS id_no
FROM store.find_ends(:phones, :id_nos, {_LOOKED_AT}) WITH ORDINALITY AS f (record_id, version, field, ordinal, is_own, turn)
CROSS JOIN LATERAL (
    SELECT p.phone, p.id_no FROM store.party p WHERE p.record_id = f.record_id AND p.version = f.version AND p.ordinal = f.ordinal OFFSET 0
) p
ORDER BY f.turn
"""
_OF_CASES = f"""
SELECT r.record_id, coalesce(r.department = :own, false) AS is_own, p.phone, p.id_no FROM {members_of("ids")}
CROSS JOIN LATERAL (
    SELECT p.phone, p.id_no FROM store.party p WHERE p.record_id = r.record_id AND p.version = r.version
    AND ("right"(p.phone, 4) = ANY(CAST(:phones AS text[])) OR "right"(p.id_no, 4) = ANY(CAST(:id_nos AS text[]))) OFFSET 0
) p
"""
_MOBILE = re.compile(r"1[0-9]{10}")
_LONG = 15  # characters of an ID number of which a mask shows the last ones


@dataclass(frozen=True)
class TailsShown:
    """How many of a number's last characters the caller is shown, and so may look for: one field, own records and others'.

    What is shown whole may be looked for by an end of any length: `WHOLE`. To look for more than is shown would tell a masked
    number digit by digit. A mask shows them of mobile phones and long documents alone.
    """

    own_phone: int
    other_phone: int
    own_id_no: int
    other_id_no: int

    WHOLE: ClassVar[int] = 99

    def of(self, field: str, *, is_own: bool) -> int:
        """Of one field."""
        if field == "phone":
            return self.own_phone if is_own else self.other_phone
        return self.own_id_no if is_own else self.other_id_no


def find_tails(connection: Connection, tail: str, shown: TailsShown, most: int) -> list[Tail]:
    """Parties of records that the caller may read whose number ends so, the newest of them.

    Raises:
        DecryptionError: a number does not decrypt.
    """
    ring = key_ring()
    if ring is not None:
        return _among_encrypted(connection, ring, tail, shown)[:most]
    values = {"tail": tail, "most": most, "shown": [shown.own_phone, shown.other_phone, shown.own_id_no, shown.other_id_no]}
    return [_tail(row) for row in fetch(connection, _TAILS, values)]


def records_with_tail(connection: Connection, case_ids: Sequence[uuid.UUID], tail: str, shown: TailsShown, own: str | None) -> list[int]:
    """Records of these cases that have a party whose number ends so, in an encrypted store.

    Raises:
        DecryptionError: a number does not decrypt.
    """
    ring = key_ring()
    if ring is None:
        raise RuntimeError("a store in the clear is asked in SQL")
    values = {"ids": list(case_ids), "own": own, **_ends(ring, tail)}
    both = [(row | {"field": field}) for row in fetch(connection, _OF_CASES, values) for field in NUMBERS]
    return list({row["record_id"] for row in both if _is_shown(row, tail, shown)})


def _ends(ring: KeyRing, tail: str) -> dict[str, list[str]]:
    ends = {name: [tail[-END:], ring.end(field, tail)] for name, field in NUMBERS.items()}
    return {"phones": ends["phone"], "id_nos": ends["id_no"]}


def _among_encrypted(connection: Connection, ring: KeyRing, tail: str, shown: TailsShown) -> list[Tail]:
    rows = fetch(connection, _ENDS, _ends(ring, tail))
    return [_tail(row) for row in rows if _is_shown(row, tail, shown)]


def _tail(row: Row) -> Tail:
    return row["record_id"], row["version"], row["field"], row["ordinal"]


def _is_shown(row: Row, tail: str, shown: TailsShown) -> bool:
    """What store.find_tails says of a number in the clear."""
    field, characters = row["field"], shown.of(row["field"], is_own=row["is_own"])
    number: str = row[field] or ""
    is_long = len(number) >= _LONG if field == "id_no" else _MOBILE.fullmatch(number) is not None
    return number.endswith(tail) and len(tail) <= characters and (characters == TailsShown.WHOLE or is_long)
