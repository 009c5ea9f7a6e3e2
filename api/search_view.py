"""The single entry's answer: read what was typed, find a page of cases, say why each was found, and count them."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from api.access import Caller
from api.answers.cases import CasePage
from api.answers.common import Coded
from api.answers.search import Facet, FacetValue, Total
from api.cursor import CasePosition, RankPosition, Sort, read_case_cursor, write_case_cursor
from api.presenter import Presenter, coded, places
from api.queries import pages, shown
from api.queries.facets import Counts, count
from api.queries.found import is_whole, read_entry
from api.queries.hits import gather
from api.queries.rows import Row
from api.queries.search import FILTERS, Search
from api.questions.cases import CaseQuery
from api.recognise import LABELS, Kind, Reading
from api.search_matches import explain, tails_shown
from api.search_order import relevance_page
from hub.errors import RequestError

#: Ways of looking for an entry, as they are told.
WAYS = {
    "words": ("全文", "words of title, text, names and address"),
    "name": ("姓名或单位名称", "the name as written"),
    "variant_characters": ("繁体与异体字、单位简称", "traditional and variant characters, a firm's short name"),
    "core_of_firm": ("单位字号", "the part of a firm's name that is its own"),
    "same_pinyin": ("同音", "the same pinyin"),
    "near_pinyin": ("近音", "nearly the same pinyin"),
    "look_alike": ("形近字、换序", "look-alike characters, another order"),
    "one_character_off": ("差一字", "one character off"),
    "initials": ("拼音首字母", "initials of the pinyin"),
    "part_of_case_number": ("案号片段", "a part of a case number"),
    "end_of_number": ("电话、证件号码末位", "the end of a phone or an ID number"),
}


_Item = dict[str, Any]  # the fields of `api.answers.cases.FoundCase`

#: Told how an entry was read and which cases are shown, before it is said why each was found.
Noting = Callable[[Kind | None, Sequence[uuid.UUID]], None]


def search(connection: Connection, presenter: Presenter, query: CaseQuery) -> CasePage:
    """Answer a query as this caller may see it, for whoever makes something else of it; see `find`."""
    return CasePage.model_validate(find(connection, presenter, query))


def find(connection: Connection, presenter: Presenter, query: CaseQuery, note: Noting = lambda *_: None) -> dict[str, Any]:
    """Answer a query as this caller may see it: the fields of a `CasePage`, ready to be written.

    A page is some three hundred models, which to make takes as long as to order what was found.

    Args:
        connection: the caller's.
        presenter: of the caller.
        query: what is asked.
        note: called once, when it is known what is shown.

    Raises:
        RequestError: the entry or the cursor cannot be read, or there is nothing to be relevant to.
    """
    reading = None if query.q is None else read_entry(connection, query.q, presenter.caller)
    position = None if query.cursor is None else read_case_cursor(query.cursor)
    wanted = _search(query, reading, presenter.caller, _sort(query, reading, position))
    if reading is not None and not is_whole(reading):
        wanted = dataclasses.replace(wanted, hits=gather(connection, reading, tails_shown(presenter)))
    rows, following = _rows(connection, wanted, position)
    cases = {str(row["case_id"]): row for row in rows}
    around = shown.summaries(connection, list(cases))
    # Of an id alone it is not known before whether the caller reads anything of the case.
    cases = {case_id: row for case_id, row in cases.items() if "reported_at" in row or around.get(case_id, {}).get("records")}
    counts = count(connection, wanted, query.facet_names) if query.total or query.facet_names else None
    note(None if reading is None else reading.kind, [uuid.UUID(case_id) for case_id in cases])
    items = [_item(row, around[case_id], presenter) for case_id, row in cases.items()]
    _explain(connection, wanted, items, around, presenter)
    return {
        "recognised_as": _recognised(reading, items),
        "tried": [_way(code) for code in wanted.hits.tried] if wanted.hits else [],
        "sort": wanted.sort,
        "total": None if counts is None else Total(cases=counts.total, is_estimate=counts.is_estimate),
        "facets": _facets(counts, presenter) if counts is not None and query.facet_names else None,
        "items": items,
        "next_cursor": None if following is None else write_case_cursor(following),
    }


def _sort(query: CaseQuery, reading: Reading | None, position: CasePosition | RankPosition | None) -> Sort:
    """The order asked for, else that of the cursor, else what suits the entry."""
    if position is not None:
        begun: Sort = position.sort if isinstance(position, CasePosition) else "relevance"
        if query.sort not in (None, begun):
            raise RequestError(
                "cursor 属于另一种排序 · the cursor is of another order",
                remedy=f"用 sort={begun}，或去掉 cursor 从头开始 · pass sort={begun}, or begin anew without a cursor",
            )
        return begun
    if query.sort == "relevance" and reading is None:
        raise RequestError(
            "没有 q，无从按相关度排序 · without q there is nothing to be relevant to",
            remedy="给出 q，或用 sort=newest · give q, or use sort=newest",
        )
    return query.sort or ("newest" if reading is None or is_whole(reading) else "relevance")


def _search(query: CaseQuery, reading: Reading | None, caller: Caller, sort: Sort) -> Search:
    equal = {name: getattr(query, name) for name in FILTERS}
    return Search(
        own=caller.department,
        is_whole=caller.rights.is_whole,
        limit=query.limit,
        reading=reading,
        equal={name: value for name, value in equal.items() if value is not None},
        department=query.department,
        reported_from=query.reported_from,
        reported_before=query.reported_to,
        person_id=query.person_id,
        organisation_id=query.organisation_id,
        sort=sort,
    )


def _rows(
    connection: Connection, wanted: Search, position: CasePosition | RankPosition | None
) -> tuple[list[Row], CasePosition | RankPosition | None]:
    if wanted.sort == "relevance":
        return relevance_page(connection, wanted, position if isinstance(position, RankPosition) else None)
    after = position if isinstance(position, CasePosition) else None
    rows = pages.page(connection, dataclasses.replace(wanted, after=after))
    shown = rows[: wanted.limit]
    last = shown[-1] if len(rows) > wanted.limit else None
    return shown, None if last is None else CasePosition(last["reported_at"], last["case_id"], wanted.sort)


def _explain(connection: Connection, wanted: Search, items: Sequence[_Item], around: Mapping[str, Row], presenter: Presenter) -> None:
    """Say of each case why it was found."""
    if wanted.reading is None or not items:
        return
    names = {case_id: row["names"] or () for case_id, row in around.items()}
    found = explain(shown.matches(connection, wanted, [item["case_id"] for item in items]), wanted.reading, presenter, names)
    for item in items:
        item["matched"] = found[item["case_id"]]


def _item(row: Row, around: Row, presenter: Presenter) -> _Item:
    # What is published of a case may be wider or narrower than what this caller reads of it.
    if around["is_limited"] or not presenter.caller.rights.is_whole or "reported_at" not in row:
        row = {"reported_at": around["reported_at"], **row, **shown.stated_values(around)}
    return {**presenter.case(around), **presenter.summary(row), "matched": []}


def _recognised(reading: Reading | None, items: Sequence[_Item]) -> Coded | None:
    """How the entry was read; what looks like a name, and is nobody's name in anything found, was words."""
    if reading is None:
        return None
    kind = reading.kind
    by_name = any("parties.name" in match["fields"] for item in items for match in item["matched"])
    if kind in (Kind.NAME, Kind.PINYIN) and items and not by_name:
        kind = Kind.WORDS
    zh, en = LABELS[kind]
    return Coded(code=kind.value, zh=zh, en=en)


def _way(code: str) -> Coded:
    zh, en = WAYS[code]
    return Coded(code=code, zh=zh, en=en)


def _facets(counts: Counts, presenter: Presenter) -> list[Facet]:
    return [
        Facet(name=name, values=[_facet_value(name, code, cases, presenter) for code, cases in values], is_estimate=counts.is_estimate)
        for name, values in counts.facets.items()
    ]


def _facet_value(name: str, code: str, cases: int, presenter: Presenter) -> FacetValue:
    if name == "department":
        named: Coded | None = presenter.department(code)
    elif name == "year":
        named = Coded(code=code, zh=f"{code} 年", en=code)
    elif name in ("street", "community"):
        named = places({"street": None, "community": None, name: code})[name]
    else:
        named = coded(name, code)
    return FacetValue(cases=cases, **(named or Coded(code=code, zh=code)).model_dump())
