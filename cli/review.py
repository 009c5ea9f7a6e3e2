"""`casehub review`: pairs that the engine leaves to people, what they say of them, and taking apart what was wrongly made one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from sqlalchemy import Engine

from cli.acting import os_user, showing_nodes
from cli.console import Console
from cli.pair_table import show_pair
from cli.purpose import Clear, PurposeName, Reference, require_purpose
from cli.session import store

if TYPE_CHECKING:  # what is imported here every command waits for
    from pipeline.resolving.reviews import ReviewTask

app = typer.Typer(no_args_is_help=True, help="复核 · Review: pairs that the engine leaves to people; yes, no or unsure, kept for ever.")

RelationName = Annotated[str, typer.Option("--relation", help="人员、单位或案件 · person | organisation | case")]
Reason = Annotated[str | None, typer.Option("--reason", help="理由 · why, in words")]
Verdict = Annotated[str, typer.Argument(metavar="VERDICT", help="同一、不同或不确定 · yes | no | unsure")]
TaskId = Annotated[int, typer.Argument(metavar="TASK", help="任务编号 · a task's number, from `casehub review list`")]
NodeName = Annotated[
    str, typer.Argument(metavar="NODE", help="部门/编号，当事人再加 /序号 · department/number, of a party /place as well, from 0")
]

_APPLIES = "下次汇聚时生效 · takes effect with the next pass, or now: casehub resolve"
_NONE = "没有待复核的记录对 · no pairs wait for a person"
_KEYS = {"y": "yes", "n": "no", "u": "unsure"}


@app.command("list")
def list_tasks(relation: RelationName = "", limit: Annotated[int, typer.Option(min=1, max=1000, help="行数 · rows")] = 20) -> None:
    """列出待复核的记录对，最可能同一的在前 · Open tasks, the likeliest to be one first."""
    from pipeline.evaluating.pairs import examine, relation_named
    from pipeline.resolving.reviews import open_tasks

    shown = Table("任务\ntask", "关系\nrelation", "左\nleft", "右\nright", "权重（比特）\nbits", "缘由\nwhy", box=box.SIMPLE_HEAD)
    for column in shown.columns[2:4]:
        column.overflow = "fold"
    with store() as engine:
        if relation:
            relation_named(relation)
        tasks = open_tasks(engine, relation, limit)
        for name in dict.fromkeys(task.relation for task in tasks):
            own = {(task.left, task.right): task for task in tasks if task.relation == name}
            for pair in examine(engine, relation_named(name), list(own)):
                task = own[pair.left.id, pair.right.id]
                why = "证据不足 · too little" if task.rival is None else "两可 · either of two"
                shown.add_row(str(task.task_id), name, pair.left.name, pair.right.name, f"{task.match_weight:+.1f}", why)
    console = Console()
    if not shown.row_count:
        console.print(_NONE)
        return
    console.print(shown, markup=False)
    console.print("逐对复核 · one after another: casehub review next; 查看一对 · one: casehub review show TASK", highlight=False)


@app.command()
def show(task: TaskId, clear: Clear = False, purpose: PurposeName = "", reference: Reference = "") -> None:
    """两边的记录与引擎的逐项权重（比特） · Both sides of a task and the engine's steps; personal values masked unless --clear."""
    from pipeline.evaluating.pairs import examine, relation_named
    from pipeline.resolving.reviews import open_task

    with store() as engine:
        if clear:
            require_purpose(engine, purpose, reference)
        found = open_task(engine, task)
        pairs = examine(engine, relation_named(found.relation), [(found.left, found.right)])
        showing_nodes(found.relation, (found.left, found.right))
        other = _other_of(engine, found)
    for pair in pairs:
        show_pair(Console(), pair, found.relation, clear=clear)
        _tell_why(Console(), other)


@app.command()
def decide(task: TaskId, verdict: Verdict, reason: Reason = None) -> None:
    """对任务作出判断 · Say of a task's pair yes, no or unsure."""
    from pipeline.resolving.decisions import decide as record
    from pipeline.resolving.reviews import open_task

    with store() as engine:
        found = open_task(engine, task)
        record(engine, found.relation, (found.left, found.right), verdict, decided_by=os_user(), reason=reason)
    Console().print(f"已记录 · recorded: {verdict}; {_APPLIES}", markup=False, highlight=False)


@app.command()
def pair(left: NodeName, right: NodeName, verdict: Verdict, relation: RelationName = "case", reason: Reason = None) -> None:
    """对任意一对作出判断，无需任务 · Say the same of any pair, whether or not it is a task."""
    from pipeline.evaluating.pairs import find_node, relation_named
    from pipeline.resolving.decisions import decide as record

    with store() as engine:
        ids = [find_node(engine, relation_named(relation), name) for name in (left, right)]
        record(engine, relation, (ids[0], ids[1]), verdict, decided_by=os_user(), reason=reason)
    Console().print(f"已记录 · recorded: {verdict}; {_APPLIES}", markup=False, highlight=False)


@app.command()
def apart(node: NodeName, relation: RelationName = "case", reason: Reason = None) -> None:
    """把误并的一条分出去，永不再并 · Take one out of what it was made one with; no re-run joins them again."""
    from pipeline.evaluating.pairs import find_node, relation_named
    from pipeline.resolving.decisions import take_apart

    with store() as engine:
        found = find_node(engine, relation_named(relation), node)
        others = take_apart(engine, relation, found, decided_by=os_user(), reason=reason)
    Console().print(f"与其余 {others} 个分开 · kept apart from {others}; {_APPLIES}", highlight=False)


@app.command()
def weak(relation: RelationName = "case", limit: Annotated[int, typer.Option(min=1, max=1000, help="行数 · rows")] = 20) -> None:
    """只靠一条弱关联连成的，误并多在其中 · What hangs together by one faint link, the faintest first: where wrong merges are."""
    from pipeline.evaluating.pairs import examine, relation_named
    from pipeline.resolving.reviews import weakest

    shown = Table("权重（比特）\nbits", "左\nleft", "右\nright", relation, box=box.SIMPLE_HEAD)
    for column in shown.columns[1:3]:
        column.overflow = "fold"
    with store() as engine:
        found = weakest(engine, relation_named(relation), limit)
        links = {(left, right): (entity, bits) for entity, left, right, bits in found.iter_rows()}
        for one in examine(engine, relation_named(relation), list(links)):
            entity, bits = links[one.left.id, one.right.id]
            shown.add_row(f"{bits:+.1f}", one.left.name, one.right.name, entity)
    console = Console()
    console.print(shown, markup=False)
    console.print(
        "查看一对 · to see one: casehub match explain LEFT RIGHT --relation …; 分开 · to part: casehub review pair … no", highlight=False
    )


@app.command("next")
def ask_next(
    relation: RelationName = "",
    sampled: Annotated[bool, typer.Option("--sampled", help="复核抽样的关联 · judge links drawn by `casehub match sample`")] = False,
    clear: Clear = False,
    purpose: PurposeName = "",
    reference: Reference = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="最多多少对 · pairs at most")] = 50,
) -> None:
    """逐对复核：y 同一，n 不同，u 不确定，s 跳过，q 结束 · One pair after another: yes, no, unsure, skip, quit."""
    from pipeline.evaluating.pairs import RELATION_NAMES, examine, relation_named

    console, done = Console(), 0
    with store() as engine:
        if clear:
            require_purpose(engine, purpose, reference)
        names = [relation_named(relation).name] if relation else list(RELATION_NAMES)
        waiting = [(name, *one) for name in names for one in _waiting(engine, name, limit, sampled=sampled)][:limit]
        if not waiting:
            console.print(_NONE)
            return
        for place, (name, found, task) in enumerate(waiting, 1):
            for one in examine(engine, relation_named(name), [found]):
                showing_nodes(name, found)
                console.print(f"\n[bold]{place} / {len(waiting)} · {name}[/bold]", highlight=False)
                show_pair(console, one, name, clear=clear)
                _tell_why(console, None if task is None else _other_of(engine, task))
                answer = _answer()
                if answer == "q":
                    break
                done += _recorded(engine, console, name, found, answer, None if task is None else task.task_id)
            else:
                continue
            break
    console.print(f"已判断 {done} 对 · judged {done} pairs; {_APPLIES}", highlight=False)


def _other_of(engine: Engine, task: ReviewTask) -> tuple[str, str] | None:
    """Names of the node that is torn and of the other that it might as well be, where a task waits for that."""
    from pipeline.evaluating.pairs import examine, relation_named

    if task.torn is None or task.rival is None:
        return None
    for pair in examine(engine, relation_named(task.relation), [(task.torn, task.rival)]):
        return (pair.left.name, pair.right.name) if pair.left.id == task.torn else (pair.right.name, pair.left.name)
    return None


def _tell_why(console: Console, other: tuple[str, str] | None) -> None:
    if other is not None:
        torn, rival = other
        text = f"两可：{torn} 同样可能是另一个：{rival} · either of two: {torn} might as well be {rival}, which is another"
        console.print(text, markup=False, highlight=False)


def _waiting(engine: Engine, relation: str, most: int, *, sampled: bool) -> list[tuple[tuple[int, int], ReviewTask | None]]:
    """Pairs, each with its task where it is one."""
    from pipeline.evaluating.agreement import to_judge
    from pipeline.evaluating.pairs import relation_named
    from pipeline.resolving.reviews import open_tasks

    if sampled:
        return [(pair, None) for pair in to_judge(engine, relation_named(relation), most)]
    return [((task.left, task.right), task) for task in open_tasks(engine, relation, most)]


def _answer() -> str:
    while True:
        answer = typer.prompt("y/n/u/s/q").strip().lower()[:1]
        if answer in (*_KEYS, "s", "q"):
            return str(answer)


def _recorded(engine: Engine, console: Console, relation: str, pair: tuple[int, int], answer: str, task: int | None) -> int:
    """Record an answer; a refusal is shown and the next pair comes all the same.

    A task that was waiting when the list was made may have been decided by somebody else, or closed, since it was shown.
    """
    from hub.errors import NotFound, RequestError
    from pipeline.resolving.decisions import decide as record
    from pipeline.resolving.reviews import open_task

    if answer not in _KEYS:
        return 0
    try:
        if task is not None:
            open_task(engine, task)
        record(engine, relation, pair, _KEYS[answer], decided_by=os_user())
    except (NotFound, RequestError) as error:
        console.print(error.message, style="yellow", markup=False, highlight=False, end="")
        console.print(f": {error.remedy}", markup=False, highlight=False)
        return 0
    return 1
