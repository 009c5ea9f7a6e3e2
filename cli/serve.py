"""`casehub serve` and `casehub demo`: the query API alone, and the whole platform on simulated departments."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.session import store
from hub.database import store_errors
from hub.reader import require_reader
from hub.settings import get_settings


def serve() -> None:
    """启动查询接口 · Serve the query API on CASEHUB_HOST and CASEHUB_API_PORT until Ctrl-C or SIGTERM."""
    from api.serve import serve as listen

    with store() as engine:
        with store_errors(), engine.connect() as connection:
            require_reader(connection)
        listen(get_settings(), engine)


def demo(
    records: Annotated[int, typer.Option(min=100, max=5_000_000, help="记录总数 · records in all")] = 1232,
    seed: Annotated[int, typer.Option(help="随机种子 · seed of the simulated world")] = 2026,
    once: Annotated[bool, typer.Option("--once", help="跑完一遍即退出 · end after the pass")] = False,
) -> None:
    """十六个模拟部门经 Airflow 汇入统一案件库 · Sixteen simulated departments through Airflow into the case store."""
    from cli.demo import demo as show

    raise typer.Exit(show(records, seed, once))
