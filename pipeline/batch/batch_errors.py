"""A step that breaks off leaves the reason with its batch, whose state stays: the next run takes its rows along."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import BatchHeld, BusyError, HubError, StoreError

_TELL = "UPDATE ops.batch SET error = :error WHERE batch_id = :batch_id"


@contextlib.contextmanager
def told_with_batch(engine: Engine, department: str, batch_id: int) -> Iterator[None]:
    """Write what a step raises beside its batch, and pass it on.

    A batch that is held has its reason already, and one that another run is at work on is that run's to tell of.

    Args:
        engine: the store.
        department: of the batch.
        batch_id: the batch.
    """
    try:
        yield
    except (BatchHeld, BusyError):
        raise
    except Exception as error:
        place(department, batch_id, error)
        keys = {"error": words(department, error), "batch_id": batch_id}
        # On a connection of its own: that of the step may be what broke. Without a database the log alone tells.
        with contextlib.suppress(SQLAlchemyError), engine.begin() as connection:
            connection.execute(text(_TELL), keys)
        raise


def place(department: str, batch_id: int, error: Exception) -> None:
    """Have an error of the store tell whose batch it broke off: the database knows of neither."""
    if isinstance(error, StoreError) and "batch_id" not in error.detail:
        zh, _, en = error.message.removeprefix(f"{department}: ").partition(" · ")
        error.message = f"{department}: 批次 {batch_id}：{zh} · batch {batch_id}: {en or zh}"
        error.detail |= {"department": department, "batch_id": batch_id}


def words(department: str, error: Exception) -> str:
    """An error in words free of values: what a library says may quote a row, so its kind and place alone are told."""
    if isinstance(error, HubError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return (
        f"{department}: 未知错误 · {type(error).__name__} at {where}, an error the hub does not know → "
        "请重新运行；若仍如此，请报告 · run again; if it stays so, report it"
    )
