"""The match over HTTP: what `POST /v1/match` and its batch form take, at full tilt and at a rate.

Enters the address of a running API, a token, and bodies of questions; leaves seconds and rates. `bodies` makes questions of
a simulated world's records, so that some are known to the store and some are not.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import polars as pl
from sqlalchemy import Engine, text

_FIELDS = ("case_number", "title", "text", "category", "occurred_at", "reported_at", "amount", "people_involved", "address", "street",
           "community", "longitude", "latitude")  # fmt: skip
_PARTY_FIELDS = ("kind", "role", "name", "phone", "address")
_OF_KIND = {"person": ("id_no", "gender", "birth_date"), "organisation": ("uscc",)}
_WHO = ("name", "id_no", "uscc", "phone")
_TIMEOUT_S = 30.0
_SEED = 90210
_RECORDS = "SELECT * FROM store.source_record WHERE record_id = ANY(:ids) AND known_to IS NULL AND NOT is_deleted ORDER BY record_id"
_PARTIES = "SELECT * FROM store.party WHERE record_id = ANY(:ids) AND known_to IS NULL ORDER BY record_id, ordinal"


@dataclass(frozen=True)
class Load:
    """What a run came to.

    Args:
        requests: that were answered.
        seconds: of the whole run.
        milliseconds: of each, from when it was due.
        errors: answers that were no 200.
    """

    requests: int
    seconds: float
    milliseconds: Sequence[float]
    errors: int

    @property
    def per_s(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def slowest(self, share: float) -> float:
        """Milliseconds that this share of requests stays below."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def bodies(records: pl.DataFrame, parties: pl.DataFrame) -> list[dict[str, Any]]:
    """Questions of records and their parties, both with `row`, as the API takes them."""
    named = parties.partition_by("row", as_dict=True)
    return [_body(one, named[(one["row"],)].to_dicts() if (one["row"],) in named else []) for one in records.iter_rows(named=True)]


def prospects(engine: Engine, count: int) -> list[dict[str, Any]]:
    """Questions of so many records that the store has, spread over it, as their departments told them."""
    with engine.connect() as connection:
        last = connection.execute(text("SELECT max(record_id) FROM store.source_record")).scalar_one() or 0
        ids = sorted(random.Random(_SEED).sample(range(1, last + 1), min(count, last)))  # noqa: S311 - which ones is no secret
        records = connection.execute(text(_RECORDS), {"ids": ids}).mappings().all()
        named = connection.execute(text(_PARTIES), {"ids": ids}).mappings().all()
    of_record: dict[int, list[Mapping[str, Any]]] = {}
    for party in named:
        of_record.setdefault(party["record_id"], []).append(dict(party))
    made = (_body(dict(record), of_record.get(record["record_id"], [])) for record in records)
    return [body for body in made if len(body) > 1 or body["parties"]]


def persons(parties: pl.DataFrame) -> list[dict[str, Any]]:
    """Questions of one person each."""
    rows = parties.filter(pl.col("kind") == "person").iter_rows(named=True)
    return [{"parties": [_party(one)]} for one in rows if any(one[name] for name in _WHO)]


def _body(record: Mapping[str, Any], parties: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    told = {name: _written(record[name]) for name in _FIELDS if record.get(name) is not None}
    return told | {"parties": [_party(one) for one in parties if any(one[name] for name in _WHO)]}


def _party(party: Mapping[str, Any]) -> dict[str, Any]:
    names = (*_PARTY_FIELDS, *_OF_KIND[party["kind"]])
    return {name: _written(party[name]) for name in names if party.get(name) is not None}


def _written(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else value.isoformat() if hasattr(value, "isoformat") else str(value)


async def at_full_tilt(address: str, token: str, path: str, questions: Sequence[Any], callers: int) -> Load:
    """Ask one after another, so many at a time, until every question is answered once."""
    waiting = iter(questions)
    took: list[float] = []
    errors = 0

    async def ask(client: httpx.AsyncClient) -> None:
        nonlocal errors
        for question in waiting:
            start = time.perf_counter()
            errors += await _asked(client, path, question) != 200
            took.append(1000 * (time.perf_counter() - start))

    async with _client(address, token) as client:
        start = time.perf_counter()
        await asyncio.gather(*(ask(client) for _ in range(callers)))
        return Load(len(took), time.perf_counter() - start, took, errors)


async def at_rate(address: str, token: str, path: str, questions: Sequence[Any], per_s: float, seconds: float) -> Load:
    """Ask at even intervals, whether or not the last is answered; a late start counts as waiting."""
    took: list[float] = []
    errors = 0
    begin = time.perf_counter()

    async def ask(client: httpx.AsyncClient, due: float, question: Any) -> None:
        nonlocal errors
        errors += await _asked(client, path, question) != 200
        took.append(1000 * (time.perf_counter() - due))

    async with _client(address, token) as client, asyncio.TaskGroup() as tasks:
        for number, question in zip(range(int(per_s * seconds)), itertools.cycle(questions), strict=False):
            due = begin + number / per_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(ask(client, due, question))
    return Load(len(took), time.perf_counter() - begin, took, errors)


async def _asked(client: httpx.AsyncClient, path: str, question: Any) -> int:
    answer = await client.post(path, content=orjson.dumps(question), headers={"Content-Type": "application/json"})
    return answer.status_code


def _client(address: str, token: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=address, headers=headers, limits=limits, timeout=_TIMEOUT_S, trust_env=False)
