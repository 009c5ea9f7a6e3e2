"""CHRONICLE: what the hub did when, and by which model; read past row security, for nothing of it is of any record.

Moments and numbers enter; numbers, positions and models leave. Of whom a change tells is not read here. A caller is given no number and
gives none back, for they count what is sealed too: he has positions, which are encrypted.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import cached_property

from sqlalchemy import Connection

from api.opaque import Position, open_position, writer_of_positions
from api.queries import chronicle as queries
from api.queries.changes import head
from api.queries.moments import NOW, Moment
from hub.errors import ContractError, RequestError
from hub.settings import Settings
from matching.model import Model
from matching.model_file import model_from

PLACE = "as_of"  # positions of no feed
FRESH_S = 1.0  # for which an epoch that was read is believed: a position of the one before is refused as one of a rebuilt store is
MAX_MODELS = 64

Reading = Callable[[], AbstractContextManager[Connection]]


class Kept:
    """What is the same for every answer, kept from one to the next: the epoch for a moment, models for good."""

    def __init__(self, read: Reading) -> None:
        """Read nothing yet.

        Args:
            read: opens a connection that reads for nobody in particular.
        """
        self._read = read
        self._lock = threading.Lock()
        self._epoch, self._looked_at = 0, float("-inf")
        self._models: dict[tuple[str, str], Model | None] = {}

    def epoch(self) -> int:
        """The epoch that changes are numbered in."""
        with self._lock:
            if time.monotonic() - self._looked_at > FRESH_S:
                with self._read() as connection:
                    self._epoch = head(connection).epoch
                self._looked_at = time.monotonic()
            return self._epoch

    def models(self, relation: str, versions: Iterable[str]) -> dict[str, Model | None]:
        """The models of these versions that were kept, None where one cannot be read any more; a version's model never changes."""
        wanted = set(versions)
        with self._lock:
            missing = sorted(version for version in wanted if (relation, version) not in self._models)
            if missing:
                with self._read() as connection:
                    found = queries.model_documents(connection, relation, missing)
                if len(self._models) + len(found) > MAX_MODELS:
                    self._models.clear()
                self._models |= {(relation, version): _model(document) for version, document in found.items()}
            return {version: self._models[relation, version] for version in wanted if (relation, version) in self._models}


class Chronicle:
    """Reads what departments' logins may not."""

    def __init__(self, read: Reading, settings: Settings, kept: Kept) -> None:
        """Read nothing yet.

        Args:
            read: opens a connection that reads for nobody in particular.
            settings: where the secret of positions stands.
            kept: what answers before this one have read.
        """
        self._read, self._settings, self._kept = read, settings, kept

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
        return self._write(Position(self._kept.epoch(), number))

    @cached_property
    def _write(self) -> Callable[[Position], str]:
        return writer_of_positions(self._settings, PLACE)

    def models(self, relation: str, versions: Iterable[str]) -> dict[str, Model]:
        """The models of these versions, as far as they were kept and can still be read."""
        found = self._kept.models(relation, versions)
        return {version: model for version, model in found.items() if model is not None}


def _model(document: object) -> Model | None:
    try:
        return model_from(document, "a kept model")
    except (ContractError, KeyError, TypeError):  # written by a version of the hub that knew other words
        return None
