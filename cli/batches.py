"""`casehub batches`: what each pull brought, and the held ones to release or discard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Row

from cli.console import Console
from cli.session import active_contracts, require_department, store
from cli.words import BATCH_COLUMNS, STATES
from connectors.document import did_you_mean
from hub.errors import RequestError
from hub.settings import get_settings
from pipeline.batch import batch_log
from schema.tables import BATCH_STATES

app = typer.Typer(
    no_args_is_help=True, help="批次 · Batches: what each pull brought; release or discard held ones; check the conservation law."
)

#: In two lines each, so that a row fits into eighty columns.
_COLUMNS = ("批次\nbatch", *BATCH_COLUMNS[:6], "挂起\nheld", *BATCH_COLUMNS[6:])


@app.command("list")
def list_batches(
    department: Annotated[str, typer.Option(help="部门 · department")] = "",
    state: Annotated[str, typer.Option(help=f"状态 · state: {', '.join(BATCH_STATES)}")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="行数 · rows")] = 20,
) -> None:
    """最近的批次 · The latest batches, newest first."""
    if state and state not in BATCH_STATES:
        raise RequestError(f"没有这种状态 · no such state: {state}", remedy=did_you_mean(state, BATCH_STATES))
    with store() as engine, engine.connect() as connection:
        require_department(engine, department)
        rows = batch_log.latest(connection, department, state, most=limit)
    if not rows:
        Console().print("没有这样的批次 · there are no such batches")
        return
    table = Table(*_COLUMNS, box=box.SIMPLE_HEAD, padding=(0, 0), show_edge=False)
    table.columns[1].overflow, table.columns[1].min_width = "fold", 11
    for column in table.columns[2:-1]:
        column.justify, column.no_wrap = "right", True
    for row in rows:
        numbers = (row.pulled, row.landed, row.already_known, row.accepted, row.quarantined, row.held, row.deleted)
        table.add_row(str(row.batch_id), f"{escape(row.department)}\n{row.kind}", *(f"{n:,}" for n in numbers), STATES[row.state])
    console = Console()
    console.print(table)
    for row in rows:
        if row.error:
            console.print(f"{row.batch_id}: {row.error}", markup=False, highlight=False)
    for (_, alert), batch_id in _alerts(rows).items():
        console.print("[yellow]提醒 · alert[/yellow] ", end="")
        console.print(f"{batch_id}: {alert}", markup=False, highlight=False)


def _alerts(rows: Sequence[Row[Any]]) -> dict[tuple[str, str], int]:
    """What batches alert of, by department, each with the newest that does: one may be told of until a person acts."""
    return {(row.department, alert): row.batch_id for row in reversed(rows) for alert in row.alerts or ()}


@app.command()
def check() -> None:
    """逐批重算守恒律 · Recount the conservation law of every batch from the rows in the database."""
    with store() as engine, engine.connect() as connection:
        law = batch_log.require_law_of_all(connection)
    Console().print(
        f"守恒律成立：{law.batches} 个批次，{law.pulled:,} = {law.landed:,} + {law.already_known:,} · "
        f"the law holds for {law.batches} batches"
    )
    if law.waiting:
        Console().print(
            f"{law.waiting:,} 行等待处理：正在处理，或由下次运行继续处理 · "
            f"{law.waiting:,} rows wait: they are being taken in, or the next run takes them along"
        )


@app.command()
def release(batch_id: Annotated[int, typer.Argument(help="批次号 · batch id")]) -> None:
    """放行挂起的批次：坏行隔离，其余接受 · Let a held batch through: bad rows to quarantine, the others taken in."""
    from pipeline.quarantine import release as let_through

    with store() as engine:
        with engine.connect() as connection:
            department = batch_log.department_of(connection, batch_id)
        contract = active_contracts(get_settings(), [department])[0]
        batch = let_through(engine, contract, batch_id, get_settings())
    console, accepted, refused = Console(soft_wrap=True), f"{batch.accepted:,}", f"{batch.quarantined:,}"
    console.print(
        f"批次 {batch_id} 已放行，接受 {accepted} 行 · released: {accepted} rows accepted; `casehub resolve` 发布 publishes them",
        highlight=False,
    )
    if batch.quarantined:
        console.print(
            f"隔离 {refused} 行 · {refused} rows went to quarantine: casehub quarantine list --department {department}", highlight=False
        )


@app.command()
def discard(batch_id: Annotated[int, typer.Argument(help="批次号 · batch id")]) -> None:
    """作废挂起的批次，原始行保留；下次拉取重新取数 · Put a held batch aside, kept in landing; the next pull asks for its rows again."""
    from pipeline.quarantine import discard_batch

    with store() as engine:
        with engine.connect() as connection:
            department = batch_log.department_of(connection, batch_id)
            mode = batch_log.feed_mode(connection, department)
        kind = discard_batch(engine, department, batch_id)
    if mode == "events":
        Console().print(
            f"批次 {batch_id} 已作废，请 {department} 重新推送 · discarded: ask {department} to send its events again", soft_wrap=True
        )
        return
    again = " ".join(["casehub run", department, *([] if kind == "ingest" else [f"--{kind}"])])
    if kind == "remap":
        Console().print(
            f"批次 {batch_id} 已作废，更正契约后运行 `{again}` · discarded: once the contract is mended, run it",
            markup=False,
            soft_wrap=True,
        )
        return
    Console().print(
        f"批次 {batch_id} 已作废，运行 `{again}` 重新取数 · discarded: that asks the source for its rows again",
        markup=False,
        soft_wrap=True,
    )
