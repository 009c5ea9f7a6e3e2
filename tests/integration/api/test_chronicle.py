"""When which change was made: found by halves, as it would be found one by one."""

from __future__ import annotations

import datetime as dt
import random
import uuid

import pytest
from sqlalchemy import Engine, text

from api.queries.chronicle import number_at, times_of
from tests.integration.api.counting import statements

START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def write(database: Engine, epoch: int, numbers: list[int], times: list[dt.datetime]) -> None:
    rows = [{"epoch": epoch, "number": number, "id": uuid.uuid4(), "at": at} for number, at in zip(numbers, times, strict=True)]
    with database.begin() as connection:
        if epoch > 1:
            connection.execute(text("INSERT INTO ops.change_counter VALUES (:epoch, 0)"), {"epoch": epoch})
        connection.execute(
            text("UPDATE ops.change_counter SET last_change = :last WHERE epoch = :epoch"), {"last": numbers[-1], "epoch": epoch}
        )
        connection.execute(text("INSERT INTO store.change VALUES (:epoch, :number, 'case', :id, 'updated', :at)"), rows)


@pytest.mark.parametrize("seed", range(3))
def test_every_time_finds_the_last_change_made_by_then(database: Engine, seed: int) -> None:
    generator = random.Random(seed)
    known: list[tuple[int, dt.datetime]] = []
    number, at = 0, START
    for epoch in (1, 2):
        numbers, times = [], []
        for _ in range(generator.randint(1, 60)):
            number += generator.choice([1, 1, 1, 5])  # a chunk that changed nothing takes a number too
            at += dt.timedelta(seconds=generator.choice([0, 0, 1, 7]))  # changes of one chunk have its time
            numbers.append(number)
            times.append(at)
        at += dt.timedelta(seconds=1)
        write(database, epoch, numbers, times)
        known += zip(numbers, times, strict=True)
    with database.connect() as connection:
        for seconds in range(-2, int((at - START).total_seconds()) + 3):
            asked = START + dt.timedelta(seconds=seconds)
            assert number_at(connection, asked) == max((n for n, made in known if made <= asked), default=0), seconds
        assert times_of(connection, [n for n, _ in known]) == dict(known)


def test_nothing_has_happened_yet(database: Engine) -> None:
    with database.connect() as connection:
        assert (number_at(connection, START), times_of(connection, [1])) == (0, {})


def test_a_long_list_of_changes_is_not_read(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO store.change SELECT 1, n, 'case', gen_random_uuid(), 'updated', timestamptz '2025-01-01'"
                " + n / 10 * interval '1 second'"
                " FROM generate_series(1, 200000) n"
            )
        )
    with database.connect() as connection, statements() as seen:
        assert number_at(connection, START + dt.timedelta(seconds=5000)) == 50_009
        plan = connection.execute(
            text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {seen[0]}".replace("%(at)s", "'2025-01-01 01:00:00+00'"))
        ).scalar_one()
    assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 400
