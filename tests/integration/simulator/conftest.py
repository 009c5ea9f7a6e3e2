"""Systems over a world of 300 records, on free ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.serve import Servers, Systems
from simulator.world import World, build_world


@pytest.fixture(scope="session")
def world() -> World:
    """A world of 300 records."""
    return build_world(300, seed=4)


@pytest.fixture
def systems(world: World, tmp_path: Path) -> Iterator[Systems]:
    """All sixteen, in a folder with a blank in its name."""
    with Systems(world, tmp_path / "a folder", servers=Servers()) as running:
        yield running
