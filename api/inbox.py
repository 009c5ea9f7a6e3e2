"""INBOX, receiving side: a signed push is checked, cut into events, and stored before anybody is told that it was taken.

An event that was stored before is counted, not kept twice: the same id with the same bytes. The same id with others is kept beside
it, under the id and a hash: whether it is a correction, another record or nothing new is for LAND to judge, which sees what it says.
One lock a department keeps the order of arrival.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from api.answers.platform import Received
from api.departments import Department
from connectors.connections import load_connection
from connectors.connector import InboxConnector
from connectors.paths import compile_path
from connectors.transports.answers import loads
from connectors.transports.inbox import verify_signature
from connectors.values import key_text
from hub.database import changing
from hub.encryption import Protected, clear_bytes, store_bytes
from hub.errors import AccessDenied, ContractError, NotFound, RequestError

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_EVENTS = 10_000
MAX_AGE_S = 300
_LOCK = 4705  # beside those of pipeline/store/locks.py

Wrap = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_STORED = "SELECT event_id, body FROM ops.inbox WHERE department = :department AND event_id = ANY(CAST(:ids AS text[]))"
_STORE = """
INSERT INTO ops.inbox (department, event_id, body, times_received)
SELECT :department, e.event_id, e.body, e.times
FROM unnest(CAST(:ids AS text[]), CAST(:bodies AS bytea[]), CAST(:times AS integer[])) WITH ORDINALITY AS e (event_id, body, times, turn)
ORDER BY e.turn
ON CONFLICT (department, event_id) DO UPDATE SET times_received = inbox.times_received + excluded.times_received
RETURNING (xmax = 0) AS is_new, times_received
"""


@dataclass(frozen=True)
class Push:
    """A request as received."""

    body: bytes
    headers: Mapping[str, str]


def require_signed(department: Department, push: Push) -> InboxConnector:
    """How a department pushes, whose signature a push bears; nothing is asked of the store.

    Raises:
        ContractError: nobody knows whether it pushes, or how, until its contract is put right.
        NotFound: the department does not push.
        AccessDenied: the signature is wrong or missing, or was made more than five minutes ago.
    """
    if department.is_broken:  # told as the hub's own mistake: what is answered 404 is not sent again
        raise ContractError(
            f"{department.code}: 契约有误，推送无法接收 · its contract has a mistake: no push can be taken in",
            remedy="运行 `casehub sources check` · run `casehub sources check`",
            department=department.code,
        )
    if department.inbox is None:
        raise NotFound(
            "此部门不推送事件 · this department pushes no events",
            remedy="用 casehub sources list 查看各部门的报送方式 · `casehub sources list` shows how each department sends",
        )
    _require_signature(department.inbox, push)
    return department.inbox


def keep(engine: Engine, department: str, connector: InboxConnector, body: bytes) -> Received:
    """Store the events of a push whose signature was checked; when this returns, they are stored.

    Raises:
        RequestError: the body is not JSON, or an event has no id.
    """
    events = _events(connector, body)
    with changing(engine, is_long=True) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock, hashtext(:name))"), {"lock": _LOCK, "name": department})
        named = _named(events, _digests(connection, department, [event_id for event_id, _ in events]))
        times, distinct = Counter(name for name, _ in named), dict(named)
        values = {
            "department": department,
            "ids": list(distinct),
            "bodies": [store_bytes(Protected.EVENT, body) for body in distinct.values()],
            "times": [times[name] for name in distinct],
        }
        new = sum(row.is_new for row in connection.execute(text(_STORE), values))
    return Received(received=len(events), new=new, already_known=len(events) - new)


def _digests(connection: Connection, department: str, ids: list[str]) -> dict[str, str]:
    """Of each id that is stored, what its bytes come to."""
    rows = connection.execute(text(_STORED), {"department": department, "ids": ids})
    return {event_id: _digest(clear_bytes(Protected.EVENT, bytes(body))) for event_id, body in rows}


def _named(events: list[tuple[str, bytes]], digests: dict[str, str]) -> list[tuple[str, bytes]]:
    """Events, each under the id that it is kept by: another than its own where that is taken by other bytes."""
    named = []
    for event_id, body in events:
        digest = _digest(body)
        is_own = digests.setdefault(event_id, digest) == digest
        named.append((event_id if is_own else f"{event_id}#{digest}", body))
    return named


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _require_signature(connector: InboxConnector, push: Push) -> None:
    secret = load_connection(connector.connection, "inbox").options["secret"]
    timestamp = push.headers.get("x-timestamp", "")
    is_recent = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12 and abs(time.time() - int(timestamp)) <= MAX_AGE_S
    if not (is_recent and verify_signature(secret, push.body, push.headers.get(connector.signature_header.lower()), timestamp=timestamp)):
        raise AccessDenied(
            "签名或时间戳无效 · the signature or its time is not valid",
            remedy=f"{connector.signature_header} 为 sha256=hex(HMAC-SHA-256(密钥，X-Timestamp + '.' + 请求体))，须在 5 分钟内发出 · "
            f"{connector.signature_header} is sha256=hex(HMAC-SHA-256(secret, X-Timestamp + '.' + body)), sent within 5 minutes",
            problem="not-authenticated",
            challenge="invalid_signature",
            scheme="Signature",
        )


def _events(connector: InboxConnector, body: bytes) -> list[tuple[str, bytes]]:
    """Each event's id and bytes, in order."""
    try:
        document = loads(body)
    except (ValueError, RecursionError):
        raise _unreadable("请求内容不是 JSON · the body is not JSON") from None
    wrap: Wrap = dict
    if connector.items is None:
        if isinstance(document, dict):
            return [(_event_id(connector, document), body)]  # as received, to the byte
        rows = document
    else:
        rows, found = compile_path(connector.items).search(document), _wrapper(connector.items)
        if found is None:  # the rows of this path cannot be put back one by one: the push is kept whole, and landing tells its events apart
            return [(f"sha256:{hashlib.sha256(body).hexdigest()}", body)]
        wrap = found
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows) or len(rows) > MAX_EVENTS:
        raise _unreadable(f"没有事件或多于 {MAX_EVENTS} 个 · no events in it, or more than {MAX_EVENTS}")
    return [(_event_id(connector, row), json.dumps(wrap(row), separators=(",", ":")).encode("ascii")) for row in rows]


def _event_id(connector: InboxConnector, row: Mapping[str, Any]) -> str:
    found = key_text(compile_path(connector.event_id.path).search(row))
    if found is None or len(found) > 200 or any("\ud800" <= character <= "\udfff" for character in found):
        raise _unreadable(f"事件缺少 {connector.event_id.path} · an event has no {connector.event_id.path}")
    return found


def _wrapper(items: str) -> Wrap | None:
    """What puts one row back where the path finds it (data.events → {"data": {"events": [row]}}); None for paths that do more."""
    names: list[str] = []
    node = compile_path(items).parsed
    while node["type"] == "subexpression" and node["children"][1]["type"] == "field":
        names.append(node["children"][1]["value"])
        node = node["children"][0]
    if node["type"] != "field":
        return None
    names.append(node["value"])

    def wrap(row: Mapping[str, Any]) -> Mapping[str, Any]:
        wrapped: Any = [row]
        for name in names:
            wrapped = {name: wrapped}
        return dict(wrapped)

    return wrap


def _unreadable(message: str) -> RequestError:
    return RequestError(message, remedy="没有存入任何事件，改正后重发 · nothing of it was stored; send it again when corrected")
