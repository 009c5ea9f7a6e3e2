"""`casehub sources`: contracts checked, listed, tried on their source, and the grammar as a JSON Schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.console import Console
from cli.session import active_contracts, store
from connectors.contract import Contract, contract_folders, read_contracts
from connectors.document import Problem
from connectors.extract import Page, Pull, extract
from connectors.masking import mask_row, masked, scrubbed
from connectors.paths import lookup, top_level_names
from hub.errors import NotFound
from hub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="数据源 · Sources: departments' contracts, checked, listed and tried.")

_NO_COLUMN = "[dim]—[/dim]"


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
            raise NotFound(f"there is no contract file {path}", remedy="name an existing YAML file, or none to check them all")
    settings = get_settings()
    folders = contract_folders(settings.contract_folders)
    # A file that is named is judged whether its department is active or not.
    checked = look(folders, connections=connections, active=() if wanted else settings.active_departments, named=wanted)
    _print_problems(checked.problems)
    console = Console(soft_wrap=True)
    for draft, installed in checked.replaced.items():
        words = f"{_shown(draft)}: 按替换此文件检查 · checked as what replaces {_shown(installed)}"
        console.print(words, style="yellow", markup=False, highlight=False)
    if checked.problems:
        told, readable = len(checked.problems), len(checked.contracts)
        console.print(f"[red]{told} 处问题 · problems[/red], {readable} 份契约可读 · contracts that can be read")
        raise typer.Exit(1)
    console.print(f"[green]{len(wanted) or len(checked.contracts)} 份契约无误 · contracts without a mistake[/green]")


def _print_problems(problems: list[Problem]) -> None:
    console = Console(soft_wrap=True)
    for problem in problems:
        place = f"{_shown(problem.file)}:{problem.line}" if problem.line else _shown(problem.file)
        console.print(f"[bold]{escape(place)}[/bold] [red]{escape(problem.where)}[/red] ", end="", highlight=False)
        console.print(problem.message, markup=False, highlight=False)
        if problem.remedy:
            console.print("  → " + problem.remedy, style="green", markup=False, highlight=False)


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
    """拉取一页看看：列、映射到的字段、打码后的值；什么都不落库 · Pull one page and show it, personal values masked; nothing is stored."""
    settings = get_settings()
    contract = active_contracts(settings, [department])[0]
    if contract.connector.kind == "inbox":
        with store() as engine:
            page = _first_page(contract, rows, engine)
    else:
        page = _first_page(contract, rows, None)
    console, look = Console(), _look_at(contract, page, rows)
    console.print(_columns_table(contract, look))
    console.print(_rows_table(contract, look))
    for words, names in (
        ("契约不知道的列 · columns the contract does not know", look.unknown),
        ("契约要而没有的列 · columns it misses", look.missing),
    ):
        if names:
            console.print(f"[yellow]{words}[/yellow]: ", end="")
            console.print(", ".join(names), markup=False, highlight=False)
    if not page.rows.num_rows:
        console.print("[yellow]没有取到行 · the source gave no row[/yellow]: ", end="")
        console.print("来源为空，或契约里的 path、items、record 没有指到行 · it is empty, or path:, items: or record: leads to no rows")
    if look.faults:
        told = escape(", ".join(sorted(set(look.faults))))
        console.print(f"[yellow]读不懂的行 · rows that cannot be read[/yellow]: {len(look.faults)} ({told})")


@app.command()
def rewind(
    department: Annotated[str, typer.Argument(help="部门 · department")],
    to: Annotated[str | None, typer.Option("--to", help="退到此处，缺省为最初 · back to here, as the source writes it")] = None,
) -> None:
    """退回水位，下次从那里或从头再拉，已入库的不会重复 · Set the watermark back: the next pull begins there, or at the beginning."""
    from pipeline.watermark import rewind as set_back

    contract = active_contracts(get_settings(), [department])[0]
    with store() as engine:
        watermark = set_back(engine, contract, to)
    Console().print(f"{department}: 水位 · the watermark is {watermark or '最初 · the beginning'}", markup=False, highlight=False)


def _first_page(contract: Contract, rows: int, engine: Any) -> Page:
    """The first page that has rows, of no more than are shown where the source can be asked for few."""
    small: dict[str, Any] = {"page_size": rows}
    if contract.connector.kind in ("rest", "soap") and contract.connector.pages.style != "none":
        small["pages"] = contract.connector.pages.model_copy(update={"size": max(rows, 2)})
    asked = contract.model_copy(update={"connector": contract.connector.model_copy(update=small)})
    pages = extract(asked, Pull(), engine=engine)
    page = next(pages)
    for following in islice(pages, 3):
        if page.rows.num_rows:
            break
        page = following
    return page


@dataclass(frozen=True)
class _Look:
    """What is shown of a page."""

    rows: list[dict[str, Any]]
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    faults: list[str]


def _look_at(contract: Contract, page: Page, count: int) -> _Look:
    payloads = [payload for payload in page.rows.column("payload").to_pylist() if payload is not None][:count]
    faults = [fault for fault in page.rows.column("fault").to_pylist() if fault is not None]
    seen = set(page.columns)
    unknown = tuple(name for name in page.columns if name not in contract.source_columns())
    missing = tuple(sorted(contract.required_columns() - seen)) if payloads else ()
    return _Look([json.loads(payload) for payload in payloads], page.columns, unknown, missing, faults)


def _columns_table(contract: Contract, look: _Look) -> Table:
    table = Table("列 column", "字段 field", "示例（打码） example, masked", title=escape(f"{contract.title.zh} · {contract.title.en}"))
    fields = _fields_by_column(contract)
    masks = [mask_row(contract, row) for row in look.rows]
    for name in look.columns:
        example = next((row[name] for row in masks if row.get(name) not in (None, "")), None)
        role = escape(", ".join(fields.get(name, []))) or ("忽略 ignored" if name in contract.ignore else _NO_COLUMN)
        table.add_row(escape(name), role, escape(_short(example)))
    return table


def _fields_by_column(contract: Contract) -> dict[str, list[str]]:
    """Which canonical fields a column goes to; a list of parties goes to them as a whole."""
    fields: dict[str, list[str]] = {}
    for name, mapping in contract.record.items():
        for column in mapping.from_ or top_level_names(mapping.path or "@"):
            fields.setdefault(column, []).append(name)
    for index, party in enumerate(contract.parties):
        if party.each is not None and party.each.path is not None:
            for column in top_level_names(party.each.path):
                fields.setdefault(column, []).append(f"parties[{index}]")
            continue
        for part, mapping in party.fields.items():
            for column in mapping.from_ or top_level_names(mapping.path or "@"):
                fields.setdefault(column, []).append(f"parties[{index}].{part}")
    return fields


def _rows_table(contract: Contract, look: _Look) -> Table:
    """Canonical fields of the record, from each row, masked; values before any transform."""
    taken = {name: mapping for name, mapping in contract.record.items() if mapping.const is None and mapping.from_}
    table = Table("键 key", *taken, title="映射前的值（打码） · values before their transform, masked")
    for row in look.rows:
        key = "|".join(str(lookup(row, name)) for name in contract.key)
        values = ["".join(_text(row.get(column)) for column in mapping.from_ or ()) for mapping in taken.values()]
        table.add_row(
            escape(scrubbed(key)),
            *(escape(_short(masked(name, mapping, value))) for (name, mapping), value in zip(taken.items(), values, strict=True)),
        )
    return table


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
