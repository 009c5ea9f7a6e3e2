"""The order of relevance: closer agreement first, then words in the title, rarer ones more, then the newest report.

What few records hold is put in order whole, and of what many hold the newest. What very many hold is put in order window by
window, from the newest on: in each the cases whose titles hold the words come first.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from api.cursor import RELEVANT_MOST, CasePosition, RankPosition
from api.queries import pages, shown
from api.queries.gathered import FoundCases
from api.queries.rows import Row
from api.queries.search import Search
from api.recognise import Kind
from schema.occurrences import MOST_BITS, tokens_in

_WINDOW_PAGES = 3  # pages' worth of cases that are put in order at once, where very many are found
_NAMES = frozenset({Kind.NAME, Kind.ORGANISATION, Kind.PINYIN})


def relevance_page(connection: Connection, search: Search, position: RankPosition | None) -> tuple[list[Row], RankPosition | None]:
    """One page in order of relevance, and where the next begins; None after the last.

    Where nothing but the entry is looked for a row is the id of a case alone: what is shown of it is read with the page.
    """
    position = position or RankPosition(0, 0)
    hits = search.hits
    is_name = search.reading is not None and search.reading.kind in _NAMES
    if hits is None or (hits.is_many and search.is_narrowed and not is_name):
        return _from_window(connection, search, position)
    # What is gathered is enough: all of few, the newest of many, and of a name that stands in very many records its bearers.
    if not search.is_narrowed:
        ordered, following = _page(in_order(hits.cases, search), position, search.limit, None)
        return [{"case_id": case_id} for case_id in ordered], following
    listed = {str(case_id): row for case_id, row in pages.those(connection, search, hits.cases.case_ids).items()}
    ordered, following = _page(in_order(hits.cases.only(listed), search), position, search.limit, None)
    return [listed[case_id] for case_id in ordered], following


def _from_window(connection: Connection, search: Search, position: RankPosition) -> tuple[list[Row], RankPosition | None]:
    size = min(_WINDOW_PAGES * search.limit, RELEVANT_MOST)
    rows = pages.page(connection, dataclasses.replace(search, limit=size, after=position.window, sort="newest"))
    window, has_more = rows[:size], len(rows) > size
    beyond = CasePosition(window[-1]["reported_at"], window[-1]["case_id"]) if has_more else None
    by_id = {str(row["case_id"]): row for row in window}
    held = shown.titles(connection, search, list(by_id))
    ordered, following = _page(in_order(_of_window(by_id, held), search), position, search.limit, beyond)
    return [by_id[case_id] for case_id in ordered], following


def _page(
    cases: Sequence[str], position: RankPosition, limit: int, following: CasePosition | None
) -> tuple[Sequence[str], RankPosition | None]:
    most = min(limit, RELEVANT_MOST - position.seen)
    shown = cases[position.offset : position.offset + most]
    seen, offset = position.seen + len(shown), position.offset + len(shown)
    if offset < len(cases):
        return shown, RankPosition(offset, seen, position.window)
    return shown, RankPosition(0, seen, following) if following is not None else None


def _of_window(window: Mapping[str, Row], held: Mapping[str, Sequence[str]]) -> FoundCases:
    """Cases of a window, which all hold the words alike, with the titles that do."""
    titles = [(place, title) for place, case_id in enumerate(window) for title in held.get(case_id, ())]
    return FoundCases(
        {case_id: place for place, case_id in enumerate(window)},
        np.zeros(len(window), np.int64),
        np.array([row["reported_at"].timestamp() if row["reported_at"] else np.nan for row in window.values()], np.float64),
        [title for _, title in titles],
        np.array([place for place, _ in titles], np.intp),
    )


def in_order(cases: FoundCases, search: Search) -> list[str]:
    """The cases, the most relevant first."""
    is_undated = np.isnan(cases.reported_at)
    newest = np.where(is_undated, 0.0, -cases.reported_at)
    keys = (np.array(cases.case_ids, "S"), newest, is_undated, -_title_scores(cases, search), cases.ranks)  # the last counts most
    order = np.lexsort(keys)
    return [cases.case_ids[place] for place in order.tolist()]


def _title_scores(cases: FoundCases, search: Search) -> npt.NDArray[np.float64]:
    """How much of the entry stands in each case's titles; what stands in few of the titles found counts more."""
    asked = () if search.reading is None else search.reading.query.tokens
    bits = np.int64 if len(asked) <= MOST_BITS else object
    found = np.zeros(len(cases.case_ids), bits)  # of each case, the tokens that any of its titles holds
    np.bitwise_or.at(found, cases.titled, np.array(tokens_in(cases.titles, asked), bits))
    alike, which, counts = np.unique(found, return_inverse=True, return_counts=True)  # there are few sets of tokens
    held = [(int(tokens), count) for tokens, count in zip(alike, counts.tolist(), strict=True)]
    weights = []
    for place in range(len(asked)):
        borne = sum(count for tokens, count in held if tokens >> place & 1)
        weights.append(1 + math.log((len(found) + 1) / (borne + 1)))
    scores = [round(sum(weight for place, weight in enumerate(weights) if tokens >> place & 1), 6) for tokens, _ in held]
    return np.array(scores, np.float64)[which]
