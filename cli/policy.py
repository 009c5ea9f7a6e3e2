"""`casehub policy`: who may see what; proposed by one person, in force when a second one has approved it."""

from __future__ import annotations

import difflib
import os
import typing
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.table import Table
from sqlalchemy import Engine

from cli.acting import os_account, showing
from cli.asking import asked
from cli.console import Console
from cli.session import store
from connectors.contract_files import contract_folders, load_contracts
from hub.errors import AccessDenied, ContractError
from hub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="访问策略 · The policy: who may see what. Two people change it.")

KEY_VARIABLE = "CASEHUB_KEY"
File = Annotated[Path, typer.Argument(help="策略文件 · the policy, a YAML file")]
Version = Annotated[int, typer.Argument(min=0, help="版本 · its version")]


@app.command()
def check(file: File) -> None:
    """检查策略文件及其中的示例 · Every mistake in a policy file with its line, and every example that does not hold."""
    from api.policy.document import read_policy
    from api.policy.words import require_known_words

    try:
        policy = read_policy(file)
        require_known_words(policy, _departments())
    except ContractError as error:
        for problem in typing.cast(list[str], error.detail["problems"]):
            Console(soft_wrap=True).print(problem, markup=False, highlight=False)
        raise typer.Exit(1) from None
    roles, examples = len(list(policy.role_names)), len(policy.examples)
    words = (
        f"版本 {policy.version}，{roles} 个角色，{examples} 个示例成立 · version {policy.version}, {roles} roles, {examples} examples hold"
    )
    Console().print(words, highlight=False)


@app.command()
def show(version: Annotated[int, typer.Argument(min=-1, help="版本 · its version; nothing: the one in force")] = -1) -> None:
    """显示策略 · A policy as YAML: the one in force, or of a version (0 is the hub's own)."""
    typer.echo(_yaml_of(version), nl=False)


@app.command("list")
def list_all() -> None:
    """列出全部策略及其提出者、批准者 · Every policy with who proposed and who approved it."""
    from api.policy.store import list_policies

    table = Table("版本 version", "状态 state", "提出 proposed", "批准 approved")
    with store() as engine:
        for each in list_policies(engine):
            approved = f"{each.approved_by} {each.approved_at:%Y-%m-%d %H:%M}" if each.approved_at else ""
            table.add_row(str(each.version), each.state, f"{each.proposed_by} {each.proposed_at:%Y-%m-%d %H:%M}", approved)
    if not table.row_count:
        Console().print("尚未提出过策略，自带的版本 0 在用 · no policy was proposed yet: version 0, the hub's own, holds", highlight=False)
        return
    Console().print(table, markup=False)


@app.command()
def diff(version: Version) -> None:
    """与现行策略的差异 · What a policy would change of the one in force."""
    before, after = _yaml_of(-1, is_sorted=True), _yaml_of(version, is_sorted=True)
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), "in force", f"version {version}", lineterm=""):
        typer.echo(line)


@app.command()
def propose(file: File) -> None:
    """提出策略 · Put a policy up for a second administrator to approve; asks for your key."""
    from api.policy.document import read_policy
    from api.policy.store import propose as put_up
    from api.policy.words import require_known_words

    policy = read_policy(file)
    require_known_words(policy, _departments())
    with store() as engine:
        holder = _administrator(engine)
        showing(receiver=holder)
        put_up(engine, policy, holder, os_account())
    Console().print(
        f"已提出 · proposed; 由另一位管理员运行 · another administrator runs: casehub policy approve {policy.version}", highlight=False
    )


@app.command()
def approve(version: Version) -> None:
    """批准策略 · Bring a policy into force that somebody else proposed; asks for your key."""
    from api.policy.store import approve as bring_in

    with store() as engine:
        holder = _administrator(engine)
        showing(receiver=holder)
        bring_in(engine, version, holder, os_account())
    Console().print(f"版本 {version} 已生效 · version {version} is in force")


@app.command()
def withdraw(version: Version) -> None:
    """撤回策略 · Take a proposal back; asks for your key."""
    from api.policy.store import withdraw as take_back

    with store() as engine:
        showing(receiver=_administrator(engine))
        take_back(engine, version)
    Console().print(f"版本 {version} 已撤回 · version {version} is withdrawn")


def _departments() -> frozenset[str]:
    return frozenset(load_contracts(contract_folders(get_settings().contract_folders)))


def _yaml_of(version: int, *, is_sorted: bool = False) -> str:
    """A policy as YAML; sorted, for what the store holds is in an order of its own."""
    from api.policy.store import in_force, policy_version

    with store() as engine:
        if version >= 0:
            policy = policy_version(engine, version)
        else:
            with engine.connect() as connection:
                policy = in_force(connection)
    return yaml.safe_dump(policy.model_dump(mode="json", exclude_none=True), allow_unicode=True, sort_keys=is_sorted, width=140)


def _administrator(engine: Engine) -> str:
    """Whose key it is: two people are two by their keys, and by the accounts from which they come.

    Raises:
        AccessDenied: the key is not valid, or not an administrator's.
    """
    from api.authentication.key_check import KeyCheck
    from api.policy.store import in_force

    key = os.environ.get(KEY_VARIABLE) or asked("您的密钥 · your key", f"设置 {KEY_VARIABLE} · set {KEY_VARIABLE} to it")
    caller = KeyCheck(engine.connect, engine).check(key, None, is_here=True)
    with engine.connect() as connection:
        in_force(connection).rights(caller.department, caller.role)  # a role that the policy took away changes it no more
    if caller.role != "admin":
        raise AccessDenied(
            "策略须由管理员更改 · a policy is changed by administrators", remedy="用管理员的密钥 · use an administrator's key"
        )
    return caller.name
