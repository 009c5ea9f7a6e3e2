"""`casehub tokens`: who may ask the API, in which role, for which department, and until when."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from api.access import Caller
from cli.session import active_contracts, store
from hub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="访问令牌 · Tokens of the query API: who may ask, in which role, until when.")

Name = Annotated[str, typer.Argument(help="持有者 · who will hold it, a person or a system")]


@app.command()
def create(
    name: Name,
    role: Annotated[str, typer.Option(help="角色 · role: clerk, engineer, admin")] = "clerk",
    department: Annotated[str, typer.Option(help="所属部门 · its department; a clerk needs one")] = "",
    days: Annotated[int, typer.Option(min=0, max=366, help="有效天数 · days it is good for; 0: CASEHUB_TOKEN_DAYS")] = 0,
) -> None:
    """新建令牌，只显示这一次 · Make a token; it is shown this once and kept nowhere."""
    from api.tokens import create_token

    settings = get_settings()
    if department:
        active_contracts(settings, [department])  # refuses a department that has no contract
    with store() as engine:
        token = create_token(engine, Caller(name, role, department or None), days or settings.token_days)
    typer.echo(token)
    Console(stderr=True).print("请立即保存，之后无法再次显示 · keep it now: it cannot be shown again", highlight=False)


@app.command("list")
def list_all() -> None:
    """列出令牌（不含令牌本身） · Every token with its role, department and end, without the secret."""
    from api.tokens import list_tokens

    table = Table("名称 name", "角色 role", "部门 department", "新建 created", "到期 expires", "吊销 revoked")
    with store() as engine:
        for token in list_tokens(engine):
            times = (token.created_at, token.expires_at, token.revoked_at)
            table.add_row(token.name, token.role, token.department or "", *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in times))
    Console().print(table)


@app.command()
def revoke(name: Name) -> None:
    """立即吊销令牌 · End a token at once."""
    from api.tokens import revoke_token

    with store() as engine:
        revoke_token(engine, name)
    Console().print("已吊销 · revoked")
