"""The `casehub` command: stands on top of every layer and holds none of their work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv

from cli import audit, batches, encryption, keys, lookups, match, policy, quarantine, relink, review, run, serve, sources, watches
from cli.acting import acting, os_user, showing
from cli.console import Console
from cli.ending import ending_in_order
from cli.session import store
from hub.database import store_errors
from hub.errors import HubError
from hub.log import configure_logging
from hub.reader import require_reader
from hub.settings import get_settings

app = typer.Typer(
    name="casehub",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="[bold]案件汇聚平台[/bold] · Case hub: sixteen departments' feeds in, one case store, one query.\n\n"
    "日常 · every day: [cyan]run[/cyan], [cyan]sources[/cyan], [cyan]quarantine[/cyan], [cyan]batches[/cyan], [cyan]review[/cyan] — "
    "试用 · to try: [cyan]demo[/cyan] — 查询 · to ask: [cyan]serve[/cyan], [cyan]keys[/cyan], [cyan]audit[/cyan], [cyan]export[/cyan] — "
    "任意表 · any table: [cyan]match[/cyan].\n\n"
    "设置用环境变量 CASEHUB_… · settings are environment variables CASEHUB_…: [cyan]casehub settings[/cyan] lists them.",
)
app.add_typer(sources.app, name="sources")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(batches.app, name="batches")
app.add_typer(review.app, name="review")
app.add_typer(watches.app, name="watches")
app.add_typer(keys.app, name="keys")
app.add_typer(policy.app, name="policy")
app.add_typer(audit.app, name="audit")
app.add_typer(encryption.app, name="encryption")
app.add_typer(lookups.app, name="lookups")
app.add_typer(match.app, name="match")
app.command(name="run")(run.run)
app.command(name="resolve")(run.resolve_pending)
app.command(name="relink")(relink.relink)
app.command(name="serve")(serve.serve)
app.command(name="demo")(serve.demo)
export = typer.Typer(no_args_is_help=True, help="导出 · Export what the hub holds to files.")
app.add_typer(export, name="export")


@app.command()
def migrate() -> None:
    """建表或升级数据库结构 · Bring the database's schema to this version; a second time does nothing."""
    from hub.migrations import migrate as upgrade

    with store(needs_schema=False) as engine:
        before, after = upgrade(engine)
        with acting(engine), store_errors(), engine.connect() as connection:  # now there is a log, whether or not there was one
            require_reader(connection)
    if before == after:
        Console().print(f"数据库结构已是最新 · the schema is up to date ({after})")
    else:
        Console().print(f"数据库结构 · schema: {before or '空 · empty'} → {after}")


@app.command()
def settings() -> None:
    """列出全部设置 · List every setting, its value here and what it is for; secrets are not shown."""
    from rich.padding import Padding
    from rich.text import Text

    current, console = get_settings(), Console()
    for name, field in type(current).model_fields.items():
        value = getattr(current, name)
        shown = Text("—（未设 unset）", "dim") if value is None or value == "" else Text(str(value), "green")
        console.print(Text.assemble((f"CASEHUB_{name.upper()}", "bold"), "  ", shown), soft_wrap=True)  # a path is copied whole
        for words in (field.description or "").split(" · ", 1):
            console.print(Padding(Text(words, overflow="fold"), (0, 0, 0, 4), expand=False))


@export.command()
def membership(
    to: Annotated[Path, typer.Option("--to", help="目标文件 · FILE.csv or FILE.parquet")],
    receiver: Annotated[str, typer.Option("--receiver", help="接收方 · who gets it; empty: who runs this")] = "",
) -> None:
    """每条来源记录属于哪个案件、其当事人是谁 · Every source record with its case, and the person or organisation of each of its parties."""
    from pipeline.export import membership as write

    with store() as engine:
        showing(receiver=receiver or os_user())
        rows = write(engine, to)
    Console().print(f"已写入 {rows} 行 · wrote {rows} rows → {to}", markup=False)


def main() -> None:
    """Run the command; a HubError becomes one clear line and exit code 1, never a traceback."""
    load_dotenv(".env")  # connections stand there too, and those are read from the environment
    try:
        configure_logging(get_settings().log_level)
        with ending_in_order():
            app()
    except HubError as error:
        console = Console(stderr=True)
        console.print(f"[red]错误 · error[/red] {type(error).__name__}: ", end="")
        console.print(error.message, markup=False, highlight=False)
        if error.remedy:
            console.print("[green]下一步 · next[/green] ", end="")
            console.print(error.remedy, markup=False, highlight=False)  # names and YAML in it have brackets, too
        sys.exit(1)


if __name__ == "__main__":
    main()
