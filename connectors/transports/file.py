"""FILE: what lies in a folder, on an SFTP server or in a bucket → pages, whatever its format, packing and encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from connectors.connector import FileConnector
from connectors.contract import Contract
from connectors.feed import CursorFeed, SnapshotFeed
from connectors.masking import known_among
from connectors.pages import Page, Paginator, in_pages
from connectors.paths import nested_columns, open_nested
from connectors.rows import Row, Unreadable
from connectors.transports import csvrows, fixedwidth, jsonrows, workbook, xmlrows
from connectors.transports.filesystems import files_of
from connectors.transports.lines import Found
from connectors.transports.streams import Bounded, is_pattern, told_file, unpacked
from hub.errors import SnapshotError, SourceFormatError, SourceUnavailable
from hub.wording import Words

_TABULAR = ("csv", "xlsx", "fixed_width")
_BETWEEN_FIGURES = re.compile(r"[\s,，'’]")  # 1,234 and 1 234
#: Documents up to this size are read whole, so that a broken one can be kept as it came.
_WHOLE_DOCUMENT = 16 << 20


def pages(contract: Contract, paginator: Paginator) -> Iterator[Page]:
    """Every page of every file that matches, the files in the order of their names.

    Args:
        contract: with a FileConnector.
        paginator: makes the pages.

    Raises:
        SourceUnavailable: the server is down, or a file is not there.
        SourceRefused: credentials, permissions or host key.
        SourceFormatError: damaged, another encoding, a moved header, no key column.
        SourceLimitError: more bytes than the contract allows, after decompression.
        SnapshotError: a snapshot's trailer is missing, or counts other than the rows; of another feed it is SourceUnavailable.
    """
    connector = contract.connector
    assert isinstance(connector, FileConnector)  # noqa: S101 - extract() chose this transport by the kind
    found = Found()
    for held, is_last in in_pages(_all_rows(contract, connector, found), connector.page_size):
        yield paginator.page(held, complete=is_last, columns=found.columns)


def _all_rows(contract: Contract, connector: FileConnector, found: Found) -> Iterator[Row]:
    with files_of(connector, contract.department) as files:
        paths = files.find(connector.path)
        has_pattern = is_pattern(connector.path)
        if not paths and (not has_pattern or contract.feed.mode == "snapshot"):
            raise SourceUnavailable(
                f"{contract.department}: 没有与 {connector.path} 匹配的文件 · no file matches {connector.path}",
                remedy="部门是否已交付？核对契约中的 path: · has the department delivered? check path: in the contract",
                department=contract.department,
                path=connector.path,
            )
        nested = nested_columns(contract) if connector.format in _TABULAR else frozenset()
        for place, path in enumerate(paths, start=1):
            what = f"{contract.department}: {told_file(path, connector.path, place, len(paths))}"
            with files.open(path) as file:
                for row in _file_rows(file, what, contract, found):
                    yield row if not nested or isinstance(row, Unreadable) else open_nested(row, nested)


def _file_rows(file: BinaryIO, what: str, contract: Contract, found: Found) -> Iterator[Row]:
    connector = contract.connector
    assert isinstance(connector, FileConnector)  # noqa: S101 - as above
    trailer = _trailer(contract)
    for stream in unpacked(file, connector, what):
        found.trailer, found.columns, found.lines, found.undecodable = None, (), 0, 0
        count, is_checked = 0, False
        for row in _rows(stream, contract, trailer, found):
            if not is_checked and connector.format in _TABULAR:
                _check_columns(contract, found.columns, stream.what)
            is_checked = True
            count += 1
            yield row
        if not is_checked and found.columns:
            _check_columns(contract, found.columns, stream.what)
        if connector.format == "csv" and trailer is None and not found.columns and contract.feed.mode == "snapshot":
            raise SnapshotError(
                f"{stream.what} 是空文件，连表头也没有 · {stream.what} is empty and has not even a header",
                remedy="交付完整后重新拉取；未作任何删除 · pull again once it is whole; nothing was taken for deleted",
                department=contract.department,
            )
        _check_trailer(contract, found, trailer, count, stream.what)


def _rows(stream: Bounded, contract: Contract, trailer: re.Pattern[str] | None, found: Found) -> Iterator[Row]:
    connector = contract.connector
    assert isinstance(connector, FileConnector)  # noqa: S101 - as above
    if connector.format == "csv":
        return csvrows.rows(stream, connector, trailer, found)
    if connector.format == "fixed_width":
        return fixedwidth.rows(stream, connector, trailer, found)
    if connector.format == "jsonl":
        return jsonrows.line_rows(stream, connector, trailer, found)
    if connector.format == "xlsx":
        return workbook.rows(stream.read_all(), connector.xlsx, connector.max_response_bytes, stream.what, found)
    return _document_rows(stream, contract, connector)


def _document_rows(stream: Bounded, contract: Contract, connector: FileConnector) -> Iterator[Row]:
    """XML and JSON: of many documents, a broken one is a row that cannot be read; a lone one is the source's failure."""
    content = stream.read_all()
    is_one_of_many = len(content) <= _WHOLE_DOCUMENT and is_pattern(connector.path + (connector.member or ""))
    try:
        if connector.format == "json":
            rows = list(jsonrows.document_rows(content, connector, stream.what, contract.department))
        else:
            rows = _xml_rows(content, contract, connector, stream.what)
    except SourceFormatError as error:
        if not is_one_of_many or "entities" in error.message:
            raise
        rows = [Unreadable(content, f"不是 {connector.format} 的文档 · a document that is not {connector.format}")]
    yield from rows


def _xml_rows(content: bytes, contract: Contract, connector: FileConnector, what: str) -> list[Row]:
    options = connector.xml
    assert options is not None  # noqa: S101 - the contract's model sees to it
    root: etree._Element = xmlrows.parse(content, what)
    lists = xmlrows.lists_of(contract)
    return [xmlrows.to_row(element, lists) for element in xmlrows.find(root, options.record, options.namespaces)]


def _check_columns(contract: Contract, columns: tuple[str, ...], what: str) -> None:
    feed = contract.feed
    for name in (*contract.key, *((feed.field,) if isinstance(feed, CursorFeed) else ())):
        head = name if name in columns else name.partition(".")[0]
        if head not in columns:
            role, seen = Words("主键", "key") if name in contract.key else Words("游标", "cursor"), known_among(contract, columns)
            raise SourceFormatError(
                f"{what} 没有列 {name!r}（{role.zh}）；{seen.zh} · {what} has no column {name!r}, which is the {role.en}; {seen.en}",
                remedy="表头是否移位或更改？更正契约，或询问部门 · "
                "has the header moved or changed? correct the contract, or ask the department",
                department=contract.department,
                field=name,
                columns=len(columns),
            )


def _trailer(contract: Contract) -> re.Pattern[str] | None:
    """What the last line looks like if it is no row."""
    connector, feed = contract.connector, contract.feed
    if isinstance(feed, SnapshotFeed) and feed.complete is not None and isinstance(feed.complete.trailer_count, str):
        return re.compile(feed.complete.trailer_count)
    if isinstance(connector, FileConnector) and connector.fixed_width is not None and connector.fixed_width.trailer is not None:
        return re.compile(connector.fixed_width.trailer)
    return None


def _check_trailer(contract: Contract, found: Found, trailer: re.Pattern[str] | None, count: int, what: str) -> None:
    """A file without its trailer was cut off; one that counts otherwise lost rows on the way."""
    if trailer is None:
        return
    # A snapshot is held. Another feed's rows are good without the rest, and holding them would keep them from its next pull.
    broken = SnapshotError if contract.feed.mode == "snapshot" else SourceUnavailable
    if found.trailer is None:
        raise broken(
            f"{what} 缺少契约所述的末行：文件不完整 · {what} does not end with its trailer: it is incomplete",
            remedy="交付完整后重新拉取 · pull again once it is whole",
            rows=count,
        )
    if not found.trailer.re.groups:
        return
    counted = _BETWEEN_FIGURES.sub("", found.trailer[1] or "")
    if not counted.isdecimal():
        complete = contract.feed.complete if isinstance(contract.feed, SnapshotFeed) else None
        if complete is not None and complete.trailer_count is not False:  # no proof that it is whole
            raise broken(
                f"{what} 的末行中的行数无法读取 · {what} has a trailer whose count cannot be read",
                remedy="更正契约中末行正则表达式的第一个分组 · correct the first group of the trailer's expression in the contract",
                department=contract.department,
                rows=count,
            )
    elif int(counted) != count:
        raise broken(
            f"{what} 有 {count} 行，末行写 {int(counted)} · {what} holds {count} rows and its trailer says {int(counted)}",
            remedy="请部门重新提供；未作任何删除 · ask the department to deliver it again; nothing was taken for deleted",
            department=contract.department,
            rows=count,
            expected=int(counted),
        )
