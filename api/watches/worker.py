"""The thread that looks at what is new for every watch and delivers it, beside a server or alone."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from sqlalchemy import Engine, text

from api.departments import Directory
from api.state import Hub, make_hub
from api.watches.deliver import deliver
from api.watches.evaluate import evaluate
from hub.database import store_errors
from hub.settings import Settings

logger = logging.getLogger(__name__)

EVERY_S = 1.0
FORGET_EVERY_S = 3600.0
_FORGET = "DELETE FROM ops.watch_event WHERE found_at < now() - make_interval(days => :days)"


def run_once(hub: Hub) -> tuple[int, int]:
    """Look once, and deliver what is due.

    Returns:
        How many events were found, and how many deliveries came through.

    Raises:
        StoreUnavailable: the database went away.
        KeyMissing: the store is under a key that this process does not have.
    """
    hub.ring.require()
    return evaluate(hub), deliver(hub)


def forget(hub: Hub) -> int:
    """Forget events, and with them deliveries, that are older than CASEHUB_WATCH_DAYS; how many."""
    with store_errors(), hub.engine.begin() as connection:
        return connection.execute(text(_FORGET), {"days": hub.settings.watch_days}).rowcount


def run_until(hub: Hub, ended: threading.Event) -> None:
    """Look and deliver again and again; whatever goes wrong is logged without its words, and tried again."""
    waited = FORGET_EVERY_S
    while True:
        try:
            run_once(hub)
            if waited >= FORGET_EVERY_S:
                forget(hub)
                waited = 0.0
        except Exception as error:  # the edge: the thread outlives a database that is away, and its words may hold values
            logger.error("watches: %s, tried again", type(error).__name__)
        if ended.wait(EVERY_S):
            return
        waited += EVERY_S


@contextlib.contextmanager
def hub_alone(settings: Settings, engine: Engine) -> Iterator[Hub]:
    """A hub without a server, for as long as this lasts."""
    with contextlib.closing(make_hub(settings, engine, Directory({}))) as hub:
        yield hub


@contextlib.contextmanager
def watching(hub: Hub) -> Iterator[None]:
    """Look and deliver in a thread for as long as this lasts."""
    ended = threading.Event()
    thread = threading.Thread(target=run_until, args=(hub, ended), name="casehub-watches", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(20)
