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
    "failed": "[red]失败 failed[/red]",
    "discarded": "已作废 discarded",
    "open": "进行中 open",
}
BATCH_COLUMNS = (
    "部门 department",
    "拉取 pulled",
    "落地 landed",
    "已知 known",
    "接受 accepted",
    "隔离 quarantined",
    "删除 deleted",
    "状态 state",
)
