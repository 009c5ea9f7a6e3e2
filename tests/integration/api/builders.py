"""A store with cases in it, written straight into its tables as resolve would leave them, and an API on top."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import operator
import ssl
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import polars as pl
from sqlalchemy import Column, Engine, func, select, text

from api.access import Caller
from api.authentication.keys import create_key
from api.chronicle import PLACE
from api.departments import Department, Directory
from api.opaque import Position, write_position
from api.serve import serving
from connectors.connector import EventId, InboxConnector
from hub.settings import Settings
from schema import tables
from schema.search import search_tokens
from tests.integration.encryption.builders import stored

UTC = dt.UTC
PURPOSE = {"X-Purpose": "handling", "X-Case-Reference": "T-1"}  # without it nothing is shown in the clear
SECRET = "a-shared-secret-for-tests"
_CERTIFICATES = ssl.create_default_context()  # read once, and not for each of thousands of clients
GOLDEN = ("title", "text", "category", "status", "grade", "street", "community", "reported_at", "amount", "address")
EVENTS = ("reported", "accepted", "resolved")


def at(day: int, hour: int = 0) -> dt.datetime:
    """A time in January 2025."""
    return dt.datetime(2025, 1, day, hour, tzinfo=UTC)


def as_of(number: int, epoch: int = 1) -> str:
    """A change as callers are given it."""
    return write_position(Settings(), Position(epoch, number), PLACE)


def department(code: str, zh: str, **more: Any) -> Department:
    return Department(code, zh, code.title(), desk=f"{zh}数据专班", contact="0755-00000000", contract_version=1, mode="cursor", **more)


DIRECTORY = Directory(
    {
        found.code: found
        for found in (
            department("petition", "信访局", freshness=timedelta(minutes=30)),
            department("labour", "人力资源局"),
            department("court", "法院"),
            department("procuratorate", "检察院"),
            department(
                "emergency_management",
                "应急管理局",
                inbox=InboxConnector(kind="inbox", connection="emergency_management", event_id=EventId(path="id"), items="events"),
            ),
        )
    }
)


@dataclass
class Store:
    """Writes rows as resolve publishes them; what the pipeline wrote into the same store has numbers of its own."""

    engine: Engine
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def insert(self, table: Any, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(table.insert().values(**values))

    def next(self, column: Column[int]) -> int:
        """A number above those that there are."""
        with self.engine.connect() as connection:
            most = connection.scalar(select(func.max(column))) or 0
        return next(number for number in self._numbers if number > most)

    def record(self, dept: str, number: str, parties: Sequence[dict[str, Any]] = (), **fields: Any) -> int:
        """A published record and its parties."""
        record_id = self.next(tables.source_record.c.record_id)
        row = {"visibility": "shared", "case_number": number, "category": "wages", "reported_at": at(3), **fields}
        words = " ".join(str(part) for part in (row.get("title"), row.get("text"), row.get("address"), number) if part)
        words += " " + " ".join(party["name"] for party in parties if party.get("name"))
        tokens = search_tokens(pl.Series([words]))[0]
        row = {"known_from": 1, "version": 1, **row}
        self.insert(tables.source_record, record_id=record_id, department=dept, source_record_id=number, tokens=text_vector(tokens), **row)
        for kind in EVENTS:
            if row.get(f"{kind}_at"):
                self.insert(tables.case_event, record_id=record_id, version=row["version"], kind=kind, at=row[f"{kind}_at"])
        for ordinal, party in enumerate(parties):
            self.party(record_id, row["version"], ordinal, **party)
        return record_id

    def party(self, record_id: int, version: int, ordinal: int, **fields: Any) -> None:
        values = {"role": "petitioner", "kind": "person", **fields}
        entity = values.pop("entity", None)
        party_id = self.next(tables.party.c.party_id)
        self.insert(tables.party, party_id=party_id, record_id=record_id, version=version, ordinal=ordinal, known_from=1, **stored(values))
        if entity is not None:
            relation = values["kind"]
            table = {"person": tables.person_member, "organisation": tables.organisation_member}[relation]
            self.insert(table, party_id=party_id, known_from=1, **{f"{relation}_id": entity})

    def case(self, *record_ids: int, case_id: uuid.UUID | None = None, **summary: Any) -> uuid.UUID:
        """A case of these records as PUBLISH writes it: golden values in the records' order, the summary of shared records alone."""
        case_id = case_id or uuid.uuid4()
        found = {
            row["record_id"]: row
            for row in self.rows("SELECT * FROM store.source_record WHERE known_from IS NOT NULL AND known_to IS NULL")
        }
        rows = [found[record_id] for record_id in record_ids]
        shared = [row for row in rows if row["visibility"] == "shared"]
        told = [row for row in rows if row["visibility"] != "sealed"]
        best: dict[str, Any] = {}
        golden: dict[str, list[Any]] = {"fields": [], "ranks": [], "contents": [], "stated_by": []}
        with self.engine.begin() as connection:
            for name in GOLDEN:
                said = [row for row in rows if row[name] is not None]
                best[name] = next((row[name] for row in said if row in shared), None)
                runs = itertools.groupby(said, key=operator.itemgetter(name))
                for rank, (value, staters) in enumerate(((value, [row["record_id"] for row in run]) for value, run in runs), start=1):
                    written = value.isoformat() if isinstance(value, dt.datetime) else str(value)
                    for column, item in zip(golden.values(), (name, rank, written, ",".join(map(str, staters))), strict=True):
                        column.append(item)
            connection.execute(tables.golden_record.insert().values(entity_id=case_id, known_from=1, **golden))
            columns = ("title", "category", "status", "grade", "street", "community")
            values = {
                "case_id": case_id,
                "founder_id": record_ids[0],
                "known_from": 1,
                "changed": 1,
                "departments": sorted({row["department"] for row in told}),
                "records": len(told),
                "has_sealed": len(told) < len(rows),
                "reported_at": min((row["reported_at"] for row in shared if row["reported_at"]), default=None),
                **{name: best.get(name) for name in columns},
            }
            connection.execute(tables.unified_case.insert().values(**values | summary))
            for record_id in record_ids:
                connection.execute(tables.case_member.insert().values(record_id=record_id, known_from=1, case_id=case_id))
            connection.execute(text("SELECT store.publish_own_cases(ARRAY[CAST(:case_id AS uuid)])"), {"case_id": case_id})
        return case_id

    def link(self, left: int, right: int, **fields: Any) -> None:
        """A link of two records, as the engine makes one."""
        values = {"decision": "link", "match_weight": 14.2, "levels": {"person": "same"}, "model_version": "1", "decided_by": "engine"}
        self.insert(tables.link, relation="case", left_id=left, right_id=right, known_from=1, **values | fields)

    def merge(self, old: uuid.UUID, new: uuid.UUID, relation: str = "case") -> None:
        """Redirect one entity to another."""
        self.insert(tables.redirect, relation=relation, from_id=old, known_from=2, to_id=new)

    def token(self, role: Any = "clerk", dept: str | None = None, days: int = 1) -> str:
        return create_key(self.engine, Caller(f"{role}-{dept}-{next(self._numbers)}", role, dept), days)

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]


def text_vector(tokens: str | None) -> Any:
    return None if tokens is None else text("CAST(:tokens AS tsvector)").bindparams(tokens=tokens)


class Api(httpx.Client):
    """A client of a running API."""

    def __init__(self, url: str, store: Store) -> None:
        super().__init__(base_url=url, trust_env=False, timeout=30, verify=_CERTIFICATES)
        self.store = store
        self._others: list[Api] = []

    def close(self) -> None:
        """Close this client and those made from it."""
        self.close_others()
        super().close()

    def close_others(self) -> None:
        """Close the clients that were made from this one."""
        while self._others:
            self._others.pop().close()

    def as_(self, role: Any = "clerk", dept: str | None = None) -> Api:
        """The same API asked with a new token."""
        other = Api(str(self.base_url), self.store)
        self._others.append(other)
        other.headers.update({"Authorization": f"Bearer {self.store.token(role, dept)}", **PURPOSE})
        return other

    def find(self, **body: Any) -> dict[str, Any]:
        """POST a search."""
        answer = self.post("/v1/cases/search", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, **body: Any) -> list[str]:
        """Case ids of a search's page."""
        return [item["case_id"] for item in self.find(**body)["items"]]

    def case(self, case_id: uuid.UUID, include: str = "") -> dict[str, Any]:
        """One case."""
        answer = self.get(f"/v1/cases/{case_id}", params={"include": include})
        assert answer.status_code == 200, answer.text
        return answer.json()


def running_api(engine: Engine) -> contextlib.AbstractContextManager[Api]:
    """The API on a port of its own, with the departments above."""
    return running_api_of(engine, DIRECTORY)


@contextlib.contextmanager
def running_api_of(engine: Engine, directory: Directory, **settings: Any) -> Iterator[Api]:
    """The API on a port of its own, with these departments; neither failed credentials nor calls at once count unless settings say so."""
    settings = {
        "api_port": 0,
        "audit_seal_seconds": 0,
        "failures_per_minute": 1_000_000,
        "calls_at_once": 1000,
        "batches_at_once": 1000,
        **settings,
    }
    with serving(Settings(**settings), engine, directory) as url, contextlib.closing(Api(url, Store(engine))) as api:
        yield api
