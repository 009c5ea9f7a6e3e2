"""Which simulated world the demo's store holds: another world's records do not go on top of it, and nothing of anybody's own is dropped."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from cli.console import Console
from connectors.contract_files import DEPARTMENTS
from hub.errors import SettingsError
from hub.migrations import migrate
from hub.private_files import write_private
from hub.settings import Settings

SCHEMAS = ("landing", "quarantine", "store", "ops", "audit")
#: What the store itself says of the world in it, as the comment of a schema: it goes with the records, and no other store has it.
_MARK = re.compile(r"casehub demo: records=(\d+) seed=(-?\d+)")
_MARKED = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'landing'"


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
    before, held = world_in(engine, settings), _departments(engine)
    if before != world and held:
        if settings.database_url is not None or holds_others_records(engine, settings):
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
    _mark(engine, world)
    write_private(note, json.dumps(asdict(world)))
    return folder


def world_in(engine: Engine, settings: Settings) -> WorldNote | None:
    """The world that a store holds; None where it is no demo's.

    The note in the home is of the embedded store alone: a server of the user's own may be another one than it was.
    """
    with engine.connect() as connection:
        found = _MARK.fullmatch(connection.execute(text(_MARKED)).scalar_one_or_none() or "")
    if found is not None:
        return WorldNote(int(found[1]), int(found[2]))
    note = settings.home.resolve() / "demo" / "world.json"
    return WorldNote(**json.loads(note.read_text())) if settings.database_url is None and note.exists() else None


def holds_others_records(engine: Engine, settings: Settings) -> bool:
    """Whether records are in a store that no demo put there."""
    with engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('ops.batch')")).scalar_one() is None:
            return False
    held = _departments(engine)
    is_the_demos = world_in(engine, settings) is not None and held <= {path.stem for path in DEPARTMENTS.glob("*.yml")}
    return bool(held) and (not is_the_demos or _has_pulls_by_hand(engine))


def _mark(engine: Engine, world: WorldNote) -> None:
    with engine.begin() as connection:  # a comment takes no bound value; both are whole numbers
        connection.execute(text(f"COMMENT ON SCHEMA landing IS 'casehub demo: records={world.records:d} seed={world.seed:d}'"))


def _put_heads_aside(heads: Path) -> None:
    """The audit log begins anew with the store; the heads of the former one would call it cut off."""
    if heads.exists():
        heads.rename(heads.with_name(f"{heads.name}.former"))


def _departments(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        held = "SELECT department FROM ops.batch UNION SELECT department FROM ops.inbox"  # what was pushed may have landed in none yet
        return set(connection.execute(text(held)).scalars())


def _has_pulls_by_hand(engine: Engine) -> bool:
    """Whether `casehub run` landed rows: of the user's own systems, for the simulated ones are known to the demo's Airflow alone."""
    pulled = "SELECT EXISTS (SELECT FROM ops.batch WHERE landed > 0 AND kind <> 'remap' AND run_id LIKE 'process %')"
    with engine.connect() as connection:
        return bool(connection.execute(text(pulled)).scalar_one())


def _empty(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {', '.join(SCHEMAS)} CASCADE"))
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
