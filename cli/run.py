"""`casehub run` and `casehub resolve`: one pass in one process, with a live table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from cli.console import Console
from cli.problems import print_problems
from cli.session import sound_contracts, store
from cli.words import BATCH_COLUMNS, STATES
from connectors.contract import Contract
from hub.errors import RequestError
from hub.settings import get_settings
from pipeline.ingest import BatchReport
from pipeline.landing.order import Kind
from pipeline.run import PassReport

#: Why --accept-deletions does nothing in an ordinary run, by the feed's mode.
_NOTHING_IS_DELETED = {
    "cursor": "不是快照，本次不起作用，加上 --reconcile · no snapshot: deletions are found in a sweep alone; add --reconcile",
    "events": "推送的来源自己告知删除，此选项不起作用 · what is pushed tells of its deletions itself: the option does nothing",
}


class PassTable:
    """The departments of a pass with their counts, redrawn at every step; plain lines where there is no terminal."""

    def __init__(self, titles: dict[str, str], console: Console) -> None:
        """Begin with every department waiting.

        Args:
            titles: department → its name as shown.
            console: where to draw.
        """
        self.titles, self.console = titles, console
        self.states = dict.fromkeys(titles, "waiting")
        self.batches: dict[str, BatchReport] = {}
        self.live: Live | None = None

    def __enter__(self) -> PassTable:
        if self.console.is_terminal:
            self.live = Live(self.draw(), console=self.console, auto_refresh=False)
            self.live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self.live is not None:
            self.live.__exit__(None, None, None)
        else:
            self.console.print(self.draw())

    def update(self, department: str, state: str, batch: BatchReport | None) -> None:
        """Take in one step of the pass."""
        if department in self.states:
            self.states[department] = state
            if batch is not None:
                self.batches[department] = batch
        if self.live is not None:
            self.live.update(self.draw(), refresh=True)
        elif state != "running":
            pulled = f", 拉取 pulled {batch.pulled}" if batch else ""
            self.console.print(f"{escape(department)}: {STATES.get(state, state)}{pulled}")

    def draw(self) -> Table:
        """The table as it stands."""
        table = Table(*BATCH_COLUMNS, box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
        for column in table.columns[1:-1]:
            column.justify = "right"
        for department, title in self.titles.items():
            batch = self.batches.get(department)
            numbers = (
                (batch.pulled, batch.landed, batch.already_known, batch.accepted, batch.quarantined, batch.deleted) if batch else [None] * 6
            )
            table.add_row(escape(title), *("" if n is None else f"{n:,}" for n in numbers), STATES[self.states[department]])
        return table


def run(
    departments: Annotated[
        list[str] | None, typer.Argument(help="部门，缺省为全部 · departments; all that are active if none is named")
    ] = None,
    reconcile: Annotated[bool, typer.Option("--reconcile", help="对账：全量比对，查出删除和迟到 · sweep every key and hash")] = False,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="从头再拉一遍，不移动水位 · pull from the beginning, the watermark stays")
    ] = False,
    remap: Annotated[
        bool,
        typer.Option("--remap", help="不取数，按现行契约重新归一已接受的行 · pull nothing, map what was accepted anew"),
    ] = False,
    resolve: Annotated[bool, typer.Option("--resolve/--no-resolve", help="是否随后识别发布 · match and publish afterwards")] = True,
    accept_deletions: Annotated[
        bool, typer.Option("--accept-deletions", help="快照中消失的行确已删除 · rows absent from a snapshot are gone")
    ] = False,
) -> None:
    """在一个进程内完成一次全流程：拉取、校验、归一、识别、发布 · Pull, validate, normalise, match and publish, in one process."""
    from pipeline.landing.order import Order
    from pipeline.run import run_pass

    settings, console = get_settings(), Console()
    kind = _kind_of({"reconcile": reconcile, "backfill": backfill, "remap": remap}, is_named=bool(departments))
    contracts, broken = sound_contracts(settings, departments)
    print_problems(problem for problems in broken.values() for problem in problems)
    if reconcile:
        contracts = _that_can_be_swept(contracts, is_named=bool(departments))
    elif accept_deletions:
        _tell_where_nothing_is_deleted(console, contracts, is_named=bool(departments))
    titles = {contract.department: f"{contract.title.zh} {contract.department}" for contract in contracts}
    with store() as engine:
        with PassTable(titles, console) as table:
            report = run_pass(engine, contracts, settings, table.update, Order(kind, accepts_deletions=accept_deletions), resolves=resolve)
        _print_outcome(console, report)
        if not report.is_clean or broken.keys() & set(departments or settings.active_departments or broken):
            raise typer.Exit(1)  # within: the call is written down as what it came to


def _kind_of(options: dict[Kind, bool], *, is_named: bool) -> Kind:
    """What is asked of each department: one of the options, or what is new."""
    chosen = [kind for kind, is_chosen in options.items() if is_chosen]
    if len(chosen) > 1:
        told = [f"--{kind}" for kind in chosen]
        raise RequestError(f"{'、'.join(told)} 只能选一个 · one of {', '.join(told)}", remedy="先后各运行一次 · run one after the other")
    if chosen == ["remap"] and not is_named:
        raise RequestError(
            "--remap 须指明部门 · --remap wants departments named", remedy="写明契约改过的部门 · name those whose contract was changed"
        )
    return chosen[0] if chosen else "ingest"


def _print_outcome(console: Console, report: PassReport) -> None:
    for batch in report.batches:
        for alert in batch.alerts:
            console.print(f"[yellow]提醒 · alert[/yellow] {escape(batch.department)}: ", end="")
            console.print(alert, markup=False)
    for failure in report.failures:
        console.print(f"[red]{escape(failure.kind)}[/red] ", end="")
        console.print(failure.message, markup=False, highlight=False)
    _print_resolved(console, report.resolved, report.seconds)


def _tell_where_nothing_is_deleted(console: Console, contracts: Sequence[Contract], *, is_named: bool) -> None:
    """Of all departments at once, the snapshots are meant."""
    others = [contract for contract in contracts if contract.feed.mode != "snapshot"]
    if not is_named and len(others) < len(contracts):
        return
    for mode, words in _NOTHING_IS_DELETED.items():
        named = [contract.department for contract in others if contract.feed.mode == mode]
        if named:
            console.print(f"[yellow]--accept-deletions[/yellow] {', '.join(named)}: {words}")


def _that_can_be_swept(contracts: Sequence[Contract], *, is_named: bool) -> list[Contract]:
    """Those of which everything can be asked for; of a department that pushes nothing can be."""
    pushing = [contract.department for contract in contracts if contract.feed.mode == "events"]
    if pushing and is_named:
        raise RequestError(
            f"{', '.join(pushing)}: 推送的来源无法对账 · what is pushed cannot be swept: it is told of each change and deletion",
            remedy="去掉 --reconcile，或请部门重新推送 · leave --reconcile out, or ask the department to send its events again",
        )
    return [contract for contract in contracts if contract.feed.mode != "events"]


def resolve_pending() -> None:
    """识别并发布等待中的记录 · Match and publish what waits in ops.pending."""
    from pipeline.resolving.resolve import resolve

    with store() as engine:
        report = resolve(engine, get_settings())
    _print_resolved(Console(), report, None)


def _print_resolved(console: Console, report: object, seconds: float | None) -> None:
    if report is None:
        return
    if getattr(report, "is_busy", False):
        console.print("[yellow]另一进程正在识别，本次让步 · another process is resolving; this one steps back[/yellow]")
        return
    names = {
        "records": "记录 records",
        "cases": "统一案件 cases",
        "persons": "人员 persons",
        "organisations": "单位 organisations",
        "review_tasks": "待复核 to review",
    }
    parts = [f"{word} {getattr(report, name):,}" for name, word in names.items()]
    time = f"，{seconds:.1f} s" if seconds is not None else ""
    console.print("识别 · resolved: " + " · ".join(parts) + time)
