"""`casehub match` on the store: why two of it are one or two, and how often its links are right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from cli.acting import showing_nodes
from cli.console import Console
from cli.pair_table import DECISIONS, show_pair
from cli.purpose import require_purpose
from cli.session import store
from hub.private_files import write_private_file

if TYPE_CHECKING:
    from pipeline.evaluating.agreement import Precision

_IN_FORCE = "已写入 · written: {to}; 放入 CASEHUB_MODELS 所指文件夹后生效 · takes effect in the folder that CASEHUB_MODELS names"

RelationName = Annotated[str, typer.Option("--relation", help="人员、单位或案件 · person | organisation | case")]


def explain_pair(relation: str, left: str, right: str, why: tuple[str, str] | None) -> None:
    """Print why two parties or records of the store are one or two, whether or not blocking brings them together.

    Args:
        relation: of the pair.
        left: by its name.
        right: by its name.
        why: purpose and case for which personal values are shown in the clear; None: they are masked.
    """
    from pipeline.evaluating.pairs import examine, find_node, relation_named

    with store() as engine:
        if why is not None:
            require_purpose(engine, *why)
        found = relation_named(relation)
        ids = [find_node(engine, found, name) for name in (left, right)]
        pairs = examine(engine, found, [(ids[0], ids[1])])
        showing_nodes(relation, ids)
    for pair in pairs:
        show_pair(Console(), pair, relation, clear=why is not None)


def train_relation(relation: str, to: Path) -> None:
    """Move the weights of a relation's model to what people said, print those that moved, and write the model's next version."""
    from matching.calibration import calibrated_document
    from matching.model_file import document_of
    from pipeline.evaluating.pairs import relation_named
    from pipeline.evaluating.verdicts import calibrated
    from pipeline.resolving.models import load_model, model_path

    with store() as engine:
        found = calibrated(engine, relation_named(relation))
    write_private_file(to, calibrated_document(document_of(model_path(relation)), found.model))
    shown = Table("比较\ncomparison", "比较等级\nlevel", "原权重（比特）\nbits before", "现权重（比特）\nbits now", box=box.SIMPLE_HEAD)
    for old, new in zip(load_model(relation).comparisons, found.model.comparisons, strict=True):
        for before, after in zip(old.levels, new.levels, strict=True):
            if abs(after.bits - before.bits) >= 0.05:  # what shows in print
                shown.add_row(old.name, before.name, f"{before.bits:+.1f}", f"{after.bits:+.1f}")
    console = Console()
    console.print(shown, markup=False)
    if load_model(relation) == found.model:
        console.print("权重与所用模型相同，版本号不变 · the weights are those in force, and the version stays", highlight=False)
    console.print(
        f"{found.pairs:,} 条复核结果，平均意外度 {found.before:.2f} → {found.after:.2f} 比特 · "
        f"{found.pairs:,} verdicts, surprise of each {found.before:.2f} → {found.after:.2f} bits"
    )
    console.print(_IN_FORCE.format(to=to), markup=False, highlight=False)


def sample(
    relation: RelationName = "case",
    size: Annotated[int, typer.Option("--size", help="抽多少条关联 · links to draw")] = 100,
) -> None:
    """随机抽取关联供人复核，估计线上精确率 · Draw live links at random for people to judge: the live precision is estimated from them."""
    from pipeline.evaluating.agreement import draw, precisions
    from pipeline.evaluating.pairs import relation_named

    with store() as engine:
        drawn = draw(engine, relation_named(relation), size)
        found = precisions(engine)
    console = Console()
    console.print(f"抽出 {drawn} 条新关联 · drew {drawn} links not drawn before")
    console.print(f"逐条复核 · judge them: casehub review next --sampled --relation {relation}", highlight=False)
    console.print(_precision(found), markup=False)


def evaluate(relation: RelationName = "") -> None:
    """人的判断对照引擎的判断，及抽样精确率 · What people said beside what the engine says, and the precision that samples tell."""
    from pipeline.evaluating.agreement import confusion, precisions
    from pipeline.evaluating.pairs import RELATION_NAMES, relation_named

    console = Console()
    with store() as engine:
        for name in [relation_named(relation).name] if relation else RELATION_NAMES:
            matrix = confusion(engine, relation_named(name))
            if matrix.is_empty():
                console.print(f"{name}: 尚无人复核 · nobody has judged a pair yet")
                continue
            shown = Table(
                "引擎 · engine", "同一 · yes", "不同 · no", "不确定 · unsure", box=box.SIMPLE_HEAD, title=f"{name}: 人工复核 · people"
            )
            for decision, *counts in matrix.iter_rows():
                shown.add_row(DECISIONS.get(decision, "已不存在 · gone"), *(f"{count:,}" for count in counts))
            console.print(shown)
        found = precisions(engine)
    console.print(_precision(found) if found else "尚未抽样 · no links were drawn yet: casehub match sample", markup=False)


def survey(
    relation: RelationName = "person",
    names: Annotated[int, typer.Option(min=3, help="多少个不同姓名共用即为占位 · names from which a shared number is nobody's")] = 20,
    to: Annotated[Path | None, typer.Option("--to", help="把下一版模型写入 · the model's next version goes to FILE.yml")] = None,
) -> None:
    """数出占位值和过于常见的值，写成模型的下一版 · Count values that say nothing or that too many share, for the model's next version."""
    from api.masking import mask_id_no, mask_phone
    from hub.errors import RequestError
    from pipeline.evaluating.pairs import relation_named
    from pipeline.evaluating.survey import next_version
    from pipeline.evaluating.survey import survey as count

    if to is not None and (to.suffix not in (".yml", ".yaml") or not to.parent.is_dir()):
        raise RequestError(
            f"{to.name} 无法写入 · {to.name} cannot be written",
            remedy="指定已有文件夹中的 .yml 文件 · name a .yml file in a folder that is there",
        )
    with store() as engine:
        found = count(engine, relation_named(relation), names)
    console, masks = Console(), {"phone": mask_phone, "id_no": mask_id_no}
    shown = Table("列\ncolumn", "值\nvalue", "提及\nmentions", "姓名\nnames", "应列为\nto be listed as", box=box.SIMPLE_HEAD)
    kinds = (
        (found.placeholders, "占位 · placeholder"),
        (found.over_common, "过于常见 · over_common"),
        (found.unrefined, "此规则需再加一列 · its rule needs refine"),
    )
    for commons, kind in kinds:
        for one in commons:
            value = masks[one.column](one.value) if one.column in masks else one.value
            shown.add_row(one.column, value, f"{one.mentions:,}", f"{one.names:,}" if one.names else "", kind)
    console.print(shown, markup=False)
    if to is None:
        console.print("写成下一版 · to write the next version: --to FILE.yml", highlight=False)
        return
    write_private_file(to, next_version(found))  # numbers that many give are somebody's all the same
    console.print(_IN_FORCE.format(to=to), markup=False, highlight=False)


def _precision(found: list[Precision]) -> Table:
    shown = Table(
        "关系\nrelation",
        "模型\nmodel",
        "抽样\ndrawn",
        "对\nright",
        "错\nwrong",
        "不确定\nunsure",
        "精确率\nprecision",
        "95 %",
        box=box.SIMPLE_HEAD,
    )
    for one in found:
        share = "" if one.share is None else f"{one.share:.3f}"
        interval = "" if one.low is None or one.high is None else f"{one.low:.3f} – {one.high:.3f}"
        counts = (f"{count:,}" for count in (one.drawn, one.right, one.wrong, one.unsure))
        shown.add_row(one.relation, one.model_version, *counts, share, interval)
    return shown
