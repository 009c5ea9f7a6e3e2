"""How many cases a search finds, and how they divide: exact to `COUNTED`, beyond that estimated.

What is counted is what the caller would be listed, page after page: closed records of others are in no figure. An estimate
is the exact count in one of `SLICES` equal parts of all case ids, times their number: ids are as good as random, and so it
too is made of nothing but cases that the caller may list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from api.queries.found import Found, by_words
from api.queries.rows import fetch
from api.queries.search import FILTERS, Listing, Search, listed, listing, readable_cases

COUNTED = 10_000
SLICES = 64
_VALUES = 100  # of one facet, the most frequent
_GATHERED = 50_000  # records that hold an entry's words; of more an estimate is made straight away
_SLICE = f"c.case_id < CAST('{256 // SLICES:02x}000000-0000-0000-0000-000000000000' AS uuid)"
_COLUMNS = f"case_id, reported_at, departments, {', '.join(FILTERS)}"
_VALUE_OF = {
    "department": (
        "SELECT 'department', d.code, count(*) FROM cases CROSS JOIN LATERAL (SELECT DISTINCT unnest(departments) AS code) d GROUP BY 2"
    ),
    "year": (
        "SELECT 'year', CAST(extract(year FROM reported_at AT TIME ZONE 'Asia/Shanghai') AS text), count(*) FROM cases "
        "WHERE reported_at IS NOT NULL GROUP BY 2"
    ),
} | {name: f"SELECT '{name}', {name}, count(*) FROM cases WHERE {name} IS NOT NULL GROUP BY 2" for name in FILTERS}


@dataclass(frozen=True)
class Counts:
    """Cases in all, and of each facet (code, cases), the most frequent first."""

    total: int
    facets: dict[str, list[tuple[str, int]]]
    is_estimate: bool


def count(connection: Connection, search: Search, facets: Sequence[str]) -> Counts:
    """Count the cases of a search, whatever page of it is asked for."""
    parameters = search.parameters
    known = _readable(connection, search, parameters)
    if known is not None and known <= COUNTED and not facets:
        return Counts(known, {}, is_estimate=False)
    exact = None if (known or 0) > COUNTED else _exact(connection, search, parameters, all_values=bool(facets))
    if exact is not None:
        total, found = _counted(connection, exact, facets, parameters)
        if total <= COUNTED:
            return Counts(total, found, is_estimate=False)
    wanted = search.found
    few = [each for each in wanted if each.is_few(connection, parameters)]
    part = listed(search, few, [each for each in wanted if each not in few], all_values=bool(facets), slice_below=_SLICE)
    total, found = _counted(connection, part, facets, parameters)
    scaled = {name: [(code, cases * SLICES) for code, cases in values] for name, values in found.items()}
    return Counts(max(total * SLICES, COUNTED + 1), scaled, is_estimate=True)


def _readable(connection: Connection, search: Search, parameters: dict[str, Any]) -> int | None:
    """How many cases a caller who reads some departments or places alone is listed, where it is known without summing them up."""
    if search.is_whole or search.found or search.equal:
        return None
    statement = f"SELECT count(*) AS cases FROM ({readable_cases(search)}) c"
    return int(fetch(connection, statement, parameters)[0]["cases"])


def _exact(connection: Connection, search: Search, parameters: dict[str, Any], *, all_values: bool) -> Listing | None:
    """The whole, where it can be counted; words that stand in very many records cannot."""
    if search.hits is None or not search.hits.is_many:
        return listing(connection, search, all_values=all_values)
    words: Found = by_words(_GATHERED + 1)
    held = connection.execute(text(f"SELECT count(*) FROM ({words.sql}) f"), parameters).scalar_one()
    if held > _GATHERED:
        return None
    others = search.found[1:]
    few = [each for each in others if each.is_few(connection, parameters)]
    return listed(search, [words, *few], [each for each in others if each not in few], all_values=all_values)


def _counted(
    connection: Connection, cases: Listing, facets: Sequence[str], parameters: dict[str, Any]
) -> tuple[int, dict[str, list[tuple[str, int]]]]:
    values = " UNION ALL ".join(
        ["SELECT 'total' AS facet, NULL AS code, count(*) AS cases FROM cases", *(_VALUE_OF[name] for name in facets)]
    )
    statement = f"{cases.as_head('cases', _COLUMNS, f'LIMIT {COUNTED + 1}')} {values} ORDER BY 3 DESC, 2"
    total, found = 0, {name: [] for name in facets}  # type: ignore[var-annotated]
    for row in fetch(connection, statement, parameters):
        if row["facet"] == "total":
            total = row["cases"]
        elif len(found[row["facet"]]) < _VALUES:
            found[row["facet"]].append((row["code"], row["cases"]))
    return total, found
