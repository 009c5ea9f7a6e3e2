"""`casehub audit`: who asked what, whether the log is as it was written, and who looked at a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.session import store
from hub.settings import get_settings

if TYPE_CHECKING:
    from api.audit.findings import Report

app = typer.Typer(no_args_is_help=True, help="访问记录 · Audit: who looked at what, and whether the log is as it was written.")

HeadFile = Annotated[Path | None, typer.Option("--head", help="已公布链头的文件 · file of published heads; empty: CASEHUB_AUDIT_HEAD")]


@app.command()
def seal() -> None:
    """把等待的记录入链并公布链头 · Chain the rows that wait and publish the head; the API does it each second."""
    from api.audit.sealing import seal_all

    with store() as engine:
        rows = seal_all(engine, get_settings().audit_head_file)
    Console().print(f"入链 {rows:,} 条 · chained {rows:,} rows", highlight=False)


@app.command()
def head() -> None:
    """显示链头，供另行保存 · Show the chain's head, to be kept elsewhere too."""
    from api.audit.sealing import chain_end

    with store() as engine, engine.connect() as connection:
        end = chain_end(connection)
    typer.echo(end.head.line().strip() if end is not None else "{}")


@app.command()
def verify(head_file: HeadFile = None) -> None:
    """逐条核对全部记录、链与已公布的链头 · Check every row, the chain and the published heads; exit code 1 if anything is not as it was."""
    from api.audit.verify import verify as check

    with store() as engine:
        report = check(engine, head_file or get_settings().audit_head_file)
        _show(report)
        if not report.is_sound:
            raise typer.Exit(1)


def _show(report: Report) -> None:
    from api.audit.findings import WORDS

    console = Console(soft_wrap=True)
    for finding in report.findings:
        console.print(f"[red]![/red] {finding}", highlight=False)
    for kind, count in report.counts.items():
        console.print(f"{count:,} × {WORDS[kind]}", highlight=False)
    verdict = "[green]完好 · sound[/green]" if report.is_sound else "[red]有改动 · not as it was written[/red]"
    console.print(
        f"{verdict}: {report.rows:,} 条记录 rows, {report.seals:,} 个封印 seals, 末号 last {report.last_seal}; "
        f"已清除 pruned {report.pruned_rows:,}; 等待入链 waiting {report.waiting:,}",
        highlight=False,
    )
