"""REST: a JSON API, page after page, after a watermark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import httpx
import orjson

from connectors.connections import load_connection
from connectors.connector import RestConnector
from connectors.contract import Contract
from connectors.masking import told_keys
from connectors.pages import Page, Paginator
from connectors.paths import compile_path
from connectors.rows import Row, as_row
from connectors.transports.http import Answer, HttpSource
from hub.errors import SourceFormatError, SourceLimitError, SourceRefused

#: Pages after which a source is held to go on for ever.
MAX_PAGES = 100_000
_NO_CONTENT = 204
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,20})", re.ASCII | re.IGNORECASE)
#: All figures made one, and all that can stand before a number: inside a text long runs of figures are nothing unusual.
_FIGURES = bytes.maketrans(b"123456789,[-\t\n\r ", b"0" * 9 + b":" * 7)
_TOO_LARGE = re.compile(rb"[0-9.][eE]\+?[0-9]{3}")  # orjson refuses the whole text
_LONG_NUMBER = b":" + b"0" * 19


def pages(contract: Contract, since: str | None, paginator: Paginator) -> Iterator[Page]:
    """Every page of the source.

    Args:
        contract: with a RestConnector.
        since: sent in since_param, if the contract has one.
        paginator: makes the pages.

    Raises:
        SourceError: see connectors.transports.http.
    """
    connector = contract.connector
    assert isinstance(connector, RestConnector)  # noqa: S101 - extract() chose this transport by the kind
    connection = load_connection(connector.connection, "rest")
    with HttpSource(connector, connection, contract.department) as source:
        asking = _Asking(source, connector, since)
        for _ in range(MAX_PAGES):
            answer = asking.ask()
            document = read_json(answer, contract.department)
            rows = [] if answer.status == _NO_CONTENT else items(document, connector.items, contract.department)
            total = whole(compile_path(connector.pages.total).search(document)) if connector.pages.total else None
            is_last = not asking.goes_on(answer, document, len(rows), total)
            yield paginator.page(rows, complete=is_last, total=total)
            if is_last:
                return
    raise SourceLimitError(f"{contract.department}: the source has more than {MAX_PAGES} pages", remedy="check pages: in the contract")


class _Asking:
    """The next request, and what follows from its answer. An offset, page or link source ends with an empty page or its total.

    A short page is not the end: many a source caps the page size below what it is asked for.
    """

    def __init__(self, source: HttpSource, connector: RestConnector, since: str | None) -> None:
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
        self._done = 0
        self._cursors: set[str] = set()

    def ask(self) -> Answer:
        """Send it."""
        return self._source.get(self._url, self._params, {"Accept": "application/json", **self._connector.headers})

    def goes_on(self, answer: Answer, document: Any, count: int, total: int | None) -> bool:
        """Whether there is a next page, which is then what `ask` asks for."""
        paging = self._connector.pages
        self._done += count
        if paging.style == "none":
            return False
        if paging.style == "cursor":
            return self._next_cursor(compile_path(paging.next or "").search(document))
        if paging.style == "link":
            return self._next_link(answer)
        if count == 0 or (total is not None and self._done >= total):
            return False
        if paging.style == "offset":
            self._params[paging.offset_param] = self._done
        else:
            self._params[paging.page_param] += 1
        return True

    def _next_cursor(self, cursor: Any) -> bool:
        if cursor in (None, "", False):
            return False
        if str(cursor) in self._cursors:
            raise SourceLimitError(
                f"{self._source.department}: the source names the same next cursor for ever",
                remedy="check pages: next in the contract, and cursor_param, against the source's documentation",
                department=self._source.department,
            )
        self._cursors.add(str(cursor))
        self._params[self._connector.pages.cursor_param] = cursor
        return True

    def _next_link(self, answer: Answer) -> bool:
        link = httpx.Response(200, headers=answer.headers).links.get("next", {}).get("url")
        if not link:
            return False
        url = httpx.URL(urljoin(str(answer.url), link))
        if not self._source.is_own(url):
            raise SourceRefused(
                f"{self._source.department}: the next page is on another host, {url.host}",
                remedy="credentials go to the connection's host alone; ask the department's desk",
                department=self._source.department,
            )
        if str(url) in self._cursors:
            raise SourceLimitError(
                f"{self._source.department}: 下一页的链接反复指向同一页 · the source links to the same next page for ever",
                remedy="请询问部门，或改用合同中 pages: 的其他 style · ask the department's desk, or use another style in pages:",
                department=self._source.department,
            )
        self._cursors.add(str(url))
        self._url, self._params = url, {}
        return True


def whole(value: Any) -> int | None:
    """A count, as a number or as digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if value.strip().isdigit() else None
    return int(value) if isinstance(value, (int, float)) else None


def read_json(answer: Answer, department: str) -> Any:
    """An answer as JSON; null where the source has nothing to say.

    Raises:
        SourceFormatError: it is HTML, not JSON, or not in UTF-8.
    """
    if answer.status == _NO_CONTENT:
        return None
    head = answer.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")) or (answer.media_type == "text/html" and head[:1] not in (b"{", b"[")):
        raise SourceFormatError(
            f"{department}: the source answers with an HTML page instead of JSON (a login or maintenance page?)",
            remedy="open the address in a browser; check path: and auth: in the contract",
            department=department,
            status=answer.status,
        )
    try:
        return loads(answer.body, with_infinity=True)
    except ValueError:
        raise _no_json(answer, department) from None


def _no_json(answer: Answer, department: str) -> SourceFormatError:
    remedy = "核对合同中的 path:，或询问部门 · check path: in the contract; ask the department's desk"
    what = "不是 JSON · is not JSON"
    charset = _charset(answer)
    if charset is not None:
        what = "不是 UTF-8 · is not in UTF-8"
        remedy = f"编码为 {charset}：请部门以 UTF-8 返回 JSON · it is in {charset}: ask the department's desk for JSON in UTF-8"
    return SourceFormatError(
        f"{department}: 源系统的应答（{len(answer.body)} 字节）· the source's answer of {len(answer.body)} bytes {what}",
        remedy=remedy,
        department=department,
        status=answer.status,
    )


def _charset(answer: Answer) -> str | None:
    """What an answer is written in that is not UTF-8: as it says itself, or what it can be read in."""
    try:
        answer.body.decode("utf-8")
    except UnicodeDecodeError:
        said = _CHARSET.search(answer.headers.get("content-type", ""))
        if said is not None and said[1].lower().replace("-", "") != "utf8":
            return said[1]
        try:
            answer.body.decode("gb18030")
        except UnicodeDecodeError:
            return "another encoding"
        return "gb18030 (GBK)"
    return None


def loads(text: bytes, *, with_infinity: bool = False) -> Any:
    """JSON, with every integer exact (orjson alone would round those beyond 64 bits), and half characters kept.

    Args:
        text: the document.
        with_infinity: read 1e400, for one such number in a page of rows: `encode` refuses it with its row.

    Raises:
        ValueError: not JSON, or nested deeper than anything that is kept.
    """
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        return _loads(text, with_infinity=with_infinity)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _loads(text: bytes, *, with_infinity: bool) -> Any:
    try:
        has_long = _LONG_NUMBER in (b":" + text).translate(_FIGURES)
        return json.loads(text, parse_constant=_refuse_constant) if has_long else orjson.loads(text)
    except orjson.JSONDecodeError:
        if rb"\ud" in text.lower() or (with_infinity and _TOO_LARGE.search(text)):
            return json.loads(text, parse_constant=_refuse_constant)
        raise


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def items(document: Any, path: str, department: str) -> list[Row]:
    """The rows of a document.

    Raises:
        SourceFormatError: there is no list at the path.
    """
    found = document if path == "@" else compile_path(path).search(document)
    if isinstance(found, dict):
        found = [found]
    if found is None and _is_null(document, path):
        return []
    if not isinstance(found, list):
        seen = f"the answer's keys are {told_keys(document)}" if isinstance(document, dict) else "the answer is no object"
        raise SourceFormatError(
            f"{department}: there is no list at {path!r}; {seen}", remedy="correct items: in the contract", department=department, path=path
        )
    return [as_row(row) for row in found]


def _is_null(document: Any, path: str) -> bool:
    """Whether the path leads to a null that is there: some sources write null for an empty list."""
    parent, _, name = path.rpartition(".")
    holder = compile_path(parent).search(document) if parent else document
    return isinstance(holder, dict) and name.strip('"') in holder
