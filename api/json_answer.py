"""An answer as it leaves: written in the route's own thread, where the framework would take another two to check it and to write it."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi.responses import Response
from pydantic import BaseModel


def written(answer: BaseModel, *, exclude_none: bool = False) -> Response:
    """A model as JSON; the route names it as its `response_model`, for the document.

    A page of cases is some three hundred models: written from their fields it takes a third of the time that the models themselves take.
    """
    body = answer.model_dump_json(by_alias=True, exclude_none=True) if exclude_none else orjson.dumps(answer, _fields, orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json")


def _fields(model: Any) -> dict[str, Any]:
    """What a model holds, where orjson does not know it: a model, and nothing else (`vars` of anything else has no meaning here).

    Raises:
        TypeError: it is none.
    """
    if not isinstance(model, BaseModel):
        raise TypeError(f"{type(model).__name__} is no part of an answer")
    return vars(model)
