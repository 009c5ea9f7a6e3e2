"""How a pair looks on a terminal: both sides beside each other, then the engine's steps as a waterfall of bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from api.masking import mask_address, mask_birth_date, mask_id_no, mask_name, mask_phone, mask_text
from cli.console import Console
from matching import weights

if TYPE_CHECKING:
    from pipeline.evaluating.pairs import Node, Pair

_FIELDS = {
    "role": "角色 · role", "name": "姓名/名称 · name", "id_no": "证件号 · ID number", "uscc": "统一社会信用代码 · credit code",
    "phone": "电话 · phone", "gender": "性别 · gender", "birth_date": "出生日期 · birth date", "address": "地址 · address",
    "reported_at": "登记 · reported", "occurred_at": "发生 · occurred", "case_number": "案号 · case number", "title": "标题 · title",
    "text": "内容 · text", "category": "类别 · category", "status": "状态 · status", "people_involved": "涉及人数 · people",
    "amount": "金额 · amount",
}  # fmt: skip
_MASKS: dict[str, Callable[[str], str]] = {
    "id_no": mask_id_no,
    "phone": mask_phone,
    "address": mask_address,
    "birth_date": mask_birth_date,
}
_TEXTS = ("title", "text")
_BAR = 24  # characters of the widest bar of a waterfall
_LONGEST = 160  # characters of a value that are shown

DECISIONS = {
    "link": "[green]同一 · link[/green]",
    "review": "[yellow]待复核 · review[/yellow]",
    "no_link": "不同 · no link",
    "cannot_link": "[red]不得合并 · cannot link[/red]",
}


def show_pair(console: Console, pair: Pair, relation: str, *, clear: bool) -> None:
    """Print a pair.

    Args:
        console: to print to.
        pair: as `examine` gives it.
        relation: person, organisation or case.
        clear: personal values as they are; masked otherwise.
    """
    masks = {} if clear else _MASKS | _text_masks(pair) | ({"name": mask_name} if relation == "person" else {})
    console.print(Group(_sides(pair, masks), waterfall(pair.levels, pair.steps)), markup=False)
    now = "现为同一 · one now" if pair.is_one else "现为两个 · two now"
    console.print(f"{pair.match_weight:+.1f} 比特 · bits → {DECISIONS[pair.decision]}; {now}")
    for said in pair.verdicts:
        console.print(f"{said.decided_at:%Y-%m-%d %H:%M} {said.decided_by}: {said.verdict} {said.reason or ''}", markup=False)


def _text_masks(pair: Pair) -> dict[str, Callable[[str], str]]:
    """Texts without numbers and without the persons whom either record names."""
    persons = pair.left.persons | pair.right.persons
    return dict.fromkeys(_TEXTS, lambda text: mask_text(text, persons))


def _sides(pair: Pair, masks: Mapping[str, Callable[[str], str]]) -> Table:
    table = Table("", pair.left.name, pair.right.name, box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.overflow = "fold"
    for field, title in _FIELDS.items():
        left, right = (_value(node, field, masks) for node in (pair.left, pair.right))
        if left or right:
            style = "green" if left == right else ""
            table.add_row(title, Text(left, style), Text(right, style))
    return table


def _value(node: Node, field: str, masks: Mapping[str, Callable[[str], str]]) -> str:
    value: Any = node.values.get(field)
    if value is None:
        return ""
    text = f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value)
    shown = masks[field](text) if field in masks else text
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def waterfall(levels: Mapping[str, str], steps: Mapping[str, float]) -> Table:
    """Every step with its bits, what they come to so far, and a bar."""
    shown = Table("步骤 · step", "比较等级 · level", "权重（比特） · bits", "累计 · so far", "", box=box.SIMPLE_HEAD)
    for column in shown.columns[2:4]:
        column.justify = "right"
    widest = max((abs(bits) for bits in steps.values()), default=1.0) or 1.0
    for step in weights.waterfall(levels, steps):
        bar = "█" * max(1, round(abs(step.bits) / widest * _BAR)) if step.bits else ""
        shown.add_row(step.name, step.level, f"{step.bits:+.1f}", f"{step.so_far:+.1f}", Text(bar, "green" if step.bits > 0 else "red"))
    return shown
