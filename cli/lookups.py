"""`casehub lookups`: batch look-ups as operators see them: whose, how far, until when; never what is in them."""

from __future__ import annotations

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from cli.console import Console
from cli.session import store
from cli.words import STATES

app = typer.Typer(no_args_is_help=True, help="批量查询 · Batch look-ups: whose, how far, until when.")

_COLUMNS = ("编号\nlook-up", "提交人\ncaller", "部门\ndepartment", "状态\nstate", "行数\nrows", "提交\nhanded in", "删除\ndeleted at")


@app.command("list")
def list_jobs() -> None:
    """列出全部批量查询（不含内容） · Every batch look-up with its caller and progress, without its contents."""
    from api.lookups.jobs import list_all

    table = Table(*_COLUMNS, box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for column in table.columns[:2]:
        column.overflow = "fold"
    with store() as engine:
        for job in list_all(engine):
            reason = f" ({escape(job['reason'])})" if job["reason"] else ""
            state = f"{STATES.get(job['state'], job['state'])}{reason}"
            rows = f"{job['rows_done']:,} / {job['rows']:,}"
            times = (f"{job[name]:%Y-%m-%d %H:%M}" for name in ("created_at", "expires_at"))
            table.add_row(str(job["lookup_id"]), escape(job["caller"]), escape(job["department"] or ""), state, rows, *times)
    if not table.row_count:
        Console().print("没有批量查询 · there are no look-ups")
        return
    Console().print(table)
