"""Three REST interfaces: cursor pages behind OAuth2, offset pages behind an API key, Link-header pages behind a bearer token."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
import time
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

import orjson

from simulator.systems.http import Faults, Request, Response, as_json, joined
from simulator.systems.rows import Rows, epoch_seconds

MAX_PAGE_ROWS = 1000
TOKEN_SECONDS = 600


class Api(Protocol):
    """What answers on a department's port."""

    faults: Faults

    def __call__(self, request: Request) -> Response:
        """Answer one request."""

    def connection(self, url: str) -> dict[str, str]:
        """What the hub needs to reach it at `url`."""


class CursorApi:
    """Petition: client credentials for a token, an opaque cursor for the next page; the second page fails once (or the only one)."""

    def __init__(self, rows: Rows) -> None:
        self.faults = Faults("page 500")
        self._rows = rows
        self._client_id, self._client_secret = "casehub", secrets.token_urlsafe(24)
        self._tokens: dict[str, float] = {}
        self._lock = threading.Lock()

    def connection(self, url: str) -> dict[str, str]:
        """Address and client credentials."""
        return {"url": url, "token_url": f"{url}/oauth/token", "client_id": self._client_id, "client_secret": self._client_secret}

    def __call__(self, request: Request) -> Response:
        """`POST /oauth/token`, `GET /api/v2/petitions`."""
        if request.path == "/oauth/token" and request.method == "POST":
            return self._token(request)
        if request.path == "/api/v2/petitions" and request.method == "GET":
            return self._page(request) if self._is_known(request) else as_json({"code": 401, "message": "token 无效或已过期"}, 401)
        return as_json({"code": 404, "message": "没有这个接口"}, 404)

    def _token(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
        if "authorization" in request.headers:
            client_id, client_secret = _basic(request.headers["authorization"])
        if form.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        if client_id != self._client_id or not secrets.compare_digest(client_secret.encode(), self._client_secret.encode()):
            return as_json({"error": "invalid_client"}, 401)
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[token] = time.monotonic() + TOKEN_SECONDS
        return as_json({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS})

    def _is_known(self, request: Request) -> bool:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self._tokens.get(token, 0.0) > time.monotonic()

    def _page(self, request: Request) -> Response:
        try:
            since = epoch_seconds(request.query.get("updated_since"))
            size = min(int(request.query.get("limit", "100")), MAX_PAGE_ROWS)
            cursor = request.query.get("cursor")
            start = self._rows.after(_read_cursor(cursor)) if cursor else self._rows.start_of(since)
        except ValueError:
            return as_json({"code": 400, "message": "参数有误"}, 400)
        is_last = start + size >= len(self._rows)
        if (cursor or is_last) and self.faults.strikes("page 500"):
            return as_json({"code": 500, "message": "系统繁忙"}, 500)
        bodies = self._rows.page(start, size)
        following = None if is_last or not bodies else _write_cursor(self._rows.mark(start + len(bodies) - 1))
        return Response(body=b'{"code":0,"data":{"items":' + joined(bodies) + b',"next":' + orjson.dumps(following) + b"}}")


class OffsetApi:
    """Housing: a key in a header, offset pages; says 429 with Retry-After to the first request after a change, and above its rate."""

    RATE_PER_SECOND = 200

    def __init__(self, rows: Rows) -> None:
        self.faults = Faults("throttle")
        self._rows = rows
        self._key = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        self._second, self._count = 0, 0

    def connection(self, url: str) -> dict[str, str]:
        """Address and API key."""
        return {"url": url, "api_key": self._key}

    def __call__(self, request: Request) -> Response:
        """`GET /openapi/complaints`."""
        if request.path != "/openapi/complaints":
            return as_json({"msg": "not found"}, 404)
        if not secrets.compare_digest(request.headers.get("x-api-key", "").encode(), self._key.encode()):
            return as_json({"msg": "API key 无效"}, 403)
        if self.faults.strikes("throttle") or self._is_above_rate():
            return as_json({"msg": "请求过于频繁"}, 429, Retry_After="1")
        try:
            since = epoch_seconds(request.query.get("updatedAfter"))
            offset = int(request.query.get("offset", "0"))
            size = min(int(request.query.get("limit", "100")), MAX_PAGE_ROWS)
        except ValueError:
            return as_json({"msg": "参数有误"}, 400)
        start = self._rows.start_of(since)
        total = str(len(self._rows) - start).encode("ascii")
        return Response(body=b'{"total":' + total + b',"rows":' + joined(self._rows.page(start + offset, size)) + b"}")

    def _is_above_rate(self) -> bool:
        with self._lock:
            second = int(time.monotonic())
            self._count = self._count + 1 if second == self._second else 1
            self._second = second
            return self._count > self.RATE_PER_SECOND


class LinkApi:
    """Health: a bearer token, a bare array, and the next page's address in the Link header; a 503 once."""

    def __init__(self, rows: Rows) -> None:
        self.faults = Faults("page 503")
        self._rows = rows
        self._token = secrets.token_urlsafe(24)

    def connection(self, url: str) -> dict[str, str]:
        """Address and token."""
        return {"url": url, "token": self._token}

    def __call__(self, request: Request) -> Response:
        """`GET /v1/complaints`."""
        if request.path != "/v1/complaints":
            return as_json({"error": "not found"}, 404)
        if not secrets.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()):
            return as_json({"error": "unauthorized"}, 401)
        if self.faults.strikes("page 503"):
            return as_json({"error": "try again"}, 503, Retry_After="0")
        try:
            since = epoch_seconds(request.query.get("modified_since"))
            page = int(request.query.get("page", "1"))
            size = min(int(request.query.get("per_page", "100")), MAX_PAGE_ROWS)
        except ValueError:
            return as_json({"error": "bad parameter"}, 400)
        start = self._rows.start_of(since) + (page - 1) * size
        links = [self._link(request, page - 1, "prev")] if page > 1 else []
        if start + size < len(self._rows):
            links.append(self._link(request, page + 1, "next"))
        return Response(body=joined(self._rows.page(start, size)), headers={"Link": ", ".join(links)} if links else {})

    def _link(self, request: Request, page: int, relation: str) -> str:
        query = urlencode({**request.query, "page": str(page)})
        return f'<http://{request.headers.get("host", "")}{request.path}?{query}>; rel="{relation}"'


def _basic(header: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(header.removeprefix("Basic "), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    name, _, password = text.partition(":")
    return name, password


def is_basic(request: Request, name: str, password: str) -> bool:
    """Whether the request carries this name and password."""
    given_name, given_password = _basic(request.headers.get("authorization", ""))
    return given_name == name and secrets.compare_digest(given_password.encode(), password.encode())


def _write_cursor(mark: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(f"{mark[0]}.{mark[1]}".encode("ascii")).decode("ascii")


def _read_cursor(text: str) -> tuple[int, int]:
    cursor, _, place = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii").partition(".")
    return int(cursor), int(place)
