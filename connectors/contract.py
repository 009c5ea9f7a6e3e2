"""CONTRACT: what a department's feed is, read from YAML alone; safe where Airflow parses its DAG files.

Enters: folders of YAML files. Leaves: frozen `Contract`s, or a ContractError with file, line, place and the allowed words.
Nothing here opens a connection, reads a row or evaluates anything a contract says.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictBool, StrictStr, ValidationError, model_validator

from connectors.codes import CodeList, is_code_list, load_code_list, load_code_lists
from connectors.connector import (
    Connector,
    CsvOptions,
    FileConnector,
    FixedColumn,
    FixedWidthOptions,
    InboxConnector,
    RestConnector,
    RestPages,
    SoapConnector,
    SqlConnector,
    XlsxOptions,
    XmlOptions,
)
from connectors.document import Document, Problem, did_you_mean, problems_of, raise_problems
from connectors.feed import CursorFeed, Drift, EventsFeed, Expectation, Feed, SnapshotFeed, Visibility, Volume
from connectors.mapping import Condition, Deleted, Each, Mapping, Party, Reference, Split
from connectors.model import Duration, Name, Positive, Strict, Text, cron_line, refuse, unique, zone_name
from connectors.paths import head, top_level_names
from connectors.words import (
    BATCH_EXPECTATIONS,
    CODED_FIELDS,
    EXPECTATIONS,
    PARTY_FIELDS,
    RECORD_FIELDS,
    ROW_EXPECTATIONS,
    TRANSFORMS,
    RecordField,
)

__all__ = [
    "BATCH_EXPECTATIONS",
    "CODED_FIELDS",
    "DEPARTMENTS",
    "EXPECTATIONS",
    "PARTY_FIELDS",
    "RECORD_FIELDS",
    "ROW_EXPECTATIONS",
    "TRANSFORMS",
    "CodeList",
    "Condition",
    "Contract",
    "CsvOptions",
    "CursorFeed",
    "Deleted",
    "Drift",
    "Each",
    "EventsFeed",
    "Expectation",
    "FileConnector",
    "FixedColumn",
    "FixedWidthOptions",
    "InboxConnector",
    "Mapping",
    "Party",
    "Reference",
    "RestConnector",
    "RestPages",
    "SnapshotFeed",
    "SoapConnector",
    "Split",
    "SqlConnector",
    "Visibility",
    "Volume",
    "XlsxOptions",
    "XmlOptions",
    "broken_departments",
    "contract_folders",
    "load_code_list",
    "load_code_lists",
    "load_contract",
    "load_contracts",
    "raise_problems",
    "read_contract",
    "read_contracts",
    "unknown_departments",
]

_WITH_TRAILER = ("csv", "jsonl", "fixed_width")  # formats whose last line may be none of the rows

#: The hub's own contracts.
DEPARTMENTS = Path(__file__).parent / "departments"


class Title(Strict):
    """The department's name."""

    zh: Text
    en: Text


class Owner(Strict):
    """Whom to ask about the feed."""

    desk: Text
    contact: StrictStr = ""


class Contract(Strict):
    """All there is to know of a department's feed."""

    department: Name = Field(description="The department's code: in every table, in the API, in the name of its DAG.")
    title: Title = Field(description="The department's name in both languages.")
    owner: Owner = Field(description="Whom to ask about the feed.")
    version: Positive = Field(description="Number of this edition of the contract; raised with each change.")
    legal_basis: Text = Field(description="By which law or agreement the department may share its cases.")
    visibility: Visibility = Field(Visibility(), description="Who may see a record: by default, and by the value of a column.")
    connector: Connector = Field(description="How the system is reached, and by which connection.")
    feed: Feed = Field(description="How its rows come: after a cursor, all each time, or as events that it pushes.")
    key: Annotated[tuple[Text, ...], AfterValidator(unique), Field(min_length=1)] = Field(description="Source columns that name a record.")
    timezone: Annotated[Text, AfterValidator(zone_name)] = Field(
        "Asia/Shanghai", description="Zone of the source's times that bear no offset, and of the schedule."
    )
    schedule: Annotated[Text, AfterValidator(cron_line)] | None = Field(None, description="Cron line; none: run by hand alone.")
    freshness: Duration | None = Field(None, description="How long the feed may go without a success before it is late.")
    volume: Volume = Field(Volume(), description="How many rows are healthy.")
    drift: Drift = Field(Drift(), description="What happens when the source's columns change.")
    unique_within: StrictBool = Field(False, description="The source promises that it holds no case twice.")
    record: Annotated[dict[RecordField, Mapping], Field(min_length=1)] = Field(
        description="The hub's field on the left; the source's column and a transform or code list on the right."
    )
    parties: tuple[Party, ...] = Field((), description="Persons and organisations that a record mentions.")
    references: tuple[Reference, ...] = Field((), description="Numbers of other departments' cases that a record cites.")
    ignore: Annotated[tuple[Text, ...], AfterValidator(unique)] = Field((), description="Columns that are known and not taken.")
    volatile: Annotated[tuple[Text, ...], AfterValidator(unique)] = Field(
        (), description="Columns that change at every export and mean nothing; they make no new version."
    )
    expectations: tuple[Expectation, ...] = Field((), description="What must be true of its columns, and what becomes of what is not.")

    @model_validator(mode="before")
    @classmethod
    def _sql_is_ordered(cls, data: Any) -> Any:
        """The sql transport sorts by the cursor itself, whatever the source does."""
        feed, connector = (data.get("feed"), data.get("connector")) if isinstance(data, dict) else (None, None)
        if isinstance(feed, dict) and isinstance(connector, dict) and connector.get("kind") == "sql" and feed.get("mode") == "cursor":
            return {**data, "feed": {**feed, "ordered": feed.get("ordered", True)}}
        return data

    @model_validator(mode="after")
    def _parts_agree(self) -> Contract:
        if (self.connector.kind == "inbox") != (self.feed.mode == "events"):
            raise refuse(
                "kind: inbox and mode: events belong together",
                remedy="pushed events come through the inbox, and only they",
                at=("feed", "mode"),
            )
        if isinstance(self.connector, RestConnector) and self.connector.since_param and self.feed.mode != "cursor":
            raise refuse("needs mode: cursor", remedy="remove it, or say feed: {mode: cursor, field: …}", at=("connector", "since_param"))
        _refuse_trailer(self.connector, self.feed)
        both = sorted(set(self.ignore) & self.mapped_columns())
        if both:
            raise refuse(f"{', '.join(both)} is mapped as well", remedy="remove it from ignore", at=("ignore",))
        return self

    @property
    def content_version(self) -> str:
        """16 hex digits that change whenever the contract says something else; comments and order of keys do not matter."""
        content = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]

    def mappings(self) -> Iterator[tuple[str, Mapping]]:
        """Every mapping with its place: record.amount, parties[0].name."""
        for field, mapping in self.record.items():
            yield f"record.{field}", mapping
        for index, party in enumerate(self.parties):
            for name, mapping in party.fields.items():
                yield f"parties[{index}].{name}", mapping

    def mapped_columns(self) -> frozenset[str]:
        """Top-level source columns that some canonical field, party or reference is made of."""
        names: set[str] = set()
        for mapping in self.record.values():
            names |= mapping.columns()
        for party in self.parties:
            names |= party.columns()
        for reference in self.references:
            names |= {reference.from_} if reference.from_ else top_level_names(reference.path or "@")
        return frozenset(names)

    def required_columns(self) -> frozenset[str]:
        """Top-level source columns whose absence is drift: mapped ones, the key, the cursor, and what conditions look at."""
        names = set(self.mapped_columns()) | {head(name) for name in self.key}
        if isinstance(self.feed, CursorFeed):
            names.add(head(self.feed.field))
        if isinstance(self.feed, EventsFeed) and self.feed.order is not None:
            names |= top_level_names(self.feed.order)
        deleted = self.feed.deleted
        if deleted is not None:
            names |= {head(deleted.field)} if deleted.field else top_level_names(deleted.path or "@")
        for condition in (self.visibility.sealed_when, self.visibility.restricted_when):
            names |= {head(condition.field)} if condition else set()
        return frozenset(names)

    def source_columns(self) -> frozenset[str]:
        """Every top-level source column the contract knows, taken or not: any other is drift (new_column)."""
        tested = {head(name) for expectation in self.expectations for name in expectation.columns}
        return self.required_columns() | {*self.ignore, *self.volatile, *map(head, self.volatile)} | tested

    def code_lists(self) -> frozenset[str]:
        """Names of the code lists it uses."""
        return frozenset(mapping.codes for _, mapping in self.mappings() if mapping.codes)


def _refuse_trailer(connector: Connector, feed: Feed) -> None:
    """A trailer that nothing looks for would let every cut-off file pass for whole."""
    complete = feed.complete if isinstance(feed, SnapshotFeed) else None
    if complete is None or complete.trailer_count is False:
        return
    at = ("feed", "complete", "trailer_count")
    if not isinstance(connector, FileConnector) or connector.format not in _WITH_TRAILER:
        raise refuse(f"is for files of lines: {', '.join(_WITH_TRAILER)}", remedy="remove it", at=at)
    of_width = connector.fixed_width.trailer if connector.fixed_width else None
    if complete.trailer_count is True and (of_width is None or not re.compile(of_width).groups):
        remedy = "write the last line's regular expression here, its first group the number of rows: '^total:(\\d+)'"
        raise refuse("true takes the number from fixed_width.trailer, which has no group", remedy=remedy, at=at)


def contract_folders(extra: Iterable[Path] | None = None) -> list[Path]:
    """The hub's own folder of contracts, then the admin's.

    Args:
        extra: folders beyond the hub's own; None takes those of the environment variable CASEHUB_CONTRACTS.
    """
    if extra is None:
        extra = [Path(part) for part in os.environ.get("CASEHUB_CONTRACTS", "").split(os.pathsep) if part.strip()]
    return [DEPARTMENTS, *extra]


def load_contract(path: Path) -> Contract:
    """One contract.

    Raises:
        ContractError: with `detail` file, line, where, allowed and problems (every mistake, one a line).
    """
    contract, problems = read_contract(path)
    if contract is None:
        raise_problems(problems)
    return contract


def load_contracts(folders: Iterable[Path] | None = None) -> dict[str, Contract]:
    """Every contract of the folders, by department.

    Args:
        folders: where to look; None takes `contract_folders()`.

    Raises:
        ContractError: any contract has a mistake, or a department stands in two files.
    """
    contracts, problems = read_contracts(folders)
    if problems:
        raise_problems(problems)
    return contracts


def read_contracts(folders: Iterable[Path] | None = None) -> tuple[dict[str, Contract], list[Problem]]:
    """Every contract that can be read, and every mistake in the others: one broken file does not hide fifteen good ones."""
    contracts: dict[str, Contract] = {}
    problems: list[Problem] = []
    origin: dict[str, Path] = {}
    for path in contract_files(contract_folders() if folders is None else folders, problems):
        contract, found = read_contract(path)
        problems += found
        if contract is None:
            continue
        first = origin.setdefault(contract.department, path)
        if first != path:
            problems.append(
                Problem(path, 1, "department", f"{contract.department} is already in {first}", "a later folder may not redefine it")
            )
            continue
        contracts[contract.department] = contract
    return contracts, problems


def contract_files(folders: Iterable[Path], problems: list[Problem] | None = None) -> Iterator[Path]:
    """YAML files of the folders that are contracts, in order; a folder that is not there becomes a problem."""
    for folder in folders:
        if not folder.is_dir():
            if problems is not None:
                problems.append(Problem(folder, 0, "", "there is no such folder", "correct CASEHUB_CONTRACTS"))
            continue
        for path in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml"))):
            if not is_code_list(path):
                yield path


def unknown_departments(names: Iterable[str], known: Collection[str]) -> list[Problem]:
    """Names in CASEHUB_DEPARTMENTS that are no department's."""
    words, place = tuple(sorted(known)), Path("CASEHUB_DEPARTMENTS")
    return [Problem(place, 0, "", f"{name!r} is no department", did_you_mean(name, words), words) for name in names if name not in known]


def broken_departments(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """Mistakes of contracts that cannot be read, by the department that each file says it is, else by the file's name."""
    broken: dict[str, list[Problem]] = {}
    for problem in problems:
        data = Document(problem.file).data
        said = data.get("department") if isinstance(data, dict) else None
        broken.setdefault(said if isinstance(said, str) else problem.file.stem, []).append(problem)
    return broken


def read_contract(path: Path) -> tuple[Contract | None, list[Problem]]:
    """One contract and every mistake in it."""
    document = Document(path)
    if document.node is None or not isinstance(document.data, dict):
        return None, document.problems or [Problem(path, 1, "", "is not a contract", "begin with department: <name>")]
    try:
        contract = Contract.model_validate(document.data)
    except ValidationError as error:
        return None, sorted([*document.problems, *problems_of(document, error, Contract)], key=lambda problem: problem.line)
    return (None, document.problems) if document.problems else (contract, [])
