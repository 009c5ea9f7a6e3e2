"""`casehub watches`: looks at what is new for every watch and delivers it, where `casehub serve` does not."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Annotated

import typer

from cli.console import Console
from cli.session import store
from hub.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="关注 · Watches: what callers want to be told of.")


@app.callback()
def _group() -> None:
    """关注 · Watches: what callers want to be told of."""


@app.command()
def run(once: Annotated[bool, typer.Option("--once", help="只查看一遍 · look once and end")] = False) -> None:
    """查看变更并推送，直到 Ctrl-C；`casehub serve` 已包含 · Look and deliver until Ctrl-C; so does `casehub serve`."""
    from api.audit.sealing import Sealer
    from api.watches.worker import hub_alone, run_once, run_until

    settings = get_settings()
    with store() as engine, hub_alone(settings, engine) as hub:
        if once:
            found, delivered = run_once(hub)
            Console().print(f"事件 · events: {found}；已推送 · delivered: {delivered}")
            return
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        sealer = Sealer(engine, settings.audit_head_file, settings.audit_seal_seconds or 1)  # no server may be there to chain deliveries
        sealer.start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                run_until(hub, ended)
        finally:
            sealer.stop()
