"""The contract's grammar as a JSON Schema, published as connectors/schema.json: editors complete and check contracts with it."""

from __future__ import annotations

from typing import Any

from connectors.contract import Contract
from connectors.words import EXPECTATIONS


def contract_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    schema = Contract.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "casehub contract"
    definitions = schema["$defs"]
    definitions["Expectation"]["properties"]["type"] = {"enum": sorted(EXPECTATIONS), "title": "Type"}
    for name in ("key", "ignore", "volatile"):
        schema["properties"][name]["uniqueItems"] = True
    mapping = definitions["Mapping"]["properties"]
    mapping["from"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
        **_described(mapping["from"]),
    }
    return schema


def _described(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("title", "description", "default") if name in entry}
