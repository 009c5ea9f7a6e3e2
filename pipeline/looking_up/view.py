"""What of a record a caller's question is compared with: fields hidden from him not at all, masked numbers whole or not at all.

A level that says how nearly a number agrees would tell a masked one digit by digit, and a key that a hidden value makes would tell
that it is the one that was guessed. So a record is neither found nor weighed by what is hidden, and of what is masked only that it is the
very same is said: who gives a number whole may look it up whole anywhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Fields whose nearness is told by a level of its own.
GRADUAL = ("phone", "id_no", "birth_date", "address")
_NUMBERED = ("number", "building", "room")  # of a person's address, what masks hide
_FAR = "-"  # more than one character off from any number


@dataclass(frozen=True)
class Treated:
    """How fields of some records are shown to a caller.

    Args:
        hidden: not at all.
        masked: of `GRADUAL` those that he is not shown whole.
    """

    hidden: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()

    def blanked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row, or a form, without what is hidden."""
        return {**row, **{name: None for name in self.hidden if name in row}}

    def told(self, asked: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
        """The form of a node as it is compared with what was asked: what is masked and is another is far off, however near it is."""
        known = self._as_far_as_shown(asked, known)
        others = [name for name in self.masked if asked.get(name) is not None and known.get(name) not in (None, asked[name])]
        return {**known, **{name: _far_from(asked[name]) for name in others}} if others else known

    def _as_far_as_shown(self, asked: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
        """A person's address down to the road, unless the whole is the one that was asked about: it would be found house by house."""
        if "address" not in self.masked or "id_no" not in known or all(asked.get(name) == known.get(name) for name in _NUMBERED):
            return known
        return {**known, **dict.fromkeys(_NUMBERED)}


def _far_from(value: Any) -> Any:
    """A value that differs wholly."""
    return dt.date(1, value.month % 12 + 1, value.day % 28 + 1) if isinstance(value, dt.date) else _FAR
