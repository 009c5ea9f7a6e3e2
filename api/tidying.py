"""TIDYING: what came in is worked into the indexes by which words, names and parts of numbers are looked for, soon after it came.

PostgreSQL keeps new entries of such an index in a list, which every look-up reads whole, until so many tables' worth came that autovacuum
looks in, or the list is full: after 16,000 records each look-up took 20 to 30 ms longer, and a search for words makes up to twenty.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from sqlalchemy import Engine, text

from hub.database import store_errors

THREAD = "casehub-tidying"
EVERY_S = 30.0
_INDEXES = """
SELECT x.oid FROM pg_class x JOIN pg_am a ON a.oid = x.relam JOIN pg_namespace n ON n.oid = x.relnamespace
WHERE a.amname = 'gin' AND x.relkind = 'i' AND n.nspname = 'store'
"""
_TIDY = "SELECT gin_clean_pending_list(CAST(CAST(:index AS oid) AS regclass))"

_log = logging.getLogger("api")


def tidy(engine: Engine) -> int:
    """Work in what waits; how many pages of it there were.

    Raises:
        StoreUnavailable: the database went away.
    """
    with store_errors(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # One by one: who holds one index and waits for another could stand in the way of a swap of the tables that holds that one.
        return sum(connection.execute(text(_TIDY), {"index": index}).scalar_one() for index in connection.scalars(text(_INDEXES)).all())


def run_until(engine: Engine, ended: threading.Event) -> None:
    """Tidy again and again; what goes wrong is logged without its words, and tried again."""
    while not ended.wait(EVERY_S):
        try:
            tidy(engine)
        except Exception as error:  # the edge of the thread: look-ups are slower for it, and no more than that
            _log.error("the indexes of searches could not be tidied: %s, tried again", type(error).__name__)


@contextlib.contextmanager
def tidying(engine: Engine) -> Iterator[None]:
    """Tidy in a thread for as long as this lasts."""
    ended = threading.Event()
    thread = threading.Thread(target=run_until, args=(engine, ended), name=THREAD, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
