"""ORDER: what is asked of a pull, and the batch that is on its way in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Connection

from connectors.contract import Contract
from pipeline.landing.absent import Swept

Kind = Literal["ingest", "reconcile", "backfill", "remap"]


@dataclass(frozen=True)
class Order:
    """What is asked of a pull.

    Attributes:
        kind: ingest, reconcile (a sweep of everything; deletions come to light), backfill (never moves the watermark) or remap (the
            source is not asked: what was accepted lands again).
        run_id: the DAG run, for the batch's row; the process where None.
        accepts_deletions: a person says that rows absent from a snapshot are gone, however many.
    """

    kind: Kind = "ingest"
    run_id: str | None = None
    accepts_deletions: bool = False


@dataclass
class Landing:
    """One batch on its way in."""

    connection: Connection
    contract: Contract
    order: Order
    batch_id: int = 0
    watermark: str | None = None  # as it stood before
    watermark_timezone: str | None = None
    swept: Swept = field(default_factory=Swept)
    is_whole: bool = True  # the source gave as much as it speaks of

    @property
    def is_snapshot(self) -> bool:
        """Everything comes each time."""
        return self.contract.feed.mode == "snapshot"

    @property
    def moves_watermark(self) -> bool:
        """A sweep and a backfill look back; only an ordinary pull moves on."""
        return self.contract.feed.mode == "cursor" and self.order.kind == "ingest"

    @property
    def looks_back(self) -> bool:
        """Of a feed that is read after a watermark, everything is asked for."""
        return self.contract.feed.mode == "cursor" and self.order.kind in ("reconcile", "backfill")

    @property
    def is_sweep(self) -> bool:
        """The source is asked for everything, so what is absent was deleted."""
        return self.is_snapshot or self.order.kind == "reconcile"

    @property
    def is_remap(self) -> bool:
        """The source is not asked."""
        return self.order.kind == "remap"
