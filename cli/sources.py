"""`casehub sources`: contracts checked, listed, tried on their source, and the grammar as a JSON Schema."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.console import Console
from cli.problems import print_problems, shown_path
from cli.session import active_contracts, store
from connectors.contract import Contract
from connectors.contract_files import contract_folders, read_contracts
from connectors.extract import Page, Pull, extract
from hub.errors import NotFound
from hub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="数据源 · Sources: departments' contracts, checked, listed and tried.")

_ROWS_TO_LOOK_AT = 50  # fewer rows may all lack an optional key by chance


@app.command()
def check(
    contract: Annotated[list[Path] | None, typer.Argument(help="只看这些文件 · only these files")] = None,
    connections: Annotated[
        bool, typer.Option("--connections", help="连同启用部门的连接变量 · connection variables of active departments as well")
    ] = False,
) -> None:
    """检查全部契约与代码表：哪个文件、哪一行、该怎么写 · Every mistake at once: file, line, and what to write instead."""
    from connectors.check import check as look

    wanted = {path.resolve() for path in contract or []}
    for path in wanted:
        if not path.is_file():
            raise NotFound(
                f"没有契约文件 {path} · there is no contract file {path}",
                remedy="指定已有的 YAML 文件，或不指定以检查全部 · name an existing YAML file, or none to check them all",
            )
    settings = get_settings()
    folders = contract_folders(settings.contract_folders)
    # A file that is named is judged whether its department is active or not.
    checked = look(folders, connections=connections, active=() if wanted else settings.active_departments, named=wanted)
    print_problems(checked.problems)
    console = Console(soft_wrap=True)
    for draft, installed in checked.replaced.items():
        words = f"{shown_path(draft)}: 按替换此文件检查 · checked as what replaces {shown_path(installed)}"
        console.print(words, style="yellow", markup=False, highlight=False)
    if checked.problems:
        told, readable = len(checked.problems), len(checked.contracts)
        console.print(f"[red]{told} 处问题 · problems[/red], {readable} 份契约可读 · contracts that can be read")
        raise typer.Exit(1)
    console.print(f"[green]{len(wanted) or len(checked.contracts)} 份契约无误 · contracts without a mistake[/green]")


@app.command("list")
def list_sources() -> None:
    """列出全部部门：如何报送、多久一次 · Every department: how it sends, how often, and whether it is active."""
    settings = get_settings()
    contracts, problems = read_contracts(contract_folders(settings.contract_folders))
    table = Table(
        "部门 department", "名称 title", "方式 kind", "模式 mode", "周期 schedule", "版本 version", "连接 connection", "启用 active"
    )
    table.columns[0].no_wrap = True  # it is typed again
    for column in table.columns[1:]:
        column.overflow = "fold"
    for name, contract in contracts.items():
        is_active = not settings.active_departments or name in settings.active_departments
        connector = contract.connector
        kind = connector.kind if connector.kind != "file" else f"file {connector.format}"
        row = (name, f"{contract.title.zh} {contract.title.en}", kind, contract.feed.mode, contract.schedule or "—", f"{contract.version}")
        table.add_row(*row, connector.connection, "是 yes" if is_active else "否 no")
    Console().print(table, markup=False)
    if problems:
        Console().print(f"[red]{len(problems)} 处问题 · problems[/red]: casehub sources check", highlight=False)
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """输出契约的 JSON Schema，供编辑器补全 · The JSON Schema of a contract, for editors to complete."""
    from connectors.jsonschema import contract_schema

    typer.echo(json.dumps(contract_schema(), ensure_ascii=False, indent=2))


@app.command()
def preview(
    department: Annotated[str, typer.Argument(help="部门 · department")],
    rows: Annotated[int, typer.Option(min=1, max=100, help="行数 · rows")] = 5,
) -> None:
    """拉取一页并显示：列、映射到的字段、脱敏后的值；不落地 · Pull one page and show it, personal values masked; nothing is stored."""
    contract = active_contracts(get_settings(), [department])[0]
    if contract.connector.kind == "inbox":
        with store() as engine:
            page = _first_page(contract, rows, engine)
    else:
        page = _first_page(contract, rows, None)
    from cli.preview import look_at, show

    look = look_at(contract, page)
    show(Console(), contract, look, rows)
    if look.missing:
        raise typer.Exit(1)


@app.command()
def rewind(
    department: Annotated[str, typer.Argument(help="部门 · department")],
    to: Annotated[str | None, typer.Option("--to", help="退到此处，缺省为最初 · back to here, as the source writes it")] = None,
) -> None:
    """退回水位，下次从那里或从头再拉，已落地的不会重复 · Set the watermark back: the next pull begins there, or at the beginning."""
    from pipeline.landing.watermark import rewind as set_back

    contract = active_contracts(get_settings(), [department])[0]
    with store() as engine:
        watermark = set_back(engine, contract, to)
    Console().print(f"{department}: 水位 · the watermark is {watermark or '最初 · the beginning'}", markup=False, highlight=False)


def _first_page(contract: Contract, rows: int, engine: Any) -> Page:
    """The first page that has rows: few, where the source can be asked for few, yet enough to see what all of them lack."""
    size = max(rows, _ROWS_TO_LOOK_AT)
    small: dict[str, Any] = {"page_size": size}
    if contract.connector.kind in ("rest", "soap") and contract.connector.pages.style != "none":
        own = contract.connector.pages.size or size
        small["pages"] = contract.connector.pages.model_copy(update={"size": max(rows, 2, min(own, size))})
    asked = contract.model_copy(update={"connector": contract.connector.model_copy(update=small)})
    pages = extract(asked, Pull(), engine=engine)
    page = next(pages)
    for following in islice(pages, 3):
        if page.rows.num_rows:
            break
        page = following
    return page
