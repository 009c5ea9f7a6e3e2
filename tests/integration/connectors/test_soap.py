"""SOAP against a real server: pages, faults, bombs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.contract import Contract
from connectors.extract import Pull
from hub.errors import ContractError, SourceFormatError, SourceLimitError, SourceRefused, SourceUnavailable
from tests.integration.connectors.servers import HttpServer, Request, Response, as_xml, http_server
from tests.unit.connectors.builders import make_contract, payloads, pull

BODY = '<q:Query xmlns:q="urn:court"><q:Since>{since}</q:Since><q:Page>{page}</q:Page><q:Size>{size}</q:Size></q:Query>'
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
Serve = Callable[[Callable[[Request], Response]], HttpServer]


def contract_on(feed: dict[str, Any] | None = None, **connector: Any) -> Contract:
    reach = {
        "kind": "soap",
        "connection": "source",
        "path": "/ws/case",
        "action": "Query",
        "body": BODY,
        "items": "//c:Case",
        "namespaces": {"c": "urn:court"},
        "pages": {"style": "page", "size": 2, "total": "//c:Total"},
        "retries": 0,
        **connector,
    }
    parties = [{"role": "plaintiff", "each": {"path": "Parties.Party[]"}, "name": {"from": "Name"}}]
    return make_contract(connector=reach, feed=feed or {"mode": "cursor", "field": "Updated"}, key=["No"], parties=parties)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    contexts = []

    def start(answer: Callable[[Request], Response]) -> HttpServer:
        context = http_server(answer)
        contexts.append(context)
        server = context.__enter__()
        monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", json.dumps({"url": server.url, "username": "u", "password": "p"}))
        return server

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


def envelope(content: str, status: int = 200) -> Response:
    return as_xml(f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body>{content}</s:Body></s:Envelope>', status)


def case(number: int) -> str:
    parties = "".join(f"<Party><Name>{name}</Name></Party>" for name in "甲乙"[:number])
    return f"<Case><No>C{number}</No><Updated>2026-01-0{number}T08:00:00</Updated><Parties>{parties}</Parties></Case>"


def cases(request: Request) -> Response:
    found = re.search(rb"<q:Page>(\d+)</q:Page><q:Size>(\d+)</q:Size>", request.body)
    assert found is not None
    page, size = int(found[1]), int(found[2])
    numbers = [1, 2, 3][(page - 1) * size : page * size]
    return envelope(f'<R xmlns="urn:court"><Total>3</Total>{"".join(map(case, numbers))}</R>')


def test_pages_until_the_total(serve: Serve) -> None:
    server = serve(cases)
    pages = pull(contract_on(auth="basic"))
    assert [(page.complete, page.total) for page in pages] == [(False, 3), (True, 3)]
    assert [row["Parties"] for row in payloads(pages)] == [
        {"Party": [{"Name": "甲"}]},
        {"Party": [{"Name": "甲"}, {"Name": "乙"}]},
        {"Party": [{"Name": "甲"}, {"Name": "乙"}]},
    ]
    assert pages[-1].cursor == "2026-01-03T00:00:00.000000Z"
    assert server.requests[0].headers["soapaction"] == '"Query"'
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert b"soap:Envelope" in server.requests[0].body


def test_the_watermark_is_put_into_the_body(serve: Serve) -> None:
    server = serve(cases)
    contract = contract_on()
    pull(contract, Pull.after(contract, "2026-01-02T00:00:00.000000Z"))
    assert b"<q:Since>2026-01-02T08:00:00+08:00</q:Since>" in server.requests[0].body


def test_soap_1_2_by_the_envelope_of_the_body(serve: Serve) -> None:
    server = serve(cases)
    body = f'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>{BODY}</e:Body></e:Envelope>'
    pull(contract_on(body=body))
    assert server.requests[0].headers["content-type"] == 'application/soap+xml; charset=utf-8; action="Query"'
    assert "soapaction" not in server.requests[0].headers


def test_without_a_total_pages_end_with_an_empty_one(serve: Serve) -> None:
    serve(cases)
    pages = pull(contract_on(pages={"style": "page", "size": 2}))
    assert [page.rows.num_rows for page in pages] == [2, 1, 0]


def fault(code: str, status: int = 500) -> Response:
    return envelope(f"<s:Fault><faultcode>s:{code}</faultcode><faultstring>王小明 is unknown</faultstring></s:Fault>", status)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        pytest.param("Server", 500, SourceUnavailable, id="the server's"),
        pytest.param("Client", 500, SourceRefused, id="the sender's"),
        pytest.param("Client.Authentication", 200, SourceRefused, id="with status 200"),
    ],
)
def test_faults(serve: Serve, code: str, status: int, error: type[Exception]) -> None:
    serve(lambda request: fault(code, status))
    with pytest.raises(error, match=re.escape(repr(code))) as caught:
        pull(contract_on())
    assert "王小明" not in str(caught.value)


def test_a_fault_of_soap_1_2(serve: Serve) -> None:
    space = "http://www.w3.org/2003/05/soap-envelope"
    text = f'<e:Envelope xmlns:e="{space}"><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code></e:Fault></e:Body></e:Envelope>'
    serve(lambda request: as_xml(text))
    with pytest.raises(SourceRefused, match="'Sender'"):
        pull(contract_on())


def test_a_fault_that_passes_is_tried_again(serve: Serve) -> None:
    left = iter([fault("Server")])
    serve(lambda request: next(left, None) or cases(request))
    assert len(payloads(pull(contract_on(retries=1)))) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("<html><body>log in</body></html>", "HTML page instead of XML", id="HTML"),
        pytest.param("\ufeff<html><body>log in</body></html>", "HTML page instead of XML", id="HTML after a mark"),
        pytest.param("<a><b></a>", "not XML that can be read", id="broken"),
        pytest.param('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities", id="entities"),
    ],
)
def test_an_answer_that_is_no_envelope(serve: Serve, text: str, words: str) -> None:
    serve(lambda request: as_xml(text))
    with pytest.raises(SourceFormatError, match=words):
        pull(contract_on())


def test_an_xml_bomb_does_not_grow(serve: Serve) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    serve(lambda request: as_xml(f'<!DOCTYPE a [<!ENTITY e0 "ha">{entities}]><a>&e9;</a>'))
    with pytest.raises(SourceFormatError):
        pull(contract_on())


def test_a_page_that_repeats_for_ever(serve: Serve) -> None:
    serve(lambda request: envelope(f'<R xmlns="urn:court">{case(1)}</R>'))
    with pytest.raises(SourceLimitError, match="for ever"):
        pull(contract_on())


def test_a_prefix_that_nobody_declared(serve: Serve) -> None:
    serve(cases)
    with pytest.raises(ContractError, match="XPath"):
        pull(contract_on(items="//d:Case"))


def test_a_404_is_refused(serve: Serve) -> None:
    serve(lambda request: as_xml("<a/>", 404))
    with pytest.raises(SourceRefused, match="404"):
        pull(contract_on())
