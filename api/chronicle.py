"""CHRONICLE: what the hub did when, and by which model; read past row security, for nothing of it is of any record.

Moments and numbers enter; numbers, positions and models leave. Of whom a change tells is not read here. A caller is given no number and
gives none back, for they count what is sealed too: he has positions, which are encrypted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cached_property, lru_cache

import orjson
from sqlalchemy import Connection

from api.opaque import Position, open_position, write_position
from api.queries import chronicle as queries
from api.queries.changes import head
from api.queries.moments import NOW, Moment
from hub.errors import ContractError, RequestError
from hub.settings import Settings
from matching.model import Model
from matching.model_file import model_from

PLACE = "as_of"  # positions of no feed


class Chronicle:
    """Reads what departments' logins may not."""

    def __init__(self, read: Callable[[], AbstractContextManager[Connection]], settings: Settings) -> None:
        """Read nothing yet.

        Args:
            read: opens a connection that reads for nobody in particular.
            settings: where the secret of positions stands.
        """
        self._read, self._settings = read, settings

    @cached_property
    def _head(self) -> Position:
        with self._read() as connection:
            return head(connection)

    def moment(self, asked: str | dt.datetime | None) -> Moment:
        """As of when to answer.

        Args:
            asked: a position that was given out, a time, or None for now.

        Raises:
            RequestError: it is no such position, or of a store that was rebuilt or put back since; the time is still to come.
        """
        if asked is None:
            return NOW
        if isinstance(asked, str):
            return Moment(self._number(asked))
        if asked > dt.datetime.now(dt.UTC):
            raise RequestError("as_of 在将来 · as_of is still to come", remedy="给出过去的时间 · give a time of the past")
        with self._read() as connection:
            return Moment(queries.number_at(connection, asked))

    def _number(self, position: str) -> int:
        found = open_position(self._settings, position, PLACE)
        if found is None:
            raise RequestError(
                "as_of 无法识别 · as_of is neither a time nor a position that was given out",
                remedy="原样使用答复中的 as_of_change 或 change_number，或给出时间 · pass as_of_change or change_number as is, or a time",
            )
        if found.epoch != self._head.epoch or found.number > self._head.number:
            raise RequestError(
                "此位置已重新编号 · the store was numbered anew since this position was given out",
                remedy="给出时间 · give a time",
                problem="position-expired",
            )
        return found.number

    def position(self, number: int) -> str:
        """A change as it is told: to be passed as `as_of`, and to be compared with nothing."""
        return write_position(self._settings, Position(self._head.epoch, number), PLACE)

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
