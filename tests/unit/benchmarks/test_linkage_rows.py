"""The rows beside Splink: what either time holds is told, and the target is asked of the hub's forms and linking together."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import linkage
from benchmarks.harness import Usage
from benchmarks.linkage import DEVELOPMENT_SEED, Result, _hard_rows, _million_rows, _prepare, _rows_of, seeds

OURS = Result(10, 0.9, 0.9, 0.9, 0.9, seconds=12.0, forms_seconds=6.0)
PEER = Result(10, 0.7, 0.7, 0.7, 0.7, seconds=30.0, training_seconds=25.0)
USAGE = Usage(12.0, 900.0, "")


def test_the_million_counts_its_forms() -> None:
    rows = {row.what.strip(): row for row in _million_rows([(OURS, USAGE)] * 3, PEER, USAGE)}
    whole, linking = rows["10 persons, normalised records to clusters"], rows["without them, forms to clusters"]
    assert (whole.median, whole.at_most, whole.verdict) == (12.0, 10.0, "[red]not met[/red]")
    assert (linking.median, linking.at_most, linking.verdict) == (6.0, 10.0, "[green]met[/green]")
    assert rows["of which training"].median == 25.0
    assert rows["of which prediction and clustering"].median == 5.0


def test_training_and_prediction_are_told_apart() -> None:
    rows = _rows_of("dataset1", {"ours": (OURS, USAGE), "splink": (PEER, USAGE)})
    assert "training 25.0 s, prediction 5.0 s" in rows[-1].note


def test_the_measured_world_is_not_the_one_of_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEED", raising=False)
    assert len(seeds()) == 1
    assert DEVELOPMENT_SEED not in seeds()


def test_seed_names_other_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "11,12, 13")
    assert seeds() == [11, 12, 13]
    monkeypatch.setenv("SEED", "11;12")
    with pytest.raises(SystemExit, match="SEED"):
        seeds()


def test_a_world_is_made_of_the_seed_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = []
    monkeypatch.setattr(linkage, "Feeds", lambda *told: made.append(told) or SimpleNamespace(measured=lambda _: _Saved()))
    _prepare("person:100:11", tmp_path)
    assert made == [(100, 11)]


class _Saved:
    def save(self, _: Path) -> None:
        """Nothing to write."""


def test_hard_pairs_are_counted_over_all_worlds() -> None:
    worlds = [{"ours": _with_twins(1), "splink": _with_twins(5)}, {"ours": _with_twins(2), "splink": _with_twins(5)}, {"ours": OURS}]
    (row,) = _hard_rows(worlds)
    assert (row.median, row.at_most) == (0.15, 0.001)
    assert "of 20 pairs" in row.note
    assert "as the sources write them 0.5000" in row.note


def _with_twins(one: int) -> Result:
    return Result(10, 0.9, 0.9, 0.9, 0.9, 1.0, kinds={"twins": (10, one, False)})
