"""The rows beside Splink: what either time holds is told, and the target is asked of the hub's forms and linking together."""

from __future__ import annotations

from benchmarks.harness import Usage
from benchmarks.linkage import Result, _million_rows, _rows_of

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
