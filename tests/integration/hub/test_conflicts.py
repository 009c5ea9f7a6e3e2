"""Two transactions that wait for each other: the one that the database ends is done again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, text

from hub.database import retried, store_errors
from hub.errors import StoreConflict

FILL = "CREATE TABLE crossed (id integer PRIMARY KEY, turns integer NOT NULL); INSERT INTO crossed VALUES (1, 0), (2, 0)"
TAKE = "UPDATE crossed SET turns = turns + 1 WHERE id = :id"


class Crossing:
    """Takes two rows in an order, and before the second waits until another has taken its first, the first time."""

    def __init__(self, database: Engine, met: Barrier, *order: int) -> None:
        self.database, self.met, self.order, self.attempts = database, met, order, 0

    def __call__(self) -> None:
        self.attempts += 1
        with self.database.begin() as connection:
            connection.execute(text(TAKE), {"id": self.order[0]})
            if self.attempts == 1:
                self.met.wait(20)
            connection.execute(text(TAKE), {"id": self.order[1]})


@pytest.fixture
def crossings(database: Engine) -> list[Crossing]:
    with database.begin() as connection:
        connection.exec_driver_sql(FILL)
    met = Barrier(2)
    return [Crossing(database, met, 1, 2), Crossing(database, met, 2, 1)]


def test_both_come_through(database: Engine, crossings: list[Crossing]) -> None:
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(retried, each) for each in crossings]:
            future.result(30)
    assert sorted(each.attempts for each in crossings) == [1, 2]
    with database.connect() as connection:
        assert connection.exec_driver_sql("SELECT turns FROM crossed").scalars().all() == [2, 2]


def test_without_another_try_one_is_told_that_nothing_was_written(crossings: list[Crossing]) -> None:
    def once(crossing: Crossing) -> None:
        with store_errors():
            crossing()

    with ThreadPoolExecutor(2) as pool:
        raised = [future.exception(30) for future in [pool.submit(once, each) for each in crossings]]
    (error,) = [each for each in raised if each is not None]
    assert isinstance(error, StoreConflict)
    assert (error.retryable, str(error)) == (
        True,
        "与另一事务冲突，请重试 · another transaction was in the way: SQLSTATE 40P01 → "
        "重新运行，本次未写入任何内容 · run again: nothing of this one was written",
    )
