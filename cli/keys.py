"""`casehub keys`: who may ask the API, in which role, for which department, from where, and until when."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer
from rich.table import Table

from api.access import Caller
from cli.acting import showing
from cli.console import Console
from cli.session import active_contracts, store
from hub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="API 密钥 · API keys: who may ask, in which role, from where, until when.")

Name = Annotated[str, typer.Argument(help="持有者 · who holds it, a person or a system")]
Days = Annotated[int, typer.Option(min=0, max=366, help="有效天数 · days it is good for; 0: CASEHUB_KEY_DAYS")]


@app.command()
def create(
    name: Name,
    role: Annotated[str, typer.Option(help="角色 · role, one of the policy's: clerk, system, engineer, admin …")] = "clerk",
    department: Annotated[str, typer.Option(help="所属部门 · its department; a clerk needs one")] = "",
    days: Days = 0,
    network: Annotated[
        list[str] | None, typer.Option(help="只可由此网段使用，可重复 · network (CIDR) it may be used from; repeatable")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="先吊销此人所有密钥 · end every key of this name first")] = False,
) -> None:
    """新建密钥，只显示这一次 · Make a key; it is shown this once and kept nowhere."""
    from api.authentication.keys import create_key

    settings = get_settings()
    with store() as engine:
        if department:
            active_contracts(settings, [department])  # refuses a department that has no contract
        caller = Caller(name, role, department or None)
        key = create_key(engine, caller, days or settings.key_days, networks=network or (), replace=replace)
        showing(receiver=name)
        _show(key)


@app.command()
def rotate(
    name: Name,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="旧密钥继续有效的小时数 · hours for which the key before goes on")
    ] = 24,
    days: Days = 0,
) -> None:
    """换新密钥，旧的再用一段时间 · Make the holder's next key, with the same rights; the one before goes on for a while."""
    from api.authentication.keys import rotate_key

    with store() as engine:
        key = rotate_key(engine, name, days or get_settings().key_days, overlap=dt.timedelta(hours=overlap_hours))
        showing(receiver=name)
        _show(key)


@app.command("list")
def list_all() -> None:
    """列出密钥（不含密钥本身） · Every key with its role, department, end and last use, without the secret."""
    from api.authentication.keys import KEY_ID_LENGTH, list_keys

    words = (
        "编号 id",
        "名称 name",
        "角色 role",
        "部门 department",
        "网段 networks",
        "新建 created",
        "到期 expires",
        "吊销 revoked",
        "使用 used",
    )
    table = Table(*words)
    table.columns[0].no_wrap, table.columns[0].min_width = True, KEY_ID_LENGTH  # it is typed again, to revoke the key
    for column in table.columns[1:]:
        column.overflow = "fold"
    with store() as engine:
        for key in list_keys(engine):
            times = (key.created_at, key.expires_at, key.revoked_at, key.last_used_at)
            told = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in times]
            table.add_row(key.key_id, key.name, key.role, key.department or "", " ".join(key.networks or ()), *told)
    if not table.row_count:
        Console().print("尚无密钥 · there are no keys yet: casehub keys create NAME --role ROLE", highlight=False)
        return
    Console().print(table, markup=False)


@app.command()
def revoke(key: Annotated[str, typer.Argument(help="密钥编号，或持有者名称 · a key's id, or a holder's name for all of his")]) -> None:
    """立即吊销密钥 · End a key at once: every running API refuses it within a second."""
    from api.authentication.keys import revoke_key

    with store() as engine:
        count = revoke_key(engine, key)
        showing(receiver=key, results=count)
    Console().print(f"已吊销 {count} 个 · revoked: {count}")


def _show(key: str) -> None:
    typer.echo(key)
    Console(stderr=True).print("请立即保存，之后无法再次显示 · keep it now: it cannot be shown again", highlight=False)
