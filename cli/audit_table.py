"""How rows of the audit log and a verifier's report look on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from cli.console import Console

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from api.audit.findings import Report

#: How a row looked at somebody.
HOW = {"named": "本人 · named", "case": "经案件 · by a case", "record": "经记录 · by a record", None: ""}
_COLUMNS = (
    "时间\nat",
    "调用者\ncaller",
    "部门\ndepartment",
    "动作\naction",
    "结果\noutcome",
    "查看目的\npurpose",
    "案号\nreference",
    "接收方\nreceiver",
    "提问类型\nshape",
)


def show_rows(console: Console, rows: Iterable[tuple[RowMapping, str | None]], *, with_how: bool = False) -> None:
    """Print rows, each with how it looked at somebody where that was asked."""
    table = Table(*_COLUMNS, *(("方式\nhow",) if with_how else ()), box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for column in table.columns:
        column.overflow = "fold"
    for row, how in rows:
        cells = (
            f"{row['at']:%Y-%m-%d %H:%M:%S}",
            row["caller"],
            row["department"] or "",
            row["action"],
            "开始 begun" if row["outcome"] is None else str(row["outcome"]),
            row["purpose"] or "",
            row["case_reference"] or "",
            row["receiver"] or "",
            json.dumps(row["shape"], ensure_ascii=False) if row["shape"] else "",
        )
        table.add_row(*cells, *((HOW[how],) if with_how else ()))
    if not table.row_count:
        console.print("没有这样的访问记录 · there are no such rows")
        return
    console.print(table, markup=False)


def show_report(console: Console, report: Report) -> None:
    """Print what a verifier found, the verdict last."""
    from api.audit.findings import WORDS

    for finding in report.findings:
        console.print(f"! {finding}", markup=False, highlight=False)
    for kind, count in report.counts.items():
        console.print(f"{count:,} × {WORDS[kind]}", highlight=False)
    verdict = "[green]完好 · sound[/green]" if report.is_sound else "[red]有改动 · not as it was written[/red]"
    console.print(
        f"{verdict}: 记录 {report.rows:,} 条，签封 {report.seals:,} 个，末号 {report.last_seal}，已清除 {report.pruned_rows:,} 条，"
        f"待入链 {report.waiting:,} 条 · {report.rows:,} rows, {report.seals:,} seals, last {report.last_seal}, "
        f"pruned {report.pruned_rows:,}, waiting {report.waiting:,}",
        highlight=False,
    )
