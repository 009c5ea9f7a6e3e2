"""`casehub encryption`: keys for ID numbers and phones in the store, what is under which, and the way from one key to the next."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from cli.console import Console
from cli.session import store
from hub.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="存储加密 · Encryption at rest: keys, what is under which, and their rotation.")

_CLEAR = "明文 in the clear"


@app.command("new-key")
def new_key(
    file: Annotated[Path | None, typer.Argument(help="密钥文件 · the key file; a key is added if it is there")] = None,
    key_id: Annotated[str, typer.Option("--id", help="密钥名 · its id; empty: today's date")] = "",
    cipher: Annotated[str, typer.Option("--cipher", help="AES-256-GCM 或 or SM4-GCM")] = "AES-256-GCM",
    to_terminal: Annotated[bool, typer.Option("--print", help="打印到标准输出 · print the document instead of writing a file")] = False,
) -> None:
    """生成密钥 · Make a key, current from now on; the document stays in a file of mode 0600 and is printed only if you ask for it."""
    from hub.encryption.key_document import KEY_BYTES, read_file, with_new_key, write_document

    if cipher not in KEY_BYTES:
        raise SettingsError(
            f"没有算法 {cipher} · there is no cipher {cipher}", remedy=f"可选 {'、'.join(KEY_BYTES)} · give one of {', '.join(KEY_BYTES)}"
        )
    if (file is None) != to_terminal:
        raise SettingsError(
            "密钥只能写入文件或打印到终端，二者择一 · a key goes to a file, or to the terminal",
            remedy="指明文件，或只加 --print · name a file, or give --print and none",
        )
    name = key_id or f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
    before = read_file(file) if file is not None and file.exists() else None
    document = with_new_key(before, name, cipher)  # type: ignore[arg-type] # checked above
    if file is None:
        typer.echo(document.as_json(), nl=False)
        return
    write_document(file, document)
    step = "备份该文件，重启各服务，再运行 · back the file up, restart what works on the store, then run: casehub encryption rotate"
    Console().print(f"密钥 · key {name} ({cipher}) → {file}\n{step}", markup=False, highlight=False)


@app.command()
def status() -> None:
    """各表有多少值为明文、多少在各密钥之下 · How many values of each table are in the clear, and how many under each key."""
    from hub.encryption import key_ring
    from hub.encryption.key_document import RESERVED as LOOKUP
    from hub.encryption.store_keys import keys_in_use
    from pipeline.rotation import status as count

    ring = key_ring()
    with store(needs_keys=False) as engine, engine.connect() as connection:
        held, in_use = count(connection), keys_in_use(connection)
    table = Table("表 table", "密钥 key", "值 values")
    for one in held:
        table.add_row(one.table, one.key_id or _CLEAR, f"{one.values:,}")
    console = Console()
    console.print(table, markup=False)
    if ring is None:
        console.print("未设密钥，新值以明文存储 · no keys are set: new values are kept in the clear")
        return
    console.print(f"当前密钥 · current key: {ring.current}", markup=False, highlight=False)
    # A key that was current once is in use until a rotation has found nothing under it: without it the hub does not start.
    wanted = {one.key_id for one in held} | (in_use.keys() - {LOOKUP}) | {ring.current}
    for name in ring.key_ids:
        if name not in wanted:
            console.print(f"可移除 · may be taken out of the key document: {name}", markup=False, highlight=False)
    if wanted - {ring.current}:
        console.print("尚有旧值 · there are older values: casehub encryption rotate", highlight=False)


@app.command()
def rotate() -> None:
    """换用当前密钥 · Encrypt what is in the clear or under an old key under the current one; it may be stopped and run again."""
    from hub.encryption import key_ring
    from pipeline.rotation import rotate as bring_under
    from pipeline.rotation import waiting

    ring = key_ring()
    if ring is None:
        raise SettingsError(
            "未设密钥 · no keys are set",
            remedy="设置 CASEHUB_ENCRYPTION_KEYS_FILE；用 `casehub encryption new-key FILE` 生成密钥 · "
            "set CASEHUB_ENCRYPTION_KEYS_FILE; `casehub encryption new-key FILE` makes one",
        )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with store(needs_keys=False) as engine:
        with engine.connect() as connection:
            rows = waiting(connection, ring)
        with Progress(*columns, console=Console(stderr=True)) as bars:
            tasks = {name: bars.add_task(name, total=total) for name, total in rows.items() if total}

            def tell(table: str, rows: int) -> None:
                if table in tasks:
                    bars.update(tasks[table], completed=rows)

            done = bring_under(engine, ring, tell)
    console = Console()
    console.print(
        f"已换用密钥 {ring.current} · under key {ring.current}: {sum(done.rows.values()):,} 行 rows", markup=False, highlight=False
    )
    for name in done.retired:
        console.print(f"可移除 · may be taken out of the key document: {name}", markup=False, highlight=False)
    if done.left:
        words = f"尚余 {done.left:,} 个值，请再运行一次 · {done.left:,} values were in use or written meanwhile: run it again"
        console.print(words, style="yellow", highlight=False)
        raise typer.Exit(1)
