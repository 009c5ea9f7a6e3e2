"""As of when a statement is answered: now, or as the hub knew it after a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
        known = f"r.record_id = m.record_id AND {self.holds('r')} AND NOT r.is_deleted"
        return f"store.case_member m JOIN LATERAL (SELECT r.* FROM store.known_record r WHERE {known} OFFSET 0) r ON {self.holds('m')}"


NOW = Moment()
