"""Plain clients: what any programmer would write against each system, without the hub's own transports."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncssh
import httpx
import orjson
from lxml import etree

from simulator.serve import Systems
from simulator.systems.http import Request, Response, Service

ENVELOPE = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><QueryCases xmlns="http://court.example/ws/case">'
    "<UpdatedSince>{since}</UpdatedSince><PageNo>{page}</PageNo><PageSize>{size}</PageSize></QueryCases></soap:Body></soap:Envelope>"
)


def setting(systems: Systems, department: str) -> Any:
    """A department's connection: a URL, or what its JSON object says."""
    text = systems.environment()[f"CASEHUB_CONNECTION_{department.upper()}"]
    return orjson.loads(text) if text.startswith("{") else text


def folder(systems: Systems, department: str) -> Path:
    """The folder of a department's files."""
    return Path(unquote(urlsplit(setting(systems, department)).path))


def petition_token(connection: dict[str, str]) -> str:
    """A token for the client's credentials."""
    answer = httpx.post(
        connection["token_url"],
        data={"grant_type": "client_credentials"},
        auth=(connection["client_id"], connection["client_secret"]),
    )
    token: str = answer.raise_for_status().json()["access_token"]
    return token


def petition_rows(connection: dict[str, str], size: int = 20, **params: str) -> list[dict[str, Any]]:
    """Every petition, page by page; a 500 is asked again."""
    headers = {"Authorization": f"Bearer {petition_token(connection)}"}
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        asked = {"limit": str(size), **params, **({"cursor": cursor} if cursor else {})}
        answer = httpx.get(f"{connection['url']}/api/v2/petitions", params=asked, headers=headers)
        if answer.status_code == 500:
            continue
        data = answer.raise_for_status().json()["data"]
        rows += data["items"]
        cursor = data["next"]
        if cursor is None:
            return rows


def court_page(connection: dict[str, str], page: int = 1, size: int = 50, since: str = "", **overrides: Any) -> httpx.Response:
    """One answer of the court's service."""
    asked: dict[str, Any] = {
        "content": ENVELOPE.format(page=page, size=size, since=since),
        "headers": {"SOAPAction": '"QueryCases"', "Content-Type": "text/xml"},
        "auth": (connection["username"], connection["password"]),
        **overrides,
    }
    return httpx.post(f"{connection['url']}/ws/case", **asked)


def court_cases(answer: httpx.Response) -> list[Any]:
    """The Case elements of an answer."""
    return list(etree.fromstring(answer.content).iter("{http://court.example/ws/case}Case"))


def sftp_file(connection: dict[str, str], path: str, **overrides: Any) -> bytes:
    """A file fetched over SFTP, the server's key checked."""
    parts = urlsplit(connection["url"])
    known = asyncssh.import_known_hosts(f"[{parts.hostname}]:{parts.port} {connection['known_host_key']}")
    options = {"password": connection["password"], "known_hosts": known, **overrides}

    async def fetch() -> bytes:
        async with (
            asyncssh.connect(parts.hostname or "", parts.port or 22, username=parts.username, client_keys=None, **options) as client,
            client.start_sftp_client() as sftp,
            sftp.open(path, "rb") as file,
        ):
            return bytes(await file.read())

    return asyncio.run(fetch())


class Inbox:
    """A stand-in for the hub's inbox that checks signatures and keeps what it takes."""

    def __init__(self) -> None:
        self.secret = ""
        self.events: list[dict[str, Any]] = []
        self.refused = 0
        self.busy = 0  # answer 503 so many times first

    def __call__(self, request: Request) -> Response:
        """Take one burst."""
        if self.busy:
            self.busy -= 1
            return Response(503)
        signed = request.headers["x-timestamp"].encode() + b"." + request.body
        expected = "sha256=" + hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        if request.path != "/v1/inbox/emergency_management" or request.headers["x-signature-256"] != expected:
            self.refused += 1
            return Response(401)
        self.events += orjson.loads(request.body)["events"]
        return Response(202)


@contextmanager
def inbox() -> Iterator[tuple[Inbox, str]]:
    """An inbox on a free port, and its address."""
    taken = Inbox()
    service = Service(taken)
    try:
        yield taken, service.url
    finally:
        service.stop()


def next_link(answer: httpx.Response) -> str | None:
    """Where the Link header says the next page is."""
    found = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
    return found[1] if found else None
