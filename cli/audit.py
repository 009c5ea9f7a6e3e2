"""`casehub audit`: who asked what, whether the log is as it was written, and who looked at a person."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Annotated

import typer

from cli.acting import os_user, showing
from cli.asking import asked
from cli.audit_table import show_report, show_rows
from cli.console import Console
from cli.session import store
from hub.errors import RequestError
from hub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="访问记录 · Audit: who looked at what, and whether the log is as it was written.")

HeadFile = Annotated[Path | None, typer.Option("--head", help="已公布链头的文件 · file of published heads; empty: CASEHUB_AUDIT_HEAD")]
Since = Annotated[str | None, typer.Option("--since", help="起（含） · from, e.g. 2025-01-03 or 2025-01-03T08:00")]
Before = Annotated[str | None, typer.Option("--before", help="止（日期含当日） · until; a date includes its day")]
Word = Annotated[str | None, typer.Option(help="只看相等者 · rows that have exactly this")]


@app.command()
def seal() -> None:
    """把等待的记录入链并公布链头 · Chain the rows that wait and publish the head; the API does it each second."""
    from api.audit.sealing import seal_all

    with store() as engine:
        rows = seal_all(engine, get_settings().audit_head_file)
    Console().print(f"入链 {rows:,} 条 · chained {rows:,} rows", highlight=False)


@app.command()
def head() -> None:
    """显示链头，供另行保存 · Show the chain's head, to be kept elsewhere too."""
    from api.audit.sealing import chain_end

    with store() as engine, engine.connect() as connection:
        end = chain_end(connection)
    typer.echo(end.head.line().strip() if end is not None else "{}")


@app.command()
def verify(
    head_file: HeadFile = None,
    file: Annotated[Path | None, typer.Option("--file", help="核对导出的文件，不连数据库 · an exported file; no database is asked")] = None,
) -> None:
    """逐条核对记录、链与已公布的链头 · Check every row, the chain and the published heads; exit code 1 if anything was changed."""
    from api.audit.exported import verify_file
    from api.audit.verify import verify as check

    console = Console(soft_wrap=True)
    if file is not None:
        report = verify_file(file, head_file)
        show_report(console, report)
        raise typer.Exit(0 if report.is_sound else 1)
    with store() as engine:
        report = check(engine, head_file or get_settings().audit_head_file)
        show_report(console, report)
        if not report.is_sound:
            raise typer.Exit(1)


@app.command("list")
def list_rows(
    caller: Word = None,
    department: Word = None,
    action: Word = None,
    outcome: Annotated[int | None, typer.Option(help="HTTP 状态；命令 0 成功 1 失败 · status; of commands 0 done, 1 failed")] = None,
    purpose: Word = None,
    case_reference: Word = None,
    request: Word = None,
    since: Since = None,
    before: Before = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="行数 · rows")] = 50,
) -> None:
    """列出访问记录，最新在前 · Rows of the log, the newest first."""
    from api.audit.listing import Filter, newest

    wanted = Filter(caller, department, action, outcome, purpose, case_reference, request, _moment(since), _moment(before, day_end=True))
    with store() as engine:
        with engine.connect() as connection:
            rows = newest(connection, wanted, limit)
        showing(results=len(rows))
        show_rows(Console(), [(row, None) for row in rows])


@app.command()
def subject(
    subject_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="人员或案件标识 · id of a person or case; none: it is asked for")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="证件号码或标识所在的文件 · a file that holds the number or id")] = None,
    since: Since = None,
    before: Before = None,
) -> None:
    """谁查看过此人或此案；证件号码由提示或文件输入 · Who looked at a person or case; type an ID number when asked, or use --file."""
    from api.audit.subject import find_subject, looks

    entry = _entry(subject_id, file)
    with store() as engine:
        with engine.connect() as connection:
            found = find_subject(connection, entry)
            rows = list(looks(connection, found, _moment(since), _moment(before, day_end=True)))
        cases = () if found.persons else found.cases
        showing(persons=found.persons, cases=cases, results=len(rows))
        console = Console()
        show_rows(console, [(look.row, look.how) for look in rows], with_how=True)
        console.print(f"{len(rows):,} 次 · looks", highlight=False)


@app.command()
def export(
    to: Annotated[Path, typer.Option("--to", help="目标文件 · FILE.jsonl or FILE.csv")],
    receiver: Annotated[str, typer.Option("--receiver", help="接收方 · who gets it; empty: who runs this")] = "",
    since: Since = None,
    before: Before = None,
) -> None:
    """导出整段签封及其记录，含全部哈希，可在别处核对 · Whole seals with their rows and every hash, to be verified elsewhere."""
    from api.audit.export import Period, count, require_exportable
    from api.audit.export import export as write
    from api.audit.sealing import seal_all

    period = Period(_moment(since), _moment(before, day_end=True))
    require_exportable(to)
    with store() as engine:
        seal_all(engine, get_settings().audit_head_file)  # what waits is in no seal yet, and so in no file
        showing(results=count(engine, period), receiver=receiver or os_user())
        rows = write(engine, to, period)
    Console().print(f"已写入 {rows:,} 条 · wrote {rows:,} rows → {to}", markup=False, highlight=False)


@app.command()
def prune(
    before: Annotated[str, typer.Option("--before", help="清除此前的签封，至少 180 天前 · seals made before; 180 days ago at least")],
) -> None:
    """清除过期的签封及其记录，链上留下清除标记 · Remove old seals and their rows; a tombstone stays in the chain: verify passes."""
    from api.audit.prune import prune as remove

    moment = _moment(before)
    if moment is None:
        raise RequestError("--before 为空 · --before is empty", remedy="填写日期，如 2025-01-03 · name a date, e.g. 2025-01-03")
    with store() as engine:
        done = remove(engine, get_settings().audit_head_file, moment)
        showing(results=done.rows)
    if done.tombstone:
        Console().print(
            f"已清除 {done.rows:,} 条记录、{done.seals:,} 个签封，清除标记 {done.tombstone} · "
            f"pruned {done.rows:,} rows and {done.seals:,} seals; tombstone {done.tombstone}",
            highlight=False,
        )
    else:
        Console().print("没有足够旧的签封 · no seal is old enough", highlight=False)


def _entry(subject_id: str | None, file: Path | None) -> str:
    """The id or number that was given; never a number as an argument, which the shell's history and the list of processes would keep."""
    if subject_id is not None:
        try:
            return str(uuid.UUID(subject_id))
        except ValueError:
            raise RequestError(
                "命令参数只接受人员或案件标识，因参数会留在 shell 历史中 · "
                "an argument may be the id of a person or case alone, for it ends up in the shell's history",
                remedy="证件号码在提示时输入或用 --file 提供；请从历史中删除刚才的输入 · "
                "give an ID number when asked for it, or by --file; take what was just typed out of the history",
            ) from None
    if file is not None:
        try:
            return file.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            raise RequestError(
                f"{file.name} 无法读取 · {file.name} cannot be read",
                remedy="指定只含一个号码或标识的文本文件 · name a text file with one number or id in it",
            ) from None
    return asked("证件号码或标识 · ID number or id", "以 --file 给出，或由管道输入 · give it by --file, or pipe it in")


def _moment(value: str | None, *, day_end: bool = False) -> dt.datetime | None:
    from api.questions.common import read_moment

    try:
        return None if value is None else read_moment(value, day_end=day_end)
    except ValueError as error:
        raise RequestError("时间无法识别 · that is no time", remedy=str(error)) from None
