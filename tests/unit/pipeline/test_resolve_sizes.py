"""How many records a chunk may take, from how long the last one took and how many wait."""

from __future__ import annotations

import pytest

from hub.settings import Settings
from pipeline.resolving.resolve import BACKLOG, PATIENCE, SMALLEST_CHUNK, next_size

FEW, MANY = 10_000, BACKLOG * 16_000 + 1


@pytest.mark.parametrize(
    ("most", "seconds", "waiting", "size"),
    [
        (8_000, 4, FEW, 12_000),
        (12_000, 4, FEW, 16_000),
        (8_000, 7, FEW, 8_000),
        (8_000, 13, FEW, 4_000),
        (1_500, 13, FEW, SMALLEST_CHUNK),
        (8_000, 13, MANY, 12_000),
        (8_000, 12 * PATIENCE - 1, MANY, 8_000),
        (8_000, 12 * PATIENCE + 1, MANY, 4_000),
    ],
)
def test_the_next_chunk(most: int, seconds: float, waiting: int, size: int) -> None:
    assert next_size(most, seconds, waiting, Settings(resolve_chunk_records=16_000, resolve_chunk_seconds=12)) == size
