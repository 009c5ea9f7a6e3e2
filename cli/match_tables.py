"""What `casehub match` shows of a table's matching: rules, weights, steps, training and quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl
from rich import box
from rich.markup import escape
from rich.table import Table

from cli.console import Console
from hub.wording import Words

if TYPE_CHECKING:
    from matching.evaluation import Evaluation
    from matching.model import Model
    from matching.repeats import SourceSeen
    from matching.table_linkage import RuleReport, TableLinkage
    from matching.table_model import TableModel
    from matching.table_pairs import Meeting


def rules_table(rules: tuple[RuleReport, ...]) -> Table:
    """What each blocking rule brought together."""
    told = ("分块规则 · blocking rule", "对 · pairs", "新增 · new", "最大块 · largest block", "略过的大块 · blocks passed over")
    shown = Table(*told, box=box.SIMPLE_HEAD)
    for rule in rules:
        over = f"{rule.passed_over:,} (≤ {rule.rows_passed_over:,} 行 · rows)" if rule.passed_over else ""
        shown.add_row(rule.name, f"{rule.pairs:,}", f"{rule.new:,}", f"{rule.largest:,} 行 · rows" if rule.largest else "", over)
    return shown


def weights_table(model: Model) -> Table:
    """Every level of every comparison with its weight."""
    shown = Table("比较 · comparison", "比较等级 · level", "m", "u", "权重（比特） · bits", box=box.SIMPLE_HEAD)
    for comparison in model.comparisons:
        for level in comparison.levels:
            probabilities = ("" if value is None else f"{value:.2g}" for value in (level.m, level.u))
            shown.add_row(comparison.name, level.name, *probabilities, f"{level.bits:+.1f}")
    return shown


def steps_table(levels: Mapping[str, str], model: Model) -> Table:
    """Every step of a pair with its bits, and what they come to so far."""
    from matching.weights import explain

    shown = Table("步骤 · step", "比较等级 · level", "权重（比特） · bits", "累计 · so far", box=box.SIMPLE_HEAD)
    total = 0.0
    for name, bits in explain(levels, model).items():
        total += bits
        shown.add_row(name, levels.get(name, ""), f"{bits:+.1f}", f"{total:+.1f}")
    return shown


def sources_table(sources: Sequence[SourceSeen]) -> Table:
    """What was seen of each source."""
    across, within = "与其他来源的对 · pairs with others", "自身同样相似的对 · as alike within"
    shown = Table("来源 · source", "行 · rows", across, within, "自身未见重复 · no repeats seen", box=box.SIMPLE_HEAD)
    for each in sources:
        shown.add_row(each.source, f"{each.rows:,}", f"{each.across:,}", f"{each.within:,}", "✓" if each.holds_nothing_twice else "")
    return shown


def quality_table(found: Evaluation) -> Table:
    """Precision and recall against the truth."""
    shown = Table("对真值 · against the truth", "精确率 · precision", "召回率 · recall", "F1", box=box.SIMPLE_HEAD)
    for name, quality in (("成对 · pairwise", found.pairwise), ("B³", found.b_cubed)):
        shown.add_row(name, f"{quality.precision:.4f}", f"{quality.recall:.4f}", f"{quality.f1:.4f}")
    return shown


def tell_unread(console: Console, rows: pl.DataFrame, table: TableModel) -> None:
    """Say which columns hold values that their forms cannot read, and which placeholders no value is."""
    from matching.table_forms import unmatched, unread

    forms = {field.name: field.form for field in table.fields}
    for name, (filled, missed) in unread(rows, table).items():
        remedy = Words("请检查该列", "look at its column")
        if forms[name] == "date":
            remedy = Words("按日期的实际写法填写 formats:", "write formats: as its dates are written")
        words = (
            f"{name}: {filled:,} 个值中有 {missed:,} 个无法按 {forms[name]} 解读；{remedy.zh} · "
            f"{missed:,} of {filled:,} values cannot be read as {forms[name]}; {remedy.en}"
        )
        console.print(f"[yellow]提醒 · note[/yellow] {escape(words)}", highlight=False)
    for name, words_of in unmatched(rows, table).items():
        listed = ", ".join(words_of)
        words = f"{name}: 没有值为 {listed}，请核对 placeholders · placeholders {listed} are no value of it: check how they are written"
        console.print(f"[yellow]提醒 · note[/yellow] {escape(words)}", highlight=False)


def tell_meeting(console: Console, found: Meeting) -> None:
    """Say whether `run` compares a pair at all, and what keeps it apart whatever it weighs."""
    if found.rules:
        names = ", ".join(found.rules)
        console.print(f"由分块规则 {names} 相遇 · they meet by {names}", markup=False, highlight=False)
    else:
        console.print("没有分块规则使两行相遇，run 不比较 · no blocking rule brings them together: run does not compare them")
    for name, rows, limit in found.crowded:
        console.print(
            f"规则 {name} 的块有 {rows:,} 行，超过 block_limit {limit:,}，不成对 · "
            f"the block of {name} has {rows:,} rows, more than block_limit {limit:,}: it forms no pairs",
            markup=False,
            highlight=False,
        )
    if found.is_two_identifiers:
        console.print("两行的 identifier 不同，永不归为一簇 · their identifiers differ: they are never one, in any chain")
    if found.is_one_source:
        console.print("两行来自同一个内部无重复的来源，永不归为一簇 · both are of one source that holds nothing twice: they are never one")


def tell_training(console: Console, linkage: TableLinkage) -> None:
    """Say how the weights were trained, and what speaks against them."""
    from matching.repeats import without_repeats

    found = linkage.training
    if found is None:
        console.print("权重取自模型 · weights as the model has them")
        return
    rows = linkage.clusters.num_rows
    if found.matches > 2 * rows:
        console.print(
            f"[yellow]预计相同的对远多于行 · many more pairs are expected to be one than there are rows ({rows:,})[/yellow]: "
            "docs/matching.md · What it finds, and what not",
            highlight=False,
        )
    unsettled = Words("", "") if found.settled else Words("[yellow]（未收敛）[/yellow]", "[yellow], not settled[/yellow]")
    console.print(
        f"训练 {found.rounds} 轮{unsettled.zh}，预计有 {found.matches:,.0f} 对为同一对象 · "
        f"trained in {found.rounds} rounds{unsettled.en}; {found.matches:,.0f} pairs expected to be one"
    )
    if once := without_repeats(linkage.sources):
        names = ", ".join(sorted(once))
        console.print(
            f"来源 {names} 各自未见重复，同一来源的两行不视为同一；如有重复，请在模型中写 unique_within: [] · "
            f"no repeats are seen in {names}: two rows of one of these sources are taken for two; where one holds things twice, "
            "state unique_within: []",
            markup=False,
            highlight=False,
        )
    if found.told_apart_by:
        names = ", ".join(found.told_apart_by)
        console.print(
            f"同组而非同一的有 {found.related:,.0f} 对：仅 {names} 不同的视为两个；如实为同一个，请在模型中写 told_apart_by: [] · "
            f"{found.related:,.0f} pairs are of one group, and two: what differs in {names} and else agrees is taken for two; "
            "where it is one, state told_apart_by: []",
            markup=False,
            highlight=False,
        )
