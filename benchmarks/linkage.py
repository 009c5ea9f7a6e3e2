"""The matching engine beside Splink: the same rows, in the same run, each in a process of its own.

`python -m benchmarks matching` prints the tables, `million` and `five_million` those of so many persons;
`python -m benchmarks.linkage prepare|ours|splink|splink_with_forms DATA FOLDER` is one of their runs. The tables of persons lie in
`persons/` of the folder that CASEHUB_TEST_DATA names; where there is none those rows are left out, and that is said. Of a simulated
world Splink is given the rows as the sources write them, and once more with the hub's forms and blocking keys (`benchmarks.peer_forms`).
RECORDS says how large a world is, SEED which one, or which with commas between.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.harness import RUNS, Row, Usage, run, show
from benchmarks.name_pairs import measure_names
from benchmarks.worlds import Feeds, Measured, beside_each_other, read_inputs
from matching.evaluation import Evaluation, evaluate
from matching.model import RELATIONS
from pipeline.table_files import read_table

if TYPE_CHECKING:  # Splink's memory is of Splink's process alone
    from benchmarks.peer import PeerResult

MODELS = Path(__file__).parent / "models"
FOLDER = Path(os.environ.get("CASEHUB_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "persons"
TABLES = {"dataset1": "febrl", "dataset2": "febrl", "dataset3": "febrl", "fake_1000": "fake_1000"}
#: How Splink is asked, and what it is called in the tables.
PEERS = {"splink": "Splink, as the sources write them", "splink_with_forms": "Splink, given the hub's forms"}
WORLD_RECORDS = 770_000  # a larger world does not fit into memory: more records are of several worlds beside each other
#: What is measured is a world that nothing was chosen by: its seed was drawn by chance when what it measures was done. Draw another
#: where something has been changed for the sake of what this one shows.
MEASURING_SEED = 142017
#: The world on which what was missed was looked at, and forms, levels and bounds chosen after: its figures may flatter.
DEVELOPMENT_SEED = 90210


@dataclass(frozen=True)
class Result:
    """What one engine made of one data set.

    Args:
        rows: of the data set.
        precision: pairwise, with `recall` and `f1`; `b3_f1` a row at a time.
        seconds: from rows in memory to clusters; of that `forms_seconds` for what is compared, and Splink's `training_seconds`.
        kinds: of the hard pairs of each kind, how many there are, how many were made one, and whether they should be.
    """

    rows: int
    precision: float
    recall: float
    f1: float
    b3_f1: float
    seconds: float
    forms_seconds: float = 0.0
    training_seconds: float = 0.0
    kinds: dict[str, tuple[int, int, bool]] = field(default_factory=dict)


def measure_matching() -> None:
    """Every data set with both engines, then the hard pairs of the simulated one by kind, and pairs of names."""
    records = int(os.environ.get("RECORDS", "100000"))
    tables = [name for name in TABLES if (FOLDER / f"{name}.csv").is_file()]
    if not tables:
        print(f"没有人员表 · no tables of persons in {FOLDER}: set CASEHUB_TEST_DATA; their rows are left out", file=sys.stderr)
    rows: list[Row] = []
    kinds: list[dict[str, Result]] = []
    for name in [*tables, *(f"{relation}:{records}:{seed}" for relation in RELATIONS for seed in seeds())]:
        with _prepared(name) as folder:
            ran = {engine: _measured(engine, name, folder) for engine in ("ours", *_peers(name))}
        rows += _rows_of(name, ran)
        kinds.append({engine: result for engine, (result, _) in ran.items()})
    hard = _hard_rows(kinds)
    show("matching; target: Splink's best threshold on the same rows, on simulated ones a third of its error", rows)
    show("hard pairs of the simulated rows, by kind", hard)
    measure_names()


def seeds() -> list[int]:
    """Of the worlds that are asked for.

    Raises:
        SystemExit: SEED is no list of whole numbers.
    """
    told = os.environ.get("SEED", str(MEASURING_SEED)).split(",")
    if not all(seed.strip().isdecimal() for seed in told):
        sys.exit(f"SEED is a whole number, or several with commas between, not {','.join(told)}")
    return [int(seed) for seed in told]


def _peers(name: str) -> tuple[str, ...]:
    """How Splink is asked: tables of persons have no forms of the hub's, for a model file names what is compared."""
    return ("splink",) if name in TABLES else ("splink", "splink_with_forms")


def _rows_of(name: str, ran: Mapping[str, tuple[Result, Usage]]) -> list[Row]:
    ours, usage = ran["ours"]
    rows = [Row(f"{name}, {ours.rows:,} rows: F1", [ours.f1], "", note=_quality(ours))]
    for engine in _peers(name):
        peer, _ = ran[engine]
        least = peer.f1 if name in TABLES else 1 - (1 - peer.f1) / 3
        rows.append(Row(f"  beside {PEERS[engine]}", [ours.f1], "", at_least=least, note=f"its F1 {peer.f1:.4f}, {_quality(peer)}"))
    for engine in _peers(name):
        peer, peer_usage = ran[engine]
        memory = f"forms {ours.forms_seconds:.1f} s of it, {usage.peak_mb:,.0f} MB; Splink {_times(peer)}, {peer_usage.peak_mb:,.0f} MB"
        rows.append(Row(f"  seconds, beside {PEERS[engine]}", [ours.seconds], "s", at_most=round(peer.seconds, 2), note=memory))
    return rows


def _quality(one: Result) -> str:
    return f"P {one.precision:.4f} R {one.recall:.4f} B³ {one.b3_f1:.4f}"


def _times(peer: Result) -> str:
    """Of the whole time: forms where it was given them, training, and the rest."""
    forms = f"forms {peer.forms_seconds:.1f} s, " if peer.forms_seconds else ""
    rest = peer.seconds - peer.forms_seconds - peer.training_seconds
    return f"{forms}training {peer.training_seconds:.1f} s, prediction {rest:.1f} s"


def _hard_rows(ran: Sequence[Mapping[str, Result]]) -> list[Row]:
    """By kind, over all worlds: one alone has few of some."""
    found: dict[tuple[str, bool], Counter[str]] = {}
    for world in ran:
        for engine, result in world.items():
            for kind, (pairs, one, same) in result.kinds.items():
                found.setdefault((kind, same), Counter()).update({engine: one, "pairs": pairs if engine == "ours" else 0})
    rows = []
    for (kind, same), told in found.items():
        pairs = told["pairs"]
        others = "; ".join(f"{name} {told[engine] / pairs:.4f}" for engine, name in PEERS.items())
        bound = {"at_least": 0.9} if same else {"at_most": 0.001}
        what = f"{kind}: {'made one' if same else 'wrongly made one'}"
        rows.append(Row(what, [told["ours"] / pairs], "", note=f"of {pairs:,} pairs; {others}", **bound))
    return rows


def measure_million() -> None:
    """A million mentions of persons: normalised records to clusters beside Splink's training, prediction and clustering."""
    name = f"person:{int(os.environ.get('RECORDS', '770000'))}:{seeds()[0]}"  # of which about 1.3 persons each are named
    with _prepared(name) as folder:
        peer, peer_usage = _measured("splink", name, folder)
        ours = [_measured("ours", name, folder) for _ in range(RUNS)]
    show("a million persons; target: a third of Splink's time", _million_rows(ours, peer, peer_usage))


def _million_rows(ours: Sequence[tuple[Result, Usage]], peer: Result, peer_usage: Usage) -> list[Row]:
    """Splink's training counts on its side: with the forms on the hub's, and once more without them."""
    result, third = ours[0][0], round(peer.seconds / 3, 2)
    forms = [one.forms_seconds for one, _ in ours]
    linking = [one.seconds - one.forms_seconds for one, _ in ours]
    predicting = peer.seconds - peer.training_seconds
    note = f"Splink {peer.seconds:.1f} s"
    return [
        Row(f"{result.rows:,} persons, normalised records to clusters", [one.seconds for one, _ in ours], "s", at_most=third, note=note),
        Row("  of which their forms", forms, "s"),
        Row("  without them, forms to clusters", linking, "s", at_most=third, note=note),
        Row("  Splink, rows to clusters", [peer.seconds], "s", note="one run"),
        Row("    of which training", [peer.training_seconds], "s", note="the hub's model has its weights before it starts"),
        Row("    of which prediction and clustering", [predicting], "s"),
        Row("  peak memory", [usage.peak_mb for _, usage in ours], "MB", at_most=1500, note=f"Splink {peer_usage.peak_mb:,.0f} MB"),
        Row("  F1", [one.f1 for one, _ in ours], "", at_least=peer.f1, note=f"Splink {peer.f1:.4f}; {_quality(result)}"),
    ]


def measure_five_million() -> None:
    """Five million mentions of persons, from rows in memory to clusters."""
    name = f"person:{int(os.environ.get('RECORDS', str(5 * WORLD_RECORDS)))}:{seeds()[0]}"
    with _prepared(name) as folder:
        ours = [_measured("ours", name, folder) for _ in range(RUNS)]
    result = ours[0][0]
    rows = [
        Row(f"{result.rows:,} persons, rows to clusters", [one.seconds for one, _ in ours], "s", at_most=180),
        Row("  of which their forms", [one.forms_seconds for one, _ in ours], "s"),
        Row("  peak memory", [usage.peak_mb for _, usage in ours], "MB", at_most=6000),
        Row("  F1", [one.f1 for one, _ in ours], "", note=f"P {result.precision:.4f} R {result.recall:.4f} B³ {result.b3_f1:.4f}"),
    ]
    show("five million persons", rows)


@contextlib.contextmanager
def _prepared(name: str) -> Iterator[Path]:
    """The rows of a simulated world in files, made by a process that ends; of a table nothing needs be done."""
    with tempfile.TemporaryDirectory(prefix="casehub-bench-") as folder:
        if ":" in name:
            run([sys.executable, "-m", "benchmarks.linkage", "prepare", name, folder], {})
        yield Path(folder)


def _measured(engine: str, name: str, folder: Path) -> tuple[Result, Usage]:
    usage = run([sys.executable, "-m", "benchmarks.linkage", engine, name, str(folder)], {})
    return Result(**json.loads(usage.output.strip().splitlines()[-1])), usage


def _prepare(name: str, folder: Path) -> None:
    relation, records, first = name.split(":")
    count, seed = int(records), int(first)
    if count <= WORLD_RECORDS or relation == "case":
        Feeds(count, seed).measured(relation).save(folder)
        return
    sizes = [min(WORLD_RECORDS, count - start) for start in range(0, count, WORLD_RECORDS)]
    beside_each_other(Feeds(size, seed + number).measured(relation) for number, size in enumerate(sizes)).save(folder)


def _ours(name: str, folder: Path) -> Result:
    relation, _, records = name.partition(":")
    if records:
        return _our_relation(relation, folder)
    from matching.table_forms import form_of
    from matching.table_linkage import link_table
    from matching.table_model import read_table_model

    table = read_table_model(MODELS / f"{TABLES[name]}.yml")
    rows = read_table([FOLDER / f"{name}.csv"])
    start, marks = time.perf_counter(), []
    linkage = link_table(rows, table, lambda _: marks.append(time.perf_counter()))
    seconds = time.perf_counter() - start
    assert table.truth is not None  # noqa: S101 - the models here name one
    found = evaluate(linkage.clusters.column("cluster"), form_of(rows, table.truth)["truth"])
    return _result(found, len(rows), seconds, marks[1] - marks[0], {})


def _our_relation(relation: str, folder: Path) -> Result:
    """Link what matching takes, and read the truth when that is done: neither time nor memory is of the judging.

    The rows are dropped when their forms are made, for nothing asks for them again.
    """
    from matching.linkage import all_forms, cluster_forms
    from matching.model_file import packaged_model

    inputs = read_inputs(relation, folder)
    start = time.perf_counter()
    model = packaged_model(relation)
    forms = all_forms(relation, inputs, model)
    formed_at = time.perf_counter()
    del inputs
    found = pl.DataFrame(cluster_forms(relation, forms, model))
    seconds = time.perf_counter() - start
    del forms
    measured = Measured.load_judged(relation, folder)
    cluster = measured.rows.select("id").join(found, on="id", how="left", maintain_order="left")["cluster"]
    return _result(evaluate(cluster, measured.rows["truth"]), len(cluster), seconds, formed_at - start, measured.by_kind(cluster))


def _splink(name: str, folder: Path) -> Result:
    from benchmarks import peer

    relation, _, records = name.partition(":")
    if not records:
        found = peer.link(*peer.table(name, read_table([FOLDER / f"{name}.csv"])))
        made = _result(found.evaluation, found.clusters.len(), found.seconds, 0.0, {})
        return replace(made, training_seconds=found.training_seconds)
    measured = Measured.load(relation, folder)
    return _peer_result(peer.link(*peer.simulated(relation, measured.rows)), measured)


def _splink_with_forms(name: str, folder: Path) -> Result:
    from benchmarks import peer, peer_forms

    measured = Measured.load(name.partition(":")[0], folder)
    rows, setup, seconds = peer_forms.formed(measured)
    return _peer_result(peer.link(rows, setup), measured, seconds)


def _peer_result(found: PeerResult, measured: Measured, forms_seconds: float = 0.0) -> Result:
    seconds, kinds = forms_seconds + found.seconds, measured.by_kind(found.clusters)
    made = _result(found.evaluation, len(found.clusters), seconds, forms_seconds, kinds)
    return replace(made, training_seconds=found.training_seconds)


def _result(found: Evaluation, rows: int, seconds: float, forms_seconds: float, kinds: dict[str, tuple[int, int, bool]]) -> Result:
    pairwise = found.pairwise
    return Result(rows, pairwise.precision, pairwise.recall, pairwise.f1, found.b_cubed.f1, seconds, forms_seconds, kinds=kinds)


_TASKS = {"ours": _ours, "splink": _splink, "splink_with_forms": _splink_with_forms}

if __name__ == "__main__":
    task, data, place = sys.argv[1], sys.argv[2], Path(sys.argv[3] if len(sys.argv) > 3 else ".")  # program, task, data, place
    if task == "prepare":
        _prepare(data, place)
    else:
        print(json.dumps(asdict(_TASKS[task](data, place))))
