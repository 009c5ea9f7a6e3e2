"""Words of the command line in both languages."""

from __future__ import annotations

STATES = {
    "waiting": "等待 waiting",
    "running": "进行中 running",
    "landed": "已落地 landed",
    "validated": "已校验 validated",
    "done": "[green]完成 done[/green]",
    "held": "[yellow]挂起 held[/yellow]",
    "busy": "[yellow]占用 busy[/yellow]",
    "stopped": "[yellow]中止 stopped[/yellow]",
    "failed": "[red]失败 failed[/red]",
    "discarded": "已作废 discarded",
    "open": "进行中 open",
}
BATCH_COLUMNS = (
    "部门\ndepartment",
    "拉取\npulled",
    "落地\nlanded",
    "已知\nknown",
    "接受\naccepted",
    "隔离\nrefused",
    "删除\ndeleted",
    "状态\nstate",
)
