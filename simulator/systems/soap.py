"""Court: one SOAP operation over HTTP, with page numbers, behind a name and a password."""

from __future__ import annotations

import secrets
from typing import Any

from lxml import etree

from simulator.systems.http import Faults, Request, Response
from simulator.systems.rest import is_basic
from simulator.systems.rows import Rows, epoch_seconds

MAX_PAGE_ROWS = 500
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACE = "http://court.example/ws/case"
USER = "casehub"


class SoapApi:
    """`POST /ws/case`, operation QueryCases; a fault with status 500 once."""

    def __init__(self, rows: Rows) -> None:
        self.faults = Faults("page 500")
        self._rows = rows
        self._password = secrets.token_urlsafe(24)

    def connection(self, url: str) -> dict[str, str]:
        """Address, name and password."""
        return {"url": url, "username": USER, "password": self._password}

    def __call__(self, request: Request) -> Response:
        """Answer a QueryCases envelope."""
        if request.path != "/ws/case" or request.method != "POST":
            return _fault(404, "Client", "没有这个服务")
        if not is_basic(request, USER, self._password):
            return _fault(401, "Client.Authentication", "用户名或口令有误")
        if request.headers.get("soapaction", "").strip('"') != "QueryCases":
            return _fault(500, "Client", "SOAPAction 不存在")
        if self.faults.strikes("page 500"):
            return _fault(500, "Server", "系统繁忙")
        try:
            since, page, size = _asked(request.body)
        except (ValueError, etree.XMLSyntaxError):
            return _fault(400, "Client", "报文有误")
        start = self._rows.start_of(since)
        bodies = "".join(self._rows.page(start + (page - 1) * size, size))
        answer = f"<TotalCount>{len(self._rows) - start}</TotalCount><PageNo>{page}</PageNo><Cases>{bodies}</Cases>"
        return _envelope(200, f'<QueryCasesResponse xmlns="{NAMESPACE}">{answer}</QueryCasesResponse>')


def _asked(body: bytes) -> tuple[int | None, int, int]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    root = etree.fromstring(body, parser)

    def text(name: str) -> str:
        found: Any = root.xpath(f"string(//*[local-name()='{name}'])")
        return str(found).strip()

    size = min(int(text("PageSize") or "100"), MAX_PAGE_ROWS)
    return epoch_seconds(text("UpdatedSince")), int(text("PageNo") or "1"), size


def _fault(status: int, code: str, words: str) -> Response:
    return _envelope(status, f"<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{words}</faultstring></soap:Fault>")


def _envelope(status: int, content: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{ENVELOPE}"><soap:Body>{content}</soap:Body></soap:Envelope>'
    return Response(status, text.encode("utf-8"), "text/xml; charset=utf-8")
