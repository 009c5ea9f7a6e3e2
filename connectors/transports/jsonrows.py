"""JSON Lines and JSON documents → rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.connector import FileConnector
from connectors.rows import ENCODING_FAULT, NO_JSON_FAULT, NO_OBJECT_FAULT, Row, Unreadable
from connectors.transports.answers import items, loads
from connectors.transports.lines import Found, byte_lines
from connectors.transports.streams import Bounded
from hub.errors import SourceFormatError


def line_rows(stream: Bounded, connector: FileConnector, trailer: re.Pattern[str] | None, found: Found) -> Iterator[Row]:
    """Rows of a JSON Lines file, one object a line; a line that is none is kept as it came.

    Raises:
        SourceFormatError: more than half of the lines are none.
    """
    bad = 0
    is_utf8 = connector.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")
    for lines, line in enumerate(byte_lines(stream, trailer, connector.encoding, found), start=1):
        row = _object(line if is_utf8 else _utf8(line, connector.encoding), line)
        bad += isinstance(row, Unreadable)
        if bad > 100 and 2 * bad > lines:
            raise SourceFormatError(
                f"{stream.what} 不是 JSON Lines：前 {lines} 行中有 {bad} 行不是对象 · "
                f"is not JSON Lines: {bad} of the first {lines} lines are no objects",
                remedy="更正 format: · correct format:",
            )
        yield row


def _object(text: bytes | None, line: bytes) -> Row:
    if text is None:
        return Unreadable(line, ENCODING_FAULT)
    try:
        row = loads(text)
    except ValueError:
        return Unreadable(line, NO_JSON_FAULT)
    return row if isinstance(row, dict) else Unreadable(line, NO_OBJECT_FAULT)


def _utf8(line: bytes, encoding: str) -> bytes | None:
    try:
        return line.decode(encoding).encode("utf-8")
    except UnicodeError:
        return None


def document_rows(content: bytes, connector: FileConnector, what: str, department: str) -> Iterator[Row]:
    """Rows of one JSON document.

    Raises:
        SourceFormatError: it is no JSON, or has no list where the contract says.
    """
    try:
        document = loads(content.decode(connector.encoding).encode("utf-8"), with_infinity=True)
    except UnicodeError:
        raise SourceFormatError(
            f"{what} 不是 {connector.encoding} 编码 · {what} is not {connector.encoding}",
            remedy="更正契约中的 encoding: · correct encoding: in the contract",
        ) from None
    except ValueError:
        raise SourceFormatError(
            f"{what} 不是 JSON · {what} is not JSON",
            remedy="更正契约中的 format:，或询问部门 · correct format: in the contract, or ask the department",
        ) from None
    yield from items(document, connector.json_.items, department)
