"""REST: a JSON API, page after page, after a watermark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx

from connectors.connections import load_connection
from connectors.connector import RestConnector
from connectors.contract import Contract
from connectors.pages import Page, Paginator
from connectors.paths import compile_path
from connectors.rows import Row
from connectors.transports.answers import NO_CONTENT, is_there, items, read_json, whole
from connectors.transports.http import Answer, HttpSource
from connectors.transports.seam import Seam
from hub.errors import SourceFormatError, SourceLimitError, SourceRefused

_COUNTED = ("offset", "page")  # the hub says which page comes next, not the source
_PLAIN = re.compile(r"\w+(\.\w+)*")  # a path of names alone: whether there is something at it can be told
#: Pages after which a source is held to go on for ever.
MAX_PAGES = 100_000


def pages(contract: Contract, since: str | None, paginator: Paginator, *, watches_seams: bool) -> Iterator[Page]:
    """Every page of the source.

    Args:
        contract: with a RestConnector.
        since: sent in since_param, if the contract has one.
        paginator: makes the pages.
        watches_seams: rows that move while pages of an offset or a page number are read are caught.

    Raises:
        SourceError: see connectors.transports.http.
    """
    connector = contract.connector
    assert isinstance(connector, RestConnector)  # noqa: S101 - extract() chose this transport by the kind
    connection, paging = load_connection(connector.connection, "rest"), connector.pages
    seam = Seam(paginator, contract.department, paging.size, is_watched=watches_seams and paging.style in _COUNTED)
    with HttpSource(connector, connection, contract.department) as source:
        asking = _Asking(source, connector, since, overlaps=seam.is_watched)
        for _ in range(MAX_PAGES):
            asked = asking.ask()
            rows = seam.follow(asked.rows, asking.ask_before, overlaps=asking.is_overlapping)
            is_last = not asking.goes_on(asked, len(rows))
            paginator.began = source.began
            yield paginator.page(rows, complete=is_last, total=asked.total)
            asking.require_next(asked)
            if is_last:
                return
    raise SourceLimitError(
        f"{contract.department}: 来源超过 {MAX_PAGES} 页 · the source has more than {MAX_PAGES} pages",
        remedy="核对契约中的 pages: · check pages: in the contract",
    )


@dataclass(frozen=True)
class _Asked:
    """One page as the source gave it; no answer where it says that there is no such page."""

    answer: Answer | None
    document: Any
    rows: list[Row]
    total: int | None


class _Asking:
    """The next request, and what follows from its answer. An offset, page or link source ends with an empty page or its total.

    A short page is not the end: many a source caps the page size below what it is asked for. An offset may begin with the last row
    of the page before, so that each page shows whether the rows before it stayed where they were.
    """

    def __init__(self, source: HttpSource, connector: RestConnector, since: str | None, *, overlaps: bool) -> None:
        self._source, self._connector = source, connector
        self._url = source.url(connector.path)
        self._params: dict[str, Any] = dict(connector.params)
        paging = connector.pages
        if since is not None and connector.since_param is not None:
            self._params[connector.since_param] = since
        if paging.style != "none" and paging.size is not None:
            self._params[paging.size_param] = paging.size
        if paging.style == "offset":
            self._params[paging.offset_param] = 0
        if paging.style == "page":
            self._params[paging.page_param] = paging.first_page
        self._before: dict[str, Any] | None = None
        self._overlaps, self.is_overlapping = overlaps and paging.style == "offset", False
        self._done = 0  # rows of the source's list up to the end of the page
        self._total: int | None = None
        self._cursors: set[str] = set()

    def ask(self) -> _Asked:
        """Send it. After the first page a 404 says that there is no such page, which is how some sources end."""
        try:
            return self._ask(self._params)
        except SourceRefused as refused:
            if refused.detail.get("status") != 404 or self._connector.pages.style not in _COUNTED or self._before is None:
                raise
            return _Asked(None, None, [], self._total)

    def ask_before(self) -> list[Row]:
        """The page before, once more."""
        return self._ask(self._before or self._params).rows

    def _ask(self, params: dict[str, Any]) -> _Asked:
        connector, department = self._connector, self._source.department
        answer = self._source.get(self._url, params, {"Accept": "application/json", **connector.headers})
        document = read_json(answer, department)
        total = whole(compile_path(connector.pages.total).search(document)) if connector.pages.total else None
        rows = [] if answer.status == NO_CONTENT else items(document, connector.items, department)
        return _Asked(answer, document, rows, total)

    def goes_on(self, asked: _Asked, fresh: int) -> bool:
        """Whether there is a next page, which is then what `ask` asks for; `fresh` rows of this one were not on the page before."""
        paging, count = self._connector.pages, len(asked.rows)
        self._total = asked.total
        if paging.style == "none":
            return False
        self._done += count - self.is_overlapping
        if paging.style == "cursor":
            return self._next_cursor(compile_path(paging.next or "").search(asked.document))
        if paging.style == "link":
            return asked.answer is not None and self._next_link(asked.answer)
        is_all = count == 0 or (fresh == 0 and count == 1 and self.is_overlapping)
        if is_all or (asked.total is not None and self._done >= asked.total):
            return False
        self._before = dict(self._params)
        if paging.style == "offset":  # one row alone may be all that the source gives at once: overlapping, it would come for ever
            self.is_overlapping = self._overlaps and count > 1 and fresh > 0
            self._params[paging.offset_param] = self._done - self.is_overlapping
        else:
            self._params[paging.page_param] += 1
        return True

    def require_next(self, asked: _Asked) -> None:
        """Refuse a first page that is full and has no place for the next cursor: a source that renamed it would end with each first page.

        Raises:
            SourceFormatError: so it is, and no total says that this is all.
        """
        paging = self._connector.pages
        if paging.style != "cursor" or self._cursors or paging.size is None or len(asked.rows) < paging.size:
            return
        if (
            not _PLAIN.fullmatch(paging.next or "")
            or is_there(asked.document, paging.next or "")
            or (asked.total is not None and self._done >= asked.total)
        ):
            return
        department = self._source.department
        raise SourceFormatError(
            f"{department}: 首页已满，但应答中没有 {paging.next}，无法得知是否还有下一页 · "
            f"{department}: the first page is full and has no {paging.next}, so that nobody knows whether there are more",
            remedy="改正契约中的 pages: next；如果来源在末页省略它，请写明 total: · "
            "correct next: of pages: in the contract; where the source leaves it out on the last page, name its total:",
            department=department,
            path=paging.next,
        )

    def _next_cursor(self, cursor: Any) -> bool:
        if cursor in (None, "", False):
            return False
        if str(cursor) in self._cursors:
            raise SourceLimitError(
                f"{self._source.department}: 来源反复给出同一个下一页游标 · the source names the same next cursor for ever",
                remedy="对照来源的文档核对契约中的 pages: next 和 cursor_param · "
                "check pages: next in the contract, and cursor_param, against the source's documentation",
                department=self._source.department,
            )
        self._cursors.add(str(cursor))
        self._params[self._connector.pages.cursor_param] = cursor
        return True

    def _next_link(self, answer: Answer) -> bool:
        link = next_link(answer.headers)
        if not link:
            return False
        url = httpx.URL(urljoin(str(answer.url), link))
        if not self._source.is_own(url):
            raise SourceRefused(
                f"{self._source.department}: 下一页在另一台主机 {url.host} 上 · the next page is on another host, {url.host}",
                remedy="凭据只发给连接所指的主机；请询问部门 · credentials go to the connection's host alone; ask the department's desk",
                department=self._source.department,
            )
        if str(url) in self._cursors:
            raise SourceLimitError(
                f"{self._source.department}: 下一页的链接反复指向同一页 · the source links to the same next page for ever",
                remedy="请询问部门，或改用契约中 pages: 的其他 style · ask the department's desk, or use another style in pages:",
                department=self._source.department,
            )
        self._cursors.add(str(url))
        self._url, self._params = url, {}
        return True


def next_link(headers: httpx.Headers) -> str | None:
    """Where the next page is, by RFC 8288: names and relations in any case, several relations of one link with blanks between."""
    for link in httpx.Response(200, headers=headers).links.values():
        relations = next((value for name, value in link.items() if name.lower() == "rel"), "")
        if "next" in relations.lower().split():
            return link.get("url")
    return None
