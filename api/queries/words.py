"""What an index is asked for of an entry's words: the rare ones, where there are any, and the others are looked for in what these find.

An index that is asked for five words of which four stand in every third record goes through all four lists for the sake of the fifth.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, text

from api.policy.logins import OWNER
from schema.search import Query

_FRESH_S = 3600.0
_SHARES = "SELECT word, share FROM store.common_words()"
_known: weakref.WeakKeyDictionary[Engine, tuple[float, Mapping[str, float]]] = weakref.WeakKeyDictionary()


def word_parameters(connection: Connection, query: Query, most: int) -> dict[str, Any]:
    """What `store.find_words` wants bound, for so many records; `query` has something to look for."""
    return {"tokens": query.whole, "by_index": query.by_index(_shares(connection)), "most": most}


def _shares(connection: Connection) -> Mapping[str, float]:
    """Of words that stand in many records in what share of them, looked at once in an hour.

    By the store's own connection: no login of a caller is told words of records that it may not read.
    """
    engine: Engine = connection.get_execution_options().get(OWNER, connection.engine)
    looked_at, shares = _known.get(engine, (float("-inf"), {}))
    if time.monotonic() - looked_at > _FRESH_S:
        with engine.connect() as own:
            shares = {row.word: row.share for row in own.execute(text(_SHARES))}
        _known[engine] = time.monotonic(), shares
    return shares
