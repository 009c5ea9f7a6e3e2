"""One keyset page of the cases that a search finds, in a stored order."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from api.cursor import CasePosition, Sort
from api.queries.found import Found
from api.queries.rows import Row, fetch
from api.queries.search import IN_WEEKS, SUMMARY, Search, candidates, listed, times
from api.queries.visible import READABLE
from api.queries.weeks import Weeks, windows

_WINDOWS = 3  # of weeks that are looked at before all cases that a caller who reads some departments or places alone may be listed
_CANDIDATES = 1_000  # of these looked at first; each time more are wanted, four times as many
_GIVEN = "SELECT unnest(CAST(CAST(:case_ids AS text[]) AS uuid[])) AS case_id"
_KNOWN = Found("", READABLE, tells_of_closed=False, is_gathered=True, known_cases=_GIVEN)
#: Of each stored sort the order in which the index gives cases, and the order of the whole. Oldest reads the same index
#: backwards, which has cases without a time first, and so is cut where they begin.
_ORDERS: dict[Sort, tuple[str, str]] = {
    "newest": ("ORDER BY reported_at DESC NULLS LAST, case_id", "ORDER BY reported_at DESC NULLS LAST, case_id"),
    "oldest": ("ORDER BY reported_at ASC NULLS FIRST, case_id DESC", "ORDER BY reported_at ASC NULLS LAST, case_id DESC"),
}


def page(connection: Connection, search: Search) -> list[Row]:
    """One page of case summaries in a stored order; one row more than `search.limit` if there is another page."""
    found = search.found
    few = [each for each in found if each.is_few(connection, search.parameters)]
    many = [each for each in found if each not in few]
    if not (search.is_whole or few):
        return _page_of_readable(connection, search, many)
    after = after_position(search.after, search.sort)
    rows: list[Row] = []
    # Cases without a time come last, and are looked at where the others end.
    for conditions in (steps for steps in (after[:-1], after[-1:]) if steps):
        part = replace(search, limit=search.limit - len(rows))
        rows += fetch(connection, page_statement(part, few, many, conditions), part.parameters)
        if len(rows) > search.limit:
            break
    return rows


def _page_of_readable(connection: Connection, search: Search, many: Sequence[Found]) -> list[Row]:
    """The same for a caller who reads some departments or places alone: window by window, and where a few are not enough, of all others."""
    rows: list[Row] = []
    tried: list[Weeks] = []
    others = windows(connection, search.sort, search.after, (search.reported_from, search.reported_before))
    for weeks in itertools.islice(others, _WINDOWS):
        part = replace(search, weeks=weeks, limit=search.limit - len(rows))
        rows += fetch(connection, page_statement(part, (), many, after_position(search.after, search.sort)), part.parameters)
        if len(rows) > search.limit:
            return rows
        tried.append(weeks)
    if next(others, None) is None:
        return rows
    most = _CANDIDATES
    rest = replace(search, weeks=(min(first for first, _ in tried), max(last for _, last in tried)))
    while len(rows) <= search.limit:
        found = fetch(connection, _rest_statement(rest), {**rest.parameters, "most": most})
        rows += _summaries(connection, search, many, [str(row["case_id"]) for row in found], search.limit + 1 - len(rows))
        if len(found) < most:
            break
        most = 4 * most
        rest = replace(rest, after=CasePosition(found[-1]["reported_at"], found[-1]["case_id"], search.sort))
    return rows


def _rest_statement(search: Search) -> str:
    """Cases outside of a window, and after a position, in order."""
    after = " OR ".join(f"({one})" for one in after_position(search.after, search.sort))
    conditions = [f"NOT {IN_WEEKS}", *times(search), f"({after})"]
    return f"SELECT case_id, reported_at FROM {candidates(search)} WHERE {' AND '.join(conditions)} {_ORDERS[search.sort][1]} LIMIT :most"


def _summaries(connection: Connection, search: Search, many: Sequence[Found], case_ids: Sequence[str], wanted: int) -> list[Row]:
    """So many of these cases, which are in order, as a search lists them: no more are summed up than it takes."""
    rows: list[Row] = []
    statement = listed(search, [_KNOWN], many).statement(SUMMARY, _ORDERS[search.sort][1])
    start, size = 0, wanted
    while start < len(case_ids) and len(rows) < wanted:
        rows += fetch(connection, statement, {**search.parameters, "case_ids": list(case_ids[start : start + size])})
        start, size = start + size, 2 * size
    return rows[:wanted]


def page_statement(search: Search, few: Sequence[Found], many: Sequence[Found], conditions: Sequence[str]) -> str:
    """The statement of a page, where it is known what to gather and what to check."""
    inner, outer = _ORDERS[search.sort]
    return listed(search, few, many).statement(SUMMARY, f"{outer} LIMIT :limit", conditions, inner, "LIMIT :limit")


def those(connection: Connection, search: Search, case_ids: Sequence[str]) -> dict[uuid.UUID, Row]:
    """Summaries of those of these cases that a search lists; they are known to hold what it looks for first."""
    parameters = {**replace(search, hits=None).parameters, "case_ids": list(case_ids)}
    others = search.found[1:]
    few = [each for each in others if each.is_few(connection, parameters)]
    found = listed(search, [_KNOWN, *few], [each for each in others if each not in few])
    return {row["case_id"]: row for row in fetch(connection, found.statement(SUMMARY, ""), parameters)}


def after_position(position: CasePosition | None, sort: Sort) -> list[str]:
    """Conditions whose union is what comes after a position; each is a range of the index."""
    is_oldest = sort == "oldest"
    if position is None:
        return ["reported_at IS NOT NULL", "reported_at IS NULL"] if is_oldest else ["true"]
    later, beyond = ("<", ">") if is_oldest else (">", "<")
    if position.reported_at is None:
        return [f"reported_at IS NULL AND case_id {later} CAST(:after_id AS uuid)"]
    return [
        f"reported_at = :after_time AND case_id {later} CAST(:after_id AS uuid)",
        f"reported_at {beyond} :after_time",
        "reported_at IS NULL",
    ]
