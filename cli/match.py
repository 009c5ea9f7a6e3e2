"""`casehub match`: the matching engine on any table, without a database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from cli import match_draft, match_store
from cli.console import Console
from cli.match_tables import quality_table, rules_table, steps_table, tell_meeting, tell_training, tell_unread, weights_table
from cli.purpose import Clear, PurposeName, Reference
from hub.errors import NotFound, RequestError
from hub.private_files import write_private_file
from pipeline.table_files import read_table, require_writable, write_table

if TYPE_CHECKING:
    from matching.evaluation import Evaluation
    from matching.table_linkage import TableLinkage
    from matching.table_model import TableModel

app = typer.Typer(no_args_is_help=True, help="匹配 · Matching: link or deduplicate any table by a model file, and see why.")

app.command()(match_draft.draft)
app.command()(match_store.sample)
app.command()(match_store.evaluate)
app.command()(match_store.survey)

ModelFile = Annotated[Path, typer.Option("--model", help="模型文件 · the model file (YAML)")]
Inputs = Annotated[list[Path], typer.Option("--input", help="FILE.csv 或 .parquet，可多次 · may be given several times: read as one table")]
#: Of the two that work on the store too: a relation stands in for model and input.
OwnModel = Annotated[Path | None, typer.Option("--model", help="模型文件 · the model file (YAML)")]
OwnInputs = Annotated[list[Path] | None, typer.Option("--input", help="FILE.csv 或 .parquet，可多次 · may be given several times")]
OfStore = Annotated[
    str | None, typer.Option("--relation", help="改用库中数据 · of the store instead of a table: person | organisation | case")
]
Truth = Annotated[str | None, typer.Option("--truth", help="真值列 · the column that tells which rows are one")]

_STEPS = {"forms": "可比形式", "blocking": "分块", "comparing": "比较", "training": "训练", "clustering": "聚类"}


@app.command()
def run(
    model: ModelFile,
    inputs: Inputs,
    to: Annotated[Path, typer.Option("--to", help="结果写入 · clusters go to FILE.csv or FILE.parquet")],
    links: Annotated[
        Path | None, typer.Option("--links", help="每对的权重与比较等级写入 · every pair with weight and levels, to FILE")
    ] = None,
    truth: Truth = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="关联阈值（比特） · bits from which a pair is linked")] = None,
) -> None:
    """关联或去重一张表，缺的权重从表中学 · Link or deduplicate a table; weights that its model lacks are trained from it."""
    _require_outputs(to, links, [*inputs, model])
    start, console = time.perf_counter(), Console(soft_wrap=True)
    table, rows = _read(model, inputs, truth)
    _require_distinct(_ids(rows, table))
    linkage = _linked(console, rows, table if threshold is None else table.at(threshold))
    ids, clusters = _ids(rows, table), pl.DataFrame(linkage.clusters)["cluster"]
    write_table(pl.DataFrame({"id": ids, "cluster": ids.gather(clusters)}), to)
    edges = pl.DataFrame(linkage.edges)
    if links is not None:
        write_table(edges.with_columns(left=ids.gather(edges["left"]), right=ids.gather(edges["right"])), links)
    console.print(rules_table(linkage.rules), markup=False)
    tell_training(console, linkage)
    linked, review = ((edges["decision"] == word).sum() for word in ("link", "review"))
    console.print(
        f"{len(rows):,} 行归为 {clusters.n_unique():,} 簇；比较 {len(edges):,} 对，关联 {linked:,} 对，待复核 {review:,} 对 · "
        f"{len(rows):,} rows in {clusters.n_unique():,} clusters; {len(edges):,} pairs compared, {linked:,} linked, {review:,} for review; "
        f"{time.perf_counter() - start:.1f} s → {to}",
        markup=False,
    )
    largest = max(clusters.value_counts()["count"].to_list(), default=0)
    console.print(f"最大的簇 · largest cluster: {largest:,} 行 · rows", highlight=False)
    evaluation = _evaluated(rows, table, clusters)
    if evaluation is not None:
        console.print(quality_table(evaluation))


def _require_outputs(to: Path, links: Path | None, read: Sequence[Path]) -> None:
    """Refuse what cannot be written before there is anything to write."""
    for path in (to, *([links] if links else [])):
        require_writable(path, read)
    if links is not None and links.resolve() == to.resolve():
        raise RequestError(
            f"--to 与 --links 是同一个文件 {to.name} · --to and --links are one file, {to.name}",
            remedy="各写一个文件 · name a file for each",
        )


@app.command()
def train(
    to: Annotated[Path, typer.Option("--to", help="训练后的模型写入 · the trained model goes to FILE.yml")],
    model: OwnModel = None,
    inputs: OwnInputs = None,
    relation: OfStore = None,
) -> None:
    """从表中学习权重，或按复核结论调整平台模型 · Find m, u and the prior from a table; or move a relation's weights to what people said."""
    from matching.model_file import document_of
    from matching.repeats import without_repeats
    from matching.trained_file import trained_document

    if to.suffix not in (".yml", ".yaml") or not to.parent.is_dir():
        raise RequestError(
            f"{to.name} 无法写入 · {to.name} cannot be written",
            remedy="指定已有文件夹中的 .yml 文件 · name a .yml file in a folder that is there",
        )
    if relation is not None:
        match_store.train_relation(relation, to)
        return
    model, inputs = _given(model, inputs)
    console = Console(soft_wrap=True)
    table, rows = _read(model, inputs, None)
    linkage = _linked(console, rows, table)
    write_private_file(to, trained_document(document_of(model), linkage.model, without_repeats(linkage.sources)))
    console.print(weights_table(linkage.model), markup=False)
    tell_training(console, linkage)
    console.print(f"先验 · prior {linkage.model.prior:+.1f} 比特 · bits → {to}", markup=False)


@app.command()
def blocking(model: ModelFile, inputs: Inputs, truth: Truth = None) -> None:
    """每条分块规则找到多少对、漏掉多少真对 · What each blocking rule finds, before anything is compared; with a truth, what it misses."""
    from matching.table_forms import table_forms
    from matching.table_linkage import candidates

    console = Console(soft_wrap=True)
    table, rows = _read(model, inputs, truth)
    pairs, _, rules = candidates(table_forms(rows, table), table.model)
    console.print(rules_table(rules), markup=False)
    console.print(f"{len(rows):,} 行，{pairs.num_rows:,} 对 · {len(rows):,} rows, {pairs.num_rows:,} pairs")
    entities = _entities(rows, table)
    if entities is not None:
        met = pl.DataFrame(pairs)
        found = int((entities.gather(met["left"]) == entities.gather(met["right"])).sum())
        sizes = entities.drop_nulls().value_counts()["count"].cast(pl.Int64)
        wanted = int((sizes * (sizes - 1)).sum()) // 2
        share = f"{found / max(wanted, 1):.2%}"
        console.print(f"真值 {wanted:,} 对，找到 {found:,} 对（{share}） · {wanted:,} pairs are one, {found:,} found ({share})")


@app.command()
def explain(
    left: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="行的编号或行号；库中为 部门/编号 或 部门/编号/序号 · a row's id or number; of the store department/number",
        ),
    ],
    right: Annotated[str, typer.Argument(metavar="B", help="另一行的 · another's")],
    model: OwnModel = None,
    inputs: OwnInputs = None,
    relation: OfStore = None,
    clear: Clear = False,
    purpose: PurposeName = "",
    reference: Reference = "",
) -> None:
    """两行为什么相同或不同：逐项权重（比特） · Why two rows are one or two: every step in bits, whether or not they share a block."""
    from matching.comparison import compare
    from matching.table_forms import table_forms
    from matching.table_pairs import meeting
    from matching.weights import weigh
    from schema.records import PAIR

    if relation is not None:
        match_store.explain_pair(relation, left, right, (purpose, reference) if clear else None)
        return
    model, inputs = _given(model, inputs)
    console = Console(soft_wrap=True)
    table, rows = _read(model, inputs, None)
    ids = _ids(rows, table).cast(pl.String)
    places = [_place(ids, *given) for given in (("A", left), ("B", right))]
    if not table.model.is_trained:
        table = _linked(console, rows, table).trained(table)
    import pyarrow as pa

    pair, forms, decides = pa.table([[min(places)], [max(places)]], schema=PAIR), table_forms(rows, table), table.model
    edge = weigh(compare(decides.relation, forms, pair, decides), decides).to_pylist()[0]
    console.print(steps_table(json.loads(edge["levels"]), decides), markup=False)
    console.print(f"{edge['match_weight']:+.1f} 比特 · bits (≥ {decides.link:g}: link) → [bold]{edge['decision']}[/bold]")
    tell_meeting(console, meeting(forms, places[0], places[1], decides))


def _given(model: Path | None, inputs: list[Path] | None) -> tuple[Path, list[Path]]:
    if model is None or not inputs:
        raise RequestError(
            "未指明数据 · there is nothing to look at",
            remedy="表用 --model 和 --input，库中数据用 --relation · give --model and --input for a table, or --relation for the store",
        )
    return model, inputs


def _read(model: Path, inputs: list[Path], truth: str | None) -> tuple[TableModel, pl.DataFrame]:
    """The model and the rows; a truth column that is named stands in for the model's own."""
    from dataclasses import replace

    from matching.table_model import Field, read_table_model
    from matching.table_names import columns_told, require_columns

    table, rows = read_table_model(model), read_table(inputs)
    require_columns(rows, table)  # before the column of ids is read
    if truth is not None:
        if truth not in rows.columns:
            raise NotFound(f"表中没有列 {truth} · the table has no column {truth}", remedy=str(columns_told(rows.columns)))
        table = replace(table, truth=Field("truth", (truth,), "exact"))
    missing = _truth_columns_missing(rows, table)
    if missing:
        words = f"表中没有真值列 {missing}，不作评估 · the table lacks {missing}, which truth: of the model names: nothing is evaluated"
        Console(stderr=True, soft_wrap=True).print(words, markup=False, highlight=False)
    return table, rows


def _truth_columns_missing(rows: pl.DataFrame, table: TableModel) -> str:
    return ", ".join(name for name in (table.truth.columns if table.truth else ()) if name not in rows.columns)


def _linked(console: Console, rows: pl.DataFrame, table: TableModel) -> TableLinkage:
    from matching.table_linkage import link_table

    with console.status("…") as status:
        show: Callable[[str], None] = lambda step: status.update(f"{_STEPS[step]} · {step}")  # noqa: E731 - typed where it stands
        linkage = link_table(rows, table, show)
    tell_unread(console, rows, table)
    return linkage


def _require_distinct(ids: pl.Series) -> None:
    double = ids.is_duplicated().sum()
    if double:
        raise RequestError(
            f"列 {ids.name} 不能区分各行，{double:,} 行与他行同值 · "
            f"column {ids.name} does not tell rows apart: {double:,} share its value with another",
            remedy="另写 id:，或省略 · name another id:, or leave it out",
        )


def _ids(rows: pl.DataFrame, table: TableModel) -> pl.Series:
    return rows[table.id] if table.id else pl.Series("id", range(len(rows)))


def _place(ids: pl.Series, which: str, one: str) -> int:
    """The row's number; what was typed is not told again, for an id may be a person's number."""
    found = (ids == one).arg_true()
    if len(found):
        return int(found[0])
    if one.isdecimal() and int(one) < len(ids):
        return int(one)
    raise NotFound(
        f"表中没有 {which} 所指的行 · the table has no row that {which} names",
        remedy=f"用模型的 id 列指明行，或用行号 0 至 {len(ids) - 1} · "
        f"name a row by the model's id column, or by its number from 0 to {len(ids) - 1}",
    )


def _entities(rows: pl.DataFrame, table: TableModel) -> pl.Series | None:
    from matching.table_forms import form_of

    if table.truth is None or _truth_columns_missing(rows, table):
        return None
    return form_of(rows, table.truth)["truth"]


def _evaluated(rows: pl.DataFrame, table: TableModel, clusters: pl.Series) -> Evaluation | None:
    from matching.evaluation import evaluate

    entities = _entities(rows, table)
    return None if entities is None else evaluate(clusters, entities)
