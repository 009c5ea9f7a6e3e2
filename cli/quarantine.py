"""`casehub quarantine`: rows that were refused, with the rule and the reason; replay after a fix, or discard."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from cli.acting import os_user
from cli.console import Console
from cli.session import active_contracts, require_department, store
from hub.settings import get_settings
from pipeline.quarantine import Choice

app = typer.Typer(no_args_is_help=True, help="隔离区 · Quarantine: rows that were refused, kept whole with the rule and the reason.")

_COLUMNS = ("编号\nitem", "部门\ndepartment", "记录\nrecord", "版本\nversion", "规则\nrule", "列\ncolumn", "原因\nreason")

Department = Annotated[str, typer.Argument(help="部门 · department")]
Rule = Annotated[str, typer.Option(help="只限此规则 · only this rule, e.g. transform:occurred_at")]
ItemId = Annotated[int, typer.Option("--item", help="只限此条 · only this item")]


@app.command("list")
def list_refused(
    department: Annotated[str, typer.Option(help="部门 · department")] = "",
    rule: Rule = "",
    limit: Annotated[int, typer.Option(min=1, help="行数 · rows")] = 50,
) -> None:
    """列出被拒的行：哪一行、哪条规则、为什么 · Which row, which rule, why; never the value."""
    from pipeline.quarantine import count_items, list_items, require_known

    table = Table(*_COLUMNS, box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for column in table.columns:
        column.overflow = "fold"
    table.columns[4].no_wrap = True  # a rule is to be copied after --rule
    with store() as engine:
        require_department(engine, department)
        require_known(engine, Choice(department, rule))
        for item in islice(list_items(engine, department, rule), limit):
            table.add_row(
                str(item.item_id), item.department, item.source_record_id, str(item.version), item.rule, item.column_name, item.reason
            )
        by_rule = count_items(engine, department, rule)
    items = sum(by_rule.values())
    if not items:
        Console().print("没有待处理的被拒行 · no refused rows wait")
        return
    Console().print(table, markup=False)
    if items > limit:
        Console().print(f"共 {items:,} 条，以上为最早的 {limit:,} 条 · the oldest {limit:,} of {items:,} items; --limit", highlight=False)
        for name, count in by_rule.items():
            Console().print(f"  {name} × {count:,}", markup=False, highlight=False)
    Console().print("修复后重放 · after a fix: casehub quarantine replay DEPARTMENT [--rule RULE]", highlight=False)


@app.command()
def replay(department: Department, rule: Rule = "", item: ItemId = 0) -> None:
    """更正契约或代码表后重放 · Run refused rows again after the contract or a code list was mended."""
    from pipeline.quarantine import count_items, require_known
    from pipeline.quarantine import replay as run_again

    choice = Choice(department, rule, item)
    with store() as engine:
        contract = active_contracts(get_settings(), [department])[0]
        require_known(engine, choice)
        rows = run_again(engine, contract, choice, get_settings(), by=os_user())
        items = sum(count_items(engine, department).values())
    console = Console(soft_wrap=True)
    console.print(f"重放 {rows:,} 行 · replayed {rows:,} rows; `casehub resolve` 发布 publishes what was accepted")
    if items:
        console.print(
            f"隔离区尚有 {items:,} 条 · {items:,} items are in quarantine still: casehub quarantine list --department {department}",
            highlight=False,
        )


@app.command()
def discard(department: Department, rule: Rule = "", item: ItemId = 0) -> None:
    """作废被拒的行，原始行保留 · Put refused rows aside for good; they stay in landing."""
    from pipeline.quarantine import discard as put_aside
    from pipeline.quarantine import require_known

    choice = Choice(department, rule, item)
    with store() as engine:
        require_department(engine, department)
        require_known(engine, choice)
        rows = put_aside(engine, choice, by=os_user())
    Console().print(f"作废 {rows} 行 · discarded {rows} rows")
