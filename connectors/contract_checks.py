"""What one contract gets wrong that reading it does not show: each mistake with its line and what to write instead.

Code lists and the hub's own codes, cited departments, paths that must compile, time formats, expectations on columns nobody
mentions, connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lxml import etree

from connectors.codes import CodeList, code_list_files, code_list_files_beside, read_code_list
from connectors.connections import load_connection, variable
from connectors.connector import FileConnector, InboxConnector, RestConnector, SoapConnector
from connectors.contract import Contract
from connectors.document import Document, Loc, Problem, did_you_mean, dotted
from connectors.mapping import Mapping
from connectors.paths import compile_path
from connectors.words import CODED_FIELDS
from hub.errors import ContractError, SettingsError
from schema import codes as hub_codes
from schema.records import PARTY, RECORD

_CONFIRMATION_STATES = ("applied", "confirmed", "written", "delivered")


@dataclass(frozen=True)
class CodeLists:
    """Code lists by name: where each is, and what those hold that can be read."""

    files: dict[str, Path]
    readable: dict[str, CodeList]

    @classmethod
    def read(cls, places: Iterable[Path], drafts: Iterable[Path], problems: list[Problem]) -> CodeLists:
        """All of the places, and those beside drafts that replace a contract, for its lists are replaced with it."""
        files = code_list_files(places)
        for path in drafts:
            files |= code_list_files_beside(path)
        readable = {}
        for name, path in files.items():
            codes, found = read_code_list(path)
            problems += found
            if codes is not None:
                readable[name] = codes
        return cls(files, readable)


@dataclass(frozen=True)
class Subject:
    """One contract, and what it is looked at with."""

    document: Document
    contract: Contract
    lists: CodeLists
    departments: tuple[str, ...]

    def problem(self, loc: Loc, where: str, message: str, remedy: str = "", allowed: tuple[str, ...] = ()) -> Problem:
        """A mistake at a place of the contract."""
        return Problem(self.document.path, self.document.line_of(loc), where, message, remedy, allowed)


def contract_problems(subject: Subject, connections: bool) -> Iterator[Problem]:
    """Every mistake of one contract.

    Args:
        subject: the contract, and what it is looked at with.
        connections: whether its connection's environment variable must be there and readable.
    """
    for where, loc, name, mapping in _mappings(subject.contract):
        yield from _code_problems(subject, where, loc, name, mapping)
        yield from _format_problems(subject, where, loc, mapping)
        known = PARTY.names if loc[0] == "parties" else RECORD.names
        if name not in known:
            yield subject.problem(loc, where, "不是平台字段 · is no canonical field", did_you_mean(name, tuple(known)), tuple(known))
    yield from _path_problems(subject)
    yield from _reference_problems(subject)
    yield from _expectation_problems(subject)
    if connections:
        yield from _connection_problems(subject)


def _mappings(contract: Contract) -> Iterator[tuple[str, Loc, str, Mapping]]:
    for name, mapping in contract.record.items():
        yield f"record.{name}", ("record", name), name, mapping
    for index, party in enumerate(contract.parties):
        for part, mapping in party.fields.items():
            yield f"parties[{index}].{part}", ("parties", index, part), part, mapping


def _allowed_codes(name: str) -> tuple[str, ...] | None:
    """The hub's codes of a canonical field; None where it holds no codes."""
    readers: dict[str, Callable[[], Iterable[str]]] = {coded: lambda coded=coded: hub_codes.load(coded) for coded in CODED_FIELDS}  # type: ignore[misc]
    readers |= {
        "street": hub_codes.streets,
        "community": hub_codes.communities,
        "gender": lambda: ("male", "female"),
        "is_anonymous": lambda: ("true", "false"),
        "confirmation_state": lambda: _CONFIRMATION_STATES,
    }
    return tuple(readers[name]()) if name in readers else None


def _code_problems(subject: Subject, where: str, loc: Loc, name: str, mapping: Mapping) -> Iterator[Problem]:
    allowed = _allowed_codes(name)
    listed = subject.lists.readable.get(mapping.codes or "")
    if mapping.codes is not None and mapping.codes not in subject.lists.files:
        known = tuple(sorted(subject.lists.files))
        yield subject.problem(
            (*loc, "codes"),
            f"{where}.codes",
            f"没有代码表 {mapping.codes!r} · there is no code list {mapping.codes!r}",
            did_you_mean(mapping.codes, known),
            known,
        )
    elif listed is not None and allowed is not None:  # of one that cannot be read, its own mistakes are told
        given = {code for code in (*listed.codes.values(), listed.default) if code is not None}
        for code in sorted(given - set(allowed)):
            message = (
                f"代码表 {mapping.codes} 给出 {code!r}，它不是平台代码 · "
                f"code list {mapping.codes} gives {code!r}, which is no code of the hub"
            )
            yield subject.problem((*loc, "codes"), f"{where}.codes", message, did_you_mean(code, allowed), allowed)
    if mapping.const is not None and allowed is not None and str(mapping.const).lower() not in allowed:
        message = f"{mapping.const!r} 不是平台代码 · {mapping.const!r} is no code of the hub"
        yield subject.problem((*loc, "const"), f"{where}.const", message, did_you_mean(mapping.const, allowed), allowed)
    if name in CODED_FIELDS and mapping.codes is None and mapping.const is None:
        remedy = "加上 codes: <代码表> 或 const: <代码> · add codes: <list>, or const: <code>"
        yield subject.problem(
            loc, where, "把来源自己的值当作了平台代码 · takes the source's own values for the hub's codes", remedy, ("codes", "const")
        )


def _format_problems(subject: Subject, where: str, loc: Loc, mapping: Mapping) -> Iterator[Problem]:
    for index, shape in enumerate(mapping.formats):
        try:
            datetime.strptime("", shape)  # noqa: DTZ007 - only whether the format can be read
        except ValueError as error:
            if "directive" in str(error) or "stray" in str(error):
                place = (*loc, "formats", index)
                yield subject.problem(
                    place,
                    f"{where}.formats[{index}]",
                    f"{shape!r} 不是时间格式 · {shape!r} is no time format",
                    '应写作 "%Y-%m-%d %H:%M:%S" · write "%Y-%m-%d %H:%M:%S"',
                )


def _path_problems(subject: Subject) -> Iterator[Problem]:
    for loc, where, path in _paths(subject.contract):
        try:
            compile_path(path)
        except ContractError as error:
            yield subject.problem(loc, where, error.message, error.remedy)
    for loc, where, xpath, namespaces in _xpaths(subject.contract):
        try:
            etree.XPath(xpath, namespaces=namespaces or None)
        except etree.XPathError as error:
            yield subject.problem(loc, where, f"{xpath!r} 不是 XPath · {xpath!r} is no XPath: {error}")


def _paths(contract: Contract) -> Iterator[tuple[Loc, str, str]]:
    """Every JMESPath of a contract with its place."""
    found: list[tuple[Loc, str | None]] = [((*loc, "path"), mapping.path) for _, loc, _, mapping in _mappings(contract)]
    found += [(("parties", index, "each", "path"), party.each.path) for index, party in enumerate(contract.parties) if party.each]
    found += [(("references", index, "path"), reference.path) for index, reference in enumerate(contract.references)]
    found.append((("feed", "order"), getattr(contract.feed, "order", None)))
    found.append((("feed", "deleted", "path"), contract.feed.deleted.path if contract.feed.deleted else None))
    connector = contract.connector
    if isinstance(connector, RestConnector):
        found.append((("connector", "items"), connector.items))
        found += [(("connector", "pages", "next"), connector.pages.next), (("connector", "pages", "total"), connector.pages.total)]
    elif isinstance(connector, InboxConnector):
        found += [(("connector", "items"), connector.items), (("connector", "event_id", "path"), connector.event_id.path)]
    elif isinstance(connector, FileConnector) and connector.format == "json":
        found.append((("connector", "json", "items"), connector.json_.items))
    for loc, path in found:
        if path is not None:
            yield loc, dotted(loc), path


def _xpaths(contract: Contract) -> Iterator[tuple[Loc, str, str, dict[str, str]]]:
    connector = contract.connector
    if isinstance(connector, SoapConnector):
        yield ("connector", "items"), "connector.items", connector.items, connector.namespaces
        if connector.pages.total is not None:
            yield ("connector", "pages", "total"), "connector.pages.total", connector.pages.total, connector.namespaces
    elif isinstance(connector, FileConnector) and connector.xml is not None:
        yield ("connector", "xml", "record"), "connector.xml.record", connector.xml.record, connector.xml.namespaces


def _reference_problems(subject: Subject) -> Iterator[Problem]:
    for index, reference in enumerate(subject.contract.references):
        if reference.to not in subject.departments:
            message = f"{reference.to!r} 不是部门 · {reference.to!r} is no department"
            remedy = did_you_mean(reference.to, subject.departments)
            yield subject.problem(("references", index, "to"), f"references[{index}].to", message, remedy, subject.departments)


def _expectation_problems(subject: Subject) -> Iterator[Problem]:
    contract = subject.contract
    inner = {column for party in contract.parties for mapping in party.fields.values() for column in mapping.from_ or ()}
    known = tuple(sorted(contract.required_columns() | {*contract.ignore, *contract.volatile} | inner))
    for index, expectation in enumerate(contract.expectations):
        for column in expectation.columns:
            if column.partition(".")[0] not in known and column not in known:
                message = f"{column!r} 既未映射，也不在 ignore 中 · {column!r} is neither mapped nor in ignore"
                remedy = did_you_mean(column, known) or "请映射此列，或列入 ignore · map it, or add it to ignore"
                yield subject.problem(("expectations", index), f"expectations[{index}]", message, remedy, known)


def _connection_problems(subject: Subject) -> Iterator[Problem]:
    connector = subject.contract.connector
    try:
        connection = load_connection(connector.connection, connector.kind)
        if connector.kind in ("rest", "soap"):
            from connectors.transports.http import require_usable  # not at the top: parsing the DAGs checks no connection

            require_usable(connector, connection, subject.contract.department)
        elif connector.kind == "sql":
            from connectors.transports.sqlserver import usable_url

            usable_url(connection)
    except SettingsError as error:
        yield subject.problem(
            ("connector", "connection"), "connector.connection", error.message, error.remedy, (variable(connector.connection),)
        )
