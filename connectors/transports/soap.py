"""SOAP: one operation over HTTP, page after page, its body a template of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from connectors.connections import load_connection
from connectors.connector import SoapConnector
from connectors.contract import Contract
from connectors.pages import Page, Paginator
from connectors.rows import Row
from connectors.transports import xmlrows
from connectors.transports.answers import whole
from connectors.transports.http import Answer, HttpSource
from connectors.transports.rest import MAX_PAGES
from connectors.transports.seam import Seam
from hub.errors import SourceFormatError, SourceLimitError, SourceRefused, SourceUnavailable

_SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
_SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"


def pages(contract: Contract, since: str | None, paginator: Paginator, *, watches_seams: bool) -> Iterator[Page]:
    """Every page of the source.

    Args:
        contract: with a SoapConnector.
        since: put in place of {since}; the empty text from the beginning.
        paginator: makes the pages.
        watches_seams: rows that move while pages are read are caught.

    Raises:
        SourceError: see connectors.transports.http; also a SOAP fault, HTML, an XML bomb.
    """
    connector = contract.connector
    assert isinstance(connector, SoapConnector)  # noqa: S101 - extract() chose this transport by the kind
    seam = Seam(paginator, contract.department, connector.pages.size, is_watched=watches_seams)
    with HttpSource(connector, load_connection(connector.connection, "soap"), contract.department) as source:
        done, first = 0, connector.pages.first_page
        for number in range(first, first + MAX_PAGES):
            rows, total = _ask(source, connector, contract, number, since)
            done += len(rows)
            is_last = connector.pages.style == "none" or not rows or (total is not None and done >= total)
            rows = seam.follow(rows, partial(_ask_again, source, connector, contract, number - 1, since))
            paginator.began = source.began
            yield paginator.page(rows, complete=is_last, total=total)
            if is_last:
                return
    raise SourceLimitError(
        f"{contract.department}: 来源超过 {MAX_PAGES} 页 · the source has more than {MAX_PAGES} pages",
        remedy="核对契约中的 pages: · check pages: in the contract",
    )


def _ask(source: HttpSource, connector: SoapConnector, contract: Contract, page: int, since: str | None) -> tuple[list[Row], int | None]:
    """The rows of a page, and how many there are in all, as far as the source tells."""
    answer = source.post(source.url(connector.path), *_request(connector, page, since))
    root, lists = _root(answer, f"{contract.department}: 应答（answer）", contract.department), xmlrows.lists_of(contract)
    rows: list[Row] = [xmlrows.to_row(element, lists) for element in xmlrows.find(root, connector.items, connector.namespaces)]
    return rows, _total(root, connector)


def _ask_again(source: HttpSource, connector: SoapConnector, contract: Contract, page: int, since: str | None) -> list[Row]:
    return _ask(source, connector, contract, page, since)[0]


def _request(connector: SoapConnector, page: int, since: str | None) -> tuple[bytes, dict[str, str]]:
    """Body and headers; SOAP 1.2 if the body's envelope says so, 1.1 otherwise."""
    body = connector.body
    for name, value in (("page", page), ("size", connector.pages.size), ("since", since or "")):
        body = body.replace(f"{{{name}}}", escape(str(value), {'"': "&quot;"}))
    if "Envelope" not in body:
        body = f'<soap:Envelope xmlns:soap="{_SOAP_11}"><soap:Body>{body}</soap:Body></soap:Envelope>'
    if _SOAP_12 in body:
        headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{connector.action}"'}
    else:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{connector.action}"'}
    return body.encode("utf-8"), {**headers, **connector.headers}


def _root(answer: Answer, what: str, department: str) -> etree._Element:
    head = answer.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise SourceFormatError(
            f"{what} 是 HTML 页面，不是 XML（登录页或维护页？） · {what} is an HTML page instead of XML (a login or maintenance page?)",
            remedy="用浏览器打开该地址，核对契约中的 path: · open the address in a browser; check path: in the contract",
            department=department,
        )
    root = xmlrows.parse(answer.body, what)
    for space in (_SOAP_11, _SOAP_12):
        faults = root.findall(f".//{{{space}}}Fault")
        if faults:
            _raise_fault(faults[0], department)
    return root


def _raise_fault(fault: etree._Element, department: str) -> None:
    """A fault that is the sender's will not go away by trying again; its text may quote a value and is not shown."""
    found: Any = fault.xpath("string(./faultcode | ./*[local-name()='Code']/*[local-name()='Value'])")
    word = str(found).strip().rpartition(":")[2][:60] or "unnamed"
    if word.split(".")[0] in ("Client", "Sender", "MustUnderstand", "VersionMismatch"):
        raise SourceRefused(
            f"{department}: 来源以 SOAP 错误 {word!r} 拒绝了请求 · the source refuses the request with SOAP fault {word!r}",
            remedy="核对 action:、body: 和连接中的凭据 · check action:, body: and the connection's credentials",
            department=department,
            fault=word,
        )
    raise SourceUnavailable(
        f"{department}: 来源返回 SOAP 错误 {word!r} · the source answers with SOAP fault {word!r}",
        remedy="请稍后重试 · try again later",
        department=department,
        fault=word,
    )


def _total(root: etree._Element, connector: SoapConnector) -> int | None:
    if connector.pages.total is None:
        return None
    found: Any = root.xpath(connector.pages.total, namespaces=connector.namespaces or None)
    if isinstance(found, list):
        found = found[0] if found else None
    if isinstance(found, etree._Element):
        found = found.text
    return whole(str(found) if isinstance(found, str) else found)
