"""The API on a store of a million records: `make bench-api`, or `python -m benchmarks api`.

The server is `casehub serve` in a process of its own, the client another one on the same machine, and the database a third. RECORDS
says how many records the store has, CASEHUB_BENCH_HOME a folder in which it is kept for the next time, ASKED how many requests a run
of one kind is of, MINUTES how long the mixed load lasts (30), PARTS which tables are wanted: times, depth, match, protection, load.
"""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import sub
from typing import Any

import httpx
import orjson
import polars as pl
from sqlalchemy import Engine, delete, insert

from api.access import Caller
from api.authentication.keys import create_key
from benchmarks import api_client as client
from benchmarks.api_process import BARE, DEPARTMENT, PRODUCT, ROLE, Running, running, secret_file, watched
from benchmarks.api_requests import PAGE, WHOLE, Asked, Drawing
from benchmarks.api_statements import Statement, Straight, parted, recording, statements_of
from benchmarks.bulk_store import SEED, bulk_store, read_whole, told
from benchmarks.harness import RUNS, Row, show
from benchmarks.lookup import KNOWN
from benchmarks.match_api import bodies
from hub.postgres import Server
from hub.settings import Settings
from pipeline.store.copying import read_frame
from schema.tables import row_scope
from simulator.world import build_world

PARTS = ("times", "depth", "match", "protection", "load")
_ASKED = int(os.environ.get("ASKED", "200"))  # requests of a kind in each run
_DEEP = 10_000  # pages
_AROUND = 10  # pages looked at, at either end
_ASKERS = 4
_BURST_S = 10.0
_TRIED = 50  # requests of match, to see that there is the route and it answers
_PROSPECTS = 2_000  # records for match in each run: more than are answered in a burst
_TURNS = 8  # of each of two servers that are compared
_WALK = 200  # cases a page on the way to a deep one


@dataclass(frozen=True)
class _Bench:
    """What the tables are measured on."""

    server: Server
    engine: Engine
    token: str
    drawing: Drawing

    def place(self, on: Running) -> client.Place:
        return client.Place("127.0.0.1", on.port, self.token)

    def raw(self, on: Running, asked: Sequence[Asked]) -> list[bytes]:
        return [self.place(on).raw(each.method, each.path, each.body) for each in asked]

    def settings(self) -> Settings:
        return Settings(login_secret_file=secret_file(self.server))


def measure_api() -> None:
    """Print the tables that are wanted."""
    wanted = os.environ.get("PARTS", ",".join(PARTS)).split(",")
    records = int(os.environ.get("RECORDS", "1000000"))
    with bulk_store(records) as (server, engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        read_whole(server)
        token = create_key(engine, Caller("bench", ROLE, DEPARTMENT), 2, replace=True)
        bench = _Bench(server, engine, token, Drawing(connection, SEED))
        for part in wanted:
            if part not in PARTS:
                sys.exit(f"no part {part}; there are {', '.join(PARTS)}")
            title, rows = _TABLES[part](bench)
            show(f"{title}; {records:,} records", rows)


def _times(bench: _Bench) -> tuple[str, list[Row]]:
    """Each kind of question, one at a time, beside its own SQL."""
    draw = bench.drawing
    kinds: list[tuple[str, float, Callable[[int], list[Asked]]]] = [
        ("case by id", 20, draw.cases),
        ("case by id with all its parts", 20, lambda count: draw.cases(count, WHOLE)),
        ("exact identifier", 20, draw.identifiers),
        ("misspelt name", 60, draw.names),
        ("words", 150, draw.words),
    ]
    rows = []
    straight = Straight()
    with running(PRODUCT, bench.server, bench.engine) as on, recording(bench.settings(), bench.engine, bench.token) as recorder:
        for name, most, questions in kinds:
            drawn = [questions(_ASKED) for _ in range(RUNS + 1)]  # the first warms up
            runs = [_one(bench, on, recorder, straight, asked) for asked in drawn][1:]
            rows += _rows_of(name, most, runs)
            told(f"{name}: {rows[-4].median:.1f} ms")
    straight.close()
    return "one question at a time", rows


@dataclass(frozen=True)
class _Run:
    first: client.Measured  # asked for the first time: what the target is of
    again: client.Measured  # the same once more, beside
    straight: client.Measured  # its SQL
    statements: float  # a request


def _one(bench: _Bench, on: Running, recorder: httpx.Client, straight: Straight, asked: Sequence[Asked]) -> _Run:
    raw = bench.raw(on, asked)
    first = client.in_turn(bench.place(on), raw, keeps=True).answered("for the first time")
    statements = [statements_of(recorder, each.method, each.path, each.body) for each in asked]
    straight.run(statements)  # as warm as the API's own connections are
    again = client.in_turn(bench.place(on), raw).answered("once more")
    return _Run(first, again, straight.run(statements).answered("straight"), statistics.mean(map(len, statements)))


def _rows_of(name: str, most: float, runs: Sequence[_Run]) -> list[Row]:
    found = sum(_found_something(body) for run in runs for body in run.first.bodies)
    beside = statistics.median(run.straight.p95_ms for run in runs)
    direct = statistics.median(run.straight.median_ms for run in runs)
    note = f"its SQL alone {beside:.1f} ms; {found} of {_ASKED * len(runs)} find something"
    added = [run.again.median_ms - run.straight.median_ms for run in runs]
    each = [1000 * statistics.median(map(sub, run.again.seconds, run.straight.seconds)) for run in runs]
    return [
        Row(f"{name}, p95", [run.first.p95_ms for run in runs], "ms", at_most=most, note=note),
        Row("  median", [run.first.median_ms for run in runs], "ms", note=f"client {runs[0].first.client_share:.0%} of a core"),
        Row("  added to its SQL at the median", added, "ms", at_most=5, note=f"SQL {direct:.1f} ms, {runs[0].statements:.1f} statements"),
        Row("  median of what each request adds", each, "ms", note="the same requests, one by one beside their SQL"),
    ]


def _found_something(body: bytes) -> bool:
    answer = orjson.loads(body or b"{}")
    return bool(answer.get("items") or answer.get("case_id"))


def _depth(bench: _Bench) -> tuple[str, list[Row]]:
    """Pages read for the first pages of the stored order, and for the ten-thousandth and those after it.

    What finds a page's cases is told apart from what shows them: that reads as much as these very cases have records, at any depth.
    """
    straight = Straight()
    with running(PRODUCT, bench.server, bench.engine) as on, recording(bench.settings(), bench.engine, bench.token) as recorder:
        ends = [_pages_from(recorder, cursor) for cursor in (None, _deep_cursor(bench, on))]
        parts = [[parted(page, "store.case_summaries") for page in pages] for pages in ends]
        found, shown = ([[straight.buffers(part[at]) for part in pages] for pages in parts] for at in (0, 1))
    straight.close()
    near, far = (statistics.median(each) for each in found)
    deep = f"  from the {_DEEP:,}th on"
    return "a stored sort", [
        Row(f"buffers that find a page of {PAGE}, from the first on", found[0], "pages", note=f"median of {_AROUND}"),
        Row(deep, found[1], "pages", at_most=near, note=f"{far / near:.2f} of them"),
        Row("buffers that show its cases, from the first on", shown[0], "pages"),
        Row(deep, shown[1], "pages", note="as many records as these cases have"),
    ]


def _deep_cursor(bench: _Bench, on: Running) -> str:
    """The cursor of the page before, come to as any caller comes to it."""
    place, cursor = bench.place(on), None
    for _ in range((_DEEP - 1) * PAGE // _WALK):
        body = {"limit": _WALK} if cursor is None else {"limit": _WALK, "cursor": cursor}
        answer = client.in_turn(place, [place.raw("POST", "/v1/cases/search", body)], keeps=True)
        cursor = orjson.loads(answer.bodies[0]).get("next_cursor") if answer.errors == 0 else None
        if cursor is None:
            sys.exit(f"the store has not {_DEEP:,} pages, or one was not answered")
    assert cursor is not None  # noqa: S101 - there are pages
    return str(cursor)


def _pages_from(recorder: httpx.Client, cursor: str | None) -> list[list[Statement]]:
    found = []
    for _ in range(_AROUND):
        body = {"limit": PAGE} if cursor is None else {"limit": PAGE, "cursor": cursor}
        found.append(statements_of(recorder, "POST", "/v1/cases/search", body))
        cursor = recorder.post("/v1/cases/search", json=body).json()["next_cursor"]
    return found


def _match(bench: _Bench) -> tuple[str, list[Row]]:
    """Records not yet filed, if there is a route for them."""
    missing = [Row("POST /v1/match", [0.0], "requests/s a core", at_least=100, note="no such route")]
    asked = [Asked("POST", "/v1/match", body) for body in _prospects(bench, _TRIED + (RUNS + 1) * _PROSPECTS)]
    rates, tails, cores = [], [], []
    with running(PRODUCT, bench.server, bench.engine) as on:
        place = bench.place(on)
        tried = client.in_turn(place, bench.raw(on, asked[:_TRIED]))
        if set(tried.statuses) == {client.NOT_FOUND}:
            return "match", missing
        tried.answered("match, at first")
        for run in range(RUNS + 1):  # each of records that were not asked for before; the first warms up
            raw = bench.raw(on, asked[_TRIED + run :: RUNS + 1])
            before = on.usage()
            full = client.as_fast_as(place, raw, _ASKERS, _BURST_S).answered("match, as fast as may be")
            used = on.usage() - before
            taken = (used.api_s + used.database_s) / full.wall_s
            tail = client.at_rate(place, raw, full.rate / 2, _BURST_S).answered("match, at half of that load").p95_ms
            if run:
                cores.append(taken)
                rates.append(full.rate / taken)
                tails.append(tail)
    note = f"{statistics.median(cores):.2f} cores of API and database taken"
    return "match", [
        Row("POST /v1/match", rates, "requests/s a core", at_least=100, note=note),
        Row("  p95 at half of that load", tails, "ms", at_most=40),
    ]


def _prospects(bench: _Bench, count: int) -> list[dict[str, Any]]:
    """So many records, half of them such as the store has, half of another world that it has not met, in random order."""
    known = {"seed": str(SEED), "most": count // 2}
    with bench.engine.connect() as connection:
        records = read_frame(connection, KNOWN, known).with_columns(row="record_id")
        ids = {"ids": records["record_id"].to_list()}
        parties = read_frame(connection, "SELECT * FROM store.party WHERE record_id = ANY (%(ids)s)", ids).with_columns(row="record_id")
    other = build_world(count // 2, seed=SEED + 1)
    drawn = [*bodies(records, parties), *bodies(other.records.filter(pl.col("tick") == 0), other.parties)]
    random.Random(SEED).shuffle(drawn)  # noqa: S311 - draws of a benchmark
    return drawn


def _protection(bench: _Bench) -> tuple[str, list[Row]]:
    """Throughput of the mixed load with and without authorisation, row security, masking and audit, by turns."""
    asked = bench.drawing.mixed(2_000)
    rates: dict[Sequence[str], list[float]] = {PRODUCT: [], BARE: []}
    with contextlib.ExitStack() as stack:
        stack.enter_context(_scope_of_owner(bench))
        on = {command: stack.enter_context(running(command, bench.server, bench.engine)) for command in rates}
        for run in range(RUNS + 1):  # the first warms up
            for command, rate in _by_turns(bench, on, asked).items():
                if run:
                    rates[command].append(rate)
    costs = [100 * (1 - whole / bare) for whole, bare in zip(rates[PRODUCT], rates[BARE], strict=True)]
    return "what protection costs", [
        Row("mixed load", rates[PRODUCT], "requests/s", note=f"{_ASKERS} askers"),
        Row("  without authorisation, row security, masking, audit", rates[BARE], "requests/s"),
        Row("  so much do they take", costs, "%", at_most=15),
    ]


def _by_turns(bench: _Bench, on: Mapping[Sequence[str], Running], asked: Sequence[Asked]) -> dict[Sequence[str], float]:
    """Answers a second of each server; they take short turns, for a machine's pace may change by a fifth from one minute to the next."""
    answered, seconds = dict.fromkeys(on, 0), dict.fromkeys(on, 0.0)
    for turn in range(_TURNS):
        start = turn * len(asked) // _TURNS
        questions = [*asked[start:], *asked[:start]]  # every turn others, and of a turn both servers the same
        for command, server in on.items():
            raw = bench.raw(server, questions)
            found = client.as_fast_as(bench.place(server), raw, _ASKERS, 2 * _BURST_S / _TURNS).answered("mixed load")
            answered[command] += len(found.statuses)
            seconds[command] += found.wall_s
    return {command: answered[command] / seconds[command] for command in on}


@contextlib.contextmanager
def _scope_of_owner(bench: _Bench) -> Iterator[None]:
    """Let functions that ask what the login may read answer for the store's owner too: row security itself does not bind him."""
    scope = {"login": bench.engine.url.username, "policy_version": 0, "own": DEPARTMENT}
    with bench.engine.begin() as connection:
        connection.execute(insert(row_scope).values(**scope))
    try:
        yield
    finally:
        with bench.engine.begin() as connection:
            connection.execute(delete(row_scope).where(row_scope.c.login == scope["login"]))


def _load(bench: _Bench) -> tuple[str, list[Row]]:
    """A long mixed load at 70 % of what the API can do."""
    minutes = float(os.environ.get("MINUTES", "30"))
    asked = bench.drawing.mixed(10_000)
    with running(PRODUCT, bench.server, bench.engine) as on:
        place, raw = bench.place(on), bench.raw(on, asked)
        limit = client.as_fast_as(place, raw, _ASKERS, 2 * _BURST_S).answered("the limit")
        before = on.usage()
        with watched(on) as memory:
            found = client.at_rate(place, raw, 0.7 * limit.rate, 60 * minutes)
        used = on.usage() - before
    per_hour, grown = memory.growth()
    cores = f"API {used.api_s / found.wall_s:.2f}, database {used.database_s / found.wall_s:.2f}, client {found.client_share:.2f} of a core"
    size = f"{memory.resident_mb[0]:.0f} MB at first, {memory.resident_mb[-1]:.0f} MB at last, {per_hour:+.1f} MB an hour"
    return f"{minutes:g} minutes of mixed load at 70 % of the limit", [
        Row("the limit", [limit.rate], "requests/s", note=f"{_ASKERS} askers"),
        Row("requests that were not answered", [found.errors], "", at_most=0, note=f"of {len(found.statuses):,}; {cores}"),
        Row("p95", [found.p95_ms], "ms", note=f"median {found.median_ms:.1f} ms"),
        Row("memory grown, the first fifth left out", [100 * grown], "%", at_most=2, note=size),
    ]


_TABLES: dict[str, Callable[[_Bench], tuple[str, list[Row]]]] = {
    "times": _times,
    "depth": _depth,
    "match": _match,
    "protection": _protection,
    "load": _load,
}
