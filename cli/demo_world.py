"""Which simulated world the demo's store holds: another world's records do not go on top of it, and nothing of anybody's own is dropped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from cli.console import Console
from connectors.contract_files import DEPARTMENTS
from hub.errors import SettingsError
from hub.migrations import migrate
from hub.settings import Settings

SCHEMAS = ("landing", "quarantine", "store", "ops", "audit")


@dataclass(frozen=True)
class WorldNote:
    """What a world is made from."""

    records: int
    seed: int


def prepare_store(engine: Engine, settings: Settings, world: WorldNote, console: Console) -> Path:
    """Migrate the store, and empty it first if it holds the demo of another world.

    Returns:
        The demo's own folder.

    Raises:
        SettingsError: the store holds records that are not the demo's, or another demo's on a server of the user's own.
    """
    folder = settings.home.resolve() / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "world.json"
    migrate(engine)
    before = WorldNote(**json.loads(note.read_text())) if note.exists() else None
    held = _departments(engine)
    if before != world and held:
        is_the_demos = before is not None and held <= {path.stem for path in DEPARTMENTS.glob("*.yml")}
        if not is_the_demos or settings.database_url is not None:
            raise SettingsError(
                "库中已有非本演示的记录，不能再加入模拟记录 · "
                "the store holds records that are not this demo's; simulated ones do not go on top of them",
                remedy="为演示另设位置：CASEHUB_HOME=var/demo，不设 CASEHUB_DATABASE_URL · "
                "give the demo a place of its own: CASEHUB_HOME=var/demo, without CASEHUB_DATABASE_URL",
                setting="CASEHUB_HOME",
            )
        console.print("[yellow]换了模拟世界，旧的演示数据清空 · another simulated world: the former demo's records are dropped[/yellow]")
        _empty(engine)
        _put_heads_aside(settings.audit_head_file)
        migrate(engine)
    note.write_text(json.dumps(asdict(world)))
    return folder


def _put_heads_aside(heads: Path) -> None:
    """The audit log begins anew with the store; the heads of the former one would call it cut off."""
    if heads.exists():
        heads.rename(heads.with_name(f"{heads.name}.former"))


def _departments(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text("SELECT DISTINCT department FROM ops.batch")).scalars())


def _empty(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {', '.join(SCHEMAS)} CASCADE"))
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
