"""Whether the process is up, whether it can answer, and figures for monitoring."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.answers.common import Health
from api.dependencies import CallerDep, HubDep, checked
from api.metrics import exposition
from api.problems import documented
from api.state import Hub
from hub.errors import SchemaError
from hub.migrations import schema_revision
from hub.reader import require_reader

router = APIRouter(tags=["operation"])


@router.get("/healthz", name="health")
def healthz() -> Health:
    """进程在运行 · The process is up."""
    return Health(status="ok")


@router.get("/readyz", name="ready", responses=documented(503, 504))
async def readyz(request: Request, hub: HubDep) -> Health:
    """可以应答 · The store can be reached, its schema is this version's, and its keys and departments' rights are there."""
    await checked(request, _require_ready, hub)
    return Health(status="ready")


def _require_ready(hub: Hub) -> None:
    with hub.check() as connection:
        if schema_revision(connection) != hub.revision:
            raise SchemaError(
                "数据库结构不是此版本的 · the database's schema is not this version's",
                remedy="运行 casehub migrate · run `casehub migrate`",
            )
        require_reader(connection)
    hub.ring.require()  # last: a store of another schema, or another's, has no keys to ask for


@router.get("/metrics", name="metrics", response_class=PlainTextResponse, responses=documented(401, 403, 422, 503, 504))
def metrics(request: Request, caller: CallerDep, hub: HubDep) -> Response:
    """Prometheus 指标 · Figures for Prometheus: feeds, batches, the conservation law, what waits, requests. Engineers and admins.

    An engineer of one department is told its figures alone.
    """
    with hub.read() as connection:
        content = exposition(connection, hub.directory, request.app.state.requests, caller)
    return Response(content, media_type=CONTENT_TYPE_LATEST)
