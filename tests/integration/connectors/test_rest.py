"""REST against a real server: every way to page and to sign, and every way to fail."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import itertools
import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.contract import Contract
from connectors.extract import Pull, extract
from connectors.rows import NO_OBJECT_FAULT
from hub.errors import (
    HubError,
    SettingsError,
    SourceFormatError,
    SourceLimitError,
    SourceRefused,
    SourceUnavailable,
)
from tests.integration.connectors.servers import HttpServer, Request, Response, as_json, free_port, http_server
from tests.unit.connectors.builders import make_contract, payloads, pull, rows_of

ROWS = [{"ajbh": f"A{number}", "gxsj": f"2026-01-{number + 1:02d} 08:00:00"} for number in range(7)]
CURSOR = {"mode": "cursor", "field": "gxsj"}


def contract_on(feed: dict[str, Any] | None = None, **connector: Any) -> Contract:
    reach = {"kind": "rest", "connection": "source", "path": "/api/cases", "retries": 1, "timeout_s": 5, **connector}
    return make_contract(connector=reach, feed=feed or CURSOR)


class Serve:
    """Starts servers and points the connection at the last of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._open: list[Any] = []

    def __call__(self, answer: Callable[[Request], Response], **options: str) -> HttpServer:
        context = http_server(answer)
        self._open.append(context)
        server = context.__enter__()
        self.connect(url=server.url, **options)
        return server

    def connect(self, **options: str) -> None:
        self._monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", json.dumps(options))

    def stop(self) -> None:
        for context in self._open:
            context.__exit__(None, None, None)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    serving = Serve(monkeypatch)
    yield serving
    serving.stop()


# --- pages -------------------------------------------------------------------------------------------------------------------


def test_one_page(serve: Serve) -> None:
    server = serve(lambda request: as_json({"data": {"items": ROWS}}))
    pages = pull(contract_on(items="data.items", params={"kind": "x"}, headers={"X-Unit": "hub"}))
    assert payloads(pages) == ROWS
    assert (pages[-1].complete, pages[-1].cursor) == (True, "2026-01-07T00:00:00.000000Z")
    assert (server.requests[0].query, server.requests[0].headers["x-unit"]) == ({"kind": "x"}, "hub")


def test_cursor_pages(serve: Serve) -> None:
    def answer(request: Request) -> Response:
        start = int(request.query.get("next_token", 0))
        following = start + 3 if start + 3 < len(ROWS) else None
        return as_json({"rows": ROWS[start : start + 3], "next": following})

    server = serve(answer)
    pages = pull(contract_on(items="rows", pages={"style": "cursor", "size": 3, "cursor_param": "next_token", "next": "next"}))
    assert payloads(pages) == ROWS
    assert [page.complete for page in pages] == [False, False, True]
    assert [request.query.get("limit") for request in server.requests] == ["3"] * 3


@pytest.mark.parametrize("total", [None, "total"])
def test_offset_pages_of_a_source_that_caps_their_size(serve: Serve, total: str | None) -> None:
    def answer(request: Request) -> Response:
        start, size = int(request.query["offset"]), min(int(request.query["limit"]), 4)
        return as_json({"rows": ROWS[start : start + size], "total": len(ROWS)})

    server = serve(answer)
    pages = pull(
        contract_on(items="rows", pages={"style": "offset", "size": 5, "total": total} if total else {"style": "offset", "size": 5})
    )
    assert payloads(pages) == ROWS
    assert [request.query["offset"] for request in server.requests] == [
        "0",
        "3",
        *([] if total else ["6"]),
    ]  # each shows the last one again


def test_numbered_pages(serve: Serve) -> None:
    def answer(request: Request) -> Response:
        start = int(request.query["p"]) * 4
        return as_json(ROWS[start : start + 4])

    server = serve(answer)
    pages = {"style": "page", "size": 4, "size_param": "n", "page_param": "p", "first_page": 0}
    assert payloads(pull(contract_on(pages=pages))) == ROWS
    assert [request.query for request in server.requests] == [{"n": "4", "p": str(number)} for number in (0, 1, 0, 2, 1)]


def test_an_offset_source_that_gives_one_row_at_once(serve: Serve) -> None:
    server = serve(lambda request: as_json(ROWS[int(request.query["offset"]) :][:1]))
    assert payloads(pull(contract_on(pages={"style": "offset", "size": 5}))) == ROWS
    assert {request.query["offset"] for request in server.requests} == {str(number) for number in range(8)}


def test_pages_end_with_a_404_unless_a_total_says_more(serve: Serve) -> None:
    def answer(request: Request) -> Response:
        rows = ROWS[(int(request.query["page"]) - 1) * 5 :][:5]
        return as_json({"rows": rows, "total": 9}) if rows else as_json({"detail": "Invalid page."}, 404)

    serve(answer)
    pages = pull(contract_on(items="rows", pages={"style": "page", "size": 5}))
    assert (payloads(pages), pages[-1].complete) == (ROWS, True)
    last = pull(contract_on(items="rows", pages={"style": "page", "size": 5, "total": "total"}))[-1]
    assert (last.complete, last.read, last.lowest_total) == (True, 7, 9)  # of which LAND tells
    with pytest.raises(SourceRefused, match="answered 404"):
        pull(contract_on(items="rows", pages={"style": "page", "size": 5, "first_page": 7}))


@pytest.mark.parametrize("relation", ['rel="next"', "rel=next", 'rel="Next"', 'rel="next nofollow"', 'REL="last NEXT"'])
def test_link_pages(serve: Serve, relation: str) -> None:
    def answer(request: Request) -> Response:
        start = int(request.query.get("from", 0))
        link = f'</api/cases?from={start + 4}>; {relation}, </api/cases>; rel="first"' if start + 4 < len(ROWS) else '</x>; rel="prev"'
        return as_json(ROWS[start : start + 4], Link=link)

    serve(answer)
    assert payloads(pull(contract_on(pages={"style": "link"}))) == ROWS


@pytest.mark.parametrize(("size", "total", "is_told"), [(3, None, True), (3, 7, True), (3, 3, False), (4, None, False)])
def test_a_full_page_without_the_place_of_the_next_cursor_is_told(serve: Serve, size: int, total: int | None, is_told: bool) -> None:
    serve(lambda request: as_json({"rows": ROWS[:3], "nextCursor": "3", "total": total}))
    paging = {"style": "cursor", "size": size, "next": "next", "total": "total"}
    pages: list[Any] = []
    with pytest.raises(SourceFormatError, match="has no next,") if is_told else contextlib.nullcontext():
        pages.extend(extract(contract_on(items="rows", pages=paging), Pull()))
    with pytest.raises(SourceFormatError) if is_told else contextlib.nullcontext():
        for page in extract(contract_on(items="rows", pages=paging), Pull()):
            pages = [page]
    assert payloads(pages) == ROWS[:3]


def test_a_source_that_leaves_the_next_cursor_out_on_its_last_page_is_read(serve: Serve) -> None:
    def answer(request: Request) -> Response:
        start = int(request.query.get("cursor", 0))
        return as_json({"rows": ROWS[start : start + 3]} | ({"next": start + 3} if start < 3 else {}))

    serve(answer)
    assert payloads(pull(contract_on(items="rows", pages={"style": "cursor", "size": 3, "next": "next"}))) == ROWS[:6]


def test_a_link_to_another_host_is_not_followed(serve: Serve) -> None:
    serve(lambda request: as_json(ROWS, Link='<http://evil.example/api>; rel="next"'), token="t")
    with pytest.raises(SourceRefused, match=r"another host, evil\.example"):
        pull(contract_on(pages={"style": "link"}, auth="bearer"))


def test_the_watermark_is_sent_less_the_lag(serve: Serve) -> None:
    server = serve(lambda request: as_json(ROWS))
    contract = contract_on(feed={**CURSOR, "lag": "PT10M"}, since_param="updated_since")
    pull(contract, Pull.after(contract, "2026-01-02T00:00:00.000000Z"))
    assert server.requests[0].query == {"updated_since": "2026-01-02T07:50:00+08:00"}
    pull(contract)
    assert server.requests[1].query == {}


def test_a_source_that_knows_no_watermark_is_sifted_here(serve: Serve) -> None:
    serve(lambda request: as_json(ROWS))
    contract = contract_on()
    after = Pull.after(contract, "2026-01-05T00:00:00.000000Z")
    assert [row["source_record_id"] for row in rows_of(pull(contract, after))] == ["A4", "A5", "A6"]


@pytest.mark.parametrize("empty", [{"rows": []}, {"rows": None}], ids=["empty list", "null"])
def test_nothing_new(serve: Serve, empty: dict[str, Any]) -> None:
    serve(lambda request: as_json(empty))
    pages = pull(contract_on(items="rows"))
    assert [(page.rows.num_rows, page.complete) for page in pages] == [(0, True)]


@pytest.mark.parametrize(
    "pages", [{"style": "none"}, {"style": "offset", "size": 5}, {"style": "cursor", "next": "next"}], ids=lambda pages: pages["style"]
)
def test_no_content_is_an_empty_list(serve: Serve, pages: dict[str, Any]) -> None:
    serve(lambda request: Response(204))
    assert [(page.rows.num_rows, page.complete) for page in pull(contract_on(items="data.rows", pages=pages))] == [(0, True)]


@pytest.mark.parametrize(
    ("kind", "charset"),
    [
        pytest.param("application/json; charset=GBK", "it is in GBK", id="says so"),
        pytest.param("application/json;charset=UTF-8", "it is in gb18030", id="says another"),
        pytest.param("application/json", "it is in gb18030", id="says nothing"),
    ],
)
def test_an_answer_in_another_encoding_is_told_with_its_name(serve: Serve, kind: str, charset: str) -> None:
    serve(lambda request: Response(200, '[{"ajbh": "案一"}]'.encode("gb18030"), {"Content-Type": kind}))
    with pytest.raises(SourceFormatError, match=f"is not in UTF-8 → .*{charset}"):
        pull(contract_on())


def test_pages_carry_the_total_that_the_source_speaks_of(serve: Serve) -> None:
    def answer(request: Request) -> Response:
        start = int(request.query["offset"])
        return as_json({"rows": ROWS[start : start + 4], "total": "9" if start == 0 else 7})

    serve(answer)
    pages = pull(contract_on(items="rows", pages={"style": "offset", "size": 4, "total": "total"}))
    assert [(page.total, page.highest_total, page.complete) for page in pages] == [(9, 9, False), (7, 9, True)]


def test_a_mark_before_an_answer_does_no_harm(serve: Serve) -> None:
    serve(lambda request: Response(200, codecs.BOM_UTF8 + json.dumps({"rows": ROWS}).encode(), {"Content-Type": "application/json"}))
    assert payloads(pull(contract_on(items="rows"))) == ROWS


def test_compressed_answers(serve: Serve) -> None:
    serve(lambda request: Response(200, gzip.compress(json.dumps(ROWS).encode()), {"Content-Encoding": "gzip"}))
    assert payloads(pull(contract_on())) == ROWS


# --- signing -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "options", "header", "value"),
    [
        pytest.param("api_key", {"api_key": "k"}, "x-unit-key", "k", id="API key"),
        pytest.param(
            "basic", {"username": "u", "password": "密"}, "authorization", f"Basic {b64encode('u:密'.encode()).decode()}", id="basic"
        ),
        pytest.param("bearer", {"token": "t"}, "authorization", "Bearer t", id="bearer"),
    ],
)
def test_signed_requests(serve: Serve, auth: str, options: dict[str, str], header: str, value: str) -> None:
    server = serve(lambda request: as_json(ROWS), **options)
    pull(contract_on(auth=auth, api_key_header="X-Unit-Key"))
    assert server.requests[0].headers[header] == value


def test_a_credential_that_is_missing_is_named(serve: Serve) -> None:
    serve(lambda request: as_json(ROWS))
    with pytest.raises(SettingsError, match="CASEHUB_CONNECTION_SOURCE has no api_key"):
        pull(contract_on(auth="api_key"))


def oauth(serve: Serve, tokens: Iterator[str], good: Callable[[str], bool], known: str = "s") -> HttpServer:
    basic = f"Basic {b64encode(b'hub:s').decode()}"

    def answer(request: Request) -> Response:
        if request.path == "/token":
            if request.headers.get("authorization") != basic or b"grant_type=client_credentials" not in request.body:
                return as_json({"error": "invalid_client", "error_description": "who are you?"}, 401)
            return as_json({"access_token": next(tokens), "token_type": "Bearer", "expires_in": 3600})
        return as_json(ROWS) if good(request.headers.get("authorization", "")) else as_json({"message": "token expired"}, 401)

    server = serve(answer)
    serve.connect(url=server.url, token_url=f"{server.url}/token", client_id="hub", client_secret=known)
    return server


def test_oauth2_client_credentials(serve: Serve) -> None:
    server = oauth(serve, itertools.repeat("t1"), lambda header: header == "Bearer t1")
    assert payloads(pull(contract_on(auth="oauth2_client_credentials"))) == ROWS
    assert [request.path for request in server.requests] == ["/token", "/api/cases"]


def test_oauth2_token_that_is_refused_is_fetched_anew_once(serve: Serve) -> None:
    server = oauth(serve, iter(["old", "new"]), lambda header: header == "Bearer new")
    assert payloads(pull(contract_on(auth="oauth2_client_credentials"))) == ROWS
    assert [request.path for request in server.requests] == ["/token", "/api/cases", "/token", "/api/cases"]


def test_oauth2_that_never_lets_in_is_refused(serve: Serve) -> None:
    oauth(serve, itertools.repeat("t"), lambda header: False)
    with pytest.raises(SourceRefused, match="answered 401"):
        pull(contract_on(auth="oauth2_client_credentials"))


def test_oauth2_with_wrong_credentials_is_refused_without_showing_them(serve: Serve) -> None:
    oauth(serve, itertools.repeat("t"), lambda header: True, known="hunter2")
    with pytest.raises(SourceRefused, match="no token for these client credentials") as caught:
        pull(contract_on(auth="oauth2_client_credentials"))
    assert "hunter2" not in str(caught.value) + repr(caught.value.detail)


@pytest.mark.parametrize("answer", [Response(200, b"<html>"), as_json({"token": "x"}), as_json([])], ids=["HTML", "no token in it", "list"])
def test_oauth2_endpoint_that_gives_no_token(serve: Serve, answer: Response) -> None:
    server = serve(lambda request: answer)
    serve.connect(url=server.url, token_url=f"{server.url}/token", client_id="hub", client_secret="s")
    with pytest.raises((SourceFormatError, SourceRefused), match="token"):
        pull(contract_on(auth="oauth2_client_credentials"))


# --- failures ----------------------------------------------------------------------------------------------------------------


def test_a_source_that_is_down(serve: Serve) -> None:
    serve.connect(url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SourceUnavailable, match="cannot be reached, after 2 tries"):
        pull(contract_on())


def failing(times: int, status: int = 500, **headers: str) -> Callable[[Request], Response]:
    left = iter(range(times))
    return lambda request: as_json({"message": "busy"}, status, **headers) if next(left, None) is not None else as_json(ROWS)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_an_error_that_passes_is_tried_again(serve: Serve, status: int) -> None:
    server = serve(failing(1, status))
    assert payloads(pull(contract_on())) == ROWS
    assert len(server.requests) == 2


def test_retry_after_is_respected(serve: Serve) -> None:
    serve(failing(1, 429, Retry_After="1"))
    started = time.monotonic()
    pull(contract_on())
    assert time.monotonic() - started >= 1


def test_a_source_that_answers_500_is_unavailable(serve: Serve) -> None:
    server = serve(failing(99))
    with pytest.raises(SourceUnavailable, match="answered 500 after 2 tries") as caught:
        pull(contract_on())
    assert caught.value.retryable
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404])
def test_what_is_refused_is_not_tried_again(serve: Serve, status: int) -> None:
    server = serve(lambda request: as_json({}, status, Location="http://elsewhere.example/"))
    with pytest.raises(SourceRefused, match=f"answered {status}"):
        pull(contract_on())
    assert len(server.requests) == 1


def test_a_source_that_hangs(serve: Serve) -> None:
    is_over = threading.Event()

    def answer(request: Request) -> Response:
        is_over.wait(60)
        return as_json(ROWS)

    serve(answer)
    try:
        with pytest.raises(SourceUnavailable, match="no answer in time"):
            pull(contract_on(timeout_s=1, retries=0))
    finally:
        is_over.set()


def test_a_source_that_breaks_off_is_tried_again(serve: Serve) -> None:
    bodies = iter([Response(200, b"[", {"Content-Length": "9999"}), as_json(ROWS)])

    def answer(request: Request) -> Response:
        response = next(bodies)
        if "Content-Length" in response.headers:
            request_closed.append(True)
        return response

    request_closed: list[bool] = []
    serve(answer)
    assert payloads(pull(contract_on(timeout_s=1))) == ROWS
    assert request_closed == [True]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        pytest.param(b"<!DOCTYPE html><html>log in</html>", "text/html", "HTML page instead of JSON", id="HTML"),
        pytest.param(b"<html>log in</html>", "application/json", "HTML page instead of JSON", id="HTML that says it is JSON"),
        pytest.param(b'[{"ajbh": "1"', "application/json", "is not JSON", id="cut off"),
        pytest.param(b"", "application/json", "is not JSON", id="empty"),
        pytest.param(
            b'{"code": 7, "msg": "x"}', "application/json", "no list at 'rows'; the answer's keys are code, msg", id="another shape"
        ),
        pytest.param(
            b'{"code": 7, "440311198001011010": [], "\xe5\xbc\xa0\xe4\xbc\x9f": []}',
            "application/json",
            "the answer's keys are code and 2 more →",
            id="keyed by persons",
        ),
        pytest.param(b"{}", "application/json", "应答的键：空 · there is no list at 'rows'; the answer's keys are none", id="no keys"),
        pytest.param(b'"x"', "application/json", "no list at 'rows'", id="no object"),
    ],
)
def test_an_answer_that_is_no_list_of_rows(serve: Serve, body: bytes, kind: str, words: str) -> None:
    serve(lambda request: Response(200, body, {"Content-Type": kind}))
    with pytest.raises(SourceFormatError, match=words):
        pull(contract_on(items="rows"))


def endless(sent: list[int]) -> Iterator[bytes]:
    block = b'{"ajbh": "x"},' * 5000
    for _ in range(2 * 1024**3 // len(block)):
        sent.append(len(block))
        yield block


def test_a_response_of_two_gigabytes_is_cut_off(serve: Serve) -> None:
    sent: list[int] = []
    serve(lambda request: Response(200, endless(sent)))
    with pytest.raises(SourceLimitError, match="longer than 1048576 bytes"):
        pull(contract_on(max_response_bytes=1 << 20))
    assert sum(sent) < 100 * 1024**2


def test_a_response_that_announces_two_gigabytes_is_not_read(serve: Serve) -> None:
    serve(lambda request: Response(200, b"[]", {"Content-Length": str(2 * 1024**3)}))
    with pytest.raises(SourceLimitError, match="longer than"):
        pull(contract_on())


def test_a_decompression_bomb_is_cut_off(serve: Serve) -> None:
    serve(lambda request: Response(200, gzip.compress(b" " * (64 << 20)), {"Content-Encoding": "gzip"}))
    with pytest.raises(SourceLimitError):
        pull(contract_on(max_response_bytes=1 << 20))


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip"], ids=["br", "zstd", "damaged gzip"])
def test_an_encoding_that_cannot_be_undone(serve: Serve, encoding: str) -> None:
    serve(lambda request: Response(200, b"nonsense", {"Content-Encoding": encoding}))
    with pytest.raises(SourceFormatError) as caught:
        pull(contract_on())
    assert caught.value.remedy


def test_a_link_that_leads_to_itself_is_told_with_a_remedy(serve: Serve) -> None:
    serve(lambda request: Response(200, json.dumps(ROWS[:1]).encode(), {"Link": f'<{request.path}?n=1>; rel="next"'}))
    with pytest.raises(SourceLimitError, match="for ever") as caught:
        pull(contract_on(pages={"style": "link"}, feed={"mode": "snapshot"}))
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("pages", "answer"),
    [
        pytest.param({"style": "page", "size": 7}, {"rows": ROWS}, id="ignores the page number"),
        pytest.param({"style": "offset", "size": 7}, {"rows": ROWS}, id="ignores the offset"),
        pytest.param({"style": "cursor", "next": "next"}, {"rows": ROWS, "next": "same"}, id="the same cursor"),
    ],
)
def test_a_page_that_repeats_for_ever(serve: Serve, pages: dict[str, Any], answer: dict[str, Any]) -> None:
    server = serve(lambda request: as_json(answer))
    with pytest.raises(SourceLimitError, match="for ever"):
        pull(contract_on(items="rows", pages=pages))
    assert len(server.requests) <= 4


def test_a_cursor_that_leads_round_in_a_circle(serve: Serve) -> None:
    calls = itertools.count()

    def answer(request: Request) -> Response:
        number = next(calls)
        return as_json({"rows": [{"ajbh": f"{number}", "gxsj": None}], "next": ["a", "b"][number % 2]})

    serve(answer)
    with pytest.raises(SourceLimitError, match="for ever"):
        pull(contract_on(items="rows", pages={"style": "cursor", "next": "next"}))


def test_pages_handed_on_before_a_failure_stay_good(serve: Serve) -> None:
    serve(lambda request: as_json(ROWS[:2]) if request.query["page"] == "1" else as_json({}, 403))
    pages = []
    with pytest.raises(SourceRefused):
        for page in extract(contract_on(pages={"style": "page", "size": 2}), Pull()):
            pages.append(page)  # what came before the error is what counts
    assert [page.complete for page in pages] == [False]
    assert payloads(pages) == ROWS[:2]


def test_rows_that_are_no_objects_and_rows_without_keys_are_kept(serve: Serve) -> None:
    serve(lambda request: as_json([*ROWS[:1], 7, {"gxsj": None}]))
    rows = rows_of(pull(contract_on()))
    assert [(row["source_record_id"], row["fault"]) for row in rows] == [("A0", None), (None, NO_OBJECT_FAULT), (None, None)]


def test_half_a_character_in_one_row_does_not_lose_the_page(serve: Serve) -> None:
    serve(lambda request: Response(200, b'[{"ajbh": "1"}, {"ajbh": "2", "nr": "\\ud83d"}]'))
    assert [row["payload"] is None for row in rows_of(pull(contract_on()))] == [False, True]


def test_no_error_shows_an_address_with_a_password(serve: Serve) -> None:
    serve.connect(url=f"http://user:hunter2@127.0.0.1:{free_port()}/")
    with pytest.raises(HubError) as caught:
        pull(contract_on(retries=0))
    assert "hunter2" not in str(caught.value) + repr(caught.value.detail)


def test_a_url_that_is_none(serve: Serve) -> None:
    for url in ("ftp://host", "https://user:S3cret!/x@host.example", "https://host:port"):
        serve.connect(url=url)
        with pytest.raises(SettingsError, match="no http URL") as caught:
            pull(contract_on())
        assert "S3cret" not in str(caught.value) + repr(caught.value.__cause__)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("secret", ["密钥", "key\n", "key\x00"])
def test_a_credential_that_no_header_can_carry_is_told(serve: Serve, secret: str) -> None:
    serve.connect(url="http://127.0.0.1:1/", token=secret, api_key=secret)
    for auth in ("bearer", "api_key"):
        with pytest.raises(SettingsError, match="holds a character that no header can carry") as caught:
            pull(contract_on(auth=auth))
        assert secret not in str(caught.value)
