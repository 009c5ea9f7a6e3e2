"""The order of relevance: closer agreement first, then words in the title, rarer ones more, then the newest report.

What few records hold is put in order whole, and of what many hold the newest. What very many hold is put in order window by
window, from the newest on: in each the cases whose titles hold the words come first.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence

import polars as pl
from sqlalchemy import Connection

from api.cursor import RELEVANT_MOST, CasePosition, RankPosition
from api.queries import search as queries
from api.queries.rows import Row
from api.queries.search import Search
from api.recognise import Kind
from schema.search import bigrams, fold

_WINDOW_PAGES = 3  # pages' worth of cases that are put in order at once, where very many are found
_NAMES = frozenset({Kind.NAME, Kind.ORGANISATION, Kind.PINYIN})


def relevance_page(connection: Connection, search: Search, position: RankPosition | None) -> tuple[list[Row], RankPosition | None]:
    """One page in order of relevance, and where the next begins; None after the last."""
    position = position or RankPosition(0, 0)
    hits = search.hits
    if hits is not None and hits.is_many:
        is_name = search.reading is not None and search.reading.kind in _NAMES
        if not (is_name or hits.has_newest):
            return _from_window(connection, search, position)
        # What is gathered is enough: the newest of many, and of a name that stands in very many records its bearers.
        search = dataclasses.replace(search, hits=dataclasses.replace(hits, is_many=False))
    rows = in_order(queries.ranked(connection, search), search)
    return _page(rows, position, search.limit, None)


def _from_window(connection: Connection, search: Search, position: RankPosition) -> tuple[list[Row], RankPosition | None]:
    size = min(_WINDOW_PAGES * search.limit, RELEVANT_MOST)
    rows = queries.page(connection, dataclasses.replace(search, limit=size, after=position.window, sort="newest"))
    window, has_more = rows[:size], len(rows) > size
    following = CasePosition(window[-1]["reported_at"], window[-1]["case_id"]) if has_more else None
    held = queries.titles(connection, search, [row["case_id"] for row in window])
    ordered = in_order([row | {"rank": 0, "titles": held.get(row["case_id"])} for row in window], search)
    return _page(ordered, position, search.limit, following)


def _page(rows: Sequence[Row], position: RankPosition, limit: int, following: CasePosition | None) -> tuple[list[Row], RankPosition | None]:
    most = min(limit, RELEVANT_MOST - position.seen)
    shown = list(rows[position.offset : position.offset + most])
    seen, offset = position.seen + len(shown), position.offset + len(shown)
    if offset < len(rows):
        return shown, RankPosition(offset, seen, position.window)
    return shown, RankPosition(0, seen, following) if following is not None else None


def in_order(rows: Sequence[Row], search: Search) -> list[Row]:
    """Rows with `rank`, `titles`, `reported_at` and `case_id`, the most relevant first."""
    scores = _title_scores(rows, search)
    numbered = sorted(range(len(rows)), key=lambda place: (rows[place]["rank"], -scores[place], *_newest(rows[place])))
    return [rows[place] for place in numbered]


def _newest(row: Row) -> tuple[bool, float, object]:
    at: dt.datetime | None = row["reported_at"]
    return (at is None, 0.0 if at is None else -at.timestamp(), row["case_id"])


def _title_scores(rows: Sequence[Row], search: Search) -> list[float]:
    """How much of the entry stands in each case's titles; what stands in few of the titles found counts more."""
    tokens = [] if search.reading is None else bigrams(search.reading.text)
    texts = ["\n".join(row["titles"] or ()) for row in rows]
    folded = fold(pl.Series(texts, dtype=pl.String)).to_list()
    held = [[token for token in tokens if token in text] for text in folded]
    borne = Counter(token for found in held for token in found)
    weights = {token: 1 + math.log((len(rows) + 1) / (count + 1)) for token, count in borne.items()}
    return [round(sum(weights[token] for token in found), 6) for found in held]
