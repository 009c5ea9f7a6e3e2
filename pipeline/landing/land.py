"""LAND: pages of raw rows → versions in landing.record, with the watermark, in one transaction a page, small pages together.

A row that equals the latest version of its key is already known and writes nothing; anything else is a new version. What
has no key is known by its content. Counts go with the rows, so the conservation law can be recounted at any time.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from connectors.contract import Contract
from connectors.extract import Page, Pull, extract, reconcile
from connectors.together import together
from hub.database import store_errors
from pipeline.batch.alerts import alert
from pipeline.batch.batch_errors import place
from pipeline.landing.absent import bury_absent, reopen_seen
from pipeline.landing.batches import close_failed, finish_landing, open_batch
from pipeline.landing.order import Landing, Order
from pipeline.landing.page_landing import land_page, land_returned
from pipeline.landing.remap import land_accepted
from pipeline.landing.watermark import Mark, is_ordered, put_back, require_zone
from pipeline.store.locks import department_lock

__all__ = ["Order", "Source", "land", "source_of"]

logger = logging.getLogger(__name__)
_ROWS_TOGETHER = 2_000  # of small pages that are landed at once

#: Where pages come from, for a contract, a watermark and the store (the inbox is read from it).
Source = Callable[[Contract, Pull, Engine], Iterable[Page]]


def from_system(contract: Contract, pull: Pull, engine: Engine) -> Iterable[Page]:
    """What is new at the department's own system."""
    return extract(contract, pull, engine=engine)


def sweep(contract: Contract, pull: Pull, engine: Engine) -> Iterable[Page]:
    """Everything that the department's own system holds."""
    return reconcile(contract)


def source_of(order: Order) -> Source:
    """The department's own system, as it is asked for an order."""
    return sweep if order.kind == "reconcile" else from_system


def land(engine: Engine, contract: Contract, order: Order = Order(), source: Source | None = None) -> int:
    """Pull what is new at the source and append it to landing.

    Args:
        engine: the store.
        contract: of the department.
        order: what is asked of the pull.
        source: where pages come from; the department's own system where None.

    Returns:
        The batch's id, its state `landed`; or `done` where nothing was new.

    Raises:
        BusyError: another run of the department is at work.
        ContractError: the watermark is of another type than the contract's cursor; the batch is `failed`.
        SourceError: the source did not give what the contract promises; the batch is `failed`, rows landed before stay.
        SnapshotError: too much of a snapshot vanished; its rows landed and are held.
        StoreUnavailable: the database went away; what had been committed stays, the watermark with it.
    """
    with store_errors(), department_lock(engine, contract.department) as connection:
        landing = Landing(connection, contract, order)
        open_batch(landing)
        try:
            with store_errors():  # within: what is kept with the batch must not be the database's own words
                if landing.is_remap:
                    _land_accepted(landing)
                else:
                    _land_pages(landing, together(_pages(landing, source, engine), _ROWS_TOGETHER))
        except Exception as error:
            place(contract.department, landing.batch_id, error)
            with contextlib.suppress(SQLAlchemyError):  # the store may be what broke; the next run then closes the batch
                connection.rollback()
                close_failed(landing, error)
            raise
        return landing.batch_id


def _pages(landing: Landing, source: Source | None, engine: Engine) -> Iterable[Page]:
    """What the source is asked for; nothing is, where the contract does not go on from the watermark."""
    contract, order = landing.contract, landing.order
    if landing.moves_watermark:
        require_zone(contract, landing.watermark, landing.watermark_timezone)
    pull = Pull.after(contract, landing.watermark if order.kind == "ingest" else None)
    return (source or source_of(order))(contract, pull, engine)


def _land_accepted(landing: Landing) -> None:
    land_accepted(landing.connection, landing.contract, landing.batch_id)
    finish_landing(landing, None)


def _land_pages(landing: Landing, pages: Iterable[Page]) -> None:
    contract, connection = landing.contract, landing.connection
    mark, last = Mark(contract, landing.watermark), None
    for page in pages:
        mark.take(page)
        landing.swept.total, landing.swept.highest_total = page.total, page.highest_total
        land_page(landing, page, mark.watermark if landing.moves_watermark and is_ordered(contract) else None)
        last = page
    if landing.looks_back:
        land_returned(landing)
    reopen_seen(connection, contract.department)
    if landing.is_sweep and last is not None and last.complete:
        bury_absent(connection, contract, landing.batch_id, landing.swept, accepts_deletions=landing.order.accepts_deletions)
    alerts = [*(mark.alerts() if landing.moves_watermark else ()), *_doubts(landing, last)]
    alert(connection, contract.department, landing.batch_id, alerts)
    finish_landing(landing, mark.watermark if landing.moves_watermark and landing.is_whole else None)


def _doubts(landing: Landing, last: Page | None) -> list[str]:
    """What a person should know of a pull that brought less than the source speaks of: the next one begins where this did."""
    if last is None:
        return []
    if last.read > landing.swept.pulled:
        left_out = last.read - landing.swept.pulled
        logger.info("%s: batch %s: %s rows below the watermark were left out", landing.contract.department, landing.batch_id, left_out)
    if landing.is_sweep or not last.complete or last.lowest_total is None or last.read >= last.lowest_total:
        return []
    landing.is_whole = False
    if landing.moves_watermark:
        put_back(landing.connection, landing.contract, landing.watermark, landing.watermark_timezone)
    given, spoken_of = last.read, last.lowest_total
    return [
        f"short_of_total: 来源称有 {spoken_of} 条，实际给出 {given} 条，水位未前移；如果该总数不随所请求的范围而变，"
        f"请从契约的 pages: 中去掉 total · the source speaks of {spoken_of} rows and gave {given}: the watermark stays, "
        "and they are asked for again; if the source counts more than it is asked for, remove total of pages: in the contract"
    ]
