"""Statements of the single entry: the cases that an entry and filters find, as a caller may see them.

A case is listed by its published summary, which PUBLISH makes of shared records alone, in the order of an index. A case that
holds a restricted or sealed record of the caller's own department is listed by another, which PUBLISH makes for that department. A case
of these in which another department's record was opened to the caller is summed up for him, from the golden values that its readable
records state; and so is every case for a caller who reads some departments or places alone. So a closed record reaches no value,
filter, order or count of anybody else's.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from api.cursor import CasePosition, Sort
from api.queries.found import Found, by_entity, by_entry, entry_parameters
from api.queries.gathered import Hits
from api.queries.visible import MEMBERS, READABLE
from api.queries.weeks import ALL, Weeks
from api.recognise import Reading

FILTERS = ("category", "status", "grade", "street", "community")
FIELDS = ("title", *FILTERS)


@dataclass(frozen=True)
class Search:
    """What is asked for: an entry as read, filters, and where the page begins."""

    own: str | None  # the caller's department
    limit: int
    is_whole: bool = True  # whether shared records of every department and place are the caller's to read
    reading: Reading | None = None
    equal: Mapping[str, str] = field(default_factory=dict)  # category, status, grade, street, community → code
    department: str | None = None
    reported_from: dt.datetime | None = None
    reported_before: dt.datetime | None = None
    person_id: uuid.UUID | None = None
    organisation_id: uuid.UUID | None = None
    after: CasePosition | None = None
    sort: Sort = "newest"
    hits: Hits | None = None  # of an entry that is no whole number
    weeks: Weeks = ALL  # cases reported in these, for a caller who reads some departments or places alone

    @property
    def found(self) -> list[Found]:
        """What a case must hold."""
        wanted = [] if self.reading is None else [by_entry(self.reading, self.hits)]
        entities = {"person": self.person_id, "organisation": self.organisation_id}
        return wanted + [by_entity(relation) for relation, entity_id in entities.items() if entity_id is not None]

    @property
    def is_narrowed(self) -> bool:
        """Whether cases are left out although they hold the entry."""
        others = (self.department, self.reported_from, self.reported_before, self.person_id, self.organisation_id)
        return bool(self.equal) or any(other is not None for other in others)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every value that a statement may want bound."""
        return {
            "own": self.own,
            "limit": self.limit + 1,
            "department": self.department,
            "reported_from": self.reported_from,
            "reported_before": self.reported_before,
            "person_id": self.person_id,
            "organisation_id": self.organisation_id,
            "after_time": self.after.reported_at if self.after else None,
            "after_id": self.after.case_id if self.after else None,
            "first_week": self.weeks[0],
            "last_week": self.weeks[1],
            **self.equal,
            **entry_parameters(self.reading, self.hits),
        }


SUMMARY = f"case_id, reported_at, {', '.join(FILTERS)}"
_ANY = "EXISTS (SELECT FROM {members} WHERE m.case_id = c.case_id AND {condition} OFFSET 0)"  # OFFSET 0: case by case, never as a join
_IS_READABLE = _ANY.format(members=MEMBERS, condition=READABLE)

# Cases with restricted or sealed records of the caller's own department; those in which others' are open to him.
_OWN = "own AS MATERIALIZED (SELECT case_id FROM store.own_case WHERE department = :own)"
_OPENED = "opened AS MATERIALIZED (SELECT case_id FROM store.opened_own_cases())"
# Cases of a caller who reads some departments or places alone: what is published of them may tell of others.
_READABLE_CASES = "SELECT DISTINCT c.case_id FROM store.cases_in_weeks(:first_week, :last_week) c"
IN_WEEKS = "store.week_of(reported_at) BETWEEN :first_week AND :last_week"
# Of each of these what is summed up of its readable records, and its best values that they state: of all cases at once, if there are any.
_SUMS = (
    "sums AS MATERIALIZED (SELECT s.* FROM (SELECT array_agg(case_id) AS ids FROM {cases} HAVING count(*) > 0) a"
    " CROSS JOIN LATERAL store.summed_up(a.ids, {is_stated}) s)"
)


@dataclass(frozen=True)
class Listing:
    """Cases that a search finds, as the caller may see them, ready to be ordered, cut or counted.

    Args:
        heads: common table expressions.
        published: FROM and WHERE of cases as they are published for everybody, and for the caller's department; none for a caller
            who reads some departments or places alone.
        summed_up: the same of cases that are summed up for this caller; None where there are none.
    """

    heads: tuple[str, ...]
    published: tuple[str, ...]
    summed_up: str | None

    def statement(self, columns: str, tail: str, conditions: Sequence[str] = ("true",), order: str = "", limit: str = "") -> str:
        """All of them in one statement.

        Args:
            columns: of `SUMMARY`, and `departments`.
            tail: what follows `SELECT * FROM (…) cases`.
            conditions: their union is what is wanted; published cases are read once for each, in the order of an index.
            order: inside of each part.
            limit: of each part.
        """
        head = f"WITH {', '.join(self.heads)} " if self.heads else ""
        return f"{head}SELECT * FROM ({self._parts(columns, conditions, order, limit)}) cases {tail}"

    def as_head(self, name: str, columns: str, limit: str) -> str:
        """WITH of them under a name, to be counted."""
        whole = f"{name} AS MATERIALIZED (SELECT * FROM ({self._parts(columns, ('true',), '', '')}) cases {limit})"
        return f"WITH {', '.join([*self.heads, whole])}"

    def _parts(self, columns: str, conditions: Sequence[str], order: str, limit: str) -> str:
        parts = [
            f"(SELECT {columns} FROM {published} AND {condition} {order} {limit})"
            for published in self.published
            for condition in conditions
        ]
        if self.summed_up is not None:
            parts.append(f"(SELECT {columns} FROM {self.summed_up} AND ({' OR '.join(f'({one})' for one in conditions)}) {order} {limit})")
        return " UNION ALL ".join(parts)


def listing(connection: Connection, search: Search, *, all_values: bool = False) -> Listing:
    """Where a search's cases come from: what few records hold is gathered, what many hold is checked case by case.

    Args:
        connection: to count on.
        search: what is asked for.
        all_values: sum up values of closed records although no filter looks at them.
    """
    parameters = search.parameters
    found = search.found
    few = [each for each in found if each.is_few(connection, parameters)]
    many = [each for each in found if each not in few]
    return listed(search, few, many, all_values=all_values)


def listed(search: Search, few: Sequence[Found], many: Sequence[Found], *, all_values: bool = False, slice_below: str = "") -> Listing:
    """The same where it is known what to gather and what to check; `slice_below` is a condition on `c.case_id`."""
    conditions = _conditions(search)
    heads = [f"few_{index} AS MATERIALIZED ({each.cases()})" for index, each in enumerate(few)]
    joins = " ".join(f"JOIN few_{index} USING (case_id)" for index in range(len(few)))
    holds = [each.holds() for each in many]
    some = [slice_below] if slice_below else []
    permitted = _permitted([*few, *many], conditions)
    rest = ["true", *some, *conditions, *holds]
    everybodys = ["c.known_to IS NULL", *some, *conditions, *holds, *permitted]
    has_values = bool(search.equal) or all_values  # values are summed up only where something looks at them
    if not search.is_whole:
        own_cases = "SELECT case_id FROM few_0" if few else readable_cases(search, some)
        heads += [f"own AS MATERIALIZED ({own_cases})", _SUMS.format(cases="own", is_stated=has_values)]
        weeks = [] if search.weeks == ALL else [IN_WEEKS]
        return Listing(tuple(heads), (), f"(SELECT c.* FROM sums c {joins}) c WHERE {' AND '.join([*rest, *weeks])}")
    everybody = f"(SELECT c.* FROM store.unified_case c {joins}) c WHERE {{}}"
    if search.own is None:
        return Listing(tuple(heads), (everybody.format(" AND ".join(everybodys)),), None)
    heads += [_OWN, _OPENED, _SUMS.format(cases="opened", is_stated=has_values)]
    everybodys.append("c.case_id NOT IN (SELECT own.case_id FROM own)")
    among = [f"c.case_id = ANY (ARRAY(SELECT case_id FROM few_{index}))" for index in range(len(few))]  # not looked up one by one
    owns = ["c.department = :own", *rest[1:], *among, "c.case_id NOT IN (SELECT opened.case_id FROM opened)"]
    own = f"store.own_case c WHERE {' AND '.join(owns)}"
    summed_up = f"(SELECT c.* FROM sums c {joins}) c WHERE {' AND '.join(rest)}"
    return Listing(tuple(heads), (everybody.format(" AND ".join(everybodys)), own), summed_up)


def readable_cases(search: Search, some: Sequence[str] = ()) -> str:
    """Statement of the cases that a caller who reads some departments or places alone may be listed: of all weeks, or of a window.

    Of all weeks none is left out that passes the filters, and those are kept alone of which each value is stated by some record that he
    reads, though by none that decides; of which it is exact by department and time.
    """
    if search.weeks != ALL:
        return f"{_READABLE_CASES} WHERE {' AND '.join(['true', *some])}"
    return f"SELECT c.case_id FROM {candidates(search)} WHERE {' AND '.join(['true', *some, *times(search)])}"


def candidates(search: Search) -> str:
    """FROM of them, of all weeks: case_id and reported_at."""
    wanted = [f"CAST(:{name} AS text)" if name in search.equal else "NULL" for name in FILTERS]
    wanted.append("NULL" if search.department is None else "CAST(:department AS text)")
    return f"store.readable_cases({', '.join(wanted)}) c"


def _permitted(found: Sequence[Found], conditions: Sequence[str]) -> list[str]:
    """The condition that the caller can read a record of the case, where nothing else says so.

    A case of which the caller can read none is made known by an identifier alone, without filters: they would tell its values.
    """
    if any(not each.tells_of_closed for each in found) or (found and not conditions):
        return []
    return [_IS_READABLE]


def _conditions(search: Search) -> list[str]:
    conditions = [f"{name} = :{name}" for name in FILTERS if name in search.equal]
    if search.department is not None:
        conditions.append("CAST(:department AS text) = ANY(departments)")
    return conditions + times(search)


def times(search: Search) -> list[str]:
    """Conditions on when a case was reported."""
    since = [] if search.reported_from is None else ["reported_at >= :reported_from"]
    return since if search.reported_before is None else [*since, "reported_at < :reported_before"]
