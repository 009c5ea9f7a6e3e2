"""`casehub relink`: everything linked anew beside the live result, what differs, and bringing it in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from sqlalchemy import Engine

from cli.console import Console
from cli.session import store
from hub.settings import get_settings

if TYPE_CHECKING:
    from pipeline.relinking.difference import Change
    from pipeline.relinking.relink import Relinked

_RELATIONS = {"person": "人员 person", "organisation": "单位 organisation", "case": "案件 case"}
_STEPS = {"reading": "读取 · reading", **_RELATIONS}
_CHANGES = {"joined": "合并 · joined", "split": "拆分 · split", "moved": "重组 · moved"}


def relink(
    engine: Annotated[str, typer.Option("--engine", help="local | spark；结果相同 · the same clusters")] = "local",
    to: Annotated[
        Path | None, typer.Option("--to", help="每个节点的现有实体与新簇写入 · each node's entity and new cluster, to FILE")
    ] = None,
    swap: Annotated[bool, typer.Option("--swap", help="把差异交给识别并发布，再比一次 · have resolve publish the difference")] = False,
) -> None:
    """全部重新匹配，与现有结果比较；加 --swap 才换入 · Link everything anew beside the live result and compare; in only with --swap."""
    from pipeline.relinking.relink import swap as bring_in
    from pipeline.relinking.relink import table_of
    from pipeline.table_files import require_writable, write_table

    if to is not None:
        require_writable(to)
    settings, console = get_settings(), Console(soft_wrap=True)
    with store() as database:
        found = _relinked(console, database, engine)
        if to is not None:
            write_table(table_of(found), to)
            console.print(f"已写入 · written: {to}", markup=False)
        waiting = sum(len(one.records) + len(one.revalued) for one in found)
        if not swap or not waiting:
            if waiting:
                console.print("换入 · to bring it in: casehub relink --swap", highlight=False)
            return
        report = bring_in(database, settings, found)
        if report.is_busy:
            console.print("[yellow]另一进程正在识别，差异由它处理 · another process is resolving, and takes the difference along[/yellow]")
            return
        console.print(f"已重新识别 · resolved again: {report.records:,} 条记录 · records; 剩余差异 · what remains:")
        _relinked(console, database, engine)


def _relinked(console: Console, database: Engine, engine: str) -> list[Relinked]:
    from pipeline.relinking.relink import relink as link_anew

    with console.status("…") as status:
        found = link_anew(database, get_settings(), engine, lambda step: status.update(_STEPS[step]))
    console.print(_table(found))
    if all(one.difference.changed.is_empty() for one in found):
        console.print("与现有结果一致 · the same as the live result")
    return found


def _table(found: list[Relinked]) -> Table:
    shown = Table("", *(_RELATIONS[one.relation.name] for one in found), box=box.SIMPLE_HEAD)
    for column in shown.columns[1:]:
        column.justify = "right"
    told = [one.difference for one in found]
    shown.add_row("现有实体 · live entities", *(f"{one.entities:,}" for one in told))
    shown.add_row("新簇 · clusters anew", *(f"{one.clusters:,}" for one in told))
    shown.add_row("相同 · same", *(f"{one.change('same').entities:,}" for one in told))
    for name, words in _CHANGES.items():
        shown.add_row(words, *(_change(one.change(name)) for one in told))
    shown.add_row("移动的节点 · nodes that move", *(f"{one.moves:,}" for one in told))
    shown.add_row("分块键过时 · old keys", *(f"{len(one.misplaced):,}" for one in found))
    shown.add_row("号码标记有误 · wrong numbers", *(f"{len(one.misnumbered):,}" for one in found))
    shown.add_row("按旧规则取值 · old rules", *(f"{len(one.revalued):,}" for one in found))
    shown.add_row("旧版模型的关联 · old links", *(f"{one.older_links:,}" for one in found))
    return shown


def _change(change: Change) -> str:
    return f"{change.entities:,} → {change.clusters:,}" if change.entities else "0"
