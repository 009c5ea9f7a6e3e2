"""As of when a statement is answered: now, or as the hub knew it after a change. Times become change numbers here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

#: Halves what is left until one number is: a look at the primary key each time, however long the list of changes is. All
#: changes of one chunk have its time, and chunks follow one another, so that times never go back within an epoch.
_NUMBER_AT = """
WITH RECURSIVE era AS (
    SELECT c.epoch FROM ops.change_counter c
    WHERE (SELECT h.at FROM store.change h WHERE h.epoch = c.epoch ORDER BY h.change_number LIMIT 1) <= :at
    ORDER BY c.epoch DESC LIMIT 1
), probe (low, high) AS (
    SELECT min(b.change_number), max(b.change_number) FROM era CROSS JOIN LATERAL (
        (SELECT change_number FROM store.change WHERE epoch = era.epoch ORDER BY change_number LIMIT 1)
        UNION ALL (SELECT change_number FROM store.change WHERE epoch = era.epoch ORDER BY change_number DESC LIMIT 1)
    ) b HAVING count(*) > 0
    UNION ALL
    SELECT CASE WHEN found.at <= :at THEN found.change_number ELSE p.low END, CASE WHEN found.at <= :at THEN p.high ELSE half.number - 1 END
    FROM probe p CROSS JOIN era CROSS JOIN LATERAL (SELECT (p.low + p.high + 1) / 2 AS number) half
    LEFT JOIN LATERAL (
        SELECT h.change_number, h.at FROM store.change h WHERE h.epoch = era.epoch AND h.change_number >= half.number
        ORDER BY h.change_number LIMIT 1
    ) found ON true
    WHERE p.low < p.high
)
SELECT low FROM probe WHERE low = high LIMIT 1
"""


@dataclass(frozen=True)
class Moment:
    """Now, or just after the change of a number.

    Args:
        number: of the change; None is now.
    """

    number: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What `holds` wants bound."""
        return {"as_of": self.number}

    def holds(self, alias: str) -> str:
        """Condition on a row with `[known_from, known_to)`: whether it was known then."""
        if self.number is None:
            return f"{alias}.known_from IS NOT NULL AND {alias}.known_to IS NULL"
        return f"{alias}.known_from <= :as_of AND ({alias}.known_to IS NULL OR {alias}.known_to > :as_of)"

    def members(self) -> str:
        """Members of cases, `m`, with the versions of their records, `r`, that were known then."""
        is_member = f"{self.holds('m')} AND {self.holds('r')} AND NOT r.is_deleted"
        return f"store.case_member m JOIN store.source_record r ON r.record_id = m.record_id AND {is_member}"


NOW = Moment()


def last_change(connection: Connection) -> int:
    """The newest change number."""
    statement = "SELECT last_change FROM ops.change_counter ORDER BY epoch DESC LIMIT 1"
    return int(connection.execute(text(statement)).scalar() or 0)


def number_at(connection: Connection, at: dt.datetime) -> int:
    """The last change that was made at this time or before; 0 where there was none."""
    return int(connection.execute(text(_NUMBER_AT), {"at": at}).scalar() or 0)


def times_of(connection: Connection, numbers: list[int]) -> dict[int, dt.datetime]:
    """When these changes were made."""
    statement = """
    SELECT h.change_number, h.at FROM ops.change_counter c JOIN store.change h ON h.epoch = c.epoch AND h.change_number = ANY(:numbers)
    """
    return {row.change_number: row.at for row in connection.execute(text(statement), {"numbers": numbers})}
