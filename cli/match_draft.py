"""`casehub match draft`: a model file for a table, drafted from the table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer
import yaml
from rich import box
from rich.table import Table

from cli.console import Console
from cli.match_tables import sources_table
from hub.errors import NotFound, RequestError
from hub.private_files import write_private_file
from pipeline.table_files import read_table

if TYPE_CHECKING:
    from matching.model_draft import Draft

_HEAD = """\
# 起草自 · Drafted from {files}: {rows:,} 行 · rows. 请核对每列的含义 · Check what each column was taken for, then run it:
#   casehub match run --model {model} --input {files} --to clusters.csv
# 若某来源自身无重复 · where a source holds nothing twice: unique_within: true
# 仅部分来源如此 · where only some do: unique_within: [{sources}]
"""
_SHOWN = 12  # sources


def draft(
    inputs: Annotated[
        list[Path], typer.Option("--input", help="FILE.csv 或 .parquet，可多次 · may be given several times: read as one table")
    ],
    to: Annotated[Path, typer.Option("--to", help="模型写入 · the model goes to FILE.yml")],
    truth: Annotated[
        str | None, typer.Option("--truth", help="真值列，不参与比较 · the column that tells what is one: compared with nothing")
    ] = None,
) -> None:
    """读取表，起草模型文件：各列是什么、按什么分块 · Look at a table and draft its model: what its columns are, what rows meet by."""
    from matching.model_draft import draft as drafted
    from matching.table_names import columns_told

    if to.suffix not in (".yml", ".yaml") or not to.parent.is_dir():
        raise RequestError(
            f"{to.name} 无法写入 · {to.name} cannot be written",
            remedy="指定已有文件夹中的 .yml 文件 · name a .yml file in a folder that is there",
        )
    if to.exists():
        raise RequestError(
            f"{to.name} 已存在 · {to.name} is there already", remedy="另指定文件，或移走该文件 · name another file, or take that one away"
        )
    rows = read_table(inputs)
    if truth is not None and truth not in rows.columns:
        raise NotFound(f"表中没有列 {truth} · the table has no column {truth}", remedy=str(columns_told(rows.columns)))
    console = Console()
    with console.status("试分块与比较 · trying rules and comparisons"):
        made = drafted(rows, truth)
    files, sources = " --input ".join(path.name for path in inputs), _sources(rows, made.document.get("source"))
    head = _HEAD.format(files=files, rows=len(rows), model=to.name, sources=sources)
    body = yaml.safe_dump(dict(made.document), allow_unicode=True, sort_keys=False, default_flow_style=None, width=120)
    write_private_file(to, head + body)
    _show(made, console)
    console.print(f"已写入，核对后运行 · written, check it and run it: casehub match run --model {to}", markup=False, highlight=False)


def _show(made: Draft, console: Console) -> None:
    shown = Table("列 · column", "看作 · taken for", "填写 · filled", "不同值 · distinct", box=box.SIMPLE_HEAD)
    for column in made.columns:
        shown.add_row(column.name, column.role, f"{column.filled:.0%}", f"{column.distinct:,}")
    rules = Table("分块规则 · blocking rule", "对 · pairs", "占可能相同的对 · of what is likely one", box=box.SIMPLE_HEAD)
    for rule in made.rules:
        rules.add_row(" + ".join(rule.fields), f"{rule.pairs:,}", "" if rule.found is None else f"{rule.found:.0%}")
    console.print(shown, rules, markup=False)
    if made.sources:
        console.print(sources_table(made.sources), markup=False)
    if once := made.document.get("unique_within"):
        words = "这些来源各自未见重复，同一来源的两行不视为同一；如有重复则从中去掉"
        told = "no repeats are seen in these sources, and two rows of one are taken for two: leave out what holds things twice"
        console.print(f"unique_within: {', '.join(once)}\n{words} · {told}", markup=False, highlight=False, soft_wrap=True)
    if apart_by := made.document.get("told_apart_by"):
        words = "其余都同而这些不同的，看作同组的两个（同一专辑的两首），若其实是同一个则改为 []"
        told = "rows that differ in these and else agree are two of one group (tracks of one album): make it [] where they are one"
        console.print(f"told_apart_by: {', '.join(apart_by)}\n{words} · {told}", markup=False, highlight=False, soft_wrap=True)


def _sources(rows: pl.DataFrame, column: str | None) -> str:
    """The sources as a list in a model names them, to be shortened."""
    names = rows[column].cast(pl.String).drop_nulls().unique().sort().to_list() if column else ["crm", "billing"]
    listed = yaml.safe_dump(names[:_SHOWN], allow_unicode=True, default_flow_style=True, width=10_000).strip()
    return listed[1:-1] + (", …" if len(names) > _SHOWN else "")
