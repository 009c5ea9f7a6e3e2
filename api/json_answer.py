"""An answer as it leaves: written in the route's own thread, where the framework would take another two to check it and to write it."""

from __future__ import annotations

from fastapi.responses import Response
from pydantic import BaseModel


def written(answer: BaseModel, *, exclude_none: bool = False) -> Response:
    """A model as JSON; the route names it as its `response_model`, for the document."""
    return Response(answer.model_dump_json(by_alias=True, exclude_none=exclude_none), media_type="application/json")
