"""A store that took minutes to make is kept for the next time."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import orjson
import pytest

from benchmarks import bulk_store
from benchmarks.bulk_store import Made


def test_a_store_that_could_not_be_migrated_is_still_known_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise RuntimeError("the database refused a statement")

    made = orjson.dumps(asdict(Made(10, 1, ["a"])))
    (tmp_path / "made.json").write_bytes(made)
    monkeypatch.setattr(bulk_store, "_schema", lambda: ["a", "b"])
    monkeypatch.setattr(bulk_store, "_migrate_home", refuse)
    with pytest.raises(RuntimeError):
        bulk_store.make(tmp_path, 10, 1)
    assert (tmp_path / "made.json").read_bytes() == made
