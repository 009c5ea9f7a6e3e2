"""INGEST: land → validate → normalise of one department, in one process; Airflow runs the same three as tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from connectors.contract import Contract
from hub.settings import Settings
from pipeline.landing.land import Source, land
from pipeline.landing.order import Order
from pipeline.normalising.normalise import normalise
from pipeline.validating.validate import validate

_UNFINISHED = """
SELECT EXISTS (SELECT FROM landing.record WHERE department = :department AND batch_id <= :batch_id AND state = 'landed')
"""


@dataclass(frozen=True)
class BatchReport:
    """What became of a batch, in rows."""

    batch_id: int
    department: str
    state: str
    pulled: int
    landed: int
    already_known: int
    accepted: int
    quarantined: int
    held: int
    superseded: int
    deleted: int
    alerts: tuple[str, ...]
    error: str | None


def ingest(
    engine: Engine,
    contract: Contract,
    settings: Settings,
    order: Order = Order(),
    source: Source | None = None,
) -> BatchReport:
    """Pull a department and take everything that landed as far as it goes, an earlier, killed run's rows included.

    Raises:
        SourceError, BatchHeld, ConservationError, BusyError, StoreUnavailable: as the steps say; what landed stays.
    """
    batch_id = land(engine, contract, order, source)
    finish(engine, contract, batch_id, settings)
    with engine.connect() as connection:
        return batch_report(connection, batch_id)


def finish(engine: Engine, contract: Contract, batch_id: int, settings: Settings, *, released: Sequence[int] = ()) -> None:
    """Validate and normalise whatever of a department is in no state yet; where nothing is, see whether enough came, and close it.

    Of what a person released or replayed, its batches alone: they are not held again, and the next run judges the others.
    """
    with engine.connect() as connection:
        has_work = connection.execute(text(_UNFINISHED), {"department": contract.department, "batch_id": batch_id}).scalar_one()
    if has_work or contract.volume.min is not None:
        validate(engine, contract, batch_id, settings, released=released)
    normalise(engine, contract, batch_id, settings, released=released)


def batch_report(connection: Connection, batch_id: int) -> BatchReport:
    """Read one batch's row."""
    columns = ", ".join(name for name in BatchReport.__dataclass_fields__ if name != "alerts")
    row = (
        connection.execute(text(f"SELECT {columns}, alerts FROM ops.batch WHERE batch_id = :batch_id"), {"batch_id": batch_id})
        .mappings()
        .one()
    )
    return BatchReport(**{**row, "alerts": tuple(row["alerts"] or ())})
