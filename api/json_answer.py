"""An answer as it leaves: written in the route's own thread, where the framework would take another two to check it and to write it.

The route names a model as its `response_model`, for the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi.responses import Response
from pydantic import BaseModel


def written(answer: BaseModel) -> Response:
    """A model as JSON, without what is null."""
    return _json(answer.model_dump_json(by_alias=True, exclude_none=True))


def written_fields(fields: Mapping[str, Any]) -> Response:
    """The fields of a model as JSON, those that are null too; models among them are written by their fields."""
    return _json(orjson.dumps(fields, _fields, orjson.OPT_UTC_Z))


def _json(body: str | bytes) -> Response:
    return Response(body, media_type="application/json")


def _fields(model: Any) -> dict[str, Any]:
    """What a model holds: orjson asks for whatever it does not know.

    Raises:
        TypeError: it is no model.
    """
    if not isinstance(model, BaseModel):
        raise TypeError(f"{type(model).__name__} is no part of an answer")
    return vars(model)
