"""INBOX: events that a source pushed, signed, and the API put down → pages. LAND marks them as taken, in its own transaction."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from connectors.connector import InboxConnector
from connectors.contract import Contract
from connectors.pages import Page, Paginator, Stamp
from connectors.paths import compile_path
from connectors.rows import NO_JSON_FAULT, Row, Unreadable, as_row
from connectors.transports.answers import loads
from connectors.values import key_text
from hub.encryption import Protected, clear_bytes

_WAITING = sa.text(
    "SELECT inbox_id, event_id, body FROM ops.inbox WHERE department = :department AND batch_id IS NULL AND inbox_id > :after "
    "ORDER BY inbox_id LIMIT :size"
)


def verify_signature(secret: str, body: bytes, header: str | None, *, timestamp: str | None = None) -> bool:
    """Whether a push carries the right HMAC-SHA-256 of its body.

    Args:
        secret: shared with the source.
        body: as received, before any parsing.
        header: the signature header, hex digits with or without "sha256=" before them; None where it is missing.
        timestamp: the header with the time of sending, where the source signs `timestamp.body`; its age is the caller's to judge.
    """
    signed = body if timestamp is None else timestamp.encode("utf-8") + b"." + body
    expected = hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).hexdigest()
    given = (header or "").strip().removeprefix("sha256=").lower()
    return hmac.compare_digest(expected.encode("ascii"), given.encode("utf-8"))


def pages(contract: Contract, paginator: Paginator, engine: sa.Engine) -> Iterator[Page]:
    """What waits in the inbox, in the order of its arrival; each row's cursor is its inbox id.

    Args:
        contract: with an InboxConnector.
        paginator: makes the pages.
        engine: the hub's own store.
    """
    connector = contract.connector
    assert isinstance(connector, InboxConnector)  # noqa: S101 - extract() chose this transport by the kind
    after = 0
    while True:
        with engine.connect() as connection:
            asked = {"department": contract.department, "after": after, "size": connector.page_size}
            waiting = connection.execute(_WAITING, asked).all()
        rows: list[Row] = []
        stamps: list[Stamp] = []
        for inbox_id, event_id, body in waiting:
            found = _rows(clear_bytes(Protected.EVENT, bytes(body)), connector)
            rows += found
            stamps += [Stamp(inbox_id, own) for own in _event_ids(found, connector, event_id)]
        is_last = len(waiting) < connector.page_size
        yield paginator.page(rows, complete=is_last, stamps=stamps)
        if is_last:
            return
        after = waiting[-1][0]


def _rows(body: bytes, connector: InboxConnector) -> list[Row]:
    """The rows of an event. One without any is a row too, a faulty one: it must be seen, and be marked as taken."""
    try:
        document = loads(body)
    except ValueError:
        return [Unreadable(body, NO_JSON_FAULT)]
    found: Any = document if connector.items is None else compile_path(connector.items).search(document)
    if isinstance(found, dict):
        return [found]
    if not isinstance(found, list) or not found:
        return [Unreadable(body, "没有行的事件 · an event without a row")]
    return [as_row(row) for row in found]


def _event_ids(rows: list[Row], connector: InboxConnector, stored: str | None) -> list[str | None]:
    """Each event's own id, from its row; what the inbox knows the push by where the row has none.

    Where several rows of a push have none they are numbered: under one id all but the first would be "already known".
    """
    own = [_own_id(row, connector) for row in rows]
    has_several = own.count(None) > 1 and stored is not None
    return [(f"{stored}#{place}" if has_several else stored) if one is None else one for place, one in enumerate(own)]


def _own_id(row: Row, connector: InboxConnector) -> str | None:
    values = row.row if isinstance(row, Unreadable) else row
    return key_text(compile_path(connector.event_id.path).search(values)) if values is not None else None
