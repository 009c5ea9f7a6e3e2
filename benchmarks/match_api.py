"""Questions for `POST /v1/match`: records of a simulated world or of a store, as somebody would file them anew."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
from sqlalchemy import Engine, text

_FIELDS = ("case_number", "title", "text", "category", "occurred_at", "reported_at", "amount", "people_involved", "address", "street",
           "community", "longitude", "latitude")  # fmt: skip
_PARTY_FIELDS = ("kind", "role", "name", "phone", "address")
_OF_KIND = {"person": ("id_no", "gender", "birth_date"), "organisation": ("uscc",)}
_WHO = ("name", "id_no", "uscc", "phone")
_SEED = 90210
_RECORDS = "SELECT * FROM store.source_record WHERE record_id = ANY(:ids) AND known_to IS NULL AND NOT is_deleted ORDER BY record_id"
_PARTIES = "SELECT * FROM store.party WHERE record_id = ANY(:ids) AND known_to IS NULL ORDER BY record_id, ordinal"


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


def _body(record: Mapping[str, Any], parties: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    told = {name: _written(record[name]) for name in _FIELDS if record.get(name) is not None}
    return told | {"parties": [_party(one) for one in parties if any(one[name] for name in _WHO)]}


def _party(party: Mapping[str, Any]) -> dict[str, Any]:
    names = (*_PARTY_FIELDS, *_OF_KIND[party["kind"]])
    return {name: _written(party[name]) for name in names if party.get(name) is not None}


def _written(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else value.isoformat() if hasattr(value, "isoformat") else str(value)
