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
from pipeline.absent import bury_absent, ended_early
from pipeline.alerts import alert
from pipeline.batch_errors import place
from pipeline.batches import close_failed, finish_landing, open_batch
from pipeline.locks import department_lock
from pipeline.order import Landing, Order
from pipeline.page_landing import land_page
from pipeline.remap import land_accepted
from pipeline.watermark import Mark, is_ordered, require_zone

__all__ = ["Order", "Source", "land"]

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
    source = source or (sweep if order.kind == "reconcile" else from_system)
    return source(contract, pull, engine)


def _land_accepted(landing: Landing) -> None:
    land_accepted(landing.connection, landing.contract.department, landing.batch_id)
    finish_landing(landing, None)


def _land_pages(landing: Landing, pages: Iterable[Page]) -> None:
    contract = landing.contract
    mark, is_complete, left_out = Mark(contract, landing.watermark), False, 0
    for page in pages:
        mark.take(page)
        is_complete = page.complete
        landing.swept.total, landing.swept.highest_total = page.total, page.highest_total
        land_page(landing, page, mark.watermark if landing.moves_watermark and is_ordered(contract) else None)
        if page.complete and not landing.is_sweep and page.lowest_total is not None and page.read < page.lowest_total:
            raise ended_early(contract, landing.batch_id, page.lowest_total, page.read)
        left_out = page.read - landing.swept.pulled
    if left_out > 0:
        logger.info("%s: batch %s: %s rows below the watermark were left out", contract.department, landing.batch_id, left_out)
    if landing.is_sweep and is_complete:
        bury_absent(landing.connection, contract, landing.batch_id, landing.swept, accepts_deletions=landing.order.accepts_deletions)
    if landing.moves_watermark:
        alert(landing.connection, contract.department, landing.batch_id, mark.alerts())
    finish_landing(landing, mark.watermark if landing.moves_watermark else None)
