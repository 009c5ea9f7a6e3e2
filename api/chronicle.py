"""CHRONICLE: what the hub did when, and by which model; read past row security, for nothing of it is of any record.

Change numbers and times enter, times and models leave. Of whom a change tells is not read here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import lru_cache

import orjson
from sqlalchemy import Connection

from api.queries import chronicle as queries
from hub.errors import ContractError
from matching.model import Model
from matching.model_file import model_from


class Chronicle:
    """Reads what departments' logins may not."""

    def __init__(self, read: Callable[[], AbstractContextManager[Connection]]) -> None:
        """Read nothing yet.

        Args:
            read: opens a connection that reads for nobody in particular.
        """
        self._read = read

    def last_change(self) -> int:
        """The newest change number."""
        with self._read() as connection:
            return queries.last_change(connection)

    def number_at(self, at: dt.datetime) -> int:
        """The last change that was made at this time or before; 0 where there was none."""
        with self._read() as connection:
            return queries.number_at(connection, at)

    def models(self, relation: str, versions: Iterable[str]) -> dict[str, Model]:
        """The models of these versions, as far as they were kept and can still be read."""
        wanted = sorted(set(versions))
        if not wanted:
            return {}
        with self._read() as connection:
            documents = queries.model_documents(connection, relation, wanted)
        read = {version: _model(orjson.dumps(document)) for version, document in documents.items()}
        return {version: model for version, model in read.items() if model is not None}


@lru_cache(maxsize=16)
def _model(document: bytes) -> Model | None:
    try:
        return model_from(orjson.loads(document), "a kept model")
    except (ContractError, KeyError, TypeError):  # written by a version of the hub that knew other words
        return None
