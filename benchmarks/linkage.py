"""The matching engine beside Splink: the same rows, in the same run, each in a process of its own.

`python -m benchmarks matching` prints the table; `python -m benchmarks.linkage ours|splink DATA` is one of its runs. The
tables of persons lie in `persons/` of the folder that CASEHUB_TEST_DATA names; where there is none those rows are left
out, and that is said.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from benchmarks.harness import Row, Usage, run, show
from matching.evaluation import Evaluation, evaluate
from pipeline.table_files import read_table

MODELS = Path(__file__).parent / "models"
FOLDER = Path(os.environ.get("CASEHUB_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "persons"
TABLES = {"dataset1": "febrl", "dataset2": "febrl", "dataset3": "febrl", "fake_1000": "fake_1000"}
SEED = 77  # of the measured world: not the one that weights were set by


@dataclass(frozen=True)
class Result:
    """What one engine made of one data set; seconds from rows in memory to clusters, and of that for the forms."""

    rows: int
    precision: float
    recall: float
    f1: float
    b3_f1: float
    seconds: float
    forms_seconds: float = 0.0


def measure_matching() -> None:
    """Every data set with both engines."""
    rows = []
    names = [name for name in TABLES if (FOLDER / f"{name}.csv").is_file()]
    if not names:
        print(f"没有人员表 · no tables of persons in {FOLDER}: set CASEHUB_TEST_DATA; their rows are left out", file=sys.stderr)  # noqa: T201
    for name in [*names, f"persons:{int(os.environ.get('RECORDS', '100000'))}"]:
        (ours, our_usage), (peer, peer_usage) = (_measured(engine, name) for engine in ("ours", "splink"))
        note = "; ".join(
            f"{who}P {one.precision:.4f} R {one.recall:.4f} B³ {one.b3_f1:.4f}" for who, one in (("", ours), ("Splink ", peer))
        )
        rows.append(Row(f"{name}, {ours.rows:,} rows: F1", [ours.f1], "", at_least=round(peer.f1, 6), note=note))
        memory = f"forms {ours.forms_seconds:.1f} s of it; {our_usage.peak_mb:,.0f} MB; Splink {peer_usage.peak_mb:,.0f} MB"
        rows.append(Row(f"{name}: seconds", [ours.seconds], "s", at_most=round(peer.seconds, 2), note=memory))
    show("matching, each beside Splink's best threshold (target: Splink's figure)", rows)


def _measured(engine: str, name: str) -> tuple[Result, Usage]:
    usage = run([sys.executable, "-m", "benchmarks.linkage", engine, name], {})
    return Result(**json.loads(usage.output.strip().splitlines()[-1])), usage


def _ours(name: str) -> Result:
    if name.startswith("persons:"):
        return _our_persons(int(name.partition(":")[2]))
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
    return _result(found, len(rows), seconds, marks[1] - marks[0])


def _our_persons(records: int) -> Result:
    from benchmarks.people import persons
    from matching.forms import person_forms
    from matching.linkage import cluster_forms
    from schema.records import PERSON_INPUT

    rows = persons(records, SEED)
    inputs = rows.select(PERSON_INPUT.names).to_arrow().cast(PERSON_INPUT)
    start = time.perf_counter()
    forms = person_forms(inputs)
    formed = time.perf_counter()
    clusters = cluster_forms("person", forms)
    seconds = time.perf_counter() - start
    labels = rows.select("id").join(pl.DataFrame(clusters), on="id", how="left", maintain_order="left")["cluster"]
    return _result(evaluate(labels, rows["truth"]), len(rows), seconds, formed - start)


def _splink(name: str) -> Result:
    from benchmarks import peer

    if name.startswith("persons:"):
        from benchmarks.people import persons

        people = persons(int(name.partition(":")[2]), SEED).with_columns(
            pl.col("birth_date", "truth").cast(pl.String), unique_id=pl.col("id")
        )
        rows, setup = people.drop("noise"), peer.persons()
    else:
        rows = read_table([FOLDER / f"{name}.csv"])
        if name == "fake_1000":
            rows = rows.with_columns(truth="cluster", email_name=pl.col("email").str.extract("^([^@]+)@"))
            setup = peer.fake_1000()
        else:
            rows = rows.with_columns(pl.col(pl.String).replace("", None))
            rows, setup = rows.with_columns(unique_id="rec_id", truth=pl.col("rec_id").str.extract(r"rec-(\d+)")), peer.febrl()
    found = peer.link(rows, setup)
    return _result(found.evaluation, len(rows), found.seconds, 0.0)


def _result(found: Evaluation, rows: int, seconds: float, forms_seconds: float) -> Result:
    pairwise = found.pairwise
    return Result(rows, pairwise.precision, pairwise.recall, pairwise.f1, found.b_cubed.f1, seconds, forms_seconds)


ENGINES: dict[str, Callable[[str], Result]] = {"ours": _ours, "splink": _splink}

if __name__ == "__main__":
    print(json.dumps(asdict(ENGINES[sys.argv[1]](sys.argv[2]))))  # noqa: T201 - the answer
