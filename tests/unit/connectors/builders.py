"""Contracts and their files, as small as they can be, for the tests of connectors/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import yaml

from connectors.contract import Contract
from connectors.extract import Page, Pull, extract

SQL = {"kind": "sql", "connection": "source", "relation": "v_case"}


def contract_dict(**overrides: Any) -> dict[str, Any]:
    """A valid contract as YAML would give it; whole sections are replaced."""
    return {
        "department": "labour",
        "title": {"zh": "人力资源局", "en": "Human resources bureau"},
        "owner": {"desk": "data desk"},
        "version": 1,
        "legal_basis": "regulation 7",
        "connector": SQL,
        "feed": {"mode": "cursor", "field": "gxsj"},
        "key": ["ajbh"],
        "record": {"title": {"from": "ajmc"}},
        **overrides,
    }


def make_contract(**overrides: Any) -> Contract:
    """A contract; see `contract_dict`."""
    return Contract.model_validate(contract_dict(**overrides))


def file_contract(path: str = "cases.csv", fmt: str = "csv", *, feed: dict[str, Any] | None = None, **connector: Any) -> Contract:
    """A contract on a file, a snapshot unless said otherwise, with key `id`."""
    reach = {"kind": "file", "connection": "source", "path": path, "format": fmt, "retries": 0, **connector}
    return make_contract(connector=reach, feed=feed or {"mode": "snapshot"}, key=["id"], record={"title": {"from": "name"}})


def write_contract(folder: Path, name: str = "labour", **overrides: Any) -> Path:
    """A contract file."""
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump(contract_dict(**overrides), allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def pull(contract: Contract, since: Pull | None = None, **arguments: Any) -> list[Page]:
    """All pages."""
    return list(extract(contract, since or Pull(), **arguments))


def rows_of(pages: list[Page]) -> list[dict[str, Any]]:
    """Rows of all pages as dictionaries, payloads parsed."""
    rows = [row for page in pages for row in page.rows.to_pylist()]
    return [{**row, "payload": None if row["payload"] is None else orjson.loads(row["payload"])} for row in rows]


def payloads(pages: list[Page]) -> list[Any]:
    """Payloads of all pages."""
    return [row["payload"] for row in rows_of(pages)]
