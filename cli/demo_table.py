"""What the demo shows while it works: each long step as it ends, then a table of the departments; plain lines where no terminal is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

from rich.status import Status
from rich.table import Table
from sqlalchemy import Connection, Engine, text

from cli.console import Console
from cli.run import PassTable
from pipeline.ingest import BatchReport, batch_report

_SINCE = "SELECT batch_id FROM ops.batch WHERE batch_id > :after ORDER BY batch_id"
_COUNTS = ("pulled", "landed", "already_known", "accepted", "quarantined", "held", "superseded", "deleted")
_ENDED = ("done", "held", "failed", "discarded")


class Progress:
    """Steps of the start, one after another or side by side."""

    def __init__(self, console: Console) -> None:
        """Begin the clock.

        Args:
            console: where to draw.
        """
        self.console, self._begun = console, time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    @contextlib.contextmanager
    def step(self, words: str) -> Iterator[None]:
        """Show that something is being waited for, then that it is there."""
        status: Status | None = self.console.status(f"{words} …") if self.console.is_terminal else None
        with status or contextlib.nullcontext():
            yield
        self.console.print(f"[green]✓[/green] {words} [dim]{self.seconds:.1f} s[/dim]", highlight=False)


class DemoTable(PassTable):
    """The pass's table, drawn from the batches in the store, with a line below on what is going on."""

    def __init__(self, titles: dict[str, str], console: Console) -> None:
        """Begin with every department waiting.

        Args:
            titles: department → its name as shown.
            console: where to draw.
        """
        super().__init__(titles, console)
        self.caption = ""

    def update(self, department: str, state: str, batch: BatchReport | None) -> None:
        """Take in a department's state; without a terminal a line is printed when it has ended."""
        known = self.batches.get(department)
        if self.states.get(department) == state and known == batch:
            return
        self.states[department] = state
        if batch is not None:
            self.batches[department] = batch
        if self.live is None and state in _ENDED:
            numbers = f"拉取 pulled {batch.pulled} · 接受 accepted {batch.accepted} · 隔离 quarantined {batch.quarantined}" if batch else ""
            self.console.print(f"{department}: {state} {numbers}", markup=False, highlight=False)

    def say(self, caption: str) -> None:
        """Redraw with another line below; without a terminal the line is printed if it is new."""
        if self.live is not None:
            self.caption = caption
            self.live.update(self.draw(), refresh=True)
        elif caption != self.caption:
            self.caption = caption
            self.console.print(caption, highlight=False)

    def draw(self) -> Table:
        """The table as it stands."""
        table = super().draw()
        table.caption = self.caption
        return table


class Batches:
    """Batches that came after the demo began."""

    def __init__(self, engine: Engine) -> None:
        """Remember where it began.

        Args:
            engine: the store.
        """
        self._engine = engine
        with engine.connect() as connection:
            self._after = connection.execute(text("SELECT coalesce(max(batch_id), 0) FROM ops.batch")).scalar_one()

    def by_department(self) -> dict[str, BatchReport]:
        """The newest batch of every department that has one, with the counts of all of them."""
        found: dict[str, BatchReport] = {}
        with self._engine.connect() as connection:
            for batch_id in connection.execute(text(_SINCE), {"after": self._after}).scalars():
                batch = batch_report(connection, batch_id)
                before = found.get(batch.department)
                sums = {name: getattr(before, name) + getattr(batch, name) for name in _COUNTS} if before else {}
                found[batch.department] = replace(batch, **sums)
        return found

    def pending(self) -> int:
        """Records that wait for resolve."""
        with self._engine.connect() as connection:
            return _pending(connection)


def _pending(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM ops.pending")).scalar_one())
