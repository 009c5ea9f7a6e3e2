"""Rows of the audit log, and a superuser who tampers with them past every trigger."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from api.audit import write_audit
from api.audit.findings import Report
from api.audit.sealing import seal_all
from api.audit.verify import verify
from api.trace import Trace


def call(engine: Engine, caller: str = "zhang", **known: Any) -> None:
    """Write one call down."""
    write_audit(engine, Trace(uuid.uuid4().hex, caller=caller, **known), "cases.search", 200)


def sealed_log(engine: Engine, heads: Path, seals: int = 4, rows: int = 5) -> None:
    """A log of several seals, each published."""
    for _ in range(seals):
        for number in range(rows):
            call(engine, f"caller-{number}", shape={"entry": "words"}, entity_ids=[uuid.uuid4()])
        assert seal_all(engine, heads) == rows


@contextlib.contextmanager
def tampering(engine: Engine) -> Iterator[Connection]:
    """What a superuser can do."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection


def tamper(engine: Engine, *statements: str) -> None:
    with tampering(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


def found(report: Report) -> set[tuple[Any, ...]]:
    """Kind and row, or kind and seal, of each finding."""
    return {(one.kind, one.access_id if one.access_id is not None else one.seal) for one in report.findings}


def check(engine: Engine, heads: Path) -> set[tuple[Any, ...]]:
    return found(verify(engine, heads))
